/** Debian's Chromium, without a network but this machine's, and every request that it makes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

const QUIET = [
  "--no-sandbox",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-quic",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];
const WITHOUT_GPU = ["--disable-gpu"];
/** WebGPU in software, which is slow. */
const WEBGPU = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
];
/** A camera that shows a moving picture. */
export const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

/**
 * Open a page: { page, requests, close }. `requests` grows by the address of each.
 */
export async function openPage(executablePath, { webgpu = false, args = [], ...options } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "retrograph-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [...QUIET, ...(webgpu ? WEBGPU : WITHOUT_GPU), ...args],
    ...options,
  });
  const requests = [];
  context.on("request", (request) => requests.push(request.url()));
  const page = context.pages()[0] ?? (await context.newPage());
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { page, requests, close };
}

/** The requests that left this machine, or would have. */
export function foreign(requests) {
  return requests.filter((url) => !/^(blob:|data:|about:|http:\/\/127\.0\.0\.1:)/.test(url));
}
