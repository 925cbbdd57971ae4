import { softmax, entropy, uniform, make, slider, bars, facts, summary, figure, visible } from "./shared.js";

// How often each word comes up in the first n draws: the first word whose cumulated probability exceeds u.
export function tally(probabilities, seed, n) {
  const counts = probabilities.map(() => 0);
  for (let i = 0; i < n; i++) {
    let u = uniform(seed, i), word = 0;
    while (word < probabilities.length - 1 && u >= probabilities[word]) u -= probabilities[word++];
    counts[word]++;
  }
  return counts;
}

function render({ model, el }) {
  const words = model.get("words");
  const rows = bars("ig-wide"), said = summary();
  const knob = slider({
    label: "Temperature", min: Math.log(0.1), max: Math.log(3), step: "any",
    spoken: (log) => Math.exp(log).toFixed(2),
  }, (log) => change("temperature", Math.max(0.1, Math.min(3, +Math.exp(log).toFixed(3)))));
  const numbers = facts();
  const button = (text, count) => {
    const node = make("button", { type: "button" }, text);
    node.addEventListener("click", () => change("drawn", count()));
    return node;
  };
  const more = (n) => () => Math.min(100000, model.get("drawn") + n);
  const buttons = make("div", { className: "ig-controls" },
    button("Draw 1", more(1)), button("Draw 100", more(100)), button("Clear", () => 0));

  function draw() {
    const temperature = model.get("temperature"), drawn = model.get("drawn");
    const p = softmax(model.get("logits"), temperature), nats = entropy(p);
    const counts = tally(p, model.get("seed"), drawn);
    const most = Math.max(...p, ...counts.map((c) => (drawn ? c / drawn : 0)));
    knob.set(Math.log(temperature));
    rows.draw(words.map((word, i) => ({
      label: visible(word), value: p[i], mark: drawn ? counts[i] / drawn : null,
      text: p[i].toFixed(3) + (drawn ? ` · ${counts[i]}×` : ""),
    })), most);
    numbers.draw([["entropy", `${nats.toFixed(3)} nats`], ["perplexity", Math.exp(nats).toFixed(2)], ["draws", drawn]]);
    const top = p.indexOf(Math.max(...p));
    said.say(`At temperature ${temperature.toFixed(2)} the most probable word is “${words[top].trim()}” with ` +
      `${p[top].toFixed(3)}; the entropy is ${nats.toFixed(2)} nats, as if ${Math.exp(nats).toFixed(1)} words were equally likely.` +
      (drawn ? ` In ${drawn} draws it came ${counts[top]} times; the upright marks show the drawn shares.` : ""));
  }

  const title = make("p", { className: "ig-title" }, model.get("prompt") ? `${model.get("prompt")} …` : "The next word");
  const change = figure({ model, el }, "Next word at a temperature",
    [title, knob.node, rows.node, numbers.node, buttons, said.node], draw, ["temperature", "drawn", "logits", "seed"]);
}

export default { render };
