/** The pane of the layer: its maps, what a neuron of it is, a table of all, and checks. */
import { make, times } from "./dom.js";
import { known, mapLayer, onModel, shownLayer } from "./known.js";
import { checksTab } from "./checks.js";
import { mapsTab } from "./maps.js";
import { neuronTab } from "./neuron.js";
import { tableTab } from "./table.js";
import { scoreList } from "./scores.js";
import { show, view, watch } from "./view.js";

const TABS = [["", "Maps", mapsTab], ["neuron", "Neuron", neuronTab], ["table", "Table", tableTab], ["checks", "Checks", checksTab]];

/** Build the pane in its element; gives what keys may call. */
export function layerPane(pane, stage) {
  scoreList(pane, stage);
  const head = make("div.head");
  const bar = make("div.tabs", { role: "tablist", ariaLabel: "About the layer" });
  const panels = TABS.map(([name]) => make("div.panel", { role: "tabpanel", id: `panel-${name || "maps"}`, tabIndex: -1 }));
  const buttons = TABS.map(([name, words], place) => make("button", {
    role: "tab", id: `tab-${name || "maps"}`, onclick: () => show({ tab: name }),
    onkeydown: (event) => walk(event, buttons, place),
  }, words));
  buttons.forEach((button, place) => {
    button.setAttribute("aria-controls", panels[place].id);
    panels[place].setAttribute("aria-labelledby", button.id);
  });
  bar.append(...buttons);
  pane.append(head, bar, ...panels);
  const tabs = TABS.map(([, , build], place) => build(panels[place], stage));
  const mark = () => TABS.forEach(([name], place) => {
    const isShown = view().tab === name;
    buttons[place].ariaSelected = String(isShown);
    buttons[place].tabIndex = isShown ? 0 : -1;
    panels[place].hidden = !isShown;
    if (isShown) tabs[place].shown?.();
  });
  const title = () => head.replaceChildren(...headWords());
  watch(["tab"], mark);
  watch(["layer", "model"], title);
  onModel(title);
  return tabs[0];
}

function walk(event, buttons, place) {
  const ways = { ArrowRight: 1, ArrowLeft: -1 };
  if (!ways[event.key]) return;
  const next = buttons[(place + ways[event.key] + buttons.length) % buttons.length];
  next.click();
  next.focus();
}

function headWords() {
  const layer = shownLayer();
  if (!layer) return [make("h2", {}, mapLayer() || "\u2026")];
  const sizes = layer.shape?.slice(1) ?? [];
  const sees = layer.receptive_field === "all" ? "each unit sees all of the input" : `each unit sees ${layer.receptive_field.replace("x", " \u00d7 ")}`;
  return [
    make("h2", {}, layer.alias),
    make("p.soft", {}, [layer.operator, times(sizes), sees].filter(Boolean).join(" \u00b7 ")),
    view().layer || !layer.relu || known().default.select === "top" ? "" : make("p.soft", {}, "No layer is chosen: these are maps of the last ReLU, not of what is explained."),
  ];
}
