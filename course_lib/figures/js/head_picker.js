import { make, slider, radios, facts, summary, figure, visible } from "./shared.js";

// Weights of one head at one query, [query + 1], from bytes without what is masked; head H is the mean of all.
export function weightsAt({ bytes, layers, heads, tokens }, layer, head, query) {
  const n = tokens.length, size = (n * (n + 1)) / 2, row = (query * (query + 1)) / 2;
  if (head < heads) {
    const start = (layer * heads + head) * size + row;
    return Array.from(bytes.subarray(start, start + query + 1), (b) => b / 255);
  }
  const all = Array.from({ length: heads }, (_, h) => weightsAt({ bytes, layers, heads, tokens }, layer, h, query));
  return all[0].map((_, j) => all.reduce((sum, w) => sum + w[j], 0) / heads);
}

export function unpack(look) {
  return { ...look, scores: Object.fromEntries(look.scores), bytes: Uint8Array.from(atob(look.weights), (c) => c.charCodeAt(0)) };
}

const short = (w) => w.toFixed(2).replace(/^0/, "");
const signed = (x) => (x < 0 ? "−" : "") + Math.abs(x).toFixed(2);

// One choice out of many buttons: one stop for the tab key, arrows go from one to the next, `columns` to a row.
function choice(label, className, columns, picked) {
  const node = make("div", { className, role: "radiogroup", "aria-label": label });
  let buttons = [];
  node.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns(), Home: -Infinity, End: Infinity };
    const from = buttons.indexOf(event.target);
    if (!(event.key in steps) || from < 0) return;
    event.preventDefault();
    const wanted = from + steps[event.key], last = buttons.length - 1;
    const to = Math.abs(steps[event.key]) === Infinity ? Math.max(0, Math.min(last, wanted)) : wanted;
    if (buttons[to]) { buttons[to].focus(); picked(to); }
  });
  const fill = (contents, children = (all) => all) => {
    buttons = contents.map((content, i) => {
      const button = make("button", { type: "button", role: "radio" }, ...content);
      button.addEventListener("click", () => picked(i));
      button.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse" && className.includes("hover")) picked(i); });
      return button;
    });
    node.replaceChildren(...children(buttons));
    return buttons;
  };
  const set = (at) => buttons.forEach((button, i) => {
    button.setAttribute("aria-checked", String(i === at));
    button.tabIndex = i === at ? 0 : -1;
  });
  return { node, fill, set };
}

