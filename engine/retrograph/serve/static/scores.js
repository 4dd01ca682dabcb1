/** What the model says of the input: classes, boxes, regions; each can be explained by a click. */
import { ask, newest } from "./ask.js";
import { amount, make, percent } from "./dom.js";
import { known, onModel, setScores } from "./known.js";
import { showUnit, view, watch } from "./view.js";

const SHOWN = 5;

/** Build the list in an element; boxes are drawn on the stage too. */
export function scoreList(pane, stage) {
  const list = make("div.scores", { ariaLabel: "What the model says" });
  pane.append(list);
  const load = newest(list, async (signal) => {
    const { model, input, preprocessing } = view();
    const scores = await ask("api/scores", { model, input, preprocessing }, { signal });
    setScores(scores.classes ?? []);
    list.replaceChildren(...parts(scores));
    stage.main.markObjects(objectsOf(scores));
  }, (error) => list.replaceChildren(make("p.soft", {}, error.message)));
  const refresh = () => known() && view().input && load();
  watch(["input", "preprocessing"], refresh);
  onModel(refresh);
  watch(["unit", "layer", "box", "class_"], () => mark(list));
}

function parts({ classes = [], boxes = [], regions = [] }) {
  const found = [
    ...classes.slice(0, SHOWN).map(classRow),
    ...boxes.slice(0, 2 * SHOWN).map(boxRow),
    ...regions.slice(0, 2 * SHOWN).map(regionRow),
  ];
  return found.length ? found : [make("p.soft", {}, "the model scores no classes; choose a layer and a channel")];
}

function row(words, share, number, choice) {
  const bar = make("i.bar");
  bar.style.width = `${Math.round(100 * Math.min(1, Math.max(0, share ?? 0)))}%`;
  return make("button.score", {
    title: `explain ${words}`, data: { choice: JSON.stringify(choice) }, onclick: () => showUnit(choice),
  }, bar, make("span.name", {}, words), make("span.number", {}, number));
}

function classRow({ index, name, score, share }) {
  const words = name || `class ${index}`;
  const choice = { layer: "", unit: index };
  return row(words, share, share === null || share === undefined ? amount(score) : percent(share), choice);
}

const boxChoice = ({ number }) => ({ unit: "", box: number });
const boxWords = ({ name, number }) => `${name || "box"} \u00b7 box ${number}`;

function boxRow(box) {
  return row(boxWords(box), box.score, amount(box.score), boxChoice(box));
}

function regionRow(region) {
  const words = region.name || `class ${region.class}`;
  return row(words, region.share, percent(region.share ?? 0), { unit: "", class_: region.class });
}

function objectsOf({ boxes = [] }) {
  return boxes.filter((each) => each.corners).map((each) => ({
    box: each.corners,
    words: `${boxWords(each)}: ${amount(each.score)}`,
    choose: () => showUnit(boxChoice(each)),
  }));
}

function mark(list) {
  const now = view();
  for (const button of list.querySelectorAll("button.score")) {
    const choice = Object.entries(JSON.parse(button.dataset.choice));
    button.ariaPressed = String(choice.every(([name, value]) => String(value) === now[name]));
  }
}
