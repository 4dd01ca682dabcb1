/** The middle pane: the input with its attribution, or several side by side. */
import { address, ask, newest } from "./ask.js";
import { answered, explained, numberWords, onAnswer, shownRecord, shownUnit } from "./answer.js";
import { amount, choices, fileName, make, say, times } from "./dom.js";
import { Figure } from "./figure.js";
import { fieldOf, placeAt, windowAt } from "./field.js";
import { nothingYet } from "./inputs.js";
import { className, isOverlay, known, mapLayer, onModel } from "./known.js";
import { question, show, showUnit, view, watch } from "./view.js";

/** The score below which a box is called a weak guess. */
const WEAK = 0.25;
const BLEND = "retrograph.blend";
const SEVERAL = ["gradient", "deconvnet", "guided", "integrated-gradients"];

/** Build the pane in its element; gives what keys may call. */
export function stagePane(pane) {
  const stage = new Stage(pane);
  watch(["input", "layer", "unit", "method", "style", "wrt", "preprocessing", "compare",
    "box", "class", "what", "over", "at"], () => stage.refresh());
  watch(["model"], () => stage.clear());
  onModel(() => stage.refresh());
  onAnswer((answer) => stage.answered(answer));
  return stage;
}

class Stage {
  constructor(pane) {
    this.pane = pane;
    this.tools = make("div.tools");
    this.figures = make("div.figures");
    this.mistake = make("div");
    this.empty = make("p.empty", { hidden: true });
    this.caption = make("div.caption", { role: "status" });
    this.tip = make("div.tip", { hidden: true });
    this.share = Number(localStorage.getItem(BLEND) ?? 0.75);
    const blend = make("input", {
      type: "range", min: 0, max: 1, step: 0.01, value: this.share, ariaLabel: "From the input to the attribution",
      oninput: () => this.setBlend(Number(blend.value)),
    });
    const zooms = make("div.corner", {},
      make("label.inline", {}, "input", blend, "map"),
      make("button", { ariaLabel: "Zoom in", onclick: () => this.each((f) => f.pan.zoom(1.4)) }, "+"),
      make("button", { ariaLabel: "Zoom out", onclick: () => this.each((f) => f.pan.zoom(1 / 1.4)) }, "\u2212"),
      make("button", { title: "Zoom to what the unit sees (f)", onclick: () => this.zoomToField() }, "field"),
      make("button", { title: "Fit the input (0)", onclick: () => this.each((f) => f.fit()) }, "fit"),
    );
    pane.append(this.tools, make("div.fill", {}, this.figures, this.empty, this.mistake, this.tip, zooms), this.caption);
    this.main = this.newFigure();
    this.shown = [];
    pane.classList.toggle("mixed", this.share < 1);
    this.draw = newest(this.figures, (signal) => this.load(signal), (error) => this.failed(error));
    this.at = newest(this.figures, (signal, pixel) => this.clicked(pixel, signal), (e) => say(e.message, true));
  }

  newFigure() {
    return new Figure({ clicked: (pixel) => this.at(pixel), hovered: (pixel) => this.hovered(pixel) });
  }

  controls() {
    const { model, method, style, compare, wrt } = view();
    const asked = JSON.stringify([model, method, style, compare, wrt]);
    if (asked === this.controlled) return;
    this.controlled = asked;
    const { methods, styles, sources } = known();
    const words = (each) => [each.name, each.name];
    const methodOf = choices("Method", methods.map(words), method || known().default.method, (value) => show({ method: value }));
    methodOf.title = methods.find((each) => each.name === methodOf.value)?.words ?? "Method";
    const compared = choices("Show", [["", "one"], ["methods", "methods"], ["input", "two inputs"], ["unit", "two units"]],
      compare.split(":")[0], (value) => this.compare(value));
    this.tools.replaceChildren(
      make("span.inline", {}, make("button.link", { title: "What each method shows", onclick: () => showMethods(methods) }, "Method"), methodOf),
      labelled("Style", choices("Style", [["", "as the method"], ...styles.map((name) => [name.name ?? name, name.name ?? name])], style,
        (value) => show({ style: value }))),
      labelled("Show", compared),
      ...(sources.length > 1 ? [labelled("Of input", this.sourceChoice(sources, wrt))] : []),
    );
  }

