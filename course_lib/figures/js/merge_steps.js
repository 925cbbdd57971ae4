import { make, title, facts, count, figure } from "./shared.js";
import { area } from "./fields.js";
import { encode, tokenBytes, show } from "./tokens.js";

export default figure(({ state, bound, slider }) => {
  const { merges, counts, byte_ids: byteIds } = state, bytes = tokenBytes(merges), numbers = facts();
  const merge = make("p", { className: "ig-merge" });
  const chips = make("div", { className: "ig-chips ig-mono", role: "list", "aria-label": "Tokens" });

  function chip(token, newest) {
    const className = `ig-chip${token === newest ? " ig-new" : ""}`, id = token < 256 ? byteIds[token] : token;
    return make("span", { className, role: "listitem", title: `id ${id}` }, show(bytes[token]));
  }

  function mergeLine(step) {
    if (!step) return ["No merge yet: 256 tokens, one for each byte."];
    const code = (token) => make("code", { className: "ig-mono" }, show(bytes[token]));
    const [a, b] = merges[step - 1].map(code);
    const seen = counts.length ? `, seen ${counts[step - 1].toLocaleString("en")} times in training` : "";
    return [`Merge ${step}: `, a, " + ", b, " → ", code(255 + step), seen];
  }

  function draw() {
    const { step, text } = state, ids = encode(text, merges, step), size = new TextEncoder().encode(text).length;
    const newest = step ? 255 + step : null, found = ids.filter((token) => token === newest).length;
    chips.replaceChildren(...ids.map((token) => chip(token, newest)));
    merge.replaceChildren(...mergeLine(step));
    const each = ids.length ? (size / ids.length).toFixed(2) : "–";
    numbers.draw([["tokens", ids.length], ["bytes", size], ["bytes per token", each], ["vocabulary", 256 + step]]);
    return `After ${step} merges the text takes ${ids.length} tokens for ${size} bytes.` +
      (step ? ` The newest token, “${show(bytes[newest])}”, stands in it ${count(found, "time")}.`
        : " Every byte is a token.");
  }

  const spoken = (n) => `${n} of ${merges.length}`;
  const knob = slider("step", { label: "Merges", min: 0, max: merges.length, step: 1, spoken });
  const field = bound(area)("text", { label: "Your own text", rows: 2, maxLength: 2000, className: "ig-mono" });
  return { parts: [title("Merge by merge"), knob, merge, chips, numbers, field], draw };
});
