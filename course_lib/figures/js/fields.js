// Controls to choose from a list or to write in: { node, set }, as those of shared.js.
import { make, newId, button } from "./shared.js";

export function select({ label, options }, changed) {
  const id = newId();
  const input = make("select", { id }, ...options.map((value) => make("option", { value }, String(value))));
  input.addEventListener("change", () => changed(options[input.selectedIndex]));
  const node = make("span", { className: "ig-check" }, make("label", { htmlFor: id }, label), input);
  return { node, set: (value) => { input.value = value; } };
}

// A field for a text, which grows with it unless it has `rows`.
export function area({ label, rows, className = "", maxLength }, changed) {
  const input = make("textarea", { id: newId(), rows: rows ?? 1, maxLength, spellcheck: false, className });
  const fit = (text) => { input.rows = rows ?? Math.max(1, Math.ceil(text.length / 64)); };
  input.addEventListener("input", () => { fit(input.value); changed(input.value); });
  const set = (text) => {
    if (input.value !== text) input.value = text;
    fit(text);
  };
  const node = make("div", { className: "ig-area" }, make("label", { htmlFor: input.id }, label), input);
  return { node, set };
}

// A line for the reader's own text, and a button that puts it to the kernel.
export function question({ label, placeholder, send }, ask) {
  const input = make("input", { type: "text", "aria-label": label, placeholder });
  const put = () => ask(input.value);
  input.addEventListener("keydown", (event) => { // no form: JupyterLab keeps the Enter key from submitting one
    if (event.key === "Enter") { event.preventDefault(); put(); }
  });
  return make("div", { className: "ig-own" }, input, button(send, put));
}
