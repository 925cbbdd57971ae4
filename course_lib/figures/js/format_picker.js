import {
  softmax, make, title, note, controls, slider, button, bars, facts, whenNew, shares, sum, argmax, signed, count,
  figure,
} from "./shared.js";
import { area } from "./fields.js";
import { encode, tokenBytes, show } from "./tokens.js";

const FIELDS = {
  classification: ["Text"],
  entailment: ["Premise", "Hypothesis"],
  similarity: ["Text a", "Text b"],
  multiple_choice: ["Document", "Question"],
};
const FORMS = Object.keys(FIELDS).map((form) => [form, form.replace("_", " ")]);
const SPECIAL = { start: "start", delimiter: "delimiter", extract: "extract", padding: "pad" };
const PADDING = "At position −1 stands padding. Nothing was ever learned there, and its state depends on how long " +
  "the other texts in the batch are.";
const UNKNOWN = "This page cannot run the model and has no scores for these texts: set them yourself.";
const MORE = 3; // tokens of padding that a longer text in the same batch would bring

// The rows of a format, as lists of parts: a special token's name, or a text's place in the list of texts.
export function layout(form, texts) {
  const pair = (a, b) => ["start", ...a, "delimiter", b, "extract"];
  if (form === "classification") return [["start", 0, "extract"]];
  if (form === "entailment") return [pair([0], 1)];
  if (form === "similarity") return [pair([0], 1), pair([1], 0)];
  return texts.slice(2).map((_, k) => pair([0, 1], k + 2));
}

// The rows in tokens: ids of the texts, names of the special tokens. A text begins with a space; an empty one has none.
export function rowsOf(form, texts, merges) {
  const ids = texts.map((text) => (text === "" ? [] : encode(" " + text, merges)));
  return layout(form, texts).map((row) => row.flatMap((part) => (typeof part === "number" ? ids[part] : [part])));
}

const longest = (rows) => Math.max(...rows.map((row) => row.length));

export function pad(rows, more = 0) {
  const length = longest(rows) + more;
  return rows.map((row) => [...row, ...Array(length - row.length).fill("padding")]);
}

// From the scores of the rows [K, N] to those that the softmax takes: both orders added, candidates side by side.
export function combine(form, scores) {
  if (form === "multiple_choice") return scores.map((row) => row[0]);
  return scores[0].map((_, n) => sum(scores.map((row) => row[n])));
}

const nameOf = (form, texts) => JSON.stringify([form, ...texts]);

