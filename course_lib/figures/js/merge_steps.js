import { make, newId, slider, facts, summary, figure } from "./shared.js";
import { encode, tokenBytes, show } from "./tokens.js";

function render({ model, el }) {
  const merges = model.get("merges"), counts = model.get("counts"), byteIds = model.get("byte_ids");
  const bytes = tokenBytes(merges), said = summary(), id = newId();
  const knob = slider({ label: "Merges", min: 0, max: merges.length, step: 1, spoken: (n) => `${n} of ${merges.length}` },
    (n) => change("step", n));
  const input = make("textarea", { id, rows: 2, maxLength: 2000, spellcheck: false, className: "ig-mono" });
  input.addEventListener("input", () => change("text", input.value));
  const merge = make("p", { className: "ig-merge" });
  const chips = make("div", { className: "ig-chips ig-mono", role: "list", "aria-label": "Tokens" });
  const numbers = facts();

  function draw() {
    const step = model.get("step"), text = model.get("text");
    const ids = encode(text, merges, step), size = new TextEncoder().encode(text).length;
    const newest = 255 + step;
    knob.set(step);
    if (input.value !== text) input.value = text;
    chips.replaceChildren(...ids.map((token) => make("span", {
      className: "ig-chip" + (token === newest && step ? " ig-new" : ""), role: "listitem", title: `id ${token < 256 ? byteIds[token] : token}`,
    }, show(bytes[token]))));
    merge.replaceChildren(...mergeLine(step));
    numbers.draw([["tokens", ids.length], ["bytes", size],
      ["bytes per token", ids.length ? (size / ids.length).toFixed(2) : "–"], ["vocabulary", 256 + step]]);
    const found = ids.filter((token) => token === newest).length;
    said.say(`After ${step} merges the text takes ${ids.length} tokens for ${size} bytes.` +
      (step ? ` The newest token, “${show(bytes[newest])}”, stands in it ${found} ${found === 1 ? "time" : "times"}.` : " Every byte is a token."));
  }

  function mergeLine(step) {
    if (!step) return ["No merge yet: 256 tokens, one for each byte."];
    const [a, b] = merges[step - 1];
    const code = (token) => make("code", { className: "ig-mono" }, show(bytes[token]));
    const seen = counts.length ? `, seen ${counts[step - 1].toLocaleString("en")} times in training` : "";
    return [`Merge ${step}: `, code(a), " + ", code(b), " → ", code(255 + step), seen];
  }

  const label = make("label", { htmlFor: id }, "Your own text");
  const change = figure({ model, el }, "Byte-pair encoding, merge by merge",
    [make("p", { className: "ig-title" }, "Merge by merge"), knob.node, merge, chips, numbers.node, label, input, said.node],
    draw, ["step", "text"]);
}

export default { render };
