/** The units of a layer as a table that can be sorted: dead ones, loud ones, and what they care about. */
import { ask, newest } from "./ask.js";
import { amount, make, percent, showMistake } from "./dom.js";
import { known, mapLayer, onModel } from "./known.js";
import { scanOffer } from "./scanning.js";
import { showUnit, view, watch } from "./view.js";

const STEP = 100;
const SHARES = new Set(["fires", "share"]);

/** Build the tab in its panel. */
export function tableTab(panel) {
  const table = new Table(panel);
  watch(["model"], () => table.forget());
  watch(["layer", "preprocessing"], () => table.refresh());
  onModel(() => table.refresh());
  return { shown: () => table.refresh() };
}

class Table {
  constructor(panel) {
    this.body = make("div.scrolled");
    panel.append(this.body);
    this.load = newest(panel, (signal) => this.fetch(signal), (error) => showMistake(this.body, error));
  }

  /** Take away the units of another model. */
  forget() {
    this.load.stop();
    this.body.replaceChildren();
  }

  refresh() {
    if (view().tab === "table" && known()) this.load();
  }

  async fetch(signal) {
    const layer = mapLayer();
    if (!known().scan?.layers?.includes(layer)) return this.body.replaceChildren(scanOffer(layer, () => this.refresh()));
    const { model, preprocessing } = view();
    const { columns, rows, words = [], note } = await ask("api/table", { model, layer, preprocessing }, { signal });
    this.columns = columns;
    this.rows = rows;
    this.by = columns[0].key;
    this.isRising = true;
    this.head = make("tr");
    this.lines = make("tbody");
    this.more = make("button", { onclick: () => this.append() }, "More");
    this.body.replaceChildren(...(note ? [make("p.mistake", {}, note), scanOffer(layer, () => this.refresh(), "")] : []), ...words.map((each) => make("p", {}, each)),
      make("table", {}, make("thead", {}, this.head), this.lines), this.more);
    this.sort(this.by);
  }

  sort(key) {
    if (this.sorted === key && this.rows.length) this.isRising = !this.isRising;
    else this.isRising = key === "unit";
    this.sorted = key;
    const way = this.isRising ? 1 : -1;
    const value = (row) => row[key] ?? "";
    this.rows.sort((a, b) => (value(a) < value(b) ? -way : value(a) > value(b) ? way : 0));
    this.head.replaceChildren(...this.columns.map((column) => this.heading(column)));
    this.lines.replaceChildren();
    this.append();
  }

  heading({ key, words }) {
    const isBy = key === this.sorted;
    const cell = make("th", {}, make("button.quiet", { onclick: () => this.sort(key) }, words, isBy ? (this.isRising ? " \u25b2" : " \u25bc") : ""));
    cell.ariaSort = isBy ? (this.isRising ? "ascending" : "descending") : "none";
    return cell;
  }

  /** The next rows; all of 2,048 at once would make the page wait. */
  append() {
    const from = this.lines.childElementCount;
    this.lines.append(...this.rows.slice(from, from + STEP).map((row) => this.line(row)));
    this.more.hidden = this.lines.childElementCount >= this.rows.length;
  }

  line(row) {
    const cells = this.columns.map(({ key }) => {
      const value = row[key];
      const words = typeof value === "number" && key !== "unit" ? (SHARES.has(key) ? percent(value) : amount(value)) : typeof value === "boolean" ? (value ? "yes" : "") : `${value ?? ""}`;
      if (key !== "unit") return make(typeof value === "number" ? "td.n" : "td", {}, words);
      return make("td.n", {}, make("button.quiet", { onclick: () => showUnit({ layer: mapLayer(), unit: value }) }, words));
    });
    return make("tr", {}, cells);
  }
}
