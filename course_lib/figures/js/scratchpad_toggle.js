import { make, radios, bars, facts, summary, figure } from "./shared.js";

// What all written tokens together are worth: the product of their probabilities.
export const together = (likeliest) => likeliest.reduce((product, [[, p]]) => product * p, 1);

const three = (p) => (p > 0 && p < 0.0005 ? "< 0.001" : p.toFixed(3));

// The written tokens as buttons: one stop for the tab key, arrows go from one to the next.
function writtenTokens(picked) {
  const node = make("div", { className: "ig-chips ig-hover", role: "radiogroup", "aria-label": "Written token" });
  let buttons = [];
  node.addEventListener("keydown", (event) => {
    const last = buttons.length - 1, at = buttons.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    if (buttons[to]) { buttons[to].focus(); picked(to); }
  });
  const draw = ({ written, likeliest }, at) => {
    if (buttons.length !== written.length) {
      buttons = written.map((_, i) => {
        const button = make("button", { type: "button", role: "radio", className: "ig-chip" }, make("span", { className: "ig-mono" }), make("small"));
        button.addEventListener("click", () => picked(i));
        return button;
      });
      node.replaceChildren(...buttons);
    }
    buttons.forEach((button, i) => {
      const p = likeliest[i][0][1];
      button.firstChild.textContent = written[i];
      button.lastChild.textContent = p.toFixed(2).replace(/^0/, "");
      button.style.background = `color-mix(in srgb, var(--c-heat) ${(100 * p).toFixed(1)}%, transparent)`;
      button.setAttribute("aria-checked", String(i === at));
      button.tabIndex = i === at ? 0 : -1;
    });
  };
  return { node, draw };
}

function render({ model, el }) {
  const riddles = model.get("riddles"), ways = model.get("ways"), kinds = model.get("kinds");
  const said = summary(), outcome = facts(), rows = bars();
  const pick = radios("Riddle", riddles.map((_, i) => [i, String(i + 1)]), (i) => change("riddle", i));
  const way = radios("The model", ways.map((name, i) => [i, name]), (i) => change("way", i));
  const numbers = radios("Numbers as", kinds.map((name, i) => [i, name]), (i) => change("numbers", i));
  const asked = make("p", { className: "ig-title" });
  const question = make("p", { className: "ig-chips", role: "img" });
  const place = make("p", { className: "ig-note" });
  const tokens = writtenTokens((i) => change("token", i));

  function draw() {
    const at = { riddle: model.get("riddle"), way: model.get("way"), numbers: model.get("numbers") };
    const solution = model.get("solutions")[at.way][at.numbers][at.riddle], [text, right] = riddles[at.riddle];
    const { written, likeliest, answer } = solution, token = Math.min(model.get("token"), written.length - 1);
    pick.set(at.riddle);
    way.set(at.way);
    numbers.set(at.numbers);
    asked.textContent = text;
    question.replaceChildren(...solution.question.map((part) => make("span", { className: "ig-chip ig-mono" }, part)));
    question.setAttribute("aria-label", `The question in ${solution.question.length} tokens: ${solution.question.join(" | ")}`);
    tokens.draw(solution, token);
    const verdict = answer === right ? "right" : "wrong";
    outcome.draw([["answer", answer ?? "none"], ["it should be", right], ["that is", verdict], ["tokens written", written.length], ["all of them together", three(together(likeliest))]]);
    place.textContent = `At token ${token + 1} of ${written.length} the model expects`;
    rows.draw(likeliest[token].map(([name, p], i) => ({ label: name, value: p, text: three(p), strong: i === 0 })));
    said.say(`${ways[at.way]}, numbers as ${kinds[at.numbers]}: it writes ${written.length} tokens, and its answer, ${answer ?? "none"}, is ${verdict}. ` +
      `Token ${token + 1}, “${written[token]}”, has probability ${three(likeliest[token][0][1])}.`);
  }

  const change = figure({ model, el }, "A riddle, with and without a scratchpad", [
    pick.node, asked, way.node, numbers.node,
    make("p", { className: "ig-note" }, "It reads"), question,
    make("p", { className: "ig-note" }, "It writes (pick a token)"), tokens.node, outcome.node, place, rows.node, said.node,
  ], draw, ["riddle", "way", "numbers", "token"]);
}

export default { render };
