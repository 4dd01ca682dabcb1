/**
 * Runs the graphs that retrograph builds, in Node and in browsers.
 *
 * @module
 */
export { CONTRACT, hasClasses, readContract } from "./contract.js";
export { draw } from "./draw.js";
export { RetrographError } from "./errors.js";
export { Explainer } from "./explainer.js";
export { readMetadata } from "./metadata.js";
export { decode, rgbOf, rgbaOf } from "./picture.js";
export { prepare } from "./prepare.js";
export { preprocessing, readPreprocessing } from "./preprocessing.js";

/** @typedef {import("./explainer.js").Attribution} Attribution */
/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./picture.js").Picture} Picture */
/** @typedef {import("./preprocessing.js").Preprocessing} Preprocessing */
/** @typedef {import("./draw.js").Style} Style */
/** @typedef {import("./tensors.js").Values} Values */
/** @typedef {import("./tensors.js").Computed} Computed */
/** @typedef {import("./tensors.js").Nested} Nested */
