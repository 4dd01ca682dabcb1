"""Old operator forms, brought to one modern form.

Every rule of retrograph is written for opset 18 and later: what was an attribute once (the axes of
a Squeeze, the bounds of a Clip) is an input, Upsample is Resize, Softmax works on one axis. Here
each older form is rewritten to that. ONNX's own version converter is not used: it refuses unsorted
graphs and models over 2 GB, and drops what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from retrograph.errors import Problem, UnsupportedError
from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, attributes, subgraphs

FLOOR = 18
"""The opset that rules are written for; a newer model keeps its own."""

ANY = 10**6
"""Later than any opset: a form that is rewritten in every version."""

Attributes = dict[str, Any]
Adapter = Callable[[Graph, NodeProto, Attributes], list[NodeProto]]

_ADAPTERS: dict[str, list[tuple[int, Adapter]]] = {}


def modernize(graph: Graph) -> None:
    """Bring every standard operator of the graph and its subgraphs to opset 18 or later, in place.

    Raises:
        UnsupportedError: nodes in a form of opset 6 or before that has no rewriting.
    """
    problems: list[Problem] = []
    count = len(graph.nodes)
    graph.nodes = _modernize_nodes(graph, graph.nodes, problems)
    if problems:
        raise UnsupportedError(
            f"{len(problems)} of {count} nodes are in an old form (opset {graph.opset}) "
            "that cannot be brought to a modern one:",
            problems,
            "Export the model again at opset 13 or later.",
        )
    graph.opset = max(graph.opset, FLOOR)
    graph.index()


def _modernize_nodes(
    graph: Graph, nodes: list[NodeProto], problems: list[Problem]
) -> list[NodeProto]:
    modern: list[NodeProto] = []
    for node in nodes:
        for body in subgraphs(node):
            inner = _modernize_nodes(graph, list(body.node), problems)
            del body.node[:]
            body.node.extend(inner)
        if node.domain not in STANDARD_DOMAINS:
            modern.append(node)
            continue
        try:
            modern.extend(_adapt(graph, node))
        except _NoRewriting as reason:
            problems.append(Problem(node.name, node.op_type, str(reason)))
    return modern


class _NoRewriting(Exception):
    """An old form cannot be brought to a modern one; the text says why."""


def _adapt(graph: Graph, node: NodeProto) -> list[NodeProto]:
    for before, adapter in _ADAPTERS.get(node.op_type, []):
        if graph.opset < before:
            return adapter(graph, node, attributes(node))
    return [node]


def _before(opset: int, *ops: str) -> Callable[[Adapter], Adapter]:
    """Declare how these operators are rewritten where the model's opset is below `opset`."""

    def declare(adapter: Adapter) -> Adapter:
        for op in ops:
            _ADAPTERS.setdefault(op, []).append((opset, adapter))
            _ADAPTERS[op].sort(key=lambda entry: entry[0])
        return adapter

    return declare


def _node(old: NodeProto, op: str, inputs: list[str], **attrs: Any) -> NodeProto:
    """A node in the place of `old`: its name and outputs."""
    return helper.make_node(op, inputs, list(old.output), name=old.name, **attrs)


def _ints(graph: Graph, node: NodeProto, hint: str, values: Any) -> str:
    return graph.add_constant(np.asarray(values, np.int64), f"{node.output[0]}/{hint}")


def _number(graph: Graph, node: NodeProto, hint: str, value: float | Array) -> str:
    """A constant in the type of the first input."""
    source = graph.tensor(node.input[0])
    dtype = source.dtype if source is not None else np.dtype(np.float32)
    return graph.add_constant(np.asarray(value, dtype), f"{node.output[0]}/{hint}")


