/* Small comforts on top of plain forms: nothing here is needed to search. */
"use strict";
(() => {
  /* Each box brings this script, and a page may have several. */
  if (window.catalogSearch) return;
  window.catalogSearch = true;

  const WIDE = "(min-width: 60rem)";

  /* Words alone need no detour through POST. */
  function submitBox(form) {
    form.method = form.elements.image?.files.length ? "post" : "get";
  }

  /* Empty fields would only lengthen the address. */
  function leaveOutEmpty({ formData }) {
    for (const [name, value] of [...formData]) {
      if (value instanceof File ? !value.size && !value.name : !value.trim()) formData.delete(name);
    }
  }

  /* The back button brings the page back as it was left: with a picture, which would go with the next words unseen. */
  function restoreBox(form) {
    form.removeAttribute("aria-busy");
    if (form.elements.image) form.elements.image.value = "";
  }

  /* Sending a photo takes a while, and says so. */
  function sendChosen(form) {
    if (!form.elements.image.files.length) return;
    form.requestSubmit();
    form.setAttribute("aria-busy", "true");
    form.querySelector("[role=status]").textContent = form.dataset.sending;
  }

  /* Some systems know no type for some pictures: what comes without one is for the shop to judge. */
  function takeFile(form, files) {
    const picture = [...files].find((file) => file.type.startsWith("image/") || !file.type);
    if (!picture) return false;
    const transfer = new DataTransfer();
    transfer.items.add(picture);
    form.elements.image.files = transfer.files;
    sendChosen(form);
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
    form.addEventListener("formdata", leaveOutEmpty);
    if (form.elements.image) takePictures(form);
    if (form.dataset.suggest) new Suggestions(form);
  }

  function takePictures(form) {
    const row = form.querySelector(".cs-box-row");
    form.elements.image.addEventListener("change", () => sendChosen(form));
    form.elements.q.addEventListener("paste", (event) => {
      const { files, types } = event.clipboardData;
      /* Words from a spreadsheet or a document come with a picture of themselves. */
      const isWords = types.includes("text/plain") && types.includes("text/html");
      if (!isWords && takeFile(form, files)) event.preventDefault();
    });
    row.addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      row.classList.add("cs-box-row--dragged");
    });
    row.addEventListener("dragleave", (event) => {
      if (!row.contains(event.relatedTarget)) row.classList.remove("cs-box-row--dragged");
    });
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
      const kept = JSON.parse(localStorage.getItem(RECENT));
      return Array.isArray(kept) ? kept : [];
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
        role: "combobox", "aria-autocomplete": "list", "aria-controls": this.id,
      })) this.input.setAttribute(name, value);
      this.show({});
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
      const { signal } = (this.waiting = new AbortController());
      try {
        if (!this.answers.has(text)) {
          const address = `${this.form.dataset.suggest}?${new URLSearchParams({ q: text })}`;
          const response = await fetch(address, { signal });
          if (!response.ok) throw new Error(response.status);
          this.answers.set(text, await response.json());
        }
        if (this.input.value.trim() === text && document.activeElement === this.input) this.show(this.answers.get(text));
      } catch {
        /* The box works without suggestions. Those of a newer question are not this one's to take away. */
        if (!signal.aborted) this.show({});
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
      if (event.isComposing) return; /* an input method chooses among its own words by these keys */
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
      if (event.key === "Escape" && location.hash === `#${form.getAttribute("id")}`) location.hash = "results";
    });
    form.addEventListener("change", () => {
      if (form.matches(".cs-facets") && !window.matchMedia(WIDE).matches) return;
      form.requestSubmit();
    });
    form.addEventListener("formdata", leaveOutEmpty);
  }

  /* What was changed and never sent is no filter in force. */
  function restoreFilters(form) {
    form.reset();
  }

  /* The page of results, replaced in place: filters, sorts, pages and chips have addresses, yet need no full reload.
     Whatever goes wrong, the browser goes to the address itself. */
  const STATUS = "catalog-search-status";
  let results = null;

  class ResultPage {
    constructor(root) {
      this.root = root;
      this.shown = here();
      this.status = document.getElementById(STATUS) ?? element("p", "cs-hidden");
      this.status.id = STATUS;
      this.status.setAttribute("role", "status");
      root.after(this.status);
      root.addEventListener("click", (event) => this.clicked(event));
      root.addEventListener("submit", (event) => this.submitted(event));
    }

    get isShown() {
      return this.root.isConnected && here() === this.shown;
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

    submitted(event) {
      const form = event.target;
      if (event.defaultPrevented || form.dataset.catalogSearch !== "submit-on-change") return;
      event.preventDefault();
      const query = new URLSearchParams(new FormData(form)).toString();
      /* Not form.action: a facet may be called so. */
      this.go(new URL(form.getAttribute("action"), location.href).pathname + (query && `?${query}`));
    }

    async go(address, { back = false, top = false } = {}) {
      this.waiting?.abort();
      const waiting = this.waiting = new AbortController();
      this.root.setAttribute("aria-busy", "true");
      try {
        const response = await fetch(address, { signal: waiting.signal, headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = page.querySelector('[data-catalog-search="page"]');
        if (!this.root.isConnected) return; /* something else has replaced the page meanwhile */
        if (response.redirected || !fresh) throw new Error("another page");
        if (!back) {
          history.replaceState({ ...history.state, scroll: scrollY }, "");
          history.pushState({ scroll: top ? null : scrollY }, "", address);
        }
        this.shown = here();
        this.show(page, fresh, top);
        if (back) scrollTo(0, history.state?.scroll ?? 0);
      } catch (error) {
        if (waiting !== this.waiting || error.name === "AbortError") return;
        this.root.removeAttribute("aria-busy");
        if (back) location.reload();
        else location.assign(address);
      }
    }

    show(page, fresh, top) {
      const left = document.activeElement;
      const [focus, typed] = [place(left), left?.value];
      const unsent = left?.matches?.(".cs-facets input:not([type=checkbox])") && typed !== left.defaultValue;
      const open = [...this.root.querySelectorAll("details[open]")].map(place);
      this.root.replaceChildren(...fresh.childNodes);
      this.root.removeAttribute("aria-busy");
      document.title = page.title;
      for (const details of this.root.querySelectorAll("details")) {
        if (open.includes(place(details))) details.open = true;
      }
      const list = this.root.querySelector(".cs-results");
      const same = !top && focus && [...this.root.querySelectorAll("input, select, summary")].find((one) => place(one) === focus);
      (same || list)?.focus({ preventScroll: true });
      if (same && unsent) same.value = typed; /* somebody went on typing while the page was fetched */
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

  const enhancers = { box: enhanceBox, "submit-on-change": enhanceFilters };
  const restorers = { box: restoreBox, "submit-on-change": restoreFilters };
  const forms = () => document.querySelectorAll("form[data-catalog-search]");
  const enhanced = new WeakSet();

  function* unseen(elements) {
    for (const one of elements) {
      if (enhanced.has(one)) continue;
      enhanced.add(one);
      yield one;
    }
  }

  function enhance() {
    for (const form of unseen(forms())) enhancers[form.dataset.catalogSearch]?.(form);
    for (const grid of unseen(document.querySelectorAll("[data-catalog-search-query]"))) reportClicks(grid);
    for (const root of unseen(document.querySelectorAll('[data-catalog-search="page"]'))) results = new ResultPage(root);
  }

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const form of forms()) restorers[form.dataset.catalogSearch]?.(form);
  });
  window.addEventListener("popstate", () => {
    if (results?.root.isConnected && !results.isShown) results.go(here(), { back: true });
  });
  /* Where somebody was on a page that the forward button leads to. */
  window.addEventListener("scrollend", () => {
    if (results?.isShown) history.replaceState({ ...history.state, scroll: scrollY }, "");
  });

  enhance();
  /* Also what comes later: the next results, and what other scripts put into the page, as htmx and Turbo do. */
  new MutationObserver(enhance).observe(document, { childList: true, subtree: true });
})();
