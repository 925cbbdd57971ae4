import { make, slider, bars, facts, summary, figure, visible } from "./shared.js";

const WIDTH = 520, HEIGHT = 210, LEFT = 40, RIGHT = 12, TOP = 20, BOTTOM = 30;

// The loss at a step: on a straight line between the two measured points around it.
export function lossAt(steps, losses, step) {
  const after = Math.max(1, steps.findIndex((s) => s >= step));
  if (steps.length === 1) return losses[0];
  const share = (step - steps[after - 1]) / (steps[after] - steps[after - 1]);
  return losses[after - 1] + share * (losses[after] - losses[after - 1]);
}

// Round numbers between the least and the largest loss, for the axis: 0.5, 1, 2, 5, …
export function ticks(least, most) {
  const found = [];
  for (let power = -3; power <= 3; power++) {
    for (const digit of [1, 2, 5]) found.push(digit * 10 ** power);
  }
  return found.filter((v) => v >= least * 0.999 && v <= most * 1.001);
}

function render({ model, el }) {
  const steps = model.get("steps"), losses = model.get("losses"), copies = model.get("copies");
  const rows = bars(), numbers = facts(), said = summary();
  const curve = drawCurve(steps, losses, model.get("floor"), model.get("stages"));
  const spoken = (i) => `${copies[i].step} of ${steps[steps.length - 1]}`;
  const knob = slider({ label: "After step", min: 0, max: copies.length - 1, step: 1, spoken }, (i) => change("at", i));
  const sample = make("p", { className: "ig-mono ig-sample" });

  function draw() {
    const at = model.get("at"), copy = copies[at], loss = lossAt(steps, losses, copy.step);
    knob.set(at);
    curve.update(copy.step, loss);
    numbers.draw([["loss on the curve", loss.toFixed(2)], ["floor", model.get("floor").toFixed(2)], ...Object.entries(copy.facts)]);
    sample.textContent = copy.sample;
    rows.draw(copy.words.map((word, i) => ({
      label: visible(word), value: copy.probabilities[i], text: copy.probabilities[i].toFixed(3), strong: i === 0,
    })));
    said.say(`After step ${copy.step} the loss is ${loss.toFixed(2)}, the floor ${model.get("floor").toFixed(2)} nats per token. ` +
      `After the prompt it expects “${visible(copy.words[0])}” with ${copy.probabilities[0].toFixed(3)}.`);
  }

  const change = figure({ model, el }, "A training run, step by step", [
    make("p", { className: "ig-title" }, "Loss on new documents, in nats per token"),
    curve.node, knob.node, numbers.node,
    make("p", { className: "ig-note" }, "It writes"), sample,
    make("p", { className: "ig-note" }, `After “${model.get("prompt")}” it expects`), rows.node, said.node,
  ], draw, ["at"]);
}

function drawCurve(steps, losses, floor, stages) {
  const least = Math.min(floor, ...losses) / 1.12, most = Math.max(...losses) * 1.08, last = steps[steps.length - 1];
  const x = (step) => LEFT + ((WIDTH - LEFT - RIGHT) * (step - steps[0])) / Math.max(1, last - steps[0]);
  const y = (loss) => TOP + ((HEIGHT - TOP - BOTTOM) * Math.log(most / loss)) / Math.log(most / least);
  const level = (v, properties) => make("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(v), y2: y(v), ...properties });
  const dot = make("circle", { r: 6, fill: "var(--c-vermillion)", stroke: "var(--c-paper)", "stroke-width": 2 });
  const drop = make("line", { stroke: "var(--c-vermillion)", "stroke-width": 1.5 });
  const grid = ticks(least, most).flatMap((v) => [
    level(v, { stroke: "var(--c-grid)" }),
    make("text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end" }, String(+v.toPrecision(2))),
  ]);
  const borders = stages.flatMap(([name, end], i) => {
    const begin = i ? stages[i - 1][1] : steps[0];
    const label = make("text", { x: (x(begin) + x(end)) / 2, y: TOP - 8, "text-anchor": "middle" }, name);
    const border = make("line", { x1: x(end), x2: x(end), y1: TOP, y2: HEIGHT - BOTTOM, stroke: "var(--c-muted)", "stroke-dasharray": "2 4" });
    return end < last ? [label, border] : [label];
  });
  const node = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "ig-curve", style: "max-width:640px", "aria-hidden": "true" },
    ...grid, ...borders,
    level(floor, { stroke: "var(--c-green)", "stroke-width": 2, "stroke-dasharray": "7 5" }),
    make("text", { x: LEFT + 6, y: y(floor) - 6, "text-anchor": "start" }, "floor"),
    make("polyline", { fill: "none", stroke: "var(--c-blue)", "stroke-width": 2.5, points: steps.map((s, i) => `${x(s).toFixed(1)},${y(losses[i]).toFixed(1)}`).join(" ") }),
    drop, dot,
    make("text", { x: LEFT, y: HEIGHT - 10, "text-anchor": "start" }, String(steps[0])),
    make("text", { x: WIDTH - RIGHT, y: HEIGHT - 10, "text-anchor": "end" }, `${last} steps`));

  function update(step, loss) {
    for (const [name, value] of Object.entries({ x1: x(step), x2: x(step), y1: y(loss), y2: HEIGHT - BOTTOM })) drop.setAttribute(name, value);
    dot.setAttribute("cx", x(step));
    dot.setAttribute("cy", y(loss));
  }
  return { node, update };
}

export default { render };
