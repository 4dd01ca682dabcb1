"""A convolution's weights as they act on the picture: a scale of its channels before is undone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from onnx import NodeProto

from retrograph.errors import InputError
from retrograph.ir.compose.randomise_weights import is_stored, stored_value
from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, attributes
from retrograph.ir.path import flow
from retrograph.model import Model

CONVOLUTIONS = ("Conv", "ConvTranspose", "DeformConv")


@dataclass(frozen=True)
class FilterWeights:
    """The filters of one convolution.

    Attributes:
        alias: the layer's short name.
        tensor: its name in the model.
        op: Conv, ConvTranspose or DeformConv.
        weights: float32 or float64 [M, C / groups, *K], as the convolution uses them, dequantised.
        groups: how many groups of input channels there are.
        on_input: whether they see the model's input, with nothing but scales in between.
        factors: float64 [C], by which the graph multiplies the channels of its input before the
            convolution; all 1 where it does not.
        undone: what does that, in words.
        notes: what else is to be known.
    """

    alias: str
    tensor: str
    op: str
    weights: Array
    groups: int
    on_input: bool
    factors: Array
    undone: tuple[str, ...]
    notes: tuple[str, ...]

    def scaled(self, factors: Array | None = None) -> Array:
        """The weights on the input as it is before those scales, and before others of one's own.

        Args:
            factors: [C] or [1], by which the input's channels are multiplied before the model.
        """
        all_factors = self.factors * (1.0 if factors is None else factors)
        outputs, per_group = self.weights.shape[:2]
        group = np.arange(outputs) // (outputs // self.groups)
        channels = group[:, np.newaxis] * per_group + np.arange(per_group)
        shape = (outputs, per_group) + (1,) * (self.weights.ndim - 2)
        return np.asarray(self.weights * all_factors[channels].reshape(shape))


def read_weights(model: Model, layer: str | None = None) -> FilterWeights:
    """The filters of a layer, by alias, tensor or node; of the first convolution if None.

    Raises:
        InputError: there is no such convolution, or the graph computes its weights.
    """
    graph = model.graph
    node = _first(model) if layer is None else _named(model, layer)
    name, tensor = node.input[1], node.output[0]
    if not is_stored(graph, name):
        raise InputError(
            f"the weights of '{node.name}' are computed by the graph; choose another layer"
        )
    values = stored_value(graph, name)
    weights = np.asarray(values, np.float64 if values.dtype == np.float64 else np.float32)
    groups = int(attributes(node).get("group", 1))
    if node.op_type == "ConvTranspose":
        weights = _transposed(weights, groups)
    if weights.ndim < 3 or weights.size == 0:
        raise InputError(f"'{node.name}' has weights {list(weights.shape)}; choose another layer")
    origin = _Origin(graph, node.input[0], weights.shape[1] * groups).traced()
    notes = _normalisation_notes(graph, tensor)
    if node.op_type == "ConvTranspose":
        notes.append("a transposed convolution paints with its filters: they are not turned round")
    return FilterWeights(
        model.alias(_with_bias(graph, tensor)),
        tensor,
        node.op_type,
        weights,
        groups,
        origin.on_input,
        origin.factors,
        tuple(origin.undone),
        tuple(notes),
    )


def _first(model: Model) -> NodeProto:
    graph = model.graph
    reached = flow(graph, [tensor.name for tensor in model.inputs])
    for node in graph.nodes:
        if _is_convolution(node) and node.input[0] in reached:
            return node
    raise InputError("the model has no convolution, so no filters; give one that has")


def _named(model: Model, layer: str) -> NodeProto:
    node = model.graph.producer.get(model.target(layer))
    if node is not None and node.op_type == "Add":
        makers = [model.graph.producer.get(name) for name in node.input]
        node = next((maker for maker in makers if maker and _is_convolution(maker)), node)
    if node is None or not _is_convolution(node):
        known = [each.alias for each in model.layers() if each.op in CONVOLUTIONS]
        several = f"{', '.join(known[:8])}{', ...' if len(known) > 8 else ''}"
        made = "the input" if node is None else f"made by {node.op_type}"
        raise InputError(
            f"'{layer}' is {made}, which has no filters; choose one of: {several or 'none'}"
        )
    return node


def _is_convolution(node: NodeProto) -> bool:
    return node.op_type in CONVOLUTIONS and node.domain in STANDARD_DOMAINS


def _with_bias(graph: Graph, tensor: str) -> str:
    """The layer's tensor: behind an Add of a bias, if there is one."""
    reader = graph.sole_consumer(tensor)
    is_bias = reader is not None and reader.op_type == "Add"
    if reader is not None and is_bias and any(name in graph.constants for name in reader.input):
        return str(reader.output[0])
    return tensor


