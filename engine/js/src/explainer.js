import {
  attributionNames,
  called,
  chooserName,
  readContract,
} from "./contract.js";
import { draw } from "./draw.js";
import { RetrographError, firstLine, kindOf } from "./errors.js";
import { bytesOf, readMetadata } from "./metadata.js";
import { product } from "./numbers.js";
import { prepare } from "./prepare.js";
import { fitted, inputText, isValues, readTensor } from "./tensors.js";
import { choice, refuseOutOfRange } from "./units.js";

/** @typedef {import("./tensors.js").Values} Values */
/** @typedef {import("./tensors.js").Computed} Computed */
/** @typedef {import("./tensors.js").Nested} Nested */
/** @typedef {import("./tensors.js").Input} Input */
/** @typedef {import("./picture.js").Picture} Picture */
/** @typedef {import("./picture.js").Canvas} Canvas */
/** @typedef {import("./preprocessing.js").Preprocessing} Preprocessing */

/**
 * What came of some items. K units of each item where the graph explains many.
 *
 * @typedef {object} Attribution
 * @property {Computed} attribution of the first explained input: [N, *input], or [N, K, *input]
 * @property {Record<string, Computed>} attributions of each explained input, by its name
 * @property {Computed} score the units' activations: [N], or [N, K]
 * @property {Computed} unit the indices that were explained: [N, r], or [N, K, r]
 * @property {Computed | null} biasRelevance what fell to biases: [N]; null but of some methods
 * @property {Record<string, Computed>} outputs the model's own
 */

/** A built graph, ready to run. */
export class Explainer {
  #ort;
  #session;
  #last = Promise.resolve();
  #isReleased = false;

  /**
   * @param {any} ort
   * @param {any} session
   * @param {import("./contract.js").Contract} contract
   */
  constructor(ort, session, contract) {
    this.#ort = ort;
    this.#session = session;
    /** What the graph explains, and how. */
    this.contract = contract;
    /** How a picture becomes the input; set it where the graph does not say so. */
    this.preprocessing = contract.preprocessing;
  }

  /**
   * Load a built graph.
   *
   * @param {any} ort the module onnxruntime-node or onnxruntime-web
   * @param {Uint8Array | ArrayBuffer} model the bytes of the file
   * @param {object} [options] of ONNX Runtime's session, such as { executionProviders: ["webgpu"] };
   *   without memory patterns unless they say otherwise: a batch takes about half the memory
   * @returns {Promise<Explainer>}
   * @throws {RetrographError} it is no built graph, of a newer contract, or does not load
   */
  static async load(ort, model, options = {}) {
    if (!ort?.InferenceSession) {
      throw new RetrographError(
        `\`load\` takes the module of ONNX Runtime first, not ${kindOf(ort)}; give what ` +
          "onnxruntime-node or onnxruntime-web exports",
      );
    }
    const bytes = bytesOf(model);
    const contract = readContract(readMetadata(bytes));
    checkRelease(contract.onnxruntime, release(ort));
    let session;
    try {
      session = await ort.InferenceSession.create(bytes, { enableMemPattern: false, ...options });
    } catch (error) {
      throw new RetrographError(
        `ONNX Runtime ${release(ort)} cannot load the graph (${firstLine(error)}); upgrade it, ` +
          "choose another execution provider, or export the model anew",
      );
    }
    const lacking = [...attributionNames(contract), called(contract, "score"), called(contract, "unit")]
      .filter((name) => !session.outputNames.includes(name));
    if (lacking.length) {
      throw new RetrographError(
        `the built graph lacks the outputs ${lacking.join(", ")}; build it again`,
      );
    }
    return new Explainer(ort, session, contract);
  }

