/** Questions to the server that the page came from. */
import { busy } from "./dom.js";

/** What the server says of a mistake, in the words of the command line; `status` of HTTP, if it answered. */
export class Mistake extends Error {
  constructor(message, status = null) {
    super(message);
    this.status = status;
  }
}

/** The relative address of a question; parameters without a value are left out. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

async function response(path, parameters, options) {
  let answer;
  try {
    answer = await fetch(address(path, parameters), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Mistake("the server does not answer; is `retrograph serve` still running?");
  }
  if (answer.ok) return answer;
  throw new Mistake(await words(answer), answer.status);
}

async function words(answer) {
  try {
    const { error } = await answer.json();
    return error.message;
  } catch {
    return `the server answered ${answer.status} ${answer.statusText}`.trim();
  }
}

/** The JSON that answers a question. */
export async function ask(path, parameters, options = {}) {
  return (await response(path, parameters, options)).json();
}

/** The address of a picture, or another file, that answers a question; give it to `forget` when it is needed no more. */
export async function picture(path, parameters, options = {}) {
  const answer = await response(path, parameters, options);
  return URL.createObjectURL(await answer.blob());
}

/** Let go of a picture. */
export function forget(source) {
  if (source?.startsWith("blob:")) URL.revokeObjectURL(source);
}

/** Send a file; the record of the input that it became. */
export function send(file) {
  const headers = { "x-name": encodeURIComponent(file.name || "pasted.png") };
  return ask("api/inputs", {}, { method: "POST", headers, body: file });
}

const known = new Map();

/** The JSON that answers a question whose answer does not change: asked once. */
export function askOnce(path, parameters) {
  const key = address(path, parameters);
  if (!known.has(key)) {
    const answer = ask(path, parameters);
    answer.catch(() => known.delete(key));
    known.set(key, answer);
  }
  return known.get(key);
}

/**
 * Work of which only the newest matters: a new call aborts the one before, and `stop()` the last.
 *
 * `element` shows that it waits; what goes wrong goes to `failed`.
 */
export function newest(element, work, failed) {
  let running = null;
  const start = async (...values) => {
    running?.abort();
    const mine = (running = new AbortController());
    busy(element, true);
    try {
      await work(mine.signal, ...values);
    } catch (error) {
      if (error.name !== "AbortError" && !mine.signal.aborted) failed(error);
    } finally {
      if (running === mine) busy(element, false);
    }
  };
  const stop = () => {
    running?.abort();
    running = null;
    busy(element, false);
  };
  return Object.assign(start, { stop });
}
