import { make, title, note, mono, controls, button, facts, sum, figure } from "./shared.js";
import { area } from "./fields.js";
import { encode, tokenBytes, show } from "./tokens.js";

const SCOPES = [
  ["answer", "the answer with its end token"], ["all", "the whole row"], ["unshifted", "the answer, mask not shifted"],
];
const REMARKS = {
  answer: "",
  all: "The model is also trained to write prompts. ",
  unshifted: "The mask lies over the tokens that are read, but targets stand one place further on: the first token " +
    "of an answer is not learned, and what follows its end is. ",
};
const SPECIAL = { end: "<end>", answer: "<answer>", pad: "<end>" };

// A chat in tokens: ids of the texts, names of the special tokens, and which of them are the answer's.
export function chatOf({ prompt, answer, finished }, merges) {
  const before = ["end", ...encode(prompt, merges), "answer"];
  const after = [...(answer === "" ? [] : encode(" " + answer, merges)), ...(finished ? ["end"] : [])];
  return { tokens: [...before, ...after], answer: [...before.map(() => false), ...after.map(() => true)] };
}

// Chats in rows: one in each, padded to the longest; or end to end in rows of `room`, each in the first that has place.
export function rowsOf(chats, packed, room) {
  const rows = [];
  for (const chat of chats) {
    const home = packed && rows.find((row) => row.tokens.length + chat.tokens.length <= room);
    if (home) { home.tokens.push(...chat.tokens); home.answer.push(...chat.answer); }
    else rows.push({ tokens: [...chat.tokens], answer: [...chat.answer] });
  }
  const length = Math.max(...rows.map((row) => row.tokens.length), packed ? room : 0);
  return rows.map(({ tokens, answer }) => {
    const more = Array(length - tokens.length).fill("pad");
    return { tokens: [...tokens, ...more], answer: [...answer, ...more.map(() => false)] };
  });
}

// Whether the target of each position but the last, which is the next token, is in the loss.
export function counted({ tokens, answer }, scope, byId) {
  return tokens.slice(1).map((target, i) => {
    const on = { answer: answer[i + 1], all: target !== "pad", unshifted: answer[i] }[scope];
    return on && !(byId && (target === "end" || target === "pad"));
  });
}

const nameOf = ({ prompt, answer, finished }) => JSON.stringify([prompt, answer, finished]);
const nameFor = (token, bytes) => (typeof token === "string" ? SPECIAL[token] : show(bytes[token]));

