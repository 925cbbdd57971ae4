import { softmax, make, title, controls, columns, bars, shares, legend, sum, argmax, figure } from "./shared.js";
import { select } from "./fields.js";
import { line, setAll } from "./svg.js";

// Scores of a query [x, y] for every key. Dot products of d random components grow like √d: with d > 2 the
// plane's product is stretched by √(d / 2), so the picture saturates as d dimensions would.
export function scores(query, keys, d, scaled) {
  const stretch = Math.sqrt(d / 2) / (scaled ? Math.sqrt(d) : 1);
  return keys.map(([x, y]) => (query[0] * x + query[1] * y) * stretch);
}

export function attend(query, keys, values, d, scaled) {
  const weights = softmax(scores(query, keys, d, scaled));
  const output = [0, 1].map((axis) => sum(weights.map((w, i) => w * values[i][axis])));
  return { weights, output };
}

const SIZE = 400, REACH = 3; // the plane shows −REACH … REACH
const toPixel = ([x, y]) => [((x + REACH) / (2 * REACH)) * SIZE, ((REACH - y) / (2 * REACH)) * SIZE];
const clamp = (x) => Math.max(-REACH, Math.min(REACH, Math.round(x * 100) / 100));
const two = (x) => x.toFixed(2);

export default figure(({ state, change, bound, slider, checkbox, summary }) => {
  const { words, key_vectors: keys, value_vectors: values, sizes } = state, rows = bars();
  const own = JSON.stringify(keys) !== JSON.stringify(values);
  const plane = drawPlane(words, keys, own ? values : []);
  dragWith(plane, () => state.query, (x, y) => change({ query: [clamp(x), clamp(y)] }));
  const axis = (label, i) => slider("query", {
    label, min: -REACH, max: REACH, step: 0.05, spoken: two,
    show: (query) => query[i], read: (v) => state.query.map((old, j) => clamp(i === j ? v : old)),
  });

  function draw() {
    const { query, d, scaled } = state, { weights, output } = attend(query, keys, values, d, scaled);
    const top = argmax(weights);
    plane.update(query, output, weights);
    rows.draw(shares(words, weights));
    return `The query (${query.map(two).join(", ")}) gives “${words[top]}” the weight ${weights[top].toFixed(3)}; ` +
      `the output is (${output.map(two).join(", ")}). d = ${d}, ${scaled ? "divided by √d" : "not divided by √d"}.`;
  }

  const signs = legend(["→", "blue", "keys"], ...(own ? [["■", "green", "values"]] : []),
    ["●", "vermillion", "query"], ["◆", "purple", "output"]);
  const knobs = controls(axis("Query →", 0), axis("Query ↑", 1), checkbox("scaled", { label: "divide by √d" }),
    bound(select)("d", { label: "d =", options: sizes }));
  const halves = columns(make("div", {}, plane, signs), make("div", {}, rows, knobs, summary));
  return { parts: [title("Drag the query"), halves], draw };
});

function drawPlane(words, keys, values) {
  const [cx, cy] = toPixel([0, 0]), grid = { stroke: "var(--c-grid)", "stroke-width": 1.5 };
  const frame = make("rect", { x: 0, y: 0, width: SIZE, height: SIZE, rx: 8, fill: "none", ...grid });
  const arrows = keys.map((key) => arrow(key, "var(--c-blue)"));
  const places = values.map(toPixel).map(([x, y]) =>
    make("rect", { x: x - 5, y: y - 5, width: 10, height: 10, fill: "var(--c-green)" }));
  const query = arrow([0, 0], "var(--c-vermillion)");
  const paper = { stroke: "var(--c-paper)", "stroke-width": 2 };
  const output = make("path", { d: "M0-11 11 0 0 11-11 0Z", fill: "var(--c-purple)", ...paper });
  const reach = { "aria-valuemin": -REACH, "aria-valuemax": REACH };
  const handle = make("g",
    { class: "ig-handle", tabindex: 0, role: "slider", "aria-label": "Query, move with the arrow keys", ...reach },
    make("circle", { r: 24, fill: "var(--c-vermillion)", "fill-opacity": 0.2 }),
    make("circle", { r: 9, fill: "var(--c-vermillion)", ...paper }));
  const name = { role: "group", "aria-label": "Plane of keys, query and output" };
  const node = make("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "ig-plane", style: "max-width:400px", ...name },
    frame, line(0, cy, SIZE, cy, grid), line(cx, 0, cx, SIZE, grid), ...arrows.map((a) => a.node), ...places, query,
    ...keys.map((key, i) => label(key, words[i])), output, handle);

  function update(q, out, weights) {
    const [x, y] = toPixel(q), [ox, oy] = toPixel(out);
    query.point(q);
    setAll(handle, { transform: `translate(${x} ${y})` });
    setAll(handle, { "aria-valuetext": q.map(two).join(", "), "aria-valuenow": q[0] });
    setAll(output, { transform: `translate(${ox} ${oy})` });
    arrows.forEach((a, i) => a.width(1.5 + 6 * weights[i]));
  }
  return { node, handle, update };
}

function arrow(to, colour) {
  const shaft = make("line", { stroke: colour, "stroke-linecap": "round", "stroke-width": 3 });
  const head = make("path", { d: "M0 0-12-6-12 6Z", fill: colour });
  const point = (tip) => {
    const [x1, y1] = toPixel([0, 0]), [x2, y2] = toPixel(tip);
    const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
    setAll(shaft, { x1, y1, x2, y2 });
    setAll(head, { transform: `translate(${x2} ${y2}) rotate(${angle})` });
  };
  point(to);
  return { node: make("g", {}, shaft, head), point, width: (w) => setAll(shaft, { "stroke-width": w }) };
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

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function dragWith({ node, handle }, query, move) {
  const follow = (event) => {
    const box = node.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width - 0.5, up = 0.5 - (event.clientY - box.top) / box.height;
    move(across * 2 * REACH, up * 2 * REACH);
  };
  handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false }); // no scrolling
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
    handle.focus();
  });
  handle.addEventListener("pointermove", (event) => { if (handle.hasPointerCapture(event.pointerId)) follow(event); });
  handle.addEventListener("keydown", (event) => {
    if (!STEPS[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    const size = event.shiftKey ? 0.5 : 0.1, [x, y] = query(), [dx, dy] = STEPS[event.key];
    move(x + size * dx, y + size * dy);
  });
}