export default figure(({ state, change, redraw, ask, refusal, radios, checkbox }) => {
  const { merges, n_ctx: nCtx, examples } = state, bytes = tokenBytes(merges);
  const scoredOnes = examples.filter((each) => each.scores);
  const known = new Map(scoredOnes.map(({ form, texts, scores }) => [nameOf(form, texts), scores]));
  const own = new Map(); // scores that the reader has set
  const numbers = facts(), added = facts(), result = bars("ig-answers"), said = note();
  const otherFields = whenNew(), otherRows = whenNew();
  const strips = make("div", { className: "ig-strips" }), fields = make("div", { className: "ig-formats" });
  const buttons = controls();
  let inputs = [], moves = 0;

  const many = () => state.form === "multiple_choice";
  const labels = () => (many() ? state.texts.slice(2).map((_, k) => `answer ${k + 1}`) : state.labels[state.form]);
  const beginning = (form) => {
    const example = examples.find((each) => each.form === form);
    return { texts: example?.texts ?? Array(FIELDS[form].length + (form === "multiple_choice" ? 2 : 0)).fill("") };
  };

  // The scores of these texts [K, N], and whether the reader may set them.
  function scoresHere() {
    const { form, texts, answered } = state, rows = layout(form, texts).length;
    if (answered.form) known.set(nameOf(answered.form, answered.texts), answered.scores);
    if (known.has(nameOf(form, texts))) return { scores: known.get(nameOf(form, texts)), mine: false };
    ask([form, ...texts]);
    const none = () => Array.from({ length: rows }, () => Array(many() ? 1 : labels().length).fill(0));
    if (own.get(form)?.length !== rows) own.set(form, none());
    return { scores: own.get(form), mine: true };
  }

  // The same texts in another order: what is known of the rows goes with them.
  function reorder(texts, order) {
    const { scores, mine } = scoresHere(), moved = order.map((k) => scores[k]);
    if (mine) own.set(state.form, moved);
    else known.set(nameOf(state.form, texts), moved);
    moves += 1;
    change({ texts });
  }

  const turn = (list) => [list.at(-1), ...list.slice(0, -1)];
  const swap = () => reorder([state.texts[1], state.texts[0]], [1, 0]);
  const lastFirst = () => {
    const answers = state.texts.slice(2);
    reorder([...state.texts.slice(0, 2), ...turn(answers)], turn(answers.map((_, k) => k)));
  };

  function fill() {
    const { form, texts } = state;
    const names = [...FIELDS[form], ...texts.slice(FIELDS[form].length).map((_, k) => `Answer ${k + 1}`)];
    inputs = names.map((label, i) => area({ label, maxLength: 1000 },
      (text) => change({ texts: state.texts.map((old, j) => (i === j ? text : old)) })));
    fields.replaceChildren(...inputs.map(({ node }) => node));
    buttons.replaceChildren(...(form === "similarity" ? [button("Swap a and b", swap)] : []),
      ...(many() ? [button("Last answer first", lastFirst)] : []),
      button("Back to the example", () => change(beginning(state.form))));
  }

  function strip(row, k, n) {
    const at = state.place === "extract" ? row.indexOf("extract") : row.length - 1;
    const chips = row.map((token, i) => {
      const special = typeof token === "string", here = i === at ? "ig-new" : "";
      const node = make("span", { className: `ig-chip ${special ? `ig-${token}` : ""} ${here}`, role: "listitem" },
        special ? SPECIAL[token] : show(bytes[token]));
      if (here) node.append(make("small", {}, "▲ read here"));
      return node;
    });
    const name = { similarity: `Order ${k + 1}`, multiple_choice: `Answer ${k + 1}` }[state.form] ?? "Row";
    const size = `${row.filter((x) => x !== "padding").length} tokens`;
    const words = n > 1 || state.form !== "classification" ? `${name} (${size})` : size;
    return [make("p", { className: "ig-row-title" }, words),
      make("div", { className: "ig-chips ig-mono", role: "list", "aria-label": `Tokens, row ${k + 1}` }, ...chips)];
  }

  // Under each row: the scores of a model, or sliders to set them.
  function scored(row, k, mine) {
    const names = many() ? ["score"] : labels();
    if (!mine) {
      const given = facts();
      given.draw(row.map((x, n) => [names[n], signed(x)]));
      return [given.node];
    }
    return row.map((x, n) => {
      const knob = slider({ label: names[n], min: -5, max: 5, step: 0.1, spoken: signed }, (value) => {
        own.get(state.form)[k][n] = value;
        redraw();
      });
      knob.input.setAttribute("aria-label", `${names[n]}, row ${k + 1}`);
      knob.set(x);
      return knob.node;
    });
  }

  // What keeps the scores from being compared, or "".
  function problem(rows, lost) {
    const empty = state.texts.some((text, i) => text.trim() === "" && !(many() && i === 1));
    return longest(rows) > nCtx ? `A row is longer than the model's ${nCtx} positions: shorten a text.`
      : empty ? "A text is empty: each needs at least one token."
        : lost ? PADDING : "";
  }

  function draw() {
    const { form, texts } = state;
    otherFields(form + texts.length, fill);
    inputs.forEach((input, i) => input.set(texts[i]));
    const rows = rowsOf(form, texts, merges), { scores, mine } = scoresHere();
    const shown = pad(rows, state.padded ? MORE : 0), names = labels();
    const lost = state.place === "last" && shown.some((row) => row.at(-1) === "padding"), wrong = problem(rows, lost);
    otherRows(JSON.stringify([shown, state.place, mine, moves]), () => strips.replaceChildren(
      ...shown.flatMap((row, k) => [...strip(row, k, rows.length), ...(lost ? [] : scored(scores[k], k, mine))])));
    numbers.draw([["rows", rows.length], ["longest row", `${longest(rows)} of ${nCtx} tokens`],
      ["padding", shown.flat().filter((x) => x === "padding").length]]);
    const total = combine(form, scores), p = softmax(total);
    const totals = [["both orders added:", ""], ...names.map((name, n) => [name, signed(total[n])])];
    added.draw(form === "similarity" && !lost ? totals : []);
    result.draw(wrong ? [] : shares(names, p));
    said.textContent = wrong || (mine ? UNKNOWN : "Scores of a model that was fine-tuned in this chapter.");
    const over = many() ? "the answers" : "the labels", best = argmax(p);
    const words = wrong || `The softmax over ${over} gives “${names[best]}” ${p[best].toFixed(3)}.`;
    return `${count(rows.length, "row")}. ${words}`;
  }

  const places = [["extract", "at the extract token"], ["last", "at position −1"]];
  const parts = [
    title("Pick a format, and write your own sentences"),
    radios("form", { legend: "Format", options: FORMS, also: beginning }), fields, buttons, refusal(),
    controls(checkbox("padded", { label: "Beside a longer text in one batch" }),
      radios("place", { legend: "The head reads", options: places })),
    strips, numbers, said, added, result,
  ];
  return { parts, draw };
});
