/**
 * The conformance cases, on whatever runs JavaScript: in Node and in a page.
 *
 * Of `host` come the runtime, its sessions' options, what reads a file of the cases, possibly what
 * decodes a picture's file, and how an error reads that says what the device has not.
 *
 * @typedef {{ ort: any, options: object, read: (path: string) => Promise<Uint8Array>,
 *   decode?: (file: Uint8Array) => Promise<object>, lacking?: RegExp }} Host
 */
import { Explainer, draw, prepare, readMetadata, readPreprocessing } from "../src/index.js";

const ARRAYS = {
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
};

/** The files of a folder of cases. */
class Cases {
  constructor(host) {
    this.read = host.read;
  }

  async json(path) {
    return JSON.parse(new TextDecoder().decode(await this.read(path)));
  }

  /** An array of a case.json, { data, dims }. */
  async array(folder, entry) {
    const bytes = await this.read(`${folder}/${entry.file}`);
    const stored = entry.stored ?? entry.dtype;
    const data = new ARRAYS[stored](bytes.slice().buffer);
    return { data, dims: entry.shape, type: stored };
  }
}

/**
 * What came of each case: { case, difference, allowed, met }. The difference is a share of the
 * largest magnitude that is expected, of drawings in levels; infinite where shapes differ. A case
 * that the device has no numbers for is { case, lacking }.
 */
export async function* runAll(host, { only, kinds = ["graphs", "pictures", "drawings"] } = {}) {
  const cases = new Cases(host);
  const index = await cases.json("index.json");
  const run = { graphs: graph, pictures: picture, drawings: drawing };
  for (const kind of kinds) {
    for (const name of index[kind]) {
      if (only && !only.includes(name)) continue;
      const folder = `${kind}/${name}`;
      const about = await cases.json(`${folder}/case.json`);
      try {
        yield { case: folder, ...farthest(await run[kind](host, cases, folder, about)) };
      } catch (error) {
        const lacking = host.lacking && error.message.match(host.lacking);
        if (!lacking) throw error;
        yield { case: folder, lacking: lacking[0] };
      }
    }
  }
}

/** Of the outputs of a case the one that is not met, or the nearest to what is allowed. */
function farthest(parts) {
  const unmet = parts.find(({ difference, allowed }) => !(difference <= allowed));
  if (unmet) return { ...unmet, met: false };
  const share = ({ difference, allowed }) => (allowed ? difference / allowed : -1);
  return { ...parts.reduce((a, b) => (share(b) > share(a) ? b : a)), met: true };
}

async function graph(host, cases, folder, about) {
  const bytes = await cases.read(`${folder}/${about.model}`);
  if (!isEqual(readMetadata(bytes), about.metadata)) throw new Error(`${folder}: other metadata`);
  const explainer = await Explainer.load(host.ort, bytes, host.options);
  const feeds = {};
  for (const entry of about.inputs) feeds[entry.name] = await cases.array(folder, entry);
  const expected = [];
  for (const entry of about.outputs) expected.push([entry, await cases.array(folder, entry)]);
  const [, unit] = expected.find(([entry]) => entry.role === "unit");
  const explain = unit.data.includes(-1n) ? runByNames : attribute;
  const given = about.unit && (await cases.array(folder, about.unit));
  const computed = await explain(explainer, feeds, about, given);
  await explainer.release();
  return expected.map(([entry, values]) => ({
    difference: largest(computed[entry.name], values),
    allowed: entry.tolerance,
  }));
}

/** The outputs by their names, as `attribute` tells them; of the units that are given, if any. */
async function attribute(explainer, feeds, about, given) {
  const names = explainer.inputs.map((input) => input.name);
  const chooser = Object.keys(feeds).find((name) => !names.includes(name));
  const { [chooser]: unit, ...x } = feeds;
  const found = await explainer.attribute(x, given ?? unit);
  const byRole = {
    attribution: Object.values(found.attributions),
    score: [found.score],
    unit: [found.unit],
    bias_relevance: [found.biasRelevance],
  };
  return Object.fromEntries(
    about.outputs.map(({ name, role }) => [name, byRole[role]?.shift() ?? found.outputs[name]]),
  );
}

