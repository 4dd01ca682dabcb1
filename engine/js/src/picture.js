import { RetrographError, kindOf } from "./errors.js";

/** @typedef {Uint8Array | Uint8ClampedArray} Bytes */

/**
 * Upright 8-bit RGB, or RGBA as ImageData has it, row by row.
 *
 * @typedef {{ data: Bytes, width: number, height: number }} Picture
 */

/**
 * What can be drawn from: a canvas of a page or of a worker.
 *
 * @typedef {{ width: number, height: number, getContext: Function }} Canvas
 */

/**
 * The RGB of a picture; what is transparent is laid on white.
 *
 * @param {Picture | Canvas} picture RGB, RGBA, ImageData, or a canvas
 * @returns {Picture} RGB
 * @throws {RetrographError} it is none, has no pixels, or neither 3 nor 4 bytes a pixel
 */
export function rgbOf(picture) {
  checkIsPicture(picture);
  if ("getContext" in picture) {
    const context = picture.getContext("2d", { willReadFrequently: true });
    return rgbOf(context.getImageData(0, 0, picture.width, picture.height));
  }
  const { data, width, height } = picture;
  const count = width * height;
  if (!(count > 0)) {
    throw new RetrographError(`a picture has at least one pixel, not ${width}x${height}`);
  }
  if (data.length === 3 * count) return picture;
  if (data.length !== 4 * count) {
    throw new RetrographError(
      `a picture of ${width}x${height} has 3 or 4 bytes a pixel, not ${data.length} in all`,
    );
  }
  const rgb = new Uint8ClampedArray(3 * count);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    for (let c = 0; c < 3; c++) rgb[to++] = onWhite(data[from + c], data[from + 3]);
  }
  return { data: rgb, width, height };
}

/**
 * @param {any} given
 * @throws {RetrographError} it is neither pixels with their size nor a canvas
 */
function checkIsPicture(given) {
  if (typeof given?.getContext === "function") return;
  const hasBytes = /^Uint8(Clamped)?Array$/.test(kindOf(given?.data));
  if (hasBytes && "width" in given && "height" in given) return;
  const kind = given?.data === undefined ? kindOf(given) : `${kindOf(given.data)} as data`;
  throw new RetrographError(
    "a picture is { data, width, height } of RGB or RGBA bytes, ImageData or a canvas, not " +
      `${kind}; decode a file first: \`decode\` in a browser, sharp's .raw() in Node`,
  );
}

/**
 * @param {number} colour
 * @param {number} alpha
 */
function onWhite(colour, alpha) {
  if (alpha === 255) return colour;
  const sum = 128 * (colour * alpha + 255 * (255 - alpha) + 128);
  return (sum + (sum >> 8)) >> 15;
}

/**
 * The RGBA of an RGB picture, as ImageData takes it.
 *
 * @param {Picture} picture RGB
 * @returns {{ data: Uint8ClampedArray, width: number, height: number }}
 */
export function rgbaOf({ data, width, height }) {
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    for (let c = 0; c < 3; c++) rgba[to + c] = data[from + c];
  }
  return { data: rgba, width, height };
}

/**
 * A file or a video's frame as RGB, in a browser: upright, colour profiles not applied.
 *
 * @param {ImageBitmapSource} source a File, a Blob, an image or a video
 * @returns {Promise<Picture>} RGB
 * @throws {RetrographError} the browser cannot decode it
 */
export async function decode(source) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(source, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch {
    throw new RetrographError("the file is no picture that can be read; save it as PNG or JPEG");
  }
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new RetrographError("the browser gives no canvas; close other pages");
  context.fillStyle = "white";
  context.fillRect(0, 0, bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return rgbOf(canvas);
}
