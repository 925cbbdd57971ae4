// What all movable figures share: the frame, controls, parts that show something, and a little maths.

// ---- the frame

// Make a widget of `build`, which takes the tools below and gives { parts, draw }: the figure's elements, and what
// shows the state in them. `draw` runs at first and after every change, and returns the state in words: they are read
// aloud when the reader pauses, and are the figure's text alternative. Controls made with the tools follow the model.
export function figure(build) {
  const render = ({ model, el }) => {
    const follow = [], said = summary(), wired = wire(model);
    const { parts, draw } = build({ ...wired, ...boundControls(wired, follow), summary: said.node });
    const frame = make("div", { className: "ig-figure", role: "group", "aria-label": model.get("_label") }, ...parts);
    if (!frame.contains(said.node)) frame.append(said.node);
    el.append(frame);
    wired.start(() => {
      follow.forEach((control) => control());
      said.say(draw());
    });
  };
  return { render };
}

// The model as figures use it. `state` has the traits as they are, `live` says whether there is a kernel.
function wire(model) {
  const state = new Proxy({}, { get: (_, name) => model.get(name) }), live = Boolean(model.widget_manager);
  let show = () => {}, quiet = true;

  function redraw() {
    if (quiet) return;
    quiet = true;
    try { show(); }
    finally { quiet = false; }
  }

  function set(values) {
    const before = quiet;
    quiet = true;
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    quiet = before;
    model.save_changes();
  }

  // Give traits new values, all at once: one message to the kernel, one new picture.
  function change(values) {
    if (Object.entries(values).every(([name, value]) => model.get(name) === value)) return;
    set(values);
    redraw();
  }

  // Ask the kernel, if there is one. It answers by changing other traits.
  function ask(asked) {
    if (live && JSON.stringify(model.get("asked")) !== JSON.stringify(asked)) set({ asked });
  }

  function start(shows) {
    show = shows;
    quiet = false;
    model.on("change", redraw);
    redraw();
  }
  return { state, live, change, ask, redraw, start };
}

// Controls that are bound to a trait: `show` turns the trait's value into the control's, `read` turns it back; `also`
// gives what else a choice changes, and `when` says whether the control is there.
function boundControls({ state, change }, follow) {
  const same = (value) => value, always = () => true, nothing = () => ({});
  const bound = (control) => (name, { show = same, read = same, also = nothing, when = always, ...options }) => {
    const { node, set } = control(options, (value) => change({ [name]: read(value), ...also(value) }));
    follow.push(() => {
      set(show(state[name]));
      node.hidden = !when();
    });
    return node;
  };
  const refusal = () => {
    const node = make("p", { className: "ig-note", role: "alert" });
    follow.push(() => { node.textContent = state.refused; });
    return node;
  };
  return { bound, slider: bound(slider), radios: bound(radios), checkbox: bound(checkbox), refusal };
}

// ---- elements

const SVG = ["svg", "g", "line", "circle", "path", "rect", "text", "polyline", "title"];

// Make an element; a property of an SVG element or an aria-… name is set as an attribute.
export function make(tag, properties = {}, ...children) {
  const svg = SVG.includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (svg || name.includes("-") || name === "role" || name === "for") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.map((child) => child.node ?? child));
  return node;
}

const kind = (tag, className) => (...children) => make(tag, { className }, ...children);
export const title = kind("p", "ig-title"), note = kind("p", "ig-note"), mono = kind("span", "ig-mono");
export const sample = kind("p", "ig-mono ig-sample");
export const controls = kind("div", "ig-controls"), columns = kind("div", "ig-columns");

// Each figure has its own copy of this module, so the page counts.
export const newId = () => `ig-part-${(globalThis.insideGPTParts = (globalThis.insideGPTParts ?? 0) + 1)}`;

// A function that runs `fill` where `key` is another than last time.
export function whenNew() {
  let last;
  return (key, fill) => {
    if (key === last) return;
    last = key;
    fill();
  };
}

// ---- controls: { node, set }. They call `changed` with what the reader chose. What is given as a function may change.

const now = (option) => (typeof option === "function" ? option() : option);

// A slider with a visible label and value; `spoken` words the value for a screen reader.
export function slider({ label, min, max, step, spoken = String }, changed) {
  const id = newId(), name = make("label", { for: id });
  const input = make("input", { type: "range", id, min, max: now(max), step });
  const output = make("output", { className: "ig-value", "aria-hidden": "true" });
  const set = (value) => {
    name.textContent = now(label);
    input.max = now(max);
    input.value = value;
    output.textContent = spoken(+input.value);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => { set(+input.value); changed(+input.value); });
  return { node: make("div", { className: "ig-slider" }, name, input, output), set, input };
}

