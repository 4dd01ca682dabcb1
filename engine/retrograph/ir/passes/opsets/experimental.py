"""The experimental operators of ONNX 1.0, which exporters of that time wrote."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import Graph
from retrograph.ir.passes.opsets.registry import FLOOR, Attributes, before, in_place, ints, number


@before(FLOOR, "ImageScaler")
def _image_scaler(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """y[:, c] = scale * x[:, c] + bias[c]   (an experimental operator of ONNX 1.0)"""
    scale = number(graph, node, "scale", attrs.get("scale", 1.0))
    shift = number(graph, node, "bias", np.reshape(attrs.get("bias", [0.0]), (-1, 1, 1)))
    return _scale_and_shift(node, scale, shift)


@before(FLOOR, "Affine")
def _affine(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """y = alpha * x + beta   (an experimental operator of ONNX 1.0)"""
    scale = number(graph, node, "alpha", attrs.get("alpha", 1.0))
    return _scale_and_shift(node, scale, number(graph, node, "beta", attrs.get("beta", 0.0)))


@before(FLOOR, "Scale")
def _scale(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """y = scale * x   (an experimental operator of ONNX 1.0)"""
    return [in_place(node, "Mul", [node.input[0], number(graph, node, "scale", attrs["scale"])])]


def _scale_and_shift(node: NodeProto, scale: str, shift: str) -> list[NodeProto]:
    scaled = f"{node.output[0]}/scaled"
    return [
        helper.make_node("Mul", [node.input[0], scale], [scaled], name=f"{node.name}/scale"),
        helper.make_node("Add", [scaled, shift], list(node.output), name=node.name),
    ]


@before(FLOOR, "Crop")
def _crop(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """The border (left, top, right, bottom) cut off, or a window `scale` from the left top."""
    left, top, right, bottom = attrs["border"]
    height, width = attrs.get("scale", (0, 0))
    ends = [top + height, left + width] if height else [-bottom or 2**31, -right or 2**31]
    parts = [
        ints(graph, node, hint, values)
        for hint, values in (("starts", [top, left]), ("ends", ends), ("axes", [2, 3]))
    ]
    return [in_place(node, "Slice", [node.input[0], *parts])]
