"""What may be maximised besides a tensor's own units: means, probabilities and norms behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import helper

from retrograph.errors import InputError, command
from retrograph.ir.analysis.batch_axis import follow_batch
from retrograph.ir.analysis.channel_axis import channel_axis
from retrograph.ir.emit import FLOAT32
from retrograph.ir.graph import DType, Graph, Shape, Tensor


def channel_means(graph: Graph, target: str) -> tuple[Graph, str]:
    """The mean of each channel over all its positions, [N, C] behind a target [N, C, *S].

    Returns a graph of its own and the tensor's name in it.

    Raises:
        InputError: the target's leading axis is not the batch, or its rank is not known.
    """
    tensor, rank, channel = _described(graph, target)
    places = [axis for axis in range(1, rank + 1) if axis != channel]
    if not places:
        return graph, target
    grown = _Grown(graph)
    shape = _kept(tensor, [0, channel])
    mean = grown.add("ReduceMean", [target, grown.ints(places)], "mean", shape, keepdims=0)
    return grown.graph, mean


def log_probabilities(graph: Graph, target: str) -> tuple[Graph, str]:
    """The logarithm of the softmax over the channels, in the target's shape.

    Returns a graph of its own and the tensor's name in it.

    Raises:
        InputError: the target's leading axis is not the batch, or its rank is not known.
    """
    tensor, _, channel = _described(graph, target)
    grown = _Grown(graph)
    made = grown.add("LogSoftmax", [target], "log_softmax", tensor.shape, axis=channel)
    return grown.graph, made


def half_squares(graph: Graph, target: str) -> tuple[Graph, str]:
    """Half the sum of squares of a layer, [N, 1] behind a target [N, *]: its gradient is the layer.

    Returns a graph of its own and the tensor's name in it.

    Raises:
        InputError: the target's leading axis is not the batch, or its rank is not known.
    """
    tensor, _, _ = _described(graph, target)
    grown = _Grown(graph)
    lead = _kept(tensor, [0])
    flat = grown.add("Reshape", [target, grown.ints([0, -1])], "flat", (*lead, None))
    wide = grown.wide(flat)
    sums = [wide, grown.ints([1])]
    total = grown.add("ReduceSumSquare", sums, "squares", (*lead, 1), keepdims=1)
    half = grown.graph.add_constant(np.array(0.5, grown.dtype(wide)), f"{target}/half")
    return grown.graph, grown.add("Mul", [total, half], "energy", (*lead, 1))


def exposed(graph: Graph, name: str) -> Graph:
    """The graph with a tensor among its outputs; one of its own where it was not."""
    if name in graph.output_names():
        return graph
    tensor = graph.tensor(name)
    assert tensor is not None
    twin = graph.copy()
    kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    twin.outputs.append(helper.make_tensor_value_info(name, kind, tensor.shape))
    return twin


Objective = Callable[[Graph, str], tuple[Graph, str]]


class _Grown:
    """A copy of a graph that grows behind one of its tensors."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph.copy()

    def ints(self, values: Sequence[int]) -> str:
        return self.graph.add_constant(np.array(values, np.int64), "objective/ints")

    def dtype(self, name: str) -> DType:
        tensor = self.graph.tensor(name)
        assert tensor is not None
        return tensor.dtype

    def wide(self, name: str) -> str:
        """The tensor in at least 32 bits: a sum over a layer goes beyond the largest of 16."""
        tensor = self.graph.tensor(name)
        assert tensor is not None
        if tensor.dtype.itemsize >= FLOAT32.itemsize:
            return name
        kind = helper.np_dtype_to_tensor_dtype(FLOAT32)
        made = self.add("Cast", [name], "wide", tensor.shape, to=kind)
        self.graph.types[made] = Tensor(made, FLOAT32, tensor.shape)
        return made

    def add(
        self, op: str, inputs: Sequence[str], hint: str, shape: Shape | None, **attributes: Any
    ) -> str:
        """One node behind the others; its output has the first input's type."""
        name = self.graph.fresh(f"{inputs[0]}/{hint}")
        node = helper.make_node(op, list(inputs), [name], name=name, **attributes)
        self.graph.nodes.append(node)
        self.graph.types[name] = Tensor(name, self.dtype(inputs[0]), shape)
        self.graph.index()
        return name


def _described(graph: Graph, target: str) -> tuple[Tensor, int, int]:
    """A target, the rank of its items and the axis, batch counted, of its channels."""
    tensor = graph.tensor(target)
    assert tensor is not None
    if not tensor.shape or follow_batch(graph).rows(tensor) != 1:
        raise InputError(
            f"the batch is not the first axis of '{target}', so its items cannot be told apart; "
            f"choose another layer (see {command('layers')})"
        )
    rank = len(tensor.shape) - 1
    return tensor, rank, 1 + channel_axis(graph, target, rank)


def _kept(tensor: Tensor, axes: Sequence[int]) -> Shape:
    assert tensor.shape is not None
    return tuple(tensor.shape[axis] for axis in axes if axis < len(tensor.shape))
