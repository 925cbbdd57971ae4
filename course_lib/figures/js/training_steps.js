import { make, title, note, bars, facts, sample, shares, visible, quoted, figure } from "./shared.js";
import { picture, scale, line, rule, text, curve, dot, setAll } from "./svg.js";

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

export default figure(({ state, slider }) => {
  const { steps, losses, copies, prompt } = state, floor = state.floor.toFixed(2);
  const rows = bars(), numbers = facts(), written = sample();
  const chart = drawLoss(steps, losses, state.floor, state.stages);

  function draw() {
    const { step, facts: more, words, probabilities: p, sample: text } = copies[state.at];
    const loss = lossAt(steps, losses, step);
    chart.update(step, loss);
    numbers.draw([["loss on the curve", loss.toFixed(2)], ["floor", floor], ...Object.entries(more)]);
    written.textContent = text;
    rows.draw(shares(words.map(visible), p, 0));
    return `After step ${step} the loss is ${loss.toFixed(2)}, the floor ${floor} nats per token. ` +
      `After the prompt it expects ${quoted(words[0])} with ${p[0].toFixed(3)}.`;
  }

  const spoken = (i) => `${copies[i].step} of ${steps.at(-1)}`;
  const parts = [
    title("Loss on new documents, in nats per token"), chart,
    slider("at", { label: "After step", min: 0, max: copies.length - 1, step: 1, spoken }), numbers,
    note("It writes"), written, note(`After “${prompt}” it expects`), rows,
  ];
  return { parts, draw };
});

const WIDTH = 520, HEIGHT = 210, LEFT = 40, RIGHT = WIDTH - 12, TOP = 20, BOTTOM = HEIGHT - 30;

// The names of the stages above the parts of the run that they are, with a line where one ends.
function stageMarks(stages, x, first, last) {
  const dashes = { stroke: "var(--c-muted)", "stroke-dasharray": "2 4" };
  return stages.flatMap(([name, end], i) => {
    const above = text((x(i ? stages[i - 1][1] : first) + x(end)) / 2, TOP - 8, "middle", name);
    return end < last ? [above, line(x(end), TOP, x(end), BOTTOM, dashes)] : [above];
  });
}

function drawLoss(steps, losses, floor, stages) {
  const least = Math.min(floor, ...losses) / 1.12, most = Math.max(...losses) * 1.08;
  const first = steps[0], last = steps.at(-1), x = scale(first, Math.max(first + 1, last), LEFT, RIGHT);
  const height = scale(Math.log(most), Math.log(least), TOP, BOTTOM), y = (loss) => height(Math.log(loss));
  const here = dot(), drop = make("line", { stroke: "var(--c-vermillion)", "stroke-width": 1.5 });
  const grid = ticks(least, most).flatMap((v) =>
    [rule(LEFT, RIGHT, y(v)), text(LEFT - 6, y(v) + 4, "end", String(+v.toPrecision(2)))]);
  const node = picture(WIDTH, HEIGHT, { style: "max-width:640px" }, ...grid, ...stageMarks(stages, x, first, last),
    rule(LEFT, RIGHT, y(floor), { stroke: "var(--c-green)", "stroke-width": 2, "stroke-dasharray": "7 5" }),
    text(LEFT + 6, y(floor) - 6, "start", "floor"),
    curve(steps.map((s, i) => [x(s), y(losses[i])]), { stroke: "var(--c-blue)", "stroke-width": 2.5 }), drop, here,
    text(LEFT, HEIGHT - 10, "start", String(first)), text(RIGHT, HEIGHT - 10, "end", `${last} steps`));

  function update(step, loss) {
    setAll(drop, { x1: x(step), x2: x(step), y1: y(loss), y2: BOTTOM });
    setAll(here, { cx: x(step), cy: y(loss) });
  }
  return { node, update };
}
