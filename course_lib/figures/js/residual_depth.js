import { floats, make, slider, bars, summary, figure, visible } from "./shared.js";

// One position's row in an array [L + 1, T, K], flat.
export function at(values, tokens, layer, position, k = values.length) {
  const start = (layer * tokens + position) * k;
  return values.slice(start, start + k);
}

const WIDTH = 380, HEIGHT = 110, LEFT = 34, RIGHT = 10, TOP = 12, BOTTOM = 26;

function render({ model, el }) {
  const tokens = model.get("tokens"), n = tokens.length, words = model.get("vocabulary");
  const top = model.get("top"), k = model.get("k"), layers = model.get("layers");
  const probabilities = floats(model.get("probabilities")), norms = floats(model.get("norms"));
  const said = summary(), rows = bars(), curve = drawCurve(layers);
  const name = (layer) => (layer === 0 ? "0 (embedding)" : `${layer} of ${layers}`);
  const knob = slider({ label: "Layer", min: 0, max: layers, step: 1, spoken: name }, (l) => change("layer", l));
  const chips = tokens.map((token, i) => {
    const chip = make("button", { type: "button", className: "ig-chip ig-mono" }, visible(token));
    chip.addEventListener("click", () => change("position", i));
    return chip;
  });
  const question = make("p", {});

  function draw() {
    const layer = model.get("layer"), position = model.get("position");
    const p = at(probabilities, n, layer, position, k), ids = at(top, n, layer, position, k);
    const answer = at(top, n, layers, position, k)[0];
    const norm = Array.from({ length: layers + 1 }, (_, l) => norms[l * n + position]);
    knob.set(layer);
    chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === position)));
    question.textContent = `What comes after “${visible(tokens[position])}”, read at layer ${layer}`;
    rows.draw([...p].map((value, i) => ({ label: visible(words[ids[i]]), value, text: value.toFixed(3), strong: ids[i] === answer })));
    curve.update(norm, layer);
    said.say(`Read at layer ${layer}, the best guess after “${visible(tokens[position])}” is “${visible(words[ids[0]])}” with ` +
      `${p[0].toFixed(3)}; the last layer says “${visible(words[answer])}”. The residual stream's norm is ${norm[layer].toFixed(2)}.`);
  }

  const change = figure({ model, el }, "Next token read from the residual stream, by layer", [
    make("p", { className: "ig-title" }, "The answer by depth"),
    make("div", { className: "ig-chips", role: "group", "aria-label": "Position" }, ...chips),
    knob.node, question, rows.node, make("p", { className: "ig-note" }, "Norm of the residual stream at this position, by layer"),
    curve.node, said.node,
  ], draw, ["layer", "position"]);
}

function drawCurve(layers) {
  const line = make("polyline", { fill: "none", stroke: "var(--c-green)", "stroke-width": 2.5 });
  const dots = make("g"), labels = make("g");
  const node = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "ig-curve", style: "max-width:480px", "aria-hidden": "true" }, labels, line, dots);
  const x = (l) => LEFT + ((WIDTH - LEFT - RIGHT) * l) / Math.max(1, layers);

  function update(norm, layer) {
    const most = Math.max(...norm, 1e-9);
    const y = (v) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * v) / most;
    line.setAttribute("points", norm.map((v, l) => `${x(l).toFixed(1)},${y(v).toFixed(1)}`).join(" "));
    dots.replaceChildren(...norm.map((v, l) => make("circle", {
      cx: x(l), cy: y(v), r: l === layer ? 6 : 3, fill: l === layer ? "var(--c-vermillion)" : "var(--c-green)",
    })));
    const every = Math.ceil(layers / 12);
    labels.replaceChildren(
      ...[0, most].map((v) => make("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(v), y2: y(v), stroke: "var(--c-grid)" })),
      ...[0, most].map((v) => make("text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end" }, v ? v.toPrecision(2) : "0")),
      ...norm.flatMap((_, l) => (l % every ? [] : [make("text", { x: x(l), y: HEIGHT - 6, "text-anchor": "middle" }, String(l))])),
    );
  }
  return { node, update };
}

export default { render };