function render({ model, el }) {
  let looks, shown = null;
  const read = () => { looks = model.get("looks").map(unpack); shown = null; };
  read();
  const { layers, heads } = looks[0], names = Object.keys(looks[0].scores), columns = heads + 1;
  const here = () => looks[Math.min(model.get("look"), looks.length - 1)];
  const at = () => Math.min(model.get("query"), here().tokens.length - 1);
  const who = () => (model.get("head") < heads ? `head ${model.get("layer")}.${model.get("head")}` : `all heads of layer ${model.get("layer")}`);

  const said = summary(), numbers = facts(), next = facts();
  const caption = make("p", { className: "ig-note" });
  const looking = make("div", { className: "ig-controls" });
  const shade = radios("Shade by", names.map((name) => [name, name]), (name) => change("shade", name));
  const grid = choice("Head", "ig-heads", () => columns, (i) => {
    model.set("head", i % columns);
    change("layer", Math.floor(i / columns));
  });
  grid.node.style.setProperty("--columns", columns);
  const cells = grid.fill(Array.from({ length: layers * columns }, () => [make("span")]), (buttons) => [
    make("span"), ...Array.from({ length: columns }, (_, h) => make("span", { className: "ig-top" }, h < heads ? `head ${h}` : "all")),
    ...buttons.flatMap((button, i) => (i % columns ? [button] : [make("span", {}, `layer ${i / columns}`), button])),
  ]);
  const chips = choice("Token that looks", "ig-chips ig-hover", () => 1, (i) => { if (model.get("query") !== i) change("query", i); });
  let tokens = [];

  function pickLook() {
    const stepped = model.get("stepped");
    const pick = stepped
      ? slider({ label: stepped, min: 0, max: looks.length - 1, step: 1, spoken: (i) => looks[i].name }, (i) => change("look", i))
      : radios("Text", looks.map((look, i) => [i, look.name]), (i) => { model.set("query", looks[i].tokens.length - 1); change("look", i); });
    looking.replaceChildren(...(looks.length > 1 ? [pick.node] : []));
    return pick;
  }
  let pick = pickLook();

  function draw() {
    const look = here(), query = at(), layer = model.get("layer"), head = model.get("head");
    if (shown !== look.name + look.tokens.join("\n")) {
      shown = look.name + look.tokens.join("\n");
      tokens = chips.fill(look.tokens.map((token) => [make("span", { className: "ig-mono" }, visible(token)), make("small")]));
      tokens.forEach((button) => { button.className = "ig-chip"; });
    }
    pick.set(model.get("look"));
    shade.set(model.get("shade"));
    drawHeads(look);
    grid.set(layer * columns + head);
    const weights = weightsAt(look, layer, head, query);
    chips.set(query);
    tokens.forEach((button, j) => {
      const w = weights[j];
      button.style.background = w === undefined ? "none" : `color-mix(in srgb, var(--c-heat) ${(100 * w).toFixed(1)}%, transparent)`;
      button.classList.toggle("ig-later", w === undefined);
      button.lastChild.textContent = w === undefined ? "–" : short(w);
    });
    const best = weights.map((w, j) => [w, j]).sort((a, b) => b[0] - a[0] || b[1] - a[1]).slice(0, 3);
    const name = `“${visible(look.tokens[query])}”`, what = who();
    caption.textContent = `From ${name} (position ${query}), ${what} ${head < heads ? "looks" : "look, on average,"} at`;
    numbers.draw(names.map((score) => [score, signed(look.scores[score][layer][head])]));
    const following = look.tokens[query + 1], p = (x) => (x / 1000).toFixed(3);
    const after = following === undefined ? [] : [
      [`next comes “${visible(following)}”: expected with`, p(look.p_next[query])],
      [`without ${head < heads ? "this head" : "these heads"}`, p(look.p_without[layer][head][query])],
    ];
    next.draw(after.length ? after : [["the text ends here", ""]]);
    said.say(`From ${name}, ${what} ${head < heads ? "gives" : "give"} most to ` +
      best.filter(([w]) => w > 0).map(([w, j]) => `“${visible(look.tokens[j])}” at ${j} (${w.toFixed(2)})`).join(", ") + "." +
      (after.length ? ` The next token, “${visible(following)}”, is expected with ${after[0][1]}, ${after[1][0]} with ${after[1][1]}.` : ""));
  }

  function drawHeads(look) {
    const name = model.get("shade"), scores = look.scores[name];
    const full = Math.max(1, ...looks.flatMap((each) => each.scores[name].flat()));
    cells.forEach((cell, i) => {
      const layer = Math.floor(i / columns), head = i % columns, score = scores[layer][head];
      cell.style.background = `color-mix(in srgb, var(--c-heat) ${(100 * Math.max(0, score / full)).toFixed(1)}%, transparent)`;
      cell.firstChild.textContent = signed(score);
      cell.setAttribute("aria-label", `${head < heads ? `head ${layer}.${head}` : `all heads of layer ${layer}`}, ${name} ${signed(score)}`);
    });
  }

  const change = figure({ model, el }, "Heads of a model at work on a text", [
    make("p", { className: "ig-title" }, "Pick a head, then a token"),
    looking, ...ownText(model), shade.node, grid.node, numbers.node, caption, chips.node, next.node, said.node,
  ], draw, ["look", "layer", "head", "query", "shade"]);
  model.on("change:looks", () => { read(); pick = pickLook(); draw(); });
}

// A field for the reader's own text, where there is a kernel to read it.
function ownText(model) {
  if (!model.widget_manager || model.get("stepped")) return [];
  const input = make("input", { type: "text", "aria-label": "Your own text", placeholder: "Your own text" });
  const refused = make("p", { className: "ig-note", role: "alert" });
  const button = make("button", { type: "button" }, "Read it");
  const ask = () => { model.set("asked", input.value); model.save_changes(); };
  button.addEventListener("click", ask);
  input.addEventListener("keydown", (event) => {  // no form: JupyterLab keeps the Enter key from submitting one
    if (event.key === "Enter") { event.preventDefault(); ask(); }
  });
  model.on("change:refused", () => { refused.textContent = model.get("refused"); });
  return [make("div", { className: "ig-own" }, input, button), refused];
}

export default { render };
