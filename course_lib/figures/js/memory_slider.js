import { make, title, columns, facts, legend, range, count, quoted, figure } from "./shared.js";
import { picture, line, text } from "./svg.js";

// The first token whose state matters at each depth, from the output (depth `layers`) down to the embeddings (depth 0).
// One layer looks from the first such state back to the start of its segment, and `memory` states further.
export function firsts(output, layers, segment, memory) {
  const found = [output];
  for (let depth = layers; depth > 0; depth--) {
    found.push(Math.max(0, Math.floor(found.at(-1) / segment) * segment - memory));
  }
  return found.reverse();
}

export default figure(({ state, slider }) => {
  const { tokens, most: [layers, segment, memory] } = state, n = tokens.length;
  const numbers = facts(), grid = drawGrid(n, layers), words = tokens.map((token) => make("span", {}, token));
  const knob = (name, label, min, max) => slider(name, { label, min, max, step: 1 });

  function draw() {
    const first = firsts(state.output, state.layers, state.segment, state.memory), { output } = state;
    const start = Math.floor(output / state.segment) * state.segment, reached = Math.max(0, start - state.memory);
    grid.update(first, state, start);
    words.forEach((word, j) => {
      const seen = j >= start ? "ig-within" : j >= first[0] ? "ig-before" : "";
      word.className = j === output ? "ig-output" : j > output ? "ig-unread" : j >= first[0] ? seen : "";
    });
    const back = output - first[0], direct = output - reached;
    numbers.draw([["reaches back", back], ["one layer alone", direct], ["with gradient", output - start]]);
    return `With ${count(state.layers, "layer")}, segments of ${state.segment} and a memory of ${state.memory}, ` +
      `the output at ${quoted(tokens[output])} can hold what was said ${back} tokens before ` +
      `(${quoted(tokens[first[0]])}). One layer, or a GPT that reads the same window, sees ${direct} back. ` +
      `The gradient goes back ${output - start}.`;
  }

  const parts = [
    title("What an output can hold"),
    columns(knob("layers", "Layers", 1, layers), knob("memory", "Memory", 0, memory),
      knob("segment", "Segment", 1, segment), knob("output", "Output at", 0, n - 1)),
    numbers, grid,
    legend(["■", "blue", "computed with this segment: gradient flows"],
      ["○", "amber", "computed earlier, read from memory: no gradient"]),
    make("p", { className: "ig-mono ig-reached" }, ...words),
  ];
  return { parts, draw };
});

const CELL = 10, LEFT = 44, ROW = 20, TOP = 8;

function drawGrid(n, most) {
  const width = LEFT + n * CELL + 6, height = TOP + (most + 1) * ROW + 4;
  const x = (j) => LEFT + (j + 0.5) * CELL, y = (depth) => height - 14 - depth * ROW;
  const borders = make("g"), cells = make("g"), names = make("g");
  const square = (cx, cy, r, properties) =>
    make("rect", { x: cx - r, y: cy - r, width: 2 * r, height: 2 * r, ...properties });

  function mark(depth, j, first, output, start) {
    const at = { cx: x(j), cy: y(depth) };
    const idle = { r: 1.2, fill: "var(--c-muted)", class: "ig-idle" };
    if (j < first[depth] || j > output) return make("circle", { ...at, ...idle });
    if (j >= start) return square(at.cx, at.cy, 3.5, { fill: "var(--c-blue)", class: "ig-within" });
    const ring = { r: 3.2, fill: "none", stroke: "var(--c-amber)", "stroke-width": 1.8, class: "ig-before" };
    return make("circle", { ...at, ...ring });
  }

  function update(first, { layers, segment, output }, start) {
    const depths = range(layers + 1), grid = { stroke: "var(--c-grid)", "stroke-width": 1.5 };
    const ends = range(Math.ceil(n / segment) + 1).map((i) => LEFT + Math.min(n, i * segment) * CELL);
    cells.replaceChildren(...depths.flatMap((depth) => range(n).map((j) => mark(depth, j, first, output, start))),
      square(x(output), y(layers), 6, { fill: "none", stroke: "var(--c-vermillion)", "stroke-width": 2.5 }));
    borders.replaceChildren(...ends.map((at) => line(at, TOP, at, height - 4, grid)));
    names.replaceChildren(...depths.map((depth) => text(LEFT - 8, y(depth) + 4, "end", String(depth || "words"))));
  }
  return { node: picture(width, height, { class: "ig-curve ig-states" }, borders, cells, names), update };
}
