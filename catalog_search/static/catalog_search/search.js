/* Small comforts on top of plain forms: nothing here is needed to search. */
"use strict";
(() => {
  const WIDE = "(min-width: 60rem)";

  /* Words alone need no detour through POST. Empty fields would only lengthen the address. */
  function submitBox(form) {
    const file = form.elements.image;
    if (file?.files.length) return;
    form.method = "get";
    form.enctype = "application/x-www-form-urlencoded";
    if (file) file.disabled = true;
    form.elements.q.disabled = !form.elements.q.value.trim();
  }

  function restoreBox(form) {
    form.method = "post";
    form.enctype = "multipart/form-data";
    for (const name of ["image", "q"]) if (form.elements[name]) form.elements[name].disabled = false;
  }

  function showChosen(form) {
    const file = form.elements.image.files[0];
    if (!file) return;
    const label = form.querySelector(".cs-box-chosen");
    label.textContent = file.name;
    form.requestSubmit();
  }

  /* Some systems know no type for some pictures: what comes without one is for the shop to judge. */
  function takeFile(form, files) {
    const picture = [...files].find((file) => file.type.startsWith("image/") || !file.type);
    if (!picture) return false;
    const transfer = new DataTransfer();
    transfer.items.add(picture);
    form.elements.image.files = transfer.files;
    showChosen(form);
    return true;
  }

  function refuse(form) {
    let told = form.querySelector(".cs-error");
    if (!told) {
      told = element("p", "cs-error");
      told.setAttribute("role", "alert");
      form.append(told);
    }
    told.textContent = form.dataset.refused;
  }

  function enhanceBox(form) {
    form.addEventListener("submit", () => submitBox(form));
    if (form.elements.image) takePictures(form);
    if (form.dataset.suggest) new Suggestions(form);
    /* The back button brings the form back as it was sent. */
    window.addEventListener("pageshow", () => restoreBox(form));
  }

  function takePictures(form) {
    const row = form.querySelector(".cs-box-row");
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
      if (!event.dataTransfer.files.length) return;
      event.preventDefault(); /* or the browser would leave the shop and open the file */
      if (!takeFile(form, event.dataTransfer.files)) refuse(form);
    });
  }

  /* The search box as a combobox (WAI-ARIA 1.2): recent searches, and what the shop suggests while somebody types. */
  const RECENT = "catalog-search-recent";
  const MOST_RECENT = 5;
  const SHORTEST = 2;
  const PAUSE_MS = 120;
  let boxes = 0;

  function recentSearches() {
    try {
      return JSON.parse(localStorage.getItem(RECENT)) || [];
    } catch {
      return []; /* storage is switched off, or holds something else */
    }
  }

  function remember(text) {
    const kept = text ? [text, ...recentSearches().filter((one) => one !== text)].slice(0, MOST_RECENT) : [];
    try {
      localStorage.setItem(RECENT, JSON.stringify(kept));
    } catch { /* nothing is lost but a comfort */ }
  }

  function element(tag, className, text = "") {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  }

  class Suggestions {
    constructor(form) {
      this.form = form;
      this.input = form.elements.q;
      this.list = form.querySelector(".cs-suggestions");
      this.status = form.querySelector("[role=status]");
      this.id = `cs-suggestions-${++boxes}`;
      this.answers = new Map();
      this.options = [];
      this.active = -1;
      this.list.id = this.id;
      this.list.setAttribute("role", "listbox");
      this.list.setAttribute("aria-label", form.dataset.products);
      for (const [name, value] of Object.entries({
        role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.id,
      })) this.input.setAttribute(name, value);
      this.input.addEventListener("input", () => this.changed());
      this.input.addEventListener("focus", () => this.changed());
      this.input.addEventListener("keydown", (event) => this.pressed(event));
      this.input.addEventListener("blur", () => this.close());
      /* Pressing an option must not take the focus: the list would be gone before the click. */
      this.list.addEventListener("mousedown", (event) => event.preventDefault());
      this.list.addEventListener("click", (event) => {
        const option = event.target.closest("[role=option]");
        if (option) this.choose(option);
      });
      form.addEventListener("submit", () => {
        const text = this.input.value.trim();
        if (text) remember(text);
        this.close();
      });
    }

    changed() {
      clearTimeout(this.timer);
      const text = this.input.value.trim();
      if (text.length < SHORTEST) {
        this.waiting?.abort();
        this.show(text ? {} : { recent: recentSearches().map((label) => ({ label })) });
        return;
      }
      this.timer = setTimeout(() => this.ask(text), PAUSE_MS);
    }

    async ask(text) {
      this.waiting?.abort();
      this.waiting = new AbortController();
      try {
        if (!this.answers.has(text)) {
          const address = `${this.form.dataset.suggest}?${new URLSearchParams({ q: text })}`;
          const response = await fetch(address, { signal: this.waiting.signal });
          if (!response.ok) throw new Error(response.status);
          this.answers.set(text, await response.json());
        }
        if (this.input.value.trim() === text && document.activeElement === this.input) this.show(this.answers.get(text));
      } catch {
        this.show({}); /* the box works without suggestions */
      }
    }

    show(found) {
      this.list.replaceChildren();
      this.options = [];
      this.active = -1;
      this.input.removeAttribute("aria-activedescendant");
      for (const kind of ["recent", "queries", "values", "products"]) {
        if (found[kind]?.length) this.list.append(this.group(kind, found[kind]));
      }
      if (found.recent?.length) this.list.append(this.option({ label: this.form.dataset.clear, forget: true }, "cs-option-quiet"));
      const open = this.options.length > 0;
      this.list.hidden = !open;
      this.input.setAttribute("aria-expanded", String(open));
      this.status.textContent = open ? `${this.options.length} ${this.form.dataset.found}` : "";
    }

    group(kind, entries) {
      const group = element("div", `cs-suggestions-${kind}`);
      const heading = element("div", "cs-suggestions-kind", this.form.dataset[kind]);
      heading.id = `${this.id}-${kind}`;
      group.setAttribute("role", "group");
      group.setAttribute("aria-labelledby", heading.id);
      group.append(heading, ...entries.map((entry) => this.option(entry)));
      return group;
    }

    option(entry, className = "") {
      const option = element("div", `cs-option ${className}`);
      option.id = `${this.id}-${this.options.length}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      if (entry.picture) {
        const picture = element("img", "cs-option-picture");
        picture.src = entry.picture;
        picture.alt = "";
        option.append(picture);
      }
      option.append(element("span", "cs-option-label", entry.label));
      if (entry.detail) option.append(element("span", "cs-option-detail", entry.detail));
      option.entry = entry;
      this.options.push(option);
      return option;
    }

    pressed(event) {
      const open = !this.list.hidden;
      const last = this.options.length - 1;
      if (event.key === "ArrowDown" && open) this.activate(this.active < last ? this.active + 1 : -1);
      else if (event.key === "ArrowUp" && open) this.activate(this.active > -1 ? this.active - 1 : last);
      else if (event.key === "ArrowDown") this.changed();
      else if (event.key === "Enter" && open && this.active > -1) this.choose(this.options[this.active]);
      else if (event.key === "Escape" && open) this.close();
      else return;
      event.preventDefault();
    }

    activate(place) {
      this.options[this.active]?.setAttribute("aria-selected", "false");
      this.active = place;
      const option = this.options[place];
      if (!option) {
        this.input.removeAttribute("aria-activedescendant");
        return;
      }
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", option.id);
    }

    choose({ entry }) {
      if (entry.forget) {
        remember("");
        this.close();
      } else if (entry.url) {
        location.assign(entry.url);
      } else {
        this.input.value = entry.label;
        this.form.requestSubmit();
      }
    }

    close() {
      clearTimeout(this.timer);
      this.waiting?.abort();
      this.show({});
    }
  }

  /* On a small screen filters are a sheet where several are ticked before one look at the results. */
  function enhanceFilters(form) {
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && location.hash === `#${form.id}`) location.hash = "results";
    });
    form.addEventListener("change", () => {
      if (form.matches(".cs-facets") && !window.matchMedia(WIDE).matches) return;
      form.requestSubmit();
    });
    form.addEventListener("submit", (event) => {
      if (results) {
        event.preventDefault();
        const filled = [...new FormData(form)].filter(([, value]) => value !== "");
        const query = new URLSearchParams(filled).toString();
        results.go(new URL(form.action).pathname + (query && `?${query}`));
        return;
      }
      for (const field of form.elements) {
        if (field.name && !field.value) field.disabled = true;
      }
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) for (const field of form.elements) field.disabled = false;
    });
  }

  /* The page of results, replaced in place: filters, sorts, pages and chips have addresses, yet need no full reload.
     Whatever goes wrong, the browser goes to the address itself. */
  let results = null;

  class ResultPage {
    constructor(root) {
      this.root = root;
      this.shown = here();
      this.status = element("p", "cs-hidden");
      this.status.setAttribute("role", "status");
      root.after(this.status);
      root.addEventListener("click", (event) => this.clicked(event));
      window.addEventListener("popstate", () => {
        if (here() !== this.shown) this.go(here(), { back: true });
      });
    }

    clicked(event) {
      const link = event.target.closest("a[href]");
      const special = event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
      if (!link || special || event.defaultPrevented || link.target || link.closest(".cs-card, .cs-banner")) return;
      const address = new URL(link.href);
      if (address.origin + address.pathname !== location.origin + location.pathname) return;
      /* On a small screen the sheet of filters opens by the address. */
      if (address.hash && (address.search === location.search || !window.matchMedia(WIDE).matches)) return;
      event.preventDefault();
      this.go(address.pathname + address.search, { top: Boolean(link.closest(".cs-pages")) });
    }

    async go(address, { back = false, top = false } = {}) {
      this.waiting?.abort();
      const waiting = this.waiting = new AbortController();
      this.root.setAttribute("aria-busy", "true");
      try {
        const response = await fetch(address, { signal: waiting.signal, headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = page.querySelector('[data-catalog-search="page"]');
        if (response.redirected || !fresh) throw new Error("another page");
        if (!back) {
          history.replaceState({ scroll: scrollY }, "");
          history.pushState({ scroll: top ? null : scrollY }, "", address);
        }
        this.shown = here();
        this.show(page, fresh, top);
        if (back) scrollTo(0, history.state?.scroll ?? 0);
      } catch (error) {
        if (waiting !== this.waiting || error.name === "AbortError") return;
        if (back) location.reload();
        else location.assign(address);
      }
    }

    show(page, fresh, top) {
      const focus = place(document.activeElement);
      const open = [...this.root.querySelectorAll("details[open]")].map(place);
      this.root.replaceChildren(...fresh.childNodes);
      this.root.removeAttribute("aria-busy");
      document.title = page.title;
      for (const details of this.root.querySelectorAll("details")) {
        if (open.includes(place(details))) details.open = true;
      }
      enhance();
      const list = this.root.querySelector(".cs-results");
      const same = !top && focus && [...this.root.querySelectorAll("input, select, summary")].find((one) => place(one) === focus);
      (same || list)?.focus({ preventScroll: true });
      if (top) this.root.scrollIntoView();
      this.status.textContent = this.root.querySelector(".cs-total")?.textContent ?? "";
      /* The box of the page knows which search it would change. */
      const now = document.querySelectorAll('.cs-box [data-catalog-search="remove"]');
      const then = page.querySelectorAll('.cs-box [data-catalog-search="remove"]');
      now.forEach((link, number) => { if (then[number]) link.href = then[number].getAttribute("href"); });
    }
  }

  const here = () => location.pathname + location.search;

  /* What a control is on this page and on the next. */
  function place(control) {
    const facet = control?.closest?.(".cs-facet, .cs-sort");
    if (!facet) return "";
    const name = facet.querySelector("legend")?.textContent ?? "";
    return [name, control.tagName, control.name ?? "", control.type === "checkbox" ? control.value : ""].join("\n");
  }

  /* Which result was chosen: the shop learns from it, and nobody waits. */
  function reportClicks(grid) {
    const report = (event) => {
      const card = event.target.closest("[data-product]");
      if (!card || !event.target.closest("a:not(.cs-like)") || event.button > 1) return;
      const { product, position } = card.dataset;
      const query_id = grid.dataset.catalogSearchQuery;
      navigator.sendBeacon(grid.dataset.catalogSearchEvents, JSON.stringify({ query_id, product, position }));
    };
    grid.addEventListener("click", report);
    grid.addEventListener("auxclick", report);
  }

  if (document.querySelector('[data-catalog-search="page"]')) {
    results = new ResultPage(document.querySelector('[data-catalog-search="page"]'));
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
