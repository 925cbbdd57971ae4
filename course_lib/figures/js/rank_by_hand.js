import { make, newId, radios, facts, summary, figure } from "./shared.js";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

// All pairs [better, worse] of a ranking; ties have none.
export function pairsOf(ranks) {
  const all = ranks.flatMap((a, i) => ranks.map((b, j) => [i, j]));
  return all.filter(([i, j]) => ranks[i] < ranks[j]);
}

// The solution x of A x = b for a positive definite A, by Gaussian elimination.
export function solve(A, b) {
  const rows = A.map((row, i) => [...row, b[i]]), n = b.length;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const share = rows[j][i] / rows[i][i];
      for (let k = i; k <= n; k++) rows[j][k] -= share * rows[i][k];
    }
  }
  const x = new Array(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    x[i] = (rows[i][n] - dot(rows[i].slice(i + 1, n), x.slice(i + 1))) / rows[i][i];
  }
  return x;
}

// Differences of features, better minus worse, each with its share of the mean: every ranking counts the same.
export function differences(prompts, ranks) {
  const rankings = prompts.map((prompt, i) => prompt.held_out ? [] : pairsOf(ranks[i])
    .map(([a, b]) => prompt.features[a].map((x, k) => x - prompt.features[b][k])));
  const learned = rankings.filter((pairs) => pairs.length);
  return learned.flatMap((pairs) => pairs.map((d) => ({ d, share: 1 / (pairs.length * learned.length) })));
}

export const lossOf = (pairs, w) => pairs.reduce((sum, { d, share }) => sum + share * softplus(-dot(w, d)), 0);

// The weights that minimise loss + ridge/2 · |w|²: Newton's method, each step halved until it helps.
export function fit(pairs, n, ridge) {
  let w = new Array(n).fill(0);
  const cost = (v) => lossOf(pairs, v) + (ridge / 2) * dot(v, v);
  for (let turn = 0; turn < 50; turn++) {
    const gradient = w.map((x) => ridge * x);
    const curvature = w.map((_, i) => w.map((_, j) => (i === j ? ridge : 0)));
    for (const { d, share } of pairs) {
      const p = sigmoid(dot(w, d));
      d.forEach((x, i) => {
        gradient[i] -= share * (1 - p) * x;
        d.forEach((y, j) => { curvature[i][j] += share * p * (1 - p) * x * y; });
      });
    }
    if (Math.max(...gradient.map(Math.abs)) < 1e-10) break;
    const step = solve(curvature, gradient);
    let size = 1;
    while (size > 1e-6 && cost(w.map((x, i) => x - size * step[i])) > cost(w)) size /= 2;
    w = w.map((x, i) => x - size * step[i]);
  }
  return w;
}

const dense = (levels) => {
  const sorted = [...new Set(levels)].sort((a, b) => a - b);
  return levels.map((level) => sorted.indexOf(level));
};

// One press: an answer that shares its rank leaves it, one that stands alone joins the next rank.
export function press(ranks, i, way) {
  const shared = ranks.filter((rank) => rank === ranks[i]).length > 1;
  const last = Math.max(...ranks), to = ranks[i] + way * (shared ? 0.5 : 1);
  if (!shared && (to < 0 || to > last)) return ranks;
  return dense(ranks.map((rank, j) => (j === i ? to : rank)));
}

// Put answer i above (−1), beside (0) or below (1) answer j.
export const put = (ranks, i, j, where) => dense(ranks.map((rank, k) => (k === i ? ranks[j] + where / 2 : rank)));

const signed = (x) => (Math.abs(x) < 0.005 ? "0.00" : (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2));
const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

// Bars to both sides of a middle line.
function signedBars(names) {
  const rows = names.map((name) => {
    const bar = make("span", { className: "ig-bar" }), number = make("span", { className: "ig-number" });
    const row = make("div", { className: "ig-row", role: "listitem" },
      make("span", { className: "ig-label" }, name), make("span", { className: "ig-track" }, bar), number);
    return { row, bar, number };
  });
  const node = make("div", { className: "ig-bars ig-signed", role: "list", "aria-label": "Weights of the reward model" },
    ...rows.map(({ row }) => row));
  const draw = (w) => {
    const full = Math.max(1, ...w.map(Math.abs));
    rows.forEach(({ row, bar, number }, i) => {
      const width = (50 * Math.abs(w[i])) / full;
      bar.style.width = `${width}%`;
      bar.style.left = `${w[i] < 0 ? 50 - width : 50}%`;
      row.classList.toggle("ig-minus", w[i] < 0);
      number.textContent = signed(w[i]);
    });
  };
  return { node, draw };
}

