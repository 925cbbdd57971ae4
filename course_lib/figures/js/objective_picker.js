import { make, title, note, mono, facts, button, range, sum, visible, quoted, figure } from "./shared.js";
import { matrix } from "./grids.js";

const NAMES = {
  autoregressive: "autoregressive",
  masked: "masked (autoencoding)",
  prefix: "prefix",
  "encoder-decoder": "encoder and decoder",
};
const START = "<start>";
const HOW = {
  masked: "Press a token: it is chosen and becomes [MASK], then a random one, then itself again (and is asked " +
    "for all the same), then it is left alone.",
  other: "Above, what each position reads; below it, what it is asked for.",
};

// What each position reads (inputs), what it is asked for (targets, null: nothing), and who sees whom.
export function plan(objective, tokens, prefix, fates, anything) {
  const next = tokens.map((_, i) => tokens[i + 1] ?? null), given = (i, j) => j <= i || j < prefix;
  if (objective === "autoregressive") return { inputs: tokens, targets: next, sees: (i, j) => j <= i };
  if (objective === "masked") {
    const inputs = tokens.map((token, i) => [token, "[MASK]", anything, token][fates[i]]);
    return { inputs, targets: tokens.map((token, i) => (fates[i] ? token : null)), sees: () => true };
  }
  if (objective === "prefix") {
    return { inputs: tokens, targets: next.map((token, i) => (i < prefix - 1 ? null : token)), sees: given };
  }
  const inputs = tokens.map((token, i) => (i < prefix ? token : i === prefix ? START : tokens[i - 1]));
  return { inputs, targets: tokens.map((token, i) => (i < prefix ? null : token)), sees: given };
}

export default figure(({ state, change, slider, radios }) => {
  const { tokens, anything } = state, n = tokens.length, numbers = facts(), how = note();
  const press = (row) => {
    const fates = state.fates.map((fate, j) => (j === row ? (fate + 1) % 4 : fate));
    change(state.objective === "masked" ? { row, fates } : { row });
  };
  const chips = range(n).map((i) => {
    const chip = Object.assign(button("", () => press(i)), { className: "ig-chip" });
    chip.replaceChildren(mono(), make("small"));
    return chip;
  });
  const table = { corner: "looks ↓\nlooked at →", className: "ig-map ig-sees", n, inside: "ig-hidden" };
  const map = matrix(table, (row) => change({ row }));

  function drawChip(chip, i, input, target) {
    chip.firstChild.textContent = visible(input);
    chip.lastChild.textContent = target === null ? "–" : `→ ${visible(target)}`;
    chip.classList.toggle("ig-new", target !== null);
    chip.setAttribute("aria-pressed", String(i === state.row));
    const asked = target === null ? "not scored" : `asked for ${visible(target)}`;
    chip.setAttribute("aria-label", `position ${i}, reads ${visible(input)}, ${asked}`);
  }

  function draw() {
    const { objective, prefix, row, fates } = state;
    const { inputs, targets, sees } = plan(objective, tokens, prefix, fates, anything);
    how.textContent = HOW[objective] ?? HOW.other;
    chips.forEach((chip, i) => drawChip(chip, i, inputs[i], targets[i]));
    map.update(inputs.map(visible), row, (cell, i, j) => {
      const on = sees(i, j), colour = targets[i] === null ? "grid" : "heat";
      cell.classList.toggle("ig-masked", !on);
      cell.style.background = on ? `color-mix(in srgb, var(--c-${colour}) 62%, transparent)` : "";
      cell.firstChild.textContent = on ? "sees" : "hidden";
    });
    map.rows.forEach((line, i) => line.classList.toggle("ig-half", objective === "encoder-decoder" && i === prefix));
    const seenBy = (i) => range(n).filter((j) => sees(i, j)).length, seen = seenBy(row);
    const scored = targets.filter((target) => target !== null).length, pairs = sum(range(n).map(seenBy));
    numbers.draw([["positions scored", `${scored} of ${n}`], ["pairs that see each other", `${pairs} of ${n * n}`]]);
    const side = seen === n ? "all positions, on both sides" : `${seen} of ${n} positions`;
    const asked = targets[row] === null ? "is not scored" : `is asked for ${quoted(targets[row])}`;
    return `${NAMES[objective]}: position ${row} reads ${quoted(inputs[row])}, sees ${side}, and ${asked}.`;
  }

  const label = "What each position reads, and is asked for";
  const strip = { className: "ig-chips ig-objective", role: "group", "aria-label": label };
  const two = () => ["prefix", "encoder-decoder"].includes(state.objective);
  const parts = [
    title("Pick an objective"), radios("objective", { legend: "Objective", options: Object.entries(NAMES) }),
    slider("prefix", { label: "Tokens that are given", min: 1, max: n - 1, step: 1, when: two }),
    make("div", strip, ...chips), how, map, numbers,
  ];
  return { parts, draw };
});
