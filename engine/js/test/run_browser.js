/**
 * The conformance cases in Chromium:  node test/run_browser.js CHROMIUM CASES [options]
 *
 * --webgpu runs them by WebGPU in software, --only a,b these alone, --kinds graphs such alone. A line
 * a case; exits with 1 if one is not met, or a request went to another host.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { foreign, openPage } from "./chromium.js";
import { line, summary } from "./conformance.js";
import { serve } from "./server.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { webgpu: { type: "boolean" }, only: { type: "string" }, kinds: { type: "string" } },
});
const [executable, cases] = positionals;
const root = fileURLToPath(new URL("..", import.meta.url));
const server = await serve({ "/cases/": cases, "/js/": root });
const { page, requests, close } = await openPage(executable, { webgpu: values.webgpu });
const outcomes = [];
let begun = Date.now();
try {
  page.on("console", (message) => {
    if (message.type() === "error") console.error(message.text());
  });
  await page.exposeFunction("told", (outcome) => {
    if (!outcome.lacking) outcome.difference ??= Infinity;
    const seconds = ((Date.now() - begun) / 1000).toFixed(1);
    console.log(`${line(outcome)}  ${seconds} s`);
    begun = Date.now();
    outcomes.push(outcome);
  });
  await page.goto(`${server.address}/js/test/conformance.html`);
  const chosen = { provider: values.webgpu ? "webgpu" : "wasm" };
  for (const key of ["only", "kinds"]) if (values[key]) chosen[key] = values[key].split(",");
  await page.waitForFunction(() => window.run);
  const runtime = await page.evaluate((each) => window.run(each, window.told), chosen);
  const version = page.context().browser().version();
  console.log(`Chromium ${version}, ${runtime}: ${summary(outcomes)}`);
} finally {
  await close();
  server.close();
}
const elsewhere = foreign(requests);
console.log(`${requests.length} requests, ${elsewhere.length} to other hosts ${elsewhere.join(" ")}`.trim());
process.exitCode = outcomes.every((each) => each.met || each.lacking) && !elsewhere.length ? 0 : 1;
