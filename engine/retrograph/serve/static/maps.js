/** The maps of a layer as thumbnails, in pages that are loaded when they come into sight. */
import { ask, forget, newest, picture } from "./ask.js";
import { answered, onAnswer, shownUnit } from "./answer.js";
import { amount, bar, choices, make, showMistake } from "./dom.js";
import { Enlarged } from "./enlarged.js";
import { channelName, className, known, mapLayer, onModel } from "./known.js";
import { question, showUnit, view, watch } from "./view.js";

const PAGE = 48;
const TILE = 78;
const ROW = 26;
const COLUMNS = 4;

/** Build the tab in its panel; gives `{ shown, step }`. */
export function mapsTab(panel, stage) {
  const maps = new Maps(panel, stage);
  watch(["model"], () => maps.forget());
  watch(["input", "layer", "preprocessing"], () => maps.refresh());
  onModel(() => maps.refresh());
  onAnswer(() => maps.mark());
  return { shown: () => maps.refresh(), step: (way) => maps.step(way) };
}

class Maps {
  constructor(panel, stage) {
    this.panel = panel;
    this.order = "activation";
    this.enlarged = new Enlarged(stage);
    const sort = choices("Sort", [["activation", "strongest first"], ["number", "by number"]], "activation", (order) => {
      this.order = order;
      this.asked = null;
      this.refresh();
    });
    this.go = make("input", { type: "text", size: 16, placeholder: "unit", ariaLabel: "Go to a unit" });
    this.refused = make("div");
    this.visit = newest(panel, (signal, unit) => this.goTo(unit, signal), (error) => showMistake(this.refused, error));
    this.go.onchange = () => this.go.value.trim() && this.visit(this.go.value.trim());
    this.count = make("span.soft");
    this.list = make("div.maps");
    panel.append(this.enlarged.element, make("div.tools", {}, sort, this.go, this.count), this.refused, this.list);
    this.pages = new Map();
    this.sight = new IntersectionObserver((seen) => this.scrolled(seen), { root: this.list, rootMargin: "200px" });
    this.load = newest(panel, (signal) => this.first(signal), (error) => showMistake(this.list, error));
  }

  /** Load the maps where they are not those that are there. */
  refresh() {
    const { model, input, preprocessing, tab } = view();
    const layer = mapLayer();
    if (tab !== "" || !known() || !input || !layer) return;
    const asked = JSON.stringify([model, input, layer, preprocessing, this.order]);
    if (asked === this.asked) return;
    this.asked = asked;
    this.parameters = { model, input, layer, preprocessing, order: this.order };
    this.enlarged.wait();
    this.load();
    if (layer !== this.layer) this.clearTyped();
    this.layer = layer;
  }

  clearTyped() {
    this.visit.stop();
    this.go.value = "";
    this.refused.replaceChildren();
  }

  /** Take away the maps of another model. */
  forget() {
    this.load.stop();
    this.asked = null;
    this.clear();
    this.list.replaceChildren();
    this.count.textContent = "";
    this.enlarged.wait();
    this.enlarged.element.hidden = true;
  }

  /** Explain the unit that was typed; what is refused is no step for "back". */
  async goTo(unit, signal) {
    const layer = mapLayer();
    if (!this.hasClasses && !/^[\d\s,;-]+$/.test(unit)) throw new Error(`units of ${layer} are numbers: give a ${this.go.placeholder}`);
    const chosen = { layer, unit, box: "", class: "", what: "", over: "", at: "" };
    await ask("api/explain", { ...question(chosen), format: "json" }, { signal });
    this.refused.replaceChildren();
    showUnit({ layer, unit });
  }

  async first(signal) {
    try {
      const page = await ask("api/maps", { ...this.parameters, start: 0, count: PAGE }, { signal });
      this.open(page, signal);
    } catch (error) {
      this.asked = null;
      throw error;
    }
  }

  open(first, signal) {
    this.clear();
    this.signal = signal;
    this.total = first.total;
    this.isFlat = first.shape.slice(1).every((size) => size === 1);
    this.isLine = first.shape.length === 2 && !this.isFlat;
    this.count.textContent = `${first.total} ${this.isFlat ? "unit" : "map"}${first.total === 1 ? "" : "s"}`;
    this.hasClasses = className(this.parameters.layer, 0) !== "";
    this.go.placeholder = this.isFlat ? (this.hasClasses ? "class or number" : "number") : `number or channel,${this.isLine ? "position" : "row,column"}`;
    this.go.ariaLabel = `Go to a unit: ${this.go.placeholder}`;
    this.strongest = Math.max(...first.units.map((each) => Math.abs(each.max)), 1e-9);
    const pages = Array.from({ length: Math.ceil(first.total / PAGE) }, (_, place) => this.page(place));
    this.list.replaceChildren(...pages);
    this.list.scrollTop = 0;
    this.fill(pages[0], first);
    pages.slice(1).forEach((page) => this.sight.observe(page));
    this.enlarged.prepare(this.parameters, first);
    this.mark();
  }

