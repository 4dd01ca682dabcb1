/** The explanation that is shown: asked once for all panes, told to each. */
import { ask, newest } from "./ask.js";
import { amount } from "./dom.js";
import { isOverlay, known, onModel } from "./known.js";
import { question, view, watch } from "./view.js";

const listeners = [];
let latest = null;
let asking = null;

/** Call `told({ record, unit, error })` when another explanation is there; all null when none is any more. */
export function onAnswer(told) {
  listeners.push(told);
  if (latest) told(latest);
}

/** What was explained last, or null. */
export const answered = () => latest;

function tell(answer) {
  latest = answer;
  for (const told of listeners) told(answer);
}

/** The record of an explanation, with its map as a picture where that is laid over the input. */
export function explained(change, signal) {
  const part = isOverlay() ? "map" : "";
  return ask("api/explain", { ...question(change), style: view().style, format: "json", part }, { signal });
}

/** The record that `onAnswer` tells of next, or told of last. */
export const shownRecord = () => asking;

/** Ask whenever what is explained changes. */
export function startAnswers() {
  const load = newest(
    document.getElementById("stage"),
    async (signal) => {
      asking = explained({}, signal);
      const record = await asking;
      const unit = record.explained[0]?.units[0] ?? null;
      tell({ record, unit, error: null });
    },
    (error) => tell({ record: null, unit: null, error }),
  );
  const names = [
    "input", "layer", "unit", "method", "wrt", "preprocessing",
    "box", "class", "what", "over", "at", "style",
  ];
  const refresh = () => known() && view().input && load();
  watch(["model"], () => {
    load.stop();
    tell({ record: null, unit: null, error: null });
  });
  watch(names, refresh);
  onModel(refresh);
}

/**
 * The numbers of the unit that is shown: its channel or class, where it lies, and its activation.
 *
 * The activation is null where another number is explained: that of a box, or a sum over pixels.
 */
export function shownUnit() {
  if (!latest?.unit) return { channel: null, place: [], activation: null };
  const { unit, place, activation, box, pixels = 1 } = latest.unit;
  const isOwn = box === undefined && pixels === 1;
  return { channel: unit[unit.length > 1 ? latest.record.channel_axis ?? 0 : 0], place: place ?? [], activation: isOwn ? activation : null };
}

/** What the explained number is, in words: an activation, or the sum of a region's scores. */
export function numberWords(unit) {
  if (!unit) return "";
  const { pixels = 1 } = unit;
  return pixels > 1 ? `sum of ${pixels} scores: ${amount(unit.activation)}` : `activation ${amount(unit.activation)}`;
}
