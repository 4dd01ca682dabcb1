"""How the page folds and lays out a network, in Node."""

from __future__ import annotations

import json
from typing import Any

from support.javascript import node, require_node
from support.paths import ENGINE

STATIC = ENGINE / "retrograph" / "serve" / "static"

LAYOUT = """
const { layOut } = await import(process.argv[1]);
const count = 2000;
const nodes = Array.from({ length: count }, (_, k) => ({ id: `n${k}`, width: 90, height: 38 }));
const edges = nodes.slice(1).map((_, k) => [`n${k}`, `n${k + 1}`]);
for (let k = 0; k + 4 < count; k += 4) edges.push([`n${k}`, `n${k + 4}`]);
const { places, lines, width, height } = layOut(nodes, edges);
const rising = edges.filter(([from, to]) => places[from][1] + 38 > places[to][1]).length;
const tops = nodes.map(({ id }) => places[id].map(Math.round).join());
const ends = edges.map(([from, to], k) => lines[k][0][1] - places[from][1]);
console.log(JSON.stringify({ rising, distinct: new Set(tops).size, lines: lines.length, width,
  height, inside: nodes.every(({ id }) => places[id][0] >= 0 && places[id][1] >= 0),
  starts: Math.max(...ends.map(Math.abs)) }));
"""

FOLDING = """
const { foldGraph, search } = await import(process.argv[1]);
const node = (id, op, keep, fold, layer) => ({ id, op, keep, fold, layer, name: id, tensor: id });
const graph = {
  nodes: [node("a", "Conv", true, null, "conv1"), node("b", "Mul", false, "a", "mul1"),
    node("c", "Add", false, "a", null), node("d", "Relu", true, null, "relu1")],
  edges: [["a", "b"], ["a", "c"], ["b", "c"], ["c", "d"], ["a", "d"]],
};
const shown = (opened) => {
  const { nodes, edges } = foldGraph(graph, opened);
  return [nodes.map(({ id, folded }) => [id, folded]), edges];
};
console.log(JSON.stringify([shown(new Set()), shown(true),
  search(graph.nodes, "RELU").map((each) => each.id), search(graph.nodes, " ").length]));
"""


def ran(code: str, file: str) -> Any:
    require_node()
    return json.loads(node("--input-type=module", "-e", code, (STATIC / file).as_uri()))


def test_a_network_of_2000_nodes_is_laid_out_downwards() -> None:
    laid = ran(LAYOUT, "layout.js")
    assert laid["rising"] == 0
    assert laid["distinct"] == 2000
    assert laid["lines"] == 1999 + 499
    assert laid["inside"]
    assert laid["width"] < 400
    assert laid["height"] > 2000 * 38
    assert laid["starts"] <= 38


def test_small_operators_fold_into_the_layer_before_them() -> None:
    folded, whole, found, nothing = ran(FOLDING, "folding.js")
    assert folded == [[["a", 2], ["d", 0]], [["a", "d"]]]
    assert [each[0] for each in whole[0]] == ["a", "b", "c", "d"]
    assert len(whole[1]) == 5
    assert found == ["d"]
    assert nothing == 0
