import { make, title, note, mono, bars, facts, numbered, shares, heat, short, whenNew, figure } from "./shared.js";
import { choice } from "./grids.js";

// What all written tokens together are worth: the product of their probabilities.
export const together = (likeliest) => likeliest.reduce((product, [[, p]]) => product * p, 1);

const three = (p) => (p > 0 && p < 0.0005 ? "< 0.001" : p.toFixed(3));

export default figure(({ state, change, radios }) => {
  const { riddles, ways, kinds, solutions } = state, otherSolution = whenNew();
  const outcome = facts(), rows = bars(), place = note();
  const asked = title(), question = make("p", { className: "ig-chips", role: "img" });
  const tokens = choice({ label: "Written token", className: "ig-chips ig-hover" }, (token) => change({ token }));

  function fill({ question: read, written, likeliest }) {
    question.replaceChildren(...read.map((token) => make("span", { className: "ig-chip ig-mono" }, token)));
    question.setAttribute("aria-label", `The question in ${read.length} tokens: ${read.join(" | ")}`);
    const p = likeliest.map(([[, first]]) => first);
    const contents = written.map((token, i) => [mono(token), make("small", {}, short(p[i]))]);
    tokens.fill(contents, { className: "ig-chip" }).forEach((chip, i) => { chip.style.background = heat(p[i]); });
  }

  function draw() {
    const { riddle, way, numbers } = state, [text, right] = riddles[riddle], solution = solutions[way][numbers][riddle];
    const { written, likeliest, answer } = solution, n = written.length, token = Math.min(state.token, n - 1);
    asked.textContent = text;
    otherSolution(solution, () => fill(solution));
    tokens.set(token);
    const verdict = answer === right ? "right" : "wrong";
    outcome.draw([["answer", answer ?? "none"], ["it should be", right], ["that is", verdict], ["tokens written", n],
      ["all of them together", three(together(likeliest))]]);
    place.textContent = `At token ${token + 1} of ${n} the model expects`;
    const [names, p] = [0, 1].map((part) => likeliest[token].map((each) => each[part]));
    rows.draw(shares(names, p, 0, three));
    return `${ways[way]}, numbers as ${kinds[numbers]}: it writes ${n} tokens, and its answer, ` +
      `${answer ?? "none"}, is ${verdict}. Token ${token + 1}, “${written[token]}”, has probability ${three(p[0])}.`;
  }

  const pick = (name, legend, options) => radios(name, { legend, options: numbered(options, (each) => each) });
  const parts = [
    radios("riddle", { legend: "Riddle", options: numbered(riddles) }), asked,
    pick("way", "The model", ways), pick("numbers", "Numbers as", kinds),
    note("It reads"), question, note("It writes (pick a token)"), tokens, outcome, place, rows,
  ];
  return { parts, draw };
});
