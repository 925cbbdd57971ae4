import { make, slider, radios, bars, facts, summary, figure } from "./shared.js";

const UNIT = 10000;  // probabilities travel in ten-thousandths

// The number of the largest; of equals the first.
export const largest = (row) => row.indexOf(Math.max(...row));

function render({ model, el }) {
  const rows = bars(), numbers = facts(), said = summary();
  const text = make("p", { className: "ig-mono ig-sample" });
  const picking = make("div", { className: "ig-controls" }), sliding = make("div");
  let pick, knob, most = -1;
  const all = () => model.get("prompts");
  const here = () => all()[Math.min(model.get("prompt"), all().length - 1)];
  const p = (x) => (x / UNIT).toFixed(3);

  function pickPrompt() {
    pick = radios("Prompt", all().map((prompt, i) => [i, prompt.name]), (i) => {
      model.set("shots", Math.min(model.get("shots"), all()[i].shots.length));
      change("prompt", i);
    });
    picking.replaceChildren(...(all().length > 1 ? [pick.node] : []));
  }
  pickPrompt();

  function fitSlider(last) {
    if (last === most) return;
    most = last;
    const spoken = (n) => `${n} ${n === 1 ? "shot" : "shots"}`;
    knob = slider({ label: "Shots", min: 0, max: last, step: 1, spoken }, (n) => change("shots", n));
    sliding.replaceChildren(knob.node);
  }

  function draw() {
    const prompt = here(), n = Math.min(model.get("shots"), prompt.shots.length);
    const mine = prompt.probabilities[n], best = prompt.best?.[n], right = prompt.right;
    fitSlider(prompt.shots.length);
    pick.set(Math.min(model.get("prompt"), all().length - 1));
    knob.set(n);
    text.replaceChildren(prompt.task + prompt.shots.slice(0, n).join(""), make("b", {}, prompt.query));
    rows.draw(prompt.answers.map((answer, i) => ({
      label: answer, value: mine[i], mark: best ? best[i] : null, strong: i === right, text: p(mine[i]),
    })), UNIT);
    const rest = Math.max(0, UNIT - mine.reduce((a, b) => a + b, 0));
    const first = prompt.answers[largest(mine)];
    numbers.draw([
      ["first choice", first],
      ...(right === null ? [] : [[`the right one, ${prompt.answers[right]}: model`, p(mine[right])]]),
      ...(right === null || !best ? [] : [["best possible", p(best[right])]]),
      ["other words", p(rest)],
    ]);
    said.say(`After ${n} ${n === 1 ? "shot" : "shots"} the model’s first choice is “${first}” with ${p(Math.max(...mine))}.` +
      (right === null ? "" : ` The right answer, “${prompt.answers[right]}”, has ${p(mine[right])}` +
        (best ? `; the best possible reader gives it ${p(best[right])}.` : ".")));
  }

  const change = figure({ model, el }, "A prompt that grows, and its answers", [
    make("p", { className: "ig-title" }, "Give it shots, and watch the answers"),
    picking, ...ownLines(model), sliding, text,
    make("p", { className: "ig-note" }, "Bars: the model. Upright marks: the best possible."),
    rows.node, numbers.node, said.node,
  ], draw, ["prompt", "shots"]);
  model.on("change:prompts", () => { pickPrompt(); draw(); });
}

// A field for the reader's own lines, where there is a kernel to read them.
function ownLines(model) {
  if (!model.widget_manager) return [];
  const input = make("input", { type: "text", "aria-label": "Your own lines", placeholder: "kite = Hugo; drum = Anna; kite" });
  const refused = make("p", { className: "ig-note", role: "alert" });
  const button = make("button", { type: "button" }, "Ask the model");
  const ask = () => { model.set("asked", input.value); model.save_changes(); };
  button.addEventListener("click", ask);
  input.addEventListener("keydown", (event) => {  // no form: JupyterLab keeps the Enter key from submitting one
    if (event.key === "Enter") { event.preventDefault(); ask(); }
  });
  model.on("change:refused", () => { refused.textContent = model.get("refused"); });
  return [make("div", { className: "ig-own" }, input, button), refused];
}

export default { render };
