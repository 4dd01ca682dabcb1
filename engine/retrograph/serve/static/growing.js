/** The input that drives a unit most, shown while it grows; closing it stops the work. */
import { address } from "./ask.js";
import { amount, make } from "./dom.js";

/** A button and the picture that it makes. */
export class Growing {
  constructor(asked) {
    this.asked = asked;
    this.picture = make("img.sheet-picture", { hidden: true, alt: "the input that drives the unit most" });
    this.bar = make("progress", { hidden: true, max: 1, value: 0, ariaLabel: "How far it has grown" });
    this.words = make("p.soft", { role: "status" });
    this.notes = make("div");
    this.button = make("button.main", { onclick: () => (this.source ? this.stop() : this.start()) }, "Maximize");
    this.element = make("div", {}, make("h3", {}, "What it would like to see"),
      make("div.row", {}, this.button, this.bar), this.words, this.picture, this.notes);
  }

  start() {
    this.button.textContent = "Stop";
    this.bar.hidden = false;
    this.bar.removeAttribute("value");
    this.words.textContent = "building its graph\u2026";
    this.words.className = "soft";
    this.notes.replaceChildren();
    this.source = new EventSource(address("api/maximize/events", this.asked));
    this.source.onmessage = (event) => this.told(JSON.parse(event.data));
    this.source.onerror = () => this.failed("the server sends no more; try again");
  }

  told({ step, steps, score, png, finished, notes, error }) {
    if (error) return this.failed(error.message);
    if (png) {
      this.picture.src = `data:image/png;base64,${png}`;
      this.picture.hidden = false;
    }
    if (steps) {
      this.bar.max = steps;
      this.bar.value = step;
      this.words.textContent = `step ${step} of ${steps}, activation ${amount(score)}`;
    }
    if (notes) this.notes.replaceChildren(...notes.map((note) => make("p.soft", {}, note)));
    if (finished) this.stop();
  }

  failed(words) {
    this.stop();
    this.words.textContent = words;
    this.words.className = "mistake";
  }

  stop() {
    this.source?.close();
    this.source = null;
    this.button.textContent = "Maximize";
    this.bar.hidden = true;
  }
}
