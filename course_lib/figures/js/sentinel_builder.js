import {
  uniform, make, title, note, controls, button, facts, whenNew, numbered, range, count, figure,
} from "./shared.js";

// What T5 reads and what it writes, from words and the places of those that are taken: parts { text, sentinel }.
// Each run of taken words is one sentinel in the input; the target is each sentinel with its words, and one more.
export function corrupt(words, taken) {
  const input = [], target = [];
  let sentinel = -1;
  words.forEach((text, i) => {
    if (!taken.includes(i)) { input.push({ text }); return; }
    if (!taken.includes(i - 1)) {
      sentinel += 1;
      input.push({ sentinel });
      target.push({ sentinel });
    }
    target.push({ text });
  });
  target.push({ sentinel: sentinel + 1 });
  return { input, target, spans: sentinel + 1 };
}

// A sum of `parts` whole numbers, each at least 1, that gives `total`; every way is as likely as any other.
function composition(total, parts, random) {
  const places = range(total - 1).map((i) => i + 1);
  const cuts = range(parts - 1).map(() => places.splice(Math.floor(random() * places.length), 1)[0]);
  return [0, ...cuts.sort((a, b) => a - b), total].map((cut, i, all) => cut - all[i - 1]).slice(1);
}

// Places of about `density` of n words, in spans of three on average: T5's random spans. The last word is always taken.
export function randomSpans(n, density, random) {
  const noise = Math.min(Math.max(Math.round(n * density), 1), n - 1);
  const spans = Math.min(Math.max(Math.round(noise / 3), 1), n - noise);
  const kept = composition(n - noise, spans, random), gone = composition(noise, spans, random);
  const taken = [];
  let place = 0;
  kept.forEach((length, i) => {
    place += length;
    for (const end = place + gone[i]; place < end; place++) taken.push(place);
  });
  return taken;
}

function chip({ text, sentinel }, names, last) {
  if (sentinel === undefined) return make("span", { className: "ig-chip", role: "listitem" }, text);
  return make("span", { className: "ig-chip ig-new", role: "listitem" }, names[sentinel],
    make("small", {}, ` ${last - sentinel}`));
}

export default figure(({ state, change, radios }) => {
  const { texts, names, vocab_size: size, seed } = state, numbers = facts(), other = whenNew();
  const here = () => texts[state.text].words;
  const words = make("div", { className: "ig-chips ig-gaps", role: "group", "aria-label": "Words to take away" });
  const strip = (label) => make("div", { className: "ig-chips", role: "list", "aria-label": label });
  const input = strip("What it reads"), target = strip("What it has to write");

  const toggle = (i) => {
    const { taken } = state;
    change({ taken: taken.includes(i) ? taken.filter((j) => j !== i) : [...taken, i].sort((a, b) => a - b) });
  };
  const draw15 = button("Draw 15 %", () => {
    const { drawn } = state;
    let i = 1000 * drawn;
    change({ drawn: drawn + 1, taken: randomSpans(here().length, 0.15, () => uniform(seed, i++)) });
  });
  const none = button("Take nothing", () => change({ taken: [] }));

  const fill = () => words.replaceChildren(...here().map((word, i) =>
    Object.assign(button(word, () => toggle(i)), { className: "ig-chip" })));

  function draw() {
    const { taken } = state, n = here().length, pair = corrupt(here(), taken);
    other(state.text, fill);
    [...words.children].forEach((word, i) => word.setAttribute("aria-pressed", String(taken.includes(i))));
    input.replaceChildren(...pair.input.map((part) => chip(part, names, size - 1)));
    target.replaceChildren(...pair.target.map((part) => chip(part, names, size - 1)));
    const share = `${taken.length} (${Math.round((100 * taken.length) / n)} %)`;
    numbers.draw([["text", n], ["taken", share], ["read", pair.input.length], ["to write", pair.target.length]]);
    const write = (parts) => parts.map(({ text, sentinel }) => text ?? names[sentinel]).join(" ");
    return `${count(taken.length, "word")} taken, in ${count(pair.spans, "span")}. It reads: ${write(pair.input)} ` +
      `It has to write: ${write(pair.target)}`;
  }

  const options = numbered(texts, ({ name }) => name);
  const parts = [
    title("Take words away"),
    radios("text", { legend: "Text", options, also: (i) => ({ taken: texts[i].taken }), when: () => texts.length > 1 }),
    words, controls(draw15, none), numbers, note("The encoder reads"), input, note("The decoder has to write"), target,
  ];
  return { parts, draw };
});
