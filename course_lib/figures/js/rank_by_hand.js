import {
  make, title, note, controls, columns, newId, facts, button, whenNew, range, sum, count, signed, figure,
} from "./shared.js";
import { scale, line, rule, text, setAll } from "./svg.js";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const inner = (a, b) => sum(a.map((x, i) => x * b[i]));

// All pairs [better, worse] of a ranking; ties have none.
export function pairsOf(ranks) {
  const all = ranks.flatMap((_, i) => ranks.map((_, j) => [i, j]));
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
    x[i] = (rows[i][n] - inner(rows[i].slice(i + 1, n), x.slice(i + 1))) / rows[i][i];
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

export const lossOf = (pairs, w) => sum(pairs.map(({ d, share }) => share * softplus(-inner(w, d))));

// The weights that minimise loss + ridge/2 · |w|²: Newton's method, each step halved until it helps.
export function fit(pairs, n, ridge) {
  let w = new Array(n).fill(0);
  const cost = (v) => lossOf(pairs, v) + (ridge / 2) * inner(v, v);
  for (let turn = 0; turn < 50; turn++) {
    const gradient = w.map((x) => ridge * x);
    const curvature = w.map((_, i) => w.map((_, j) => (i === j ? ridge : 0)));
    for (const { d, share } of pairs) {
      const p = sigmoid(inner(w, d));
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

// Bars to both sides of a middle line.
function leaningBars(names) {
  const rows = names.map((name) => {
    const bar = make("span", { className: "ig-bar" }), number = make("span", { className: "ig-number" });
    const row = make("div", { className: "ig-row", role: "listitem" },
      make("span", { className: "ig-label" }, name), make("span", { className: "ig-track" }, bar), number);
    return { row, bar, number };
  });
  const list = { className: "ig-bars ig-signed", role: "list", "aria-label": "Weights of the reward model" };
  const draw = (w) => {
    const full = Math.max(1, ...w.map(Math.abs));
    rows.forEach(({ row, bar, number }, i) => {
      const width = (50 * Math.abs(w[i])) / full, text = signed(w[i]);
      bar.style.width = `${width}%`;
      bar.style.left = `${w[i] < 0 ? 50 - width : 50}%`;
      row.classList.toggle("ig-minus", w[i] < 0);
      number.textContent = w[i] > 0 && text !== "0.00" ? `+${text}` : text;
    });
  };
  return { node: make("div", list, ...rows.map(({ row }) => row)), draw };
}

const WIDE = 320, HIGH = 190, ENDS = 4;

// The curve from margin to probability; a dot for each pair of a ranking.
function sigmoidCurve() {
  const x = scale(-ENDS, ENDS, 14, WIDE - 14), y = scale(0, 1, 150, 20);
  const dots = make("g"), name = make("title", { id: newId() });
  const at = range(81).map((i) => -ENDS + (2 * ENDS * i) / 80), axis = { class: "ig-axis" };
  const named = { role: "img", "aria-labelledby": name.id };
  const node = make("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "ig-curve", ...named },
    name, rule(x(-ENDS), x(ENDS), y(0), axis), line(x(0), y(0), x(0), y(1), { ...axis, "stroke-dasharray": "3 3" }),
    make("polyline", { points: at.map((m) => `${x(m)},${y(sigmoid(m))}`).join(" "), class: "ig-sigmoid" }),
    ...[-ENDS, 0, ENDS].map((m) => text(x(m), y(0) + 16, "middle", String(m).replace("-", "−"))),
    text(x(0), HIGH - 6, "middle", "margin: reward of the better − of the worse"),
    text(x(0) - 6, y(1) + 4, "end", "probability 1"), text(x(0) + 6, y(0.5) + 14, "start", "½"), dots);

  function mark(margin) {
    const cx = x(Math.max(-ENDS, Math.min(ENDS, margin))), cy = y(sigmoid(margin));
    if (margin > 0) return make("circle", { cx, cy, r: 5, class: "ig-right" });
    return make("rect", { x: cx - 4.5, y: cy - 4.5, width: 9, height: 9, class: "ig-wrong" });
  }

  function draw(margins) {
    const right = margins.filter((m) => m > 0).length, pairs = count(margins.length, "pair");
    name.textContent = `The curve from margin to probability, with ${pairs} on it, ` +
      `${right} to the right of the middle.`;
    dots.replaceChildren(...margins.map(mark));
  }
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
    const where = goal && ["above", "tie", "below"][goal.where + 1];
    rows.forEach((row, j) => { row.node.dataset.drop = goal?.j === j ? where : ""; });
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
    rows = answers.map((words, i) => {
      const place = make("span", { className: "ig-place", title: "Drag" });
      const [up, down] = [[-1, "▲", "better"], [1, "▼", "worse"]].map(([way, sign, word]) => {
        const step = button(sign, () => {
          if (step.getAttribute("aria-disabled") !== "true") moved(press(ranks, i, way));
        });
        step.setAttribute("aria-label", `${word}: ${words}`);
        return step;
      });
      drag(place, i);
      return { node: make("li", {}, place, make("span", { className: "ig-text" }, words), up, down), place, up, down };
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
      const ahead = ranks.filter((rank) => rank < ranks[i]).length;
      const mates = ranks.filter((rank) => rank === ranks[i]).length;
      row.place.textContent = `${mates > 1 ? "=" : ""}${ahead + 1}`;
      setAll(row.up, { "aria-disabled": mates === 1 && ranks[i] === 0 });
      setAll(row.down, { "aria-disabled": mates === 1 && ranks[i] === last });
    });
  }
  return { node, fill, draw };
}

const TIED = "All answers are tied: there is no pair to learn from, and every weight is 0. Move an answer up or down.";

export default figure(({ state, change, radios }) => {
  const { prompts, features, ridge } = state, held = prompts.findIndex((prompt) => prompt.held_out), other = whenNew();
  const numbers = facts(), learned = facts(), weights = leaningBars(features), plot = sigmoidCurve();
  let n = 0;
  const names = prompts.map((prompt, i) => [i, prompt.held_out ? "held out" : String((n += 1))]);
  const asked = make("p", { className: "ig-asked" });
  const guess = make("ol", { className: "ig-guess", "aria-label": "The model's order" });
  const set = (ranks) => change({ ranks: state.ranks.map((old, i) => (i === state.prompt ? ranks : old)) });
  const list = ranking(set), tie = button("All tied", () => set(prompts[state.prompt].answers.map(() => 0)));
  const copy = button("As a labeler did", () => set(prompts[state.prompt].labeler));

  function fill() {
    const { text, answers, labeler } = prompts[state.prompt];
    asked.textContent = text;
    list.fill(answers);
    copy.hidden = !labeler.length;
  }

  // On how many of the pairs that both ordered the labeler agrees.
  function agreement(pairs, labeler) {
    if (!labeler.length) return [];
    const both = pairs.filter(([a, b]) => labeler[a] !== labeler[b]);
    const same = both.filter(([a, b]) => labeler[a] < labeler[b]);
    return [["you and a labeler agree on", `${same.length} of ${both.length}`]];
  }

  function drawGuess(rewards) {
    const order = prompts[held].answers.map((text, k) => ({ text, r: rewards[k] })).sort((a, b) => b.r - a.r);
    guess.replaceChildren(...order.map(({ text, r }, k) => make("li", {}, make("span", { className: "ig-text" }, text),
      make("b", {}, k ? `${Math.round(100 * sigmoid(r - order[0].r))} %` : "–"))));
    return order[0].text;
  }

  function draw() {
    const i = state.prompt, { answers, labeler, held_out: test } = prompts[i];
    const ranks = state.ranks[i], mine = pairsOf(ranks);
    other(i, fill);
    list.draw(ranks);
    const pairs = differences(prompts, state.ranks), w = fit(pairs, features.length, ridge);
    const rewards = prompts.map((each) => each.features.map((f) => inner(w, f)));
    const margins = mine.map(([a, b]) => rewards[i][a] - rewards[i][b]), right = margins.filter((m) => m > 0).length;
    const all = (answers.length * (answers.length - 1)) / 2, tied = all - mine.length;
    numbers.draw([["answers", answers.length], ["pairs", all], ["tied", tied],
      [test ? "to test on" : "to learn from", mine.length], ["right", `${right} of ${mine.length}`],
      ...agreement(mine, labeler)]);
    weights.draw(w);
    plot.draw(margins);
    const loss = pairs.length ? lossOf(pairs, w).toFixed(3) : "none";
    learned.draw([["pairs in all rankings", pairs.length], ["loss", loss], ["at a tie", Math.LN2.toFixed(3)]]);
    const first = drawGuess(rewards[held]);
    if (!pairs.length) return TIED;
    return `Prompt ${names[i][1]}: ${count(mine.length, "pair")} ordered, ${tied} tied; ` +
      `the model has ${right} right. On the held-out prompt it prefers: ${first}`;
  }

  const order = `The model's order of the held-out answers to: “${prompts[held].text}”`;
  const parts = [
    title("Rank the answers by hand"), radios("prompt", { legend: "Prompt", options: names }), asked, list,
    controls(tie, copy), numbers,
    columns(make("div", {}, note("What your ranking makes of a reward: weights"), weights),
      make("div", {}, note("Pairs of this prompt: ● right, ■ wrong"), plot)),
    learned,
    note(`${order}, and the chance that it gives each against the first`),
    guess,
  ];
  return { parts, draw };
});
