import { make, title, note, controls, bars, facts, numbered, sample, sum, argmax, count, figure } from "./shared.js";
import { question } from "./fields.js";

const UNIT = 10000; // probabilities travel in ten-thousandths

export default figure(({ state, live, ask, refusal, slider, radios }) => {
  const rows = bars(), numbers = facts(), text = sample(), p = (x) => (x / UNIT).toFixed(3);
  const here = () => state.prompts[Math.min(state.prompt, state.prompts.length - 1)];

  function draw() {
    const { task, shots, query, answers, probabilities, best, right } = here(), n = Math.min(state.shots, shots.length);
    const mine = probabilities[n], ideal = best?.[n], first = argmax(mine), known = right !== null;
    text.replaceChildren(task + shots.slice(0, n).join(""), make("b", {}, query));
    rows.draw(answers.map((label, i) => ({
      label, value: mine[i], mark: ideal ? ideal[i] : null, strong: i === right, text: p(mine[i]),
    })), UNIT);
    numbers.draw([
      ["first choice", answers[first]],
      ...(known ? [[`the right one, ${answers[right]}: model`, p(mine[right])]] : []),
      ...(known && ideal ? [["best possible", p(ideal[right])]] : []),
      ["other words", p(Math.max(0, UNIT - sum(mine)))],
    ]);
    return `After ${count(n, "shot")} the model’s first choice is “${answers[first]}” with ${p(mine[first])}.` +
      (known ? ` The right answer, “${answers[right]}”, has ${p(mine[right])}` : "") +
      (known && ideal ? `; the best possible reader gives it ${p(ideal[right])}.` : known ? "." : "");
  }

  const field = { label: "Your own lines", placeholder: "kite = Hugo; drum = Anna; kite", send: "Ask the model" };
  const pick = radios("prompt", {
    legend: "Prompt", options: () => numbered(state.prompts, ({ name }) => name), when: () => state.prompts.length > 1,
    show: (i) => Math.min(i, state.prompts.length - 1),
    also: (i) => ({ shots: Math.min(state.shots, state.prompts[i].shots.length) }),
  });
  const spoken = (n) => count(n, "shot");
  const knob = slider("shots", { label: "Shots", min: 0, max: () => here().shots.length, step: 1, spoken });
  const parts = [
    title("Give it shots, and watch the answers"), controls(pick), ...(live ? [question(field, ask), refusal()] : []),
    knob, text,
    note("Bars: the model. Upright marks: the best possible."), rows, numbers,
  ];
  return { parts, draw };
});
