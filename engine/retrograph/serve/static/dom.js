/** Elements made in one call, and the few things that every pane does with them. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: `make("button.quiet", { onclick, ariaLabel: "Close" }, "Close")`.
 *
 * Properties that start with "on" are listeners, `data` goes to its dataset, `style` to its CSSOM;
 * others are properties of the element. Children are elements or texts; null is left out.
 */
export function make(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key === "data") Object.assign(element.dataset, value);
    else if (key === "style") Object.assign(element.style, value);
    else element[key] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** An element of SVG with attributes. */
export function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A select with the options `[value, words]`, of which one is chosen. */
export function choices(label, options, chosen, onchange) {
  const select = make("select", { ariaLabel: label, title: label });
  select.append(...options.map(([value, words]) => make("option", { value }, words)));
  select.value = chosen;
  select.onchange = () => onchange(select.value);
  return select;
}

/** A bar of a share of its row, from 0 to 1; the number beside it stays free. */
export function bar(share, isNegative = false) {
  const element = make(isNegative ? "i.bar.negative" : "i.bar");
  element.style.setProperty("--share", Math.min(1, Math.max(0, share || 0)));
  return element;
}

/** A picture of the server that opens large when it is clicked. */
export function opening(src, alt) {
  const open = () => {
    const close = make("button.main", { onclick: () => dialog.close() }, "Close");
    const dialog = make("dialog.large", { ariaLabel: alt, onclose: () => dialog.remove() }, make("img", { src, alt }), make("div.row", {}, close));
    document.body.append(dialog);
    dialog.showModal();
  };
  const loaded = () => busy(button, false);
  const image = make("img.sheet-picture", { src, alt, onload: loaded, onerror: loaded });
  const button = make("button.opens", { ariaLabel: `${alt}: open it large`, title: "Open it large", onclick: open }, image);
  busy(button, true);
  return button;
}

/** Show what went wrong, as the sentence that it is, in place of what an element held. */
export function showMistake(element, error) {
  if (error.name === "AbortError") return;
  element.replaceChildren(make("p.mistake", { role: "alert" }, error.message));
}

const WAITS = 150;
const waiting = new WeakMap();

/** Say that an element waits; after a moment a moving line shows it, so that quick answers lay nothing out. */
export function busy(element, isBusy) {
  clearTimeout(waiting.get(element));
  if (!isBusy) {
    element.removeAttribute("aria-busy");
    return element.classList.remove("waits");
  }
  element.setAttribute("aria-busy", "true");
  waiting.set(element, setTimeout(() => element.classList.add("waits"), WAITS));
}

let leaving;

/** Say something for a moment, at the foot of the page. */
export function say(words, isMistake = false) {
  const toast = document.getElementById("toast");
  toast.textContent = words;
  toast.className = isMistake ? "shown mistake" : "shown";
  clearTimeout(leaving);
  leaving = setTimeout(() => (toast.className = ""), isMistake ? 8000 * words.split("\n").length : 2500);
}

/** A number as people read it: three digits that matter. */
export function amount(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return minus(value.toExponential(2));
  return minus(String(Number(value.toPrecision(3))));
}

const minus = (text) => text.replace("-", "\u2212");

/** A file's name without its folders. */
export const fileName = (path) => path.split(/[\\/]/).pop();

/** A share as percent. */
export const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** Sizes as people write them: 64 x 55 x 55. */
export const times = (sizes) => sizes.map((size) => size ?? "?").join(" \u00d7 ");