def _transposed(weights: Array, groups: int) -> Array:
    """[C, M / groups, *K] of a ConvTranspose as [M, C / groups, *K]."""
    inputs, outputs = weights.shape[:2]
    parts = weights.reshape(groups, inputs // groups, outputs, *weights.shape[2:])
    return parts.swapaxes(1, 2).reshape(groups * outputs, inputs // groups, *weights.shape[2:])


def _normalisation_notes(graph: Graph, tensor: str) -> list[str]:
    """A normalisation behind the convolution, which scales each filter as a whole."""
    reader = graph.sole_consumer(_with_bias(graph, tensor))
    factors = None if reader is None else _channel_factors(graph, reader)
    if factors is None:
        return []
    text = (
        f"a BatchNormalization behind it multiplies each filter by a number of its own "
        f"({factors.min():.3g} to {factors.max():.3g}), which is left out"
    )
    turned = int((factors < 0).sum())
    return [f"{text}; it turns {turned} filters over" if turned else text]


def _channel_factors(graph: Graph, node: NodeProto) -> Array | None:
    """By what a BatchNormalization multiplies each channel; None where that is not constant."""
    if node.op_type != "BatchNormalization" or node.domain not in STANDARD_DOMAINS:
        return None
    if attributes(node).get("training_mode", 0):
        return None
    scale, variance = graph.value(node.input[1]), graph.value(node.input[4])
    if scale is None or variance is None:
        return None
    epsilon = attributes(node).get("epsilon", 1e-5)
    return np.asarray(scale / np.sqrt(variance.astype(np.float64) + epsilon))


@dataclass
class _Origin:
    """Where a convolution's input comes from: the model's, through scales of its channels, or not.

    Attributes:
        graph: the graph.
        name: the tensor that it has come to.
        channels: how many channels there are.
        axis: which axis counts them.
        on_input: whether it has come to the model's input.
        factors: [C], by which channels are multiplied on the way.
        undone: what multiplies them.
    """

    graph: Graph
    name: str
    channels: int
    axis: int = 1
    on_input: bool = False
    factors: Array = field(init=False)
    undone: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.factors = np.ones(self.channels)

    def traced(self) -> _Origin:
        """The same at its end; where that is not the model's input, nothing is undone."""
        while self.name not in self.graph.input_names():
            node = self.graph.producer.get(self.name)
            if node is None or node.domain not in STANDARD_DOMAINS or not self._step(node):
                return _Origin(self.graph, self.name, self.channels, self.axis)
        self.on_input = True
        if np.allclose(self.factors, 1, rtol=1e-5):
            self.undone = []
        return self

    def _step(self, node: NodeProto) -> bool:
        """Go from what a node makes to what it reads; False where it is no scale of channels."""
        op = node.op_type
        if op in ("Identity", "Cast", "Round", "Clip"):
            self.name = node.input[0]
            return True
        if op == "Pad":
            return self._through_pad(node)
        if op in ("Add", "Sub", "Mul", "Div"):
            return self._through_arithmetic(node)
        if op == "BatchNormalization" and self.axis == 1:
            factors = _channel_factors(self.graph, node)
            return self._multiplied(factors, node.input[0], "normalisation")
        if op == "Transpose":
            rank = self._rank(node.input[0])
            perm = attributes(node).get("perm") or list(reversed(range(rank)))
            self.axis, self.name = int(perm[self.axis]), node.input[0]
            return True
        if op in ("Unsqueeze", "Squeeze"):
            return self._through_single_axes(node)
        return False

    def _through_pad(self, node: NodeProto) -> bool:
        rank = self._rank(node.input[0])
        pads = self.graph.value(node.input[1])
        named = self.graph.value(node.input[3]) if len(node.input) > 3 and node.input[3] else None
        axes = list(range(rank)) if named is None else [int(a) % rank for a in named.reshape(-1)]
        if pads is None:
            return False
        amounts = pads.reshape(2, -1)
        if any(amounts[:, i].any() for i, axis in enumerate(axes) if axis == self.axis):
            return False
        self.name = node.input[0]
        return True

    def _through_arithmetic(self, node: NodeProto) -> bool:
        first, second = node.input
        constant = self.graph.value(second)
        other = first
        if constant is None:
            constant, other = self.graph.value(first), second
        if constant is None or self._rank(other) != self._rank(node.output[0]):
            return False
        turned = other == second
        if node.op_type == "Add" or (node.op_type == "Sub" and not turned):
            self.name = other
            return True
        if node.op_type == "Sub":
            return self._multiplied(np.full(1, -1.0), other, "subtraction")
        along = self._along(constant.astype(np.float64), self._rank(other))
        if along is None or (node.op_type == "Div" and (turned or not along.all())):
            return False
        factors = 1 / along if node.op_type == "Div" else along
        return self._multiplied(factors, other, "division" if node.op_type == "Div" else "scale")

    def _along(self, constant: Array, rank: int) -> Array | None:
        """A constant that is broadcast to a tensor, as [1] or [C] along the channels."""
        if constant.size == 1:
            return constant.reshape(1)
        shape = (1,) * (rank - constant.ndim) + constant.shape
        if constant.ndim > rank or not constant.size == shape[self.axis] == self.channels:
            return None
        return constant.reshape(-1)

    def _multiplied(self, factors: Array | None, name: str, what: str) -> bool:
        if factors is None or factors.size not in (1, self.channels):
            return False
        self.factors = self.factors * factors
        listed = ", ".join(f"{value:.4g}" for value in np.unique(factors)[:4])
        more = ", ..." if np.unique(factors).size > 4 else ""
        self.undone.append(f"the graph's {what} of its input (times {listed}{more})")
        self.name = name
        return True

    def _through_single_axes(self, node: NodeProto) -> bool:
        axes = self.graph.value(node.input[1]) if len(node.input) > 1 else None
        if axes is None:
            return False
        rank = max(self._rank(node.input[0]), self._rank(node.output[0]))
        single = {int(x) % rank for x in axes.reshape(-1)}
        others = [axis for axis in range(rank) if axis not in single]
        if node.op_type == "Squeeze":
            self.axis = others[self.axis]
        elif self.axis in others:
            self.axis = others.index(self.axis)
        else:
            return False
        self.name = node.input[0]
        return True

    def _rank(self, name: str) -> int:
        tensor = self.graph.tensor(name)
        return 0 if tensor is None or tensor.rank is None else tensor.rank
