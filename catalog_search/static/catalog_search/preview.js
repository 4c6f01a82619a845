// Beside the form of a rule or of synonyms: what the draft would change, told while somebody writes it.

"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector("[data-preview]");
  if (!place) return;
  const form = place.closest("form");
  const [status, shown] = [place.querySelector("[role=status]"), place.querySelector("div")];
  const PAUSE_MS = 600;
  let timer, waiting;

  async function look() {
    waiting?.abort();
    const own = (waiting = new AbortController());
    const sent = new FormData(form);
    sent.set("live", "1");
    place.hidden = false;
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(place.dataset.preview, { method: "POST", body: sent, signal: own.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      status.textContent = page.querySelector("p")?.textContent ?? "";
      shown.replaceChildren(...page.body.childNodes);
    } catch {
      // A newer draft is on its way, or the network is away: the button below the form still works.
    }
    if (own === waiting) place.removeAttribute("aria-busy");
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  }

  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  form.addEventListener("click", (event) => { if (event.target.closest(".inline-deletelink")) soon(); });
  // The box of products speaks by jQuery alone.
  window.django?.jQuery?.(form).on("select2:select select2:unselect", soon);
  if (form.querySelector("#id_name, #id_words")?.value) look();
});
