/** Doubt: whether the attribution depends on the network, and how the input is prepared. */
import { address, ask, newest } from "./ask.js";
import { make, opening, percent, showMistake } from "./dom.js";
import { known, onModel } from "./known.js";
import { QUESTION, question, show, view, watch } from "./view.js";

/** Build the tab in its panel. */
export function checksTab(panel) {
  const checks = new Checks(panel);
  watch(["input", "preprocessing"], () => checks.refresh());
  watch(["model"], () => checks.forget());
  watch(QUESTION, () => checks.clear());
  onModel(() => checks.refresh());
  return { shown: () => checks.refresh() };
}

class Checks {
  constructor(panel) {
    this.preparation = make("div");
    this.outcome = make("div", { role: "status" });
    this.button = make("button.main", { onclick: () => this.check() }, "Check this attribution");
    panel.append(make("div.scrolled", {},
      make("h3", {}, "How the input is prepared"), this.preparation,
      make("h3", {}, "Does the attribution depend on the network?"),
      make("p.soft", {}, "The sanity checks: layers are randomised, another unit is explained, and pixels are taken away."),
      this.button, this.outcome));
    this.load = newest(this.preparation, (signal) => this.prepared(signal), (error) => showMistake(this.preparation, error));
    this.run = newest(this.outcome, (signal) => this.fetch(signal), (error) => showMistake(this.outcome, error));
  }

  refresh() {
    if (view().tab === "checks" && known() && view().input) this.load();
  }

  /** Take away what is told of another model. */
  forget() {
    this.load.stop();
    this.preparation.replaceChildren();
  }

  /** Drop the checks of what was asked before, those that still run too. */
  clear() {
    this.run.stop();
    this.outcome.replaceChildren();
  }

  async prepared(signal) {
    const { model, input, preprocessing } = view();
    const choice = await ask("api/preprocessing", { model, input, preprocessing }, { signal });
    const tried = choice.tried ?? [];
    const back = preprocessing ? make("button", { onclick: () => show({ preprocessing: "" }) }, "As found") : null;
    this.preparation.replaceChildren(
      make("p", {}, choice.words), choice.warning ? make("p.mistake", {}, choice.warning) : "",
      make("div.choices", {}, tried.map((each) => alternative(each, preprocessing || choice.name))), back ?? "",
      ...folded("How that is known", choice.note ? [choice.note] : []));
  }

  check() {
    this.outcome.replaceChildren(make("p.soft", {}, "checking\u2026 this takes some seconds"));
    this.outcome.scrollIntoView({ block: "nearest" });
    this.run();
  }

  async fetch(signal) {
    const asked = question();
    const record = await ask("api/sanity", asked, { signal });
    const details = [record.summary ?? [], record.notes ?? []].flat();
    const picture = record.plot ? opening(address("api/sanity", { ...asked, format: "png" }), "the checks as a drawing") : null;
    this.outcome.replaceChildren(make("p.word", {}, record.verdict || "The checks give no numbers for this map."),
      ...folded("The numbers", details), picture ?? "");
    this.outcome.firstChild.scrollIntoView({ block: "nearest" });
  }
}

/** Texts that a click on a word opens. */
function folded(words, texts) {
  return texts.length ? [make("details.soft", {}, make("summary", {}, words), ...texts.map((text) => make("p", {}, text)))] : [];
}

function alternative({ name, top = [] }, chosen) {
  const [first] = top;
  const words = first ? `${first.name ?? `class ${first.class}`} ${percent(first.probability)}` : "";
  return make("button", { ariaPressed: String(name === chosen), onclick: () => show({ preprocessing: name }) },
    make("b", {}, name), make("span.soft", {}, words));
}