  /** By which of the model's inputs it is explained. */
  sourceChoice(sources, wrt) {
    const options = sources.map(({ name, kind }) => [kind ? "" : name, name]);
    return choices("Of input", options, wrt, (value) => show({ wrt: value }));
  }

  each(work) {
    for (const figure of this.shown) work(figure);
  }

  setBlend(share) {
    this.share = share;
    localStorage.setItem(BLEND, share);
    this.pane.classList.toggle("mixed", share < 1);
    this.each((figure) => figure.blend(share));
  }

  zoomToField() {
    const window = this.main.boxes.sees;
    if (window) this.each((figure) => figure.frameOn(window));
    else say("this unit sees the whole input");
  }

  /** Compare by methods, with the next input or with another unit. */
  compare(way) {
    const { method, input } = view();
    const inputs = known().inputs.map((each) => each.id);
    const next = inputs[(inputs.indexOf(input) + 1) % inputs.length];
    const own = method || known().default.method;
    const has = known().methods.map((each) => each.name);
    const several = [...new Set([own, ...SEVERAL])].filter((name) => has.includes(name)).slice(0, 4);
    const { channel } = shownUnit();
    const classes = answered()?.unit?.ranked ? known().scores ?? [] : [];
    const second = classes.find((each) => each.index !== channel)?.index ?? channel + 1;
    const ways = { "": "", methods: `methods:${several}`, input: `input:${next}`, unit: `unit:${second}` };
    show({ compare: ways[way] });
  }

  /** Take away what is shown of another model. */
  clear() {
    this.draw.stop();
    this.at.stop();
    this.each((figure) => figure.clear());
    this.mistake.replaceChildren();
  }

  refresh() {
    if (!known()) return;
    this.empty.hidden = Boolean(view().input);
    if (!view().input) return this.empty.replaceChildren(nothingYet());
    this.draw();
    this.pane.classList.toggle("without-overlay", !isOverlay());
    this.controls();
  }

  /** What each figure shows beside the first: changes of the question. */
  others() {
    const { compare, method } = view();
    const [way, value] = [compare.split(":")[0], compare.slice(compare.indexOf(":") + 1)];
    const own = method || known().default.method;
    if (way === "methods") return value.split(",").filter((name) => name !== own).map((name) => ({ method: name }));
    if (way === "input" || way === "unit") return [{ [way]: value }];
    return [];
  }

  async load(signal) {
    const changes = [{}, ...this.others()];
    while (this.shown.length < changes.length) this.shown.push(this.shown.length ? this.newFigure() : this.main);
    this.shown.length = changes.length;
    this.figures.dataset.count = changes.length;
    this.pane.classList.toggle("several-methods", view().compare.startsWith("methods"));
    if (this.figures.childElementCount !== changes.length) this.figures.replaceChildren(...this.shown.map((figure) => figure.element));
    this.shown.forEach((figure, place) => this.title(figure, changes[place], changes.length));
    await Promise.all(this.shown.map((figure, place) => this.fill(figure, changes[place], signal)));
    this.mistake.replaceChildren();
    document.body.dataset.pictures = Number(document.body.dataset.pictures ?? 0) + 1;
  }

  async fill(figure, change, signal) {
    const { model, input, preprocessing } = question(change);
    if (!isOverlay()) {
      await figure.drawn({ ...question(change), style: view().style, format: "png", part: "figure" }, signal);
      return figure.blend(this.share);
    }
    const record = figure === this.main ? shownRecord() : explained(change, signal);
    await figure.overlay({ id: input, parameters: { model, preprocessing } }, record, signal);
    figure.blend(this.share);
    const told = await record;
    if (this.shown.length > 1) figure.words.append(...besideOthers(told, view().compare));
    if (figure === this.main) return this.named(told);
    const { size, units: [unit] = [] } = told.explained[0] ?? {};
    figure.mark({ sees: windowOf(unit, size) });
    figure.words.title = unit ? `activation ${amount(unit.activation)}` : "";
  }

  /** Beside another unit the most active one goes by its name. */
  named({ explained: [first] }) {
    const { compare, unit } = view();
    if (compare.startsWith("unit") && !unit && first) this.main.words.replaceChildren(first.units[0].name);
  }