export default figure(({ state, change, ask, refusal, bound, radios, checkbox }) => {
  const { merges, n_ctx: nCtx, room, first } = state, bytes = tokenBytes(merges);
  const second = { ...state.second, finished: true };
  const known = new Map(state.known.map((each) => [nameOf(each), each]));
  const numbers = facts(), said = note(), strips = make("div", { className: "ig-loss" });
  const back = button("Back to the example", () => change({ ...first, finished: true }));

  function chip(token, target, on, number) {
    const kind = token === "pad" ? "ig-padding" : typeof token === "string" ? "ig-start" : "";
    const next = target === undefined ? "–" : `→ ${nameFor(target, bytes)}`;
    return make("span", { className: `ig-chip ${kind} ${on ? "ig-new" : ""}`, role: "listitem" },
      mono(nameFor(token, bytes)), make("small", {}, next), make("small", {}, number),
      make("span", { className: "ig-hidden" }, on ? " in the loss" : " not in the loss"));
  }

  // What stands below the target of position i: its surprise, or the length of the loss's gradient by the logits there.
  function number(values, i, on, n) {
    const value = values?.[state.below][i];
    if (state.below === "nats") return value === undefined ? "" : value.toFixed(2);
    return !on ? "0" : value === undefined ? "not 0" : (value / n).toFixed(3);
  }

  function strip(row, k, title, mask, values, n) {
    const below = (i) => (i in mask ? number(values, i, mask[i], n) : "");
    const chips = row.tokens.map((token, i) => chip(token, row.tokens[i + 1], mask[i], below(i)));
    const label = `Row ${k + 1}: what each position reads, and is asked for`;
    const list = { className: "ig-chips", role: "list", "aria-label": label };
    return [make("p", { className: "ig-row-title" }, title), make("div", list, ...chips)];
  }

  const titleOf = (k, n) =>
    n === 1 ? "Both chats in one row" : state.packed ? `Row ${k + 1}` : ["Your chat", "Another chat of the batch"][k];

  // What keeps the chats from being shown, or "".
  function problem(chats) {
    const limit = state.packed ? room : nCtx, longest = Math.max(...chats.map((chat) => chat.tokens.length));
    return state.prompt.trim() === "" ? "The prompt is empty: there is nothing to answer."
      : longest > limit ? `This chat has ${longest} tokens, more than the ${limit} of a row: shorten a text.` : "";
  }

  // What the loss misses, or learns beside the answers.
  function remarks(ends, kept, graded) {
    const end = kept === 2 ? "" : ends < 2 && kept === 1 ? "Your chat has no end token to learn. "
      : "An end token is missing from the loss: nothing tells the model to stop there. ";
    return REMARKS[state.scope] + end + (state.packed ? "In one row the second chat can look back at the first."
      : graded ? "Below the targets: numbers of this chapter's model before it was fine-tuned."
        : "This page cannot run the model: your own text has no numbers.");
  }

  function draw() {
    const { prompt, answer, finished, scope, by_id: byId, packed, answered } = state;
    const both = [{ prompt, answer, finished }, second];
    if (answered.prompt) known.set(nameOf(answered), answered);
    const chats = both.map((chat) => chatOf(chat, merges)), wrong = problem(chats);
    if (wrong) {
      strips.replaceChildren();
      numbers.draw([]);
      said.textContent = wrong;
      return wrong;
    }
    if (!known.has(nameOf(both[0]))) ask([prompt, answer, finished ? "finished" : ""]);
    const rows = rowsOf(chats, packed, room), masks = rows.map((row) => counted(row, scope, byId));
    const values = rows.map((_, k) => (packed ? undefined : known.get(nameOf(both[k]))));
    const targets = masks.flat().length, n = masks.flat().filter(Boolean).length;
    strips.replaceChildren(...rows.flatMap((row, k) => strip(row, k, titleOf(k, rows.length), masks[k], values[k], n)));
    const isEnd = (row, i) => row.tokens[i] === "end" && row.answer[i];
    const learned = (row, mask) => mask.filter((on, i) => on && isEnd(row, i + 1)).length;
    const ends = both.filter((chat) => chat.finished).length, kept = sum(rows.map((row, k) => learned(row, masks[k])));
    const padding = rows.flatMap((row) => row.tokens).filter((token) => token === "pad").length;
    const terms = masks.flatMap((mask, k) => mask.flatMap((on, i) => (on ? [values[k]?.nats[i]] : [])));
    const loss = n && terms.every((x) => x !== undefined) ? `${(sum(terms) / n).toFixed(3)} nats per token` : "";
    numbers.draw([["targets in the loss", `${n} of ${targets}`], ["end tokens in the loss", `${kept} of ${ends}`],
      ["padding", padding], ...(loss ? [["loss", loss]] : [])]);
    said.textContent = remarks(ends, kept, values[0]);
    return `${n} of ${targets} targets are in the loss, ${kept} of ${ends} end tokens among them.` +
      (loss && ` The loss is ${loss}.`);
  }

  const field = (name, label) => bound(area)(name, { label, maxLength: 600 });
  const below = [["nats", "its surprise"], ["slopes", "its gradient"]];
  const parts = [
    title("Write a chat, and see what is learned from it"),
    make("div", { className: "ig-formats" }, field("prompt", "Prompt"), field("answer", "Answer")),
    controls(checkbox("finished", { label: "The answer ends with an end token" }), back), refusal(),
    radios("scope", { legend: "In the loss", options: SCOPES }),
    checkbox("by_id", { label: "Whatever has the padding's id is left out" }),
    controls(radios("packed", { legend: "Two chats", options: [[false, "padded"], [true, "packed"]] }),
      radios("below", { legend: "Below each target", options: below })),
    numbers, said, strips,
  ];
  return { parts, draw };
});
