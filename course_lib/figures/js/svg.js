// Pieces of the drawings: scales, lines, texts and curves.
import { make } from "./shared.js";

// A picture whose numbers are told elsewhere in the figure.
export function picture(width, height, properties, ...children) {
  const box = { viewBox: `0 0 ${width} ${height}`, class: "ig-curve", "aria-hidden": "true" };
  return make("svg", { ...box, ...properties }, ...children);
}

// From numbers low … high to places from … to.
export const scale = (low, high, from, to) => (value) => from + ((to - from) * (value - low)) / (high - low || 1);

export const line = (x1, y1, x2, y2, properties) => make("line", { x1, x2, y1, y2, ...properties });
export const text = (x, y, anchor, content) => make("text", { x, y, "text-anchor": anchor }, content);
export const rule = (x1, x2, y, properties = { stroke: "var(--c-grid)" }) => line(x1, y, x2, y, properties);

export const points = (places) => places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
export const curve = (places, properties) => make("polyline", { points: points(places), fill: "none", ...properties });

// The mark of what is chosen.
export const dot = (r = 6) =>
  make("circle", { r, fill: "var(--c-vermillion)", stroke: "var(--c-paper)", "stroke-width": 2 });

export function setAll(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}
