import assert from "node:assert/strict";
import { test } from "node:test";

import { Explainer, RetrographError } from "../src/index.js";

const encode = (text) => [...new TextEncoder().encode(text)];

/** A file that holds metadata alone; of less than 128 bytes each. */
function file(properties) {
  const parts = [];
  for (const [key, value] of Object.entries(properties)) {
    const entry = [10, key.length, ...encode(key), 18, value.length, ...encode(value)];
    parts.push(114, entry.length, ...entry);
  }
  return Uint8Array.from(parts);
}

class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }

  async getData() {
    return this.data;
  }
}

/** A runtime whose graph gives its input back as the attribution. */
function runtime({ shape = ["n", 3, 2, 2], chooser, running = () => {} } = {}) {
  const inputMetadata = [{ name: "x", type: "float32", shape }];
  if (chooser) inputMetadata.push(chooser);
  const run = async (feeds) => {
    await running(feeds);
    const n = feeds.x.dims[0];
    const unit = feeds.select ?? new Tensor("int64", new BigInt64Array(n), [n, 1]);
    return { attribution: feeds.x, score: new Tensor("float32", new Float32Array(n), [n]), unit };
  };
  const session = { inputMetadata, outputNames: ["attribution", "score", "unit"], run };
  const create = async () => session;
  return { Tensor, env: { versions: { web: "1.22.0" } }, InferenceSession: { create } };
}

/** Of a layer [4, 1, 1]. */
const SELECT_OF_THREE = { name: "select", type: "int64", shape: ["n", 3] };
const SELECT = { name: "select", type: "int64", shape: ["n", 1] };

function built(changes = {}) {
  const texts = { version: "1", method: "guided", parameters: "{}", target: "t", alias: "scores" };
  Object.assign(texts, { shape: "[4]", select: "top", many: "false", explained: '["x"]' });
  Object.assign(texts, { labels: "[]", notes: "[]", axes: '{"x": "NCHW"}', preprocessing: "{}" });
  const all = Object.entries({ ...texts, ...changes });
  return file(Object.fromEntries(all.map(([key, value]) => [`retrograph.${key}`, value])));
}

const zeros = (...dims) => ({ data: new Float32Array(dims.reduce((a, b) => a * b, 1)), dims });

const refusal = (promise, pattern) =>
  assert.rejects(promise, (error) => error instanceof RetrographError && pattern.test(error.message));

test("a runtime that is too old is refused", async () => {
  const needing = built({ onnxruntime: "1.23" });
  await refusal(Explainer.load(runtime(), needing), /needs ONNX Runtime 1.23 or later, and 1.22.0/);
  await Explainer.load(runtime(), built({ onnxruntime: "1.22" }));
});

test("a graph that does not load is told in one line", async () => {
  const ort = runtime();
  ort.InferenceSession.create = () => Promise.reject(new Error("no kernel\nat x"));
  await refusal(Explainer.load(ort, built()), /^ONNX Runtime 1.22.0 cannot load the graph \(no kernel\); /);
});

test("pictures fill a fixed batch", async () => {
  const ort = runtime({ shape: [3, 3, 2, 2] });
  const explainer = await Explainer.load(ort, built());
  const grey = (level) => ({ data: new Uint8Array(12).fill(level), width: 2, height: 2 });
  const { input, seen } = explainer.prepare([grey(0), grey(255)]);
  assert.deepEqual(input.dims, [3, 3, 2, 2]);
  assert.deepEqual([0, 12, 24].map((i) => input.data[i]), [0, 1, 1]);
  assert.equal(seen.length, 2);
  assert.throws(() => explainer.prepare([1, 2, 3, 4].map(grey)), /takes 3 items at a time, not 4/);
});

