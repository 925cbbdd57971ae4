import { floats, make, title, note, bars, button, shares, range, visible, quoted, figure } from "./shared.js";
import { picture, scale, rule, text, points, setAll } from "./svg.js";

// One position's row in an array [L + 1, T, K], flat.
export function at(values, tokens, layer, position, k) {
  const start = (layer * tokens + position) * k;
  return [...values.slice(start, start + k)];
}

export default figure(({ state, change, slider }) => {
  const { tokens, vocabulary, top, k, layers } = state, n = tokens.length, rows = bars(), norms = drawNorms(layers);
  const probabilities = floats(state.probabilities), length = floats(state.norms), question = make("p", {});
  const chips = tokens.map((token, position) =>
    Object.assign(button(visible(token), () => change({ position })), { className: "ig-chip ig-mono" }));

  function draw() {
    const { layer, position } = state, token = quoted(tokens[position]);
    const p = at(probabilities, n, layer, position, k), ids = at(top, n, layer, position, k);
    const answer = at(top, n, layers, position, k)[0], norm = range(layers + 1).map((l) => length[l * n + position]);
    chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === position)));
    question.textContent = `What comes after ${token}, read at layer ${layer}`;
    rows.draw(shares(ids.map((id) => visible(vocabulary[id])), p, ids.indexOf(answer)));
    norms.update(norm, layer);
    return `Read at layer ${layer}, the best guess after ${token} is ${quoted(vocabulary[ids[0]])} with ` +
      `${p[0].toFixed(3)}; the last layer says ${quoted(vocabulary[answer])}. ` +
      `The residual stream's norm is ${norm[layer].toFixed(2)}.`;
  }

  const spoken = (layer) => (layer === 0 ? "0 (embedding)" : `${layer} of ${layers}`);
  const parts = [
    title("The answer by depth"),
    make("div", { className: "ig-chips", role: "group", "aria-label": "Position" }, ...chips),
    slider("layer", { label: "Layer", min: 0, max: layers, step: 1, spoken }), question, rows,
    note("Norm of the residual stream at this position, by layer"), norms,
  ];
  return { parts, draw };
});

const WIDTH = 380, HEIGHT = 110, LEFT = 34, RIGHT = WIDTH - 10, TOP = 12, BOTTOM = HEIGHT - 26;

function drawNorms(layers) {
  const way = make("polyline", { fill: "none", stroke: "var(--c-green)", "stroke-width": 2.5 });
  const dots = make("g"), labels = make("g");
  const x = scale(0, Math.max(1, layers), LEFT, RIGHT), every = Math.ceil(layers / 12);

  function update(norm, layer) {
    const most = Math.max(...norm, 1e-9), y = scale(0, most, BOTTOM, TOP);
    setAll(way, { points: points(norm.map((v, l) => [x(l), y(v)])) });
    dots.replaceChildren(...norm.map((v, l) => make("circle", {
      cx: x(l), cy: y(v), r: l === layer ? 6 : 3, fill: `var(--c-${l === layer ? "vermillion" : "green"})`,
    })));
    labels.replaceChildren(...[0, most].map((v) => rule(LEFT, RIGHT, y(v))),
      ...[0, most].map((v) => text(LEFT - 6, y(v) + 4, "end", v ? v.toPrecision(2) : "0")),
      ...norm.flatMap((_, l) => (l % every ? [] : [text(x(l), HEIGHT - 6, "middle", String(l))])));
  }
  return { node: picture(WIDTH, HEIGHT, { style: "max-width:480px" }, labels, way, dots), update };
}
