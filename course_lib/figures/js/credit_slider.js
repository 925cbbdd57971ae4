import { make, slider, radios, facts, summary, figure, visible } from "./shared.js";

// r_t: the price of KL at every token, and the score on top at the last one.
export function tokenRewards({ logp, ref_logp, score }, beta) {
  return logp.map((own, t) => -beta * (own - ref_logp[t]) + (t === logp.length - 1 ? score : 0));
}

// Generalised advantages with γ = 1: δ_t = r_t + V_{t+1} − V_t, A_t = δ_t + λ A_{t+1}.
export function advantages(rewards, values, lam) {
  const found = Array(rewards.length).fill(0);
  let afterValue = 0, afterAdvantage = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    found[t] = rewards[t] + afterValue - values[t] + lam * afterAdvantage;
    [afterValue, afterAdvantage] = [values[t], found[t]];
  }
  return found;
}

const signed = (x) => (Math.abs(x) < 5e-3 ? 0 : x).toFixed(2).replace("-", "−");

function render({ model, el }) {
  const answers = model.get("answers"), numbers = facts(), said = summary();
  const pick = radios("Answer", answers.map((_, i) => [i, String(i + 1)]), (i) => change("answer", i));
  const knobs = {
    beta: slider({ label: "Price β", min: 0, max: 1, step: 0.05, spoken: signed }, (v) => change("beta", v)),
    lam: slider({ label: "λ", min: 0, max: 1, step: 0.05, spoken: signed }, (v) => change("lam", v)),
  };
  const prompt = make("p", { className: "ig-note ig-request" }), body = make("tbody");
  const head = ["token", "nats from the reference", "reward", "value", "advantage"].map((name) => make("th", { scope: "col" }, name));
  const table = make("table", { className: "ig-credit" }, make("thead", {}, make("tr", {}, ...head)), body);

  function draw() {
    const answer = answers[model.get("answer")], beta = model.get("beta"), lam = model.get("lam");
    const r = tokenRewards(answer, beta), A = advantages(r, answer.values, lam);
    const kl = answer.logp.reduce((sum, own, t) => sum + own - answer.ref_logp[t], 0);
    const full = Math.max(1, ...A.map(Math.abs));
    pick.set(model.get("answer"));
    knobs.beta.set(beta);
    knobs.lam.set(lam);
    prompt.textContent = answer.prompt;
    body.replaceChildren(...answer.tokens.map((token, t) => make("tr", {},
      make("th", { scope: "row", className: "ig-mono" }, visible(token)),
      ...[answer.logp[t] - answer.ref_logp[t], r[t], answer.values[t]].map((x) => make("td", {}, signed(x))),
      make("td", { className: A[t] < 0 ? "ig-below" : "ig-above" }, make("span", { className: "ig-lean" },
        make("span", { style: `width:${((50 * Math.abs(A[t])) / full).toFixed(1)}%` })), make("span", {}, signed(A[t]))))));
    numbers.draw([["score", signed(answer.score)], ["nats from the reference", signed(kl)], ["sum of rewards", signed(r.reduce((a, b) => a + b, 0))]]);
    const best = A.indexOf(Math.max(...A)), worst = A.indexOf(Math.min(...A));
    said.say(`With β ${signed(beta)} and λ ${signed(lam)}, “${visible(answer.tokens[best])}” has the largest advantage, ${signed(A[best])}, ` +
      `and “${visible(answer.tokens[worst])}” the smallest, ${signed(A[worst])}.`);
  }

  const change = figure({ model, el }, "Who gets the credit for a score", [
    make("p", { className: "ig-title" }, "One answer, token by token"),
    make("div", { className: "ig-controls" }, ...(answers.length > 1 ? [pick.node] : [])),
    make("div", { className: "ig-columns" }, knobs.beta.node, knobs.lam.node),
    prompt, table, numbers.node, said.node,
  ], draw, ["answer", "beta", "lam"]);
}

export default { render };
