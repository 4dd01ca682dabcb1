/** What the example page says of its graph:  node test/run_status.js CHROMIUM ADDRESS */
import { openPage } from "./chromium.js";

const [executable, address] = process.argv.slice(2);
const { page, close } = await openPage(executable);
try {
  await page.goto(address);
  const status = page.locator("#status");
  await status.filter({ hasText: /Ready|:|;/ }).waitFor({ timeout: 60000 });
  console.log(await status.textContent());
} finally {
  await close();
}
