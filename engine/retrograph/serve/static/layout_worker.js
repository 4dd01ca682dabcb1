/** Where the nodes of a graph lie, worked out beside the page so that it stays fluid. */
import { Graph, layout } from "./vendor/dagre.js";

const MANY = 400;

onmessage = ({ data: { key, nodes, edges } }) => {
  const graph = new Graph();
  const ranker = nodes.length > MANY ? "longest-path" : "network-simplex";
  graph.setGraph({ nodesep: 14, ranksep: 22, marginx: 12, marginy: 12, ranker });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height });
  for (const [from, to] of edges) graph.setEdge(from, to);
  layout(graph);
  const places = Object.fromEntries(nodes.map(({ id }) => [id, place(graph.node(id))]));
  const lines = edges.map(([from, to]) => graph.edge(from, to).points.map(({ x, y }) => [x, y]));
  const { width, height } = graph.graph();
  postMessage({ key, places, lines, width, height });
};

const place = ({ x, y, width, height }) => [x - width / 2, y - height / 2];
