/** The strip of inputs below the stage: choose, drop, paste, or take one by the camera. */
import { address, ask, send } from "./ask.js";
import { fileName, make, say } from "./dom.js";
import { known, onModel, setInputs } from "./known.js";
import { show, view, watch } from "./view.js";

/** Build the strip in an element; gives what keys may call. */
export function inputStrip(pane) {
  const strip = new Strip();
  pane.append(strip.element);
  watch(["input"], () => strip.mark());
  onModel(() => strip.drawn());
  takeFiles(strip);
  return strip;
}

class Strip {
  constructor() {
    this.list = make("div.thumbs", { role: "listbox", ariaLabel: "Inputs", onkeydown: (event) => this.walk(event) });
    this.camera = make("button", { title: "Take a picture with the camera", onclick: () => openCamera(this) }, "Camera");
    const chooser = make("input", { type: "file", multiple: true, hidden: true });
    chooser.onchange = () => this.add([...chooser.files]);
    this.element = make("div.strip", {},
      make("button", { ariaLabel: "Previous input", title: "Previous input (,)", onclick: () => this.step(-1) }, "\u2039"),
      this.list,
      make("button", { ariaLabel: "Next input", title: "Next input (.)", onclick: () => this.step(1) }, "\u203a"),
      chooser,
      make("button", { title: "Open a file; you may also drop or paste one anywhere", onclick: () => chooser.click() }, "Open\u2026"),
      this.camera,
    );
    this.inputs = [];
  }

  async load() {
    this.inputs = (await ask("api/inputs")).inputs;
    setInputs(this.inputs);
    this.drawn();
  }

  drawn() {
    this.list.replaceChildren(...this.inputs.map((input) => this.thumb(input)));
    if (!this.inputs.length) this.list.append(make("span.soft", {}, "no input yet"));
    if (known()) this.camera.hidden = known().kind !== "picture" || known().takes.length > 1;
    this.mark();
  }

  thumb({ id, name, kind }) {
    const button = make("button.thumb", {
      role: "option", title: name, ariaLabel: fileName(name), data: { input: id },
      onclick: () => show({ input: id, at: "" }),
    });
    if (kind === "picture") {
      button.append(make("img", { src: address(`api/input/${encodeURIComponent(id)}.png`, { raw: 1, size: 96 }), alt: "", loading: "lazy" }));
    } else button.append(make("span.name", {}, fileName(name)));
    return button;
  }

  mark() {
    const buttons = [...this.list.children];
    const chosen = buttons.find((each) => each.dataset.input === view().input);
    for (const button of buttons) {
      const isChosen = button === chosen;
      button.ariaSelected = String(isChosen);
      button.tabIndex = button === (chosen ?? buttons[0]) ? 0 : -1;
      if (isChosen) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  /** Left and right choose among the inputs, which are one stop of the Tab key. */
  walk(event) {
    const ways = { ArrowLeft: -1, ArrowRight: 1 };
    if (!ways[event.key]) return;
    event.preventDefault();
    this.step(ways[event.key]);
    this.list.querySelector("[aria-selected=true]")?.focus();
  }

  step(way) {
    const ids = this.inputs.map((each) => each.id);
    if (!ids.length) return;
    const place = (ids.indexOf(view().input) + way + ids.length) % ids.length;
    show({ input: ids[place] });
  }

  /** Send files to the server, show the last one that it takes, and name those that it does not. */
  async add(files) {
    const [taken, refused] = [[], []];
    for (const [place, file] of files.entries()) {
      const name = file.name || "what was pasted";
      say(`sending ${name}\u2026${files.length > 1 ? ` (${place + 1} of ${files.length})` : ""}`);
      try {
        taken.push(await send(file));
      } catch ({ message }) {
        refused.push(message.includes(name) ? message : `${name}: ${message}`);
      }
    }
    if (taken.length) this.take(taken);
    if (!refused.length) return say(taken.length > 1 ? `${taken.length} files came in` : `${taken[0]?.name ?? "nothing"} came in`);
    const count = files.length > 1 ? [`${taken.length} of ${files.length} files came in`] : [];
    say([...count, ...refused].join("\n"), true);
  }

  take(inputs) {
    this.inputs = [...this.inputs, ...inputs];
    setInputs(this.inputs);
    this.drawn();
    if (known()) show({ input: inputs.at(-1).id });
  }
}

const FILES = {
  picture: "a picture (PNG, JPEG, ...)", letters: "a FASTA or text file with a sequence", waveform: "a sound (WAV, FLAC, ...)",
};

/** What the model takes, where there is no input yet. */
export function nothingYet() {
  const takes = known().takes ?? [];
  if (takes.length > 1) return `The model takes several inputs: drop an .npz with an array for each: ${takes.map(({ name, shape }) => `${name} ${sizes(shape)}`).join(", ")}.`;
  const array = `an array (.npy, .npz)${takes[0] ? ` of ${sizes(takes[0].shape)}` : ""}`;
  return `Drop ${FILES[known().kind] ?? array} here, paste one, or open it below.`;
}

const sizes = (shape) => (shape ? `[${shape.map((size) => size ?? "?").join(", ")}]` : "");

function takeFiles(strip) {
  const body = document.body;
  body.addEventListener("dragover", (event) => {
    event.preventDefault();
    body.classList.add("dropping");
  });
  body.addEventListener("dragleave", (event) => event.relatedTarget ?? body.classList.remove("dropping"));
  body.addEventListener("drop", (event) => {
    event.preventDefault();
    body.classList.remove("dropping");
    strip.add([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) strip.add(files);
  });
}

/** A dialog with the camera's picture; what is taken becomes an input. */
async function openCamera(strip) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: true });
  } catch (error) {
    return say(`the camera cannot be used: ${error.message || error.name}; allow it for this page, or drop a picture`, true);
  }
  const video = make("video", { autoplay: true, muted: true, playsInline: true, srcObject: stream });
  const dialog = make("dialog.camera", { ariaLabel: "Camera" });
  dialog.onclose = () => {
    for (const track of stream.getTracks()) track.stop();
    dialog.remove();
  };
  const take = async () => {
    const file = await snapshot(video);
    dialog.close();
    strip.add([file]);
  };
  dialog.append(video, make("div.row", {},
    make("button.main", { onclick: take }, "Take the picture"),
    make("button", { onclick: () => dialog.close() }, "Close")));
  document.body.append(dialog);
  dialog.showModal();
}

async function snapshot(video) {
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((taken) => canvas.toBlob(taken, "image/png"));
  return new File([blob], `camera ${new Date().toTimeString().slice(0, 8).replaceAll(":", "-")}.png`);
}
