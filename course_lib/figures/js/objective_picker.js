import { make, slider, radios, facts, summary, figure, visible } from "./shared.js";

const NAMES = { autoregressive: "autoregressive", masked: "masked (autoencoding)", prefix: "prefix", "encoder-decoder": "encoder and decoder" };
const START = "<start>";

// What each position reads (inputs), what it is asked for (targets, null: nothing), and who sees whom.
export function plan(objective, tokens, prefix, fates, anything) {
  const n = tokens.length, next = tokens.map((_, i) => tokens[i + 1] ?? null);
  const given = (i, j) => j <= i || j < prefix;
  if (objective === "autoregressive") return { inputs: tokens, targets: next, sees: (i, j) => j <= i };
  if (objective === "masked") {
    const inputs = tokens.map((token, i) => [token, "[MASK]", anything, token][fates[i]]);
    return { inputs, targets: tokens.map((token, i) => (fates[i] ? token : null)), sees: () => true };
  }
  if (objective === "prefix") return { inputs: tokens, targets: next.map((token, i) => (i < prefix - 1 ? null : token)), sees: given };
  const inputs = tokens.map((token, i) => (i < prefix ? token : i === prefix ? START : tokens[i - 1]));
  return { inputs, targets: tokens.map((token, i) => (i < prefix ? null : token)), sees: given, halves: [prefix, n - prefix] };
}

const say = (token) => `“${visible(token)}”`;

function render({ model, el }) {
  const tokens = model.get("tokens"), n = tokens.length, anything = model.get("anything");
  const said = summary(), numbers = facts(), note = make("p", { className: "ig-note" });
  const pick = radios("Objective", Object.entries(NAMES), (objective) => change("objective", objective));
  const given = slider({ label: "Tokens that are given", min: 1, max: n - 1, step: 1, spoken: String }, (p) => change("prefix", p));
  const look = (i) => { if (model.get("row") !== i) change("row", i); };

  const strip = make("div", { className: "ig-chips ig-objective", role: "group", "aria-label": "What each position reads, and is asked for" });
  const chips = tokens.map((_, i) => {
    const chip = make("button", { type: "button", className: "ig-chip" }, make("span", { className: "ig-mono" }), make("small"));
    chip.addEventListener("click", () => {
      if (model.get("objective") === "masked") {
        model.set("fates", model.get("fates").map((fate, j) => (j === i ? (fate + 1) % 4 : fate)));
        model.set("row", i);
        model.save_changes();
        draw();
      } else look(i);
    });
    return chip;
  });
  strip.append(...chips);
  const map = drawMap(n, look);

  function draw() {
    const objective = model.get("objective"), prefix = model.get("prefix"), row = model.get("row");
    const { inputs, targets, sees } = plan(objective, tokens, prefix, model.get("fates"), anything);
    const two = objective === "prefix" || objective === "encoder-decoder";
    pick.set(objective); given.set(prefix);
    given.node.hidden = !two;
    given.node.style.display = two ? "" : "none";
    note.textContent = objective === "masked"
      ? "Press a token: it is chosen and becomes [MASK], then a random one, then itself again (and is asked for all the same), then it is left alone."
      : "Above, what each position reads; below it, what it is asked for.";
    chips.forEach((chip, i) => {
      chip.firstChild.textContent = visible(inputs[i]);
      chip.lastChild.textContent = targets[i] === null ? "–" : `→ ${visible(targets[i])}`;
      chip.classList.toggle("ig-new", targets[i] !== null);
      chip.setAttribute("aria-pressed", String(i === row));
      chip.setAttribute("aria-label", `position ${i}, reads ${visible(inputs[i])}, ${targets[i] === null ? "not scored" : `asked for ${visible(targets[i])}`}`);
    });
    map.update(inputs.map(visible), sees, targets, row, objective === "encoder-decoder" ? prefix : 0);
    const seen = inputs.filter((_, j) => sees(row, j)).length, scored = targets.filter((target) => target !== null).length;
    const pairs = inputs.reduce((sum, _, i) => sum + inputs.filter((_, j) => sees(i, j)).length, 0);
    numbers.draw([["positions scored", `${scored} of ${n}`], ["pairs that see each other", `${pairs} of ${n * n}`]]);
    const side = seen === n ? "all positions, on both sides" : `${seen} of ${n} positions`;
    said.say(`${NAMES[objective]}: position ${row} reads ${say(inputs[row])}, sees ${side}, and ` +
      (targets[row] === null ? "is not scored." : `is asked for ${say(targets[row])}.`));
  }

  const change = figure({ model, el }, "One sentence under four objectives", [
    make("p", { className: "ig-title" }, "Pick an objective"), pick.node, given.node, strip, note, map.node, numbers.node, said.node,
  ], draw, ["objective", "prefix", "fates", "row"]);
}

function drawMap(n, picked) {
  const corner = make("th", { className: "ig-corner", scope: "col" }, "looks ↓\nlooked at →");
  const columns = Array.from({ length: n }, () => make("th", { scope: "col" }, make("span")));
  const lines = Array.from({ length: n }, (_, i) => {
    const button = make("button", { type: "button" });
    const line = make("tr", {}, make("th", { scope: "row" }, button), ...Array.from({ length: n }, () => make("td", {}, make("span", { className: "ig-hidden" }))));
    button.addEventListener("focus", () => picked(i));
    button.addEventListener("click", () => picked(i));
    line.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") picked(i); });
    line.addEventListener("click", () => picked(i));
    return { line, button };
  });
  const node = make("table", { className: "ig-map ig-sees" }, make("thead", {}, make("tr", {}, corner, ...columns)),
    make("tbody", {}, ...lines.map(({ line }) => line)));

  function update(names, sees, targets, row, half) {
    columns.forEach((column, j) => { column.firstChild.textContent = names[j]; });
    lines.forEach(({ line, button }, i) => {
      button.textContent = names[i];
      button.setAttribute("aria-pressed", String(i === row));
      line.classList.toggle("ig-picked", i === row);
      line.classList.toggle("ig-half", half > 0 && i === half);
      [...line.children].slice(1).forEach((cell, j) => {
        const on = sees(i, j);
        cell.classList.toggle("ig-masked", !on);
        cell.style.background = on ? `color-mix(in srgb, var(--${targets[i] === null ? "c-grid" : "c-heat"}) 62%, transparent)` : "";
        cell.firstChild.textContent = on ? "sees" : "hidden";
      });
    });
  }
  return { node, update };
}

export default { render };
