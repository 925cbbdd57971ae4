import {
  softmax, entropy, uniform, title, controls, button, bars, facts, temperatures, argmax, visible, figure,
} from "./shared.js";

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

export default figure(({ state, change, slider }) => {
  const { words, prompt } = state, rows = bars("ig-wide"), numbers = facts();
  const draws = (n) => button(`Draw ${n}`, () => change({ drawn: Math.min(100000, state.drawn + n) }));

  function draw() {
    const { temperature, drawn } = state, p = softmax(state.logits, temperature), nats = entropy(p), top = argmax(p);
    const counts = tally(p, state.seed, drawn), seen = counts.map((n) => (drawn ? n / drawn : null));
    rows.draw(words.map((word, i) => ({
      label: visible(word), value: p[i], mark: seen[i], text: p[i].toFixed(3) + (drawn ? ` · ${counts[i]}×` : ""),
    })), Math.max(...p, ...seen));
    numbers.draw([["entropy", `${nats.toFixed(3)} nats`], ["perplexity", Math.exp(nats).toFixed(2)], ["draws", drawn]]);
    return `At temperature ${temperature.toFixed(2)} the most probable word is “${words[top].trim()}” with ` +
      `${p[top].toFixed(3)}; the entropy is ${nats.toFixed(2)} nats, as if ${Math.exp(nats).toFixed(1)} words were ` +
      "equally likely." +
      (drawn ? ` In ${drawn} draws it came ${counts[top]} times; the upright marks show the drawn shares.` : "");
  }

  const buttons = controls(draws(1), draws(100), button("Clear", () => change({ drawn: 0 })));
  const name = title(prompt ? `${prompt} …` : "The next word");
  return { parts: [name, slider("temperature", temperatures), rows, numbers, buttons], draw };
});
