import { RetrographError, kindOf } from "./errors.js";
import { fromHalf, product, shapeText, toHalf } from "./numbers.js";

/** @typedef {Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array | Float32Array | Float64Array} TypedArray */

/**
 * An array of any rank: numbers in C order, and its shape. A tensor of ONNX Runtime is one, too.
 *
 * @typedef {{ data: TypedArray | readonly (number | bigint)[], dims: readonly number[] }} Values
 */

/** @typedef {number | bigint | TypedArray | readonly Nested[]} Nested a number, or lists of lists */

/** @typedef {{ name: string, type: string, shape: readonly (number | string)[] }} Input */

const TYPES = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

const MOST_HALF = 65504;

/**
 * Numbers, lists of lists, or an array with its shape, as the last.
 *
 * @param {Nested | Values} given
 * @returns {Values}
 */
export function asValues(given) {
  if (isValues(given)) return given;
  if (typeof given !== "object") return { data: [given], dims: [] };
  if (ArrayBuffer.isView(given)) return { data: given, dims: [given.length] };
  if (!Array.isArray(given)) {
    throw new RetrographError(
      `numbers, lists of them or { data, dims } choose a unit, not ${kindOf(given)}`,
    );
  }
  const parts = given.map(asValues);
  const inner = parts.length ? parts[0].dims : [];
  if (parts.some(({ dims }) => String(dims) !== String(inner))) {
    throw new RetrographError("the lists are of different lengths; give an array of one shape");
  }
  return { data: parts.flatMap(({ data }) => [...data]), dims: [parts.length, ...inner] };
}

/**
 * Whether it is an array with its shape.
 *
 * @param {any} given
 * @returns {given is Values}
 */
export function isValues(given) {
  const { data, dims } = given ?? {};
  return Array.isArray(dims) && typeof data === "object" && data !== null && !("dims" in data);
}

/**
 * The array as what an input takes.
 *
 * @param {Input} input
 * @param {Values} given
 * @returns {{ type: string, data: TypedArray, dims: number[] }}
 * @throws {RetrographError} it has another shape, or numbers that the type does not hold
 */
export function fitted(input, given) {
  if (!isValues(given)) {
    throw new RetrographError(
      `input '${input.name}' takes { data, dims } of ${inputText(input)}, not ${kindOf(given)}`,
    );
  }
  const dims = [...given.dims].map(Number);
  const fits =
    dims.length === input.shape.length &&
    input.shape.every((size, axis) => !(Number(size) > 0) || size === dims[axis]);
  if (!fits || product(dims) !== given.data.length) {
    const count = fits ? `${given.data.length} numbers as ` : "";
    throw new RetrographError(
      `input '${input.name}' takes ${inputText(input)}; what is given is ${count}` +
        `${typeOf(given.data)} ${shapeText(dims)}`,
    );
  }
  return { type: input.type, data: converted(input, given), dims };
}

/**
 * What an input takes, as errors write it: float32 [N, 3, 32, 32].
 *
 * @param {Input} input
 */
export function inputText({ type, shape }) {
  return `${type} ${shapeText(shape)}`;
}

/** @param {Values["data"]} data */
function typeOf(data) {
  const found = Object.entries(TYPES).find(([, Kind]) => data instanceof Kind);
  return found ? found[0] : "numbers";
}

/**
 * @param {Input} input
 * @param {Values} given
 * @returns {TypedArray}
 */
function converted({ name, type }, given) {
  const Kind = TYPES[/** @type {keyof typeof TYPES} */ (type)];
  if (!Kind) throw new RetrographError(`input '${name}' takes ${type}, which is not supported here`);
  const isHalf = "type" in given && given.type === "float16";
  if (given.data instanceof Kind && (type !== "float16" || isHalf)) return given.data;
  /** @type {ArrayLike<number | bigint>} */
  const numbers = isHalf ? halves(given.data) : given.data;
  if (type === "float32") return Float32Array.from(numbers, Number);
  if (type === "float64") return Float64Array.from(numbers, Number);
  if (type === "float16") return toHalves(name, numbers);
  const whole = wholeNumbers(type);
  const unfit = Array.prototype.find.call(numbers, (value) => !whole(value));
  if (unfit !== undefined) {
    throw new RetrographError(`input '${name}' takes ${type}, which does not hold ${unfit}`);
  }
  return /** @type {any} */ (Kind).from(numbers, type.endsWith("64") ? BigInt : Number);
}

/**
 * Whether a type holds a number.
 *
 * @param {string} type of whole numbers
 * @returns {(value: number | bigint) => boolean}
 */
function wholeNumbers(type) {
  const bits = type === "bool" ? 1 : Number(type.replace(/\D/g, ""));
  const most = 2 ** (type.startsWith("int") ? bits - 1 : bits);
  const least = type.startsWith("int") ? -most : 0;
  return (value) =>
    (typeof value === "bigint" || Number.isInteger(value)) && value >= least && value < most;
}

/**
 * @param {string} name of the input
 * @param {ArrayLike<number | bigint>} numbers
 */
function toHalves(name, numbers) {
  return Uint16Array.from(numbers, (value) => {
    const number = Number(value);
    const bits = toHalf(number);
    if ((bits & 0x7fff) === 0x7c00 && Number.isFinite(number)) {
      throw new RetrographError(
        `input '${name}' takes float16, which ends at ${MOST_HALF}, and numbers up to ` +
          `${Math.abs(number)} are given; check the preprocessing`,
      );
    }
    return bits;
  });
}

/**
 * Half-precision numbers, which are bits in a Uint16Array where JavaScript has no Float16Array.
 *
 * @param {ArrayLike<number | bigint>} data
 */
function halves(data) {
  const decode = data instanceof Uint16Array ? fromHalf : Number;
  return Float32Array.from(data, (value) => decode(Number(value)));
}

/**
 * What a graph computed: half-precision numbers as Float32Array, whole ones of 64 bits as
 * Float64Array, all else as it is.
 *
 * @typedef {{ data: Exclude<TypedArray, BigInt64Array | BigUint64Array>, dims: number[] }} Computed
 */

/**
 * @param {any} tensor of ONNX Runtime
 * @returns {Promise<Computed>}
 */
export async function readTensor(tensor) {
  const data = await tensor.getData();
  const dims = [...tensor.dims];
  if (tensor.type === "float16") return { data: halves(data), dims };
  if (tensor.type === "int64" || tensor.type === "uint64") {
    return { data: Float64Array.from(data, Number), dims };
  }
  return { data, dims };
}