  /**
   * The model's own inputs.
   *
   * @returns {Input[]}
   */
  get inputs() {
    return this.#session.inputMetadata.filter(
      (/** @type {Input} */ input) => input.name !== chooserName(this.contract),
    );
  }

  /**
   * A picture, or several of one batch, as the model's input.
   *
   * @param {Picture | Canvas | (Picture | Canvas)[]} pictures RGB or RGBA bytes, ImageData, canvases
   * @returns {{ input: Values, seen: Picture[] }} the input, the last item repeated to fill a fixed
   *   batch, and of each picture the RGB that the model sees
   * @throws {RetrographError} nobody said how, or a picture does not become the input
   */
  prepare(pictures) {
    const input = this.#shown();
    const axes = this.contract.axes[input.name];
    if (axes && !(axes.includes("H") && axes.includes("W"))) {
      throw new RetrographError(
        `input '${input.name}' takes no pictures (its axes are ${axes}); give tensors`,
      );
    }
    if (!this.preprocessing) {
      throw new RetrographError(
        "the graph does not say how a picture becomes its input; build it with --preprocess, set " +
          "`preprocessing`, or give tensors",
      );
    }
    const recipe = this.preprocessing;
    const given = Array.isArray(pictures) ? pictures : [pictures];
    const items = given.map((each) => prepare(each, recipe, input.shape, axes, input.type));
    const seen = items.map((item) => item.seen);
    return { input: batch(items.map((item) => item.input), input, axes), seen };
  }

  /** @returns {Input} the model's input that is shown beside an attribution */
  #shown() {
    const name = this.contract.inputs[0];
    const found = this.inputs.find((input) => input.name === name);
    if (!found) throw new RetrographError(`the graph has no input '${name}'; build it again`);
    return found;
  }

  /**
   * Explain a batch.
   *
   * @param {Values | Record<string, Values>} x the explained input [N, ...], or an array for each
   *   input by its name where the model has several
   * @param {Nested | Values | { unit: Nested | Values }} [unit] for `channel` and `unit` the index,
   *   one for all items ([r]) or one for each ([N, r]; with many [K, r] or [N, K, r]), where r is 1
   *   for the classes of a layer [1000, 1, 1], too; for `cotangent` the weighting [N, *layer]; for
   *   `top` with many the number K
   * @returns {Promise<Attribution>}
   * @throws {RetrographError} an input has a wrong shape, or a unit is out of range
   */
  async attribute(x, unit) {
    const { contract } = this;
    const chosen = chosenBy(unit);
    const computed = await this.run(this.#feeds(x, chosen));
    const take = (/** @type {string} */ name) => {
      const values = computed[name];
      delete computed[name];
      return values;
    };
    const names = attributionNames(contract);
    const attributions = Object.fromEntries(
      contract.explained.map((name, i) => [name, take(names[i])]),
    );
    const result = {
      attribution: attributions[contract.explained[0]],
      attributions,
      score: take(called(contract, "score")),
      unit: take(called(contract, "unit")),
      biasRelevance: this.#biasRelevance(take),
      outputs: computed,
    };
    const isIndex = contract.select === "channel" || contract.select === "unit";
    if (chosen !== undefined && isIndex && result.unit.data.some((index) => index < 0)) {
      refuseOutOfRange(contract, chosen);
    }
    return result;
  }

  /** @param {(name: string) => Computed | undefined} take */
  #biasRelevance(take) {
    const { names } = this.contract;
    const isOlder = Object.keys(names).length === 0;
    const name = isOlder ? "bias_relevance" : names.bias_relevance;
    return (name && take(name)) || null;
  }

  /**
   * @param {Values | Record<string, Values>} x
   * @param {Nested | Values | undefined} unit
   * @returns {Record<string, Values>} by the names of all inputs of the graph
   */
  #feeds(x, unit) {
    const shown = this.contract.inputs[0];
    if (typeof x !== "object" || x === null || ArrayBuffer.isView(x) || Array.isArray(x)) {
      throw new RetrographError(
        "`attribute` takes an array with its shape, { data, dims }, or one for each input by its " +
          `name, not ${kindOf(x)}; '${shown}' takes ${inputText(this.#shown())}`,
      );
    }
    const byName = /** @type {Record<string, Values>} */ (isValues(x) ? { [shown]: x } : { ...x });
    const names = this.inputs.map((input) => input.name);
    for (const name of Object.keys(byName)) {
      if (!names.includes(name)) {
        throw new RetrographError(`no input '${name}'; the graph has: ${names.join(", ")}`);
      }
    }
    const missing = this.inputs.filter(({ name }) => !(name in byName));
    if (missing.length) {
      const told = missing.map((input) => `'${input.name}' (${inputText(input)})`).join(", ");
      throw new RetrographError(`missing inputs: ${told}; give an array for each by name`);
    }
    const chooser = chooserName(this.contract);
    const specs = this.#session.inputMetadata;
    const rows = specs.find((/** @type {Input} */ input) => input.name === chooser)?.shape[0];
    const items = Number(rows) > 0 ? Number(rows) : Number(byName[shown].dims?.[0] ?? 1);
    const chosen = choice(this.contract, unit, items);
    return chosen && chooser ? { ...byName, [chooser]: chosen } : byName;
  }

  /**
   * Run the graph by the names of its inputs and outputs, as docs/CONTRACT.md tells: a unit that is
   * out of range explains nothing, and its index is -1. One run at a time, for those of
   * onnxruntime-web must not overlap.
   *
   * @param {Record<string, Values>} arrays one for each input
   * @returns {Promise<Record<string, Computed>>}
   * @throws {RetrographError} an array does not fit its input, or the graph cannot run
   */
  async run(arrays) {
    if (this.#isReleased) throw new RetrographError("the explainer is released; load it again");
    const feeds = Object.fromEntries(
      this.#session.inputMetadata.map((/** @type {Input} */ input) => {
        const { type, data, dims } = fitted(input, arrays[input.name]);
        return [input.name, new this.#ort.Tensor(type, data, dims)];
      }),
    );
    const turn = this.#last.then(() => this.#session.run(feeds));
    this.#last = turn.then(() => undefined, () => undefined);
    let tensors;
    try {
      tensors = await turn;
    } catch (error) {
      throw new RetrographError(
        `ONNX Runtime cannot run the graph (${firstLine(error)}); check the inputs' sizes, or ` +
          "try another execution provider",
      );
    }
    /** @type {Record<string, Computed>} */
    const computed = {};
    for (const [name, tensor] of Object.entries(tensors)) {
      computed[name] = await readTensor(tensor);
      tensor.dispose?.();
    }
    return computed;
  }

  /**
   * An attribution in colours.
   *
   * @param {Attribution} result
   * @param {import("./draw.js").Style} style
   * @param {{ seen?: Picture, item?: number, of?: number }} [options] for an overlay the picture
   *   that the model has seen; which item, and of many units of an item which
   * @returns {{ data: Uint8ClampedArray, width: number, height: number }} RGBA, as ImageData takes it
   * @throws {RetrographError} the input is no picture, the attribution is not finite, or there is
   *   no such item
   */
  draw(result, style, { seen, item = 0, of = 0 } = {}) {
    const { contract } = this;
    const axes = contract.axes[contract.inputs[0]] ?? this.#usualAxes(result);
    const letters = contract.inputs[0] === contract.explained[0] ? axes.replace("N", "") : "";
    const { data, dims } = result.attribution;
    const shape = dims.slice(dims.length - letters.length);
    const size = product(shape);
    const units = contract.many ? result.score.dims[result.score.dims.length - 1] : 1;
    checkPlace("item", item, data.length / (units * size));
    checkPlace("of", of, units);
    const start = (item * units + of) * size;
    const one = { data: /** @type {Float32Array} */ (data.subarray(start, start + size)), dims: shape };
    return draw(one, letters, style, { order: this.preprocessing?.order, seen });
  }

  /** @param {Attribution} result */
  #usualAxes(result) {
    const rank = result.attribution.dims.length - (this.contract.many ? 1 : 0);
    if (rank !== 4) return "";
    return this.preprocessing?.layout === "nhwc" ? "NHWC" : "NCHW";
  }

  /** Free the memory that the runtime holds. */
  async release() {
    if (this.#isReleased) return;
    this.#isReleased = true;
    await this.#last;
    await this.#session.release();
  }
}

