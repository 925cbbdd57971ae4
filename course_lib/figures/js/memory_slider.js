import { make, slider, facts, summary, figure, visible } from "./shared.js";

// The first token whose state matters at each depth, from the output (depth `layers`) down to the embeddings (depth 0).
// One layer looks from the first such state back to the start of its segment, and `memory` states further.
export function firsts(output, layers, segment, memory) {
  const found = [output];
  for (let depth = layers; depth > 0; depth--) found.push(Math.max(0, Math.floor(found.at(-1) / segment) * segment - memory));
  return found.reverse();
}

const CELL = 10, LEFT = 44, ROW = 20, TOP = 8;

function render({ model, el }) {
  const tokens = model.get("tokens"), n = tokens.length, [layers, segment, memory] = model.get("most");
  const numbers = facts(), said = summary(), grid = drawGrid(n, layers);
  const knobs = {
    layers: slider({ label: "Layers", min: 1, max: layers, step: 1, spoken: String }, (v) => change("layers", v)),
    memory: slider({ label: "Memory", min: 0, max: memory, step: 1, spoken: String }, (v) => change("memory", v)),
    segment: slider({ label: "Segment", min: 1, max: segment, step: 1, spoken: String }, (v) => change("segment", v)),
    output: slider({ label: "Output at", min: 0, max: n - 1, step: 1, spoken: String }, (v) => change("output", v)),
  };
  const words = tokens.map((token) => make("span", {}, token));
  const text = make("p", { className: "ig-mono ig-reached" }, ...words);

  function draw() {
    const now = Object.fromEntries(Object.keys(knobs).map((name) => [name, model.get(name)]));
    for (const [name, knob] of Object.entries(knobs)) knob.set(now[name]);
    const first = firsts(now.output, now.layers, now.segment, now.memory);
    const start = Math.floor(now.output / now.segment) * now.segment, window = Math.max(0, start - now.memory);
    grid.update(first, now, start);
    words.forEach((word, j) => {
      word.className = j === now.output ? "ig-output" : j > now.output ? "ig-unread" : j >= first[0] ? (j >= start ? "ig-within" : "ig-before") : "";
    });
    const back = now.output - first[0], direct = now.output - window;
    numbers.draw([["reaches back", back], ["one layer alone", direct], ["with gradient", now.output - start]]);
    said.say(`With ${now.layers} layer${now.layers > 1 ? "s" : ""}, segments of ${now.segment} and a memory of ${now.memory}, the output at “${visible(tokens[now.output])}” can hold ` +
      `what was said ${back} tokens before (“${visible(tokens[first[0]])}”). One layer, or a GPT that reads the same window, sees ${direct} back. ` +
      `The gradient goes back ${now.output - start}.`);
  }

  const change = figure({ model, el }, "What a segment memory can reach", [
    make("p", { className: "ig-title" }, "What an output can hold"),
    make("div", { className: "ig-columns" }, ...Object.values(knobs).map((knob) => knob.node)),
    numbers.node, grid.node,
    make("div", { className: "ig-legend" },
      make("span", { "data-sign": "■", style: "--sign:var(--c-blue)" }, "computed with this segment: gradient flows"),
      make("span", { "data-sign": "○", style: "--sign:var(--c-amber)" }, "computed earlier, read from memory: no gradient")),
    text, said.node,
  ], draw, ["layers", "memory", "segment", "output"]);
}

function drawGrid(n, layers) {
  const width = LEFT + n * CELL + 6, height = TOP + (layers + 1) * ROW + 4;
  const x = (j) => LEFT + (j + 0.5) * CELL, y = (depth) => height - 14 - depth * ROW;
  const borders = make("g"), cells = make("g"), names = make("g");
  const node = make("svg", { viewBox: `0 0 ${width} ${height}`, class: "ig-curve ig-states", "aria-hidden": "true" }, borders, cells, names);

  function update(first, { layers, segment, output }, start) {
    const marks = [];
    for (let depth = 0; depth <= layers; depth++) {
      for (let j = 0; j < n; j++) {
        const used = j >= first[depth] && j <= output;
        if (!used) marks.push(make("circle", { cx: x(j), cy: y(depth), r: 1.2, fill: "var(--c-muted)", class: "ig-idle" }));
        else if (j >= start) marks.push(make("rect", { x: x(j) - 3.5, y: y(depth) - 3.5, width: 7, height: 7, fill: "var(--c-blue)", class: "ig-within" }));
        else marks.push(make("circle", { cx: x(j), cy: y(depth), r: 3.2, fill: "none", stroke: "var(--c-amber)", "stroke-width": 1.8, class: "ig-before" }));
      }
    }
    marks.push(make("rect", { x: x(output) - 6, y: y(layers) - 6, width: 12, height: 12, fill: "none", stroke: "var(--c-vermillion)", "stroke-width": 2.5 }));
    cells.replaceChildren(...marks);
    borders.replaceChildren(...Array.from({ length: Math.ceil(n / segment) + 1 }, (_, i) => LEFT + Math.min(n, i * segment) * CELL).map((at) =>
      make("line", { x1: at, x2: at, y1: TOP, y2: height - 4, stroke: "var(--c-grid)", "stroke-width": 1.5 })));
    names.replaceChildren(...Array.from({ length: layers + 1 }, (_, depth) =>
      make("text", { x: LEFT - 8, y: y(depth) + 4, "text-anchor": "end" }, depth ? String(depth) : "words")));
  }
  return { node, update };
}

export default { render };
