/**
 * Where the nodes of a deep graph lie.
 *
 * Networks narrow to a single node again and again, behind each block. The graph is cut there: each part is laid out by
 * itself and hung below the one before, so that time grows with the number of nodes and not with its square.
 */
import { Graph, layout } from "./vendor/dagre.js";

const PART = 24;
/** A part of more nodes, which no single node cuts, is laid out by ranks alone: dagre recurses too deep. */
const MOST = 500;
const GAPS = { nodesep: 14, ranksep: 22, marginx: 0, marginy: 0 };
const MARGIN = 12;

/**
 * The places [left, top] of nodes `{ id, width, height }` by id, a line of points for each edge, and the size of it all.
 */
export function layOut(nodes, edges) {
  const order = sorted(nodes, edges);
  const rank = new Map(order.map(({ id }, place) => [id, place]));
  const forward = edges.filter(([from, to]) => rank.get(from) < rank.get(to));
  const centres = new Map();
  const bends = new Map();
  for (const [start, end] of parts(order, forward, rank)) {
    const inside = forward.filter(([from, to]) => rank.get(from) >= start && rank.get(to) <= end);
    hang(layPart(order.slice(start, end + 1), inside), order[start].id, centres, bends);
  }
  return framed(order, edges, centres, bends);
}

/** The nodes so that each stands behind those that lead to it. */
function sorted(nodes, edges) {
  const followers = new Map(nodes.map(({ id }) => [id, []]));
  const waits = new Map(nodes.map(({ id }) => [id, 0]));
  for (const [from, to] of edges) {
    followers.get(from).push(to);
    waits.set(to, waits.get(to) + 1);
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const ready = nodes.filter(({ id }) => !waits.get(id));
  for (let place = 0; place < ready.length; place++) {
    for (const to of followers.get(ready[place].id)) {
      waits.set(to, waits.get(to) - 1);
      if (!waits.get(to)) ready.push(byId.get(to));
    }
  }
  const reached = new Set(ready);
  return [...ready, ...nodes.filter((node) => !reached.has(node))];
}

/** Pairs of first and last place of each part; the last node of one is the first of the next. */
function parts(order, edges, rank) {
  const reach = new Array(order.length).fill(0);
  for (const [from, to] of edges) reach[rank.get(from)] = Math.max(reach[rank.get(from)], rank.get(to));
  const found = [];
  let [start, far] = [0, 0];
  for (let place = 0; place < order.length; place++) {
    const isLast = place === order.length - 1;
    if (isLast || (far <= place && place - start >= PART)) {
      found.push([start, place]);
      start = place;
    }
    far = Math.max(far, reach[place]);
  }
  return found;
}

function layPart(nodes, edges) {
  if (nodes.length > MOST) return byRanks(nodes, edges);
  const graph = new Graph();
  graph.setGraph({ ...GAPS });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height });
  for (const [from, to] of edges) graph.setEdge(from, to);
  layout(graph);
  return {
    centres: nodes.map(({ id }) => [id, [graph.node(id).x, graph.node(id).y]]),
    bends: edges.map(([from, to]) => [`${from} ${to}`, graph.edge(from, to).points.map(({ x, y }) => [x, y])]),
  };
}

/** Each node one rank below the lowest that leads to it, those of a rank side by side. */
function byRanks(nodes, edges) {
  const ranks = new Map(nodes.map(({ id }) => [id, 0]));
  const leading = new Map(nodes.map(({ id }) => [id, []]));
  for (const [from, to] of edges) leading.get(to).push(from);
  const widths = [];
  const centres = nodes.map(({ id, width, height }) => {
    const rank = Math.max(-1, ...leading.get(id).map((from) => ranks.get(from))) + 1;
    ranks.set(id, rank);
    const left = widths[rank] ?? 0;
    widths[rank] = left + width + GAPS.nodesep;
    return [id, [left + width / 2, rank * (height + GAPS.ranksep)]];
  });
  return { centres, bends: [] };
}

/** Add a part so that its first node lies where the part before has put it. */
function hang(part, first, centres, bends) {
  const own = new Map(part.centres).get(first);
  const there = centres.get(first) ?? own;
  const moved = ([x, y]) => [x + there[0] - own[0], y + there[1] - own[1]];
  for (const [id, centre] of part.centres) if (!centres.has(id)) centres.set(id, moved(centre));
  for (const [edge, points] of part.bends) bends.set(edge, points.map(moved));
}

function framed(nodes, edges, centres, bends) {
  const boxes = nodes.map(({ id, width, height }) => {
    const [x, y] = centres.get(id);
    return [id, x - width / 2, y - height / 2, x + width / 2, y + height / 2];
  });
  const least = (axis) => boxes.reduce((low, box) => Math.min(low, box[axis]), Infinity) - MARGIN;
  const most = (axis) => boxes.reduce((high, box) => Math.max(high, box[axis]), -Infinity) + MARGIN;
  const [left, top] = [least(1), least(2)];
  const places = Object.fromEntries(boxes.map(([id, x, y]) => [id, [x - left, y - top]]));
  const straight = ([from, to]) => [centres.get(from), centres.get(to)];
  const lines = edges.map((edge) =>
    (bends.get(edge.join(" ")) ?? straight(edge)).map(([x, y]) => [x - left, y - top]));
  return { places, lines, width: most(3) - left, height: most(4) - top };
}
