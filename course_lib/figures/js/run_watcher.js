import { make, title, note, controls, columns, facts, numbered, sample, signed, figure } from "./shared.js";
import { picture, scale, rule, text, curve, dot, setAll } from "./svg.js";

const CURVES = [
  ["score", "Score", "mean score"], ["kl", "KL, nats per answer", "KL"], ["length", "Tokens per answer", "tokens"],
];

export default figure(({ state, slider, radios }) => {
  const { runs } = state, n = runs[0].prompts.length, numbers = facts();
  const charts = CURVES.map(([key, name]) => chart(name, runs.map((run) => run[key])));
  const asked = make("p", { className: "ig-note ig-request" }), answer = sample();
  answer.classList.add("ig-answered");

  function draw() {
    const run = runs[state.run], { at } = state;
    charts.forEach((each) => each.update(state.run, at));
    asked.textContent = run.prompts[at];
    answer.textContent = run.answers[at];
    numbers.draw(CURVES.map(([key, , name]) => [name, signed(run[key][at])]));
    return `${run.name}, iteration ${at + 1}: score ${signed(run.score[at])}, ` +
      `${signed(run.kl[at])} nats from the reference, ${signed(run.length[at], 1)} tokens per answer.`;
  }

  const options = numbered(runs, ({ name }) => name);
  const parts = [
    title("Whole runs, iteration by iteration"),
    controls(radios("run", { legend: "Run", options, when: () => runs.length > 1 })),
    slider("at", { label: "Iteration", min: 0, max: n - 1, step: 1, spoken: (i) => `${i + 1} of ${n}` }),
    columns(...charts), numbers, asked, answer,
  ];
  return { parts, draw };
});

const WIDTH = 320, HEIGHT = 130, LEFT = 34, RIGHT = WIDTH - 10, TOP = 10, BOTTOM = HEIGHT - 24;

// One quantity over the iterations: the chosen run in blue, the others behind it.
function chart(name, series) {
  const low = Math.min(...series.flat()), high = Math.max(...series.flat()), n = series[0].length;
  const x = scale(0, Math.max(1, n - 1), LEFT, RIGHT), y = scale(high, low, TOP, BOTTOM), here = dot(5.5);
  const lines = series.map((values) => curve(values.map((v, i) => [x(i), y(v)]), {})), drawn = make("g", {}, ...lines);
  const node = make("div", {}, note(name), picture(WIDTH, HEIGHT, {}, rule(LEFT, RIGHT, BOTTOM),
    ...[low, high].map((v) => text(LEFT - 6, y(v) + 4, "end", signed(v, 1))), drawn, here,
    text(LEFT, HEIGHT - 6, "start", "1"), text(RIGHT, HEIGHT - 6, "end", String(n))));

  function update(run, at) {
    lines.forEach((each, i) => setAll(each, i === run
      ? { stroke: "var(--c-blue)", "stroke-width": 2.5, class: "ig-picked-line" }
      : { stroke: "var(--c-muted)", "stroke-width": 1, class: "" }));
    drawn.append(lines[run]); // on top
    setAll(here, { cx: x(at).toFixed(1), cy: y(series[run][at]).toFixed(1) });
  }
  return { node, update };
}
