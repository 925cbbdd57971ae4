// Byte-pair encoding in the page: the same ids as course_lib.tokens.
import { visible } from "./shared.js";

// GPT-2's pre-tokenization. \p{White_Space} is what other regex engines call \s; JavaScript's own \s differs.
const PATTERN = new RegExp(
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+" +
  "|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+", "gu");

export const split = (text) => text.match(PATTERN) ?? [];

const key = (a, b) => a * 2 ** 21 + b;

// merges[i] = [left id, right id] of the token 256 + i; a byte's id is the byte.
export function ranks(merges) {
  return new Map(merges.map(([a, b], i) => [key(a, b), i]));
}

// Encode one piece with the first `step` merges: again and again the earliest learned pair that stands in it.
export function encodePiece(piece, rank, step) {
  let ids = [...new TextEncoder().encode(piece)];
  for (;;) {
    let best = step;
    for (let i = 0; i + 1 < ids.length; i++) best = Math.min(best, rank.get(key(ids[i], ids[i + 1])) ?? step);
    if (best >= step) return ids;
    const merged = [];
    for (let i = 0; i < ids.length; i++) {
      if (rank.get(key(ids[i], ids[i + 1])) === best) { merged.push(256 + best); i++; }
      else merged.push(ids[i]);
    }
    ids = merged;
  }
}

export function encode(text, merges, step = merges.length) {
  const rank = ranks(merges);
  return split(text).flatMap((piece) => encodePiece(piece, rank, step));
}

export function tokenBytes(merges) {
  const bytes = Array.from({ length: 256 }, (_, i) => [i]);
  for (const [a, b] of merges) bytes.push([...bytes[a], ...bytes[b]]);
  return bytes;
}

// A token's text; bytes that are no whole character are shown in hexadecimal.
export function show(bytes) {
  try { return visible(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))); }
  catch { return bytes.map((b) => b.toString(16).toUpperCase().padStart(2, "0")).join(" "); }
}
