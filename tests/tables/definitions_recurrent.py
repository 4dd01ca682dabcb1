"""RNN, GRU and LSTM by ONNX's equations in NumPy, one item and one step after the other.

onnx.reference (1.23) knows no sequence_lens, clip, input_forget, and no activations but the
default ones (and Affine in an RNN). Where the standard leaves a choice, ONNX Runtime's is taken: C
goes into h unclipped, an item of length 0 ends with zeros, and the values of activation_alpha and
activation_beta go in turn to the functions that take them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

Array = np.ndarray[Any, Any]
Function = Callable[[Array], Array]
State = tuple[Array, ...]

_FUNCTIONS: dict[str, Callable[..., Array]] = {
    "Relu": lambda x, a, b: np.maximum(x, 0),
    "Tanh": lambda x, a, b: np.tanh(x),
    "Sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)),
    "Affine": lambda x, a, b: a * x + b,
    "LeakyRelu": lambda x, a, b: np.where(x >= 0, x, a * x),
    "ThresholdedRelu": lambda x, a, b: np.where(x >= a, x, 0 * x),
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x),
    "HardSigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
    "Elu": lambda x, a, b: np.where(x >= 0, x, a * np.expm1(x)),
    "Softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "Softplus": lambda x, a, b: np.log1p(np.exp(x)),
}
_TAKE_BETA = ("Affine", "ScaledTanh", "HardSigmoid")
_TAKE_ALPHA = (*_TAKE_BETA, "LeakyRelu", "ThresholdedRelu", "Elu")
_ALPHA = {"LeakyRelu": np.float32(0.01), "HardSigmoid": np.float32(0.2), "Elu": np.float32(1)}
_BETA = {"HardSigmoid": np.float32(0.5)}


class _Recurrent(OpRun):
    """What the three layers share: directions, layouts and lengths."""

    op_domain = ""
    defaults: tuple[str, ...]

    def step(self, x: Array, state: State, w: dict[str, Array], f: Sequence[Function]) -> State:
        """The states after one step of one item; the first is the output."""
        raise NotImplementedError

    def _run(
        self,
        x: Array,
        w: Array,
        r: Array,
        b: Array | None = None,
        lengths: Array | None = None,
        *rest: Array | None,
        **attrs: Any,
    ) -> tuple[Array, ...]:
        self.attrs = attrs
        if attrs.get("layout"):
            x = x.swapaxes(0, 1)
            rest = tuple(s.swapaxes(0, 1) if s is not None and s.ndim == 3 else s for s in rest)
        steps, batch, _ = x.shape
        directions, _, hidden = r.shape
        count = 2 if type(self).__name__ == "LSTM" else 1
        starts = (*rest[:count], None, None)[:count]
        y = np.zeros((steps, directions, batch, hidden), x.dtype)
        last = [np.zeros((directions, batch, hidden), x.dtype) for _ in range(count)]
        functions = self._functions(directions)
        per = len(self.defaults)
        for d in range(directions):
            weights = {"W": w[d], "R": r[d]}
            weights["B"] = np.zeros(2 * len(w[d]), x.dtype) if b is None else b[d]
            if len(rest) > count and (peepholes := rest[count]) is not None:
                weights["P"] = peepholes[d]
            backwards = d == 1 or attrs["direction"] == "reverse"
            for n in range(batch):
                length = steps if lengths is None else int(lengths[n])
                state = tuple(np.zeros(hidden, x.dtype) if s is None else s[d, n] for s in starts)
                for t in reversed(range(length)) if backwards else range(length):
                    state = self.step(x[t, n], state, weights, functions[d * per : d * per + per])
                    y[t, d, n] = state[0]
                for i in range(count):
                    last[i][d, n] = state[i] if length else 0
        if attrs.get("layout"):
            y = y.transpose(2, 0, 1, 3)
            last = [s.swapaxes(0, 1) for s in last]
        return (y, *last)[: len(self.onnx_node.output)]

    def _functions(self, directions: int) -> list[Function]:
        count = directions * len(self.defaults)
        names = list(self.attrs.get("activations") or self.defaults * directions)[:count]
        alphas = list(self.attrs.get("activation_alpha") or [])
        betas = list(self.attrs.get("activation_beta") or [])
        found: list[Function] = []
        for given in names:
            name = next(known for known in _FUNCTIONS if known.lower() == given.lower())
            alpha = beta = 0.0
            if name in _TAKE_ALPHA:
                alpha = alphas.pop(0) if alphas else float(_ALPHA[name])
            if name in _TAKE_BETA:
                beta = betas.pop(0) if betas else float(_BETA[name])
            found.append(partial(_FUNCTIONS[name], a=alpha, b=beta))
        return found

    def clipped(self, x: Array) -> Array:
        bound = self.attrs.get("clip")
        return x if bound is None else np.clip(x, -bound, bound)


class RNN(_Recurrent):
    defaults = ("Tanh",)

    def step(self, x: Array, state: State, w: dict[str, Array], f: Sequence[Function]) -> State:
        wb, rb = np.split(w["B"], 2)
        return (f[0](self.clipped(w["W"] @ x + w["R"] @ state[0] + wb + rb)),)


class GRU(_Recurrent):
    defaults = ("Sigmoid", "Tanh")

    def step(self, x: Array, state: State, w: dict[str, Array], f: Sequence[Function]) -> State:
        (h,) = state
        wz, wr, wh = np.split(w["W"], 3)
        rz, rr, rh = np.split(w["R"], 3)
        wbz, wbr, wbh, rbz, rbr, rbh = np.split(w["B"], 6)
        z = f[0](self.clipped(wz @ x + rz @ h + wbz + rbz))
        r = f[0](self.clipped(wr @ x + rr @ h + wbr + rbr))
        if self.attrs.get("linear_before_reset"):
            g = f[1](self.clipped(wh @ x + r * (rh @ h + rbh) + wbh))
        else:
            g = f[1](self.clipped(wh @ x + rh @ (r * h) + rbh + wbh))
        return ((1 - z) * g + z * h,)


class LSTM(_Recurrent):
    defaults = ("Sigmoid", "Tanh", "Tanh")

    def step(self, x: Array, state: State, w: dict[str, Array], f: Sequence[Function]) -> State:
        h, c = state
        wb, rb = np.split(w["B"], 2)
        i, o, forget, g = np.split(w["W"] @ x + w["R"] @ h + wb + rb, 4)
        pi, po, pf = np.split(w.get("P", np.zeros(3 * len(h))), 3)
        i = f[0](self.clipped(i + pi * c))
        forget = f[0](self.clipped(forget + pf * c))
        if self.attrs.get("input_forget"):
            forget = 1 - i
        c = forget * c + i * f[1](self.clipped(g))
        o = f[0](self.clipped(o + po * c))
        return o * f[2](c), c


RECURRENT: list[type[OpRun]] = [GRU, LSTM, RNN]
