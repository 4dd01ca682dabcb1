"""Operators of ai.onnx.ml that take features to features."""

from __future__ import annotations

from onnx import NodeProto

from retrograph.ir.graph import Graph
from retrograph.ir.passes.expand.registry import defines
from retrograph.ir.passes.expand.steps import Steps

_ML = "ai.onnx.ml"


@defines("ArrayFeatureExtractor", domain=_ML)
def array_feature_extractor(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """Gather along the last axis; of a vector it makes one row."""
    steps = Steps(graph, node)
    places = steps.add("Reshape", steps.input(1), steps.ints([-1]))
    y = steps.add("Gather", steps.input(0), places, axis=-1)
    return steps.finish(steps.add("Unsqueeze", y, steps.ints([0])) if steps.rank(0) == 1 else y)


@defines("Scaler", domain=_ML)
def scaler(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = (x - offset) * scale, one of each for all features or for each"""
    steps = Steps(graph, node)
    offset, scale = (
        steps.number(steps.attrs.get(name, value))
        for name, value in (("offset", [0.0]), ("scale", [1.0]))
    )
    return steps.finish(steps.add("Mul", steps.add("Sub", steps.input(0), offset), scale))
