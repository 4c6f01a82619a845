"use strict";
// The form of a rule: an action shows the fields of its kind alone, and products are those of the chosen index.
{
  const show = (kind) => {
    const fields = JSON.parse(kind.dataset.fields);
    const action = kind.closest(".inline-related");
    for (const name of new Set(Object.values(fields).flat())) {
      const row = action.querySelector(`.field-${name}`);
      const filled = row.querySelector("input, select, textarea").value !== "";
      row.hidden = kind.value !== "" && !fields[kind.value].includes(name) && !filled && !row.querySelector(".errorlist");
    }
  };

  const start = (root) => {
    for (const kind of root.querySelectorAll("select[name$='-kind']:not([name*='__prefix__'])")) {
      show(kind);
      kind.addEventListener("change", () => show(kind));
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    start(document);
    const index = document.querySelector("#id_index");
    const searches = document.querySelector("#id_when");
    index?.addEventListener("change", () => {
      for (const box of document.querySelectorAll("select[data-field-name='product']")) box.dataset.appLabel = index.value;
    });
    const showSearches = () => {
      const row = document.querySelector(".field-searches");
      if (row) row.hidden = searches.value !== "searches" && row.querySelector("textarea").value === "";
    };
    if (searches) {
      searches.addEventListener("change", showSearches);
      showSearches();
    }
  });
  document.addEventListener("formset:added", (event) => {
    start(event.target);
    const index = document.querySelector("#id_index");
    if (index) for (const box of event.target.querySelectorAll("select[data-field-name='product']")) box.dataset.appLabel = index.value;
  });
}
