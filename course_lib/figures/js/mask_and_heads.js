import {
  softmax, floats, title, note, controls, bars, shares, numbered, range, sum, argmax, heat, short, visible, figure,
} from "./shared.js";
import { matrix } from "./grids.js";

// Weights [T, T] of one head, from raw scores [H, T, T] that know no mask; head −1 is the mean of all heads.
export function weights(scores, tokens, head, causal) {
  const size = tokens * tokens, heads = scores.length / size;
  if (head >= 0) return headWeights(scores.subarray(head * size, (head + 1) * size), tokens, causal);
  const all = range(heads).map((h) => weights(scores, tokens, h, causal));
  return all[0].map((row, i) => row.map((_, j) => sum(all.map((map) => map[i][j])) / heads));
}

function headWeights(scores, tokens, causal) {
  return range(tokens).map((i) => {
    const seen = causal ? i + 1 : tokens;
    const row = softmax([...scores.subarray(i * tokens, i * tokens + seen)]);
    return [...row, ...Array(tokens - seen).fill(0)];
  });
}

export default figure(({ state, change, radios, checkbox }) => {
  const names = state.tokens.map(visible), n = names.length, scores = floats(state.scores);
  const heads = numbered(state.head_names, (name) => name), rows = bars(), caption = note();
  const table = { corner: "query ↓\nkey →", className: `ig-map${n > 6 ? " ig-many" : ""}`, n };
  const map = matrix(table, (row) => change({ row }));

  function draw() {
    const { head, causal, row } = state, attention = weights(scores, n, head, causal);
    map.update(names, row, (cell, i, j) => {
      const w = attention[i][j], masked = causal && j > i;
      cell.classList.toggle("ig-masked", masked);
      cell.style.background = masked ? "" : heat(w);
      cell.firstChild.textContent = masked ? "" : short(w);
    });
    caption.textContent = `“${names[row]}” looks at`;
    const seen = attention[row].slice(0, causal ? row + 1 : n), top = argmax(seen);
    rows.draw(shares(names.slice(0, seen.length), seen));
    const whose = head < 0 ? "On average over the heads" : `In head ${heads[head][1]}`;
    return `${whose}, with${causal ? "" : "out"} the causal mask, “${names[row]}” (position ${row}) gives ` +
      `most weight to “${names[top]}” (position ${top}): ${seen[top].toFixed(3)}.`;
  }

  const options = heads.length > 1 ? [...heads, [-1, "average"]] : heads;
  const knobs = controls(radios("head", { legend: "Head", options }), checkbox("causal", { label: "causal mask" }));
  return { parts: [title("Who looks at whom"), knobs, map, caption, rows], draw };
});
