// Rows and tables of buttons, of which one is chosen.
import { make, button, range } from "./shared.js";

// One of many buttons: one stop for the tab key, arrows go from one to the next, `columns` to a row. `fill` takes the
// contents of the buttons and, where they do not simply follow each other, a function from buttons to children.
export function choice({ label, className, columns = 1 }, picked) {
  const node = make("div", { className, role: "radiogroup", "aria-label": label });
  let buttons = [];
  node.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(event.target), last = buttons.length - 1;
    const to = {
      ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: last,
    }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    if (buttons[to]) { buttons[to].focus(); picked(to); }
  });
  const fill = (contents, properties = {}, arranged = (all) => all) => {
    buttons = contents.map((content, i) => {
      const one = Object.assign(button("", () => picked(i)), properties);
      one.setAttribute("role", "radio");
      one.replaceChildren(...content);
      return one;
    });
    node.replaceChildren(...arranged(buttons));
    return buttons;
  };
  const set = (chosen) => buttons.forEach((one, i) => {
    one.setAttribute("aria-checked", String(i === chosen));
    one.tabIndex = i === chosen ? 0 : -1;
  });
  return { node, fill, set };
}

// A table of n rows by n columns; a row is picked by its button, a click or the mouse. `update` takes the names of rows
// and columns, the picked row, and paint(cell, i, j).
export function matrix({ corner, className, n, inside = "" }, picked) {
  const heads = range(n).map(() => make("span"));
  const lines = range(n).map((i) => {
    const name = button("", () => picked(i));
    const cells = range(n).map(() => make("td", {}, make("span", { className: inside })));
    const line = make("tr", {}, make("th", { scope: "row" }, name), ...cells);
    name.addEventListener("focus", () => picked(i));
    line.addEventListener("click", () => picked(i));
    onHover(line, () => picked(i));
    return { line, name, cells };
  });
  const head = make("tr", {}, make("th", { className: "ig-corner", scope: "col" }, corner),
    ...heads.map((span) => make("th", { scope: "col" }, span)));
  const body = make("tbody", {}, ...lines.map(({ line }) => line));
  const node = make("table", { className }, make("thead", {}, head), body);
  const update = (names, row, paint) => {
    heads.forEach((span, j) => { span.textContent = names[j]; });
    lines.forEach(({ line, name, cells }, i) => {
      name.textContent = names[i];
      name.setAttribute("aria-pressed", String(i === row));
      line.classList.toggle("ig-picked", i === row);
      cells.forEach((cell, j) => paint(cell, i, j));
    });
  };
  return { node, update, rows: lines.map(({ line }) => line) };
}

// A mouse need not click; a finger has to.
export function onHover(node, act) {
  node.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") act(); });
}
