import {
  softmax, entropy, uniform, make, controls, button, bars, facts, numbered, sample, temperatures, range, sum, visible,
  quoted, percent, figure,
} from "./shared.js";

const SHOWN = 12, STEP = 0.001, ALL = 0;
const COUNTS = [1, 2, 3, 4, 5, 8, 10, 20, 40, 100, ALL];

// The logits of a row, read from whole numbers below the largest.
export function unpack(view, row, size) {
  return range(size).map((i) => -STEP * view.getUint16(2 * (row * size + i), true));
}

// The token ids from the likeliest to the unlikeliest; of equals the first comes first.
const falling = (logits) => logits.map((_, i) => i).sort((a, b) => logits[b] - logits[a] || a - b);

export function keepTopK(logits, k) {
  if (k === ALL || k >= logits.length) return logits;
  const kth = logits[falling(logits)[k - 1]];
  return logits.map((z) => (z < kth ? -Infinity : z));
}

// Holtzman's nucleus: the smallest set that reaches p. Sums run up from the unlikeliest.
export function keepNucleus(logits, p) {
  const probabilities = softmax(logits), out = new Set();
  let gone = 0;
  for (const i of falling(logits).slice(1).reverse()) {
    gone += probabilities[i];
    if (gone > 1 - p) break;
    out.add(i);
  }
  return logits.map((z, i) => (out.has(i) ? -Infinity : z));
}

// The nucleus of OpenAI's code: tokens as long as their sum stays within p, at least one; ties with the last stay.
export function keepNucleusOpenAI(logits, p) {
  const probabilities = softmax(logits), order = falling(logits);
  let kept = 0, n = 0;
  while (n < order.length && (kept += probabilities[order[n]]) <= p) n++;
  const last = logits[order[Math.max(1, n) - 1]];
  return logits.map((z) => (z < last ? -Infinity : z));
}

// The rules in their order: temperature, top-k, top-p. Gives the distributions before and after the cut.
export function cut(logits, { temperature, topK, topP, nucleus }) {
  const scaled = logits.map((z) => z / temperature);
  let kept = keepTopK(scaled, topK);
  if (topP < 1) kept = (nucleus === "openai" ? keepNucleusOpenAI : keepNucleus)(kept, topP);
  return { before: softmax(scaled), after: softmax(kept) };
}

// The first token whose cumulated probability exceeds u.
export function choose(probabilities, u) {
  let chosen = 0;
  probabilities.forEach((p, i) => {
    if (u >= 0 && p > 0) chosen = i;
    u -= p;
  });
  return chosen;
}

// The nodes by their paths: "prompt/id/id/…" → row of the logits.
export function rowsByPath(parents, tokens) {
  const names = [];
  parents.forEach((parent, i) => names.push(parent < 0 ? `${-1 - parent}` : `${names[parent]}/${tokens[i]}`));
  return new Map(names.map((name, i) => [name, i]));
}

const NUCLEI = [["holtzman", "reaches p (Holtzman)"], ["openai", "within p (OpenAI)"]];
const OVER = "The end-of-text token was drawn: the document is over.";
const UNKNOWN = "The page holds no logits for this text: only those of the likeliest continuations fit into it. " +
  "Take the token back, or start again. With a running kernel the model is asked, and the text goes on.";

export default figure(({ state, change, ask, slider, radios }) => {
  const { vocabulary, prompts, end } = state, places = rowsByPath(state.parents, state.tokens);
  const rows = bars("ig-wide"), numbers = facts(), text = sample();
  const rules = () => {
    const { temperature, top_k: topK, top_p: topP, nucleus } = state;
    return { temperature, topK, topP, nucleus };
  };
  const draws = button("Draw a token", () => {
    const { path, drawn, seed } = state, token = choose(cut(logitsHere(), rules()).after, uniform(seed, drawn));
    change({ drawn: drawn + 1, path: [...path, token] });
  });
  const back = button("Take it back", () => change({ path: state.path.slice(0, -1) }));
  const again = button("Start again", () => change({ path: [] }));
  const over = () => end >= 0 && state.path.at(-1) === end;

  // The logits after the text so far: from the tree, or from the kernel's last answer, or none.
  function logitsHere() {
    const place = [state.prompt, ...state.path], name = place.join("/"), size = vocabulary.length;
    if (over()) return null;
    if (places.has(name)) return unpack(state.logits, places.get(name), size);
    if (state.answered.join("/") === name) return unpack(state.answer, 0, size);
    ask(place);
    return null;
  }

  function draw() {
    const { prompt, path } = state, logits = logitsHere();
    text.replaceChildren(prompts[prompt], make("b", {}, path.map((i) => vocabulary[i]).join("")));
    draws.disabled = !logits;
    back.disabled = again.disabled = path.length === 0;
    if (!logits) {
      rows.draw([]);
      numbers.draw([]);
      return over() ? OVER : UNKNOWN;
    }
    const { before, after } = cut(logits, rules()), order = falling(logits).slice(0, SHOWN);
    const kept = `${after.filter((p) => p > 0).length} of ${vocabulary.length}`;
    const mass = percent(sum(before.filter((_, i) => after[i] > 0)));
    rows.draw(order.map((i) => ({
      label: visible(vocabulary[i]), value: after[i], mark: before[i], strong: after[i] > 0,
      text: after[i] > 0 ? after[i].toFixed(3) : `cut (${before[i].toFixed(3)})`,
    })), Math.max(...before, ...after));
    numbers.draw([["kept", kept], ["probability kept", mass], ["entropy", `${entropy(after).toFixed(2)} nats`]]);
    return `${kept} tokens are kept; before the cut they had ${mass} of the probability. The likeliest is ` +
      `${quoted(vocabulary[order[0]])} with ${after[order[0]].toFixed(3)}. Upright marks: before the cut.`;
  }

  const parts = [
    radios("prompt", { legend: "Prompt", options: numbered(prompts), also: () => ({ path: [] }) }), text,
    controls(draws, back, again), slider("temperature", temperatures),
    slider("top_k", {
      label: "top-k", min: 0, max: COUNTS.length - 1, step: 1, spoken: (i) => String(COUNTS[i] || "all"),
      show: (k) => Math.max(0, COUNTS.indexOf(k)), read: (i) => COUNTS[i],
    }),
    slider("top_p", { label: "top-p", min: 0.01, max: 1, step: 0.01, spoken: (p) => (p < 1 ? p.toFixed(2) : "all") }),
    radios("nucleus", { legend: "Nucleus", options: NUCLEI }),
    rows, numbers,
  ];
  return { parts, draw };
});
