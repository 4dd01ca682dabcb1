"""Function operators by their definition in NumPy, where onnx.reference (1.23) is wrong.

AffineGrid                  computes in float32; wrong number of places with align_corners
MeanVarianceNormalization   its function body mixes float32 into other types
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

from tables.definitions import Array, Operator


class AffineGrid(Operator):
    """theta @ (x, y, 1) at each place, or theta @ (x, y, z, 1); the last axis varies x."""

    def _run(self, theta: Array, size: Array, align_corners: int | None = None) -> tuple[Array]:
        axes = [_coordinates(int(n), bool(align_corners)) for n in size[2:]]
        places = np.stack(np.meshgrid(*axes, indexing="ij")[::-1], axis=-1)
        whole = np.concatenate([places, np.ones((*places.shape[:-1], 1))], axis=-1)
        return (np.einsum("nij,...j->n...i", theta, whole.astype(theta.dtype)),)


def _coordinates(n: int, corners: bool) -> Array:
    """From -1 to 1; a single corner is the last one, as in ONNX Runtime."""
    if corners:
        return np.linspace(1 if n == 1 else -1, 1, n)
    return (2 * np.arange(n) + 1) / n - 1


class MeanVarianceNormalization(Operator):
    """(x - mean) / (deviation + 1e-9)"""

    def _run(self, x: Array, axes: list[int] | None = None) -> tuple[Array]:
        over = tuple(axes or (0, 2, 3))
        deviation = x.std(axis=over, keepdims=True) + 1e-9
        return ((x - x.mean(axis=over, keepdims=True)) / deviation,)


class NegativeLogLikelihoodLoss(Operator):
    """-w[label] * x[label]; the mean is over the weights of what is not ignored."""

    def _run(
        self,
        x: Array,
        label: Array,
        weight: Array | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> tuple[Array]:
        counts = np.ones_like(label, bool) if ignore_index is None else label != ignore_index
        place = np.where(counts, label, 0)
        weights = counts * (np.ones(x.shape[1], x.dtype) if weight is None else weight)[place]
        loss = -np.take_along_axis(x, place[:, None], 1)[:, 0] * weights
        if reduction == "none":
            return (loss,)
        return (loss.sum() / (weights.sum() if reduction == "mean" else 1),)


class CausalConvWithState(Operator):
    """y[t] = sum_i w[i] * x[t - k + 1 + i], before x the past; then y * sigmoid(y) where gated"""

    def _run(
        self,
        x: Array,
        w: Array,
        b: Array | None = None,
        past: Array | None = None,
        activation: str = "none",
    ) -> tuple[Array, Array]:
        k, length = w.shape[2], x.shape[2]
        before = np.zeros((*x.shape[:2], k - 1), x.dtype) if past is None else past
        whole = np.concatenate([before, x], axis=2)
        y = sum(w[:, 0, i, None] * whole[:, :, i : i + length] for i in range(k))
        y = y + (0 if b is None else b[:, None])
        gate = 1 if activation == "none" else 1 / (1 + np.exp(-y))
        return (y * gate, whole[:, :, length:])


class LinearAttention(Operator):
    """S = exp(g) S + beta k (v - S^T k)^T, y = scale * S^T q, head by head and step by step."""

    def _run(
        self,
        q: Array,
        k: Array,
        v: Array,
        past: Array | None = None,
        decay: Array | None = None,
        beta: Array | None = None,
        **attrs: Any,
    ) -> tuple[Array, Array]:
        heads, shared = attrs["q_num_heads"], attrs["kv_num_heads"]
        n, steps = q.shape[:2]
        q, k, v = (a.reshape(n, steps, h, -1) for a, h in ((q, heads), (k, shared), (v, shared)))
        g = None if decay is None else decay.reshape(n, steps, shared, -1)
        b = None if beta is None else beta.reshape(n, steps, shared, -1)
        scale = attrs["scale"] or 1 / np.sqrt(k.shape[3])
        state = np.zeros((n, shared, k.shape[3], v.shape[3])) if past is None else past
        ys = []
        for t in range(steps):
            if g is not None:
                state = np.exp(g[:, t, :, :, None]) * state
            new = v[:, t]
            if b is not None:
                new = b[:, t] * (new - np.einsum("nhij,nhi->nhj", state, k[:, t]))
            state = state + k[:, t, :, :, None] * new[:, :, None]
            every = np.repeat(state, heads // shared, axis=1)
            ys.append(scale * np.einsum("nhij,nhi->nhj", every, q[:, t]))
        return np.stack(ys, axis=1).reshape(n, steps, -1), state


FUNCTIONS: list[type[OpRun]] = [
    *(
        AffineGrid,
        CausalConvWithState,
        LinearAttention,
        MeanVarianceNormalization,
        NegativeLogLikelihoodLoss,
    ),
]
