import { uniform, make, radios, facts, summary, figure } from "./shared.js";

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
  const places = Array.from({ length: total - 1 }, (_, i) => i + 1);
  const cuts = Array.from({ length: parts - 1 }, () => places.splice(Math.floor(random() * places.length), 1)[0]);
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
  return make("span", { className: "ig-chip ig-new", role: "listitem" }, names[sentinel], make("small", {}, ` ${last - sentinel}`));
}

const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

function render({ model, el }) {
  const texts = model.get("texts"), names = model.get("names"), last = model.get("vocab_size") - 1;
  const here = () => texts[model.get("text")];
  const said = summary(), numbers = facts();
  const pick = radios("Text", texts.map((text, i) => [i, text.name]), (i) => {
    model.set("taken", texts[i].taken);
    change("text", i);
  });
  const words = make("div", { className: "ig-chips ig-gaps", role: "group", "aria-label": "Words to take away" });
  const input = make("div", { className: "ig-chips", role: "list", "aria-label": "What it reads" });
  const target = make("div", { className: "ig-chips", role: "list", "aria-label": "What it has to write" });
  let shown = null, buttons = [];

  const draw15 = make("button", { type: "button" }, "Draw 15 %");
  draw15.addEventListener("click", () => {
    const turn = model.get("drawn");
    let i = 1000 * turn;
    model.set("drawn", turn + 1);
    change("taken", randomSpans(here().words.length, 0.15, () => uniform(model.get("seed"), i++)));
  });
  const none = make("button", { type: "button" }, "Take nothing");
  none.addEventListener("click", () => change("taken", []));

  function fill() {
    shown = model.get("text");
    buttons = here().words.map((word, i) => {
      const button = make("button", { type: "button", className: "ig-chip" }, word);
      button.addEventListener("click", () => {
        const taken = model.get("taken");
        change("taken", taken.includes(i) ? taken.filter((j) => j !== i) : [...taken, i].sort((a, b) => a - b));
      });
      return button;
    });
    words.replaceChildren(...buttons);
  }

  function draw() {
    if (shown !== model.get("text")) fill();
    const taken = model.get("taken"), n = here().words.length, pair = corrupt(here().words, taken);
    pick.set(model.get("text"));
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(taken.includes(i))));
    input.replaceChildren(...pair.input.map((part) => chip(part, names, last)));
    target.replaceChildren(...pair.target.map((part) => chip(part, names, last)));
    numbers.draw([
      ["text", n], ["taken", `${taken.length} (${Math.round((100 * taken.length) / n)} %)`],
      ["read", pair.input.length], ["to write", pair.target.length],
    ]);
    const write = ({ text, sentinel }) => text ?? names[sentinel];
    said.say(`${count(taken.length, "word")} taken, in ${count(pair.spans, "span")}. It reads: ` +
      `${pair.input.map(write).join(" ")} It has to write: ${pair.target.map(write).join(" ")}`);
  }

  const change = figure({ model, el }, "Span corruption with sentinels", [
    make("p", { className: "ig-title" }, "Take words away"),
    ...(texts.length > 1 ? [pick.node] : []), words, make("div", { className: "ig-controls" }, draw15, none), numbers.node,
    make("p", { className: "ig-note" }, "The encoder reads"), input,
    make("p", { className: "ig-note" }, "The decoder has to write"), target, said.node,
  ], draw, ["text", "taken"]);
}

export default { render };
