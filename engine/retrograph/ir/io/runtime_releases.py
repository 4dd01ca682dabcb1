"""From which release of ONNX Runtime on a graph runs.

Each number was measured: the first release that loads a file of that opset or IR version, and for
operators the first that computes them (docs/COMPATIBILITY.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from onnx import ModelProto, NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, attributes, opset_of
from retrograph.ir.subgraphs import nodes_with_inner
from retrograph.names import PREFIX

LOWEST = (1, 20)
"""The lowest release that is supported at all."""

_OPSETS = {22: (1, 21), 23: (1, 23), 24: (1, 24), 26: (1, 25), 27: (1, 32)}
_IR_VERSIONS = {11: (1, 23), 12: (1, 24), 14: (1, 32)}
_OPERATORS = {
    "CumProd": (1, 25),
    "DeformConv": (1, 25),
    "TensorScatter": (1, 25),
}
_POOLS = {"AveragePool", "LpPool", "MaxPool"}
_DROPPED_WINDOWS = (1, 21)
"""Since this release a window of ceil_mode that would begin behind the input is left out."""
_STATED = PREFIX + "onnxruntime"


class Need(NamedTuple):
    """What a graph needs.

    Attributes:
        release: the lowest of ONNX Runtime that has it, its two numbers.
        reason: what needs that, such as "opset 23".
        mend: what lets an older one run it.
    """

    release: tuple[int, int]
    reason: str
    mend: str

    @property
    def text(self) -> str:
        """The release as people write it."""
        return ".".join(map(str, self.release))


def version_of(text: str) -> tuple[int, int]:
    """The two numbers that tell a release; (0, 0) where there are none."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def need(model: ModelProto) -> Need:
    """The release that a graph needs, by what it is written in and by what it says of itself."""
    return max(_needs(model), key=lambda one: one.release)


def _needs(model: ModelProto) -> Iterator[Need]:
    yield Need(LOWEST, "the lowest that is supported", "take an environment that has it")
    opset, ir_version = opset_of(model), model.ir_version
    yield Need(_step(_OPSETS, opset), f"opset {opset}", "export the model at a lower opset")
    yield Need(
        _step(_IR_VERSIONS, ir_version),
        f"IR version {ir_version}",
        "write the model with a lower ir_version",
    )
    functions = (node for function in model.functions for node in function.node)
    for node in nodes_with_inner((*model.graph.node, *functions)):
        if node.domain in STANDARD_DOMAINS:
            yield from _needs_of_operator(node)
    for one in model.metadata_props:
        if one.key == _STATED:
            yield Need(version_of(one.value), "its metadata say so", "build it again")


def _needs_of_operator(node: NodeProto) -> Iterator[Need]:
    op = node.op_type
    if op in _OPERATORS:
        yield Need(_OPERATORS[op], f"operator {op}", f"export the model without {op}")
    if op in _POOLS and _may_begin_behind(node):
        yield Need(
            _DROPPED_WINDOWS,
            f"{op} with ceil_mode, whose last window may begin behind the input",
            "export the model with inputs of fixed size",
        )


def _may_begin_behind(pool: NodeProto) -> bool:
    """Whether there is a size of the input at which the last window of ceil_mode reads none of it.

    Of a fixed size a built graph has no such pool: it is written without ceil_mode.
    """
    given = attributes(pool)
    if not given.get("ceil_mode") or given.get("auto_pad", "NOTSET").startswith("SAME"):
        return False
    kernel = given["kernel_shape"]
    strides, dilations = (given.get(key) or [1] * len(kernel) for key in ("strides", "dilations"))
    ends = (given.get("pads") or [0] * 2 * len(kernel))[len(kernel) :]
    axes = zip(kernel, strides, dilations, ends, strict=True)
    return any(d * (k - 1) + 1 - end < stride for k, stride, d, end in axes)


def _step(table: dict[int, tuple[int, int]], number: int) -> tuple[int, int]:
    return max((release for first, release in table.items() if number >= first), default=LOWEST)
