/**
 * The example page in Chromium:  node test/run_page.js CHROMIUM ADDRESS PICTURE OUT
 *
 * A picture is dropped, a class and a style are chosen, and the camera is looked through; pictures of
 * the page go to OUT, and what was seen and how long it took is printed as JSON.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { CAMERA, openPage } from "./chromium.js";

const [executable, address, picture, out] = process.argv.slice(2);
const viewport = { width: 1280, height: 800 };
const { page, requests, close } = await openPage(executable, { args: CAMERA, viewport });
const errors = [];
page.on("pageerror", (error) => errors.push(error.message));
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));

const state = () => page.evaluate(() => ({ ...document.body.dataset }));
const told = (id) => page.evaluate((each) => document.getElementById(each).textContent, id);
const until = (condition, argument) => page.waitForFunction(condition, argument, { timeout: 60000 });
const shoot = (name) => page.screenshot({ path: join(out, `${name}.png`) });
const counted = async () => Number((await state()).count ?? 0);
const after = (count) => until((least) => Number(document.body.dataset.count) > least, count);

try {
  const begun = Date.now();
  await page.goto(address);
  await until(() => document.body.dataset.state === "ready");
  const load = Date.now() - begun;
  await shoot("empty");
  await page.evaluate(
    ({ bytes, name }) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
      window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    },
    { bytes: readFileSync(picture).toString("base64"), name: basename(picture) },
  );
  await until(() => document.body.dataset.state === "explained");
  const first = Number((await state()).took);
  await shoot("light");
  const classes = await page.$$eval("#classes button", (all) => all.map((each) => each.innerText));
  const map = () => page.evaluate(() => document.getElementById("map").toDataURL());
  const before = await map();
  await page.check("[name=style][value=heat]");
  const heat = await map();
  let count = await counted();
  await page.click("#classes li:nth-child(2) button");
  await after(count);
  const other = await map();
  const again = Number((await state()).took);
  await page.emulateMedia({ colorScheme: "dark" });
  await shoot("dark");
  count = await counted();
  await page.click("#camera");
  await after(count + 25);
  await shoot("camera");
  const live = await told("status");
  await page.click("#camera");
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(["no picture"], "a.png"));
    window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
  });
  await until(() => document.getElementById("status").classList.contains("error"));
  const mistake = await told("status");
  const isolated = await page.evaluate(() => crossOriginIsolated);
  const changes = [before !== heat, heat !== other];
  console.log(
    JSON.stringify({ load, first, again, live, mistake, classes, changes, isolated, errors, requests }),
  );
} finally {
  await close();
}
