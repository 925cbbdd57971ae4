import { make, note, title, columns, facts, legend, signed, figure } from "./shared.js";
import { picture, scale, line, rule, text, curve, dot, setAll } from "./svg.js";

const NEAR = 1e-9; // on the border itself the gradient still flows

// What one token adds to the objective, and its slope in the ratio.
export function surrogate(ratio, clip, advantage) {
  const plain = ratio * advantage, held = Math.min(Math.max(ratio, 1 - clip), 1 + clip) * advantage;
  const off = (advantage > 0 && ratio > 1 + clip + NEAR) || (advantage < 0 && ratio < 1 - clip - NEAR);
  return { plain, held, value: Math.min(plain, held), slope: off ? 0 : advantage, off };
}

export default figure(({ state, slider }) => {
  const [mostRatio, mostClip, mostAdvantage] = state.most, numbers = facts();
  const panels = [1, -1].map((sign) => panel(sign, mostRatio, mostRatio * mostAdvantage));
  const knob = (name, label, min, max, step) => slider(name, { label, min, max, step, spoken: signed });

  function draw() {
    const { ratio, clip, advantage } = state, { plain, held, value, slope, off } = surrogate(ratio, clip, advantage);
    panels.forEach((each) => each.update(ratio, clip, advantage));
    const values = { "ρA": plain, clipped: held, "the smaller one": value, "slope in ρ": slope };
    numbers.draw(Object.entries(values).map(([name, x]) => [name, signed(x)]));
    if (advantage === 0) return "The token was as good as expected: it adds nothing, and has no gradient.";
    const where = ratio > 1 + clip + NEAR ? "above 1 + ε" : ratio < 1 - clip - NEAR ? "below 1 − ε" : "within 1 ± ε";
    const than = `The token was ${advantage > 0 ? "better" : "worse"} than expected, and its ratio of ${signed(ratio)}`;
    return `${than} lies ${where}. ` +
      (off ? "It has gone far enough: the objective is flat here, and the token has no gradient."
        : `The objective has a slope: a step makes the token ${advantage > 0 ? "likelier" : "less likely"}.`);
  }

  const parts = [
    title("One token’s part of the objective, over its ratio"),
    columns(knob("ratio", "Ratio ρ", 0, mostRatio, 0.05), knob("clip", "Clip ε", 0, mostClip, 0.05),
      knob("advantage", "Advantage A", -mostAdvantage, mostAdvantage, 0.25)),
    columns(...panels),
    legend(["━", "blue", "objective: gradient flows"], ["┅", "vermillion", "objective: flat, no gradient"],
      ["╌", "muted", "ρA without the clip"]),
    numbers,
  ];
  return { parts, draw };
});

const WIDTH = 320, LEFT = 34, RIGHT = WIDTH - 10, TOP = 12, BOTTOM = 166, HEIGHT = 200;

// One half of the published figure: advantages above 0 (sign 1), or below (sign −1).
function panel(sign, mostRatio, high) {
  const zero = sign > 0 ? BOTTOM : TOP + 12;
  const x = scale(0, mostRatio, LEFT, RIGHT), y = scale(0, high, zero, zero - (BOTTOM - TOP - 12));
  const borders = make("g"), lines = make("g"), here = dot();
  const node = make("div", { className: "ig-panel" },
    note(sign > 0 ? "A > 0: better than expected" : "A < 0: worse than expected"),
    picture(WIDTH, HEIGHT, {}, borders, rule(LEFT, RIGHT, zero, { stroke: "var(--c-ink)" }),
      text(LEFT - 6, zero + 4, "end", "0"), text(RIGHT, sign > 0 ? zero + 16 : zero - 5, "end", "ρ"), lines, here));

  function border(at, name, clip) {
    const dashes = name === "1" ? "none" : "3 4", room = name === "1" || clip >= 0.15;
    return [
      line(x(at), TOP, x(at), BOTTOM, { stroke: "var(--c-grid)", "stroke-dasharray": dashes }),
      ...(room ? [text(x(at), BOTTOM + 16, "middle", name)] : []),
    ];
  }

  function update(ratio, clip, advantage) {
    const size = sign * Math.abs(advantage), on = advantage * sign > 0;
    const place = (at) => [x(at), y(surrogate(at, clip, size).value)];
    const marks = [[1 - clip, "1−ε"], [1, "1"], [1 + clip, "1+ε"]];
    borders.replaceChildren(...marks.flatMap(([at, name]) => border(at, name, clip)));
    const [left, right] = sign > 0 ? [[0, 1 + clip], [1 + clip, mostRatio]] : [[0, 1 - clip], [1 - clip, mostRatio]];
    const [sloped, flat] = sign > 0 ? [left, right] : [right, left];
    const dashed = { stroke: "var(--c-vermillion)", "stroke-width": 3, "stroke-dasharray": "7 4" };
    const plain = { stroke: "var(--c-muted)", "stroke-width": 1.5, "stroke-dasharray": "2 3" };
    lines.replaceChildren(line(x(0), y(0), x(mostRatio), y(mostRatio * size), plain),
      curve(sloped.map(place), { class: "ig-sloped", stroke: "var(--c-blue)", "stroke-width": 3 }),
      curve(flat.map(place), { class: "ig-flat", ...dashed }));
    node.classList.toggle("ig-idle", !on);
    const [cx, cy] = place(ratio);
    setAll(here, { visibility: on ? "visible" : "hidden", cx: cx.toFixed(1), cy: cy.toFixed(1) });
  }
  return { node, update };
}
