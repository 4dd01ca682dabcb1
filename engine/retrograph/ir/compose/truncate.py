"""The forward pass to some tensors alone, as a model."""

from __future__ import annotations

from onnx import ModelProto, helper

from retrograph.ir.graph import Graph
from retrograph.ir.passes import pad_axes


def forward(graph: Graph, *targets: str) -> ModelProto:
    """A model of the graph's inputs with the targets as its only outputs."""
    twin = graph.copy()
    twin.outputs = []
    for target in targets:
        tensor = graph.tensor(target)
        assert tensor is not None
        kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
        twin.outputs.append(helper.make_tensor_value_info(target, kind, tensor.shape))
    model = twin.to_model()
    pad_axes.name_all(model.graph, graph)
    return model
