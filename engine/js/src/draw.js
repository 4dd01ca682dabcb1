import { RetrographError } from "./errors.js";
import { product, roundEven, shapeText } from "./numbers.js";
import { rgbaOf } from "./picture.js";

/** @typedef {import("./picture.js").Picture} Picture */
/** @typedef {"signed" | "heat" | "overlay"} Style */
/** @typedef {{ values: Float64Array, height: number, width: number, channels: number }} Planes */

/** Colours end at this percentile of the magnitudes that are not 0. */
const PERCENTILE = 99.5;
const LUMA = [0.299, 0.587, 0.114];
/** The share of its brightness that a picture keeps under an overlay. */
const DIMMED = 0.55;

/** 16 colours of matplotlib's "magma", evenly spaced. */
const MAGMA =
  "000004 0b0924 20114b 3b0f70 57157e 721f81 8c2981 a8327d c43c75 de4968 f1605d fa7f5e fe9f6d febf84 fddea0 fcfdbf"
    .split(" ")
    .map((colour) => [0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16)));

/**
 * The attribution of one picture in colours, as docs/CONTRACT.md tells.
 *
 * @param {{ data: ArrayLike<number>, dims: readonly number[] }} attribution of one item
 * @param {string} axes what its axes count: CHW, HWC or HW
 * @param {Style} style
 * @param {{ order?: "rgb" | "bgr" | "gray", seen?: Picture }} [options] the order of its channels,
 *   and for an overlay the picture that the model has seen
 * @returns {{ data: Uint8ClampedArray, width: number, height: number }} RGBA, as ImageData takes it
 * @throws {RetrographError} it is not finite, no picture's, or there is no such style
 */
export function draw(attribution, axes, style, { order = "rgb", seen } = {}) {
  const planes = channelsLast(attribution, axes);
  const { height, width } = planes;
  if (style === "signed") return rgbaOf({ data: signed(planes, order), width, height });
  const shares = magnitudes(planes);
  if (style === "heat") return rgbaOf({ data: heat(shares), width, height });
  if (style !== "overlay") {
    throw new RetrographError(`unknown style '${style}'; choose one of: signed, heat, overlay`);
  }
  if (!seen) throw new RetrographError("an overlay is drawn on a picture; give `seen`");
  if (seen.width !== width || seen.height !== height) {
    throw new RetrographError(
      `the picture is ${seen.width}x${seen.height} and the attribution ${width}x${height}; give ` +
        "the picture that `prepare` has seen",
    );
  }
  return rgbaOf({ data: overlay(shares, seen), width, height });
}

/**
 * @param {{ data: ArrayLike<number>, dims: readonly number[] }} attribution
 * @param {string} axes
 * @returns {Planes} [H, W, C]
 */
function channelsLast({ data, dims }, axes) {
  if (axes.length !== dims.length || !/^(C?HW|HWC)$/.test(axes)) {
    throw new RetrographError(
      `an attribution ${shapeText(dims)} is none of a picture; draw it yourself`,
    );
  }
  const isFirst = axes === "CHW";
  const [height, width] = dims.slice(isFirst ? 1 : 0);
  const channels = product(dims) / (height * width);
  const values = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new RetrographError(
        "the attribution has NaN or infinite values; check the preprocessing, or run the model " +
          "in float32",
      );
    }
    const plane = Math.floor(i / (height * width));
    values[isFirst ? (i - plane * height * width) * channels + plane : i] = data[i];
  }
  return { values, height, width, channels };
}

/**
 * Divided by the percentile of the magnitudes that are not 0, and clipped to -1..1.
 *
 * @param {Float64Array} values
 */
function toUnit(values) {
  const sizes = values.filter((value) => value !== 0).map(Math.abs).sort();
  if (!sizes.length) return values;
  const place = (PERCENTILE / 100) * (sizes.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sizes.length - 1);
  const scale = sizes[below] + (sizes[above] - sizes[below]) * (place - below);
  return values.map((value) => Math.min(1, Math.max(-1, value / scale)));
}

/**
 * The largest magnitude over the channels, from 0 to 1.
 *
 * @param {Planes} planes
 */
function magnitudes({ values, height, width, channels }) {
  const largest = new Float64Array(height * width);
  for (let i = 0; i < values.length; i++) {
    const pixel = Math.floor(i / channels);
    largest[pixel] = Math.max(largest[pixel], Math.abs(values[i]));
  }
  return toUnit(largest);
}

/**
 * @param {Planes} planes
 * @param {string} order
 */
function signed({ values, height, width, channels }, order) {
  const coloured = channels === 3;
  const drawn = coloured || channels === 1 ? values : sums(values, channels);
  const shares = toUnit(drawn);
  const data = new Uint8ClampedArray(3 * height * width);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    const colour = order === "bgr" ? 3 * pixel + 2 - (i % 3) : i;
    data[i] = roundEven(128 + 127 * shares[coloured ? colour : pixel]);
  }
  return data;
}

/**
 * @param {Float64Array} values
 * @param {number} channels
 */
function sums(values, channels) {
  const total = new Float64Array(values.length / channels);
  for (let i = 0; i < values.length; i++) total[Math.floor(i / channels)] += values[i];
  return total;
}

/**
 * The colour, from 0 to 255, of a share from 0 to 1.
 *
 * @param {number} share
 * @param {number} channel
 */
function magma(share, channel) {
  const place = share * (MAGMA.length - 1);
  const below = Math.min(Math.floor(place), MAGMA.length - 2);
  const low = MAGMA[below][channel];
  return low + (MAGMA[below + 1][channel] - low) * (place - below);
}

/** @param {Float64Array} shares */
function heat(shares) {
  const data = new Uint8ClampedArray(3 * shares.length);
  for (let i = 0; i < data.length; i++) data[i] = roundEven(magma(shares[Math.floor(i / 3)], i % 3));
  return data;
}

/**
 * @param {Float64Array} shares
 * @param {Picture} seen RGB
 */
function overlay(shares, seen) {
  const data = new Uint8ClampedArray(3 * shares.length);
  for (let pixel = 0; pixel < shares.length; pixel++) {
    let luma = 0;
    for (let c = 0; c < 3; c++) luma += LUMA[c] * seen.data[3 * pixel + c];
    for (let c = 0; c < 3; c++) {
      const lit = ((255 - DIMMED * luma) * (255 - magma(shares[pixel], c))) / 255;
      data[3 * pixel + c] = roundEven(255 - lit);
    }
  }
  return data;
}
