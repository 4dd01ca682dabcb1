/** What is known of the model that is shown: its record, and the inputs at hand. */
import { ask, newest } from "./ask.js";
import { say } from "./dom.js";
import { view, watch } from "./view.js";

const listeners = [];
const facts = { model: null, inputs: [], scores: [], regions: [] };

/**
 * The record of the model, with the inputs at hand, and the class scores and regions of the one that is shown; false until
 * it is there.
 *
 * `sources` are the model's inputs by which it can be explained; the usual one has a `kind`.
 */
export const known = () => facts.model?.name === view().model && { ...facts.model, takes: facts.model.inputs, sources: sources(), inputs: facts.inputs, scores: facts.scores, regions: facts.regions };

const sources = () => (facts.model.built ? [] : facts.model.inputs.filter(({ dtype }) => dtype?.startsWith("float")));

/** Whether a picture is explained, over which an attribution can be laid: not where another input is asked by name. */
export const isOverlay = () => known().kind === "picture" && !view().wrt;

/** Call when another model is there. */
export function onModel(changed) {
  listeners.push(changed);
}

/** Remember the inputs at hand. */
export function setInputs(inputs) {
  facts.inputs = inputs;
}

/** Remember the class scores of the input that is shown, or the regions that a map predicts. */
export function setScores(scores, regions) {
  Object.assign(facts, { scores, regions });
}

/** The layer whose maps are shown: the named one, else the class scores, of a detector its last ReLU. */
export function mapLayer() {
  const { layer } = view();
  const model = known();
  if (layer || !model) return layer;
  const { default: usual, layers } = model;
  const last = layers.filter((each) => each.relu).at(-1)?.alias;
  return usual.select === "top" ? usual.layer : (last ?? usual.layer ?? "");
}

/** The layer that is shown, as the model's record tells of it; null of the class scores. */
export function shownLayer() {
  const layer = mapLayer();
  return (known().layers ?? []).find((each) => each.alias === layer || each.tensor === layer) ?? null;
}

/** The class that a unit of a layer scores; "" where it scores none, or one without a name. */
export function className(layer, unit) {
  const { default: usual, labels } = known();
  return (layer === usual.layer && labels?.[unit]) || "";
}

/** A channel of the layer whose maps are shown: the class that it scores, or its number. */
export const channelName = (channel) => className(mapLayer(), channel) || `channel ${channel}`;

/** Remember whether a scan goes on. */
export function setScanning(isScanning) {
  facts.model.scanning = isScanning;
}

/** Ask again what is known of the model, as after a scan. */
export async function reloadModel() {
  facts.model = await ask("api/model", { model: view().model });
}

/** Load the record whenever the model changes. */
export function startModels() {
  const load = newest(
    document.getElementById("bar"),
    async (signal, model) => {
      const record = await ask("api/model", { model }, { signal });
      facts.model = record;
      setScores([], []);
      if (record.default?.error) say(record.default.error.message, true);
      for (const changed of listeners) changed();
    },
    (error) => say(error.message, true),
  );
  watch(["model"], ({ model }) => model && load(model));
}
