"""Operators whose channels stand last: transposed, the standard operator, transposed back."""

from __future__ import annotations

from collections.abc import Callable

from onnx import NodeProto

from retrograph.ir.graph import Graph, attributes
from retrograph.ir.passes.expand.registry import defines
from retrograph.ir.passes.expand.steps import Steps

NHWC = "com.ms.internal.nhwc"


def channels_first(steps: Steps, x: str, rank: int) -> str:
    """[N, *S, C] -> [N, C, *S]"""
    return steps.add("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)])


def channels_last(steps: Steps, x: str, rank: int) -> str:
    """[N, C, *S] -> [N, *S, C]"""
    return steps.add("Transpose", x, perm=[0, *range(2, rank), 1])


def transposed(op: str) -> Callable[[Graph, NodeProto], list[NodeProto]]:
    """The definition of an operator that is `op` over [N, *S, C]; its weights are as in `op`."""

    def define(graph: Graph, node: NodeProto) -> list[NodeProto]:
        steps = Steps(graph, node)
        rank = steps.rank(0)
        x = channels_first(steps, steps.input(0), rank)
        others = [steps.input(i) for i in range(1, len(node.input))]
        found = steps.add_many(op, x, *others, count=len(node.output), **attributes(node))
        return steps.finish(*(channels_last(steps, y, rank) for y in found))

    return define


for _op in (
    *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"),
    *("BatchNormalization", "InstanceNormalization", "LRN", "DepthToSpace", "SpaceToDepth"),
    "LpPool",
):
    defines(_op, domain=NHWC)(transposed(_op))
for _name, _op in {"NhwcMaxPool": "MaxPool", "NhwcConv": "Conv"}.items():
    defines(_name, domain="com.microsoft")(transposed(_op))
