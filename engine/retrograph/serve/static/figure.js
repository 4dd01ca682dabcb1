/** One input with an attribution over it, that can be zoomed, and boxes that tell of places. */
import { forget, picture } from "./ask.js";
import { draw, make } from "./dom.js";
import { panning } from "./panning.js";


/** An input and its attribution in a frame. */
export class Figure {
  /**
   * `clicked(pixel)` and `hovered(pixel | null)` get pixels of the input as the model sees it;
   * `box.clicked` is called for boxes.
   */
  constructor({ clicked, hovered } = {}) {
    this.base = make("img.base", { alt: "the input", draggable: false, decoding: "sync" });
    this.map = make("img.map", { alt: "the attribution", draggable: false, decoding: "sync" });
    this.marks = draw("svg", { class: "marks" });
    this.sheet = make("div.sheet", {}, this.base, this.map);
    this.sheet.append(this.marks);
    this.frame = make("div.frame", {}, this.sheet);
    this.words = make("figcaption");
    this.element = make("figure", {}, this.frame, this.words);
    this.pan = panning(this.frame, (at) => this.put(at), {
      least: 0.1, most: 80, clicked: (event) => this.pressed(event, clicked),
    });
    this.frame.addEventListener("pointermove", (event) => hovered?.(this.pixel(event)));
    this.frame.addEventListener("pointerleave", () => hovered?.(null));
    new ResizeObserver(() => this.size && (this.isDrawn ? this.fitWidth() : this.fit())).observe(this.frame);
    this.boxes = {};
  }

  put({ x, y, scale }) {
    this.sheet.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    this.sheet.classList.toggle("coarse", scale > 1.5);
    this.marks.style.setProperty("--pixel", 1 / scale);
  }

  pressed(event, clicked) {
    const hit = event.target.closest?.("[data-choice]");
    if (hit) return this.choices[Number(hit.dataset.choice)]();
    const pixel = this.pixel(event);
    if (pixel && !this.isDrawn) clicked?.(pixel);
  }

  /** The pixel of the input under the pointer, or null. */
  pixel(event) {
    if (!this.size) return null;
    const edge = this.frame.getBoundingClientRect();
    const { x, y, scale } = this.pan.get();
    const pixel = [(event.clientX - edge.left - x) / scale, (event.clientY - edge.top - y) / scale];
    return pixel.every((value, axis) => value >= 0 && value < this.size[axis]) ? pixel : null;
  }

  /** Show the input under the map of an explanation, whose record is promised. */
  async overlay(input, explanation, signal) {
    const [record] = await Promise.all([explanation, this.basePicture(input, signal)]);
    signal.throwIfAborted();
    this.isDrawn = false;
    this.element.classList.remove("drawn");
    await this.swap(this.map, record.map);
    this.map.hidden = false;
    this.ready();
  }

  async basePicture({ id, parameters }, signal) {
    const key = JSON.stringify([id, parameters]);
    if (key === this.baseKey) return;
    this.map.hidden = true;
    await this.swap(this.base, await picture(`api/input/${encodeURIComponent(id)}.png`, parameters, { signal }));
    this.baseKey = key;
  }

  /** Show a picture as the server drew it, with its input: of letters, sounds, volumes. */
  async drawn(parameters, signal) {
    await this.swap(this.base, await picture("api/explain", parameters, { signal }));
    this.baseKey = null;
    this.isDrawn = true;
    this.map.hidden = true;
    this.element.classList.add("drawn");
    this.mark({});
    this.ready();
  }

  /** Take the picture, the attribution and the boxes away, until others are there. */
  clear() {
    this.sheet.hidden = true;
    this.objects = [];
    this.mark({ sees: null, hover: null });
  }

  ready() {
    this.sheet.hidden = false;
    const size = [this.base.naturalWidth, this.base.naturalHeight];
    if (String(size) === String(this.size)) return;
    this.size = size;
    this.sheet.style.width = `${size[0]}px`;
    this.sheet.style.height = `${size[1]}px`;
    this.marks.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
    this.isDrawn ? this.fitWidth() : this.fit();
  }

  /** Show another picture in an image; it is loaded, and painted in the next frame, when this resolves. */
  swap(image, source) {
    forget(image.src);
    image.src = source;
    return new Promise((loaded, failed) => {
      image.onload = loaded;
      image.onerror = () => failed(new Error("the browser cannot read the picture"));
    });
  }

  /** The whole input in the frame. */
  fit() {
    if (!this.size || !this.frame.clientWidth) return;
    this.frameOn([0, 0, ...this.size], 1);
  }

  /** A drawn page as wide as the frame, from its top. */
  fitWidth() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    const scale = width / this.size[0];
    this.pan.set({ scale, x: 0, y: Math.max(0, (height - this.size[1] * scale) / 2) });
  }

  /** Bring a window of the input into the frame. */
  frameOn([x0, y0, x1, y1], margin = 1.6) {
    const { clientWidth: width, clientHeight: height } = this.frame;
    const scale = Math.min(width / ((x1 - x0) * margin), height / ((y1 - y0) * margin));
    this.pan.set({ scale, x: width / 2 - ((x0 + x1) / 2) * scale, y: height / 2 - ((y0 + y1) / 2) * scale });
  }

  /** From 0, the input alone, to 1, the attribution alone on grey. */
  blend(share) {
    this.map.style.opacity = Math.min(1, 2 * share);
    this.base.style.opacity = this.isDrawn ? 1 : Math.min(1, 2 - 2 * share);
  }

  /** Boxes by a name: `sees`, `hover`; null takes one away. */
  mark(boxes) {
    Object.assign(this.boxes, boxes);
    const shown = ["sees", "hover"].filter((name) => this.boxes[name]);
    const objects = this.objects ?? [];
    this.choices = objects.map((each) => each.choose);
    this.marks.replaceChildren(
      ...objects.map((each, place) => objectBox(each, place)),
      ...shown.flatMap((name) => [
        draw("rect", { class: `${name} under`, ...corners(this.boxes[name]) }),
        draw("rect", { class: name, ...corners(this.boxes[name]) }),
      ]),
    );
  }

  /** Boxes of what a detector found: `{ box, words, choose, chosen }`. */
  markObjects(objects) {
    this.objects = objects;
    this.mark({});
  }
}

const corners = ([x0, y0, x1, y1]) => ({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 });

function objectBox({ box, words, chosen }, place) {
  const group = draw("g", { class: chosen ? "object chosen" : "object", "data-choice": place });
  group.append(draw("rect", corners(box)), draw("title", {}, words));
  return group;
}