  title(figure, change, count) {
    figure.words.hidden = count < 2;
    if (count < 2) return;
    const [[name, value] = []] = Object.entries(change);
    const own = view();
    const method = own.method || known().default.method;
    const way = own.compare.split(":")[0];
    const words = { methods: method, input: nameOf(own.input), unit: unitWords(own) }[way];
    if (name === undefined) figure.words.replaceChildren(words);
    else figure.words.replaceChildren(this.chooser(name, value));
  }

  chooser(name, value) {
    const { compare } = view();
    if (name === "method") {
      const replaced = (chosen) => `methods:${compare.slice(8).split(",").map((each) => (each === value ? chosen : each))}`;
      return choices("Compared method", known().methods.map((each) => [each.name, each.name]), value, (chosen) => show({ compare: replaced(chosen) }));
    }
    if (name === "input") {
      return choices("Compared input", known().inputs.map((each) => [each.id, fileName(each.name)]), value, (id) => show({ compare: `input:${id}` }));
    }
    const field = make("input", { type: "text", value, ariaLabel: "Compared unit: a number or a class", size: 14 });
    field.onchange = () => show({ compare: `unit:${field.value}` });
    return make("span.row", {}, field, className(mapLayer(), value));
  }

  failed(error) {
    this.each((figure) => (figure.map.hidden = true));
    this.mistake.replaceChildren(make("p.mistake", { role: "alert" }, error.message));
  }

  answered({ record, unit, error }) {
    if (error || !record) return this.caption.replaceChildren();
    const name = unit?.name || "";
    this.main.mark({ sees: windowOf(unit, record.explained[0]?.size) });
    const facts = [...startWords(unit), record.layer, numberWords(unit), ...classWords(unit), seesWords(unit?.sees, record.explained[0]?.size)];
    const notes = [record.explained[0]?.note, ...(record.notes ?? [])].filter(Boolean);
    this.caption.replaceChildren(
      make("h2", {}, name || record.layer),
      record.warning ? make("p.mistake", { role: "alert" }, record.warning) : "",
      make("p.soft", {}, facts.filter(Boolean).join(" \u00b7 "), ...preparation(record)),
      ...(record.legend ? [legend(record.legend)] : []),
      ...(record.sound ? [make("audio", { controls: true, src: address(`api/audio/${encodeURIComponent(view().input)}`, { model: view().model }) })] : []),
      ...(notes.length ? [make("details", {}, make("summary", {}, notes.length === 1 ? "1 note" : `${notes.length} notes`), make("ul", {}, notes.map((note) => make("li", {}, note))))] : []),
    );
    document.getElementById("where").textContent = `${record.layer} \u00b7 ${name}`;
    document.title = `${name || record.layer} \u00b7 ${view().model} \u00b7 retrograph`;
    document.body.dataset.answers = Number(document.body.dataset.answers ?? 0) + 1;
  }

  async clicked(pixel, signal) {
    if (!known()) return;
    const { model, input } = view();
    const layer = mapLayer();
    const [x, y] = pixel.map(Math.floor);
    if (known().regions.length && layer === known().default.layer) {
      return showUnit({ layer: "", unit: "", at: `${x},${y}` });
    }
    if (!(await fieldOf(model, layer))) {
      return say(`units of ${layer} see the whole input; choose a layer with maps in the network`);
    }
    const { index } = await ask("api/at", { model, input, layer, x, y }, { signal });
    showUnit({ layer, unit: index.join(",") });
  }

  async hovered(pixel) {
    this.hoveredPixel = pixel;
    const { model } = view();
    const layer = mapLayer();
    const field = pixel && known() && isOverlay() ? await fieldOf(model, layer).catch(() => null) : null;
    if (this.hoveredPixel !== pixel) return;
    if (!field) return this.pointAt(null);
    const sizes = answered()?.record?.layer === layer ? answered().record.shape.slice(-2) : [];
    const place = placeAt(field, pixel, sizes);
    this.pointAt(windowAt(field, place), `row ${place[0]}, column ${place[1]} of ${layer}: sees ${times(field.size)} pixels`);
  }

  /** Show which window a place sees, and words about it; null shows none. */
  pointAt(window, words = "") {
    this.each((figure) => !figure.isDrawn && figure.mark({ hover: window }));
    this.tip.hidden = !words;
    this.tip.textContent = words;
  }
}

