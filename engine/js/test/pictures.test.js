import assert from "node:assert/strict";
import { test } from "node:test";

import { RetrographError, draw, prepare, preprocessing, rgbOf } from "../src/index.js";
import { fromHalf, roundEven, toHalf } from "../src/numbers.js";
import { resample } from "../src/resample.js";

const row = (...values) => ({
  data: Uint8Array.from(values.flatMap((v) => [v, v, v])),
  width: values.length,
  height: 1,
});

const levels = ({ data }) => [...data].filter((_, i) => i % 3 === 0);

const refuses = (run, pattern) =>
  assert.throws(run, (error) => error instanceof RetrographError && pattern.test(error.message));

test("halves are rounded to the even number", () => {
  assert.deepEqual([0.5, 1.5, 2.5, -1.5, 2.4, 2.6].map(roundEven), [0, 2, 2, -2, 2, 3]);
});

test("every half-precision number keeps its bits", () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = fromHalf(bits);
    assert.equal(toHalf(value), Number.isNaN(value) ? 0x7e00 : bits);
  }
});

test("numbers become the nearest half-precision ones", () => {
  const cases = [[1 + 2 ** -11, 0x3c00], [1 + 3 * 2 ** -11, 0x3c02], [65519.9, 0x7bff]];
  cases.push([65520, 0x7c00], [2 ** -25, 0], [1.1 * 2 ** -25, 1], [2 - 2 ** -12, 0x4000]);
  for (const [value, bits] of cases) assert.equal(toHalf(value), bits);
});

test("two pixels become their mean, halves upwards", () => {
  assert.deepEqual(levels(resample(row(0, 255), 1, 1, "bilinear")), [128]);
});

test("enlarging with bicubic stays within 0 and 255, as in Pillow", () => {
  assert.deepEqual(levels(resample(row(0, 255), 4, 1, "bicubic")), [0, 53, 202, 255]);
});

test("the nearest pixel is taken", () => {
  assert.deepEqual(levels(resample(row(1, 2, 3, 4, 5), 2, 1, "nearest")), [2, 4]);
});

test("what is transparent lies on white", () => {
  const data = Uint8Array.from([10, 20, 30, 255, 0, 0, 0, 0, 0, 100, 255, 128]);
  assert.deepEqual([...rgbOf({ data, width: 3, height: 1 }).data], [10, 20, 30, 255, 255, 255, 127, 177, 255]);
});

test("pictures that are none are refused", () => {
  refuses(() => rgbOf({ data: new Uint8Array(7), width: 2, height: 1 }), /has 3 or 4 bytes a pixel, not 7/);
  refuses(() => rgbOf({ data: new Uint8Array(0), width: 0, height: 4 }), /at least one pixel, not 0x4/);
});

test("axes go where the input has them", () => {
  const picture = { data: Uint8Array.from([0, 1, 2, 3, 4, 5]), width: 2, height: 1 };
  const recipe = preprocessing({ resize: "none", scale: 1 });
  const numbers = (shape, axes) => [...prepare(picture, recipe, shape, axes).input.data];
  assert.deepEqual(numbers([null, 3, 1, 2], "NCHW"), [0, 3, 1, 4, 2, 5]);
  assert.deepEqual(numbers([1, 2, 3], "HWC"), [0, 1, 2, 3, 4, 5]);
  const gray = preprocessing({ resize: "none", scale: 1, order: "gray" });
  assert.deepEqual(prepare(picture, gray, ["n", 1, 2], "NHW").input.dims, [1, 1, 2]);
});

test("a recipe that does not go with the input is refused", () => {
  const picture = row(1, 2);
  refuses(() => prepare(picture, preprocessing({}), [1, 1, 4, 4]), /does not make the model's input \[1, 1, 4, 4\]/);
  refuses(() => prepare(picture, preprocessing({}), [1, 3, 8, 4, 4], "NCTHW"), /takes no pictures/);
  refuses(() => prepare(picture, preprocessing({ resize: "none" }), [1, 3, 4, 4]), /is 2x1, the model takes 4x4/);
  refuses(() => preprocessing({ resize: "zoom" }), /resize is 'zoom'; choose one of stretch/);
  refuses(() => preprocessing({ std: [1, 0, 1] }), /std has a 0/);
  refuses(() => preprocessing({ mean: [1, 2] }), /mean has 2 values for rgb input; give 1 or 3/);
  refuses(() => preprocessing({ gamma: 2 }), /unknown fields gamma/);
});

test("an attribution that cannot be drawn is refused", () => {
  const one = { data: Float32Array.of(1, NaN), dims: [1, 1, 2] };
  refuses(() => draw(one, "CHW", "heat"), /NaN or infinite/);
  refuses(() => draw({ data: [1, 2], dims: [2] }, "*", "heat"), /\[2\] is none of a picture/);
  refuses(() => draw({ data: [1, 2], dims: [1, 2] }, "HW", "red"), /unknown style 'red'/);
  refuses(() => draw({ data: [1, 2], dims: [1, 2] }, "HW", "overlay"), /give `seen`/);
  refuses(() => draw({ data: [1, 2], dims: [1, 2] }, "HW", "overlay", { seen: row(1) }), /is 1x1 and the attribution 2x1/);
});
