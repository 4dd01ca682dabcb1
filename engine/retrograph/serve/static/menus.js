/** Copy what is shown as a command or as Python, and download it. */
import { ask, forget, picture } from "./ask.js";
import { fileName, make, say } from "./dom.js";
import { known } from "./known.js";
import { question, view } from "./view.js";

const FILES = [["png", "Picture (PNG)"], ["svg", "Drawing (SVG)"], ["npz", "Arrays (NPZ)"], ["json", "Figures (JSON)"]];

/** Fill the menus of the bar. */
export function menus() {
  const copy = document.getElementById("copy-menu");
  copy.append(
    item("As command", () => copyText("command")),
    item("As Python", () => copyText("python")),
    item("Link to this view", () => toClipboard(location.href, "the link")),
  );
  const files = document.getElementById("download-menu");
  files.append(...FILES.map(([format, words]) => item(words, () => save(format))));
  for (const menu of [copy, files]) {
    menu.addEventListener("toggle", () => place(menu));
    menu.addEventListener("click", () => menu.hidePopover());
  }
}

const item = (words, onclick) => make("button", { onclick }, words);

function place(menu) {
  const opener = document.querySelector(`[popovertarget="${menu.id}"]`);
  const edge = opener.getBoundingClientRect();
  menu.style.top = `${edge.bottom + 4}px`;
  menu.style.left = `${Math.min(edge.left, innerWidth - menu.offsetWidth - 8)}px`;
  menu.querySelector("button").focus();
}

const shown = () => ({ ...question(), style: view().style });

/** Copy the command, or the Python, that gives what is shown. */
export async function copyText(kind) {
  try {
    const commands = await ask("api/commands", { ...shown(), compare: view().compare });
    await toClipboard(commands[kind], kind === "python" ? "the Python" : "the command");
  } catch (error) {
    say(error.message, true);
  }
}

async function toClipboard(text, words) {
  try {
    await navigator.clipboard.writeText(text);
    say(`copied ${words}: ${text.split("\n")[0]}`);
  } catch {
    showText(text);
  }
}

function showText(text) {
  const dialog = make("dialog.text", { ariaLabel: "Text to copy" }, make("pre", { tabIndex: 0 }, text),
    make("button.main", { onclick: () => dialog.close() }, "Close"));
  dialog.onclose = () => dialog.remove();
  document.body.append(dialog);
  dialog.showModal();
}

async function save(format) {
  const { model, input, method, layer, unit } = view();
  try {
    const source = await picture("api/explain", { ...shown(), format, part: "figure" });
    const shownInput = fileName(known().inputs.find((each) => each.id === input)?.name ?? "").replace(/\.\w+$/, "");
    const parts = [model, shownInput, layer, unit.replaceAll(",", "-"), method || known().default.method];
    const name = parts.filter(Boolean).join(".");
    make("a", { href: source, download: `${name}.${format}` }).click();
    setTimeout(() => forget(source), 10000);
  } catch (error) {
    say(error.message, true);
  }
}
