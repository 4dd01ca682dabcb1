"""What a graph first computes of each channel of its input: a scale and an offset."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scaling:
    """The first arithmetic of a graph: factors * x + offsets.

    Attributes:
        factors, offsets: float64 [C], by the input's channels.
    """

    factors: Values
    offsets: Values

    @property
    def is_none(self) -> bool:
        """Whether it leaves the input as it is."""
        return bool(np.allclose(self.factors, 1) and np.allclose(self.offsets, 0))


@dataclass(frozen=True, eq=False)
class _Walk:
    """How far the graph has been followed.

    Attributes:
        name: the tensor.
        axis: of its channels; None where there is one channel and no axis of it.
        order: int64 [C], which channel of the input each channel is.
        factors, offsets: float64 [C], by the channels of the tensor.
    """

    name: str
    axis: int | None
    order: NDArray[np.int64]
    factors: Values
    offsets: Values


def input_scaling(graph: Graph, name: str, axis: int | None, channels: int) -> Scaling:
    """What a graph computes of each channel of an input, as far as it is a scale and an offset.

    Args:
        graph: canonical.
        name: of the input.
        axis: of its channels; None where it has none.
        channels: how many there are.
    """
    walk: _Walk | None = _Walk(
        name, axis, np.arange(channels), np.ones(channels), np.zeros(channels)
    )
    last = walk
    while walk is not None:
        last = walk
        walk = _next(graph, walk)
    assert last is not None
    back = np.argsort(last.order)
    return Scaling(last.factors[back], last.offsets[back])


def _next(graph: Graph, walk: _Walk) -> _Walk | None:
    """Behind the only reader of the tensor; None where that does something else."""
    node = graph.sole_consumer(walk.name)
    if node is None or node.domain not in STANDARD_DOMAINS:
        return None
    moved = replace(walk, name=node.output[0])
    match node.op_type:
        case "Identity" | "Cast":
            return moved
        case "Transpose":
            return _transposed(graph, node, moved)
        case "Gather":
            return _reordered(graph, node, moved)
        case "Add" | "Sub" | "Mul" | "Div":
            return _computed(graph, node, walk)
        case "BatchNormalization":
            return _normalised(graph, node, moved)
    return None


def _transposed(graph: Graph, node: NodeProto, walk: _Walk) -> _Walk | None:
    tensor = graph.tensor(node.output[0])
    if walk.axis is None or tensor is None or tensor.rank is None:
        return None
    perm = attributes(node).get("perm") or list(reversed(range(tensor.rank)))
    return replace(walk, axis=list(perm).index(walk.axis))


def _reordered(graph: Graph, node: NodeProto, walk: _Walk) -> _Walk | None:
    """A Gather that puts the channels in another order, as from RGB to BGR."""
    indices, tensor = graph.value(node.input[1]), graph.tensor(node.output[0])
    if indices is None or tensor is None or tensor.rank is None or walk.axis is None:
        return None
    at = int(attributes(node).get("axis", 0)) % tensor.rank
    wanted = np.asarray(indices, np.int64).reshape(-1) % len(walk.order)
    if at != walk.axis or sorted(wanted.tolist()) != list(range(len(walk.order))):
        return None
    return replace(
        walk,
        order=walk.order[wanted],
        factors=walk.factors[wanted],
        offsets=walk.offsets[wanted],
    )


def _computed(graph: Graph, node: NodeProto, walk: _Walk) -> _Walk | None:
    is_first = node.input[0] == walk.name
    constant = graph.value(node.input[1 if is_first else 0])
    tensor = graph.tensor(node.output[0])
    if constant is None or tensor is None or tensor.rank is None:
        return None
    numbers = _by_channel(constant.astype(np.float64), tensor.rank, walk)
    if numbers is None:
        return None
    factors, offsets = walk.factors, walk.offsets
    match node.op_type:
        case "Add":
            offsets = offsets + numbers
        case "Sub" if is_first:
            offsets = offsets - numbers
        case "Sub":
            factors, offsets = -factors, numbers - offsets
        case "Mul":
            factors, offsets = factors * numbers, offsets * numbers
        case "Div" if is_first and numbers.all():
            factors, offsets = factors / numbers, offsets / numbers
        case _:
            return None
    return replace(walk, name=node.output[0], factors=factors, offsets=offsets)


def _by_channel(constant: Values, rank: int, walk: _Walk) -> Values | None:
    """A constant that is broadcast to the tensor, as [C]; None where it differs by positions."""
    channels = len(walk.order)
    if constant.size == 1:
        return np.full(channels, constant.reshape(-1)[0])
    shape = (1,) * (rank - constant.ndim) + constant.shape
    if walk.axis is None or len(shape) > rank or not constant.size == shape[walk.axis] == channels:
        return None
    return constant.reshape(-1)


def _normalised(graph: Graph, node: NodeProto, walk: _Walk) -> _Walk | None:
    numbers = [graph.value(name) for name in node.input[1:5]]
    if (
        walk.axis != 1
        or attributes(node).get("training_mode", 0)
        or any(v is None for v in numbers)
    ):
        return None
    scale, bias, mean, variance = (np.asarray(v, np.float64).reshape(-1) for v in numbers)
    if scale.size != len(walk.order):
        return None
    factors = scale / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
    return replace(
        walk, factors=walk.factors * factors, offsets=(walk.offsets - mean) * factors + bias
    )
