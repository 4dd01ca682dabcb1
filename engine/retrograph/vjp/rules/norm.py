"""Normalisations.   x, y, ct: [N, C, *S], or any shape where an operator names its axes.

Those that normalise by the statistics of x compute in float32 at least. GroupNormalization is
rewritten (ir/passes/opsets/normalisation.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.broadcast import sum_to_input
from retrograph.vjp.lowering.linear_maps import divided, wide
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, defvjp_multi


@defvjp("InstanceNormalization")
def instance_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """ct * scale through n = (x - mean(x)) / s;   means over the positions of each channel

    dscale = sum(ct * n), db = sum(ct), sums over all but the channels.
    """
    if node.rank() < 3:
        raise Unsupported("needs a tensor [N, C, *S]")
    ct, scale = (e.cast(t, wide(ct.dtype)) for t in (ct, node.input(1)))
    normal = normalised(e, node.x, list(range(2, node.rank())), node.attrs["epsilon"])
    dx = normal.through(e, e.mul(ct, beside(e, scale, node)))
    dscale, db = channel_sums(e, node, [e.mul(ct, normal.n), ct])
    return typed(e, node, [dx, dscale, db])


@defvjp_multi("LayerNormalization")
def layer_normalization(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """ct * scale through n = (x - mean(x)) / s;   means over all axes from `axis` on

    dscale = ct * n, db = ct. The outputs mean(x) and 1/s add to dx
    (ct_mean - ct_inverse * n / s^2) / count.
    """
    axes, dtype = list(range(node.axis(-1), node.rank())), wide(node.x.dtype)
    normal = normalised(e, node.x, axes, node.attrs["epsilon"])
    ct = e.cast(e.mul(node.y, 0.0) if cts[0] is None else cts[0], dtype)
    dx = normal.through(e, e.mul(ct, e.cast(node.input(1), dtype)))
    ct_mean, ct_inverse = (*cts[1:], None, None)[:2]
    if ct_mean is not None:
        dx = e.add(dx, divided(e, e.cast(ct_mean, dtype), normal.count(e)))
    if ct_inverse is not None:
        slope = e.div(normal.n, e.mul(normal.s, normal.s))
        spread = e.mul(e.cast(ct_inverse, dtype), slope)
        dx = e.sub(dx, divided(e, spread, normal.count(e)))
    return typed(e, node, [dx, *_summed(e, node, [e.mul(ct, normal.n), ct])])


@defvjp("RMSNormalization")
def rms_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """ct * scale through n = x / s;   s^2 = mean(x^2) + epsilon over all axes from `axis` on

    dscale = ct * n
    """
    axes, dtype = list(range(node.axis(-1), node.rank())), wide(node.x.dtype)
    normal = normalised(e, node.x, axes, node.attrs["epsilon"], centred=False)
    ct = e.cast(ct, dtype)
    dx = normal.through(e, e.mul(ct, e.cast(node.input(1), dtype)))
    return typed(e, node, [dx, *_summed(e, node, [e.mul(ct, normal.n)])])


@defvjp("LpNormalization")
def lp_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = (ct - g * sum(ct * y)) / |x|, which is 0 where |x| = 0;   g = y, or sign(x) for p = 1"""
    axes, first = [node.axis(-1)], int(node.attrs["p"]) == 1
    norm = e.emit("ReduceL1" if first else "ReduceL2", node.x, e.ints(axes), keepdims=1)
    g = e.sign(node.x) if first else node.y
    inner = e.sub(ct, e.mul(g, e.reduce_sum(e.mul(ct, node.y), axes)))
    positive = e.greater(norm, 0.0)
    return (e.where(positive, e.div(inner, e.where(positive, norm, 1.0)), 0.0),)


@dataclass(frozen=True)
class Normal:
    """n = (x - mean(x)) / s, s^2 = mean((x - mean(x))^2) + epsilon, means over some axes of x.

    Without `centred` mean(x) is left out.
    """

    x: Tensor
    axes: Sequence[int]
    centred: bool
    n: Tensor
    s: Tensor

    def through(self, e: Emitter, ct: Tensor) -> Tensor:
        """dx = (ct - mean(ct) - n * mean(ct * n)) / s;   without `centred` mean(ct) is left out"""
        inner = e.sub(ct, e.mul(self.n, _mean(e, e.mul(ct, self.n), self.axes)))
        if self.centred:
            inner = e.sub(inner, _mean(e, ct, self.axes))
        return e.div(inner, self.s)

    def count(self, e: Emitter) -> Tensor:
        """How many numbers a mean is taken of, int64 [1]."""
        return e.count(self.x, self.axes)


def normalised(
    e: Emitter, x: Tensor, axes: Sequence[int], epsilon: float, centred: bool = True
) -> Normal:
    """x normalised over the axes, in float32 at least."""
    shifted = e.cast(x, wide(x.dtype))
    if centred:
        shifted = e.sub(shifted, _mean(e, shifted, axes))
    s = e.sqrt(e.add(_mean(e, e.mul(shifted, shifted), axes), epsilon))
    return Normal(x, axes, centred, e.div(shifted, s), s)


def _mean(e: Emitter, a: Tensor, axes: Sequence[int]) -> Tensor:
    return e.emit("ReduceMean", a, e.ints(axes), keepdims=1)


def beside(e: Emitter, parameter: Tensor, node: Node) -> Tensor:
    """[C] -> [1, C, 1, ..], to stand beside x"""
    return e.reshape(parameter, [1, -1, *[1] * (node.rank() - 2)])


def channel_sums(e: Emitter, node: Node, parts: Sequence[Tensor]) -> list[Tensor]:
    """[N, C, *S] -> [C]"""
    around = [axis for axis in range(node.rank()) if axis != 1]
    return [e.reduce_sum(part, around, keepdims=False) for part in parts]


def _summed(e: Emitter, node: Node, parts: Sequence[Tensor]) -> list[Tensor | None]:
    """From the shape of x to that of each parameter, None where it is not wanted."""
    return [
        sum_to_input(e, part, node, i) if i in node.wanted else None
        for i, part in enumerate(parts, start=1)
    ]


def typed(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """Each in the type of its input."""
    return [
        None if ct is None or not node.has(i) else e.cast(ct, node.input(i).dtype)
        for i, ct in enumerate(cts[: len(node.inputs)])
    ]