/** The outputs where a unit is out of range, which `attribute` refuses. */
async function runByNames(explainer, feeds, about) {
  const refusal = await attribute(explainer, feeds, about).catch((error) => error);
  if (!/ is out of range: /.test(refusal.message)) throw new Error("a unit is not refused");
  return explainer.run(feeds);
}

async function picture(host, cases, folder, about) {
  const recipe = readPreprocessing(about.preprocessing);
  const { data, dims } = await cases.array(folder, about.pixels);
  const expected = await cases.array(folder, about.prepared);
  const [height, width] = dims;
  const pictures = [{ data, width, height }];
  if (host.decode && about.lossless) {
    pictures.push(await host.decode(await cases.read(`${folder}/${about.photograph}`)));
  }
  return pictures.map((each) => {
    const { input } = prepare(each, recipe, about.input_shape);
    return { difference: largest(input, expected), allowed: about.tolerance };
  });
}

async function drawing(host, cases, folder, about) {
  const { data, dims } = await cases.array(folder, about.attribution);
  const shown = await cases.array(folder, about.picture);
  const seen = { data: shown.data, width: shown.dims[1], height: shown.dims[0] };
  const axes = about.layout === "nchw" ? "CHW" : "HWC";
  const parts = [];
  for (const [style, entry] of Object.entries(about.styles)) {
    const drawn = draw({ data, dims }, axes, style, { order: about.order, seen });
    const expected = await cases.array(folder, entry);
    let levels = drawn.width === expected.dims[1] ? 0 : Infinity;
    drawn.data.forEach((level, i) => {
      const pixel = (i - (i % 4)) / 4;
      const wanted = i % 4 === 3 ? 255 : expected.data[3 * pixel + (i % 4)];
      levels = Math.max(levels, Math.abs(level - wanted));
    });
    parts.push({ difference: levels, allowed: about.levels });
  }
  return parts;
}

function isEqual(a, b) {
  const sorted = (object) => JSON.stringify(Object.entries(object).sort());
  return sorted(a) === sorted(b);
}

function largest(found, expected) {
  if (!found || String(found.dims) !== String(expected.dims)) return Infinity;
  if (found.data.length !== expected.data.length) return Infinity;
  let [difference, most] = [0, 0];
  for (let i = 0; i < expected.data.length; i++) {
    const wanted = Number(expected.data[i]);
    const distance = Math.abs(Number(found.data[i]) - wanted);
    if (Number.isNaN(distance)) return Infinity;
    difference = Math.max(difference, distance);
    most = Math.max(most, Math.abs(wanted));
  }
  if (expected.data instanceof BigInt64Array) return difference === 0 ? 0 : Infinity;
  return most ? difference / most : difference;
}

/** How many cases of each kind are met, and their largest difference by what is allowed. */
export function summary(outcomes) {
  return ["graphs", "pictures", "drawings"]
    .map((kind) => [kind, outcomes.filter((each) => each.case.startsWith(kind) && !each.lacking)])
    .filter(([, some]) => some.length)
    .map(([kind, some]) => {
      const by = new Map();
      for (const { difference, allowed } of some) {
        by.set(allowed, Math.max(difference, by.get(allowed) ?? 0));
      }
      const told = [...by].sort(([a], [b]) => a - b);
      const text = told.map(([allowed, most]) => `${exact(most)} of ${exact(allowed)}`).join(", ");
      return `${some.filter((each) => each.met).length} of ${some.length} ${kind} (${text})`;
    })
    .join("; ");
}

/** A line for one case. */
export function line({ case: name, difference, allowed, met, lacking }) {
  if (lacking) return `${name.padEnd(28)} left out: ${lacking}`;
  return `${name.padEnd(28)} ${exact(difference)} of ${exact(allowed)}${met ? "" : "  NOT MET"}`;
}

const exact = (number) => number.toExponential(1);