test("one unit is for all items, or there is one for each", async () => {
  const seen = [];
  const ort = runtime({ chooser: SELECT, running: (feeds) => seen.push(feeds.select) });
  const explainer = await Explainer.load(ort, built({ select: "unit" }));
  const x = zeros(2, 3, 2, 2);
  await explainer.attribute(x, 3);
  await explainer.attribute(x, [3]);
  const { unit } = await explainer.attribute(x, [[1], [2]]);
  assert.deepEqual(seen.map(({ data }) => [...data]), [[3n, 3n], [3n, 3n], [1n, 2n]]);
  assert.deepEqual([...unit.data], [1, 2]);
  await refusal(explainer.attribute(x, [1, 2]), /is chosen by 1 numbers, not by an array \[2\]/);
  await refusal(explainer.attribute(x, [[1], [1], [1]]), /has 3 rows for 2 items/);
  await refusal(explainer.attribute(x, 0.5), /takes whole numbers, not 0.5/);
  await refusal(explainer.attribute(x), /explains a chosen unit: give `unit`/);
  await refusal(explainer.attribute(x, [-1]), /unit \[-1\] is out of range: an item of 'scores'/);
});

test("an input of sounds takes no pictures", async () => {
  const ort = runtime({ shape: ["n", 40, 1] });
  const explainer = await Explainer.load(ort, built({ axes: '{"x": "NSC"}', preprocessing: "" }));
  const picture = { data: new Uint8Array(12), width: 2, height: 2 };
  const said = /^input 'x' takes no pictures \(its axes are NSC\); give tensors$/;
  assert.throws(() => explainer.prepare(picture), (error) => said.test(error.message));
});

test("the number of a class is enough where the other axes of its layer have size 1", async () => {
  const seen = [];
  const running = (feeds) => seen.push(feeds.select);
  const classes = built({ select: "unit", shape: "[4, 1, 1]" });
  const explainer = await Explainer.load(runtime({ chooser: SELECT_OF_THREE, running }), classes);
  const x = zeros(2, 3, 2, 2);
  for (const unit of [3, [3], { unit: [3] }, [[3], [2]], [3, 0, 0]]) await explainer.attribute(x, unit);
  const [same, other] = [[3n, 0n, 0n, 3n, 0n, 0n], [3n, 0n, 0n, 2n, 0n, 0n]];
  assert.deepEqual(seen.map(({ data }) => [...data]), [same, same, same, other, same]);
  assert.deepEqual(seen.map(({ dims }) => dims), Array(5).fill([2, 3]));
  await refusal(explainer.attribute(x, -1), /^unit -1 is out of range/);
  const last = built({ select: "unit", shape: "[1, 1, 4]", channel_axis: "2" });
  const behind = await Explainer.load(runtime({ chooser: SELECT_OF_THREE, running }), last);
  await behind.attribute(zeros(1, 3, 2, 2), 3);
  assert.deepEqual([...seen.at(-1).data], [0n, 0n, 3n]);
  const map = built({ select: "unit", shape: "[4, 1, 2]" });
  const places = await Explainer.load(runtime({ chooser: SELECT_OF_THREE }), map);
  await refusal(places.attribute(x, 3), /is chosen by 3 numbers, not by one$/);
});

test("what is not bytes is no file", async () => {
  for (const [given, kind] of [["net.onnx", "a text"], [undefined, "undefined"], [Promise.resolve(), "Promise"]]) {
    const said = new RegExp(`takes the bytes of a built graph, .*, not ${kind}; read the file first`);
    await refusal(Explainer.load(runtime(), given), said);
  }
  await refusal(Explainer.load(runtime(), new Uint8Array(0)), /^the file is empty; /);
  await refusal(Explainer.load(undefined, built()), /takes the module of ONNX Runtime first, not undefined/);
  const { buffer } = built();
  await Explainer.load(runtime(), buffer);
  await Explainer.load(runtime(), new DataView(buffer));
});

test("what is no picture is named", async () => {
  const explainer = await Explainer.load(runtime(), built());
  const png = Uint8Array.of(137, 80, 78, 71);
  const pixels = { width: 1, height: 1 };
  const floats = { data: new Float32Array(3), ...pixels };
  const others = [[null, "null"], ["dog.jpg", "a text"], [png, "Uint8Array"], [undefined, "undefined"]];
  others.push([pixels, "Object"], [floats, "Float32Array as data"]);
  for (const [given, kind] of others) {
    const said = new RegExp(`^a picture is .*, not ${kind}; decode a file first`);
    assert.throws(() => explainer.prepare(given), (error) => error instanceof RetrographError && said.test(error.message));
  }
});

