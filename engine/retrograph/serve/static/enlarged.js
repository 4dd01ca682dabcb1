/** The map of one channel, large enough to choose a place in it by pointer or keys. */
import { ask, newest } from "./ask.js";
import { amount, make } from "./dom.js";
import { fieldOf, windowAt } from "./field.js";
import { channelName } from "./known.js";
import { showUnit } from "./view.js";

/** The map of the channel that is explained. */
export class Enlarged {
  constructor(stage) {
    this.stage = stage;
    this.canvas = make("canvas", {
      tabIndex: 0, role: "img",
      onpointermove: (event) => this.over(this.placeOf(event)),
      onpointerleave: () => this.over(null),
      onclick: (event) => this.choose(this.placeOf(event)),
      onkeydown: (event) => this.pressed(event),
    });
    this.mark = make("i.place");
    this.words = make("p.soft", { role: "status" });
    this.element = make("div.enlarged", { hidden: true }, make("div.canvas", {}, this.canvas, this.mark), this.words);
    this.load = newest(this.element, (signal, ...chosen) => this.fetch(signal, ...chosen), () => (this.element.hidden = true));
  }

  /** The layer and input of which maps are shown. */
  prepare(parameters, { channel_axis }) {
    this.parameters = parameters;
    this.channelAxis = channel_axis;
    this.drawnKey = null;
  }

  /** Ask and choose nothing until the maps of another layer or input are there. */
  wait() {
    this.load.stop();
    this.parameters = null;
  }

  show(channel, place, activation) {
    if (this.parameters) this.load(channel, place, activation);
  }

  async fetch(signal, channel, place, activation) {
    const { model, input, layer, preprocessing } = this.parameters;
    const key = JSON.stringify([model, input, layer, preprocessing, channel]);
    if (key !== this.drawnKey) {
      const map = await ask("api/values", { model, input, layer, preprocessing, unit: channel }, { signal });
      this.channel = channel;
      this.values = map.values.flat(Infinity);
      const sizes = map.shape.map((size) => Math.ceil(size / map.step));
      this.step = map.step;
      this.sizes = map.shape.slice(-2);
      this.grid = sizes.length > 1 ? sizes.slice(-2) : [1, sizes[0] ?? 1];
      this.isLine = sizes.length < 2;
      this.drawnKey = key;
      this.isLine ? this.drawLine() : this.drawMap();
    }
    this.field = await fieldOf(model, layer);
    signal.throwIfAborted();
    this.chosen = { place: place.slice(-2), activation };
    this.place = place.length ? this.chosen.place.map((each) => Math.floor(each / this.step)) : null;
    this.element.hidden = false;
    this.markPlace();
  }

  drawMap() {
    const [rows, columns] = this.grid;
    Object.assign(this.canvas, { width: columns, height: rows, className: "map" });
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    const [low, high] = bounds(this.values);
    const top = Math.max(-low, high) || 1;
    this.values.forEach((value, k) => {
      image.data.set(magma(value / top), 4 * k);
    });
    context.putImageData(image, 0, 0);
    this.canvas.style.aspectRatio = `${columns} / ${rows}`;
    this.canvas.ariaLabel = `map of ${channelName(this.channel)}: arrows move the place, Enter chooses it`;
  }

  /** A map of one axis as bars. */
  drawLine() {
    const [, count] = this.grid;
    const [width, height] = [680, 160];
    Object.assign(this.canvas, { width, height, className: "line" });
    const context = this.canvas.getContext("2d");
    const [low, high] = bounds([0, ...this.values]);
    const y = (value) => height - ((value - low) / (high - low || 1)) * height;
    context.fillStyle = getComputedStyle(document.body).getPropertyValue("--accent");
    this.values.forEach((value, k) => {
      const [top, bottom] = [Math.min(y(value), y(0)), Math.max(y(value), y(0))];
      context.fillRect((k * width) / count, top, Math.max(width / count - (count < 200 ? 1 : 0), 0.5), Math.max(bottom - top, 1));
    });
    this.canvas.style.aspectRatio = `${width} / ${height}`;
    this.canvas.ariaLabel = `${channelName(this.channel)} along the input: arrows move the place, Enter chooses it`;
  }

