// What all movable figures share: a little maths, and the parts that they are built from.

export function softmax(scores, temperature = 1) {
  const largest = Math.max(...scores);
  const powers = scores.map((s) => Math.exp((s - largest) / temperature));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / total);
}

export function entropy(probabilities) {
  return -probabilities.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
}

// Random number i of a seed, in [0, 1): mulberry32, whose state after i steps is known without taking them.
export function uniform(seed, i) {
  let t = (seed + Math.imul(i + 1, 0x6d2b79f5)) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

export function floats(view) {
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

export const visible = (text) => text.replaceAll(" ", "·").replaceAll("\n", "⏎").replaceAll("\t", "⇥");
export const percent = (p) => (100 * p).toFixed(p >= 0.1 || p === 0 ? 0 : 1) + " %";

// Make an element; a property of an SVG element or an aria-… name is set as an attribute.
export function make(tag, properties = {}, ...children) {
  const svg = ["svg", "g", "line", "circle", "path", "rect", "text", "polyline", "title"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (svg || name.includes("-") || name === "role" || name === "for") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

// Each figure has its own copy of this module, so the page counts.
export const newId = () => `ig-part-${(globalThis.insideGPTParts = (globalThis.insideGPTParts ?? 0) + 1)}`;

// A slider with a visible label and value; `spoken` words the value for a screen reader.
export function slider({ label, min, max, step, spoken }, changed) {
  const id = newId();
  const input = make("input", { type: "range", id, min, max, step });
  const output = make("output", { className: "ig-value", "aria-hidden": "true" });
  const set = (value) => {
    input.value = value;
    output.textContent = spoken(+input.value);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => { set(+input.value); changed(+input.value); });
  return { node: make("div", { className: "ig-slider" }, make("label", { for: id }, label), input, output), set, input };
}

export function checkbox(label, changed) {
  const input = make("input", { type: "checkbox" });
  input.addEventListener("change", () => changed(input.checked));
  return { node: make("label", { className: "ig-check" }, input, label), set: (on) => { input.checked = on; } };
}

// A group of radio buttons; options are pairs [value, label].
export function radios(legend, options, changed) {
  const name = newId();
  const inputs = options.map(([value]) => make("input", { type: "radio", name, value: String(value) }));
  inputs.forEach((input, i) => input.addEventListener("change", () => changed(options[i][0])));
  const labels = options.map(([, label], i) => make("label", { className: "ig-radio" }, inputs[i], label));
  const node = make("fieldset", { className: "ig-radios" }, make("legend", {}, legend), ...labels);
  return { node, set: (value) => inputs.forEach((input, i) => { input.checked = options[i][0] === value; }) };
}

// Horizontal bars: rows of { label, value, text, strong, mark }; widths are shares of `full`.
export function bars(kind = "") {
  const node = make("div", { className: `ig-bars ${kind}`, role: "list" });
  const draw = (rows, full = 1) => {
    while (node.children.length > rows.length) node.lastChild.remove();
    while (node.children.length < rows.length) node.append(emptyRow());
    rows.forEach((row, i) => fillRow(node.children[i], row, full));
  };
  return { node, draw };
}

function emptyRow() {
  const track = make("span", { className: "ig-track" }, make("span", { className: "ig-bar" }));
  return make("div", { className: "ig-row", role: "listitem" },
    make("span", { className: "ig-label" }), track, make("span", { className: "ig-number" }));
}

function fillRow(node, { label, value, text, strong = false, mark = null }, full) {
  const [name, track, number] = node.children;
  name.textContent = label;
  number.textContent = text;
  node.classList.toggle("ig-strong", strong);
  track.firstChild.style.width = `${Math.max(0, Math.min(100, (100 * value) / full))}%`;
  track.querySelector(".ig-mark")?.remove();
  if (mark !== null) {
    const left = `${Math.min(100, (100 * mark) / full)}%`;
    track.append(make("span", { className: "ig-mark", style: `left:${left}` }));
  }
}

// A line of named numbers, pairs [name, text].
export function facts() {
  const node = make("div", { className: "ig-facts" });
  const draw = (pairs) => node.replaceChildren(...pairs.map(([name, text]) =>
    make("span", {}, make("span", {}, `${name} `), make("b", {}, String(text)))));
  return { node, draw };
}

// The state in words: read aloud when the reader pauses, and the figure's text alternative.
export function summary() {
  const node = make("p", { className: "ig-summary", role: "status" });
  let waiting = null;
  const say = (text) => {
    clearTimeout(waiting);
    if (!node.textContent) node.textContent = text;
    else waiting = setTimeout(() => { node.textContent = text; }, 250);
  };
  return { node, say };
}

// Put a figure together: a named group, redrawn whenever the model changes.
export function figure({ model, el }, label, parts, draw, events) {
  el.append(make("div", { className: "ig-figure", role: "group", "aria-label": label }, ...parts));
  const change = (name, value) => { model.set(name, value); model.save_changes(); };
  model.on(events.map((name) => `change:${name}`).join(" "), draw);
  draw();
  return change;
}
