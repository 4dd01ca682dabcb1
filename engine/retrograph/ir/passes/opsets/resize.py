"""Upsample and the older Resizes."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from retrograph.ir.graph import Graph
from retrograph.ir.passes.opsets.registry import Attributes, NoRewriting, before, in_place


@before(10, "Upsample")
def _upsample(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    if len(node.input) > 1:
        scales = node.input[1]
    else:
        factors = attrs.get("scales") or [1, 1, attrs["height_scale"], attrs["width_scale"]]
        scales = graph.add_constant(np.asarray(factors, np.float32), f"{node.output[0]}/scales")
    mode = attrs.get("mode", "nearest")
    return [_asymmetric_resize(node, scales, "linear" if mode == "bilinear" else mode)]


@before(11, "Resize")
def _resize_10(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    return [_asymmetric_resize(node, node.input[1], attrs.get("mode", "nearest"))]


def _asymmetric_resize(node: NodeProto, scales: str, mode: str) -> NodeProto:
    return in_place(
        node,
        "Resize",
        [node.input[0], "", scales],
        mode=mode,
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


@before(13, "Resize")
def _resize_11(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """`tf_half_pixel_for_nn` is one half above `half_pixel`: its floor is the other's rounding."""
    if attrs.get("coordinate_transformation_mode") == "tf_half_pixel_for_nn":
        mode, rounding = attrs.get("mode", "nearest"), attrs.get("nearest_mode")
        if (mode, rounding) != ("nearest", "floor"):
            raise NoRewriting(
                f"coordinate_transformation_mode='tf_half_pixel_for_nn' with mode='{mode}' and "
                f"nearest_mode='{rounding or 'round_prefer_floor'}'; supported: nearest and floor"
            )
        attrs["coordinate_transformation_mode"] = "half_pixel"
        attrs["nearest_mode"] = "round_prefer_ceil"
    inputs = list(node.input)
    for i in (1, 2):
        given = graph.value(inputs[i]) if i < len(inputs) and inputs[i] else None
        if given is not None and given.size == 0:
            inputs[i] = ""
    return [in_place(node, "Resize", inputs, **attrs)]
