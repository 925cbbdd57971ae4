import { softmax, make, newId, slider, checkbox, bars, summary, figure } from "./shared.js";

// Scores of a query [x, y] for every key. Dot products of d random components grow like √d: with d > 2 the
// plane's product is stretched by √(d / 2), so the picture saturates as d dimensions would.
export function scores(query, keys, d, scaled) {
  const stretch = Math.sqrt(d / 2) / (scaled ? Math.sqrt(d) : 1);
  return keys.map(([x, y]) => (query[0] * x + query[1] * y) * stretch);
}

export function attend(query, keys, values, d, scaled) {
  const weights = softmax(scores(query, keys, d, scaled));
  const output = [0, 1].map((axis) => weights.reduce((sum, w, i) => sum + w * values[i][axis], 0));
  return { weights, output };
}

const SIZE = 400, REACH = 3; // the plane shows −REACH … REACH
const toPixel = ([x, y]) => [((x + REACH) / (2 * REACH)) * SIZE, ((REACH - y) / (2 * REACH)) * SIZE];
const clamp = (x) => Math.max(-REACH, Math.min(REACH, Math.round(x * 100) / 100));

function render({ model, el }) {
  const words = model.get("words"), keys = model.get("key_vectors"), values = model.get("value_vectors");
  const own = JSON.stringify(keys) !== JSON.stringify(values);
  const rows = bars(), said = summary();
  const plane = drawPlane(words, keys, own ? values : []);
  const move = (x, y) => change("query", [clamp(x), clamp(y)]);
  dragWith(plane, () => model.get("query"), move);
  const axis = (label, i) => slider({ label, min: -REACH, max: REACH, step: 0.05, spoken: (v) => v.toFixed(2) },
    (v) => (i ? move(model.get("query")[0], v) : move(v, model.get("query")[1])));
  const across = axis("Query →", 0), up = axis("Query ↑", 1);
  const scale = checkbox("divide by √d", (on) => change("scaled", on));
  const id = newId();
  const size = make("select", { id }, ...model.get("sizes").map((d) => make("option", { value: d }, String(d))));
  size.addEventListener("change", () => change("d", +size.value));

  function draw() {
    const query = model.get("query"), d = model.get("d"), scaled = model.get("scaled");
    const { weights, output } = attend(query, keys, values, d, scaled);
    across.set(query[0]); up.set(query[1]); scale.set(scaled); size.value = d;
    plane.update(query, output, weights);
    const top = weights.indexOf(Math.max(...weights));
    rows.draw(words.map((word, i) => ({ label: word, value: weights[i], text: weights[i].toFixed(3), strong: i === top })));
    said.say(`The query (${query.map((v) => v.toFixed(2)).join(", ")}) gives “${words[top]}” the weight ` +
      `${weights[top].toFixed(3)}; the output is (${output.map((v) => v.toFixed(2)).join(", ")}). ` +
      `d = ${d}, ${scaled ? "divided by √d" : "not divided by √d"}.`);
  }

  const sign = (text, colour, name) => make("span", { "data-sign": text, style: `--sign:var(--c-${colour})` }, name);
  const legend = make("div", { className: "ig-legend" }, sign("→", "blue", "keys"), ...(own ? [sign("■", "green", "values")] : []),
    sign("●", "vermillion", "query"), sign("◆", "purple", "output"));
  const controls = make("div", { className: "ig-controls" }, across.node, up.node, scale.node,
    make("span", { className: "ig-check" }, make("label", { htmlFor: id }, "d ="), size));
  const change = figure({ model, el }, "Attention of a query in the plane", [
    make("p", { className: "ig-title" }, "Drag the query"),
    make("div", { className: "ig-columns" }, make("div", {}, plane.node, legend), make("div", {}, rows.node, controls, said.node)),
  ], draw, ["query", "d", "scaled"]);
}

