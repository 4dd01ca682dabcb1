"""Loop and Scan by their definition, where onnx.reference (1.23) has gaps.

Loop   runs no step without a condition; stacks numbers to a column; no stack of no steps
Scan   axes and directions
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper
from onnx.reference.op_run import OpRun

Array = np.ndarray[Any, Any]


class _WithBody(OpRun):
    """An operator of the standard domain with a body, which sees what is outside."""

    op_domain = ""
    body: Any
    _run_body: Any

    def need_context(self) -> bool:
        return True


class Loop(_WithBody):
    """cond, *states, *outs = body(i, cond, *states)   for i in range(M), while cond holds"""

    def _run(
        self, m: Array | None, cond: Array | None, *states: Array, context: Any = None, **_: Any
    ) -> tuple[Array, ...]:
        names, carried = self.body.input_names, list(states)
        again, i = True if cond is None else bool(cond), 0
        stacks: list[list[Array]] = [[] for _ in self.body.output_names[1 + len(states) :]]
        while again and (m is None or i < int(m)):
            own = [np.array(i, np.int64), np.array(again), *carried]
            given = dict(context or {}) | dict(zip(names, own, strict=True))
            on, *ends = self._run_body(given)
            again, i = bool(on), i + 1
            carried = ends[: len(states)]
            for stack, value in zip(stacks, ends[len(states) :], strict=True):
                stack.append(value)
        if i == 0:
            return (*carried, *map(_empty, self.body.proto_.output[1 + len(states) :]))
        return (*carried, *map(np.stack, stacks))


def _empty(output: Any) -> Array:
    kind = output.type.tensor_type
    dims = [dim.dim_value for dim in kind.shape.dim]
    return np.zeros([0, *dims], helper.tensor_dtype_to_np_dtype(kind.elem_type))


class Scan(_WithBody):
    """*states, *outs = body(*states, *elements)   for each place along the scanned axes"""

    def _run(self, *inputs: Array, context: Any = None, **attrs: Any) -> tuple[Array, ...]:
        count = attrs["num_scan_inputs"]
        first, names = len(inputs) - count, self.body.input_names
        scanned = _turned(inputs[first:], attrs, "scan_input")
        states = list(inputs[:first])
        stacks: list[list[Array]] = [[] for _ in self.body.output_names[first:]]
        for elements in zip(*scanned, strict=True):
            given = dict(context or {}) | dict(zip(names, [*states, *elements], strict=True))
            ends = self._run_body(given)
            states = ends[:first]
            for stack, value in zip(stacks, ends[first:], strict=True):
                stack.append(value)
        axes = attrs["scan_output_axes"] or [0] * len(stacks)
        turns = attrs["scan_output_directions"] or [0] * len(stacks)
        found = zip(stacks, axes, turns, strict=True)
        return (*states, *(np.stack(s[::-1] if turn else s, axis) for s, axis, turn in found))


def _turned(inputs: tuple[Array, ...], attrs: dict[str, Any], prefix: str) -> list[Array]:
    axes = attrs[f"{prefix}_axes"] or [0] * len(inputs)
    turns = attrs[f"{prefix}_directions"] or [0] * len(inputs)
    moved = (np.moveaxis(x, axis, 0) for x, axis in zip(inputs, axes, strict=True))
    return [x[::-1] if turn else x for x, turn in zip(moved, turns, strict=True)]


CONTROL: list[type[OpRun]] = [Loop, Scan]
