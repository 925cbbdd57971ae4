import { make, radios, checkbox, facts, summary, figure, newId } from "./shared.js";
import { encode, tokenBytes, show } from "./tokens.js";

const SCOPES = [["answer", "the answer with its end token"], ["all", "the whole row"], ["unshifted", "the answer, mask not shifted"]];
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

function render({ model, el }) {
  const merges = model.get("merges"), bytes = tokenBytes(merges), nCtx = model.get("n_ctx"), room = model.get("room");
  const known = new Map(model.get("known").map((each) => [nameOf(each), each])), second = { ...model.get("second"), finished: true };
  const said = summary(), numbers = facts(), strips = make("div", { className: "ig-loss" });
  const note = make("p", { className: "ig-note" }), refused = make("p", { className: "ig-note", role: "alert" });
  const area = (name, label) => {
    const input = make("textarea", { id: newId(), rows: 1, maxLength: 600, spellcheck: false });
    input.addEventListener("input", () => change(name, input.value));
    return { input, parts: [make("label", { htmlFor: input.id }, label), input] };
  };
  const prompt = area("prompt", "Prompt"), answer = area("answer", "Answer");
  const finished = checkbox("The answer ends with an end token", (on) => change("finished", on));
  const byId = checkbox("Whatever has the padding's id is left out", (on) => change("by_id", on));
  const scope = radios("In the loss", SCOPES, (value) => change("scope", value));
  const layout = radios("Two chats", [[false, "padded"], [true, "packed"]], (on) => change("packed", on));
  const below = radios("Below each target", [["nats", "its surprise"], ["slopes", "its gradient"]], (which) => change("below", which));
  const back = make("button", { type: "button" }, "Back to the example");
  back.addEventListener("click", () => {
    const first = model.get("first");
    model.set("answer", first.answer);
    model.set("finished", true);
    change("prompt", first.prompt);
    draw();
  });

  const mine = () => ({ prompt: model.get("prompt"), answer: model.get("answer"), finished: model.get("finished") });

  function ask(chat) {
    const asked = [chat.prompt, chat.answer, chat.finished ? "finished" : ""];
    if (!model.widget_manager || known.has(nameOf(chat)) || model.get("asked").join("\n") === asked.join("\n")) return;
    model.set("asked", asked);
    model.save_changes();
  }

  function chip(token, target, on, number) {
    const name = typeof token === "string" ? SPECIAL[token] : show(bytes[token]);
    const next = target === undefined ? "–" : `→ ${typeof target === "string" ? SPECIAL[target] : show(bytes[target])}`;
    const kind = typeof token === "string" ? (token === "pad" ? "ig-padding" : "ig-start") : "";
    return make("span", { className: `ig-chip ${kind} ${on ? "ig-new" : ""}`, role: "listitem" }, make("span", { className: "ig-mono" }, name),
      make("small", {}, next), make("small", {}, number), make("span", { className: "ig-hidden" }, on ? " in the loss" : " not in the loss"));
  }

  // What stands below the target of position i: its surprise, or the length of the loss's gradient by the logits there.
  function number(here, i, on, n) {
    const values = here?.[model.get("below")];
    if (model.get("below") === "slopes" && !on) return "0";
    if (!values || values[i] === undefined) return on && model.get("below") === "slopes" ? "not 0" : "";
    return model.get("below") === "slopes" ? (values[i] / n).toFixed(3) : values[i].toFixed(2);
  }

  function draw() {
    const own = mine(), chats = [own, second].map((chat) => chatOf(chat, merges)), packed = model.get("packed");
    for (const [{ input }, text] of [[prompt, own.prompt], [answer, own.answer]]) {
      if (input.value !== text) input.value = text;
      input.rows = Math.max(1, Math.ceil(text.length / 64));
    }
    finished.set(own.finished); byId.set(model.get("by_id")); scope.set(model.get("scope")); layout.set(packed); below.set(model.get("below"));
    refused.textContent = model.get("refused");
    const limit = packed ? room : nCtx, longest = Math.max(...chats.map((chat) => chat.tokens.length));
    const wrong = own.prompt.trim() === "" ? "The prompt is empty: there is nothing to answer."
      : longest > limit ? `This chat has ${longest} tokens, more than the ${limit} of a row: shorten a text.` : "";
    if (wrong) {
      strips.replaceChildren(); numbers.draw([]); note.textContent = wrong; said.say(wrong);
      return;
    }
    ask(own);
    const rows = rowsOf(chats, packed, room), masks = rows.map((row) => counted(row, model.get("scope"), model.get("by_id")));
    const numbersOf = rows.map((_, k) => (packed ? null : known.get(nameOf([own, second][k]))));
    const n = masks.flat().filter(Boolean).length;
    strips.replaceChildren(...rows.flatMap((row, k) => [make("p", { className: "ig-row-title" }, rows.length > 1 ? (packed ? `Row ${k + 1}` : ["Your chat", "Another chat of the batch"][k]) : "Both chats in one row"),
      make("div", { className: "ig-chips", role: "list", "aria-label": `Row ${k + 1}: what each position reads, and is asked for` },
        ...row.tokens.map((token, i) => chip(token, row.tokens[i + 1], masks[k][i], i + 1 < row.tokens.length ? number(numbersOf[k], i, masks[k][i], n) : "")))]));
    const targets = masks.flat().length, ends = [own, second].filter((chat) => chat.finished).length;
    const kept = rows.reduce((sum, row, k) => sum + masks[k].filter((on, i) => on && row.tokens[i + 1] === "end" && row.answer[i + 1]).length, 0);
    const padding = rows.flatMap((row) => row.tokens).filter((token) => token === "pad").length;
    const terms = masks.flatMap((mask, k) => mask.flatMap((on, i) => (on ? [numbersOf[k]?.nats[i]] : [])));
    const loss = n && terms.every((x) => x !== undefined) ? terms.reduce((a, b) => a + b, 0) / n : null;
    numbers.draw([["targets in the loss", `${n} of ${targets}`], ["end tokens in the loss", `${kept} of ${ends}`], ["padding", padding],
      ...(loss === null ? [] : [["loss", `${loss.toFixed(3)} nats per token`]])]);
    note.textContent = (model.get("scope") === "all" ? "The model is also trained to write prompts. "
      : model.get("scope") === "unshifted" ? "The mask lies over the tokens that are read, but targets stand one place further on: the first token of an answer is not learned, and what follows its end is. " : "") +
      (kept < 2 ? (ends < 2 && kept === 1 ? "Your chat has no end token to learn. " : "An end token is missing from the loss: nothing tells the model to stop there. ") : "") +
      (packed ? "In one row the second chat can look back at the first." : numbersOf[0] ? "Below the targets: numbers of this chapter's model before it was fine-tuned." : "This page cannot run the model: your own text has no numbers.");
    said.say(`${n} of ${targets} targets are in the loss, ${kept} of ${ends} end tokens among them.` + (loss === null ? "" : ` The loss is ${loss.toFixed(3)} nats per token.`));
  }

  const change = figure({ model, el }, "Chat template and loss mask", [
    make("p", { className: "ig-title" }, "Write a chat, and see what is learned from it"),
    make("div", { className: "ig-formats" }, ...prompt.parts, ...answer.parts), make("div", { className: "ig-controls" }, finished.node, back), refused,
    scope.node, byId.node, make("div", { className: "ig-controls" }, layout.node, below.node), numbers.node, note, strips, said.node,
  ], draw, ["prompt", "answer", "finished", "scope", "by_id", "packed", "below", "refused"]);
  model.on("change:answered", () => {
    const got = model.get("answered");
    known.set(nameOf(got), got);
    draw();
  });
}

export default { render };
