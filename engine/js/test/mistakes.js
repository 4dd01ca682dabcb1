/**
 * The sentences by which mistakes are refused:  node test/mistakes.js CASES < mistakes.json
 *
 * A mistake is { graph, x: { name: shape }, unit }; the sentences are written as JSON.
 */
import { readFileSync } from "node:fs";
import ort from "onnxruntime-node";

import { Explainer } from "../src/index.js";

const sentences = [];
for (const { graph, x, unit } of JSON.parse(readFileSync(0, "utf8"))) {
  const file = readFileSync(`${process.argv[2]}/graphs/${graph}/built.onnx`);
  const explainer = await Explainer.load(ort, file);
  const arrays = Object.entries(x).map(([name, dims]) => {
    const data = new Float32Array(dims.reduce((all, size) => all * size, 1));
    return [name, { data, dims }];
  });
  const done = explainer.attribute(Object.fromEntries(arrays), unit ?? undefined);
  sentences.push(await done.then(() => null, (error) => `${error.name}: ${error.message}`));
}
console.log(JSON.stringify(sentences));
