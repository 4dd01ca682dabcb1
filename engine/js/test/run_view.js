/**
 * The page of `retrograph serve` in Chromium:  node test/run_view.js CHROMIUM ADDRESS OUT < STEPS
 *
 * STEPS is a JSON list of `{ step: value }`, each of `STEPS` below; after each
 * the page has to come to rest.
 * Prints { told: what "tell" gave, errors, requests } as JSON; pictures of the page go to OUT.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { CAMERA, openPage } from "./chromium.js";

const [executable, address, out] = process.argv.slice(2);
const steps = JSON.parse(readFileSync(0, "utf8"));
const viewport = { width: 1280, height: 800 };
const { page, requests, close } = await openPage(executable, { args: CAMERA, viewport });
const errors = [];
const told = [];
page.on("pageerror", (error) => errors.push(error.message));
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
page.setDefaultTimeout(60000);

const rest = () => page.waitForFunction(() => !document.querySelector("[aria-busy]"));

const STEPS = {
  go: async (query) => {
    await page.goto(address + query);
    await page.waitForFunction(() => Number(document.body.dataset.pictures) > 0);
  },
  open: (path) => page.goto(address + path),
  click: (selector) => page.click(selector),
  clickAt: ([selector, x, y]) => page.click(selector, { position: { x, y } }),
  hover: ([selector, x, y]) => page.hover(selector, { position: { x, y } }),
  choose: ([selector, value]) => page.selectOption(selector, value),
  fill: ([selector, text]) => page.fill(selector, text),
  press: (key) => page.keyboard.press(key),
  back: () => page.goBack(),
  forward: () => page.goForward(),
  dark: (isDark) => page.emulateMedia({ colorScheme: isDark ? "dark" : "light" }),
  size: ([width, height]) => page.setViewportSize({ width, height }),
  until,
  tell: async (expression) => told.push(await page.evaluate(expression)),
  drop: (paths) => page.evaluate(dropped, [paths].flat().map((path) => ({ name: basename(path), bytes: readFileSync(path).toString("base64") }))),
  shoot: (name) => page.screenshot({ path: join(out, `${name}.png`) }),
};

/** The page's Content-Security-Policy forbids it to evaluate a text over and over by itself. */
async function until(condition) {
  const begun = Date.now();
  while (!(await page.evaluate(condition))) {
    if (Date.now() - begun > 60000) throw new Error(`not within a minute: ${condition}`);
    await page.waitForTimeout(50);
  }
}

function dropped(files) {
  const data = new DataTransfer();
  for (const { name, bytes } of files) data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}

try {
  for (const step of steps) {
    const [[name, value]] = Object.entries(step);
    await STEPS[name](value);
    await page.waitForTimeout(30);
    await rest();
  }
} catch (error) {
  errors.push(`${error.message}`);
  await page.screenshot({ path: join(out, "failed.png") });
} finally {
  await close();
}
console.log(JSON.stringify({ told, errors, requests }));
