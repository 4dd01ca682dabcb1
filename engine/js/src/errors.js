/** What a user can mend: the message says what is wrong, where, and what to do. */
export class RetrographError extends Error {
  name = "RetrographError";
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