function drawPlane(words, keys, values) {
  const [cx, cy] = toPixel([0, 0]);
  const frame = make("rect", { x: 0, y: 0, width: SIZE, height: SIZE, rx: 8, fill: "none", stroke: "var(--c-grid)", "stroke-width": 1.5 });
  const axes = [[0, cy, SIZE, cy], [cx, 0, cx, SIZE]].map(([x1, y1, x2, y2]) =>
    make("line", { x1, y1, x2, y2, stroke: "var(--c-grid)", "stroke-width": 1.5 }));
  const arrows = keys.map((key) => arrow(key, "var(--c-blue)"));
  const names = keys.map((key, i) => label(key, words[i]));
  const places = values.map((value) => {
    const [x, y] = toPixel(value);
    return make("rect", { x: x - 5, y: y - 5, width: 10, height: 10, fill: "var(--c-green)" });
  });
  const query = arrow([0, 0], "var(--c-vermillion)");
  const output = make("path", { d: "M0-11 11 0 0 11-11 0Z", fill: "var(--c-purple)", stroke: "var(--c-paper)", "stroke-width": 2 });
  const handle = make("g", { class: "ig-handle", tabindex: 0, role: "slider", "aria-label": "Query, move with the arrow keys" },
    make("circle", { r: 24, fill: "var(--c-vermillion)", "fill-opacity": 0.2 }),
    make("circle", { r: 9, fill: "var(--c-vermillion)", stroke: "var(--c-paper)", "stroke-width": 2 }));
  const node = make("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "ig-plane", style: "max-width:400px", role: "group", "aria-label": "Plane of keys, query and output" },
    frame, ...axes, ...arrows.map((a) => a.node), ...places, query.node, ...names, output, handle);

  function update(q, out, weights) {
    const [x, y] = toPixel(q), [ox, oy] = toPixel(out);
    query.point(q);
    handle.setAttribute("transform", `translate(${x} ${y})`);
    handle.setAttribute("aria-valuetext", `${q[0].toFixed(2)}, ${q[1].toFixed(2)}`);
    handle.setAttribute("aria-valuenow", q[0]);
    handle.setAttribute("aria-valuemin", -REACH);
    handle.setAttribute("aria-valuemax", REACH);
    output.setAttribute("transform", `translate(${ox} ${oy})`);
    arrows.forEach((a, i) => a.width(1.5 + 6 * weights[i]));
  }
  return { node, handle, update };
}

function arrow(to, colour) {
  const shaft = make("line", { stroke: colour, "stroke-linecap": "round", "stroke-width": 3 });
  const head = make("path", { d: "M0 0-12-6-12 6Z", fill: colour });
  const node = make("g", {}, shaft, head);
  const point = ([x, y]) => {
    const [x1, y1] = toPixel([0, 0]), [x2, y2] = toPixel([x, y]);
    const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
    for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) shaft.setAttribute(name, value);
    head.setAttribute("transform", `translate(${x2} ${y2}) rotate(${angle})`);
  };
  point(to);
  return { node, point, width: (w) => shaft.setAttribute("stroke-width", w) };
}

// A word stands beyond the tip of its key.
function label([x, y], word) {
  const length = Math.hypot(x, y) || 1;
  const [px, py] = toPixel([x + (0.25 * x) / length, y + (0.25 * y) / length]);
  const edge = Math.abs(px - SIZE / 2) > SIZE / 2 - 12 - 9 * word.length; // no room beyond the tip
  const outward = x / length > 0.4 ? 1 : x / length < -0.4 ? -1 : 0;
  const anchor = ["end", "middle", "start"][1 + (edge ? -outward : outward)];
  const inside = edge ? Math.max(6, Math.min(SIZE - 6, px)) : px;
  return make("text", { x: inside, y: py + (edge ? (y < 0 ? 24 : -14) : 5), "text-anchor": anchor }, word);
}

function dragWith({ node, handle }, query, move) {
  const follow = (event) => {
    const box = node.getBoundingClientRect();
    move(((event.clientX - box.left) / box.width - 0.5) * 2 * REACH, (0.5 - (event.clientY - box.top) / box.height) * 2 * REACH);
  };
  handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false }); // no scrolling
  handle.addEventListener("pointerdown", (event) => { handle.setPointerCapture(event.pointerId); event.preventDefault(); handle.focus(); });
  handle.addEventListener("pointermove", (event) => { if (handle.hasPointerCapture(event.pointerId)) follow(event); });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  handle.addEventListener("keydown", (event) => {
    if (!steps[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    const size = event.shiftKey ? 0.5 : 0.1, [x, y] = query(), [dx, dy] = steps[event.key];
    move(x + size * dx, y + size * dy);
  });
}

export default { render };
