"""Resizing.   x: [N, C, *I], y, ct: [N, C, *O]."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np

from retrograph.ir.emit import FLOAT32, Emitter
from retrograph.ir.graph import Array, Tensor
from retrograph.vjp.lowering.crop import region_cotangent
from retrograph.vjp.lowering.linear_maps import along, unit_matrix
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, shape_of

_PASSED_ON = (
    "antialias",
    "coordinate_transformation_mode",
    "cubic_coeff_a",
    "exclude_outside",
    "mode",
    "nearest_mode",
)

_BY_SCALE_ALONE = ("half_pixel", "pytorch_half_pixel", "asymmetric")
"""The modes whose positions need no length, unless pytorch_half_pixel resizes to one element."""


@defvjp("Resize")
def resize(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct times the transposed matrix of each resized axis,   droi: see region_cotangent

    Resize is linear in x and separable: the Resize of the unit matrix along one axis is its
    matrix, in every mode, exactly as the runtime computes it.

    Raises:
        Unsupported: by the scales. The output's size jumps just where it is a whole number.
    """
    if 2 in node.wanted:
        raise Unsupported(
            f"its scales '{node.input(2).name}' depend on the explained input, and the size of "
            "what it makes jumps with them; supported: the derivative by its data and roi"
        )
    matrices = {axis: _matrix(e, node, axis, ct) for axis in _resized_axes(node)}
    dx = ct
    for axis, matrix in matrices.items():
        dx = along(e, dx, axis, node.rank(), matrix)
    droi = None
    if 1 in node.wanted:
        droi = region_cotangent(e, node, ct, matrices, _named_axes(node))
    return [dx, droi, None, None][: len(node.inputs)]


def _named_axes(node: Node) -> list[int]:
    """The axes that `scales`, `sizes` and `roi` speak of, in their order."""
    rank = node.rank()
    return [int(a) % rank for a in node.attrs.get("axes") or range(rank)]


def _resized_axes(node: Node) -> list[int]:
    axes = _named_axes(node)
    return [axis for i, axis in enumerate(axes) if not _keeps(node, i, axis)]


def _keeps(node: Node, i: int, axis: int) -> bool:
    """Whether the axis, the i-th named one, is not resized.

    An open batch or channel axis has its size among `sizes` only because all axes are named.

    A single element is read wherever the positions lie.

    Raises:
        Unsupported: the axis is resampled without a change of its size, and runtimes differ.
    """
    x, y = shape_of(node.x), shape_of(node.y)
    same_size = x[axis] is not None and x[axis] == y[axis]
    if same_size and x[axis] == 1:
        return True
    if _reads_in_place(node, i):
        by_scale = _scale(node, i) is not None
        return by_scale or same_size or (axis < 2 < len(x) and not isinstance(x[axis], int))
    if same_size and _may_be_copied(node, i):
        raise Unsupported(
            f"resamples axis {axis} without a change of its size, where runtimes differ; "
            "supported: a scale of 1, another size, or the resized axes alone among `axes`"
        )
    return False


def _may_be_copied(node: Node, i: int) -> bool:
    """Whether ONNX Runtime may copy a resampled axis of the same size, the i-th named one.

    It does where no axis changes its size, and where the size alone tells the scale. With
    antialias its positions are others than the standard's.
    """
    sizes = zip(shape_of(node.x), shape_of(node.y), strict=True)
    changes = any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in sizes)
    return not changes or _scale(node, i) in (None, 1.0) or bool(node.attrs.get("antialias"))