const WIDE = 320, HIGH = 190, ENDS = 4;
const X = (margin) => 14 + ((WIDE - 28) * (Math.max(-ENDS, Math.min(ENDS, margin)) + ENDS)) / (2 * ENDS);
const Y = (p) => 150 - 130 * p;

// The curve from margin to probability; a dot for each pair of a ranking.
function curve() {
  const dots = make("g", {}), title = make("title", { id: newId() });
  const at = Array.from({ length: 81 }, (_, i) => -ENDS + (2 * ENDS * i) / 80);
  const node = make("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "ig-curve", role: "img", "aria-labelledby": title.id },
    title,
    make("line", { x1: X(-ENDS), x2: X(ENDS), y1: Y(0), y2: Y(0), class: "ig-axis" }),
    make("line", { x1: X(0), x2: X(0), y1: Y(0), y2: Y(1), class: "ig-axis", "stroke-dasharray": "3 3" }),
    make("polyline", { points: at.map((x) => `${X(x)},${Y(sigmoid(x))}`).join(" "), class: "ig-sigmoid" }),
    ...[-ENDS, 0, ENDS].map((x) => make("text", { x: X(x), y: Y(0) + 16, "text-anchor": "middle" }, String(x).replace("-", "−"))),
    make("text", { x: X(0), y: HIGH - 6, "text-anchor": "middle" }, "margin: reward of the better − of the worse"),
    make("text", { x: X(0) - 6, y: Y(1) + 4, "text-anchor": "end" }, "probability 1"),
    make("text", { x: X(0) + 6, y: Y(0.5) + 14 }, "½"), dots);
  const draw = (margins) => {
    const right = margins.filter((m) => m > 0).length;
    title.textContent = `The curve from margin to probability, with ${count(margins.length, "pair")} on it, ` +
      `${right} to the right of the middle.`;
    dots.replaceChildren(...margins.map((m) => m > 0
      ? make("circle", { cx: X(m), cy: Y(sigmoid(m)), r: 5, class: "ig-right" })
      : make("rect", { x: X(m) - 4.5, y: Y(sigmoid(m)) - 4.5, width: 9, height: 9, class: "ig-wrong" })));
  };
  return { node, draw };
}

// The answers in their order: move them by the buttons, or drag them by their rank onto one another.
function ranking(moved) {
  const node = make("ol", { className: "ig-ranking", "aria-label": "Answers, the best one first" });
  let rows = [], ranks = [], held = null;

  function target(y) {
    const boxes = rows.map((row) => row.node.getBoundingClientRect());
    const on = boxes.findIndex((box, j) => j !== held && y >= box.top && y <= box.bottom);
    if (on < 0) return null;
    const share = (y - boxes[on].top) / boxes[on].height;
    return { j: on, where: share < 0.3 ? -1 : share > 0.7 ? 1 : 0 };
  }

  function mark(goal) {
    rows.forEach((row, j) => { row.node.dataset.drop = goal?.j === j ? ["above", "tie", "below"][goal.where + 1] : ""; });
  }

  function drag(handle, i) {
    handle.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      held = i;
      handle.setPointerCapture(event.pointerId);
      rows[i].node.classList.add("ig-held");
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => { if (held === i) mark(target(event.clientY)); });
    const drop = (event) => {
      if (held !== i) return;
      const goal = event.type === "pointerup" ? target(event.clientY) : null;
      held = null;
      mark(null);
      rows[i].node.classList.remove("ig-held");
      if (goal) moved(put(ranks, i, goal.j, goal.where));
    };
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) handle.addEventListener(end, drop);
  }

  function fill(answers) {
    rows = answers.map((text, i) => {
      const place = make("span", { className: "ig-place", title: "Drag" });
      const [up, down] = [[-1, "▲", "better"], [1, "▼", "worse"]].map(([way, sign, word]) => {
        const button = make("button", { type: "button", "aria-label": `${word}: ${text}` }, sign);
        button.addEventListener("click", () => {
          if (button.getAttribute("aria-disabled") !== "true") moved(press(ranks, i, way));
        });
        return button;
      });
      drag(place, i);
      return { node: make("li", {}, place, make("span", { className: "ig-text" }, text), up, down), place, up, down };
    });
    node.replaceChildren(...rows.map((row) => row.node));
  }

  function draw(now) {
    ranks = now;
    const focused = document.activeElement, last = Math.max(...ranks);
    const order = rows.map((_, i) => i).sort((a, b) => ranks[a] - ranks[b] || a - b);
    if (order.some((i, place) => node.children[place] !== rows[i].node)) {
      node.append(...order.map((i) => rows[i].node));
      if (node.contains(focused)) focused.focus();
    }
    rows.forEach((row, i) => {
      const ahead = ranks.filter((rank) => rank < ranks[i]).length, mates = ranks.filter((rank) => rank === ranks[i]).length;
      row.place.textContent = `${mates > 1 ? "=" : ""}${ahead + 1}`;
      row.up.setAttribute("aria-disabled", String(mates === 1 && ranks[i] === 0));
      row.down.setAttribute("aria-disabled", String(mates === 1 && ranks[i] === last));
    });
  }
  return { node, fill, draw };
}

