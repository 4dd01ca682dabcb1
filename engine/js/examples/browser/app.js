import * as ort from "./ort/ort.wasm.min.mjs";
import { Explainer, decode, hasClasses, rgbaOf } from "./retrograph/index.js";

const MEANINGS = {
  overlay: "What drives the class, as light cast on the picture",
  heat: "How much each place drives the class, whatever the sign",
  signed: "Grey: 0. Each colour by itself: brighter is positive, darker negative",
};
const MOST_CLASSES = 10;
const SMALL = 96;

const at = (id) => document.getElementById(id);

/** What is shown: the last picture, its explanation, and the class that was chosen (null: the first). */
const shown = { explainer: null, picture: null, result: null, seen: null, chosen: null };

ort.env.wasm.wasmPaths = new URL("./ort/", document.baseURI).href;
ort.env.wasm.numThreads = crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;

async function load(bytes) {
  const explainer = await Explainer.load(ort, bytes);
  checkShown(explainer);
  shown.explainer = explainer;
  Object.assign(shown, { result: null, chosen: null });
  const { method, alias, labels } = shown.explainer.contract;
  say(`${method} of ${alias}, ${labels.length || "unnamed"} classes. Ready.`);
  document.body.dataset.state = "ready";
  if (shown.picture) await explain(shown.picture);
}

/** Throws where a graph is none that this page can show. */
function checkShown(explainer) {
  const { select, many } = explainer.contract;
  const isTop = select === "top" && !many;
  if (!isTop && (select !== "unit" || many || !hasClasses(explainer.contract))) {
    throw new Error("this page shows graphs of classes: build one with --select unit, or top");
  }
  explainer.prepare({ data: new Uint8Array(3 * 64 * 64), width: 64, height: 64 });
}

async function explain(picture) {
  const { explainer } = shown;
  if (!explainer) return;
  const begun = performance.now();
  const { input, seen } = explainer.prepare(picture);
  const { result, unit } = await attribute(explainer, input);
  const took = performance.now() - begun;
  Object.assign(shown, { picture, result, seen: seen[0] });
  paint(at("seen"), rgbaOf(seen[0]));
  drawMap();
  listClasses(unit);
  document.body.dataset.state = "explained";
  document.body.dataset.took = took;
  document.body.dataset.count = Number(document.body.dataset.count ?? 0) + 1;
  const { method } = explainer.contract;
  const threads = ort.env.wasm.numThreads;
  say(
    `${seen[0].width} × ${seen[0].height} pixels · ${method} · ${took.toFixed(0)} ms, ` +
      `WebAssembly, ${threads} thread${threads > 1 ? "s" : ""}${frameRate()}`,
  );
}

/** The explanation of the class that was chosen, or of the most active one. */
async function attribute(explainer, input) {
  if (explainer.contract.select === "top") {
    const result = await explainer.attribute(input);
    return { result, unit: classOf(explainer, result) };
  }
  let unit = shown.chosen ?? (shown.result ? classOf(explainer, shown.result) : 0);
  let result = await explainer.attribute(input, unit);
  const first = largest(scores(explainer, result));
  if (shown.chosen === null && first !== unit) {
    unit = first;
    result = await explainer.attribute(input, unit);
  }
  return { result, unit };
}

/** The number of the class that was explained. */
const classOf = ({ contract }, { unit }) => unit.data[contract.channelAxis];

/** The model's output that the classes are read from. */
function scores({ contract }, { outputs }) {
  const output = outputs[contract.target] ?? Object.values(outputs)[0];
  return output ? Array.from(output.data.subarray(0, contract.shape[contract.channelAxis] ?? undefined)) : [];
}

const largest = (values) => values.indexOf(Math.max(...values));

/** Scores as shares of 1; those that are shares already stay. */
function shares(values) {
  const sum = values.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 1) < 1e-3 && values.every((value) => value >= 0)) return values;
  const top = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - top));
  const all = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / all);
}

function listClasses(unit) {
  const { explainer, result } = shown;
  const { labels, select } = explainer.contract;
  const all = shares(scores(explainer, result)).map((share, index) => ({ share, index }));
  const first = all.sort((a, b) => b.share - a.share).slice(0, MOST_CLASSES);
  at("classes").replaceChildren(
    ...first.map(({ share, index }) => {
      const button = document.createElement("button");
      const [name, percent] = [document.createElement("span"), document.createElement("span")];
      name.textContent = labels[index] ?? `class ${index}`;
      percent.textContent = `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
      button.append(name, percent);
      button.style.setProperty("--share", `${100 * share}%`);
      button.setAttribute("aria-pressed", index === unit);
      button.disabled = select !== "unit";
      button.onclick = () => choose(index);
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  at("hint").textContent =
    select !== "unit"
      ? ""
      : shown.chosen === null
        ? "Click a class to see what speaks for it."
        : "Click it again for the most active one.";
}

function choose(index) {
  shown.chosen = shown.chosen === index ? null : index;
  if (!camera.live) attempt(() => explain(shown.picture));
}

function drawMap() {
  const style = document.querySelector("[name=style]:checked").value;
  at("meaning").textContent = MEANINGS[style];
  paint(at("map"), shown.explainer.draw(shown.result, style, { seen: shown.seen }));
}

function paint(canvas, { data, width, height }) {
  canvas.width = width;
  canvas.height = height;
  canvas.classList.toggle("small", Math.min(width, height) < SMALL);
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
}

function say(text, isError = false) {
  at("status").textContent = text;
  at("status").classList.toggle("error", isError);
}

/** Do something, and say what went wrong. */
async function attempt(what) {
  try {
    await what();
  } catch (error) {
    say(error.message ?? String(error), true);
  }
}

async function open(file) {
  camera.stop();
  if (file.name?.endsWith(".onnx")) await load(await file.arrayBuffer());
  else await explain(await decode(file));
}

const camera = {
  live: false,
  frames: [],

  async start() {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    const video = at("video");
    video.srcObject = stream;
    await video.play();
    camera.live = true;
    at("camera").setAttribute("aria-pressed", true);
    while (camera.live) {
      await explain(await decode(video));
      camera.frames = [...camera.frames.slice(-20), performance.now()];
      await new Promise(requestAnimationFrame);
    }
  },

  stop() {
    camera.live = false;
    camera.frames = [];
    at("camera").setAttribute("aria-pressed", false);
    at("video").srcObject?.getTracks().forEach((track) => track.stop());
    at("video").srcObject = null;
  },
};

function frameRate() {
  const { frames } = camera;
  if (frames.length < 2) return "";
  const seconds = (frames[frames.length - 1] - frames[0]) / 1000;
  return ` · ${((frames.length - 1) / seconds).toFixed(0)} pictures a second`;
}

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragged");
});
addEventListener("dragleave", () => document.body.classList.remove("dragged"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragged");
  const [file] = event.dataTransfer.files;
  if (file) attempt(() => open(file));
});
addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) attempt(() => open(file));
});
at("file").onchange = ({ target }) => target.files[0] && attempt(() => open(target.files[0]));
at("styles").onchange = () => shown.result && attempt(drawMap);
at("camera").onclick = () =>
  camera.live ? camera.stop() : attempt(() => camera.start().finally(() => camera.stop()));

await attempt(async () => {
  const response = await fetch("model.onnx");
  if (!response.ok) throw new Error("model.onnx is not there; name one: python serve.py MODEL.onnx");
  await load(await response.arrayBuffer());
});
