/**
 * Rounded to the nearest whole number, halves to the even one, as Python rounds.
 *
 * @param {number} value
 */
export function roundEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/**
 * @param {readonly number[]} sizes
 * @returns {number} their product
 */
export function product(sizes) {
  return sizes.reduce((all, size) => all * size, 1);
}

/**
 * A shape as errors write it: [N, 3, 32, ?].
 *
 * @param {readonly (number | string | null)[]} shape
 */
export function shapeText(shape) {
  const isOpen = (/** @type {number | string | null} */ size) =>
    size === null || size === "" || (typeof size === "number" && size < 0);
  return `[${shape.map((size) => (isOpen(size) ? "?" : size)).join(", ")}]`;
}

/**
 * A number as the bits of the nearest half-precision one, halves to the even one.
 *
 * @param {number} value
 */
export function toHalf(value) {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  const exponent = size ? Math.max(-14, Math.floor(Math.log2(size))) : -14;
  return sign | (((exponent + 14) << 10) + roundEven(size / 2 ** (exponent - 10)));
}

/**
 * The number that the bits of a half-precision one stand for.
 *
 * @param {number} bits
 */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
