"""Some tensors of a graph as the outputs of a model, others replaced by inputs."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from onnx import ModelProto, NodeProto, ValueInfoProto, helper

from retrograph.ir.graph import Extra, Graph, reads

_COMPUTED = "/computed"


def computed(name: str) -> str:
    """What a tensor that is cut is called where the graph still computes it."""
    return name + _COMPUTED


def cut_model(graph: Graph, outputs: Sequence[str], cuts: Mapping[str, int]) -> ModelProto:
    """A model that gives tensors of a graph.

    Args:
        graph: in canonical form; it stays as it is.
        outputs: names of tensors, or `computed` of one that is cut.
        cuts: by its name the rank of each tensor whose readers read an input of that name instead.
    """
    twin = graph.copy()
    twin.replace_nodes([_renamed(node, cuts) for node in graph.nodes])
    twin.outputs = [_info(graph, name, None) for name in outputs]
    inputs = [_info(graph, name, rank) for name, rank in cuts.items()]
    return twin.to_model(Extra(inputs=inputs))


def _renamed(node: NodeProto, cuts: Mapping[str, int]) -> NodeProto:
    if cuts.keys().isdisjoint(node.output):
        return node
    twin = copy.deepcopy(node)
    twin.output[:] = [computed(name) if name in cuts else name for name in node.output]
    return twin


def _info(graph: Graph, name: str, rank: int | None) -> ValueInfoProto:
    """A tensor of open sizes, and of open rank where none is given."""
    tensor = graph.tensor(name.removesuffix(_COMPUTED) if graph.tensor(name) is None else name)
    assert tensor is not None
    element = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    return helper.make_tensor_value_info(name, element, None if rank is None else [None] * rank)


def part_model(graph: Graph, outputs: Sequence[str], cuts: Mapping[str, int]) -> ModelProto:
    """The same as a file by itself, without the inputs of the graph that it does not read."""
    model = cut_model(graph, outputs, cuts)
    read = {name for node in model.graph.node for name in reads(node)} | {*outputs}
    inputs = [info for info in model.graph.input if info.name in read]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model
