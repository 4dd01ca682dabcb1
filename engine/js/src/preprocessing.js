import { RetrographError } from "./errors.js";

/**
 * How a picture becomes a model's input; docs/CONTRACT.md tells the arithmetic.
 *
 * @typedef {object} Preprocessing
 * @property {"crop" | "pad" | "stretch" | "none"} resize
 * @property {number} crop_fraction
 * @property {"nearest" | "bilinear" | "bicubic" | "lanczos"} interpolation
 * @property {"rgb" | "bgr" | "gray"} order of the channels
 * @property {number} scale
 * @property {number[]} mean
 * @property {number[]} std
 * @property {"nchw" | "nhwc"} layout
 */

/** @type {Preprocessing} */
const DEFAULTS = {
  scale: 1 / 255,
  mean: [0],
  std: [1],
  order: "rgb",
  resize: "crop",
  crop_fraction: 1,
  interpolation: "bilinear",
  layout: "nchw",
};

/** @type {Record<string, string[]>} */
const CHOICES = {
  order: ["rgb", "bgr", "gray"],
  resize: ["stretch", "crop", "pad", "none"],
  interpolation: ["nearest", "bilinear", "bicubic", "lanczos"],
  layout: ["nchw", "nhwc"],
};

/**
 * From the text in a graph's metadata.
 *
 * @param {string} text
 * @returns {Preprocessing}
 * @throws {RetrographError} it is not readable, or a value is impossible
 */
export function readPreprocessing(text) {
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new RetrographError(`preprocessing is not readable JSON (${why}); give it anew`);
  }
  return preprocessing(given);
}

/**
 * From some of its fields; the others have their defaults.
 *
 * @param {Partial<Preprocessing>} given
 * @returns {Preprocessing}
 * @throws {RetrographError} a field is not known, or its value is impossible
 */
export function preprocessing(given) {
  const unknown = Object.keys(given).filter((field) => !(field in DEFAULTS));
  if (unknown.length) {
    throw new RetrographError(
      `preprocessing has unknown fields ${unknown.sort().join(", ")}; it may come from a newer ` +
        "retrograph: update this one",
    );
  }
  const recipe = { ...DEFAULTS, ...given };
  for (const [field, allowed] of Object.entries(CHOICES)) {
    const value = recipe[/** @type {keyof Preprocessing} */ (field)];
    if (!allowed.includes(String(value))) {
      throw new RetrographError(`${field} is '${value}'; choose one of ${allowed.join(", ")}`);
    }
  }
  checkNumbers(recipe);
  return recipe;
}

/** @param {Preprocessing} recipe */
function checkNumbers(recipe) {
  if (!Number.isFinite(recipe.scale) || recipe.scale === 0) {
    throw new RetrographError(
      `scale is ${recipe.scale}; give a number other than 0, such as 1/255`,
    );
  }
  if (!(recipe.crop_fraction > 0 && recipe.crop_fraction <= 1)) {
    throw new RetrographError(
      `crop is ${recipe.crop_fraction}; give a fraction above 0, at most 1`,
    );
  }
  const channels = channelCount(recipe);
  for (const field of /** @type {const} */ (["mean", "std"])) {
    const values = recipe[field];
    if (!Array.isArray(values)) {
      throw new RetrographError(`${field} is ${values}; give a value a channel, such as [${values}]`);
    }
    if (values.length !== 1 && values.length !== channels) {
      throw new RetrographError(
        `${field} has ${values.length} values for ${recipe.order} input; give ` +
          (channels === 1 ? "1" : `1 or ${channels}`),
      );
    }
    if (!values.every(Number.isFinite)) {
      throw new RetrographError(`${field} has a value that is not finite; give plain numbers`);
    }
  }
  if (recipe.std.includes(0)) {
    throw new RetrographError("std has a 0, which would divide by zero; give other values");
  }
}

/**
 * How many channels the model takes: 3, or 1 for gray.
 *
 * @param {Preprocessing} recipe
 */
export function channelCount(recipe) {
  return recipe.order === "gray" ? 1 : 3;
}
