import { make, slider, radios, facts, summary, figure } from "./shared.js";

const CURVES = [["score", "Score", "mean score"], ["kl", "KL, nats per answer", "KL"], ["length", "Tokens per answer", "tokens"]];
const WIDTH = 320, HEIGHT = 130, LEFT = 34, RIGHT = 10, TOP = 10, BOTTOM = 24;
const signed = (x, digits = 2) => (Math.abs(x) < 5e-3 ? 0 : x).toFixed(digits).replace("-", "−");

function render({ model, el }) {
  const runs = model.get("runs"), last = runs[0].prompts.length - 1;
  const curves = CURVES.map(([key, title]) => curve(title, runs.map((run) => run[key])));
  const numbers = facts(), said = summary();
  const pick = radios("Run", runs.map((run, i) => [i, run.name]), (i) => change("run", i));
  const knob = slider({ label: "Iteration", min: 0, max: last, step: 1, spoken: (i) => `${i + 1} of ${last + 1}` }, (i) => change("at", i));
  const asked = make("p", { className: "ig-note ig-request" }), answer = make("p", { className: "ig-mono ig-sample ig-answered" });

  function draw() {
    const run = runs[model.get("run")], at = model.get("at");
    pick.set(model.get("run"));
    knob.set(at);
    curves.forEach((each) => each.update(model.get("run"), at));
    asked.textContent = run.prompts[at];
    answer.textContent = run.answers[at];
    numbers.draw(CURVES.map(([key, , name]) => [name, signed(run[key][at])]));
    said.say(`${run.name}, iteration ${at + 1}: score ${signed(run.score[at])}, ${signed(run.kl[at])} nats from the reference, ` +
      `${signed(run.length[at], 1)} tokens per answer.`);
  }

  const change = figure({ model, el }, "PPO, iteration by iteration", [
    make("p", { className: "ig-title" }, "Whole runs, iteration by iteration"),
    make("div", { className: "ig-controls" }, ...(runs.length > 1 ? [pick.node] : [])),
    knob.node, make("div", { className: "ig-columns" }, ...curves.map((each) => each.node)),
    numbers.node, asked, answer, said.node,
  ], draw, ["run", "at"]);
}

// One quantity over the iterations: the chosen run in blue, the others behind it.
function curve(title, series) {
  const all = series.flat(), low = Math.min(...all), high = Math.max(...all), n = series[0].length;
  const x = (i) => LEFT + ((WIDTH - LEFT - RIGHT) * i) / Math.max(1, n - 1);
  const y = (v) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - v)) / (high - low || 1);
  const points = (values) => values.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
  const lines = series.map((values) => make("polyline", { fill: "none", points: points(values) }));
  const dot = make("circle", { r: 5.5, fill: "var(--c-vermillion)", stroke: "var(--c-paper)", "stroke-width": 2 });
  const bottom = make("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM, stroke: "var(--c-grid)" });
  const ends = [[low, y(low)], [high, y(high)]].map(([v, at]) => make("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, signed(v, 1)));
  const drawn = make("g", {}, ...lines);
  const node = make("div", {}, make("p", { className: "ig-note" }, title),
    make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "ig-curve", "aria-hidden": "true" }, bottom, ...ends, drawn, dot,
      make("text", { x: LEFT, y: HEIGHT - 6, "text-anchor": "start" }, "1"),
      make("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, String(n))));

  function update(run, at) {
    lines.forEach((line, i) => {
      line.setAttribute("stroke", i === run ? "var(--c-blue)" : "var(--c-muted)");
      line.setAttribute("stroke-width", i === run ? 2.5 : 1);
      line.setAttribute("class", i === run ? "ig-picked-line" : "");
    });
    drawn.append(lines[run]);  // on top
    dot.setAttribute("cx", x(at).toFixed(1));
    dot.setAttribute("cy", y(series[run][at]).toFixed(1));
  }
  return { node, update };
}

export default { render };
