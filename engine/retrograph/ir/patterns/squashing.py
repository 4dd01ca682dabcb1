"""Functions that squash scores, however they are spelled: Softmax, Sigmoid, tanh and quantisers.

Exporters write a Softmax with an Exp, a sum and a quotient, a Sigmoid as 1 / (1 + exp(-x)). Found
is what lies between a tensor and the nearest one through which all of it comes; its values tell
what it is, those without the quantisers in between. Where a score is large such a function is flat,
and so is any attribution behind it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, attributes, is_float, reads
from retrograph.ir.op_traits import MOVES
from retrograph.ir.patterns.order_preserving import before, number
from retrograph.ir.patterns.unquantised import rounded_by, unquantised
from retrograph.ir.reference import reference_outputs

SOFTMAX = {"Softmax", "LogSoftmax"}
"""Squashing functions of all the scores along an axis; the others are of one score each."""

_CURVED = {"Exp", "Pow", "Softplus", "Sigmoid", "Tanh", "Erf", "HardSigmoid", "Softsign", "Atan"}
_ELEMENTWISE = _CURVED | {"Abs", "Add", "Cast", "Clip", "Div", "Dropout", "Identity", "Log", "Max"}
_ELEMENTWISE |= {"Min", "Mul", "Neg", "Reciprocal", "Sqrt", "Sub", "Sum", "Where", "Not"}
_ELEMENTWISE |= {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Cosh", "Sinh"}
_JOINING = {"ReduceSum", "ReduceMax", "ReduceMean", "ReduceL1", "ReduceLogSum", "LpNormalization"}
_JOINING |= {"ReduceLogSumExp", *SOFTMAX}
_MOVING = MOVES - {"Identity"} | {"Expand", "Tile"}

_MOST_NODES = 24
_MOST_NUMBERS = 1 << 22
_POINTS = np.concatenate([-np.geomspace(1e4, 1e-2, 241), [0.0], np.geomspace(1e-2, 1e4, 241)])
_FAR = 30.0
_FLAT = 0.01
_NEAR = 1e-3


@dataclass(frozen=True)
class Squash:
    """A squashing function.

    Attributes:
        kind: Softmax, LogSoftmax, Sigmoid, Tanh, LogSigmoid, "quantiser", or the operator.
        node: the node that gives its result.
        input: the tensor of the scores.
    """

    kind: str
    node: NodeProto
    input: str


def changing(graph: Graph, sources: Collection[str]) -> set[str]:
    """The tensors whose values change with those of the sources, numbers or not."""
    found = set(sources)
    for node in graph.nodes:
        if node.op_type not in ("Shape", "Size") and not found.isdisjoint(reads(node)):
            found.update(node.output)
    return found


def squashing(graph: Graph, name: str, changed: Collection[str]) -> Squash | None:
    """The squashing function that gives a tensor; None where none does.

    Args:
        graph: canonical.
        name: the tensor.
        changed: the tensors that change with the inputs (see `changing`).
    """
    node = graph.producer.get(name)
    if node is None or node.domain not in STANDARD_DOMAINS:
        return None
    rounded = rounded_by(graph, node)
    if rounded is not None:
        return Squash("quantiser", node, _before_scale(graph, rounded))
    smooth = unquantised(graph)
    if node.op_type in SOFTMAX:
        return _shifted(smooth, Squash(node.op_type, node, str(node.input[0])), changed)
    if before(smooth, name) is not None:
        return None
    return _pointwise(smooth, node, changed) or _softmax(smooth, node, changed)


def _before_scale(graph: Graph, name: str) -> str:
    """x of x / scale"""
    node = graph.producer.get(name)
    if node is None or node.op_type not in ("Div", "Mul") or not _is_single(graph, node.input[1]):
        return name
    return str(node.input[0])


def _is_single(graph: Graph, name: str) -> bool:
    """Whether a scale is constant, or one number that is computed."""
    tensor = graph.tensor(name)
    return name in graph.constants or (tensor is not None and tensor.shape in ((), (1,)))


# What squashes.


def _entries(
    graph: Graph, last: NodeProto, changed: Collection[str]
) -> Iterator[tuple[str, list[NodeProto]]]:
    """The tensors through which all that a node gives comes, the nearest first, and what follows.

    Only operators that spellings of squashing functions are made of are passed.
    """
    order = {node.name: place for place, node in enumerate(graph.nodes)}
    open_ends, nodes = {str(last.output[0])}, list[NodeProto]()
    while sum(each.op_type != "Identity" for each in nodes) < _MOST_NODES:
        makers = [graph.producer[name] for name in open_ends if name in graph.producer]
        node = max(makers, key=lambda maker: order[maker.name], default=None)
        if node is None or node.op_type not in _ELEMENTWISE | _JOINING | _MOVING:
            return
        if node.domain not in STANDARD_DOMAINS or node.name in graph.relu_like:
            return
        open_ends -= set(node.output)
        open_ends |= {name for name in reads(node) if name in changed}
        nodes.insert(0, node)
        if len(open_ends) == 1:
            yield next(iter(open_ends)), list(nodes)


def _pointwise(graph: Graph, last: NodeProto, changed: Collection[str]) -> Squash | None:
    """A function of each number alone that grows, and is flat where it is large."""
    for name, nodes in _entries(graph, last, changed):
        kinds = {node.op_type for node in nodes}
        if not kinds <= _ELEMENTWISE:
            return None
        if kinds.isdisjoint(_CURVED) or not _alike(graph, name, str(last.output[0])):
            continue
        constants = _numbers(graph, nodes)
        y = None if constants is None else _run(graph, nodes, constants, name, _POINTS)
        kind = None if y is None else _kind(y)
        if kind:
            return Squash(kind if len(nodes) > 1 else last.op_type, last, name)
    return None


def _numbers(graph: Graph, nodes: Sequence[NodeProto]) -> dict[str, Array] | None:
    """The constants that nodes read, each a single number; None where one is not."""
    names = {name for node in nodes for name in node.input if name in graph.constants}
    numbers = {name: number(graph, name) for name in names}
    if None in numbers.values():
        return None
    return {name: np.asarray(number) for name, number in numbers.items()}


def _kind(y: Array) -> str | None:
    """What the function with these values at the points squashes like; None where it does not."""
    finite = np.isfinite(y)
    reach = np.abs(_POINTS[~finite]).min(initial=np.inf)
    if reach <= _FAR or y.shape != _POINTS.shape:
        return None
    x, y = _POINTS[np.abs(_POINTS) < reach], y[np.abs(_POINTS) < reach]
    slopes = np.diff(y) / np.diff(x)
    if slopes.min() < -_NEAR * np.abs(slopes).max() or y[-1] <= y[0]:
        return None
    if slopes[-1] > _FLAT * slopes.max():
        return None
    if slopes[0] > _FLAT * slopes.max():
        return "LogSigmoid" if abs(y[-1]) < _NEAR else None
    ends = (round(float(y[0]), 2), round(float(y[-1]), 2))
    return {(0.0, 1.0): "Sigmoid", (-1.0, 1.0): "Tanh"}.get(ends, "squashing function")


def _softmax(graph: Graph, last: NodeProto, changed: Collection[str]) -> Squash | None:
    """A Softmax that is spelled out, or its logarithm."""
    for name, nodes in _entries(graph, last, changed):
        if not {node.op_type for node in nodes}.isdisjoint(_JOINING):
            kind = _softmax_kind(graph, last, name, nodes)
            if kind is not None:
                return _shifted(graph, Squash(kind, last, name), changed)
    return None


def _shifted(graph: Graph, squash: Squash, changed: Collection[str]) -> Squash:
    """The same of the scores before what is subtracted from all of them, such as their maximum."""
    node = graph.producer.get(_before_quantisers(graph, squash.input))
    if node is None or node.op_type not in ("Sub", "Add"):
        return squash
    if not all(name in changed for name in node.input):
        return squash
    for name, nodes in _entries(graph, squash.node, changed):
        if len(nodes) > 1 and name in node.input:
            kind = _softmax_kind(graph, squash.node, name, nodes)
            return Squash(squash.kind, squash.node, name) if kind == squash.kind else squash
    return squash


def _before_quantisers(smooth: Graph, name: str) -> str:
    """The tensor itself, or the one that quantisers make it of."""
    node = smooth.producer.get(name)
    while node is not None and node.op_type == "Identity":
        name = str(node.input[0])
        node = smooth.producer.get(name)
    return name


def _softmax_kind(
    graph: Graph, last: NodeProto, name: str, nodes: Sequence[NodeProto]
) -> str | None:
    """Softmax or LogSoftmax, where nodes compute one along some axes of a tensor."""
    source = graph.tensor(name)
    if source is None or not source.shape or not _alike(graph, name, str(last.output[0])):
        return None
    shape = [d if isinstance(d, int) else 2 for d in source.shape]
    names = {n for node in nodes for n in node.input if n in graph.constants}
    if math.prod(shape) > _MOST_NUMBERS or any(_is_large(graph, n) for n in names):
        return None
    constants = {n: value for n in names if (value := graph.value(n)) is not None}
    x = 2 * np.random.default_rng(0).standard_normal(shape)
    y = _run(graph, nodes, constants, name, x)
    if y is None or y.shape != x.shape or not np.isfinite(y).all():
        return None
    ends = [tuple(range(first, len(shape))) for first in range(len(shape) - 1)]
    for axes in (*((axis,) for axis in range(len(shape))), *ends):
        if math.prod(shape[axis] for axis in axes) > 1:
            for kind, logs in _as_logarithms(y, axes):
                if _are_shifted(logs, x, axes):
                    return kind
    return None


def _is_large(graph: Graph, name: str) -> bool:
    return bool(math.prod(graph.constants[name].dims) > _MOST_NUMBERS)


def _as_logarithms(y: Array, axes: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """Logarithms of what sums to 1 along the axes, and what they are the output of."""
    if (y > 0).all() and np.abs(y.sum(axis=axes) - 1).max() < _NEAR:
        yield "Softmax", np.log(y)
    with np.errstate(over="ignore"):
        if np.abs(np.exp(y).sum(axis=axes) - 1).max() < _NEAR:
            yield "LogSoftmax", y


def _are_shifted(y: Array, x: Array, axes: tuple[int, ...]) -> bool:
    """Whether y is x times a positive number, but for a shift that is one along the axes."""
    y, x = (v - v.mean(axis=axes, keepdims=True) for v in (y, x))
    factor = float((x * y).sum() / (x * x).sum())
    return factor > 0 and float(np.abs(y - factor * x).max()) < _NEAR * max(1.0, np.abs(y).max())


def _alike(graph: Graph, x: str, y: str) -> bool:
    """Whether both are floating point, and of one shape as far as it is known."""
    a, b = graph.tensor(x), graph.tensor(y)
    if a is None or b is None or not (a.is_float and b.is_float):
        return False
    return a.shape is None or b.shape is None or len(a.shape) == len(b.shape)


# Values, in float64.


def _run(
    graph: Graph, nodes: Sequence[NodeProto], constants: Mapping[str, Array], name: str, x: Array
) -> Array | None:
    """What nodes make of a tensor; None where that cannot be computed from it alone."""
    made = {o for node in nodes for o in node.output} | {name, *constants}
    lacking = {n for node in nodes for n in node.input if n and n not in made}
    beside = _beside(graph, lacking, made)
    if beside is None:
        return None
    whole = [node for node in graph.nodes if node.name in beside | {n.name for n in nodes}]
    stored = dict(constants)
    for node in whole:
        for n in node.input:
            value = graph.value(n) if n in graph.constants and n not in stored else None
            if value is not None:
                stored[n] = value
    model = helper.make_model(
        helper.make_graph(
            list(map(_doubled, whole)),
            "squash",
            [helper.make_tensor_value_info(name, TensorProto.DOUBLE, x.shape)],
            [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.DOUBLE, None)],
            [numpy_helper.from_array(_double(value), n) for n, value in stored.items()],
        ),
        opset_imports=[helper.make_opsetid("", graph.opset)],
    )
    try:
        with np.errstate(all="ignore"):
            (y,) = reference_outputs(model, {name: x})
    except Exception:  # the evaluator raises whatever its NumPy code meets; unknown is correct
        return None
    return np.asarray(y, np.float64)


def _beside(graph: Graph, lacking: Collection[str], made: Collection[str]) -> set[str] | None:
    """The nodes that compute sizes of what is there; None where they need more."""
    found: set[str] = set()
    waiting = [name for name in lacking if name not in graph.constants]
    while waiting:
        name = waiting.pop()
        node = graph.producer.get(name)
        if node is None or len(found) > _MOST_NODES:
            return None
        found.add(node.name)
        if node.op_type == "Shape":
            if node.input[0] not in made:
                return None
        else:
            waiting += [n for n in node.input if n and n not in graph.constants]
    return found


def _double(value: Array) -> Array:
    return value.astype(np.float64) if is_float(value.dtype) else value


def _doubled(node: NodeProto) -> NodeProto:
    """The node for float64."""
    if node.op_type != "Cast":
        return node
    element = attributes(node)["to"]
    if not is_float(helper.tensor_dtype_to_np_dtype(element)):
        return node
    return helper.make_node("Cast", node.input, node.output, name=node.name, to=TensorProto.DOUBLE)
