"""The cells of recurrent layers: one step in time, as the body of a Scan.

Names are those of ONNX's equations: x is the step's input times W^T with the biases (of all gates
side by side, [N, gates * H]), H and C are the states [N, H].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from retrograph.ir.passes.expand.activations import Activation
from retrograph.ir.passes.expand.steps import Steps


@dataclass(frozen=True)
class Cell:
    """One step of a layer in one direction.

    Attributes:
        weights: the tensors that the step reads besides x and the states, by what they are.
        activations: f, g and h of the equations, as many as the operator has.
        clip: f and g see their input within [-clip, clip]; None where there is no bound. That h
            sees C as it is, is ONNX Runtime's reading of the standard.
        coupled: whether the forget gate is 1 - the input gate.
    """

    weights: Mapping[str, str]
    activations: Sequence[Activation]
    clip: float | None = None
    coupled: bool = False

    def f(self, steps: Steps, x: str) -> str:
        return self.activations[0](steps, self._clipped(steps, x))

    def g(self, steps: Steps, x: str) -> str:
        return self.activations[1](steps, self._clipped(steps, x))

    def h(self, steps: Steps, x: str) -> str:
        return self.activations[2](steps, x)

    def _clipped(self, steps: Steps, x: str) -> str:
        if self.clip is None:
            return x
        return steps.add("Clip", x, steps.number(-self.clip), steps.number(self.clip))

    def recur(self, steps: Steps, state: str, weight: str, plus: str) -> str:
        """state R^T + plus, with R the weight of that name."""
        rest = [plus] if plus else []
        return steps.add("Gemm", state, self.weights[weight], *rest, transB=1)


Step = Callable[[Steps, Cell, str, Sequence[str]], list[str]]
"""(the body so far, the cell, x, the states) -> the next states"""


def rnn(steps: Steps, cell: Cell, x: str, states: Sequence[str]) -> list[str]:
    """H' = f(x + H R^T)"""
    (h,) = states
    return [cell.f(steps, cell.recur(steps, h, "R", x))]


def gru(steps: Steps, cell: Cell, x: str, states: Sequence[str]) -> list[str]:
    """H' = (1 - z) g + z H,   z = f(xz + H Rz^T), r = f(xr + H Rr^T), g = g(xh + (r H) Rh^T)"""
    (h,) = states
    z, r, xh = _gru_gates(steps, cell, x, h)
    candidate = cell.g(steps, cell.recur(steps, steps.add("Mul", r, h), "Rh", xh))
    return [_gru_mix(steps, z, candidate, h)]


def gru_linear_before_reset(steps: Steps, cell: Cell, x: str, states: Sequence[str]) -> list[str]:
    """As a GRU, but g = g(xh + r (H Rh^T + b)) with the bias b, where there is one"""
    (h,) = states
    z, r, xh = _gru_gates(steps, cell, x, h)
    linear = cell.recur(steps, h, "Rh", cell.weights.get("b", ""))
    candidate = cell.g(steps, steps.add("Add", xh, steps.add("Mul", r, linear)))
    return [_gru_mix(steps, z, candidate, h)]


def _gru_gates(steps: Steps, cell: Cell, x: str, h: str) -> tuple[str, str, str]:
    xz, xr, xh = split(steps, x, 3)
    z = cell.f(steps, cell.recur(steps, h, "Rz", xz))
    r = cell.f(steps, cell.recur(steps, h, "Rr", xr))
    return z, r, xh


def _gru_mix(steps: Steps, z: str, candidate: str, h: str) -> str:
    new = steps.add("Mul", steps.add("Sub", steps.number(1.0), z), candidate)
    return steps.add("Add", new, steps.add("Mul", z, h))


def lstm(steps: Steps, cell: Cell, x: str, states: Sequence[str]) -> list[str]:
    """C' = f C + i g, H' = o h(C')   with i = f(xi + H Ri^T + Pi C), f and g (no P) alike, and

    o = f(xo + H Ro^T + Po C')
    """
    h, c = states
    xi, xo, xf, xg = split(steps, cell.recur(steps, h, "R", x), 4)

    def gate(x: str, peephole: str, seen: str) -> str:
        if peephole in cell.weights:
            x = steps.add("Add", x, steps.add("Mul", seen, cell.weights[peephole]))
        return cell.f(steps, x)

    i = gate(xi, "Pi", c)
    f = steps.add("Sub", steps.number(1.0), i) if cell.coupled else gate(xf, "Pf", c)
    new = steps.add("Mul", i, cell.g(steps, xg))
    c = steps.add("Add", steps.add("Mul", f, c), new)
    o = gate(xo, "Po", c)
    return [steps.add("Mul", o, cell.h(steps, c)), c]


def split(steps: Steps, x: str, count: int) -> list[str]:
    """Equal parts of the last axis."""
    return steps.add_many("Split", x, count=count, axis=-1, num_outputs=count)
