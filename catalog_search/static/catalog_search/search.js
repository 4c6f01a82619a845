/* Small comforts on top of plain forms: nothing here is needed to search. */
"use strict";
(() => {
  const WIDE = "(min-width: 60rem)";

  /* Words alone need no detour through POST. Empty fields would only lengthen the address. */
  function submitBox(form) {
    const file = form.elements.image;
    if (file.files.length) return;
    form.method = "get";
    form.enctype = "application/x-www-form-urlencoded";
    file.disabled = true;
    form.elements.q.disabled = !form.elements.q.value.trim();
  }

  function restoreBox(form) {
    form.method = "post";
    form.enctype = "multipart/form-data";
    form.elements.image.disabled = form.elements.q.disabled = false;
  }

  function showChosen(form) {
    const file = form.elements.image.files[0];
    if (!file) return;
    const label = form.querySelector(".cs-box-chosen");
    label.textContent = file.name;
    form.requestSubmit();
  }

  function takeFile(form, files) {
    const picture = [...files].find((file) => file.type.startsWith("image/"));
    if (!picture) return false;
    const transfer = new DataTransfer();
    transfer.items.add(picture);
    form.elements.image.files = transfer.files;
    showChosen(form);
    return true;
  }

  function enhanceBox(form) {
    const row = form.querySelector(".cs-box-row");
    form.addEventListener("submit", () => submitBox(form));
    form.elements.image.addEventListener("change", () => showChosen(form));
    form.elements.q.addEventListener("paste", (event) => {
      if (takeFile(form, event.clipboardData.files)) event.preventDefault();
    });
    row.addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      row.classList.add("cs-box-row--dragged");
    });
    row.addEventListener("dragleave", () => row.classList.remove("cs-box-row--dragged"));
    row.addEventListener("drop", (event) => {
      row.classList.remove("cs-box-row--dragged");
      if (takeFile(form, event.dataTransfer.files)) event.preventDefault();
    });
    /* The back button brings the form back as it was sent. */
    window.addEventListener("pageshow", () => restoreBox(form));
  }

  /* On a small screen filters are a sheet where several are ticked before one look at the results. */
  function enhanceFilters(form) {
    form.addEventListener("change", () => {
      if (form.matches(".cs-facets") && !window.matchMedia(WIDE).matches) return;
      form.requestSubmit();
    });
    form.addEventListener("submit", () => {
      for (const field of form.elements) {
        if (field.name && !field.value) field.disabled = true;
      }
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) for (const field of form.elements) field.disabled = false;
    });
  }

  /* Which result was chosen: the shop learns from it, and nobody waits. */
  function reportClicks(grid) {
    const report = (event) => {
      const card = event.target.closest("[data-product]");
      if (!card || !event.target.closest("a") || event.button > 1) return;
      const { product, position } = card.dataset;
      const query_id = grid.dataset.catalogSearchQuery;
      navigator.sendBeacon(grid.dataset.catalogSearchEvents, JSON.stringify({ query_id, product, position }));
    };
    grid.addEventListener("click", report);
    grid.addEventListener("auxclick", report);
  }

  const kinds = { box: enhanceBox, "submit-on-change": enhanceFilters };

  function enhance() {
    for (const form of document.querySelectorAll("form[data-catalog-search]")) {
      if (form.dataset.enhanced) continue;
      form.dataset.enhanced = "1";
      kinds[form.dataset.catalogSearch]?.(form);
    }
    for (const grid of document.querySelectorAll("[data-catalog-search-query]")) {
      if (grid.dataset.enhanced) continue;
      grid.dataset.enhanced = "1";
      reportClicks(grid);
    }
  }

  enhance();
})();
