import { RetrographError } from "./errors.js";
import { readPreprocessing } from "./preprocessing.js";

/** The number of the rules in docs/CONTRACT.md that are known here. */
export const CONTRACT = 1;

/**
 * What a built graph says of itself; docs/CONTRACT.md tells what each means.
 *
 * @typedef {object} Contract
 * @property {number} contract
 * @property {string} version of retrograph
 * @property {string} method
 * @property {Record<string, unknown>} parameters of the method
 * @property {string} target the explained layer's tensor
 * @property {string} alias its short name
 * @property {(number | string | null)[]} shape of one item of the layer; what is no number is open
 * @property {number} channelAxis
 * @property {"top" | "channel" | "unit" | "cotangent"} select
 * @property {boolean} many
 * @property {string[]} explained the explained inputs, or inner tensors
 * @property {string[]} inputs the model's inputs that those are computed from
 * @property {Record<string, string>} axes a letter for each axis of an explained input
 * @property {Record<string, string>} names what each added input and output is called
 * @property {import("./preprocessing.js").Preprocessing | null} preprocessing null if nobody said
 * @property {string[]} labels
 * @property {string[]} notes
 * @property {string} precision
 * @property {string} onnxruntime the lowest release that runs the graph; "" if not known
 */

/**
 * The contract of a built graph.
 *
 * @param {Record<string, string>} properties the metadata of its file
 * @returns {Contract}
 * @throws {RetrographError} the model was not built by retrograph, by a newer one, or is damaged
 */
export function readContract(properties) {
  if (!("retrograph.version" in properties)) {
    throw new RetrographError(
      "the model is no graph that retrograph has built; make one by: retrograph build MODEL",
    );
  }
  let contract;
  try {
    contract = Number(json(properties, "contract", "number", "1"));
    if (contract <= CONTRACT) return parsed(properties, contract);
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new RetrographError(`the built graph's metadata are damaged (${why}); build it again`);
  }
  throw new RetrographError(
    `the graph was built by a newer retrograph (contract ${contract}, and ${CONTRACT} is known ` +
      "here); update this host, or build it again",
  );
}

/**
 * @param {Record<string, string>} properties
 * @param {number} contract
 * @returns {Contract}
 */
function parsed(properties, contract) {
  const text = (/** @type {string} */ key, usual = "") => properties[`retrograph.${key}`] ?? usual;
  const select = required(properties, "select");
  if (!["top", "channel", "unit", "cotangent"].includes(select)) {
    throw new Error(`select is '${select}'`);
  }
  const explained = json(properties, "explained", "array");
  if (!explained.length) throw new Error("explained is empty");
  return {
    contract,
    version: text("version"),
    method: required(properties, "method"),
    parameters: json(properties, "parameters", "object"),
    target: required(properties, "target"),
    alias: required(properties, "alias"),
    shape: json(properties, "shape", "array"),
    channelAxis: json(properties, "channel_axis", "number", "0"),
    select: /** @type {Contract["select"]} */ (select),
    many: json(properties, "many", "boolean"),
    explained,
    inputs: json(properties, "inputs", "array", JSON.stringify(explained)),
    axes: json(properties, "axes", "object", "{}"),
    names: json(properties, "names", "object", "{}"),
    preprocessing: text("preprocessing") ? readPreprocessing(text("preprocessing")) : null,
    labels: json(properties, "labels", "array"),
    notes: json(properties, "notes", "array"),
    precision: text("precision", "float32"),
    onnxruntime: text("onnxruntime"),
  };
}

/**
 * @param {Record<string, string>} properties
 * @param {string} key
 * @param {string} [usual] of files that say nothing of it
 * @returns {string}
 */
function required(properties, key, usual) {
  const value = properties[`retrograph.${key}`] ?? usual;
  if (value === undefined) throw new Error(`'retrograph.${key}' is missing`);
  return value;
}

/**
 * @param {Record<string, string>} properties
 * @param {string} key
 * @param {"number" | "boolean" | "array" | "object"} kind
 * @param {string} [usual]
 * @returns {any}
 */
function json(properties, key, kind, usual) {
  const text = required(properties, key, usual);
  const value = JSON.parse(text);
  const found = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  if (found !== kind) throw new Error(`${key} is '${text}'`);
  return value;
}

/**
 * Whether an item of the layer has one number a channel, as classes have: [1000], [1000, 1, 1].
 *
 * @param {Pick<Contract, "shape" | "channelAxis">} contract
 */
export function hasClasses({ shape, channelAxis }) {
  return shape.every((size, axis) => axis === channelAxis || size === 1);
}

/**
 * What an added input or output is called in this graph.
 *
 * @param {Contract} contract
 * @param {string} name by the contract's tables
 */
export function called(contract, name) {
  return contract.names[name] ?? name;
}

/**
 * The names of the outputs that hold the attributions, in the order of `explained`.
 *
 * @param {Contract} contract
 * @returns {string[]}
 */
export function attributionNames(contract) {
  const several = contract.explained.length > 1;
  return contract.explained.map((name) =>
    called(contract, several ? `attribution.${name}` : "attribution"),
  );
}

/**
 * The name of the input by which units are chosen; null where there is none.
 *
 * @param {Contract} contract
 */
export function chooserName(contract) {
  if (contract.select === "top" && !contract.many) return null;
  return called(contract, contract.select === "cotangent" ? "cotangent" : "select");
}
