// The admin pages work without this; with it, a build is followed live and a grade needs no reload.

"use strict";

{
  const live = document.querySelector("[data-refresh]");
  if (live) follow(live);

  async function follow(element) {
    const seconds = Number(element.dataset.refresh);
    while (element) {
      await new Promise((done) => setTimeout(done, seconds * 1000));
      if (document.hidden) continue;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (answer.redirected) return; // nobody is logged in any more
        if (!answer.ok) continue;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(element.id);
        if (!fresh) return;
        const focused = element.contains(document.activeElement) && document.activeElement.getAttribute("href");
        element.replaceChildren(...fresh.childNodes);
        if (focused) element.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
        if (!fresh.dataset.refresh) return;
      } catch {
        // The network or the site is away; the next round tries again.
      }
    }
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-grades]");
    const button = event.submitter;
    if (!form || !button) return;
    event.preventDefault();
    const sent = new FormData(form);
    sent.set(button.name, button.value);
    const answer = await fetch(location.href, { method: "POST", body: sent, headers: { Accept: "application/json" } });
    if (!answer.ok) return location.reload();
    for (const one of form.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
  });
}
