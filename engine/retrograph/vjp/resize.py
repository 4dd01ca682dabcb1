"""Resizing.   x: [N, C, *I], y, ct: [N, C, *O]."""

from __future__ import annotations

import numpy as np

from retrograph.ir.emit import FLOAT32, Emitter
from retrograph.ir.graph import Array, Tensor
from retrograph.vjp.linear import along, unit_matrix
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, shape_of

_PASSED_ON = (
    "antialias",
    "coordinate_transformation_mode",
    "cubic_coeff_a",
    "exclude_outside",
    "mode",
    "nearest_mode",
)


@defvjp("Resize")
def resize(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct times the transposed matrix of each resized axis

    Resize is linear and separable: the Resize of the unit matrix along one axis is its matrix,
    in every mode, exactly as the runtime computes it.
    """
    rank = node.rank()
    for axis in _resized_axes(node):
        matrix = _matrix(e, node, axis, ct)
        ct = along(e, ct, axis, rank, matrix)
    return [ct, *[None] * (len(node.inputs) - 1)]


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

    Raises:
        Unsupported: positions between the elements are read, and just as many as there are
            elements. ONNX Runtime copies where no axis changes its size, which the standard does
            not say.
    """
    x, y = shape_of(node.x), shape_of(node.y)
    same_size = x[axis] is not None and x[axis] == y[axis]
    if _reads_in_place(node, i):
        by_scale = _scale(node, i) is not None
        return by_scale or same_size or (axis < 2 < len(x) and not isinstance(x[axis], int))
    if same_size:
        raise Unsupported(
            f"resamples axis {axis} without a change of its size, where runtimes differ; "
            "supported: a scale of 1, or another size"
        )
    return False


def _reads_in_place(node: Node, i: int) -> bool:
    """Whether the i-th named axis has no scale but 1 and nothing cut off, as far as is known."""
    if node.attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        roi = node.value(1)
        if roi is None or (roi[i], roi[i + len(roi) // 2]) != (0, 1):
            return False
    return _scale(node, i) in (None, 1.0)


def _scale(node: Node, i: int) -> float | None:
    """The constant scale of the i-th named axis, if there is one."""
    scales = node.value(2)
    return None if scales is None or not scales.size else float(scales[i])


def _matrix(e: Emitter, node: Node, axis: int, ct: Tensor) -> Tensor:
    """The matrix [O, I] of one axis, from the Resize of the unit matrix as [1, 1, I, I]."""
    place = _named_axes(node).index(axis)
    unit = e.unsqueeze(unit_matrix(e, e.dim(node.x, axis), e.const(0.0, FLOAT32)), [0, 1])
    attrs = {k: v for k, v in node.attrs.items() if k in _PASSED_ON}
    roi, scales, sizes = None, None, None
    if node.attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        roi = _roi(e, node, place)
    if _given(node, 2):
        one = e.slice(node.input(2), [place], [place + 1], [0])
        scales = e.concat([e.const(np.ones(3, np.float32)), one], axis=0)
    elif node.attrs.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        policy = node.attrs["keep_aspect_ratio_policy"]
        raise Unsupported(f"keep_aspect_ratio_policy='{policy}'; supported: stretch")
    else:
        square = e.dim(node.x, axis)
        sizes = e.concat([e.ints([1, 1]), square, e.dim(node.y, axis)], axis=0)
    resized = e.emit("Resize", unit, roi, scales, sizes, **attrs)
    return e.cast(e.transpose(e.squeeze(resized, [0, 1]), [1, 0]), ct.dtype)


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
