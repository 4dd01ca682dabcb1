/**
 * The conformance cases in Node:  node test/run_node.js CASES [onnxruntime-node | onnxruntime-web]
 *
 * A line a case with its largest difference, and the largest of all; exits with 1 if one is not met.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { line, runAll, summary } from "./conformance.js";

const [cases, runtime = "onnxruntime-node"] = process.argv.slice(2);
const imported = await import(runtime);
const ort = imported.InferenceSession ? imported : imported.default;
const read = async (path) => new Uint8Array(await readFile(join(cases, path)));
const outcomes = [];
for await (const outcome of runAll({ ort, options: {}, read })) {
  console.log(line(outcome));
  outcomes.push(outcome);
}
const { common, node, web } = ort.env.versions;
console.log(`Node ${process.versions.node}, ${runtime} ${node ?? web ?? common}: ${summary(outcomes)}`);
process.exitCode = outcomes.every((each) => each.met) ? 0 : 1;
