/** The page: three panes that show what the URL says. */
import { startAnswers } from "./answer.js";
import { ask } from "./ask.js";
import { make, say, showMistake } from "./dom.js";
import { inputStrip } from "./inputs.js";
import { keys } from "./keys.js";
import { startModels } from "./known.js";
import { layerPane } from "./layer.js";
import { menus } from "./menus.js";
import { networkPane } from "./network.js";
import { stagePane } from "./stage.js";
import { theme } from "./theme.js";
import { settle, show, tellAll, view, watch } from "./view.js";

/** The usual question: what is asked of one model is seldom there in another. */
const NOTHING_ASKED = {
  layer: "", unit: "", box: "", class: "", what: "", over: "", at: "", wrt: "", method: "", style: "", compare: "", preprocessing: "",
};
const pane = (id) => document.getElementById(id);

async function start() {
  const change = theme();
  startModels();
  startAnswers();
  networkPane(pane("network"));
  const stage = stagePane(pane("stage"));
  const strip = inputStrip(pane("stage"));
  const maps = layerPane(pane("layer"), stage);
  menus();
  keys({ stage, strip, maps, theme: change });
  drawer();
  const [{ models }] = await Promise.all([ask("api/models"), strip.load()]);
  modelChoice(models);
  const { model, input } = view();
  const isThere = models.some(({ name }) => name === model);
  if (model && !isThere) {
    say(`there is no model '${model}'; shown is ${models[0].name}`, true);
    settle(NOTHING_ASKED);
  }
  settle({ model: isThere ? model : models[0]?.name, input: input || strip.inputs[0]?.id });
  tellAll();
}

function modelChoice(models) {
  const select = document.getElementById("model");
  select.append(...models.map(({ name, file }) => make("option", { value: name, title: file }, name)));
  select.onchange = () => show({ ...NOTHING_ASKED, model: select.value });
  watch(["model"], ({ model }) => (select.value = model));
}

function drawer() {
  const opener = document.getElementById("show-network");
  const network = pane("network");
  const open = (isOpen) => {
    network.classList.toggle("open", isOpen);
    opener.ariaExpanded = String(isOpen);
  };
  opener.onclick = () => open(!network.classList.contains("open"));
  watch(["layer"], () => open(false));
}

start().catch((error) => showMistake(pane("stage"), error));
