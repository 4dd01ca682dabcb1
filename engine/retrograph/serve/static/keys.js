/** The page's keys, and the dialog that lists them. */
import { copyText } from "./menus.js";
import { make } from "./dom.js";

/** Listen for keys outside of fields. */
export function keys({ stage, strip, maps, theme }) {
  const actions = [
    [".", "next input", () => strip.step(1)],
    [",", "previous input", () => strip.step(-1)],
    ["j", "next unit of the list", () => maps.step(1)],
    ["k", "previous unit of the list", () => maps.step(-1)],
    ["/", "find a layer", () => document.querySelector("#network input[type=search]").focus()],
    ["f", "zoom to what the unit sees", () => stage.zoomToField()],
    ["0", "fit the input", () => stage.each((figure) => figure.fit())],
    ["m", "methods side by side, or one", () => stage.compare(location.search.includes("compare=") ? "" : "methods")],
    ["c", "copy as command", () => copyText("command")],
    ["p", "copy as Python", () => copyText("python")],
    ["d", "light or dark", theme],
    ["?", "this list", showHelp],
  ];
  const dialog = document.getElementById("help");
  dialog.append(make("h2", { id: "help-title" }, "Keys"), make("dl", {}, actions.flatMap(([key, words]) => [
    make("dt", {}, make("kbd", {}, key)), make("dd", {}, words)])),
    make("p.soft", {}, "In the network and in a large map the arrow keys move and Enter chooses. Drop or paste a file anywhere to open it."),
    make("button.main", { onclick: () => dialog.close() }, "Close"));
  function showHelp() {
    dialog.showModal();
  }
  document.getElementById("keys").onclick = showHelp;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
    const action = actions.find(([key]) => key === event.key);
    if (!action) return;
    event.preventDefault();
    action[2]();
  });
}