// A slider over the temperatures 0.1 … 3: its places are their logarithms.
export const temperatures = {
  label: "Temperature", min: Math.log(0.1), max: Math.log(3), step: "any", spoken: (log) => Math.exp(log).toFixed(2),
  show: Math.log, read: (log) => Math.max(0.1, Math.min(3, +Math.exp(log).toFixed(3))),
};

export function checkbox({ label }, changed) {
  const input = make("input", { type: "checkbox" });
  input.addEventListener("change", () => changed(input.checked));
  return { node: make("label", { className: "ig-check" }, input, label), set: (on) => { input.checked = on; } };
}

// A group of radio buttons; options are pairs [value, label].
export function radios({ legend, options }, changed) {
  const node = make("fieldset", { className: "ig-radios" }, make("legend", {}, legend)), filled = whenNew();
  let inputs = [];
  const fill = () => {
    const name = newId();
    inputs = now(options).map(([value, label]) => {
      const input = make("input", { type: "radio", name, value: String(value) });
      input.addEventListener("change", () => changed(value));
      return { input, value, label: make("label", { className: "ig-radio" }, input, label) };
    });
    node.replaceChildren(node.firstChild, ...inputs.map(({ label }) => label));
  };
  const set = (chosen) => {
    filled(JSON.stringify(now(options)), fill);
    inputs.forEach(({ input, value }) => { input.checked = value === chosen; });
  };
  return { node, set };
}

export const numbered = (things, name = (_, i) => String(i + 1)) => things.map((thing, i) => [i, name(thing, i)]);

export function button(name, clicked) {
  const node = make("button", { type: "button" }, name);
  node.addEventListener("click", clicked);
  return node;
}

// ---- parts that show something: { node, draw }

// Horizontal bars: rows of { label, value, text, strong, mark }; widths are shares of `full`.
export function bars(more = "") {
  const node = make("div", { className: `ig-bars ${more}`, role: "list" });
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

// Rows for bars of probabilities, of which number `strong` stands out.
export const shares = (labels, p, strong = argmax(p), text = (x) => x.toFixed(3)) =>
  labels.map((label, i) => ({ label, value: p[i], text: text(p[i]), strong: i === strong }));

// A line of named numbers, pairs [name, text].
export function facts() {
  const node = make("div", { className: "ig-facts" });
  const draw = (pairs) => node.replaceChildren(...pairs.map(([name, text]) =>
    make("span", {}, make("span", {}, `${name} `), make("b", {}, String(text)))));
  return { node, draw };
}

function summary() {
  const node = make("p", { className: "ig-summary", role: "status" });
  let waiting = null;
  const say = (text) => {
    clearTimeout(waiting);
    if (!node.textContent) node.textContent = text;
    else waiting = setTimeout(() => { node.textContent = text; }, 250);
  };
  return { node, say };
}

// What the signs mean: [sign, colour, meaning] of each.
export const legend = (...signs) => make("div", { className: "ig-legend" }, ...signs.map(([sign, colour, meaning]) =>
  make("span", { "data-sign": sign, style: `--sign:var(--c-${colour})` }, meaning)));

// ---- texts

export const visible = (text) => text.replaceAll(" ", "·").replaceAll("\n", "⏎").replaceAll("\t", "⇥");
export const quoted = (token) => `“${visible(token)}”`;
export const percent = (p) => (100 * p).toFixed(p >= 0.1 || p === 0 ? 0 : 1) + " %";
export const short = (share) => share.toFixed(2).replace(/^0/, ""); // .25
export const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;
export const heat = (share) => `color-mix(in srgb, var(--c-heat) ${(100 * share).toFixed(1)}%, transparent)`;

// A number with a true minus, and none before a zero.
export const signed = (x, digits = 2) => (Math.abs(x) < 0.5 / 10 ** digits ? 0 : x).toFixed(digits).replace("-", "−");

// ---- numbers

export const range = (n) => Array.from({ length: n }, (_, i) => i);
export const sum = (values) => values.reduce((a, b) => a + b, 0);
export const argmax = (values) => values.indexOf(Math.max(...values)); // of equals the first

export function softmax(scores, temperature = 1) {
  const largest = Math.max(...scores);
  const powers = scores.map((s) => Math.exp((s - largest) / temperature));
  const total = sum(powers);
  return powers.map((p) => p / total);
}

export function entropy(probabilities) {
  return -sum(probabilities.map((p) => (p > 0 ? p * Math.log(p) : 0)));
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
