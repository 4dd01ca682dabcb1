"""Linear layers of a region: weights [outputs, inputs, *kernel], and what is folded into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from retrograph.auditing.diagnosis.difference import Side
from retrograph.auditing.regions import WEIGHTED
from retrograph.ir.graph import NodeProto
from retrograph.runtime import Array

_MOVES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity")


@dataclass(frozen=True)
class LinearLayer:
    """A convolution or product with constant weights.

    Attributes:
        node: what computes it.
        weight: [O, I, *kernel], float32.
        bias: [O]; None where there is none.
    """

    node: NodeProto
    weight: Array
    bias: Array | None

    @property
    def filled_bias(self) -> Array:
        """The bias, 0 where there is none."""
        return np.zeros(len(self.weight), np.float32) if self.bias is None else self.bias


def linear_layers(side: Side) -> list[LinearLayer]:
    """Those of a region, in forward order."""
    found = (_layer(side, node) for node in side.nodes if node.op_type in WEIGHTED)
    return [layer for layer in found if layer is not None]


def _layer(side: Side, node: NodeProto) -> LinearLayer | None:
    weight = side.constant(node.input[1])
    first = weight is None
    if weight is None:
        weight = side.constant(node.input[0])
    if weight is None or weight.ndim < 2:
        return None
    weight = np.asarray(weight, np.float32)
    is_turned = node.op_type == "Gemm" and side.attributes(node).get("transB", 0)
    if node.op_type in ("Gemm", "MatMul") and weight.ndim == 2 and not is_turned and not first:
        weight = weight.T
    elif node.op_type == "ConvTranspose":
        weight = weight.swapaxes(0, 1)
    bias = side.constant(node.input[2]) if len(node.input) > 2 else None
    return LinearLayer(node, weight, None if bias is None else _flat(bias))


def folded(side: Side, layer: LinearLayer) -> LinearLayer:
    """The layer with what scales and shifts its channels right behind it."""
    return next((last for _, last in reversed([*folds(side, layer)])), layer)


def folds(side: Side, layer: LinearLayer) -> Iterator[tuple[NodeProto, LinearLayer]]:
    """What scales and shifts its channels right behind it, each with the layer up to there."""
    nodes = side.nodes
    for node in nodes[nodes.index(layer.node) + 1 :]:
        if node.op_type in _MOVES:
            continue
        after = _normalised(side, layer, node) or _shifted(side, layer, node)
        if after is None:
            return
        layer = after
        yield node, layer


def _normalised(side: Side, layer: LinearLayer, node: NodeProto) -> LinearLayer | None:
    if node.op_type != "BatchNormalization":
        return None
    values = [side.constant(name) for name in node.input[1:5]]
    if any(value is None for value in values):
        return None
    scale, shift, mean, variance = (_flat(value) for value in values if value is not None)
    factor = scale / np.sqrt(variance + side.attributes(node)["epsilon"])
    bias = (layer.filled_bias - mean) * factor + shift
    return replace(layer, weight=_by_channel(layer.weight, factor), bias=bias)


def _shifted(side: Side, layer: LinearLayer, node: NodeProto) -> LinearLayer | None:
    if node.op_type not in ("Add", "Sub", "Mul", "Div"):
        return None
    constants = [side.constant(name) for name in node.input]
    place = next((i for i, value in enumerate(constants) if value is not None), None)
    if place is None or (node.op_type in ("Sub", "Div") and place != 1):
        return None
    value = constants[place]
    assert value is not None
    if value.size not in (1, len(layer.weight)):
        return None
    number = _flat(value)
    if node.op_type in ("Add", "Sub"):
        shift = number if node.op_type == "Add" else -number
        return replace(layer, bias=layer.filled_bias + shift)
    factor = np.broadcast_to(number if node.op_type == "Mul" else 1 / number, len(layer.weight))
    weight = _by_channel(layer.weight, factor)
    return replace(layer, weight=weight, bias=layer.filled_bias * factor)


def _by_channel(weight: Array, factor: Array) -> Array:
    return weight * factor.reshape(-1, *[1] * (weight.ndim - 1))


def _flat(values: Array) -> Array:
    return np.asarray(values, np.float32).reshape(-1)


def flattened_from(side: Side, node: NodeProto) -> tuple[int, ...] | None:
    """The shape, of three axes, of what a dense layer's input was flattened from."""
    name = node.input[0]
    while side.network.only_moves(name):
        name = side.network.nodes[name].input[0]
        tensor = side.network.graph.tensor(name)
        shape = None if tensor is None else tensor.shape
        if shape is not None and len(shape) == 4 and all(isinstance(d, int) for d in shape[1:]):
            return tuple(int(d) for d in shape[1:] if isinstance(d, int))
    return None