@_before(7, "Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less")
def _aligned(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Before opset 7 the second operand's axes stood at `axis` of the first's, or at its end."""
    a, b = node.input
    tensors = graph.tensor(a), graph.tensor(b)
    if "axis" not in attrs or not attrs.get("broadcast", 0):
        return [_node(node, node.op_type, [a, b])]
    ranks = [None if t is None else t.rank for t in tensors]
    if ranks[0] is None or ranks[1] is None:
        raise _NoRewriting("broadcasts along an attribute `axis`, and the ranks are not known")
    behind = ranks[0] - attrs["axis"] % ranks[0] - ranks[1]
    return _with_axes_behind(graph, node, behind)


@_before(7, "PRelu")
def _prelu(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Before opset 7 a vector of slopes had one for each channel."""
    x, slope = (graph.tensor(name) for name in node.input)
    if x is None or x.rank is None or slope is None or slope.rank is None:
        raise _NoRewriting("has slopes for each channel, and the ranks are not known")
    return _with_axes_behind(graph, node, x.rank - 2 if slope.rank == 1 else 0)


def _with_axes_behind(graph: Graph, node: NodeProto, count: int) -> list[NodeProto]:
    """The node with so many axes of size 1 behind those of its second operand."""
    a, b = node.input
    if count == 0:
        return [_node(node, node.op_type, [a, b])]
    axes = _ints(graph, node, "axes", range(-count, 0))
    widened = f"{node.output[0]}/aligned"
    align = helper.make_node("Unsqueeze", [b, axes], [widened], name=f"{node.name}/align")
    return [align, _node(node, node.op_type, [a, widened])]


@_before(5, "Reshape")
def _reshape(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [_node(node, "Reshape", [node.input[0], _ints(graph, node, "shape", attrs["shape"])])]


@_before(6, "Cast")
def _cast(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [_node(node, "Cast", [node.input[0]], to=TensorProto.DataType.Value(attrs["to"]))]


@_before(4, "Concat")
def _concat(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [_node(node, "Concat", list(node.input), axis=attrs.get("axis", 1))]


@_before(ANY, "CastLike")
def _cast_like(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Cast to a known type; nothing but its type is read of the second operand."""
    like = graph.tensor(node.input[1])
    if like is None:
        return [node]
    return [_node(node, "Cast", [node.input[0]], to=helper.np_dtype_to_tensor_dtype(like.dtype))]


@_before(11, "Clip")
def _clip(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    bounds = [
        _number(graph, node, key, attrs[key]) if key in attrs else "" for key in ("min", "max")
    ]
    return [_node(node, "Clip", [node.input[0], *bounds])]


@_before(11, "Pad")
def _pad(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    pads = _ints(graph, node, "pads", attrs.get("pads", attrs.get("paddings")))
    value = _number(graph, node, "value", attrs.get("value", 0.0))
    return [_node(node, "Pad", [node.input[0], pads, value], mode=attrs.get("mode", "constant"))]


@_before(10, "Slice")
def _slice(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    axes = attrs.get("axes", list(range(len(attrs["starts"]))))
    parts = [
        _ints(graph, node, hint, values)
        for hint, values in (("starts", attrs["starts"]), ("ends", attrs["ends"]), ("axes", axes))
    ]
    return [_node(node, "Slice", [node.input[0], *parts])]


@_before(13, "Squeeze", "Unsqueeze", "ReduceSum")
@_before(
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
        inputs.append(_ints(graph, node, "axes", axes))
    return [_node(node, node.op_type, inputs, **attrs)]


@_before(13, "Split")
def _split(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    axis = attrs.get("axis", 0)
    if "split" in attrs:
        sizes = _ints(graph, node, "split", attrs["split"])
        return [_node(node, "Split", [node.input[0], sizes], axis=axis)]
    if len(node.input) > 1:
        return [_node(node, "Split", list(node.input), axis=axis)]
    return [_node(node, "Split", [node.input[0]], axis=axis, num_outputs=len(node.output))]


@_before(18, "Split")
def _split_evenly(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    if len(node.input) > 1 and node.input[1]:
        return [node]
    axis = attrs.get("axis", 0)
    return [_node(node, "Split", [node.input[0]], axis=axis, num_outputs=len(node.output))]


@_before(10, "TopK")
def _top_k(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    count = node.input[1] if len(node.input) > 1 else _ints(graph, node, "k", [attrs["k"]])
    return [_node(node, "TopK", [node.input[0], count], axis=attrs.get("axis", -1))]


@_before(12, "Dropout")
def _dropout(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [_node(node, "Dropout", [node.input[0]])]


@_before(14, "BatchNormalization")
def _batch_norm(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    epsilon = attrs.get("epsilon", 1e-5)
    if attrs.get("spatial", 1):
        modern = _node(node, "BatchNormalization", list(node.input), epsilon=epsilon)
        del modern.output[1:]
        return [modern]
    x, scale, bias, mean, var = node.input
    hint = f"{node.output[0]}/bn"
    eps = _number(graph, node, "epsilon", epsilon)
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


@_before(13, "Softmax", "LogSoftmax", "Hardmax")
def _softmax(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Before opset 13 every axis from `axis` on was flattened into one."""
    axis = attrs.get("axis", 1)
    x, y = node.input[0], node.output[0]
    source = graph.tensor(x)
    shape = source.shape if source is not None else None
    if shape is not None:
        axis = axis % len(shape)
        if all(d == 1 for d in shape[axis + 1 :]):
            return [_node(node, node.op_type, [x], axis=axis)]
    elif axis < 0:
        raise _NoRewriting("counts its axis from the back, and the rank is not known")
    flat, normalised, sizes = (f"{y}/{step}" for step in ("flat", "normalised", "shape"))
    flattened = _ints(graph, node, "flattened", [0] * axis + [-1])
    return [
        helper.make_node("Reshape", [x, flattened], [flat], name=f"{node.name}/flatten"),
        helper.make_node(
            node.op_type, [flat], [normalised], name=f"{node.name}/{node.op_type}", axis=-1
        ),
        helper.make_node("Shape", [x], [sizes], name=f"{node.name}/shape"),
        helper.make_node("Reshape", [normalised, sizes], [y], name=node.name),
    ]


@_before(10, "Upsample")
def _upsample(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    if len(node.input) > 1:
        scales = node.input[1]
    else:
        factors = attrs.get("scales") or [1, 1, attrs["height_scale"], attrs["width_scale"]]
        scales = graph.add_constant(np.asarray(factors, np.float32), f"{node.output[0]}/scales")
    mode = attrs.get("mode", "nearest")
    return [_asymmetric_resize(node, scales, "linear" if mode == "bilinear" else mode)]


@_before(11, "Resize")
def _resize_10(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [_asymmetric_resize(node, node.input[1], attrs.get("mode", "nearest"))]


def _asymmetric_resize(node: NodeProto, scales: str, mode: str) -> NodeProto:
    return _node(
        node,
        "Resize",
        [node.input[0], "", scales],
        mode=mode,
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


@_before(13, "Resize")
def _resize_11(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """`tf_half_pixel_for_nn` is one half above `half_pixel`: its floor is the other's rounding."""
    if attrs.get("coordinate_transformation_mode") == "tf_half_pixel_for_nn":
        mode, rounding = attrs.get("mode", "nearest"), attrs.get("nearest_mode")
        if (mode, rounding) != ("nearest", "floor"):
            raise _NoRewriting(
                f"coordinate_transformation_mode='tf_half_pixel_for_nn' with mode='{mode}' and "
                f"nearest_mode='{rounding or 'round_prefer_floor'}'; supported: nearest and floor"
            )
        attrs["coordinate_transformation_mode"] = "half_pixel"
        attrs["nearest_mode"] = "round_prefer_ceil"
    inputs = list(node.input)
    for i in (1, 2):
        given = graph.value(inputs[i]) if i < len(inputs) and inputs[i] else None
        if given is not None and given.size == 0:
            inputs[i] = ""
    return [_node(node, "Resize", inputs, **attrs)]


@_before(11, "Scatter")
def _scatter(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [_node(node, "ScatterElements", list(node.input), **attrs)]


@_before(FLOOR, "ImageScaler")
def _image_scaler(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """y[:, c] = scale * x[:, c] + bias[c]   (an experimental operator of ONNX 1.0)"""
    scale = _number(graph, node, "scale", attrs.get("scale", 1.0))
    shift = _number(graph, node, "bias", np.reshape(attrs.get("bias", [0.0]), (-1, 1, 1)))
    return _scale_and_shift(node, scale, shift)


@_before(FLOOR, "Affine")
def _affine(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """y = alpha * x + beta   (an experimental operator of ONNX 1.0)"""
    scale = _number(graph, node, "alpha", attrs.get("alpha", 1.0))
    return _scale_and_shift(node, scale, _number(graph, node, "beta", attrs.get("beta", 0.0)))


def _scale_and_shift(node: NodeProto, scale: str, shift: str) -> list[NodeProto]:
    scaled = f"{node.output[0]}/scaled"
    return [
        helper.make_node("Mul", [node.input[0], scale], [scaled], name=f"{node.name}/scale"),
        helper.make_node("Add", [scaled, shift], list(node.output), name=node.name),
    ]


@_before(FLOOR, "Crop")
def _crop(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """The border (left, top, right, bottom) cut off, or a window `scale` from the left top."""
    left, top, right, bottom = attrs["border"]
    height, width = attrs.get("scale", (0, 0))
    ends = [top + height, left + width] if height else [-bottom or 2**31, -right or 2**31]
    parts = [
        _ints(graph, node, hint, values)
        for hint, values in (("starts", [top, left]), ("ends", ends), ("axes", [2, 3]))
    ]
    return [_node(node, "Slice", [node.input[0], *parts])]
