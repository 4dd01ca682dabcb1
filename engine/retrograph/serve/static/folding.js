/** A graph with its small operators folded into the layers that stay. */

/**
 * The nodes that stay and the edges between them.
 *
 * `opened` holds ids of nodes whose folded operators are shown, or is `true` for all of them.
 * Each node that stays has `folded`, the number of operators in it.
 */
export function foldGraph({ nodes, edges }, opened) {
  const stays = (node) => node.keep || !node.fold || opened === true || opened.has(node.fold);
  const holder = new Map(nodes.map((node) => [node.id, stays(node) ? node.id : node.fold]));
  const folded = new Map();
  for (const [id, into] of holder) if (id !== into) folded.set(into, (folded.get(into) ?? 0) + 1);
  const drawn = new Set();
  const joined = [];
  for (const edge of edges) {
    const [from, to] = edge.map((id) => holder.get(id));
    const key = `${from} ${to}`;
    if (from === to || from === undefined || to === undefined || drawn.has(key)) continue;
    drawn.add(key);
    joined.push([from, to]);
  }
  const kept = nodes.filter(stays).map((node) => ({ ...node, folded: folded.get(node.id) ?? 0 }));
  return { nodes: kept, edges: joined };
}

/** The nodes that a search finds: by alias, operator, name or tensor. */
export function search(nodes, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const named = (node) => [node.layer, node.op, node.name, node.tensor].filter(Boolean);
  const starts = [];
  const holds = [];
  for (const node of nodes) {
    const names = named(node).map((name) => name.toLowerCase());
    if (names.some((name) => name.startsWith(wanted))) starts.push(node);
    else if (names.some((name) => name.includes(wanted))) holds.push(node);
  }
  return [...starts, ...holds];
}

const KINDS = {
  Conv: "conv", ConvTranspose: "conv", ConvInteger: "conv", QLinearConv: "conv",
  Gemm: "dense", MatMul: "dense", QLinearMatMul: "dense",
  Relu: "relu", Clip: "relu", LeakyRelu: "relu", PRelu: "relu", Sigmoid: "relu", Tanh: "relu",
  MaxPool: "pool", AveragePool: "pool", GlobalAveragePool: "pool", GlobalMaxPool: "pool",
  Add: "join", Concat: "join", Mul: "join", Sum: "join", Softmax: "head",
};

/** What a node does, which its colour tells. */
export const kindOf = (node) => KINDS[node.op] ?? "other";
