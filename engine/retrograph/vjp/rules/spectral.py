"""Fourier transforms.   x: [.., I, b], y, ct: [.., O, a]; a, b: 1 for real, 2 for complex."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import DType, Tensor
from retrograph.vjp.lowering.linear_maps import add_at, wide
from retrograph.vjp.registry import (
    Cotangents,
    Node,
    Unsupported,
    defvjp,
    nondifferentiable,
    shape_of,
)

nondifferentiable("MelWeightMatrix", why="the edges of its bands are rounded to whole bins")


@dataclass(frozen=True)
class _Transform:
    """A discrete Fourier transform along one axis.

    Attributes:
        length: L, int64 [1]; inputs beyond it are cut off, as if 0 up to it.
        outputs, inputs: O and I, int64 [1].
        a, b: 2 where outputs and inputs are complex, else 1.
        inverse: whether it is the inverse.
    """

    length: Tensor
    outputs: Tensor
    inputs: Tensor
    a: int
    b: int
    inverse: bool = False

    def matrix(self, e: Emitter, dtype: DType) -> Tensor:
        """[O * a, I * b]

        The part a (real, imaginary) of output k from the part b of input n is
        cos(phi + (b - a) pi / 2) with phi = -2 pi k n / L, or 2 pi k n / L for the inverse, which
        is divided by L. The angles are counted exactly, in L-ths of a quarter turn.
        """
        n = e.unsqueeze(e.range(self.inputs), [1])
        k = e.unsqueeze(e.range(self.outputs), [1, 2, 3])
        quarters = np.arange(self.b) - np.arange(self.a)[:, None, None]
        turned = e.mul(e.mul(k, n), 4 if self.inverse else -4)
        angle = e.add(turned, e.mul(e.const(quarters, INT64), self.length))
        angle = e.mod(angle, e.mul(self.length, 4))
        length = e.cast(self.length, dtype)
        cosine = e.emit("Cos", e.div(e.mul(e.cast(angle, dtype), math.pi / 2), length))
        whole = e.where(e.less(n, self.length), cosine, 0.0)
        if self.inverse:
            whole = e.div(whole, length)
        if self.inverse and self.a == 1:
            whole = e.mul(whole, self._conjugates(e, n, dtype))
        rows = e.concat([e.mul(self.outputs, self.a), e.mul(self.inputs, self.b)], axis=0)
        return e.reshape(whole, rows)

    def _conjugates(self, e: Emitter, n: Tensor, dtype: DType) -> Tensor:
        """How often each input of half a spectrum counts: 2, but once if it is its own conjugate.

        n: int64 [I, 1]
        """
        both = e.mod(e.mul(n, 2), self.length)
        own = e.equal(both, 0)
        return e.where(own, e.const(1, dtype), e.const(2, dtype))


@defvjp("DFT")
def dft(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct times the transposed matrix of the transform along its axis

    The matrix runs anywhere; ONNX Runtime's DFT has no kernel for CUDA.
    """
    rank, axis = node.rank(), _axis(node)
    inverse, onesided = bool(node.attrs["inverse"]), bool(node.attrs["onesided"])
    if inverse and onesided:
        _check_half_spectrum(node, axis)
    transform = _Transform(
        length=_length(e, node, axis),
        outputs=e.dim(node.y, axis),
        inputs=e.dim(node.x, axis),
        a=1 if inverse and onesided else 2,
        b=_parts(node),
        inverse=inverse,
    )
    dtype = wide(ct.dtype)
    perm = [i for i in range(rank - 1) if i != axis] + [axis, rank - 1]
    rows = e.reshape(e.transpose(e.cast(ct, dtype), perm), [0] * (rank - 2) + [-1])
    dx = e.matmul(rows, transform.matrix(e, dtype))
    parts = e.reshape(dx, [0] * (rank - 2) + [-1, transform.b])
    back = e.transpose(parts, [int(i) for i in np.argsort(perm)])
    return [e.cast(back, ct.dtype), *[None] * (len(node.inputs) - 1)]


def _axis(node: Node) -> int:
    """The axis, an attribute until opset 19 and an input since."""
    axis = node.attrs.get("axis", -2)
    if node.has(2):
        given = node.value(2)
        if given is None:
            raise Unsupported("its axis is not constant; supported: a constant axis")
        axis = int(given.reshape(-1)[0])
    return int(axis) % node.rank()


def _parts(node: Node) -> int:
    """1 for real and 2 for complex input."""
    parts = shape_of(node.x)[-1]
    if not isinstance(parts, int):
        raise Unsupported(f"whether '{node.x.name}' is real or complex is not known")
    if parts not in (1, 2):
        raise Unsupported(f"its last axis has {parts} entries; supported: 1, real, and 2, complex")
    return parts


def _length(e: Emitter, node: Node, axis: int) -> Tensor:
    if node.has(1):
        return e.cast(e.reshape(node.input(1), [1]), INT64)
    return e.dim(node.y if node.attrs["inverse"] else node.x, axis)


def _check_half_spectrum(node: Node, axis: int) -> None:
    """The inverse of half a spectrum must be given just that half.

    Raises:
        Unsupported: it may be given more or less: NumPy cuts off or adds zeros, and ONNX Runtime
            (1.31.1) something else.
    """
    inputs, outputs = shape_of(node.x)[axis], shape_of(node.y)[axis]
    if not node.has(1):
        return
    if not (isinstance(inputs, int) and isinstance(outputs, int)):
        raise Unsupported("dft_length for an open size of half a spectrum; export static shapes")
    if inputs != outputs // 2 + 1:
        raise Unsupported(
            f"{inputs} values for half a spectrum of length {outputs}, where runtimes differ; "
            f"supported: {outputs // 2 + 1}"
        )


@defvjp("STFT")
def stft(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[f * step + t] += window[t] * dframe[f, t],   dwindow = sum of frame * dframe

    dframe = ct times the transposed matrix of the transform.   x: [N, L, b], y, ct: [N, F, O, 2]
    """
    if node.rank() != 3:
        raise Unsupported(f"a signal of rank {node.rank()}; supported: [N, length, 1 or 2]")
    dtype, length = wide(ct.dtype), _frame_length(e, node)
    transform = _Transform(length, e.dim(node.y, 2), length, a=2, b=_parts(node))
    frames = e.dim(node.y, 1)
    lines = e.matmul(e.reshape(e.cast(ct, dtype), [0, 0, -1]), transform.matrix(e, dtype))
    dframe = e.reshape(lines, [0, 0, -1, transform.b])
    starts = e.mul(e.range(frames), e.cast(e.reshape(node.input(1), [1]), INT64))
    place = e.add(e.unsqueeze(starts, [1]), e.range(length))
    framed = e.gather(e.cast(node.x, dtype), place, axis=1)
    dwindow = e.reduce_sum(e.mul(framed, dframe), [0, 1, 3], keepdims=False)
    if node.has(2):
        dframe = e.mul(dframe, e.unsqueeze(e.cast(node.input(2), dtype), [1]))
    line = e.reshape(dframe, [0, -1, transform.b])
    dx = add_at(e, line, e.reshape(place, [-1]), 1, 3, e.dim(node.x, 1))
    cts = (e.cast(dx, ct.dtype), None, e.cast(dwindow, ct.dtype), None)
    return cts[: len(node.inputs)]


def _frame_length(e: Emitter, node: Node) -> Tensor:
    if node.has(2):
        return e.dim(node.input(2), 0)
    if node.has(3):
        return e.cast(e.reshape(node.input(3), [1]), INT64)
    return e.dim(node.x, 1)
