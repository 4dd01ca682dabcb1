"""Which tensors ONNX Runtime's CPU provider keeps in the layout of its fast convolutions.

There channels lie in blocks of 16 (NCHWc). Convolutions and pools bring their input into it, a few
other operators stay in it if all their inputs are; anything else takes the tensor out. This is an
estimate from the conditions of the runtime: where it is wrong a graph is slower, never different.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, Shape, Tensor, attributes
from retrograph.ir.op_traits import Blocked, named

BLOCK = 16

_STAY, _JOIN = named(blocked=Blocked.STAYS), named(blocked=Blocked.JOINS)
_PASS = _STAY | _JOIN | {"BatchNormalization"}
_WITH_ATTRIBUTES = {"Conv", "Concat", "Resize"}


class BlockedLayout:
    """The tensors in the blocked layout, those of a graph and those emitted behind it.

    Args:
        graph: the forward pass.

    Attributes:
        channels: how many channels they have, by their names.
    """

    def __init__(self, graph: Graph) -> None:
        self.channels: dict[str, int] = {}
        for node in graph.nodes:
            if node.domain not in STANDARD_DOMAINS:
                continue
            inputs = [graph.tensor(name) if name else None for name in node.input]
            known = attributes(node) if node.op_type in _WITH_ATTRIBUTES else {}
            self.note(node.op_type, inputs, node.output[0] if node.output else "", known)

    def note(
        self, op: str, inputs: Sequence[Tensor | None], output: str, attrs: Mapping[str, Any]
    ) -> None:
        """Tell of a node; nodes are told of in the order in which they run."""
        found = self._channels(op, inputs, attrs)
        if found is not None:
            self.channels[output] = found

    def rename(self, old: str, new: str) -> None:
        if old in self.channels:
            self.channels[new] = self.channels[old]

    def holds(self, tensor: Tensor) -> bool:
        return tensor.name in self.channels

    def _channels(
        self, op: str, inputs: Sequence[Tensor | None], attrs: Mapping[str, Any]
    ) -> int | None:
        """How many channels the first output has in the blocked layout; None if it is not in it."""
        if not inputs or inputs[0] is None or (op in ("Conv", "Mul") and len(inputs) < 2):
            return None
        first = self.channels.get(inputs[0].name)
        if op == "Conv":
            weight = inputs[1]
            shape = () if weight is None or weight.shape is None else weight.shape
            return _made(shape, int(attrs.get("group", 1)))
        if op in ("MaxPool", "AveragePool"):
            channels = inputs[0].shape[1] if inputs[0].rank == 4 and inputs[0].shape else first
            return channels if isinstance(channels, int) and channels % BLOCK == 0 else None
        if op in _JOIN:
            others = [self.channels.get(t.name) if t is not None else None for t in inputs]
            if op == "Mul" and _is_one_for_each_channel(inputs[1]):
                return first
            return first if all(c == first for c in others) else None
        if op == "Concat":
            parts = [self.channels.get(t.name, 1) if t is not None else 1 for t in inputs]
            return sum(parts) if attrs["axis"] == 1 and not any(p % BLOCK for p in parts) else None
        if op == "Resize":
            return first if attrs.get("coordinate_transformation_mode") == "asymmetric" else None
        return first if op in _STAY or op == "BatchNormalization" else None


@dataclass(frozen=True)
class Sought:
    """Where cotangents had better be in the blocked layout.

    Attributes:
        masked: tensors whose cotangents pass other operators on their way into a convolution.
        convolved: tensors whose cotangents go straight into one, which brings them in by itself.
    """

    masked: set[str]
    convolved: set[str]


def sought(graph: Graph, nodes: Sequence[NodeProto]) -> Sought:
    """Where the cotangents that pass these nodes, in forward order, had better be blocked."""
    found = Sought(set(), set())
    for node in nodes:
        if node.domain not in STANDARD_DOMAINS:
            continue
        if node.op_type == "Conv":
            weight, attrs = graph.tensor(node.input[1]), attributes(node)
            shape = weight.shape if weight is not None else None
            if shape is not None and _convolves_back(shape, attrs):
                found.convolved.add(node.output[0])
        elif node.op_type in _PASS and any(
            name in found.masked or name in found.convolved for name in node.input
        ):
            shapes = {None if t is None else t.shape for t in map(graph.tensor, node.input)}
            if len(shapes) == 1 or node.op_type != "Mul":
                found.masked.add(node.output[0])
    return found


def _convolves_back(weight: Shape, attrs: Mapping[str, Any]) -> bool:
    group = int(attrs.get("group", 1))
    sizes = [d for d in weight if isinstance(d, int)]
    if len(weight) != 4 or len(sizes) != 4:
        return False
    m, c = sizes[0], sizes[1] * group
    strided = any(s > 1 for s in attrs.get("strides") or [])
    return convolves((c, m // group), group) and m >= BLOCK and (not strided or c >= BLOCK)


def _made(weight: Shape, group: int) -> int | None:
    """How many channels a convolution makes in the blocked layout; None where it is not in it."""
    sizes = [d for d in weight if isinstance(d, int)]
    if len(weight) != 4 or len(sizes) != 4 or not convolves(sizes, group):
        return None
    return sizes[0]


def convolves(shape: Sequence[int], group: int) -> bool:
    """Whether a convolution with weights [M, C/group, ...] runs in the blocked layout."""
    m, c, *_ = shape
    if group == 1:
        return c < BLOCK or c % BLOCK == 0
    depthwise = c == 1 and m == group
    return m % BLOCK == 0 and (depthwise or (c % BLOCK == 0 and m // group % BLOCK == 0))


def _is_one_for_each_channel(tensor: Tensor | None) -> bool:
    shape = () if tensor is None or tensor.shape is None else tensor.shape[-3:]
    return len(shape) == 3 and shape[1:] == (1, 1) and isinstance(shape[0], int)
