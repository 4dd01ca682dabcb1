/** What a neuron is: what drives it most in a scan, its filter, and the picture that maximizes it. */
import { address, ask, newest } from "./ask.js";
import { onAnswer, shownUnit } from "./answer.js";
import { amount, bar, draw, fileName, make, opening, percent, showMistake } from "./dom.js";
import { className, known, mapLayer, onModel, shownLayer } from "./known.js";
import { Growing } from "./growing.js";
import { scanOffer } from "./scanning.js";
import { show, view, watch } from "./view.js";

/** Build the tab in its panel. */
export function neuronTab(panel) {
  const neuron = new Neuron(panel);
  watch(["model"], () => neuron.clear());
  onAnswer(() => neuron.refresh());
  onModel(() => neuron.forget());
  return { shown: () => neuron.refresh() };
}

class Neuron {
  constructor(panel) {
    this.panel = panel;
    this.body = make("div.scrolled");
    panel.append(this.body);
    this.load = newest(panel, (signal, asked) => this.fetch(signal, asked), (error) => showMistake(this.body, error));
  }

  /** Take away the unit of another model. */
  clear() {
    this.load.stop();
    this.growing?.stop();
    this.growing = null;
    this.asked = null;
    this.body.replaceChildren();
  }

  forget() {
    this.asked = null;
    this.refresh();
  }

  refresh() {
    const { channel } = shownUnit();
    if (view().tab !== "neuron" || !known()) return;
    if (channel === null) return this.body.replaceChildren(make("p.soft", {}, "choose a unit"));
    const { model, preprocessing } = view();
    const asked = { model, layer: mapLayer(), unit: channel, preprocessing };
    if (JSON.stringify(asked) === this.asked) return;
    this.asked = JSON.stringify(asked);
    this.load(asked);
  }

  /** What grows for the asked unit: what has grown of it stays. */
  grownFor(asked) {
    if (JSON.stringify(this.growing?.asked) === JSON.stringify(asked)) return this.growing;
    this.growing?.stop();
    return new Growing(asked);
  }

  async fetch(signal, asked) {
    this.growing = this.grownFor(asked);
    const of = make("div");
    this.body.replaceChildren(make("h3", {}, unitTitle(asked)), of, this.growing.element, ...filterOf(asked));
    const scan = known().scan;
    if (!scan?.layers?.includes(asked.layer)) return of.replaceChildren(scanOffer(asked.layer, () => this.forget()));
    try {
      const record = await ask("api/unit", asked, { signal });
      of.replaceChildren(...parts(record, asked, () => this.forget()));
    } catch (error) {
      showMistake(of, error);
    }
  }
}

function unitTitle({ unit, layer }) {
  const name = className(layer, unit);
  return name ? `${name}, unit ${unit} of ${layer}` : `unit ${unit} of ${layer}`;
}

function parts({ top = [], histogram, classes = [], facts = [], note }, asked, finished) {
  return [
    note ? make("p.mistake", {}, note) : null,
    note ? scanOffer(asked.layer, finished, "") : null,
    facts.length ? make("dl.facts", {}, facts.flatMap(([words, value]) => [make("dt", {}, words), make("dd", {}, typeof value === "number" ? amount(value) : `${value}`)])) : null,
    make("h3", {}, "What drives it most"),
    opening(address("api/unit", { ...asked, format: "png" }), `the patches that drive unit ${asked.unit} most, with their attributions`),
    make("div.row", {}, top.slice(0, 9).map(topButton)),
    histogram ? make("h3", {}, "How often it is how strong") : null,
    histogram ? histogramOf(histogram) : null,
    classes.length ? make("h3", {}, "Classes that fire it") : null,
    ...classes.slice(0, 8).map((each) => classBar(each, classes[0])),
  ].filter(Boolean);
}

function topButton({ input, id, activation, index }) {
  const label = `${fileName(String(input))} \u00b7 ${amount(activation)}`;
  const onclick = () => show({ input: id, layer: mapLayer(), unit: index.join(",") });
  return make("button", { disabled: !id, title: id ? "explain it here" : "not among the inputs of this page", onclick }, label);
}

function classBar({ index, name, share, mean }, first) {
  const value = share ?? mean;
  return make("div.score", {}, bar(value / (first.share ?? first.mean ?? 1)), make("span.name", {}, name || `class ${index}`),
    make("span.number", {}, share === undefined ? amount(mean) : percent(share)));
}

function histogramOf({ counts, low, high }) {
  const most = Math.max(...counts, 1);
  const [width, height] = [320, 84];
  const svg = draw("svg", { class: "histogram", viewBox: `0 0 ${width} ${height + 18}`, role: "img", "aria-label": `${counts.length} bins from ${amount(low)} to ${amount(high)}` });
  counts.forEach((count, k) => {
    const tall = (height * Math.log1p(count)) / Math.log1p(most);
    svg.append(draw("rect", { x: (k * width) / counts.length, y: height - tall, width: width / counts.length - 1, height: tall }));
  });
  svg.append(draw("text", { x: 0, y: height + 14 }, amount(low)), draw("text", { x: width, y: height + 14, "text-anchor": "end" }, amount(high)));
  return svg;
}

function filterOf(asked) {
  if (!shownLayer()?.operator.includes("Conv")) return [];
  return [make("h3", {}, "Its filter"), opening(address("api/filter.png", asked), `the filter of unit ${asked.unit}`)];
}
