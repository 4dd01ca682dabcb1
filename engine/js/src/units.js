import { hasClasses } from "./contract.js";
import { RetrographError } from "./errors.js";
import { product, shapeText } from "./numbers.js";
import { asValues } from "./tensors.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./tensors.js").Values} Values */
/** @typedef {import("./tensors.js").Nested} Nested */

/**
 * What the input takes by which units are chosen.
 *
 * @param {Contract} contract
 * @param {Nested | Values | undefined} unit as in Explainer.attribute
 * @param {number} items how many there are
 * @returns {Values | null} null where the graph has no such input
 * @throws {RetrographError} it is missing, or does not choose what the graph explains
 */
export function choice(contract, unit, items) {
  const { select, many } = contract;
  if (select === "top" && !many) {
    if (unit === undefined) return null;
    throw new RetrographError("this graph explains the most active unit: give no `unit`");
  }
  if (unit === undefined) {
    throw new RetrographError(`this graph explains a chosen ${select}: give \`unit\``);
  }
  const given = asValues(unit);
  if (select === "cotangent") return given;
  for (const value of given.data) {
    if (typeof value !== "bigint" && !Number.isInteger(value)) {
      throw new RetrographError(`\`unit\` takes whole numbers, not ${value}`);
    }
  }
  if (select === "top") return unitCount(contract, given);
  return indices(contract, fullIndices(contract, given), items);
}

/**
 * How many of the most active units.
 *
 * @param {Contract} contract
 * @param {Values} given
 * @returns {Values}
 */
function unitCount({ shape, alias }, given) {
  const sizes = shape.filter((size) => typeof size === "number");
  const most = sizes.length === shape.length ? product(sizes) : null;
  const count = Number(given.data[0]);
  if (given.data.length !== 1 || count < 1 || (most !== null && count > most)) {
    throw new RetrographError(
      `${unitText(given)} most active units cannot be taken: \`unit\` is one number from 1 to ` +
        `the ${most ?? "number of"} units of '${alias}'`,
    );
  }
  return { data: [count], dims: [1] };
}

/**
 * The numbers of classes alone as indices of a layer whose other axes have size 1; all else stays.
 *
 * @param {Contract} contract
 * @param {Values} given [..., 1] or one number
 * @returns {Values} [..., r]
 */
function fullIndices(contract, given) {
  const { select, shape, channelAxis } = contract;
  const isAlone = (given.dims[given.dims.length - 1] ?? 1) === 1;
  if (select !== "unit" || shape.length === 1 || !isAlone || !hasClasses(contract)) return given;
  const data = Array.from(given.data).flatMap((number) =>
    shape.map((_, axis) => (axis === channelAxis ? number : 0)),
  );
  return { data, dims: [...given.dims.slice(0, -1), shape.length] };
}

/**
 * The units' indices for each item: [N, r], with many [N, K, r].
 *
 * @param {Contract} contract
 * @param {Values} given
 * @param {number} items
 * @returns {Values}
 */
function indices(contract, given, items) {
  const { select, shape, alias, many } = contract;
  const length = select === "channel" ? 1 : shape.length;
  const rank = many ? 3 : 2;
  const dims = given.dims.length ? [...given.dims] : [1];
  if (dims[dims.length - 1] !== length || dims.length > rank) {
    throw new RetrographError(
      `a ${select} of '${alias}' (shape ${shapeText(shape)}) is chosen by ${length} numbers, ` +
        `not by ${given.dims.length ? `an array ${shapeText(given.dims)}` : "one"}`,
    );
  }
  while (dims.length < rank) dims.unshift(1);
  if (dims[0] !== 1 && dims[0] !== items) {
    throw new RetrographError(
      `\`unit\` has ${dims[0]} rows for ${items} items; give one for each, or one for all`,
    );
  }
  const row = Array.from(given.data);
  const data = dims[0] === items ? row : Array.from({ length: items }, () => row).flat();
  return { data, dims: [items, ...dims.slice(1)] };
}

/**
 * @param {Contract} contract
 * @param {Nested | Values} unit
 * @throws {RetrographError} always: the unit does not exist
 * @returns {never}
 */
export function refuseOutOfRange({ alias, shape }, unit) {
  throw new RetrographError(
    `unit ${unitText(asValues(unit))} is out of range: an item of '${alias}' has the shape ` +
      shapeText(shape),
  );
}

/**
 * @param {Values} values
 * @returns {string} as lists of lists are written
 */
function unitText({ data, dims }) {
  if (!dims.length) return String(data[0]);
  const size = data.length / dims[0];
  const rows = Array.from({ length: dims[0] }, (_, row) =>
    unitText({ data: data.slice(row * size, (row + 1) * size), dims: dims.slice(1) }),
  );
  return `[${rows.join(", ")}]`;
}