def _reads_in_place(node: Node, i: int) -> bool:
    """Whether the i-th named axis has no scale but 1 and nothing cut off, as far as is known."""
    if node.attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        roi = node.value(1)
        if roi is None or (roi[i], roi[i + len(roi) // 2]) != (0, 1):
            return False
    return _scale(node, i) in (None, 1.0)


def _scale(node: Node, i: int) -> float | None:
    """The constant scale of the i-th named axis, if there is one."""
    scales, common = node.value(2), _common_scale(node)
    if common is not None:
        return float(common)
    return None if scales is None or not scales.size else float(scales[i])


def _common_scale(node: Node) -> Fraction | None:
    """The scale of every named axis where the aspect ratio is kept, else None.

    Raises:
        Unsupported: only run time tells.
    """
    policy = node.attrs["keep_aspect_ratio_policy"]
    if policy == "stretch" or _given(node, 2):
        return None
    before, after = [shape_of(node.x)[axis] for axis in _named_axes(node)], node.value(3)
    lengths = [length for length in before if isinstance(length, int)]
    if after is None or len(lengths) < len(before):
        raise Unsupported(
            f"keep_aspect_ratio_policy='{policy}' with sizes of run time; "
            "supported: stretch, or export with static shapes"
        )
    ratios = [Fraction(a, b) for a, b in zip(after.tolist(), lengths, strict=True)]
    return min(ratios) if policy == "not_larger" else max(ratios)


def _matrix(e: Emitter, node: Node, axis: int, ct: Tensor) -> Tensor:
    """The matrix [O, I] of one axis, from the Resize of the unit matrix as [1, I, 1, I].

    It is made two elements high, so that no runtime copies it where O is I.
    """
    place = _named_axes(node).index(axis)
    unit = unit_matrix(e, e.dim(node.x, axis), e.const(0.0, FLOAT32))
    attrs = {k: v for k, v in node.attrs.items() if k in _PASSED_ON}
    roi, scales, sizes = None, None, None
    if node.attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        roi = _roi(e, node, place)
    scale = _rounded_scale(node, axis)
    if _given(node, 2):
        one = e.slice(node.input(2), [place], [place + 1], [0])
        scales = e.concat([e.const(np.array([1, 1, 2], np.float32)), one], axis=0)
    elif scale is not None:
        scales = e.const(np.array([1, 1, 2, float(scale)], np.float32))
        unit = e.gather(unit, _columns(e, node, axis, scale), axis=1)
    else:
        before, after = e.dim(node.x, axis), e.dim(node.y, axis)
        sizes = e.concat([e.ints([1]), before, e.ints([2]), after], axis=0)
    resized = e.emit("Resize", e.unsqueeze(unit, [0, 2]), roi, scales, sizes, **attrs)
    line = e.slice(resized, [0], [1], [2])
    matrix = e.transpose(e.squeeze(line, [0, 2]), [1, 0])
    if scale is not None:
        matrix = e.slice(matrix, [0], e.dim(node.y, axis), [0])
    return e.cast(matrix, ct.dtype)


def _rounded_scale(node: Node, axis: int) -> Fraction | None:
    """The common scale if the size that it gives is no whole one; otherwise that size tells it."""
    scale, size = _common_scale(node), shape_of(node.x)[axis]
    if scale is None or not isinstance(size, int) or (scale * size).denominator == 1:
        return None
    return scale


def _columns(e: Emitter, node: Node, axis: int, scale: Fraction) -> Tensor:
    """The columns of the unit matrix [I, I], the last one repeated where an element would lack.

    A size by a policy is rounded, one by a scale is cut off. Beyond the border its value is read
    in any case.

    Raises:
        Unsupported: positions depend on the length as well, or the border is left out.
    """
    size, attrs = shape_of(node.x)[axis], node.attrs
    assert isinstance(size, int)
    if scale * size % 1 < Fraction(1, 2):
        return e.ints(range(size))
    alone = attrs["coordinate_transformation_mode"] in _BY_SCALE_ALONE and scale * size > 1
    if not alone or attrs["antialias"] or attrs["exclude_outside"]:
        raise Unsupported(
            f"keep_aspect_ratio_policy='{attrs['keep_aspect_ratio_policy']}' rounds the size of "
            f"axis {axis} up; supported there: {', '.join(_BY_SCALE_ALONE)} to more than one "
            "element, without antialias and exclude_outside"
        )
    return e.ints([*range(size), *[size - 1] * ceil(1 / scale)])


def _given(node: Node, i: int) -> bool:
    value: Array | None = node.value(i)
    return node.has(i) and (value is None or value.size > 0)


def _roi(e: Emitter, node: Node, place: int) -> Tensor:
    count = len(_named_axes(node))
    start = e.slice(node.input(1), [place], [place + 1], [0])
    end = e.slice(node.input(1), [place + count], [place + count + 1], [0])
    start, end = e.cast(start, FLOAT32), e.cast(end, FLOAT32)
    zeros, ones = e.const(np.zeros(3, np.float32)), e.const(np.ones(3, np.float32))
    return e.concat([zeros, start, ones, end], axis=0)
