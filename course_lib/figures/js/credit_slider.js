import {
  make, title, controls, columns, facts, numbered, range, sum, argmax, signed, visible, quoted, figure,
} from "./shared.js";

// r_t: the price of KL at every token, and the score on top at the last one.
export function tokenRewards({ logp, ref_logp, score }, beta) {
  return logp.map((own, t) => -beta * (own - ref_logp[t]) + (t === logp.length - 1 ? score : 0));
}

// Generalised advantages with γ = 1: δ_t = r_t + V_{t+1} − V_t, A_t = δ_t + λ A_{t+1}.
export function advantages(rewards, values, lam) {
  const found = Array(rewards.length).fill(0);
  let afterValue = 0, afterAdvantage = 0;
  for (const t of range(rewards.length).reverse()) {
    found[t] = rewards[t] + afterValue - values[t] + lam * afterAdvantage;
    [afterValue, afterAdvantage] = [values[t], found[t]];
  }
  return found;
}

// A bar that leans to the right of the middle, or to the left where the number is below 0.
function leaning(number, full) {
  const bar = make("span", { style: `width:${((50 * Math.abs(number)) / full).toFixed(1)}%` });
  return make("td", { className: number < 0 ? "ig-below" : "ig-above" },
    make("span", { className: "ig-lean" }, bar), make("span", {}, signed(number)));
}

const HEAD = ["token", "nats from the reference", "reward", "value", "advantage"];

export default figure(({ state, slider, radios }) => {
  const { answers } = state, numbers = facts(), body = make("tbody");
  const prompt = make("p", { className: "ig-note ig-request" });
  const knob = (name, label) => slider(name, { label, min: 0, max: 1, step: 0.05, spoken: signed });

  function draw() {
    const { beta, lam } = state, { prompt: asked, tokens, logp, ref_logp, values, score } = answers[state.answer];
    const kl = logp.map((own, t) => own - ref_logp[t]), rewards = tokenRewards({ logp, ref_logp, score }, beta);
    const A = advantages(rewards, values, lam), full = Math.max(1, ...A.map(Math.abs));
    prompt.textContent = asked;
    body.replaceChildren(...tokens.map((token, t) => make("tr", {},
      make("th", { scope: "row", className: "ig-mono" }, visible(token)),
      ...[kl[t], rewards[t], values[t]].map((x) => make("td", {}, signed(x))), leaning(A[t], full))));
    const totals = [["score", score], ["nats from the reference", sum(kl)], ["sum of rewards", sum(rewards)]];
    numbers.draw(totals.map(([name, x]) => [name, signed(x)]));
    const best = argmax(A), worst = argmax(A.map((a) => -a));
    return `With β ${signed(beta)} and λ ${signed(lam)}, ${quoted(tokens[best])} has the largest advantage, ` +
      `${signed(A[best])}, and ${quoted(tokens[worst])} the smallest, ${signed(A[worst])}.`;
  }

  const head = make("thead", {}, make("tr", {}, ...HEAD.map((name) => make("th", { scope: "col" }, name))));
  const parts = [
    title("One answer, token by token"),
    controls(radios("answer", { legend: "Answer", options: numbered(answers), when: () => answers.length > 1 })),
    columns(knob("beta", "Price β"), knob("lam", "λ")),
    prompt, make("table", { className: "ig-credit" }, head, body), numbers,
  ];
  return { parts, draw };
});
