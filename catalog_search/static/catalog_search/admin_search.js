// Changelists that search by meaning take a picture too: chosen, dropped on the search box or pasted into it. All else
// works without this.

"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector("[data-search-picture]");
  const bar = document.getElementById("searchbar");
  if (!place || !bar) return;

  // What is merely similar is ticked row by row: nobody saw the rest of it.
  if ("fuzzy" in place.dataset) {
    for (const one of document.querySelectorAll(".actions :is(.question, .all, .clear)")) one.remove();
  }

  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*";
  input.hidden = true;
  input.addEventListener("change", () => send(input.files[0]));
  const button = document.createElement("button");
  button.type = "button";
  button.className = "cs-by-picture";
  button.textContent = place.dataset.label;
  button.addEventListener("click", () => input.click());
  bar.form.classList.add("cs-search-bar");
  bar.form.querySelector("[type=submit]").after(button, input);

  bar.addEventListener("paste", (event) => {
    const file = picture(event.clipboardData);
    if (file) event.preventDefault();
    send(file);
  });
  bar.form.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    bar.form.classList.add("cs-drop");
  });
  bar.form.addEventListener("dragleave", (event) => {
    if (!bar.form.contains(event.relatedTarget)) bar.form.classList.remove("cs-drop");
  });
  bar.form.addEventListener("drop", (event) => {
    bar.form.classList.remove("cs-drop");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault(); // or the browser would leave the list and open the file
    const file = picture(event.dataTransfer);
    if (file) send(file);
    else window.alert(place.dataset.refused);
  });

  function picture(data) {
    return [...data.files].find((file) => file.type.startsWith("image/") || !file.type);
  }

  async function send(file) {
    if (!file) return;
    const sent = new FormData();
    sent.append("image", file);
    const headers = { "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value };
    bar.form.setAttribute("aria-busy", "true");
    const told = await fetch(place.dataset.searchPicture, { method: "POST", body: sent, headers })
      .then((answer) => answer.json().catch(() => ({ error: answer.statusText })))
      .catch((error) => ({ error: error.message })); // the network is away
    bar.form.removeAttribute("aria-busy");
    input.value = ""; // so that the same file can be chosen again
    if (!told.token) return window.alert(told.error);
    const address = new URL(location.href);
    address.searchParams.delete("p");
    address.searchParams.set("picture", told.token);
    location.assign(address);
  }
});