/** What each method shows; a click takes it. */
function showMethods(methods) {
  const take = (name) => {
    dialog.close();
    show({ method: name });
  };
  const dialog = make("dialog.methods", { ariaLabel: "Methods", onclose: () => dialog.remove() },
    make("h2", {}, "What each method shows"),
    make("p.soft", {}, "guided is sharp, and good at what drives a channel, but it depends little on the class: take gradient or grad-cam to tell classes apart, and see Checks."),
    make("dl", {}, methods.flatMap(({ name, words }) => [
      make("dt", {}, make("button.link", { onclick: () => take(name) }, name)), make("dd", {}, words)])),
    make("button.main", { onclick: () => dialog.close() }, "Close"));
  document.body.append(dialog);
  dialog.showModal();
}

const labelled = (words, control) => make("label.inline", {}, make("span", {}, words), control);
const nameOf = (id) => fileName(known().inputs.find((each) => each.id === id)?.name ?? id);
const unitWords = ({ unit }) => className(mapLayer(), unit) || (unit ? `unit ${unit}` : "the most active unit");

/** That nothing was chosen, where what is shown then is no class; and of a box that the model hardly believes in it. */
function startWords(unit) {
  const { layer, unit: chosen, box, class: region, at } = view();
  const isOpen = ![layer, chosen, box, region, at].some(Boolean);
  const isBox = unit?.box !== undefined;
  return [
    isOpen && unit && !unit.ranked ? `nothing is chosen: this is the ${isBox ? "strongest box" : "most active unit"}` : "",
    isBox && unit.score < WEAK ? "a weak guess" : "",
  ];
}

/** What the colours of the map mean: their bar, with its ends and rows named, beside the words. */
function legend({ method, text, ends, rows, bar }) {
  const names = make("div.rows", {}, rows.map((row) => make("span", {}, row)));
  const mixed = make("span.if-mixed", {}, "; mixed with the input by the slider");
  return make("div.legend", {}, ...(rows.length ? [names] : []), colours(bar, ends), make("p.soft", {}, `${method}: ${text}`, mixed));
}

/** A bar of colours over the names of its ends. */
const colours = (bar, ends) => make("div", {}, make("img", { src: bar, alt: "" }), make("div.ends", {}, ends.map((end) => make("span", {}, end))));

/** What is said of a figure that stands beside others: its own colours, or the unit that it explains. */
function besideOthers({ legend: own, explained: [first] }, compare) {
  if (compare.startsWith("methods")) return own ? [make("div.legend.small", { title: own.text }, colours(own.bar, own.ends))] : [];
  return compare.startsWith("input") ? [make("div.soft", {}, first?.units[0]?.name ?? "")] : [];
}

/** How probable the model finds an explained class, and its place where it is not the first. */
function classWords(unit) {
  if (!unit?.ranked) return [];
  const { words, place } = unit.ranked;
  return [words, place > 1 ? `place ${place} of the classes` : ""];
}

/** How the input is prepared, which opens the other ways. */
function preparation({ preprocessing }) {
  if (!preprocessing) return [];
  const title = "how the input is prepared, and what other ways would give";
  const { name, source, sure } = preprocessing;
  const doubt = source === "assumed" ? " (assumed)" : sure ? "" : " (not sure)";
  return [" \u00b7 ", make("button.link", { title, onclick: () => show({ tab: "checks" }) }, `preprocessing ${name}${doubt}`)];
}

/** Width and height of a box [x0, y0, x1, y1], or the length of one along a sequence. */
function extent(box) {
  const half = box.length / 2;
  return box.slice(half).map((end, axis) => Math.round(end - box[axis]));
}

function seesWords(box, size) {
  if (!box) return "";
  const sizes = extent(box);
  if (isWhole(box, size)) return "sees the whole input";
  return sizes.length > 1 ? `sees ${times(sizes)} pixels` : `sees positions ${box[0]} to ${box[1] - 1}`;
}

/** Whether a box is all of an input. */
const isWhole = (box, size) => Boolean(size) && extent(box).every((each, axis) => each >= size[axis]);
/** The window that a unit sees, where that is a part of a picture. */
const windowOf = (unit, size) => (unit?.sees?.length === 4 && !isWhole(unit.sees, size) ? unit.sees : null);