  clear() {
    this.sight.disconnect();
    for (const source of this.pages.values()) forget(source);
    this.pages.clear();
  }

  page(place) {
    const count = Math.min(PAGE, this.total - place * PAGE);
    const page = make(this.isFlat ? "div.page.flat" : this.isLine ? "div.page.lines" : "div.page", { data: { page: place } });
    const height = this.isFlat ? ROW : this.isLine ? TILE / 2 + 20 : TILE + 20;
    page.style.minHeight = `${Math.ceil(count / (this.isFlat ? 1 : COLUMNS)) * height}px`;
    return page;
  }

  scrolled(seen) {
    for (const { target, isIntersecting } of seen) {
      if (isIntersecting) this.later(target);
    }
  }

  async later(page) {
    this.sight.unobserve(page);
    const signal = this.signal;
    const start = Number(page.dataset.page) * PAGE;
    try {
      const answer = await ask("api/maps", { ...this.parameters, start, count: PAGE }, { signal });
      if (page.isConnected) await this.fill(page, answer);
    } catch (error) {
      if (page.isConnected) showMistake(page, error);
    }
  }

  async fill(page, { units, columns, tile }) {
    const tiles = units.map((unit) => (this.isFlat ? this.bar(unit) : this.tile(unit)));
    page.replaceChildren(...tiles);
    this.mark();
    if (this.isFlat) return;
    const start = Number(page.dataset.page) * PAGE;
    const source = await picture("api/maps", { ...this.parameters, start, count: PAGE, format: "png" }, { signal: this.signal })
      .catch((error) => showMistake(page, error));
    if (!source) return;
    if (!page.isConnected) return forget(source);
    this.pages.set(page, source);
    const rows = Math.ceil(units.length / columns);
    const isSmooth = Math.max(...tile) > TILE * 1.5;
    tiles.forEach((element, k) => {
      const map = element.firstChild.style;
      map.backgroundImage = `url("${source}")`;
      map.backgroundSize = `${100 * columns}% ${100 * rows}%`;
      map.backgroundPosition = `${share(k % columns, columns)} ${share(Math.floor(k / columns), rows)}`;
      map.imageRendering = isSmooth ? "auto" : "pixelated";
    });
  }

  tile({ unit, max, place }) {
    const scored = className(mapLayer(), unit);
    return make("button.tile", {
      data: { unit }, ariaLabel: `${channelName(unit)}, strongest ${amount(max)}`,
      title: `${channelName(unit)}: ${amount(max)}${place?.length ? ` at ${place.join(", ")}` : ""}`,
      onclick: () => this.choose(unit),
      onpointerenter: () => this.enlarged.hint(place),
      onpointerleave: () => this.enlarged.hint(null),
    }, make("span.image"), make("span.label", {}, make(scored ? "b.scored" : "b", {}, scored || `${unit}`), ` ${amount(max)}`));
  }

  bar({ unit, max, name }) {
    return make("button.score.tile", { data: { unit }, onclick: () => this.choose(unit) },
      bar(Math.abs(max) / this.strongest, max < 0), make("span.name", {}, name || className(mapLayer(), unit) || `unit ${unit}`), make("span.number", {}, amount(max)));
  }

  choose(unit) {
    showUnit({ layer: mapLayer(), unit });
  }

  /** Mark the channel that is explained, and enlarge its map. */
  mark() {
    const { channel = null, place, activation } = isShown() ? shownUnit() : {};
    for (const tile of this.list.querySelectorAll(".tile")) {
      tile.ariaPressed = String(Number(tile.dataset.unit) === channel);
    }
    if (this.asked && !this.isFlat && channel !== null) this.enlarged.show(channel, place, activation);
    else this.enlarged.element.hidden = true;
  }

  /** The next unit in the order of the list. */
  step(way) {
    const tiles = [...this.list.querySelectorAll(".tile")];
    const place = tiles.findIndex((tile) => Number(tile.dataset.unit) === shownUnit().channel);
    const next = tiles[place + way];
    next?.scrollIntoView({ block: "nearest" });
    next?.click();
  }
}

/** Whether what is explained is a unit of the layer whose maps are shown. */
const isShown = () => answered()?.record?.layer === mapLayer();

const share = (place, count) => (count > 1 ? `${(100 * place) / (count - 1)}%` : "0%");

