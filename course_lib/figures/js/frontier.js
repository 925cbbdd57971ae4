import { make, slider, radios, facts, summary, figure } from "./shared.js";

const WIDTH = 340, HEIGHT = 230, LEFT = 38, RIGHT = 12, TOP = 26, BOTTOM = 40;
const COLOURS = ["var(--c-blue)", "var(--c-green)", "var(--c-purple)", "var(--c-amber)"], SIGNS = ["●", "■", "▲", "◆"];
const two = (x) => x.toFixed(2).replace("-", "−");
const range = (n) => Array.from({ length: n }, (_, i) => i);

// Ticks of a linear axis from low to high: multiples of 1, 2 or 5 times a power of ten, at most six.
export function ticks(low, high) {
  const rough = (high - low) / 5, ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * ten).find((s) => s >= rough - 1e-12);
  const first = Math.ceil(low / step - 1e-9);
  return range(Math.floor(high / step + 1e-9) - first + 1).map((i) => +((first + i) * step).toFixed(6));
}

// The sign of method i at (x, y): a circle, a square, a triangle or a diamond.
function sign(i, x, y, properties) {
  const r = 5;
  if (i === 0) return make("circle", { cx: x, cy: y, r, ...properties });
  if (i === 1) return make("rect", { x: x - r + 0.5, y: y - r + 0.5, width: 2 * r - 1, height: 2 * r - 1, ...properties });
  const points = i === 2 ? [[0, -r - 0.5], [r + 1, r + 0.5], [-r - 1, r + 0.5]] : [[0, -r - 1.5], [r + 1.5, 0], [0, r + 1.5], [-r - 1.5, 0]];
  return make("path", { d: `M${points.map(([a, b]) => `${x + a} ${y + b}`).join("L")}Z`, ...properties });
}

