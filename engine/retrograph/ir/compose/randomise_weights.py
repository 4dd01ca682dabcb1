"""The layers of a graph that have weights, and the graph with weights that are drawn anew."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, is_static, op_label
from retrograph.ir.op_traits import MOVES
from retrograph.ir.path import Path
from retrograph.ir.reference import reference_outputs
from retrograph.ir.subgraphs import subgraphs

_LEADING = {
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "DeformConv": (1, 3),
    "Gemm": (0, 1, 2),
    "MatMul": (0, 1),
    "Einsum": (0, 1, 2),
    "LSTM": (1, 2, 3, 7),
    "GRU": (1, 2, 3),
    "RNN": (1, 2, 3),
}
"""Operators that are a layer, and where they read weights."""

_NORMS = {
    "BatchNormalization": (1, 2, 3, 4),
    "InstanceNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "RMSNormalization": (1,),
    "PRelu": (1,),
}
"""Operators with weights that belong to the layer right before them, if there is one."""

_ARITHMETIC = {"Add": (0, 1), "Sub": (0, 1), "Mul": (0, 1), "Div": (0, 1)}
"""A bias or a scale, if it stands right behind a layer; else no weights but a preparation."""

_PLACES = {**_LEADING, **_NORMS, **_ARITHMETIC}
_VARIANCE = ("BatchNormalization", 4)
_CARRYING = MOVES | {"Cast"}
_PREPARING = {*_CARRYING, *_ARITHMETIC, "DequantizeLinear"}
"""What may stand between a stored weight and the layer, as in quantised models."""

_EVALUATED = 21
"""Before opset 19 the reference evaluator has no DequantizeLinear; it means the same."""


@dataclass(frozen=True)
class WeightedLayer:
    """A layer and what it reads as weights.

    Attributes:
        tensor: what the layer's own node writes, before its normalisation or separate bias.
        weights: the tensors, as the layer reads them; one that an earlier layer of the list has
            is left out.
        variances: those of the weights that must stay positive.
    """

    tensor: str
    weights: tuple[str, ...]
    variances: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Weights:
    """What of a graph can be drawn anew.

    Attributes:
        layers: from the target down to the input.
        kept: why weights of some nodes stay as they are, a line for each.
    """

    layers: tuple[WeightedLayer, ...]
    kept: tuple[str, ...]


def weights_on(graph: Graph, way: Path) -> Weights:
    """The layers with weights on a path: floating-point constants of rank 1 or more.

    Normalisations, biases and scales right behind a layer go with it.
    """
    found: dict[str, list[tuple[NodeProto, str]]] = {}
    owner: dict[str, str] = {}
    kept: list[str] = []
    for node in way.nodes:
        layer = _layer_of(node, way, owner)
        if layer:
            owner.update((name, layer) for name in node.output if name)
            reads = [(node, name) for name in _candidates(graph, node, way)]
            found.setdefault(layer, []).extend(reads)
        kept += [f"the weights inside '{node.name}' ({op_label(node)})" for _ in subgraphs(node)]
    taken: set[str] = set()
    layers = []
    for tensor, pairs in reversed(found.items()):
        names = [name for _, name in pairs if name not in taken]
        taken.update(names)
        stored = [name for name in dict.fromkeys(names) if is_stored(graph, name)]
        kept += [f"'{name}', which the graph computes" for name in names if name not in stored]
        if stored:
            layers.append(WeightedLayer(tensor, tuple(stored), _variances(pairs)))
    return Weights(tuple(layers), tuple(dict.fromkeys(kept)))


def _layer_of(node: NodeProto, way: Path, owner: Mapping[str, str]) -> str:
    """The layer that a node is, or belongs to; "" if to none."""
    if node.domain not in STANDARD_DOMAINS:
        return ""
    if node.op_type in _LEADING:
        return str(node.output[0])
    moving = [name for name in node.input if name in way.tensors]
    before = owner.get(moving[0], "") if len(moving) == 1 else ""
    if node.op_type in _NORMS:
        return before or str(node.output[0])
    return before if node.op_type in _ARITHMETIC or node.op_type in _CARRYING else ""


def _candidates(graph: Graph, node: NodeProto, way: Path) -> list[str]:
    """The tensors that a node reads as weights, stored or computed."""
    places = _PLACES.get(node.op_type, ())
    names = [node.input[i] for i in places if i < len(node.input) and node.input[i]]
    return [name for name in names if name not in way.tensors and _is_weight(graph, node, name)]


def _is_weight(graph: Graph, node: NodeProto, name: str) -> bool:
    tensor = graph.tensor(name)
    if tensor is None or not tensor.is_float or not tensor.rank:
        return False
    if node.op_type not in _ARITHMETIC:
        return True
    return 1 < _size(graph, name) < math.inf


def _variances(pairs: Iterable[tuple[NodeProto, str]]) -> frozenset[str]:
    op, place = _VARIANCE
    return frozenset(name for n, name in pairs if n.op_type == op and n.input[place] == name)


def is_stored(graph: Graph, name: str) -> bool:
    """Whether a tensor is a constant, or one in another type, shape or scale, as large at most."""
    if name in graph.constants:
        return True
    maker = graph.producer.get(name)
    if maker is None or maker.op_type not in _PREPARING or len(maker.output) > 1:
        return False
    read = [read for read in maker.input if read]
    return _size(graph, name) <= sum(_size(graph, r) for r in read) < math.inf and all(
        is_stored(graph, r) for r in read
    )


def _size(graph: Graph, name: str) -> float:
    """How many numbers a tensor has; infinite where that is not known."""
    tensor = graph.tensor(name)
    if tensor is None or not is_static(tensor.shape):
        return math.inf
    return math.prod(d for d in tensor.shape or () if isinstance(d, int))


def redrawn(graph: Graph, layer: WeightedLayer, rng: np.random.Generator) -> dict[str, Array]:
    """New weights of a layer: normally distributed, with the mean and deviation of each tensor.

    A variance is the magnitude of what is drawn. A tensor whose numbers are all equal stays.
    """
    drawn = {}
    for name in layer.weights:
        old = stored_value(graph, name)
        wide = old.astype(np.float64)
        new = rng.normal(wide.mean(), wide.std(), wide.shape)
        drawn[name] = (np.abs(new) if name in layer.variances else new).astype(old.dtype)
    return drawn


def stored_value(graph: Graph, name: str) -> Array:
    value = graph.value(name)
    if value is not None:
        return value
    nodes, constants = graph.needed([name])
    tensor = graph.tensor(name)
    assert tensor is not None
    kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    output = helper.make_tensor_value_info(name, kind, None)
    values = {str(t.name): graph.value(t.name) for t in constants}
    inner = helper.make_graph(
        nodes,
        "weight",
        [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in constants],
        [output],
    )
    opset = max(graph.opset, _EVALUATED)
    model = helper.make_model(inner, opset_imports=[helper.make_opsetid("", opset)])
    (found,) = reference_outputs(model, values)
    return np.asarray(found)


def with_weights(graph: Graph, values: Mapping[str, Array]) -> Graph:
    """The graph with other values of some weights; all names stay."""
    twin = graph.copy()
    twin.nodes = [n for n in twin.nodes if values.keys().isdisjoint(n.output)]
    for name, value in values.items():
        twin.set_constant(name, value)
    twin.index()
    return twin
