"""Defaults that have changed, or that ONNX's shape inference gets wrong."""

from __future__ import annotations

from onnx import NodeProto

from retrograph.ir.graph import Graph
from retrograph.ir.passes.opsets.registry import ANY, Attributes, before, in_place


@before(16, "RoiAlign")
def _roi_align(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Before opset 16 the regions were not moved by half an element."""
    half = {"coordinate_transformation_mode": "output_half_pixel"}
    return [in_place(node, "RoiAlign", list(node.input), **(attrs | half))]


@before(ANY, "STFT")
def _stft(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """The default is one side of the spectrum; shape inference (1.23) takes it for both."""
    return [in_place(node, "STFT", list(node.input), **{"onesided": 1, **attrs})]
