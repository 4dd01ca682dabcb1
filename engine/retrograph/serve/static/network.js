/** The pane of the network: its graph, folded to what people call layers, and a search. */
import { ask, newest } from "./ask.js";
import { busy, draw, make, showMistake, times } from "./dom.js";
import { foldGraph, kindOf, search } from "./folding.js";
import { panning } from "./panning.js";
import { mapLayer, onModel } from "./known.js";
import { showUnit, watch } from "./view.js";

const LISTED = 40;
const LETTER = 6.7;
/** The scale below which words cannot be read, and are left out. */
const FAR = 0.25;

/** Build the pane in its element. */
export function networkPane(pane) {
  const find = make("input", { type: "search", placeholder: "Find a layer", ariaLabel: "Find a layer" });
  const all = make("input", { type: "checkbox" });
  const listed = make("ul.listed", { hidden: true });
  const frame = make("div.graph", {
    tabIndex: 0, role: "application",
    ariaLabel: "Graph of the network: arrows move, Enter chooses a layer, plus and minus zoom",
  });
  const words = make("p.foot", { role: "status" });
  const buttons = make("div.corner");
  pane.append(
    make("div.tools", {}, find, make("label.inline", { title: "Show every operator" }, all, "all")),
    listed, make("div.fill", {}, frame, buttons), words,
  );
  const graph = new NetworkGraph(pane, frame, words);
  buttons.append(
    make("button", { ariaLabel: "Zoom in", onclick: () => graph.pan.zoom(1.35) }, "+"),
    make("button", { ariaLabel: "Zoom out", onclick: () => graph.pan.zoom(1 / 1.35) }, "\u2212"),
    make("button", { title: "Fit the graph (0)", onclick: () => graph.fit() }, "fit"),
  );
  all.onchange = () => graph.open(all.checked);
  find.oninput = () => list(listed, graph, find);
  find.onkeydown = (event) => {
    if (event.key === "Enter") return listed.querySelector("button")?.click();
    if (event.key === "Escape") find.value = listed.textContent = "";
    listed.hidden = !listed.childElementCount;
  };
  const load = newest(pane, (signal, model) => graph.load(model, signal), (e) => showMistake(frame, e));
  watch(["model"], ({ model }) => model && load(model));
  watch(["layer"], () => graph.mark());
  onModel(() => graph.mark());
}

function list(listed, graph, find) {
  const hits = search(graph.all.nodes, find.value).slice(0, LISTED);
  const choose = (node) => {
    listed.hidden = true;
    graph.choose(node);
  };
  const shown = (node) =>
    make("li", {}, make("button.quiet", { onclick: () => choose(node) },
      make("b", {}, node.layer ?? node.op), ` ${node.layer ? node.op : node.name}`));
  const none = find.value.trim() ? [make("li.soft", {}, "no layer is called so")] : [];
  listed.replaceChildren(...(hits.length ? hits.map(shown) : none));
  listed.hidden = !listed.childElementCount;
}

