"""What has become of weights between two files: a list of relations, each with its test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from retrograph.auditing.axes import relative_error
from retrograph.auditing.diagnosis.difference import Cause, Difference
from retrograph.auditing.diagnosis.linear import (
    LinearLayer,
    flattened_from,
    folded,
    linear_layers,
)
from retrograph.auditing.diagnosis.rounding import ROUNDINGS, Relation
from retrograph.auditing.diagnosis.vectors import vector_text
from retrograph.runtime import Array

_SAME = 2e-6
_CLOSE = 2e-5
_FEW = 4
_UNEXPLAINED = 0.1
"""So much of a difference a scale of each channel may leave unexplained."""

_MATCHED = 4096
"""Up to so many rows each is matched with all; more are sorted."""


def _close(a: Array, b: Array, most: float = _CLOSE) -> bool:
    return a.shape == b.shape and relative_error(a, b) <= most


def _flipped(a: Array, b: Array) -> str | None:
    space = tuple(range(2, a.ndim))
    if space and _close(a, np.flip(b, space)):
        return "the kernel is flipped"
    mirrored = next((axis for axis in space if _close(a, np.flip(b, axis))), None)
    if mirrored is None:
        return None
    return f"the kernel is mirrored along axis {mirrored}"


def _swapped(a: Array, b: Array) -> str | None:
    if a.ndim != 4 or a.shape[2] != a.shape[3]:
        return None
    turned = b.swapaxes(2, 3)
    if _close(a, turned):
        return "height and width of the kernel are swapped"
    is_rotated = any(_close(a, np.flip(turned, axes)) for axes in (2, 3, (2, 3)))
    return "the kernel is rotated" if is_rotated else None


def _shifted_kernel(a: Array, b: Array) -> str | None:
    for axis in range(2, a.ndim):
        for step in range(1, a.shape[axis]):
            if _close(np.roll(a, step, axis), b):
                by = step if 2 * step <= a.shape[axis] else step - a.shape[axis]
                return f"the kernel is moved by {by} along axis {axis}, around its ends"
    return None


def _reversed_channels(a: Array, b: Array) -> str | None:
    if a.shape[1] < 2 or not _close(a, b[:, ::-1]):
        return None
    colours = " (RGB against BGR)" if a.shape[1] == 3 else ""
    return f"the input channels are in reverse order{colours}"


def _swapped_channels(a: Array, b: Array) -> str | None:
    fits = a.shape[0] == a.shape[1] and _close(a, b.swapaxes(0, 1))
    return "input and output channels are swapped" if fits else None


def _reordered(a: Array, b: Array) -> str | None:
    if a.size < 2 or not _close(np.sort(a, axis=None), np.sort(b, axis=None)):
        return None
    layout = any(_close(np.transpose(a, order).reshape(b.shape), b) for order in _orders(a.ndim))
    of = "another layout's" if layout else "another"
    return f"the weights are A's in {of} order"


def _orders(rank: int) -> Iterator[tuple[int, ...]]:
    return itertools.permutations(range(rank))


def _permuted(a: Array, b: Array) -> str | None:
    for axis, name in ((0, "output channels"), (1, "input channels")):
        moved = permutation(np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0))
        if moved is not None:
            return f"the {name} are in another order ({moved} of {a.shape[axis]} moved)"
    return None


def permutation(a: Array, b: Array, most: float = _CLOSE) -> int | None:
    """How many rows of B are rows of A at another place; None if it is not A with rows moved."""
    rows_a, rows_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    if len(rows_a) < 2 or rows_a.shape != rows_b.shape:
        return None
    if len(rows_a) > _MATCHED:
        return _permutation_of_twins(rows_a, rows_b, most)
    place = (_unit(rows_b) @ _unit(rows_a).T).argmax(1)
    moved = int((place != np.arange(len(place))).sum())
    is_order = moved and len({*place.tolist()}) == len(place)
    if is_order and _close(rows_a[place], rows_b, most):
        return moved
    return _permutation_of_twins(rows_a, rows_b, most)


def _permutation_of_twins(a: Array, b: Array, most: float) -> int | None:
    """The same where some rows are equal, or 0: both in the order of a projection."""
    along = np.random.default_rng(0).normal(size=a.shape[1]).astype(np.float32)
    order_a, order_b = np.argsort(a @ along), np.argsort(b @ along)
    moved = int((np.abs(a - b).max(1) > most * max(float(np.abs(a).max()), 1e-30)).sum())
    return moved if moved and _close(a[order_a], b[order_b], most) else None


def _unit(rows: Array) -> Array:
    norms = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    unit: Array = rows / norms
    return unit


def _zeroed(a: Array, b: Array) -> str | None:
    gone = (b == 0) & (a != 0)
    changed = np.abs(a - b) > 1e-6 * np.abs(a).max()
    if not gone.any() or (changed & ~gone).any():
        return None
    share = f"{100 * gone.mean():.0f} %"
    lost = int((~b.reshape(len(b), -1).any(1) & gone.reshape(len(b), -1).any(1)).sum())
    if lost * b[0].size == b.size - np.count_nonzero(b):
        return f"{lost} of {len(b)} output channels are 0 in B{_told(_rows_lost(a, b))}"
    for order in (gone, gone.T):
        places = np.flatnonzero(order.reshape(-1))
        if places[-1] == a.size - 1 and len(places) > 0.9 * (places[-1] - places[0] + 1):
            return f"the last {share} of the weights are 0 (truncated)"
    smallest = np.abs(a[gone]).max() <= np.abs(a[~gone]).min(initial=np.inf) * 1.001
    return f"{share} of the weights are 0 (pruned{', the smallest' if smallest else ''})"


def _clipped(a: Array, b: Array) -> str | None:
    low, high = float(b.min()), float(b.max())
    if not (a.min() < low or a.max() > high) or not _close(np.clip(a, low, high), b):
        return None
    return f"the weights end at {low:.4g} and {high:.4g}, A's at {a.min():.4g} and {a.max():.4g}"


def _few(a: Array, b: Array) -> str | None:
    places = np.argwhere(np.abs(a - b) > 1e-6 * np.abs(a).max())
    if len(places) > max(4, 1e-3 * a.size):
        return None
    values = [
        f"{[*map(int, place)]} {a[tuple(place)]:.4g} in A, {b[tuple(place)]:.4g} in B"
        for place in places
    ]
    return f"{len(places)} of {a.size} weights differ{_told(values)}"


def _rows_lost(a: Array, b: Array) -> list[str]:
    """The output channels of A that are 0 in B."""
    alive = [rows.reshape(len(rows), -1).any(1) for rows in (a, b)]
    return [str(row) for row in np.flatnonzero(alive[0] & ~alive[1])]


def _told(each: Sequence[str]) -> str:
    """Few of them in brackets, nothing of many."""
    return f" ({'; '.join(each)})" if len(each) <= _FEW else ""


def _scaled(a: Array, b: Array) -> str | None:
    rows_a, rows_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    alive = rows_a.any(1)
    if rows_a.shape[1] < 2 or not alive.any() or (alive != rows_b.any(1)).any():
        return None
    rows_a, rows_b = rows_a[alive], rows_b[alive]
    alike = (_unit(rows_a) * _unit(rows_b)).sum(1)
    if alike.max() < -0.99999:
        return _negated(a, b)
    if alike.min() < 0.99999:
        return _scaled_inputs(a, b)
    ratio = np.linalg.norm(rows_b, axis=1) / np.maximum(np.linalg.norm(rows_a, axis=1), 1e-30)
    left = relative_error(rows_a * ratio[:, None], rows_b)
    if left > max(_CLOSE, _UNEXPLAINED * relative_error(rows_a, rows_b)):
        return None
    if np.ptp(ratio) <= 1e-5 * ratio.max():
        return f"the weights are A's times {ratio.mean():.6g}"
    return f"the weights are scaled by channel, by {ratio.min():.6g} to {ratio.max():.6g}"


def _scaled_inputs(a: Array, b: Array) -> str | None:
    axes = tuple(axis for axis in range(a.ndim) if axis != 1)
    factor = (a * b).sum(axes, keepdims=True) / np.maximum((a * a).sum(axes, keepdims=True), 1e-30)
    if a.shape[1] < 2 or a.size < _FEW * a.shape[1] or not _close(a * factor, b):
        return None
    ends = f"{factor.min():.6g} to {factor.max():.6g}"
    return f"the weights are scaled by input channel, by {ends}"


def _negated(a: Array, b: Array) -> str:
    if _close(a, -b):
        return "the weights have the other sign"
    return "the weights have the other sign and another scale"


def _other(a: Array, b: Array) -> str:
    cosine = float((a * b).sum() / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))
    return f"the weights are others: relative error {relative_error(a, b):.1e}, cosine {cosine:.4f}"


RELATIONS: Sequence[tuple[str, Relation]] = (
    ("kernel-flipped", _flipped),
    ("kernel-turned", _swapped),
    ("kernel-moved", _shifted_kernel),
    ("channels-reversed", _reversed_channels),
    ("channels-permuted", _permuted),
    ("channels-swapped", _swapped_channels),
    ("weights-zeroed", _zeroed),
    *ROUNDINGS[:2],
    ("few-weights", _few),
    *ROUNDINGS[2:],
    ("weights-clipped", _clipped),
    ("scaled", _scaled),
    ("reordered", _reordered),
    ("weights", _other),
)


def weight_cause(a: Array, b: Array) -> Cause | None:
    """What has become of weights [O, I, *kernel]; None where they are the same."""
    if a.shape != b.shape and a.size == b.size:
        b = b.reshape(a.shape)
    if a.shape != b.shape:
        return Cause("weight-shape", f"weights {[*a.shape]} in A, {[*b.shape]} in B")
    lost = int((np.isfinite(a) & ~np.isfinite(b)).sum())
    if lost:
        return Cause("nonfinite", f"{lost} of {b.size} weights are inf or NaN in B")
    if _close(a, b, _SAME):
        return None
    for kind, relation in RELATIONS:
        text = relation(a, b)
        if text is not None:
            return Cause(kind, text)
    raise AssertionError("the last relation holds always")


def _flatten_cause(a: Array, b: Array, shape: tuple[int, ...] | None) -> Cause | None:
    """Whether a dense layer takes what was flattened in the order of the other layout."""
    if shape is None or a.ndim != 2 or a.shape != b.shape or int(np.prod(shape)) != a.shape[1]:
        return None
    places = np.arange(a.shape[1])
    for source, end in ((0, -1), (-1, 0)):
        order = np.moveaxis(places.reshape(shape), source, end).reshape(-1)
        if (_close(a, b[:, order]) or _close(a[:, order], b)) and not _close(a, b, _SAME):
            return Cause(
                "flatten-order", "its inputs are flattened in the order of the other layout"
            )
    return None


def weight_causes(difference: Difference) -> Iterator[Cause]:
    """What has become of the weights and biases of the region's linear layers."""
    layers = linear_layers(difference.a), linear_layers(difference.b)
    for ours, theirs in zip(*layers, strict=False):
        first, second = _comparable(difference, ours, theirs)
        shape = flattened_from(difference.b, theirs.node) or flattened_from(difference.a, ours.node)
        cause = _flatten_cause(first.weight, second.weight, shape) or weight_cause(
            first.weight, second.weight
        )
        if cause is not None:
            yield _of_another(difference, theirs, cause).at(ours.node, theirs.node)
        for bias in _bias_cause(first, second, cause):
            yield _bias_of_another(difference, second, bias).at(ours.node, theirs.node)


