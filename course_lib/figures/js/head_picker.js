import {
  make, title, note, mono, controls, facts, whenNew, numbered, range, sum, heat, short, signed, visible, quoted,
  figure,
} from "./shared.js";
import { question } from "./fields.js";
import { choice, onHover } from "./grids.js";

// Weights of one head at one query, [query + 1], from bytes without what is masked; head H is the mean of all.
export function weightsAt({ bytes, layers, heads, tokens }, layer, head, query) {
  const n = tokens.length, size = (n * (n + 1)) / 2, row = (query * (query + 1)) / 2;
  if (head < heads) {
    const start = (layer * heads + head) * size + row;
    return Array.from(bytes.subarray(start, start + query + 1), (b) => b / 255);
  }
  const all = range(heads).map((h) => weightsAt({ bytes, layers, heads, tokens }, layer, h, query));
  return all[0].map((_, j) => sum(all.map((w) => w[j])) / heads);
}

export function unpack(look) {
  const bytes = Uint8Array.from(atob(look.weights), (c) => c.charCodeAt(0));
  return { ...look, scores: Object.fromEntries(look.scores), bytes };
}

export default figure(({ state, live, change, ask, refusal, slider, radios }) => {
  let looks = [], tokens = [];
  const read = () => { looks = state.looks.map(unpack); };
  const otherLooks = whenNew(), otherTokens = whenNew();
  otherLooks(state.looks, read);
  const { layers, heads } = looks[0], names = Object.keys(looks[0].scores), width = heads + 1;
  const numbers = facts(), next = facts(), caption = note();
  const here = () => looks[Math.min(state.look, looks.length - 1)];
  const who = (layer, head) => (head < heads ? `head ${layer}.${head}` : `all heads of layer ${layer}`);

  const grid = choice({ label: "Head", className: "ig-heads", columns: width },
    (i) => change({ head: i % width, layer: Math.floor(i / width) }));
  grid.node.style.setProperty("--columns", width);
  const above = range(width).map((h) => make("span", { className: "ig-top" }, h < heads ? `head ${h}` : "all"));
  const cells = grid.fill(range(layers * width).map(() => [make("span")]), {}, (buttons) => [
    make("span"), ...above,
    ...buttons.flatMap((one, i) => (i % width ? [one] : [make("span", {}, `layer ${i / width}`), one])),
  ]);
  const chips = choice({ label: "Token that looks", className: "ig-chips ig-hover" }, (query) => change({ query }));

  function fillTokens() {
    tokens = chips.fill(here().tokens.map((token) => [mono(visible(token)), make("small")]), { className: "ig-chip" });
    tokens.forEach((chip, query) => onHover(chip, () => change({ query })));
  }

  function drawTokens(weights, query) {
    chips.set(query);
    tokens.forEach((chip, j) => {
      const seen = j in weights;
      chip.style.background = seen ? heat(weights[j]) : "none";
      chip.classList.toggle("ig-later", !seen);
      chip.lastChild.textContent = seen ? short(weights[j]) : "–";
    });
  }

  function drawHeads(chosen) {
    const name = state.shade, full = Math.max(1, ...looks.flatMap((look) => look.scores[name].flat()));
    grid.set(chosen);
    cells.forEach((cell, i) => {
      const layer = Math.floor(i / width), head = i % width, score = here().scores[name][layer][head];
      cell.style.background = heat(Math.max(0, score / full));
      cell.firstChild.textContent = signed(score);
      cell.setAttribute("aria-label", `${who(layer, head)}, ${name} ${signed(score)}`);
    });
  }

  function draw() {
    otherLooks(state.looks, read);
    const look = here(), { layer, head } = state, query = Math.min(state.query, look.tokens.length - 1);
    otherTokens(look, fillTokens);
    const weights = weightsAt(look, layer, head, query), one = head < heads;
    drawTokens(weights, query);
    drawHeads(layer * width + head);
    const from = quoted(look.tokens[query]), name = who(layer, head);
    caption.textContent = `From ${from} (position ${query}), ${name} ${one ? "looks" : "look, on average,"} at`;
    numbers.draw(names.map((score) => [score, signed(look.scores[score][layer][head])]));
    const following = look.tokens[query + 1], p = (x) => (x / 1000).toFixed(3);
    const after = following === undefined ? [] : [
      [`next comes ${quoted(following)}: expected with`, p(look.p_next[query])],
      [`without ${one ? "this head" : "these heads"}`, p(look.p_without[layer][head][query])],
    ];
    next.draw(after.length ? after : [["the text ends here", ""]]);
    const order = weights.map((w, j) => [w, j]).sort((a, b) => b[0] - a[0] || b[1] - a[1]);
    const best = order.slice(0, 3).filter(([w]) => w > 0);
    return `From ${from}, ${name} ${one ? "gives" : "give"} most to ` +
      best.map(([w, j]) => `${quoted(look.tokens[j])} at ${j} (${w.toFixed(2)})`).join(", ") + "." +
      (after.length ? ` The next token, ${quoted(following)}, is expected with ${after[0][1]}, ` +
        `${after[1][0]} with ${after[1][1]}.` : "");
  }

  const given = () => state.looks, several = () => given().length > 1;
  const pick = state.stepped
    ? slider("look", {
      label: state.stepped, min: 0, max: given().length - 1, step: 1, spoken: (i) => given()[i].name, when: several,
    })
    : radios("look", {
      legend: "Text", options: () => numbered(given(), ({ name }) => name), when: several,
      also: (i) => ({ query: given()[i].tokens.length - 1 }),
    });
  const field = { label: "Your own text", placeholder: "Your own text", send: "Read it" };
  const parts = [
    title("Pick a head, then a token"), controls(pick),
    ...(live && !state.stepped ? [question(field, ask), refusal()] : []),
    radios("shade", { legend: "Shade by", options: names.map((name) => [name, name]) }),
    grid, numbers, caption, chips, next,
  ];
  return { parts, draw };
});