  placeOf(event) {
    const edge = this.canvas.getBoundingClientRect();
    const [rows, columns] = this.grid;
    const row = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - edge.top) / edge.height) * rows)));
    const column = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - edge.left) / edge.width) * columns)));
    return this.isLine ? [column] : [row, column];
  }

  valueAt(place) {
    return this.values[place.length > 1 ? place[0] * this.grid[1] + place[1] : place[0]];
  }

  over(place) {
    this.looked = place;
    this.markPlace();
    if (!place) return this.stage.pointAt(null);
    const inLayer = place.map((each) => each * this.step);
    this.stage.pointAt(this.field && !this.isLine ? windowAt(this.field, inLayer) : null);
  }

  /** Point at the window of a place, without its value: of a thumbnail. */
  hint(place) {
    const isPlain = place?.length === 2 && this.field;
    this.stage.pointAt(isPlain ? windowAt(this.field, place) : null);
  }

  markPlace() {
    const place = this.looked ?? this.place;
    this.mark.hidden = !place;
    if (!place) return (this.words.textContent = channelName(this.channel));
    const [rows, columns] = this.grid;
    const [row, column] = place.length > 1 ? place : [0, place[0]];
    Object.assign(this.mark.style, {
      left: `${(100 * column) / columns}%`, top: `${(100 * row) / rows}%`,
      width: `${100 / columns}%`, height: `${100 / rows}%`,
    });
    this.words.textContent = `${channelName(this.channel)} at ${this.wordsOf(place)}`;
  }

  /** Where a place of the map lies in the layer, and its number: of several in one the greatest. */
  wordsOf(place) {
    const named = (of) => of.map((each, axis) => `${(this.isLine ? ["position"] : ["row", "column"])[axis]} ${each}`).join(", ");
    const { place: own, activation } = this.chosen;
    if (place === this.place && activation !== null) return `${named(own)}: ${amount(activation)}`;
    if (this.step === 1) return `${named(place)}: ${amount(this.valueAt(place))}`;
    const spans = place.map((each, axis) => {
      const first = each * this.step;
      return `${first}\u2013${Math.min(first + this.step, this.sizes[axis]) - 1}`;
    });
    return `${named(spans)}: at most ${amount(this.valueAt(place))}`;
  }

  choose(place) {
    if (!this.parameters) return;
    const index = place.map((each) => each * this.step);
    index.splice(this.channelAxis, 0, this.channel);
    showUnit({ layer: this.parameters.layer, unit: index.join(",") });
  }

  pressed(event) {
    const ways = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.key === "Enter" && (this.looked ?? this.place)) this.choose(this.looked ?? this.place);
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    const [rows, columns] = this.grid;
    const from = this.looked ?? this.place ?? [0, 0];
    const [row, column] = from.length > 1 ? from : [0, from[0]];
    const moved = [clamp(row + way[0], rows), clamp(column + way[1], columns)];
    this.over(this.isLine ? [moved[1]] : moved);
  }
}

const MAGMA = [[0, 0, 4], [43, 17, 94], [101, 26, 128], [157, 46, 126], [212, 72, 103], [246, 110, 92], [254, 176, 120], [252, 253, 191]];

/** The colour of an activation from -1 to 1, as thumbnails have it: negative ones are blue for red. */
function magma(share) {
  const at = Math.min(1, Math.abs(share)) * (MAGMA.length - 1);
  const low = Math.min(Math.floor(at), MAGMA.length - 2);
  const colour = MAGMA[low].map((from, k) => from + (MAGMA[low + 1][k] - from) * (at - low));
  return [...(share < 0 ? colour.reverse() : colour), 255];
}

const clamp = (value, count) => Math.min(count - 1, Math.max(0, value));

function bounds(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
