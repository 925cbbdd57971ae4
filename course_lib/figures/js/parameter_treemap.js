import { make, title, controls, facts, button, sum, figure } from "./shared.js";
import { select } from "./fields.js";

const COLOURS = { embeddings: "amber", attention: "blue", MLP: "green", LayerNorm: "purple" };

// Squarified treemap (Bruls, Huizing and van Wijk 2000): cut a rectangle into areas in proportion to the values, as
// square as can be. Rows are filled along the shorter side, the largest values first; gives { x, y, w, h } in order.
export function squarify(values, { x, y, w, h }) {
  const rects = values.map(() => ({ x, y, w: 0, h: 0 }));
  const order = values.map((_, i) => i).filter((i) => values[i] > 0).sort((a, b) => values[b] - values[a] || a - b);
  let left = sum(order.map((i) => values[i]));
  while (order.length) {
    const unit = (w * h) / left, side = Math.min(w, h);
    let n = 1;
    const ratio = (many) => worst(order.slice(0, many), values, unit, side);
    while (n < order.length && ratio(n + 1) <= ratio(n)) n++;
    const row = order.splice(0, n), total = sum(row.map((i) => values[i])), depth = (total * unit) / side;
    let along = 0;
    for (const i of row) {
      const length = (values[i] * unit) / depth;
      rects[i] = w >= h ? { x, y: y + along, w: depth, h: length } : { x: x + along, y, w: length, h: depth };
      along += length;
    }
    [x, y, w, h] = w >= h ? [x + depth, y, w - depth, h] : [x, y + depth, w, h - depth];
    left -= total;
  }
  return rects;
}

// The worst ratio of sides in a row of these values along a side.
function worst(row, values, unit, side) {
  const areas = row.map((i) => values[i] * unit), square = sum(areas) ** 2;
  return Math.max((side ** 2 * Math.max(...areas)) / square, square / (side ** 2 * Math.min(...areas)));
}

// First the kinds, then the components of each kind within its rectangle.
export function layout(counts, kinds, box = { x: 0, y: 0, w: 1, h: 1 }) {
  const names = [...new Set(kinds)];
  const sums = names.map((name) => sum(counts.filter((_, i) => kinds[i] === name)));
  const rects = counts.map(() => ({ x: 0, y: 0, w: 0, h: 0 }));
  squarify(sums, box).forEach((rect, k) => {
    const inside = counts.map((_, i) => i).filter((i) => kinds[i] === names[k]);
    squarify(inside.map((i) => counts[i]), rect).forEach((r, j) => { rects[inside[j]] = r; });
  });
  return rects;
}

const whole = (n) => n.toLocaleString("en-GB");
const shareOf = (p) => `${(100 * p).toPrecision(p < 1e-4 ? 2 : 3)} %`;

// Bytes in the largest decimal unit that leaves a number above 1: 498 MB, 6.23 GB.
export function inUnits(bytes) {
  const power = Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${+(bytes / 1000 ** power).toPrecision(3)} ${["bytes", "kB", "MB", "GB", "TB"][power]}`;
}

export default figure(({ state, change, bound, radios }) => {
  const { models, dtypes } = state;
  const parts = state.parts.map(([name, kind, task, formula]) => ({ name, kind, task, formula }));
  const kinds = parts.map((part) => part.kind), all = facts(), one = facts();
  const look = ({ kind }) => ({ className: `ig-tile ig-tile-${kind}`, style: `--tile:var(--c-${COLOURS[kind]})` });
  const picks = (node, { name }, ...events) => {
    for (const event of events) node.addEventListener(event, () => change({ component: name }));
    return node;
  };
  const tiles = parts.map((part) => picks(make("div", look(part), make("span", {})), part, "pointerenter", "click"));
  const map = make("div", { className: "ig-treemap", "aria-hidden": "true" }, ...tiles);
  const buttons = parts.map((part) => {
    const node = picks(button("", () => {}), part, "pointerenter", "focus", "click");
    node.className = "ig-part";
    node.replaceChildren(make("span", look(part)), make("span", {}, part.name), make("span", {}), make("span", {}));
    return node;
  });

  const countsHere = () => state.counts[models.indexOf(state.model)];
  const chosen = () => Math.max(0, parts.findIndex(({ name }) => name === state.component));

  function draw() {
    const counts = countsHere(), total = sum(counts), n = counts[chosen()];
    const bytes = state.bytes_each[dtypes.indexOf(state.dtype)], { name, task, formula } = parts[chosen()];
    layout(counts, kinds).forEach((rect, i) => drawPart(i, rect, counts[i], counts[i] / total));
    nameTiles();
    const exactly = `${whole(total * bytes)} bytes`;
    all.draw([["all", `${whole(total)} parameters`], ["in memory", inUnits(total * bytes)], ["exactly", exactly]]);
    const sizes = [["parameters", whole(n)], ["share", shareOf(n / total)], ["bytes", whole(n * bytes)]];
    one.draw(n ? [[name, task], ["formula", formula], ...sizes] : [[name, "this model has none"]]);
    return `${state.model}: ${whole(total)} parameters, ${inUnits(total * bytes)} in ${state.dtype}. ` +
      (n ? `${name}, ${task}: ${whole(n)} parameters, ${shareOf(n / total)}, ${whole(n * bytes)} bytes.`
        : `It has no ${name} (${task}).`);
  }

  function drawPart(i, { x, y, w, h }, n, p) {
    const [, , number, share] = buttons[i].children;
    const [left, top, width, height] = [x, y, w, h].map((share) => `${100 * share}%`);
    Object.assign(tiles[i].style, { left, top, width, height });
    tiles[i].classList.toggle("ig-picked", i === chosen());
    tiles[i].hidden = buttons[i].hidden = n === 0;
    buttons[i].setAttribute("aria-pressed", i === chosen());
    number.textContent = whole(n);
    share.textContent = shareOf(p);
  }

  // Write a name into each tile that has room for it; how much room there is, the page decides.
  function nameTiles() {
    const { clientWidth: width, clientHeight: height } = map, counts = countsHere(), total = sum(counts);
    tiles.forEach((tile, i) => {
      const w = (parseFloat(tile.style.width) * width) / 100, h = (parseFloat(tile.style.height) * height) / 100;
      const fits = (lines) => lines.every((text) => w > 8 * text.length + 14) && h > 12 + 18 * lines.length;
      const { name } = parts[i], cut = name.split(/(?<=\.)/), p = shareOf(counts[i] / total);
      const lines = [[name, p], [...cut, p], [name]].find(fits) ?? [];
      tile.firstChild.textContent = lines.join("\n");
      tile.firstChild.hidden = lines.length === 0;
    });
  }

  new ResizeObserver(nameTiles).observe(map);
  const list = make("div", { className: "ig-parts", role: "group", "aria-label": "Components" }, ...buttons);
  const shown = [
    title("Where the parameters are"),
    radios("model", { legend: "Model", options: models.map((name) => [name, name]) }),
    controls(bound(select)("dtype", { label: "Numbers as", options: dtypes }), all),
    make("div", { className: "ig-treemap-and-parts" }, map, list), one,
  ];
  return { parts: shown, draw };
});