test("what is no array with a shape is named", async () => {
  const explainer = await Explainer.load(runtime(), built());
  const wanted = /or one for each input by its name, not (undefined|Float32Array|Array|null); 'x' takes float32 \[n, 3, 2, 2\]$/;
  for (const given of [undefined, new Float32Array(12), [[0]], null]) {
    await refusal(explainer.attribute(given), wanted);
  }
  const bare = { x: new Float32Array(12) };
  await refusal(explainer.attribute(bare), /^input 'x' takes { data, dims } of float32 .*, not Float32Array$/);
  await refusal(explainer.run({}), /^input 'x' takes { data, dims } of float32 .*, not undefined$/);
  const chosen = await Explainer.load(runtime({ chooser: SELECT }), built({ select: "unit" }));
  for (const [unit, kind] of [[null, "null"], [{ class: 3 }, "Object"]]) {
    await refusal(chosen.attribute(zeros(1, 3, 2, 2), unit), new RegExp(`choose a unit, not ${kind}$`));
  }
});

test("what is released is loaded again", async () => {
  const ort = runtime();
  const session = await ort.InferenceSession.create();
  let releases = 0;
  session.release = async () => void releases++;
  const explainer = await Explainer.load(ort, built());
  await explainer.release();
  await explainer.release();
  assert.equal(releases, 1);
  await refusal(explainer.attribute(zeros(1, 3, 2, 2)), /^the explainer is released; load it again$/);
});

test("runs do not overlap, and one that fails fails alone", async () => {
  let running = 0;
  const wait = async ({ x }) => {
    assert.equal(running++, 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
    if (x.data[0] === 1) throw "out of memory\nat wasm";
  };
  const explainer = await Explainer.load(runtime({ running: wait }), built());
  const bad = { data: new Float32Array(12).fill(1), dims: [1, 3, 2, 2] };
  const runs = [zeros(1, 3, 2, 2), bad, zeros(1, 3, 2, 2)].map((x) => explainer.attribute(x));
  const outcomes = await Promise.allSettled(runs);
  assert.deepEqual(outcomes.map((each) => each.status), ["fulfilled", "rejected", "fulfilled"]);
  await refusal(runs[1], /cannot run the graph \(out of memory\); check the inputs' sizes/);
});

test("an array that does not fit is refused before it runs", async () => {
  const explainer = await Explainer.load(runtime(), built());
  await refusal(
    explainer.attribute(zeros(1, 3, 2)),
    /input 'x' takes float32 \[n, 3, 2, 2\]; what is given is float32 \[1, 3, 2\]/,
  );
  await refusal(explainer.attribute({ y: zeros(1) }), /no input 'y'; the graph has: x/);
  await refusal(explainer.attribute({}), /missing inputs: 'x' \(float32 \[n, 3, 2, 2\]\)/);
  await refusal(explainer.attribute(zeros(1, 3, 2, 2), 1), /most active unit: give no `unit`/);
});

test("the drawing is of the chosen item, and of many units of the chosen one", async () => {
  const explainer = await Explainer.load(runtime(), built());
  const x = zeros(2, 3, 2, 2);
  x.data[12] = 5;
  const found = await explainer.attribute(x);
  assert.equal(explainer.draw(found, "signed").data[0], 128);
  assert.equal(explainer.draw(found, "signed", { item: 1 }).data[0], 255);
  for (const item of [2, 7, -1, 0.5]) {
    const said = { name: "RetrographError", message: `\`item\` is ${item}, and the result has 2; count from 0 to 1` };
    assert.throws(() => explainer.draw(found, "heat", { item }), said);
  }
  explainer.contract.many = true;
  const many = { ...found, attribution: { ...found.attribution, dims: [1, 2, 3, 2, 2] } };
  many.score = { data: new Float32Array(2), dims: [1, 2] };
  assert.equal(explainer.draw(many, "heat", { of: 0 }).data[0], 0);
  assert.equal(explainer.draw(many, "heat", { of: 1 }).data[0], 252);
  assert.throws(() => explainer.draw(many, "heat", { of: 2 }), /`of` is 2, and the result has 2/);
});