function render({ model, el }) {
  const prompts = model.get("prompts"), held = prompts.findIndex((prompt) => prompt.held_out);
  const here = () => model.get("prompt");
  const said = summary(), numbers = facts(), learned = facts(), weights = signedBars(model.get("features")), plot = curve();
  let n = 0;
  const names = prompts.map((prompt, i) => [i, prompt.held_out ? "held out" : String((n += 1))]);
  const pick = radios("Prompt", names, (i) => change("prompt", i));
  const question = make("p", { className: "ig-asked" }), guess = make("ol", { className: "ig-guess", "aria-label": "The model's order" });
  const list = ranking((ranks) => set(ranks));
  const set = (ranks) => change("ranks", model.get("ranks").map((old, i) => (i === here() ? ranks : old)));
  const button = (text, clicked) => {
    const node = make("button", { type: "button" }, text);
    node.addEventListener("click", clicked);
    return node;
  };
  const tie = button("All tied", () => set(prompts[here()].answers.map(() => 0)));
  const copy = button("As a labeler did", () => set(prompts[here()].labeler));
  let shown = null;

  function draw() {
    const i = here(), prompt = prompts[i], ranks = model.get("ranks");
    if (shown !== i) {
      shown = i;
      question.textContent = prompt.text;
      list.fill(prompt.answers);
      copy.hidden = !prompt.labeler.length;
    }
    pick.set(i);
    list.draw(ranks[i]);

    const pairs = differences(prompts, ranks), w = fit(pairs, model.get("features").length, model.get("ridge"));
    const rewards = prompts.map((each) => each.features.map((f) => dot(w, f)));
    const margins = pairsOf(ranks[i]).map(([a, b]) => rewards[i][a] - rewards[i][b]);
    const K = prompt.answers.length, all = (K * (K - 1)) / 2, right = margins.filter((m) => m > 0).length;
    const agreed = pairsOf(ranks[i]).filter(([a, b]) => prompt.labeler[a] !== prompt.labeler[b]);
    const same = agreed.filter(([a, b]) => prompt.labeler[a] < prompt.labeler[b]).length;
    numbers.draw([
      ["answers", K], ["pairs", all], ["tied", all - margins.length], [prompt.held_out ? "to test on" : "to learn from", margins.length],
      ["right", `${right} of ${margins.length}`],
      ...(prompt.labeler.length ? [["you and a labeler agree on", `${same} of ${agreed.length}`]] : []),
    ]);
    weights.draw(w);
    plot.draw(margins);
    learned.draw([
      ["pairs in all rankings", pairs.length], ["loss", pairs.length ? lossOf(pairs, w).toFixed(3) : "none"], ["at a tie", Math.LN2.toFixed(3)],
    ]);

    const theirs = prompts[held].answers.map((text, k) => ({ text, r: rewards[held][k] })).sort((a, b) => b.r - a.r);
    guess.replaceChildren(...theirs.map(({ text, r }, k) => make("li", {}, make("span", { className: "ig-text" }, text),
      make("b", {}, k ? `${Math.round(100 * sigmoid(r - theirs[0].r))} %` : "–"))));
    said.say(pairs.length
      ? `Prompt ${names[i][1]}: ${count(margins.length, "pair")} ordered, ${all - margins.length} tied; the model has ${right} right. ` +
        `On the held-out prompt it prefers: ${theirs[0].text}`
      : "All answers are tied: there is no pair to learn from, and every weight is 0. Move an answer up or down.");
  }

  const change = figure({ model, el }, "Rank the answers, fit a reward model", [
    make("p", { className: "ig-title" }, "Rank the answers by hand"), pick.node, question, list.node,
    make("div", { className: "ig-controls" }, tie, copy), numbers.node,
    make("div", { className: "ig-columns" },
      make("div", {}, make("p", { className: "ig-note" }, "What your ranking makes of a reward: weights"), weights.node),
      make("div", {}, make("p", { className: "ig-note" }, "Pairs of this prompt: ● right, ■ wrong"), plot.node)),
    learned.node,
    make("p", { className: "ig-note" }, `The model's order of the held-out answers to: “${prompts[held].text}”, and the chance that it gives each against the first`),
    guess, said.node,
  ], draw, ["ranks", "prompt"]);
}

export default { render };
