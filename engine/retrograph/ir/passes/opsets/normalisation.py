"""BatchNormalization, GroupNormalization and Softmax in their older meanings."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

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


@before(14, "BatchNormalization")
def _batch_norm(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    epsilon = attrs.get("epsilon", 1e-5)
    if attrs.get("spatial", 1):
        modern = in_place(node, "BatchNormalization", list(node.input), epsilon=epsilon)
        del modern.output[1:]
        return [modern]
    x, scale, bias, mean, var = node.input
    hint = f"{node.output[0]}/bn"
    eps = number(graph, node, "epsilon", epsilon)
    steps = [
        ("Add", [var, eps], f"{hint}/shifted"),
        ("Sqrt", [f"{hint}/shifted"], f"{hint}/deviation"),
        ("Sub", [x, mean], f"{hint}/centred"),
        ("Div", [f"{hint}/centred", f"{hint}/deviation"], f"{hint}/unit"),
        ("Mul", [f"{hint}/unit", scale], f"{hint}/scaled"),
        ("Add", [f"{hint}/scaled", bias], node.output[0]),
    ]
    return [
        helper.make_node(op, inputs, [out], name=f"{node.name}/{i}")
        for i, (op, inputs, out) in enumerate(steps)
    ]


@before(13, "Softmax", "LogSoftmax", "Hardmax")
def _softmax(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Before opset 13 every axis from `axis` on was flattened into one."""
    axis = attrs.get("axis", 1)
    x, y = node.input[0], node.output[0]
    source = graph.tensor(x)
    shape = source.shape if source is not None else None
    if shape is not None:
        axis = axis % len(shape)
        if all(d == 1 for d in shape[axis + 1 :]):
            return [in_place(node, node.op_type, [x], axis=axis)]
    elif axis == -1:
        return [in_place(node, node.op_type, [x], axis=-1)]
    elif axis < 0:
        raise NoRewriting("counts its axis from the back, and the rank is not known")
    flat, normalised, sizes = (f"{y}/{step}" for step in ("flat", "normalised", "shape"))
    flattened = ints(graph, node, "flattened", [0] * axis + [-1])
    return [
        helper.make_node("Reshape", [x, flattened], [flat], name=f"{node.name}/flatten"),
        helper.make_node(
            node.op_type, [flat], [normalised], name=f"{node.name}/{node.op_type}", axis=-1
        ),
        helper.make_node("Shape", [x], [sizes], name=f"{node.name}/shape"),
        helper.make_node("Reshape", [normalised, sizes], [y], name=node.name),
    ]


@before(9, "MeanVarianceNormalization")
def _mean_variance_of_items(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """The experimental operator: over an item's channel, or all its channels; or the mean alone."""
    x, y = node.input[0], node.output[0]
    axes = [1, 2, 3] if attrs.get("across_channels", 0) else [2, 3]
    if attrs.get("normalize_variance", 1):
        return [in_place(node, "MeanVarianceNormalization", [x], axes=axes)]
    mean = f"{y}/mean"
    over = ints(graph, node, "axes", axes)
    return [
        helper.make_node("ReduceMean", [x, over], [mean], name=f"{node.name}/mean"),
        helper.make_node("Sub", [x, mean], [y], name=node.name),
    ]


@before(ANY, "MeanVarianceNormalization")
def _mean_variance(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Its axes in the open: without them ONNX infers no shape behind it."""
    return [in_place(node, node.op_type, [node.input[0]], axes=attrs.get("axes", [0, 2, 3]))]


@before(ANY, "GroupNormalization")
def _group_norm(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """InstanceNormalization of [N, groups, rest]; ONNX infers no shape behind the operator itself.

    Before opset 21 scale and bias had a number for each group, since then for each channel.
    """
    x, scale, bias = node.input
    y, parameters = node.output[0], graph.tensor(scale)
    if parameters is None or parameters.shape is None:
        raise NoRewriting("the shape of its scale is not known")
    groups = int(attrs["num_groups"])
    rows = groups if graph.opset < 21 else parameters.shape[0]
    unit, nothing = (
        graph.add_constant(np.full(groups, value, parameters.dtype), f"{y}/{hint}")
        for hint, value in (("one", 1), ("zero", 0))
    )
    grouped, spread = (
        ints(graph, node, hint, [0, count, -1])
        for hint, count in (("grouped", groups), ("rows", rows))
    )
    column = ints(graph, node, "column", [1, -1, 1])
    steps: list[tuple[str, list[str], str]] = [
        ("Reshape", [x, grouped], f"{y}/groups"),
        ("InstanceNormalization", [f"{y}/groups", unit, nothing], f"{y}/normal"),
        ("Reshape", [f"{y}/normal", spread], f"{y}/spread"),
        ("Reshape", [scale, column], f"{y}/scale"),
        ("Reshape", [bias, column], f"{y}/bias"),
        ("Mul", [f"{y}/spread", f"{y}/scale"], f"{y}/scaled"),
        ("Add", [f"{y}/scaled", f"{y}/bias"], f"{y}/shifted"),
        ("Shape", [x], f"{y}/shape"),
        ("Reshape", [f"{y}/shifted", f"{y}/shape"], y),
    ]
    nodes = [
        helper.make_node(op, inputs, [out], name=f"{node.name}/{i}" if out != y else node.name)
        for i, (op, inputs, out) in enumerate(steps)
    ]
    nodes[1].attribute.append(helper.make_attribute("epsilon", float(attrs.get("epsilon", 1e-5))))
    return nodes