def _of_another(difference: Difference, theirs: LinearLayer, cause: Cause) -> Cause:
    """The cause, or that the weights are those of another layer of A."""
    name = next((n for n in theirs.node.input[1:2] if cause.kind == "weights"), "")
    value = difference.b.constant(name)
    holder = "" if value is None else difference.a.holder(value)
    return Cause("weights-of-another", f"the weights are A's `{holder}`") if holder else cause


def _bias_of_another(difference: Difference, theirs: LinearLayer, cause: Cause) -> Cause:
    """The cause, or that the bias is that of another layer of A."""
    holder = "" if theirs.bias is None else difference.a.holder(theirs.bias)
    return Cause("bias", f"the bias is A's `{holder}`") if holder else cause


def _comparable(
    difference: Difference, ours: LinearLayer, theirs: LinearLayer
) -> tuple[LinearLayer, LinearLayer]:
    """Both layers with what is folded into them, where one file folds more than the other."""
    a, b = difference.a, difference.b
    same = [n.op_type for n in a.nodes] == [n.op_type for n in b.nodes]
    if same and (ours.bias is None) == (theirs.bias is None):
        return ours, theirs
    if weight_cause(ours.weight, theirs.weight) is None and same:
        return ours, theirs
    return folded(a, ours), folded(b, theirs)


def _bias_cause(a: LinearLayer, b: LinearLayer, weights: Cause | None) -> Iterator[Cause]:
    """What has become of the bias, unless its channels are moved as the weights' are."""
    ours, theirs = a.filled_bias, b.filled_bias
    if ours.shape != theirs.shape or _close(ours, theirs, 1e-5):
        return
    if weights is not None and _close(np.sort(ours), np.sort(theirs), 1e-5):
        return
    yield bias_cause(ours, theirs)


def bias_cause(a: Array, b: Array) -> Cause:
    """What has become of biases [O] that differ."""
    lost = int((np.isfinite(a) & ~np.isfinite(b)).sum())
    if lost:
        return Cause("nonfinite", f"{lost} of {b.size} biases are inf or NaN in B")
    if not b.any():
        return Cause("bias-lost", "the bias is missing in B")
    if not a.any():
        return Cause("bias-added", "B has a bias that A has not")
    text = vector_text(a, b) if len(a) > 1 else ""
    if text:
        return Cause("bias", f"the bias is {text}")
    return Cause("bias", f"the bias differs (relative error {relative_error(a, b):.1e})")
