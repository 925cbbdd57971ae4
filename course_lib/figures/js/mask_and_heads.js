import { softmax, floats, make, checkbox, radios, bars, summary, figure, visible } from "./shared.js";

// Weights [T, T] of one head, from raw scores [H, T, T] that know no mask; head −1 is the mean of all heads.
export function weights(scores, tokens, head, causal) {
  const size = tokens * tokens, heads = scores.length / size;
  if (head >= 0) return headWeights(scores.subarray(head * size, (head + 1) * size), tokens, causal);
  const all = Array.from({ length: heads }, (_, h) => weights(scores, tokens, h, causal));
  return all[0].map((row, i) => row.map((_, j) => all.reduce((sum, map) => sum + map[i][j], 0) / heads));
}

function headWeights(scores, tokens, causal) {
  return Array.from({ length: tokens }, (_, i) => {
    const seen = causal ? i + 1 : tokens;
    const row = softmax([...scores.subarray(i * tokens, i * tokens + seen)]);
    return [...row, ...Array(tokens - seen).fill(0)];
  });
}

function render({ model, el }) {
  const tokens = model.get("tokens"), n = tokens.length, names = tokens.map(visible);
  const scores = floats(model.get("scores")), heads = scores.length / (n * n);
  const rows = bars(), said = summary();
  const options = Array.from({ length: heads }, (_, h) => [h, model.get("head_names")[h] ?? String(h + 1)]);
  const pick = radios("Head", heads > 1 ? [...options, [-1, "average"]] : options, (h) => change("head", h));
  const mask = checkbox("causal mask", (on) => change("causal", on));
  const map = drawMap(names, (i) => { if (model.get("row") !== i) change("row", i); });
  const caption = make("p", { className: "ig-note" });

  function draw() {
    const head = model.get("head"), causal = model.get("causal"), row = model.get("row");
    const attention = weights(scores, n, head, causal);
    pick.set(head); mask.set(causal);
    map.update(attention, causal, row);
    caption.textContent = `“${names[row]}” looks at`;
    const seen = attention[row].map((w, j) => [w, j]).filter(([, j]) => !causal || j <= row);
    const top = seen.reduce((a, b) => (b[0] > a[0] ? b : a));
    rows.draw(seen.map(([w, j]) => ({ label: names[j], value: w, text: w.toFixed(3), strong: j === top[1] })));
    const whose = head < 0 ? "On average over the heads" : `In head ${options[head][1]}`;
    said.say(`${whose}, with${causal ? "" : "out"} the causal mask, “${names[row]}” (position ${row}) gives ` +
      `most weight to “${names[top[1]]}” (position ${top[1]}): ${top[0].toFixed(3)}.`);
  }

  const change = figure({ model, el }, "Attention map with mask and heads", [
    make("p", { className: "ig-title" }, "Who looks at whom"),
    make("div", { className: "ig-controls" }, pick.node, mask.node), map.node, caption, rows.node, said.node,
  ], draw, ["head", "causal", "row"]);
}

function drawMap(names, picked) {
  const head = make("tr", {}, make("th", { className: "ig-corner", scope: "col" }, "query ↓\nkey →"),
    ...names.map((name) => make("th", { scope: "col" }, make("span", {}, name))));
  const lines = names.map((name, i) => {
    const button = make("button", { type: "button" }, name);
    const line = make("tr", {}, make("th", { scope: "row" }, button), ...names.map(() => make("td", {}, make("span"))));
    button.addEventListener("focus", () => picked(i));
    button.addEventListener("click", () => picked(i));
    line.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") picked(i); });
    line.addEventListener("click", () => picked(i));
    return { line, button };
  });
  const node = make("table", { className: "ig-map" + (names.length > 6 ? " ig-many" : "") },
    make("thead", {}, head), make("tbody", {}, ...lines.map(({ line }) => line)));

  function update(attention, causal, row) {
    lines.forEach(({ line, button }, i) => {
      line.classList.toggle("ig-picked", i === row);
      button.setAttribute("aria-pressed", String(i === row));
      attention[i].forEach((w, j) => fillCell(line.children[j + 1], w, causal && j > i));
    });
  }
  return { node, update };
}

function fillCell(cell, weight, masked) {
  cell.classList.toggle("ig-masked", masked);
  cell.style.background = masked ? "" : `color-mix(in srgb, var(--c-heat) ${(100 * weight).toFixed(1)}%, transparent)`;
  cell.firstChild.textContent = masked ? "" : weight.toFixed(2).replace(/^0/, "");
}

export default { render };