/**
 * The unit, given by itself or as `{ unit }`.
 *
 * @param {Nested | Values | { unit: Nested | Values } | undefined} given
 * @returns {Nested | Values | undefined}
 */
function chosenBy(given) {
  return typeof given === "object" && given !== null && "unit" in given ? given.unit : given;
}

/**
 * @param {"item" | "of"} name
 * @param {number} place
 * @param {number} count
 * @throws {RetrographError} there is none at that place
 */
function checkPlace(name, place, count) {
  if (Number.isInteger(place) && place >= 0 && place < count) return;
  throw new RetrographError(
    `\`${name}\` is ${place}, and the result has ${count}; count from 0 to ${count - 1}`,
  );
}

/**
 * Prepared items as one input.
 *
 * @param {import("./prepare.js").Prepared[]} items
 * @param {Input} input
 * @param {string | undefined} axes
 * @returns {Values}
 */
function batch(items, input, axes) {
  if (!items.length) throw new RetrographError("a batch has at least one item; give one");
  if (axes !== undefined && !axes.startsWith("N")) {
    if (items.length > 1) {
      throw new RetrographError("the model takes one item at a time; give one");
    }
    return items[0];
  }
  const fixed = Number(input.shape[0]) > 0 ? Number(input.shape[0]) : items.length;
  if (items.length > fixed) {
    throw new RetrographError(
      `the model takes ${fixed} items at a time, not ${items.length}; give fewer`,
    );
  }
  const [first] = items;
  if (items.some(({ dims }) => String(dims) !== String(first.dims))) {
    throw new RetrographError("the pictures are of different sizes; give those of one size");
  }
  const Kind = first.data instanceof Float32Array ? Float32Array : Float64Array;
  const data = new Kind(fixed * first.data.length);
  for (let n = 0; n < fixed; n++) {
    data.set(items[Math.min(n, items.length - 1)].data, n * first.data.length);
  }
  return { data, dims: [fixed, ...first.dims.slice(1)] };
}

/**
 * The version of ONNX Runtime.
 *
 * @param {any} ort
 * @returns {string}
 */
function release(ort) {
  const versions = ort.env?.versions ?? {};
  return versions.web ?? versions.node ?? versions.common ?? "";
}

/**
 * @param {string} needed such as 1.21; "" if not known
 * @param {string} installed
 */
function checkRelease(needed, installed) {
  const order = (/** @type {string} */ text) => {
    const [major, minor] = text.split(".").map(Number);
    return 1000 * major + minor;
  };
  if (needed && installed && order(installed) < order(needed)) {
    throw new RetrographError(
      `the graph needs ONNX Runtime ${needed} or later, and ${installed} is installed; update it`,
    );
  }
}
