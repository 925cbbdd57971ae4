import { make, slider, facts, summary, figure } from "./shared.js";

// What one token adds to the objective, and its slope in the ratio. On the border itself the gradient still flows.
export function surrogate(ratio, clip, advantage) {
  const plain = ratio * advantage, held = Math.min(Math.max(ratio, 1 - clip), 1 + clip) * advantage;
  const off = (advantage > 0 && ratio > 1 + clip + 1e-9) || (advantage < 0 && ratio < 1 - clip - 1e-9);
  return { plain, held, value: Math.min(plain, held), slope: off ? 0 : advantage, off };
}

const WIDTH = 320, HEIGHT = 200, LEFT = 34, RIGHT = 10, TOP = 12, BOTTOM = 34;
const signed = (x, digits = 2) => (Math.abs(x) < 5e-3 ? 0 : x).toFixed(digits).replace("-", "−");

function render({ model, el }) {
  const [mostRatio, mostClip, mostAdvantage] = model.get("most");
  const panels = [1, -1].map((sign) => panel(sign, mostRatio, mostRatio * mostAdvantage));
  const numbers = facts(), said = summary();
  const knobs = {
    ratio: slider({ label: "Ratio ρ", min: 0, max: mostRatio, step: 0.05, spoken: (v) => signed(v) }, (v) => change("ratio", v)),
    clip: slider({ label: "Clip ε", min: 0, max: mostClip, step: 0.05, spoken: (v) => signed(v) }, (v) => change("clip", v)),
    advantage: slider({ label: "Advantage A", min: -mostAdvantage, max: mostAdvantage, step: 0.25, spoken: (v) => signed(v) }, (v) => change("advantage", v)),
  };

  function draw() {
    const ratio = model.get("ratio"), clip = model.get("clip"), advantage = model.get("advantage");
    const { plain, held, value, slope, off } = surrogate(ratio, clip, advantage);
    knobs.ratio.set(ratio);
    knobs.clip.set(clip);
    knobs.advantage.set(advantage);
    panels.forEach((each) => each.update(ratio, clip, advantage));
    numbers.draw([["ρA", signed(plain)], ["clipped", signed(held)], ["the smaller one", signed(value)], ["slope in ρ", signed(slope)]]);
    const where = ratio > 1 + clip + 1e-9 ? "above 1 + ε" : ratio < 1 - clip - 1e-9 ? "below 1 − ε" : "within 1 ± ε";
    said.say(advantage === 0 ? "The token was as good as expected: it adds nothing, and has no gradient."
      : `The token was ${advantage > 0 ? "better" : "worse"} than expected, and its ratio of ${signed(ratio)} lies ${where}. ` +
        (off ? "It has gone far enough: the objective is flat here, and the token has no gradient."
          : `The objective has a slope: a step makes the token ${advantage > 0 ? "likelier" : "less likely"}.`));
  }

  const change = figure({ model, el }, "The clipped surrogate", [
    make("p", { className: "ig-title" }, "One token’s part of the objective, over its ratio"),
    make("div", { className: "ig-columns" }, knobs.ratio.node, knobs.clip.node, knobs.advantage.node),
    make("div", { className: "ig-columns" }, ...panels.map((each) => each.node)),
    make("div", { className: "ig-legend" },
      make("span", { "data-sign": "━", style: "--sign:var(--c-blue)" }, "objective: gradient flows"),
      make("span", { "data-sign": "┅", style: "--sign:var(--c-vermillion)" }, "objective: flat, no gradient"),
      make("span", { "data-sign": "╌", style: "--sign:var(--c-muted)" }, "ρA without the clip")),
    numbers.node, said.node,
  ], draw, ["ratio", "clip", "advantage"]);
}

// One half of the published figure: advantages above 0 (sign 1), or below (sign −1).
function panel(sign, mostRatio, high) {
  const x = (ratio) => LEFT + ((WIDTH - LEFT - RIGHT) * ratio) / mostRatio;
  const zero = sign > 0 ? HEIGHT - BOTTOM : TOP + 12, tall = HEIGHT - BOTTOM - TOP - 12;
  const y = (value) => zero - (tall * value) / high;
  const line = (properties) => make("line", properties);
  const borders = make("g"), curve = make("g");
  const dot = make("circle", { r: 6, fill: "var(--c-vermillion)", stroke: "var(--c-paper)", "stroke-width": 2 });
  const node = make("div", { className: "ig-panel" }, make("p", { className: "ig-note" }, sign > 0 ? "A > 0: better than expected" : "A < 0: worse than expected"),
    make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "ig-curve", "aria-hidden": "true" },
      borders,
      line({ x1: LEFT, x2: WIDTH - RIGHT, y1: zero, y2: zero, stroke: "var(--c-ink)" }),
      make("text", { x: LEFT - 6, y: zero + 4, "text-anchor": "end" }, "0"),
      make("text", { x: WIDTH - RIGHT, y: sign > 0 ? zero + 16 : zero - 5, "text-anchor": "end" }, "ρ"),
      curve, dot));

  function update(ratio, clip, advantage) {
    const size = sign * Math.abs(advantage), here = advantage * sign > 0;
    const marks = [[1 - clip, "1−ε"], [1, "1"], [1 + clip, "1+ε"]];
    borders.replaceChildren(...marks.flatMap(([at, name]) => [
      line({ x1: x(at), x2: x(at), y1: TOP, y2: HEIGHT - BOTTOM, stroke: "var(--c-grid)", "stroke-dasharray": name === "1" ? "none" : "3 4" }),
      ...(name === "1" || clip >= 0.15 ? [make("text", { x: x(at), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, name)] : []),
    ]));
    const points = (...ratios) => ratios.map((at) => `${x(at).toFixed(1)},${y(surrogate(at, clip, size).value).toFixed(1)}`).join(" ");
    const sloped = sign > 0 ? [0, 1 + clip] : [1 - clip, mostRatio], flat = sign > 0 ? [1 + clip, mostRatio] : [0, 1 - clip];
    curve.replaceChildren(
      line({ x1: x(0), x2: x(mostRatio), y1: y(0), y2: y(mostRatio * size), stroke: "var(--c-muted)", "stroke-width": 1.5, "stroke-dasharray": "2 3" }),
      make("polyline", { fill: "none", stroke: "var(--c-blue)", "stroke-width": 3, class: "ig-sloped", points: points(...sloped) }),
      make("polyline", { fill: "none", stroke: "var(--c-vermillion)", "stroke-width": 3, "stroke-dasharray": "7 4", class: "ig-flat", points: points(...flat) }));
    node.classList.toggle("ig-idle", !here);
    dot.setAttribute("visibility", here ? "visible" : "hidden");
    dot.setAttribute("cx", x(ratio).toFixed(1));
    dot.setAttribute("cy", y(surrogate(ratio, clip, size).value).toFixed(1));
  }
  return { node, update };
}

export default { render };
