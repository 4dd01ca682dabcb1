import assert from "node:assert/strict";
import { test } from "node:test";

import { RetrographError, readContract, readMetadata } from "../src/index.js";

const encode = (text) => [...new TextEncoder().encode(text)];

function varint(value) {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

const field = (number, bytes) => [...varint(8 * number + 2), ...varint(bytes.length), ...bytes];

/** A ModelProto with other fields of every kind around its metadata. */
function model(properties) {
  const parts = [...varint(8 * 1), ...varint(10 ** 12), ...field(7, Array(300).fill(0xff))];
  for (const [key, value] of Object.entries(properties)) {
    parts.push(...field(14, [...field(1, encode(key)), ...(value ? field(2, encode(value)) : [])]));
  }
  parts.push(...varint(8 * 20 + 1), ...Array(8).fill(255), ...varint(8 * 20 + 5), ...Array(4).fill(255));
  return Uint8Array.from(parts);
}

const BUILT = {
  "retrograph.version": "0.1.0",
  "retrograph.method": "guided",
  "retrograph.parameters": "{}",
  "retrograph.target": "t",
  "retrograph.alias": "relu1",
  "retrograph.shape": '[8, null, "w"]',
  "retrograph.select": "unit",
  "retrograph.many": "false",
  "retrograph.explained": '["x"]',
  "retrograph.source_sha256": "",
  "retrograph.preprocessing": "",
  "retrograph.labels": '["é"]',
  "retrograph.notes": "[]",
};

const refusal = (pattern) => (error) => {
  assert.ok(error instanceof RetrographError);
  assert.match(error.message, pattern);
  assert.doesNotMatch(error.message, /\n/);
  return true;
};

test("metadata are read from the bytes of a file", () => {
  const properties = { a: "1", "ключ": "значение", empty: "", long: "x".repeat(70000) };
  assert.deepEqual(readMetadata(model(properties)), properties);
});

test("a file that ends early is refused", () => {
  const bytes = model(BUILT);
  for (const end of [bytes.length - 3, 200, 20]) {
    assert.throws(() => readMetadata(bytes.subarray(0, end)), refusal(/no whole ONNX model/));
  }
});

test("what is no ONNX file is refused", () => {
  const bytes = new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n");
  assert.throws(() => readMetadata(bytes), refusal(/no whole ONNX model; copy it anew/));
});

test("older files have defaults", () => {
  const contract = readContract(BUILT);
  assert.equal(contract.contract, 1);
  assert.deepEqual(contract.shape, [8, null, "w"]);
  assert.deepEqual(contract.inputs, ["x"]);
  assert.deepEqual(contract.names, {});
  assert.equal(contract.precision, "float32");
  assert.equal(contract.preprocessing, null);
});

test("a contract is checked by its number", () => {
  const newer = { ...BUILT, "retrograph.contract": "2" };
  assert.throws(() => readContract(newer), refusal(/newer retrograph \(contract 2, and 1 is known/));
  const unknown = { ...BUILT, "retrograph.contract": "1", "retrograph.later": "?" };
  assert.equal(readContract(unknown).contract, 1);
});

test("damaged metadata are refused", () => {
  for (const [key, value, pattern] of [
    ["many", "yes", /damaged/],
    ["shape", "{}", /damaged \(shape is '{}'\); build it again/],
    ["explained", "[]", /explained is empty/],
    ["select", "some", /select is 'some'/],
    ["preprocessing", '{"scale": 0}', /scale is 0/],
  ]) {
    assert.throws(() => readContract({ ...BUILT, [`retrograph.${key}`]: value }), refusal(pattern));
  }
  const { "retrograph.alias": _, ...lacking } = BUILT;
  assert.throws(() => readContract(lacking), refusal(/'retrograph.alias' is missing/));
});

test("a model that is not built is refused", () => {
  assert.throws(() => readContract({ labels: "cat" }), refusal(/make one by: retrograph build/));
});