class NetworkGraph {
  constructor(pane, frame, words) {
    this.frame = frame;
    this.words = words;
    this.all = { nodes: [], edges: [] };
    this.opened = new Set();
    this.worker = new Worker(new URL("layout_worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => data.key === this.key && this.drawn(data);
    this.worker.onerror = () => (words.textContent = "the graph cannot be laid out");
    this.sheet = draw("g");
    this.svg = draw("svg", { "aria-hidden": "true" }, this.sheet);
    this.sight = new Sight(this.sheet);
    const place = (at) => this.sight.move(at, frame.clientHeight);
    this.pan = panning(frame, place, { least: 0.02, most: 3, clicked: (event) => this.clicked(event) });
    frame.onkeydown = (event) => this.pressed(event);
    this.pane = pane;
  }

  async load(model, signal) {
    this.all = withEnds(await ask("api/graph", { model }, { signal }));
    this.opened = this.opened === true ? true : new Set();
    this.lay();
  }

  /** Show every operator, or fold them away again. */
  open(everything) {
    this.opened = everything ? true : new Set();
    this.lay();
  }

  lay() {
    this.folded = foldGraph(this.all, this.opened);
    this.boxes = null;
    this.key = `${Math.random()}`;
    busy(this.pane, true);
    for (const node of this.folded.nodes) Object.assign(node, size(node));
    const nodes = this.folded.nodes.map(({ id, width, height }) => ({ id, width, height }));
    this.worker.postMessage({ key: this.key, nodes, edges: this.folded.edges });
    this.words.textContent = `${this.folded.nodes.length} of ${this.all.nodes.length} operators shown`;
  }

  drawn({ places, lines, width, height }) {
    busy(this.pane, false);
    this.size = { width, height };
    this.boxes = new Map();
    const edges = lines.map((points) => {
      const tops = points.map(([, y]) => y);
      return { element: draw("path", { class: "edge", d: curve(points) }), top: Math.min(...tops), bottom: Math.max(...tops) };
    });
    const boxes = this.folded.nodes.map((node) => {
      node.place = places[node.id];
      const element = nodeBox(node);
      this.boxes.set(node.id, element);
      return { element, top: node.place[1], bottom: node.place[1] + node.height };
    });
    this.sight.fill(edges, boxes);
    this.frame.replaceChildren(this.svg);
    this.focused = null;
    this.fit();
    this.mark();
  }

  /** The whole width, from the top; where it would be too small to read, the part around the first node. */
  fit() {
    const { width, height } = this.size ?? { width: 1, height: 1 };
    const room = this.frame.clientWidth || 260;
    const scale = Math.max(0.45, Math.min(1, room / width));
    const top = this.folded?.nodes.reduce((a, b) => (b.place[1] < a.place[1] ? b : a));
    const middle = width * scale <= room || !top ? width / 2 : top.place[0] + top.width / 2;
    this.pan.set({ scale, x: room / 2 - middle * scale, y: 0 });
    if (height * scale < this.frame.clientHeight) this.pan.set({ y: (this.frame.clientHeight - height * scale) / 2 });
  }

  /** Mark the layer that is shown, and bring it into sight. */
  mark() {
    const layer = mapLayer();
    for (const box of this.boxes?.values() ?? []) box.classList.remove("chosen");
    const node = this.folded?.nodes.find((each) => layer && (each.layer === layer || each.tensor === layer));
    if (!node || !this.boxes) return;
    this.boxes.get(node.id).classList.add("chosen");
    this.reveal(node);
  }

  reveal(node) {
    const { x, y, scale } = this.pan.get();
    const [left, top] = node.place;
    const middle = [left * scale + x + (node.width * scale) / 2, top * scale + y];
    const { clientWidth: width, clientHeight: height } = this.frame;
    const isSeen = middle[0] > 20 && middle[0] < width - 20 && middle[1] > 10 && middle[1] < height - 40;
    if (isSeen) return;
    this.pan.set({ x: width / 2 - (left + node.width / 2) * scale, y: height / 2 - (top + 20) * scale });
  }

  clicked(event) {
    const id = event.target.closest?.("[data-id]")?.dataset.id;
    const node = this.folded?.nodes.find((each) => each.id === id);
    if (!node) return;
    if (event.target.closest(".more")) this.unfold(node);
    else this.choose(node);
  }

  unfold(node) {
    this.opened.add(node.id);
    this.lay();
  }

  choose(node) {
    if (!this.boxes?.has(node.id) && node.fold && this.opened !== true) this.unfold({ id: node.fold });
    this.focus(node);
    if (node.layer) showUnit({ layer: node.layer, unit: "" });
    else if (!isEnd(node)) this.words.textContent = `${node.op} '${node.name || node.tensor}' is no layer that can be explained`;
  }

  focus(node) {
    this.boxes?.get(this.focused)?.classList.remove("focused");
    this.focused = node.id;
    this.boxes?.get(node.id)?.classList.add("focused");
    if (node.place) this.reveal(node);
    this.words.textContent = `${node.layer ?? node.op} \u00b7 ${node.op}${node.shape ? ` \u00b7 ${times(node.shape)}` : ""}`;
  }

  pressed(event) {
    const zooms = { "+": 1.35, "=": 1.35, "-": 1 / 1.35 };
    if (zooms[event.key]) this.pan.zoom(zooms[event.key]);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter") this.chooseFocused();
    else if (event.key.startsWith("Arrow")) this.move(event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  chooseFocused() {
    const node = this.folded?.nodes.find((each) => each.id === this.focused);
    if (node) this.choose(node);
  }

  move(key) {
    const nodes = this.folded?.nodes ?? [];
    const now = nodes.find((each) => each.id === this.focused) ??
      nodes.find((each) => each.layer && each.layer === mapLayer());
    if (!now) return nodes.length && this.focus(nodes[0]);
    const next = neighbour(now, nodes, this.folded.edges, key);
    if (next) this.focus(next);
  }
}

/** Of thousands of nodes and edges, those in the frame: only these are in the page, so that it stays fluid. */
class Sight {
  constructor(sheet) {
    this.sheet = sheet;
    this.layers = [draw("g"), draw("g")];
    sheet.append(...this.layers);
    this.items = [];
    this.at = { x: 0, y: 0, scale: 1 };
  }

  /** Hold edges and nodes `{ element, top, bottom }`, the nodes above. */
  fill(edges, nodes) {
    const [under, above] = this.layers;
    under.replaceChildren();
    above.replaceChildren();
    this.items = [...edges.map((edge) => ({ ...edge, layer: under })), ...nodes.map((node) => ({ ...node, layer: above }))];
  }

  move(at, height) {
    this.at = at;
    this.height = height;
    this.frame ??= requestAnimationFrame(() => this.look());
  }

  look() {
    this.frame = null;
    const { x, y, scale } = this.at;
    this.sheet.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    this.sheet.classList.toggle("far", scale < FAR);
    const [top, bottom] = [-y / scale, (this.height - y) / scale];
    for (const item of this.items) {
      const isSeen = item.bottom >= top && item.top <= bottom;
      if (isSeen === Boolean(item.isShown)) continue;
      item.isShown = isSeen;
      if (isSeen) item.layer.append(item.element);
      else item.element.remove();
    }
  }
}

function neighbour(node, nodes, edges, key) {
  const byId = (id) => nodes.find((each) => each.id === id);
  if (key === "ArrowDown") return byId(edges.find(([from]) => from === node.id)?.[1]);
  if (key === "ArrowUp") return byId(edges.find(([, to]) => to === node.id)?.[0]);
  const way = key === "ArrowRight" ? 1 : -1;
  const beside = nodes.filter((each) => (each.place[0] - node.place[0]) * way > 4);
  const far = ({ place: [x, y] }) => Math.abs(x - node.place[0]) + 3 * Math.abs(y - node.place[1]);
  return beside.sort((a, b) => far(a) - far(b))[0];
}

/** The graph with its inputs and outputs as nodes. */
function withEnds({ nodes, edges, inputs, outputs }) {
  const end = (op) => ({ id, name, shape }) => ({ id, op, name, shape, tensor: name, layer: null, keep: true, fold: null });
  return { nodes: [...inputs.map(end("input")), ...nodes, ...outputs.map(end("output"))], edges };
}

const isEnd = (node) => node.op === "input" || node.op === "output";
const title = (node) => node.layer ?? (isEnd(node) ? node.name : node.op);
const detail = (node) =>
  [node.layer || isEnd(node) ? node.op : "", node.shape ? times(node.shape.slice(1)) : ""].filter(Boolean).join(" ");

function size(node) {
  const letters = Math.max(title(node).length * 1.15, detail(node).length * 0.9, 8);
  return { width: letters * LETTER + 22 + (node.folded ? 18 : 0), height: detail(node) ? 38 : 26 };
}

function nodeBox(node) {
  const [x, y] = node.place;
  const box = draw("g", {
    class: `node ${kindOf(node)}${node.layer ? "" : " plain"}`,
    "data-id": node.id, transform: `translate(${x} ${y})`,
  });
  box.append(draw("rect", { width: node.width, height: node.height, rx: 5 }));
  box.append(draw("rect", { class: "kind", width: 4, height: node.height, rx: 2 }));
  box.append(draw("text", { x: 12, y: 16, class: "title" }, title(node)));
  if (detail(node)) box.append(draw("text", { x: 12, y: 31, class: "detail" }, detail(node)));
  if (node.folded) box.append(more(node));
  box.append(draw("title", {}, `${node.op} ${node.name ?? ""} \u2192 ${node.tensor ?? ""}`));
  return box;
}

function more(node) {
  const at = `translate(${node.width - 26} 5)`;
  const group = draw("g", { class: "more", transform: at });
  group.append(draw("rect", { width: 22, height: 15, rx: 7 }));
  group.append(draw("text", { x: 11, y: 11, "text-anchor": "middle" }, `+${node.folded}`));
  return group;
}

function curve(points) {
  const [first, ...rest] = points;
  if (rest.length < 2) return `M${first}${rest.map((p) => `L${p}`).join("")}`;
  let path = `M${first}`;
  for (let i = 0; i < rest.length - 1; i++) {
    const end = i === rest.length - 2 ? rest[i + 1] : [(rest[i][0] + rest[i + 1][0]) / 2, (rest[i][1] + rest[i + 1][1]) / 2];
    path += `Q${rest[i]} ${end}`;
  }
  return path;
}
