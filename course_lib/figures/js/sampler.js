import { softmax, entropy, uniform, make, slider, radios, bars, facts, summary, figure, visible, percent } from "./shared.js";

const SHOWN = 12, STEP = 0.001, ALL = 0;
const COUNTS = [1, 2, 3, 4, 5, 8, 10, 20, 40, 100, ALL];

// The logits of a row, read from whole numbers below the largest.
export function unpack(view, row, size) {
  return Array.from({ length: size }, (_, i) => -STEP * view.getUint16(2 * (row * size + i), true));
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
  let sum = 0;
  for (const i of falling(logits).slice(1).reverse()) {
    sum += probabilities[i];
    if (sum > 1 - p) break;
    out.add(i);
  }
  return logits.map((z, i) => (out.has(i) ? -Infinity : z));
}

// The nucleus of OpenAI's code: tokens as long as their sum stays within p, at least one; ties with the last stay.
export function keepNucleusOpenAI(logits, p) {
  const probabilities = softmax(logits), order = falling(logits);
  let sum = 0, count = 0;
  while (count < order.length && (sum += probabilities[order[count]]) <= p) count++;
  const last = logits[order[Math.max(1, count) - 1]];
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

function render({ model, el }) {
  const vocabulary = model.get("vocabulary"), prompts = model.get("prompts"), end = model.get("end");
  const places = rowsByPath(model.get("parents"), model.get("tokens"));
  const rows = bars("ig-wide"), numbers = facts(), said = summary();
  const text = make("p", { className: "ig-mono ig-sample" });
  const clamp = (low, high, value) => Math.max(low, Math.min(high, value));
  const heat = slider({
    label: "Temperature", min: Math.log(0.1), max: Math.log(3), step: "any", spoken: (log) => Math.exp(log).toFixed(2),
  }, (log) => change("temperature", clamp(0.1, 3, +Math.exp(log).toFixed(3))));
  const count = slider({
    label: "top-k", min: 0, max: COUNTS.length - 1, step: 1, spoken: (i) => (COUNTS[i] === ALL ? "all" : String(COUNTS[i])),
  }, (i) => change("top_k", COUNTS[i]));
  const share = slider({ label: "top-p", min: 0.01, max: 1, step: 0.01, spoken: (p) => (p < 1 ? p.toFixed(2) : "all") },
    (p) => change("top_p", p));
  const rule = radios("Nucleus", [["holtzman", "reaches p (Holtzman)"], ["openai", "within p (OpenAI)"]], (v) => change("nucleus", v));
  const start = radios("Prompt", prompts.map((_, i) => [i, String(i + 1)]), (i) => { change("path", []); change("prompt", i); });
  const button = (name, pressed) => {
    const node = make("button", { type: "button" }, name);
    node.addEventListener("click", pressed);
    return node;
  };
  const draws = button("Draw a token", () => {
    const logits = here();
    if (!logits) return;
    const token = choose(cut(logits, settings()).after, uniform(model.get("seed"), model.get("drawn")));
    model.set("drawn", model.get("drawn") + 1);
    change("path", [...model.get("path"), token]);
  });
  const back = button("Take it back", () => change("path", model.get("path").slice(0, -1)));
  const again = button("Start again", () => change("path", []));

  const settings = () => ({
    temperature: model.get("temperature"), topK: model.get("top_k"), topP: model.get("top_p"), nucleus: model.get("nucleus"),
  });
  const over = () => end >= 0 && model.get("path").at(-1) === end;

  // The logits after the text so far: from the tree, or from the kernel's last answer, or none.
  function here() {
    const place = [model.get("prompt"), ...model.get("path")], name = place.join("/");
    if (over()) return null;
    if (places.has(name)) return unpack(model.get("logits"), places.get(name), vocabulary.length);
    if (model.get("answered").join("/") === name) return unpack(model.get("answer"), 0, vocabulary.length);
    if (model.get("asked").join("/") !== name) {
      model.set("asked", place);
      model.save_changes();
    }
    return null;
  }

  function draw() {
    const path = model.get("path"), logits = here();
    heat.set(Math.log(model.get("temperature")));
    count.set(Math.max(0, COUNTS.indexOf(model.get("top_k"))));
    share.set(model.get("top_p"));
    rule.set(model.get("nucleus"));
    start.set(model.get("prompt"));
    text.replaceChildren(prompts[model.get("prompt")], make("b", {}, path.map((i) => vocabulary[i]).join("")));
    draws.disabled = !logits;
    back.disabled = again.disabled = path.length === 0;
    if (!logits) return stop();
    const { before, after } = cut(logits, settings());
    const order = falling(logits).slice(0, SHOWN), kept = after.filter((p) => p > 0).length;
    const mass = before.reduce((sum, p, i) => sum + (after[i] > 0 ? p : 0), 0);
    rows.draw(order.map((i) => ({
      label: visible(vocabulary[i]), value: after[i], mark: before[i], strong: after[i] > 0,
      text: after[i] > 0 ? after[i].toFixed(3) : `cut (${before[i].toFixed(3)})`,
    })), Math.max(...before, ...after));
    numbers.draw([["kept", `${kept} of ${vocabulary.length}`], ["probability kept", percent(mass)], ["entropy", `${entropy(after).toFixed(2)} nats`]]);
    said.say(`${kept} of ${vocabulary.length} tokens are kept; before the cut they had ${percent(mass)} of the probability. ` +
      `The likeliest is “${visible(vocabulary[order[0]])}” with ${after[order[0]].toFixed(3)}. Upright marks: before the cut.`);
  }

  function stop() {
    rows.draw([]);
    numbers.draw([]);
    said.say(over() ? "The end-of-text token was drawn: the document is over."
      : "The page holds no logits for this text: only those of the likeliest continuations fit into it. " +
        "Take the token back, or start again. With a running kernel the model is asked, and the text goes on.");
  }

  const change = figure({ model, el }, "A sampler for the next token", [
    start.node, text, make("div", { className: "ig-controls" }, draws, back, again),
    heat.node, count.node, share.node, rule.node, rows.node, numbers.node, said.node,
  ], draw, ["temperature", "top_k", "top_p", "nucleus", "prompt", "path", "answer"]);
}

export default { render };
