"""Activations: functions of one tensor, element by element, however they are spelled.

Exporters write Swish as x * Sigmoid(x), HardSwish with a Clip or a HardSigmoid, Mish and GELU with
up to eight nodes. Found is what joins two functions of the same tensor; its values tell its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph
from retrograph.ir.op_traits import SPELLERS
from retrograph.ir.path import Composite
from retrograph.ir.reference import reference_outputs

_BINARY = {"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"}

_POINTS = np.linspace(-30.0, 30.0, 241)
_NEAR = 1e-3


def activations(graph: Graph, nodes: Iterable[NodeProto]) -> list[Composite]:
    """The activations that several of the nodes spell, each as large as it is.

    None holds what a ReLU rule treats, and no other node reads what is inside of one.
    """
    found: dict[str, Composite] = {}
    for node in nodes:
        joined = _joined(graph, node, found)
        if joined is not None and _is_closed(graph, joined):
            inner = {step.output[0] for step in joined.nodes}
            found = {name: c for name, c in found.items() if name not in inner}
            whole = _scaled(graph, joined)
            found[whole.output] = whole
    return list(found.values())


def swishes(graph: Graph) -> list[Composite]:
    """The Swish functions that are written x * Sigmoid(x), where nothing else reads the Sigmoid."""
    found = []
    for node in graph.nodes:
        if node.op_type != "Mul" or node.domain not in STANDARD_DOMAINS:
            continue
        for x, s in (tuple(node.input), tuple(reversed(node.input))):
            maker = graph.producer.get(s)
            if maker is None or maker.op_type != "Sigmoid" or list(maker.input) != [x]:
                continue
            if graph.sole_consumer(s) is not None:
                found.append(Composite("Swish", (maker, node), x))
    return found


def is_gate(graph: Graph, composite: Composite) -> bool:
    """Whether it passes what is far above 0 and holds back what is far below, as a ReLU does."""
    y = _values(graph, composite)
    return y is not None and bool(y[-1] > 0.5 * _POINTS[-1] and abs(y[0]) < 0.5 * y[-1])


def name_of(graph: Graph, composite: Composite) -> str:
    """What it is called: the operator that has its values, or else its parts."""
    y = _values(graph, composite)
    for name, function in _KNOWN.items():
        if y is not None and np.abs(y - function(_POINTS)).max() < _NEAR:
            return name
    return "*".join(dict.fromkeys(str(node.op_type) for node in composite.nodes))


def _joined(graph: Graph, node: NodeProto, found: Mapping[str, Composite]) -> Composite | None:
    """The nodes between a tensor and a node that joins two functions of it."""
    varying = _varying(graph, node)
    if node.op_type not in _BINARY or len(varying) != 2:
        return None
    first, second = (dict(_chain(graph, name, found)) for name in varying)
    common = next((name for name in first if name in second), None)
    if common is None or not _alike(graph, common, node.output[0]):
        return None
    inside: dict[str, NodeProto] = {}
    for chain in (first, second):
        for name, steps in chain.items():
            if name == common:
                break
            inside |= {step.name: step for step in steps}
    order = {n.name: place for place, n in enumerate(graph.nodes) if n.name in inside}
    steps = sorted(inside.values(), key=lambda step: order[step.name])
    return Composite("Activation", (*steps, node), common)


def _scaled(graph: Graph, composite: Composite) -> Composite:
    """With the factor behind it, where that brings its slope far above 0 to 1."""
    node = graph.sole_consumer(composite.output)
    if node is None or node.op_type not in ("Mul", "Div") or _argument(graph, node) is None:
        return composite
    whole = replace(composite, nodes=(*composite.nodes, node))
    y = _values(graph, whole)
    return whole if y is not None and abs(y[-1] / _POINTS[-1] - 1) < _NEAR else composite


def _chain(
    graph: Graph, name: str, found: Mapping[str, Composite]
) -> Iterator[tuple[str, Sequence[NodeProto]]]:
    """A tensor and those that it is a function of, the nearest first, each with what makes it."""
    while True:
        node, before = graph.producer.get(name), None
        steps: Sequence[NodeProto] = ()
        if name in found:
            steps, before = found[name].nodes, found[name].input
        elif node is not None:
            steps, before = (node,), _argument(graph, node)
        yield name, steps
        if before is None:
            return
        name = before


def _argument(graph: Graph, node: NodeProto) -> str | None:
    """The one tensor that a node is a function of, element by element."""
    if node.op_type not in SPELLERS | _BINARY or node.domain not in STANDARD_DOMAINS:
        return None
    varying = _varying(graph, node)
    return varying[0] if len(varying) == 1 and _alike(graph, varying[0], node.output[0]) else None


def _varying(graph: Graph, node: NodeProto) -> list[str]:
    return [n for n in node.input if n and n not in graph.constants and n not in graph.sparse]


def _alike(graph: Graph, x: str, y: str) -> bool:
    """Whether two tensors are floating point and of one shape, as far as it is known."""
    a, b = graph.tensor(x), graph.tensor(y)
    if a is None or b is None or not (a.is_float and b.is_float):
        return False
    return a.shape is not None and b.shape is not None and a.shape == b.shape


def _is_closed(graph: Graph, composite: Composite) -> bool:
    names = {n.name for n in composite.nodes}
    if not names.isdisjoint(graph.relu_like | graph.straight_through.keys()):
        return False
    return all(
        reader.name in names
        for node in composite.nodes[:-1]
        for name in node.output
        for reader in graph.consumers.get(name, ())
    )


def _values(graph: Graph, composite: Composite) -> Array | None:
    """Its values at some points; None where they differ from channel to channel."""
    read = {name for node in composite.nodes for name in node.input if name in graph.constants}
    constants = [graph.constants[name] for name in read]
    if any(any(d != 1 for d in tensor.dims) for tensor in constants):
        return None
    tensor = graph.tensor(composite.input)
    assert tensor is not None
    shape = [1] * ((tensor.rank or 1) - 1) + [len(_POINTS)]
    element = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    model = helper.make_model(
        helper.make_graph(
            composite.nodes,
            "activation",
            [helper.make_tensor_value_info(composite.input, element, shape)],
            [helper.make_tensor_value_info(composite.output, element, shape)],
            constants,
        ),
        opset_imports=[helper.make_opsetid("", graph.opset)],
    )
    with np.errstate(all="ignore"):
        feeds = {composite.input: _POINTS.reshape(shape).astype(tensor.dtype)}
        (y,) = reference_outputs(model, feeds)
    return np.asarray(y, np.float64).reshape(-1)


_KNOWN: dict[str, Callable[[Array], Array]] = {
    "Swish": lambda x: np.asarray(x / (1 + np.exp(-x))),
    "HardSwish": lambda x: np.asarray(x * np.clip(x / 6 + 0.5, 0, 1)),
    "Gelu": lambda x: np.asarray(0.5 * x * (1 + np.tanh(0.79788456 * (x + 0.044715 * x**3)))),
    "Mish": lambda x: np.asarray(x * np.tanh(np.log1p(np.exp(x)))),
    "Softplus": lambda x: np.asarray(np.log1p(np.exp(x))),
}
