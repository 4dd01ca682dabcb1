import { RetrographError } from "./errors.js";
import { product, roundEven, shapeText } from "./numbers.js";
import { rgbOf } from "./picture.js";
import { channelCount } from "./preprocessing.js";
import { resample } from "./resample.js";

/** @typedef {import("./picture.js").Picture} Picture */
/** @typedef {import("./preprocessing.js").Preprocessing} Preprocessing */
/** @typedef {{ data: Float32Array | Float64Array, dims: number[] }} Prepared */

/** A scaled picture of more pixels is not made. */
const MOST_PIXELS = 89_478_485;

/**
 * A picture as the input of a model.
 *
 * @param {Picture | import("./picture.js").Canvas} picture
 * @param {Preprocessing} recipe
 * @param {readonly (number | string | null)[]} shape of the input; anything but a number is open
 * @param {string} [axes] what its axes count, such as NCHW; else by the recipe's layout
 * @param {string} [type] of the input; numbers for float32 are rounded to it
 * @returns {{ input: Prepared, seen: Picture }} one item, with a batch axis of 1 where the input
 *   has one, and the RGB that the model sees
 * @throws {RetrographError} the two do not go together, or it cannot be brought to size
 */
export function prepare(picture, recipe, shape, axes, type = "float32") {
  const letters = axes ?? (recipe.layout === "nchw" ? "NCHW" : "NHWC");
  checkFits(recipe, shape, letters);
  const size = (/** @type {string} */ letter) => {
    const value = shape[letters.indexOf(letter)];
    return typeof value === "number" && value > 0 ? value : null;
  };
  const seen = sized(rgbOf(picture), size("H"), size("W"), recipe);
  const shown = recipe.order === "gray" ? greyed(seen) : seen;
  /** @type {Record<string, number>} */
  const extents = { N: 1, C: channelCount(recipe), H: seen.height, W: seen.width };
  const dims = [...letters].map((letter) => extents[letter]);
  /** @type {Record<string, number>} */
  const strides = { C: 0 };
  for (let axis = dims.length - 1, stride = 1; axis >= 0; stride *= dims[axis--]) {
    strides[letters[axis]] = stride;
  }
  const count = product(dims);
  const data = type === "float32" ? new Float32Array(count) : new Float64Array(count);
  fill(data, shown, recipe, strides);
  return { input: { data, dims }, seen: shown };
}

/**
 * @param {Preprocessing} recipe
 * @param {readonly (number | string | null)[]} shape
 * @param {string} letters
 */
function checkFits(recipe, shape, letters) {
  if (shape.length !== letters.length || !/^N?(C?HW|HWC)$/.test(letters)) {
    throw new RetrographError(
      `the model's input ${shapeText(shape)} takes no pictures; give it as a tensor`,
    );
  }
  const channels = letters.includes("C") ? shape[letters.indexOf("C")] : 1;
  if (typeof channels === "number" && channels > 0 && channels !== channelCount(recipe)) {
    throw new RetrographError(
      `${recipe.order} ${recipe.layout} preprocessing does not make the model's input ` +
        `${shapeText(shape)}; choose another order or layout`,
    );
  }
}

/**
 * @param {Picture} picture
 * @param {number | null} height
 * @param {number | null} width
 * @param {Preprocessing} recipe
 * @returns {Picture}
 */
function sized(picture, height, width, recipe) {
  if (height === null && width === null) return picture;
  const high = height ?? Math.max(1, roundEven((picture.height * (width ?? 0)) / picture.width));
  const wide = width ?? Math.max(1, roundEven((picture.width * high) / picture.height));
  switch (recipe.resize) {
    case "stretch":
      return resample(picture, wide, high, recipe.interpolation);
    case "crop":
      return cropped(picture, wide, high, recipe);
    case "pad":
      return padded(picture, wide, high, recipe);
    case "none":
      if (picture.width === wide && picture.height === high) return picture;
      throw new RetrographError(
        `the picture is ${picture.width}x${picture.height}, the model takes ${wide}x${high}; ` +
          "choose a resize mode other than none",
      );
  }
}

/**
 * @param {Picture} picture
 * @param {number} width
 * @param {number} height
 * @param {Preprocessing} recipe
 */
function cropped(picture, width, height, recipe) {
  let wide = roundEven(width / recipe.crop_fraction);
  let high = roundEven(height / recipe.crop_fraction);
  if (wide * picture.height >= high * picture.width) {
    high = Math.floor((wide * picture.height) / picture.width);
  } else {
    wide = Math.floor((high * picture.width) / picture.height);
  }
  if (wide * high > MOST_PIXELS) {
    throw new RetrographError(
      `a picture of ${picture.width}x${picture.height} is too elongated to crop; choose the ` +
        "resize mode stretch or pad",
    );
  }
  const scaled = resample(picture, wide, high, recipe.interpolation);
  const left = Math.floor((wide - width) / 2);
  const top = Math.floor((high - height) / 2);
  const data = new Uint8ClampedArray(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 3 * ((y + top) * wide + left);
    data.set(scaled.data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { data, width, height };
}

/**
 * @param {Picture} picture
 * @param {number} width
 * @param {number} height
 * @param {Preprocessing} recipe
 */
function padded(picture, width, height, recipe) {
  const share = Math.min(width / picture.width, height / picture.height);
  const wide = Math.max(1, roundEven(picture.width * share));
  const high = Math.max(1, roundEven(picture.height * share));
  const scaled = resample(picture, wide, high, recipe.interpolation);
  const left = Math.floor((width - wide) / 2);
  const top = Math.floor((height - high) / 2);
  const data = new Uint8ClampedArray(3 * width * height);
  for (let y = 0; y < high; y++) {
    const row = scaled.data.subarray(3 * y * wide, 3 * (y + 1) * wide);
    data.set(row, 3 * ((y + top) * width + left));
  }
  return { data, width, height };
}

/**
 * Three equal channels of its luma.
 *
 * @param {Picture} picture
 * @returns {Picture}
 */
function greyed({ data, width, height }) {
  const grey = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const luma = (19595 * data[i] + 38470 * data[i + 1] + 7471 * data[i + 2] + 32768) >> 16;
    grey.fill(luma, i, i + 3);
  }
  return { data: grey, width, height };
}

/**
 * Writes a number for each channel of each pixel, computed in doubles and rounded once.
 *
 * @param {Float32Array | Float64Array} data
 * @param {Picture} seen
 * @param {Preprocessing} recipe
 * @param {Record<string, number>} strides of C, H and W
 */
function fill(data, seen, recipe, strides) {
  const channels = channelCount(recipe);
  for (let c = 0; c < channels; c++) {
    const mean = recipe.mean[recipe.mean.length === 1 ? 0 : c];
    const std = recipe.std[recipe.std.length === 1 ? 0 : c];
    const numbers = Float64Array.from({ length: 256 }, (_, p) => (p * recipe.scale - mean) / std);
    let from = recipe.order === "bgr" ? 2 - c : c;
    for (let y = 0; y < seen.height; y++) {
      for (let x = 0; x < seen.width; x++, from += 3) {
        data[c * strides.C + y * strides.H + x * strides.W] = numbers[seen.data[from]];
      }
    }
  }
}
