import { make, radios, facts, summary, figure, newId } from "./shared.js";

const COLOURS = { embeddings: "amber", attention: "blue", MLP: "green", LayerNorm: "purple" };

// Squarified treemap (Bruls, Huizing and van Wijk 2000): cut a rectangle into areas in proportion to the values, as
// square as can be. Rows are filled along the shorter side, the largest values first; gives { x, y, w, h } in their order.
export function squarify(values, { x, y, w, h }) {
  const rects = values.map(() => ({ x, y, w: 0, h: 0 }));
  const order = values.map((_, i) => i).filter((i) => values[i] > 0).sort((a, b) => values[b] - values[a] || a - b);
  let left = order.reduce((sum, i) => sum + values[i], 0);
  while (order.length) {
    const unit = (w * h) / left, side = Math.min(w, h);
    let n = 1;
    while (n < order.length && worst(order.slice(0, n + 1), values, unit, side) <= worst(order.slice(0, n), values, unit, side)) n++;
    const row = order.splice(0, n), sum = row.reduce((total, i) => total + values[i], 0), depth = (sum * unit) / side;
    let along = 0;
    for (const i of row) {
      const length = (values[i] * unit) / depth;
      rects[i] = w >= h ? { x, y: y + along, w: depth, h: length } : { x: x + along, y, w: length, h: depth };
      along += length;
    }
    [x, y, w, h] = w >= h ? [x + depth, y, w - depth, h] : [x, y + depth, w, h - depth];
    left -= sum;
  }
  return rects;
}

// The worst ratio of sides in a row of these values along a side.
function worst(row, values, unit, side) {
  const areas = row.map((i) => values[i] * unit), sum = areas.reduce((a, b) => a + b, 0);
  return Math.max((side ** 2 * Math.max(...areas)) / sum ** 2, sum ** 2 / (side ** 2 * Math.min(...areas)));
}

// First the kinds, then the components of each kind within its rectangle.
export function layout(counts, kinds, box = { x: 0, y: 0, w: 1, h: 1 }) {
  const names = [...new Set(kinds)];
  const sums = names.map((name) => counts.reduce((sum, n, i) => sum + (kinds[i] === name ? n : 0), 0));
  const rects = counts.map(() => ({ x: 0, y: 0, w: 0, h: 0 }));
  squarify(sums, box).forEach((rect, k) => {
    const inside = counts.map((_, i) => i).filter((i) => kinds[i] === names[k]);
    squarify(inside.map((i) => counts[i]), rect).forEach((r, j) => { rects[inside[j]] = r; });
  });
  return rects;
}

const whole = (n) => n.toLocaleString("en-GB");
const share = (p) => `${(100 * p).toPrecision(p < 1e-4 ? 2 : 3)} %`;

// Bytes in the largest decimal unit that leaves a number above 1: 498 MB, 6.23 GB.
export function inUnits(bytes) {
  const power = Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${+(bytes / 1000 ** power).toPrecision(3)} ${["bytes", "kB", "MB", "GB", "TB"][power]}`;
}

function render({ model, el }) {
  const models = model.get("models"), parts = model.get("parts").map(([name, kind, task, formula]) => ({ name, kind, task, formula }));
  const dtypes = model.get("dtypes"), kinds = parts.map((part) => part.kind), said = summary(), whichAll = facts(), which = facts();
  const size = radios("Model", models.map((name) => [name, name]), (name) => change("model", name));
  const id = newId(), type = make("select", { id }, ...dtypes.map((name) => make("option", { value: name }, name)));
  type.addEventListener("change", () => change("dtype", type.value));
  const pick = (part) => () => { if (model.get("component") !== part.name) change("component", part.name); };
  const look = (part) => ({ className: `ig-tile ig-tile-${part.kind}`, style: `--tile:var(--c-${COLOURS[part.kind]})` });

  const tiles = parts.map((part) => {
    const tile = make("div", look(part), make("span", {}));
    for (const event of ["pointerenter", "click"]) tile.addEventListener(event, pick(part));
    return tile;
  });
  const map = make("div", { className: "ig-treemap", "aria-hidden": "true" }, ...tiles);
  const buttons = parts.map((part) => {
    const button = make("button", { type: "button", className: "ig-part" },
      make("span", look(part)), make("span", {}, part.name), make("span", {}), make("span", {}));
    for (const event of ["pointerenter", "focus", "click"]) button.addEventListener(event, pick(part));
    return button;
  });

  function draw() {
    const counts = model.get("counts")[models.indexOf(model.get("model"))], total = counts.reduce((a, b) => a + b, 0);
    const bytes = model.get("bytes_each")[dtypes.indexOf(model.get("dtype"))];
    const chosen = Math.max(0, parts.findIndex((part) => part.name === model.get("component")));
    size.set(model.get("model"));
    type.value = model.get("dtype");
    layout(counts, kinds).forEach(({ x, y, w, h }, i) => {
      Object.assign(tiles[i].style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${100 * w}%`, height: `${100 * h}%` });
      tiles[i].classList.toggle("ig-picked", i === chosen);
      tiles[i].hidden = buttons[i].hidden = counts[i] === 0;
      buttons[i].setAttribute("aria-pressed", i === chosen);
      buttons[i].children[2].textContent = whole(counts[i]);
      buttons[i].children[3].textContent = share(counts[i] / total);
    });
    name(counts, total);
    const part = parts[chosen], n = counts[chosen];
    whichAll.draw([["all", `${whole(total)} parameters`], ["in memory", `${inUnits(total * bytes)}`], ["exactly", `${whole(total * bytes)} bytes`]]);
    which.draw(n ? [[part.name, part.task], ["formula", part.formula], ["parameters", whole(n)], ["share", share(n / total)],
      ["bytes", whole(n * bytes)]] : [[part.name, "this model has none"]]);
    said.say(`${model.get("model")}: ${whole(total)} parameters, ${inUnits(total * bytes)} in ${model.get("dtype")}. ` +
      (n ? `${part.name}, ${part.task}: ${whole(n)} parameters, ${share(n / total)}, ${whole(n * bytes)} bytes.`
        : `It has no ${part.name} (${part.task}).`));
  }

  // Write a name into each tile that has room for it; how much room there is, the page decides.
  function name(counts, total) {
    const [width, height] = [map.clientWidth, map.clientHeight];
    tiles.forEach((tile, i) => {
      const w = (parseFloat(tile.style.width) * width) / 100, h = (parseFloat(tile.style.height) * height) / 100;
      const fits = (lines) => lines.every((text) => w > 8 * text.length + 14) && h > 12 + 18 * lines.length;
      const whole = [parts[i].name], cut = parts[i].name.split(/(?<=\.)/), p = share(counts[i] / total);
      const lines = [[...whole, p], [...cut, p], whole].find(fits) ?? [];
      tile.firstChild.textContent = lines.join("\n");
      tile.firstChild.hidden = lines.length === 0;
    });
  }

  const change = figure({ model, el }, "Where the parameters are", [
    make("p", { className: "ig-title" }, "Where the parameters are"), size.node,
    make("div", { className: "ig-controls" }, make("span", { className: "ig-check" }, make("label", { htmlFor: id }, "Numbers as"), type), whichAll.node),
    make("div", { className: "ig-treemap-and-parts" }, map,
      make("div", { className: "ig-parts", role: "group", "aria-label": "Components" }, ...buttons)),
    which.node, said.node,
  ], draw, ["model", "dtype", "component"]);
  new ResizeObserver(draw).observe(map);
}

export default { render };
