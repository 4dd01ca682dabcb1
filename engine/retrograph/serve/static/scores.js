/** What the model says of the input: classes, boxes, regions; each can be explained by a click. */
import { answered, onAnswer } from "./answer.js";
import { address, ask, newest } from "./ask.js";
import { amount, bar, make, opening, percent } from "./dom.js";
import { known, onModel, setScores } from "./known.js";
import { showUnit, view, watch } from "./view.js";

const SHOWN = 5;

/** Build the list in an element; boxes are drawn on the stage too. */
export function scoreList(pane, stage) {
  const list = make("div.scores", { ariaLabel: "What the model says" });
  let found = {};
  const markBoxes = () => stage.main.markObjects(objectsOf(found, answered()?.unit?.box));
  pane.append(list);
  const load = newest(list, async (signal) => {
    const { model, input, preprocessing } = view();
    const scores = await ask("api/scores", { model, input, preprocessing }, { signal });
    setScores(scores.classes ?? [], scores.regions ?? []);
    list.replaceChildren(...(scores.picture ? [madePicture({ model, input, preprocessing })] : []), ...parts(scores));
    found = scores;
    markBoxes();
  }, (error) => list.replaceChildren(make("p.soft", {}, error.message)));
  watch(["model"], () => {
    load.stop();
    list.replaceChildren();
    found = {};
    markBoxes();
  });
  const refresh = () => known() && view().input && load();
  watch(["input", "preprocessing"], refresh);
  onModel(refresh);
  watch(["unit", "layer", "box", "class", "at"], () => mark(list));
  onAnswer(() => {
    markBoxes();
    mark(list);
  });
}

/** What a model makes whose output is a picture: of style transfer, of super-resolution. */
function madePicture(asked) {
  return make("div.made", {}, make("span.soft", {}, "The model makes a picture"), opening(address("api/output.png", asked), "the picture that the model makes"));
}

function parts({ classes = [], boxes = [], regions = [] }) {
  const rows = [
    ...classes.slice(0, SHOWN).map(classRow),
    ...boxes.slice(0, 2 * SHOWN).map(boxRow),
    ...regions.slice(0, 2 * SHOWN).map(regionRow),
  ];
  return rows.length ? rows : [make("p.soft", {}, "the model scores no classes; choose a layer and a channel")];
}

function row(words, share, number, choice) {
  return make("button.score", {
    title: `explain ${words}`, data: { choice: JSON.stringify(choice) }, onclick: () => showUnit(choice),
  }, bar(share), make("span.name", {}, words), make("span.number", {}, number));
}

function classRow(scored) {
  const { index, name, score, share } = scored;
  const words = name || `class ${index}`;
  const choice = { layer: "", ...choiceOf(scored, { unit: index }) };
  return row(words, share, share === null || share === undefined ? amount(score) : percent(share), choice);
}

/** What the URL asks for when a class, a box or a region is chosen. */
const choiceOf = ({ question }, usual) => ({ unit: "", ...(question ?? usual) });
const boxWords = ({ name, index }) => `${name || "box"} \u00b7 box ${index}`;

function boxRow(box) {
  return row(boxWords(box), box.score, amount(box.score), choiceOf(box, { box: box.index }));
}

function regionRow(region) {
  const words = region.name || `class ${region.class}`;
  return row(words, region.share, `${percent(region.share ?? 0)} of pixels`, choiceOf(region, { class: region.class }));
}

/** What a detector found; the box of that number is the one that is explained. */
function objectsOf({ boxes = [] }, explained) {
  return boxes.filter((each) => each.box).map((each) => ({
    box: each.box,
    words: `${boxWords(each)}: ${amount(each.score)}`,
    choose: () => showUnit(choiceOf(each, { box: each.index })),
    chosen: each.index === explained,
  }));
}

function mark(list) {
  const now = view();
  for (const button of list.querySelectorAll("button.score")) {
    const choice = JSON.parse(button.dataset.choice);
    const isAsked = Object.entries(choice).every(([name, value]) => String(value) === now[name]);
    const isExplained = choice.box !== undefined && String(choice.box) === String(answered()?.unit?.box);
    button.ariaPressed = String(isAsked || isExplained);
  }
}
