import { softmax, make, slider, radios, checkbox, bars, facts, summary, figure, newId } from "./shared.js";
import { encode, tokenBytes, show } from "./tokens.js";

const FORMS = { classification: "classification", entailment: "entailment", similarity: "similarity", multiple_choice: "multiple choice" };
const FIELDS = {
  classification: ["Text"], entailment: ["Premise", "Hypothesis"], similarity: ["Text a", "Text b"], multiple_choice: ["Document", "Question"],
};
const SPECIAL = { start: "start", delimiter: "delimiter", extract: "extract", padding: "pad" };
const MORE = 3; // tokens of padding that a longer text in the same batch would bring

// The rows of a format, as lists of parts: a special token's name, or a text's place in the list of texts.
export function layout(form, texts) {
  const pair = (a, b) => ["start", ...a, "delimiter", b, "extract"];
  if (form === "classification") return [["start", 0, "extract"]];
  if (form === "entailment") return [pair([0], 1)];
  if (form === "similarity") return [pair([0], 1), pair([1], 0)];
  return texts.slice(2).map((_, k) => pair([0, 1], k + 2));
}

// The rows in tokens: ids of the texts, names of the special tokens. A text begins with a space; an empty one is nothing.
export function rowsOf(form, texts, merges) {
  const ids = texts.map((text) => (text === "" ? [] : encode(" " + text, merges)));
  return layout(form, texts).map((row) => row.flatMap((part) => (typeof part === "number" ? ids[part] : [part])));
}

export function pad(rows, more = 0) {
  const length = Math.max(...rows.map((row) => row.length)) + more;
  return rows.map((row) => [...row, ...Array(length - row.length).fill("padding")]);
}

// From the scores of the rows [K, N] to those that the softmax takes: both orders added, candidates side by side.
export function combine(form, scores) {
  if (form === "multiple_choice") return scores.map((row) => row[0]);
  return scores[0].map((_, n) => scores.reduce((sum, row) => sum + row[n], 0));
}

const signed = (x) => (x < 0 ? "−" : "") + Math.abs(x).toFixed(2);
const place = (form, texts) => JSON.stringify([form, ...texts]);

