import { make, title, note, columns, facts, legend, numbered, range, signed, figure } from "./shared.js";
import { picture, scale, line, rule, text, curve } from "./svg.js";

const WIDTH = 340, HEIGHT = 230, LEFT = 38, RIGHT = WIDTH - 12, TOP = 26, BOTTOM = HEIGHT - 40;
const COLOURS = ["blue", "green", "purple", "amber"], SIGNS = ["●", "■", "▲", "◆"];

// Ticks of a linear axis from low to high: multiples of 1, 2 or 5 times a power of ten, at most six.
export function ticks(low, high) {
  const rough = (high - low) / 5, ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * ten).find((s) => s >= rough - 1e-12);
  const first = Math.ceil(low / step - 1e-9);
  return range(Math.floor(high / step + 1e-9) - first + 1).map((i) => +((first + i) * step).toFixed(6));
}

// The sign of method i at (x, y): a circle, a square, a triangle or a diamond.
function signAt(i, x, y, properties) {
  const r = 5;
  if (i === 0) return make("circle", { cx: x, cy: y, r, ...properties });
  const square = { x: x - r + 0.5, y: y - r + 0.5, width: 2 * r - 1, height: 2 * r - 1 };
  if (i === 1) return make("rect", { ...square, ...properties });
  const triangle = [[0, -r - 0.5], [r + 1, r + 0.5], [-r - 1, r + 0.5]];
  const corners = i === 2 ? triangle : [[0, -r - 1.5], [r + 1.5, 0], [0, r + 1.5], [-r - 1.5, 0]];
  return make("path", { d: `M${corners.map(([a, b]) => `${x + a} ${y + b}`).join("L")}Z`, ...properties });
}

// One of the two pictures: number `which` (1: score, 2: truth) over the KL, whose axis grows as its square root does.
function chart(methods, which, name) {
  const policies = methods.flatMap((method) => method.policies);
  const all = policies.flatMap((p) => [p.end, ...p.run.map((moment) => moment.numbers)]);
  const ends = policies.flatMap(({ end, spread }) => [end[which] - spread[which - 1], end[which] + spread[which - 1]]);
  const ys = [...all.map((n) => n[which]), ...ends], far = 1.05 * Math.max(1, ...all.map((n) => n[0]));
  const least = Math.min(...ys), most = Math.max(...ys), span = most - least || 1;
  const low = least - 0.05 * span, high = most + 0.05 * span;
  const x = (kl) => LEFT + (RIGHT - LEFT) * Math.sqrt(kl / far), y = scale(high, low, TOP, BOTTOM);
  const place = (numbers) => [x(numbers[0]), y(numbers[which])];

  const heights = ticks(low, high).flatMap((value) =>
    [rule(LEFT, RIGHT, y(value)), text(LEFT - 6, y(value) + 4, "end", String(value).replace("-", "−"))]);
  const widths = ticks(0, Math.sqrt(far)).map((root) => root ** 2).flatMap((kl) => [
    line(x(kl), BOTTOM, x(kl), BOTTOM + 4, { stroke: "var(--c-muted)" }),
    text(x(kl), BOTTOM + 17, "middle", String(+kl.toFixed(2))),
  ]);
  const axes = make("g", {}, ...heights, ...widths, rule(LEFT, RIGHT, BOTTOM, { stroke: "var(--c-muted)" }),
    text((LEFT + RIGHT) / 2, HEIGHT - 6, "middle", "KL in nats per answer"),
    make("text", { x: 0, y: 13, style: "font-weight:700" }, name));

  const still = make("g"), moving = make("g");
  methods.forEach((method, i) => {
    const stroke = `var(--c-${COLOURS[i]})`, thin = { stroke, "stroke-width": 1.5 };
    still.append(curve(method.policies.map((p) => place(p.end)), { ...thin, "stroke-dasharray": "4 3" }));
    for (const { end, spread } of method.policies) {
      const [at] = place(end), d = spread[which - 1];
      if (d) still.append(line(at, y(end[which] - d), at, y(end[which] + d), thin));
      still.append(signAt(i, ...place(end), { fill: stroke, class: "ig-point" }));
    }
  });

  function update({ run }, numbers) {
    const [cx, cy] = place(numbers), way = run.map((moment) => place(moment.numbers));
    const ring = { r: 9, fill: "none", stroke: "var(--c-vermillion)", "stroke-width": 3, class: "ig-here" };
    const trace = curve(way, { stroke: "var(--c-ink)", "stroke-width": 1.3, class: "ig-run" });
    moving.replaceChildren(...(run.length ? [trace] : []), make("circle", { cx, cy, ...ring }));
  }
  return { node: picture(WIDTH, HEIGHT, {}, axes, still, moving), update };
}

export default figure(({ state, slider, radios }) => {
  const { methods } = state, numbers = facts(), heard = note(), answers = make("ul", { className: "ig-said" });
  const charts = [chart(methods, 1, "What the reward model says"), chart(methods, 2, "What is so: the true utility")];
  const here = () => methods[state.method], policies = () => here().policies;
  const chosen = () => policies()[state.setting], moments = () => chosen().run;

  function draw() {
    const policy = chosen(), moment = state.at < 0 ? null : policy.run[state.at] ?? null;
    const [kl, score, truth] = moment ? moment.numbers : policy.end;
    for (const each of charts) each.update(policy, [kl, score, truth]);
    const spread = (which) => (!moment && policy.spread[which] ? ` ± ${signed(policy.spread[which])}` : "");
    const values = [signed(score) + spread(0), signed(truth) + spread(1)];
    numbers.draw([["KL", signed(kl)], ["score", values[0]], ["true utility", values[1]]]);
    const then = moment && (moment.answer || moment.prompt) ? [[moment.prompt, moment.answer, null]] : [];
    const said = moment ? then : policy.answers;
    const when = moment ? "One of its answers at this moment:" : "Some of its answers, and what each is worth:";
    heard.textContent = said.length ? when : "";
    answers.replaceChildren(...said.map(([prompt, answer, worth]) => make("li", {}, make("span", {}, prompt),
      make("b", {}, answer || "(nothing)"), ...(worth === null ? [] : [make("small", {}, signed(worth))]))));
    const name = here().name + (policies().length > 1 ? ` with ${here().knob} = ${policy.setting}` : "");
    return `${name}, ${moment ? `iteration ${moment.iteration}` : "at the end"}: ` +
      `${signed(kl)} nats away from where it began, the reward model gives it ${signed(score)}, ` +
      `and it is truly worth ${signed(truth)}.`;
  }

  const parts = [
    title("Choose a method, and how far it goes"),
    radios("method", {
      legend: "Method", options: numbered(methods, ({ name }) => name), also: () => ({ setting: 0, at: -1 }),
    }),
    slider("setting", {
      label: () => here().knob, min: 0, max: () => policies().length - 1, step: 1, spoken: (i) => policies()[i].setting,
      when: () => policies().length > 1,
    }),
    slider("at", {
      label: "Along the run", min: 0, max: () => moments().length, step: 1,
      spoken: (i) => (i === moments().length ? "the end" : `iteration ${moments()[i].iteration}`),
      show: (at) => (at in moments() ? at : moments().length), read: (i) => (i === moments().length ? -1 : i),
      when: () => moments().length > 0,
    }),
    columns(...charts),
    legend(...methods.map(({ name }, i) => [SIGNS[i], COLOURS[i], name]), ["○", "vermillion", "chosen"]),
    numbers, heard, answers,
  ];
  return { parts, draw };
});
