/** What a user can mend: the message says what is wrong, where, and what to do. */
export class RetrographError extends Error {
  name = "RetrographError";
}

/**
 * What a value is, as errors write it: null, a text, Float32Array, Promise.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return "a text";
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/**
 * The first line of what was thrown; ONNX Runtime throws errors, texts and numbers.
 *
 * @param {unknown} thrown
 * @returns {string}
 */
export function firstLine(thrown) {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.trim().split("\n")[0];
}