function render({ model, el }) {
  const merges = model.get("merges"), bytes = tokenBytes(merges), nCtx = model.get("n_ctx");
  const known = new Map(model.get("examples").filter((each) => each.scores).map((each) => [place(each.form, each.texts), each.scores]));
  const own = new Map(); // scores that the reader has set
  const said = summary(), numbers = facts(), sum = facts(), result = bars("ig-answers");
  const strips = make("div", { className: "ig-strips" }), fields = make("div", { className: "ig-formats" }), buttons = make("div", { className: "ig-controls" });
  const refused = make("p", { className: "ig-note", role: "alert" });
  const note = make("p", { className: "ig-note" });
  const pick = radios("Format", Object.entries(FORMS), (form) => begin(form));
  const padded = checkbox("Beside a longer text in one batch", (on) => change("padded", on));
  const reading = radios("The head reads", [["extract", "at the extract token"], ["last", "at position −1"]], (where) => change("place", where));
  let inputs = [], drawn = "", busy = false;

  const form = () => model.get("form"), texts = () => model.get("texts");
  const labels = () => (form() === "multiple_choice" ? texts().slice(2).map((_, k) => `answer ${k + 1}`) : model.get("labels")[form()]);
  const write = (list) => change("texts", list);

  function begin(name) {
    const example = model.get("examples").find((each) => each.form === name);
    busy = true; // the new form's texts do not fit the old form
    model.set("texts", example ? example.texts : Array(FIELDS[name].length + (name === "multiple_choice" ? 2 : 0)).fill(""));
    change("form", name);
    busy = false;
    draw();
  }

  function scoresHere() {
    const key = place(form(), texts());
    if (known.has(key)) return { scores: known.get(key), mine: false };
    if (model.widget_manager && model.get("asked").join("\n") !== [form(), ...texts()].join("\n")) {
      model.set("asked", [form(), ...texts()]);
      model.save_changes();
    }
    const one = form() === "multiple_choice";
    if (!own.has(form()) || own.get(form()).length !== layout(form(), texts()).length) {
      own.set(form(), layout(form(), texts()).map(() => Array(one ? 1 : labels().length).fill(0)));
    }
    return { scores: own.get(form()), mine: true };
  }

  // Other texts, or the same in another order: then what is known of the rows goes with them.
  function reorder(list, rows) {
    const { scores, mine } = scoresHere(), moved = rows.map((k) => scores[k]);
    if (mine) own.set(form(), moved);
    else known.set(place(form(), list), moved);
    write(list);
  }

  const pressed = (name, act) => {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", act);
    return button;
  };

  function drawFields() {
    const names = [...FIELDS[form()], ...texts().slice(FIELDS[form()].length).map((_, k) => `Answer ${k + 1}`)];
    if (drawn !== form() + names.length) {
      drawn = form() + names.length;
      inputs = names.map((_, i) => {
        const input = make("textarea", { id: newId(), rows: 1, maxLength: 1000, spellcheck: false });
        input.addEventListener("input", () => write(texts().map((text, j) => (i === j ? input.value : text))));
        return input;
      });
      fields.replaceChildren(...inputs.flatMap((input, i) => [make("label", { htmlFor: input.id }, names[i]), input]));
      buttons.replaceChildren(...(form() === "similarity" ? [pressed("Swap a and b", () => reorder([texts()[1], texts()[0]], [1, 0]))] : []),
        ...(form() === "multiple_choice" ? [pressed("Last answer first", () => {
          const answers = texts().slice(2), turn = (list) => [list.at(-1), ...list.slice(0, -1)];
          reorder([...texts().slice(0, 2), ...turn(answers)], turn(answers.map((_, k) => k)));
        })] : []),
        pressed("Back to the example", () => begin(form())));
    }
    inputs.forEach((input, i) => {
      if (input.value !== texts()[i]) input.value = texts()[i];
      input.rows = Math.max(1, Math.ceil(input.value.length / 64));
    });
  }

  function strip(row, k, count) {
    const at = model.get("place") === "extract" ? row.indexOf("extract") : row.length - 1;
    const chips = row.map((token, i) => {
      const special = typeof token === "string";
      const node = make("span", { className: `ig-chip ${special ? `ig-${token}` : ""} ${i === at ? "ig-new" : ""}`, role: "listitem" },
        special ? SPECIAL[token] : show(bytes[token]));
      if (i === at) node.append(make("small", {}, "▲ read here"));
      return node;
    });
    const title = form() === "similarity" ? `Order ${k + 1}` : form() === "multiple_choice" ? `Answer ${k + 1}` : "Row";
    return [make("p", { className: "ig-row-title" }, count > 1 || form() !== "classification" ? `${title} (${row.filter((x) => x !== "padding").length} tokens)` : `${row.filter((x) => x !== "padding").length} tokens`),
      make("div", { className: "ig-chips ig-mono", role: "list", "aria-label": `Tokens, row ${k + 1}` }, ...chips)];
  }

  // Under each row: the scores of a model, or sliders to set them.
  function scored(row, k, mine) {
    const names = form() === "multiple_choice" ? ["score"] : labels();
    if (!mine) {
      const line = facts();
      line.draw(row.map((x, n) => [names[n], signed(x)]));
      return [line.node];
    }
    return row.map((x, n) => {
      const knob = slider({ label: names[n], min: -5, max: 5, step: 0.1, spoken: signed }, (value) => {
        own.get(form())[k][n] = value;
        drawEnd();
      });
      knob.input.setAttribute("aria-label", `${names[n]}, row ${k + 1}`);
      knob.set(x);
      return knob.node;
    });
  }

  function draw() {
    if (busy) return;
    pick.set(form());
    padded.set(model.get("padded"));
    reading.set(model.get("place"));
    drawFields();
    refused.textContent = model.get("refused");
    const rows = rowsOf(form(), texts(), merges), { scores, mine } = scoresHere();
    const shown = pad(rows, model.get("padded") ? MORE : 0);
    const lost = shown.filter((row) => model.get("place") === "last" && row.at(-1) === "padding").length;
    strips.replaceChildren(...shown.flatMap((row, k) => [...strip(row, k, rows.length), ...(lost ? [] : scored(scores[k], k, mine))]));
    const longest = Math.max(...rows.map((row) => row.length));
    numbers.draw([["rows", rows.length], ["longest row", `${longest} of ${nCtx} tokens`], ["padding", shown.flat().filter((x) => x === "padding").length]]);
    drawEnd();
  }

  function drawEnd() {
    const { scores, mine } = scoresHere(), rows = rowsOf(form(), texts(), merges);
    const shown = pad(rows, model.get("padded") ? MORE : 0), names = labels();
    const lost = model.get("place") === "last" && shown.some((row) => row.at(-1) === "padding");
    const tooLong = Math.max(...rows.map((row) => row.length)) > nCtx;
    const total = combine(form(), scores), p = softmax(total);
    const empty = texts().some((text, i) => text.trim() === "" && !(form() === "multiple_choice" && i === 1));
    sum.draw(form() === "similarity" && !lost ? [["both orders added:", ""], ...names.map((name, n) => [name, signed(total[n])])] : []);
    result.draw(lost || tooLong || empty ? [] : names.map((name, n) => ({ label: name, value: p[n], text: p[n].toFixed(3), strong: p[n] === Math.max(...p) })));
    const over = form() === "multiple_choice" ? "the answers" : "the labels";
    note.textContent = tooLong ? `A row is longer than the model's ${nCtx} positions: shorten a text.`
      : empty ? "A text is empty: each needs at least one token."
        : lost ? "At position −1 stands padding. Nothing was ever learned there, and its state depends on how long the other texts in the batch are."
          : mine ? "This page cannot run the model and has no scores for these texts: set them yourself." : "Scores of a model that was fine-tuned in this chapter.";
    const best = p.indexOf(Math.max(...p));
    said.say(`${rows.length} ${rows.length === 1 ? "row" : "rows"}. ` + (lost || tooLong || empty ? note.textContent
      : `The softmax over ${over} gives “${names[best]}” ${p[best].toFixed(3)}.`));
  }

  const change = figure({ model, el }, "Input formats for fine-tuning", [
    make("p", { className: "ig-title" }, "Pick a format, and write your own sentences"), pick.node, fields, buttons, refused,
    make("div", { className: "ig-controls" }, padded.node, reading.node), strips, numbers.node, note, sum.node, result.node, said.node,
  ], draw, ["form", "texts", "padded", "place", "refused"]);
  model.on("change:answered", () => {
    const answer = model.get("answered");
    known.set(place(answer.form, answer.texts), answer.scores);
    draw();
  });
}

export default { render };
