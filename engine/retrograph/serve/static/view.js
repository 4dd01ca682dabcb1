/** What is shown, which is what the page's URL says; back and forward walk through it. */

const NAMES = [
  "model", "input", "layer", "unit", "method", "style", "wrt", "preprocessing",
  "box", "class", "what", "over", "at", "compare", "tab",
];
/** What asks for one explanation: the rest says how it is looked at. */
export const QUESTION = [
  "model", "input", "layer", "unit", "method", "wrt", "preprocessing",
  "box", "class", "what", "over", "at",
];
const watchers = [];
let current = fromAddress();

function fromAddress() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]));
}

/** What is shown, by the names of the URL's parameters; "" where it is left open. */
export const view = () => ({ ...current });

/** The parameters of the explanation that is shown; a box or a class of the outputs needs no layer. */
export function question(changes = {}) {
  const of = { ...current, ...changes };
  const asked = Object.fromEntries(QUESTION.map((name) => [name, of[name]]));
  return asked.box || asked.class ? { ...asked, layer: "", unit: "" } : asked;
}

/** Show something else, which is a step for "back". */
export function show(changes) {
  const before = current;
  const next = { ...current };
  for (const [name, value] of Object.entries(changes)) next[name] = String(value ?? "");
  if (NAMES.every((name) => next[name] === before[name])) return;
  current = next;
  history.pushState(null, "", addressOf(next));
  tell(before);
}

/** Fill in what the URL leaves open, without a step for "back" and without telling anyone. */
export function settle(changes) {
  for (const [name, value] of Object.entries(changes)) current[name] = String(value ?? "");
  history.replaceState(null, "", addressOf(current));
}

const addressOf = (of) => `?${new URLSearchParams(NAMES.filter((name) => of[name]).map((name) => [name, of[name]]))}`;

/** Show another unit of the model: what asked for the one before is dropped. */
export function showUnit(changes) {
  show({ box: "", class: "", what: "", over: "", at: "", ...changes });
}

/** Call `changed(view)` whenever one of these parameters changes. */
export function watch(names, changed) {
  watchers.push({ names, changed });
}

/** Tell every watcher, as at the start. */
export function tellAll() {
  for (const { changed } of watchers) changed(view());
}

function tell(before) {
  for (const { names, changed } of watchers) {
    if (names.some((name) => current[name] !== before[name])) changed(view());
  }
}

addEventListener("popstate", () => {
  const before = current;
  current = fromAddress();
  tell(before);
});