// One of the two pictures: number `which` (1: score, 2: truth) over the KL, whose axis grows as its square root does.
function chart(methods, which, title) {
  const all = methods.flatMap(({ policies }) => policies.flatMap((p) => [p.end, ...p.run.map((m) => m.numbers)]));
  const bars = methods.flatMap(({ policies }) => policies.flatMap((p) => [p.end[which] - p.spread[which - 1], p.end[which] + p.spread[which - 1]]));
  const ys = [...all.map((n) => n[which]), ...bars], most = Math.max(1, ...all.map((n) => n[0]));
  const span = Math.max(...ys) - Math.min(...ys) || 1, low = Math.min(...ys) - 0.05 * span, high = Math.max(...ys) + 0.05 * span;
  const x = (kl) => LEFT + (WIDTH - LEFT - RIGHT) * Math.sqrt(kl / (1.05 * most));
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low);
  const base = HEIGHT - BOTTOM, axes = make("g"), still = make("g"), moving = make("g");
  for (const value of ticks(low, high)) {
    axes.append(make("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), stroke: "var(--c-grid)" }),
      make("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(value).replace("-", "−")));
  }
  const root = Math.sqrt(1.05 * most), between = ticks(0, root).map((v) => v * v);
  for (const kl of between) {
    axes.append(make("line", { x1: x(kl), x2: x(kl), y1: base, y2: base + 4, stroke: "var(--c-muted)" }),
      make("text", { x: x(kl), y: base + 17, "text-anchor": "middle" }, String(+kl.toFixed(2))));
  }
  axes.append(make("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: base, y2: base, stroke: "var(--c-muted)" }),
    make("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, "KL in nats per answer"),
    make("text", { x: 0, y: 13, style: "font-weight:700" }, title));
  const line = (points, properties) => make("polyline", { points: points.map((n) => `${x(n[0]).toFixed(1)},${y(n[which]).toFixed(1)}`).join(" "), fill: "none", ...properties });
  methods.forEach(({ policies }, i) => {
    still.append(line(policies.map((p) => p.end), { stroke: COLOURS[i], "stroke-width": 1.5, "stroke-dasharray": "4 3" }));
    for (const { end, spread } of policies) {
      const d = spread[which - 1];
      if (d) still.append(make("line", { x1: x(end[0]), x2: x(end[0]), y1: y(end[which] - d), y2: y(end[which] + d), stroke: COLOURS[i], "stroke-width": 1.5 }));
      still.append(sign(i, x(end[0]), y(end[which]), { fill: COLOURS[i], class: "ig-point" }));
    }
  });
  const node = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "ig-curve", "aria-hidden": "true" }, axes, still, moving);
  const update = (i, policy, numbers) => moving.replaceChildren(
    ...(policy.run.length ? [line(policy.run.map((m) => m.numbers), { stroke: "var(--c-ink)", "stroke-width": 1.3, class: "ig-run" })] : []),
    make("circle", { cx: x(numbers[0]), cy: y(numbers[which]), r: 9, fill: "none", stroke: "var(--c-vermillion)", "stroke-width": 3, class: "ig-here" }));
  return { node, update };
}

function render({ model, el }) {
  const methods = model.get("methods"), numbers = facts(), said = summary();
  const score = chart(methods, 1, "What the reward model says"), truth = chart(methods, 2, "What is so: the true utility");
  const settings = make("div"), moments = make("div"), heard = make("p", { className: "ig-note" }), answers = make("ul", { className: "ig-said" });
  let knob, along, shown = "";
  const here = () => methods[model.get("method")];
  const chosen = () => here().policies[model.get("setting")];
  const pick = radios("Method", methods.map(({ name }, i) => [i, name]), (i) => {
    model.set("setting", 0);
    model.set("at", -1);
    change("method", i);
  });

  // The sliders are made anew only where there is another method or a run of another length.
  function fit() {
    const { policies } = here(), { run } = chosen(), key = `${model.get("method")}/${run.length}`;
    if (key === shown) return;
    const held = document.activeElement === knob?.input;
    shown = key;
    knob = slider({ label: here().knob, min: 0, max: policies.length - 1, step: 1, spoken: (i) => policies[i].setting }, (i) => change("setting", i));
    along = slider({ label: "Along the run", min: 0, max: run.length, step: 1, spoken: (i) => (i === run.length ? "the end" : `iteration ${run[i].iteration}`) },
      (i) => change("at", i === chosen().run.length ? -1 : i));
    settings.replaceChildren(...(policies.length > 1 ? [knob.node] : []));
    moments.replaceChildren(...(run.length ? [along.node] : []));
    if (held) knob.input.focus();
  }

  function draw() {
    fit();
    const i = model.get("method"), policy = chosen(), at = model.get("at") >= policy.run.length ? -1 : model.get("at");
    const moment = at < 0 ? null : policy.run[at], [kl, proxy, true_] = moment ? moment.numbers : policy.end;
    pick.set(i);
    knob.set(model.get("setting"));
    along.set(at < 0 ? policy.run.length : at);
    for (const picture of [score, truth]) picture.update(i, policy, [kl, proxy, true_]);
    const spread = (which) => (!moment && policy.spread[which] ? ` ± ${two(policy.spread[which])}` : "");
    numbers.draw([["KL", two(kl)], ["score", two(proxy) + spread(0)], ["true utility", two(true_) + spread(1)]]);
    const rows = moment ? (moment.answer || moment.prompt ? [[moment.prompt, moment.answer, null]] : []) : policy.answers;
    heard.textContent = rows.length ? (moment ? "One of its answers at this moment:" : "Some of its answers, and what each is worth:") : "";
    answers.replaceChildren(...rows.map(([prompt, answer, utility]) => make("li", {},
      make("span", {}, prompt), make("b", {}, answer || "(nothing)"), ...(utility === null ? [] : [make("small", {}, two(utility))]))));
    const name = here().policies.length > 1 ? `${here().name} with ${here().knob} = ${policy.setting}` : here().name;
    said.say(`${name}, ${moment ? `iteration ${moment.iteration}` : "at the end"}: ${two(kl)} nats away from where it began, the reward model gives it ${two(proxy)}, ` +
      `and it is truly worth ${two(true_)}.`);
  }

  const change = figure({ model, el }, "Score and truth over KL", [
    make("p", { className: "ig-title" }, "Choose a method, and how far it goes"),
    pick.node, settings, moments,
    make("div", { className: "ig-columns" }, score.node, truth.node),
    make("div", { className: "ig-legend" },
      ...methods.map(({ name }, i) => make("span", { "data-sign": SIGNS[i], style: `--sign:${COLOURS[i]}` }, name)),
      make("span", { "data-sign": "○", style: "--sign:var(--c-vermillion)" }, "chosen")),
    numbers.node, heard, answers, said.node,
  ], draw, ["method", "setting", "at"]);
}

export default { render };
