/* What people cannot see of a page: beside the screen where nothing scrolls, clipped, or too narrow to type in. */
() => {
  const away = ".cs-hidden, .visually-hidden, [hidden], .skip, svg, script, style, template, option, noscript";
  const scrolls = (element) => {
    for (let above = element.parentElement; above && above !== document.body; above = above.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(above).overflowX)) return true;
    }
    return false;
  };
  const controls = "input:not([type=hidden]), select, button, img, textarea";
  const texts = "input:not([type=checkbox], [type=radio], [type=file], [type=hidden], [type=submit])";
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(away) || !element.checkVisibility({ visibilityProperty: true })) continue;
    const says = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    const box = element.getBoundingClientRect();
    /* A pixel is what texts for screen readers alone take. */
    if (!(says || element.matches(controls)) || box.width <= 1 || box.height <= 1) continue;
    const name = `${element.tagName}.${element.className} ${(element.textContent || element.value || "").trim().slice(0, 40)}`;
    if (!scrolls(element) && (box.right > innerWidth + 1 || box.left < -1)) found.push(`beside the screen: ${name}`);
    const style = getComputedStyle(element);
    const clips = style.overflowX !== "visible" && style.display !== "inline" && !element.matches("input, textarea");
    if (clips && element.scrollWidth > element.clientWidth + 1) found.push(`clipped: ${name}`);
    if (element.matches(texts) && box.width < 60) found.push(`too narrow: ${name}`);
  }
  return found;
}
