// A box that scrolls sideways can be reached and named without a mouse; one that does not scroll is no stop on the way.
(() => {
  const boxes = {
    ".formula": "Formula",
    ".pst-scrollable-table-container": "Table",
    "div.highlight pre": "Code",
    ".cell_output > .output": "Output",
  };

  function label(box, kind) {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    if (scrolls) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", `${kind}, wider than the page: it scrolls`);
    } else if (box.getAttribute("role") === "group") {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }

  const watch = new ResizeObserver((seen) => seen.forEach(({ target }) => label(target, target.dataset.box)));
  for (const [selector, kind] of Object.entries(boxes)) {
    for (const box of document.querySelectorAll(selector)) {
      box.dataset.box = kind;
      watch.observe(box);
    }
  }
})();

// On paper nothing is folded.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((box) => (box.open = true)));

// From a disk, a page may not read its neighbours: search lists the pages without quoting them.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
