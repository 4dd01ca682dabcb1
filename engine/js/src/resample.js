/**
 * Pillow's resampling of 8-bit RGB, to the last bit; docs/CONTRACT.md tells the arithmetic.
 */

/** Weights are whole numbers of so many binary places. */
const PLACES = 22;

const sinc = (/** @type {number} */ x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** @type {Record<string, { reach: number, kernel: (x: number) => number }>} */
const FILTERS = {
  bilinear: { reach: 1, kernel: (x) => (Math.abs(x) < 1 ? 1 - Math.abs(x) : 0) },
  bicubic: { reach: 2, kernel: bicubic },
  lanczos: { reach: 3, kernel: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** @param {number} x */
function bicubic(x) {
  const a = -0.5;
  const size = Math.abs(x);
  if (size < 1) return ((a + 2) * size - (a + 3)) * size * size + 1;
  return size < 2 ? (((size - 5) * size + 8) * size - 4) * a : 0;
}

/**
 * A picture of another size.
 *
 * @param {import("./picture.js").Picture} picture RGB
 * @param {number} width
 * @param {number} height
 * @param {string} interpolation nearest, bilinear, bicubic or lanczos
 * @returns {import("./picture.js").Picture} the same one where the size stays
 */
export function resample(picture, width, height, interpolation) {
  if (interpolation === "nearest") return nearest(picture, width, height);
  const wide = width === picture.width ? picture : acrossWidth(picture, width, interpolation);
  return height === wide.height ? wide : acrossHeight(wide, height, interpolation);
}

/**
 * The source pixels of an output and their weights.
 *
 * @typedef {{ start: number, weights: Int32Array }} Tap
 */

/**
 * @param {number} from how many pixels there are
 * @param {number} to how many there are to be
 * @param {string} interpolation
 * @returns {Tap[]} one for each output
 */
function taps(from, to, interpolation) {
  const { reach, kernel } = FILTERS[interpolation];
  const ratio = from / to;
  const stretch = Math.max(ratio, 1);
  const support = reach * stretch;
  const shrink = 1 / stretch;
  return Array.from({ length: to }, (_, output) => {
    const centre = (output + 0.5) * ratio;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const shares = new Float64Array(end - start);
    let sum = 0;
    for (let i = 0; i < shares.length; i++) {
      shares[i] = kernel((i + start - centre + 0.5) * shrink);
      sum += shares[i];
    }
    const weights = Int32Array.from(shares, (share) => {
      const value = (sum === 0 ? share : share / sum) * 2 ** PLACES;
      return Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
    });
    return { start, weights };
  });
}

/**
 * @param {import("./picture.js").Picture} picture
 * @param {number} width
 * @param {string} interpolation
 */
function acrossWidth(picture, width, interpolation) {
  const { data, height } = picture;
  const scaled = new Uint8ClampedArray(3 * width * height);
  const columns = taps(picture.width, width, interpolation);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const { start, weights } = columns[x];
      const from = 3 * (y * picture.width + start);
      blend(data, from, 3, weights, scaled, 3 * (y * width + x), 3);
    }
  }
  return { data: scaled, width, height };
}

/**
 * @param {import("./picture.js").Picture} picture
 * @param {number} height
 * @param {string} interpolation
 */
function acrossHeight(picture, height, interpolation) {
  const { data, width } = picture;
  const row = 3 * width;
  const scaled = new Uint8ClampedArray(row * height);
  taps(picture.height, height, interpolation).forEach(({ start, weights }, y) => {
    blend(data, row * start, row, weights, scaled, row * y, row);
  });
  return { data: scaled, width, height };
}

/**
 * Writes `count` neighbouring numbers, each the weighted sum of those that lie `step` apart.
 *
 * @param {import("./picture.js").Bytes} data
 * @param {number} from
 * @param {number} step
 * @param {Int32Array} weights
 * @param {Uint8ClampedArray} scaled
 * @param {number} to
 * @param {number} count
 */
function blend(data, from, step, weights, scaled, to, count) {
  for (let c = 0; c < count; c++) {
    let sum = 2 ** (PLACES - 1);
    for (let i = 0; i < weights.length; i++) sum += weights[i] * data[from + i * step + c];
    scaled[to + c] = sum >> PLACES;
  }
}

/**
 * @param {import("./picture.js").Picture} picture
 * @param {number} width
 * @param {number} height
 */
function nearest(picture, width, height) {
  const columns = nearestPlaces(picture.width, width);
  const rows = nearestPlaces(picture.height, height);
  const scaled = new Uint8ClampedArray(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 3 * (rows[y] * picture.width + columns[x]);
      for (let c = 0; c < 3; c++) scaled[to++] = picture.data[from + c];
    }
  }
  return { data: scaled, width, height };
}

/**
 * @param {number} from
 * @param {number} to
 * @returns {number[]} the source of each output
 */
function nearestPlaces(from, to) {
  const places = [];
  for (let i = 0, place = from / to / 2; i < to; i++, place += from / to) {
    places.push(Math.trunc(place));
  }
  return places;
}
