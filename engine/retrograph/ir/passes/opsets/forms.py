"""Attributes that became inputs, and renamed operators."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper

from retrograph.ir.graph import Graph
from retrograph.ir.passes.opsets.registry import (
    ANY,
    Attributes,
    NoRewriting,
    before,
    in_place,
    ints,
    number,
)


@before(5, "Reshape")
def _reshape(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [in_place(node, "Reshape", [node.input[0], ints(graph, node, "shape", attrs["shape"])])]


@before(6, "Cast")
def _cast(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [in_place(node, "Cast", [node.input[0]], to=TensorProto.DataType.Value(attrs["to"]))]


@before(4, "Concat")
def _concat(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [in_place(node, "Concat", list(node.input), axis=attrs.get("axis", 1))]


@before(ANY, "CastLike")
def _cast_like(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Cast to a known type; nothing but its type is read of the second operand."""
    like = graph.tensor(node.input[1])
    if like is None:
        return [node]
    return [in_place(node, "Cast", [node.input[0]], to=helper.np_dtype_to_tensor_dtype(like.dtype))]


@before(11, "Clip")
def _clip(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    bounds = [
        number(graph, node, key, attrs[key]) if key in attrs else "" for key in ("min", "max")
    ]
    return [in_place(node, "Clip", [node.input[0], *bounds])]


@before(11, "Pad")
def _pad(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    pads = ints(graph, node, "pads", attrs.get("pads", attrs.get("paddings")))
    value = number(graph, node, "value", attrs.get("value", 0.0))
    return [in_place(node, "Pad", [node.input[0], pads, value], mode=attrs.get("mode", "constant"))]


@before(10, "Slice")
def _slice(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    axes = attrs.get("axes", list(range(len(attrs["starts"]))))
    parts = [
        ints(graph, node, hint, values)
        for hint, values in (("starts", attrs["starts"]), ("ends", attrs["ends"]), ("axes", axes))
    ]
    return [in_place(node, "Slice", [node.input[0], *parts])]


@before(9, "Scan")
def _scan(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """One Scan over the batch; its body is the Scan over the sequence of one item."""
    if node.input[0]:
        raise NoRewriting("a Scan of opset 8 over sequences of different lengths")
    body, count = attrs["body"], attrs["num_scan_inputs"]
    names = [f"{node.name}/{v.name}" for v in body.input]
    ends = [f"{node.name}/{v.name}/end" for v in body.output]
    directions = attrs.get("directions", [0] * count)
    step = helper.make_node(
        "Scan",
        names,
        ends,
        name=f"{node.name}/item",
        body=body,
        num_scan_inputs=count,
        scan_input_directions=directions,
    )
    item = helper.make_graph(
        [step],
        "item",
        [onnx.ValueInfoProto(name=name) for name in names],
        [onnx.ValueInfoProto(name=name) for name in ends],
    )
    inputs = list(node.input[1:])
    return [in_place(node, "Scan", inputs, body=item, num_scan_inputs=len(inputs))]


@before(13, "Squeeze", "Unsqueeze", "ReduceSum")
@before(
    18,
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceSumSquare",
)
def _axes(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    if len(node.input) > 1:
        return [node]
    axes = attrs.pop("axes", None)
    inputs = [node.input[0]]
    if axes is not None:
        inputs.append(ints(graph, node, "axes", axes))
    return [in_place(node, node.op_type, inputs, **attrs)]


@before(13, "Split")
def _split(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    axis = attrs.get("axis", 0)
    if "split" in attrs:
        sizes = ints(graph, node, "split", attrs["split"])
        return [in_place(node, "Split", [node.input[0], sizes], axis=axis)]
    if len(node.input) > 1:
        return [in_place(node, "Split", list(node.input), axis=axis)]
    return [in_place(node, "Split", [node.input[0]], axis=axis, num_outputs=len(node.output))]


@before(18, "Split")
def _split_evenly(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    if len(node.input) > 1 and node.input[1]:
        return [node]
    axis = attrs.get("axis", 0)
    return [in_place(node, "Split", [node.input[0]], axis=axis, num_outputs=len(node.output))]


@before(10, "TopK")
def _top_k(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    count = node.input[1] if len(node.input) > 1 else ints(graph, node, "k", [attrs["k"]])
    return [in_place(node, "TopK", [node.input[0], count], axis=attrs.get("axis", -1))]


@before(12, "Dropout")
def _dropout(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """In inference; the mask is zeros then, as ONNX Runtime gives it."""
    x, (y, *masks) = node.input[0], node.output
    kept = helper.make_node("Dropout", [x], [y], name=node.name)
    mask = masks[0] if masks else ""
    if not mask:
        return [kept]
    zero = number(graph, node, "zero", 0)
    if graph.opset >= 10:
        zero = graph.add_constant(np.array(False), f"{y}/zero")
    sizes = graph.fresh(f"{mask}/sizes")
    return [
        kept,
        helper.make_node("Shape", [x], [sizes], name=f"{node.name}/Shape"),
        helper.make_node("Expand", [zero, sizes], [mask], name=f"{node.name}/Expand"),
    ]


@before(11, "Scatter")
def _scatter(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [in_place(node, "ScatterElements", list(node.input), **attrs)]


@before(2, "LpPool", "GlobalLpPool")
def _whole_power(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    power = attrs.pop("p", 2.0)
    if power != int(power):
        raise NoRewriting(f"p = {power:g}; supported: whole numbers")
    return [in_place(node, node.op_type, list(node.input), p=int(power), **attrs)]


@before(6, "Tile")
def _tile(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """So many tiles along one axis."""
    x = graph.tensor(node.input[0])
    tiles, axis = (graph.value(name) for name in node.input[1:])
    if x is None or x.rank is None or tiles is None or axis is None:
        raise NoRewriting("tiles or axis of run time; supported: constants, and a known rank")
    repeats = [1] * x.rank
    repeats[int(axis.item())] = int(tiles.item())
    return [in_place(node, "Tile", [node.input[0], ints(graph, node, "repeats", repeats)])]


@before(6, "Selu")
def _selu(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """The constants had five digits."""
    given = {"alpha": 1.6732, "gamma": 1.0507, **attrs}
    return [in_place(node, "Selu", list(node.input), **given)]
