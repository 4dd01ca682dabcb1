/**
 * How fast the page of `retrograph serve` is in Chromium:
 *
 *     node test/measure_view.js CHROMIUM CLICKS QUERY COMMAND...
 *
 * starts the command, which prints the page's address last in its first line, opens the page, and
 * clicks one tile of the layer that QUERY names after the other.
 * Prints { paint, filled, clicks, memory, heap } as JSON: seconds from the command's start to the
 * first paint and to the first picture, the milliseconds of each click, and MiB of the server and of
 * the page's heap before and after.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { openPage } from "./chromium.js";

const [executable, clicks, query, ...command] = process.argv.slice(2);
const WARM = 5;
const MIB = 2 ** 20;

const viewport = { width: 1280, height: 800 };
const { page, close } = await openPage(executable, { viewport });
page.setDefaultTimeout(120000);
const heapMeter = await page.context().newCDPSession(page);
const begun = Date.now();
const server = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });

try {
  const { value: line } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
  await page.goto(line.split(" ").at(-1) + query);
  await page.waitForFunction(() => Number(document.body.dataset.pictures) > 0);
  const [paint, filled] = await page.evaluate(times);
  await page.waitForFunction(() => document.querySelectorAll(".tile").length > 3);
  for (let each = 0; each < WARM; each++) await page.evaluate(clicked, each);
  const before = await held();
  const took = [];
  for (let each = 0; each < Number(clicks); each++) took.push(await page.evaluate(clicked, WARM + each));
  const after = await held();
  const seconds = (moment) => (moment - begun) / 1000;
  console.log(JSON.stringify({
    paint: seconds(paint), filled: seconds(filled), clicks: took,
    memory: [before.memory, after.memory], heap: [before.heap, after.heap],
  }));
} finally {
  server.kill();
  await close();
}

/** When the page was painted first, and now, as milliseconds of the clock. */
function times() {
  const [first] = performance.getEntriesByName("first-contentful-paint");
  return [performance.timeOrigin + first.startTime, performance.timeOrigin + performance.now()];
}

/** Click a tile of the layer; the milliseconds until the picture of its attribution is painted. */
function clicked(number) {
  const tiles = document.querySelectorAll(".tile");
  return new Promise((done) => {
    const [before, started] = [document.body.dataset, performance.now()];
    const [pictures, answers] = [before.pictures, before.answers];
    const sight = new MutationObserver(() => {
      const { pictures: newer, answers: told } = document.body.dataset;
      if (newer === pictures || told === answers) return;
      sight.disconnect();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
    });
    sight.observe(document.body, { attributes: true });
    tiles[number % tiles.length].click();
  });
}

/** MiB of the server, and of the page's heap after its garbage is collected. */
async function held() {
  await heapMeter.send("HeapProfiler.collectGarbage");
  const { usedSize } = await heapMeter.send("Runtime.getHeapUsage");
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  return { heap: usedSize / MIB, memory: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024 };
}
