"""Operators that move numbers: relevance goes where a number came from.

A number may also come from elsewhere: from a constant beside the data, from what nothing explained
flows to, from a border that is filled in. What falls to it is kept, as what falls to a bias is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.methods.relevance.tally import Tally
from retrograph.vjp.registry import Cotangents, MultiRule, Node, vjp

_Rest = Callable[[Emitter, Node, Tensor, Cotangents], Iterator[Tensor]]
"""From the relevance of y and of the inputs to what fell elsewhere, each in the rows of y."""


def moved(tally: Tally) -> MultiRule:
    """R_x = the cotangent of x, with R_y as that of y; the rest of R_y is kept."""

    def rule(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        found = vjp(e, node, cts)
        rest = _REST.get(node.op)
        if rest is not None and cts[0] is not None:
            for part in rest(e, node, cts[0], found):
                tally.add(part, node.y)
        return found

    return rule


def _of_concat(e: Emitter, node: Node, r: Tensor, found: Cotangents) -> Iterator[Tensor]:
    for i, part in enumerate(found):
        if part is not None and i not in node.wanted:
            yield part


def _of_where(e: Emitter, node: Node, r: Tensor, found: Cotangents) -> Iterator[Tensor]:
    if 1 not in node.wanted:
        yield e.where(node.input(0), r, 0.0)
    if 2 not in node.wanted:
        yield e.where(node.input(0), 0.0, r)


def _of_scatter(e: Emitter, node: Node, r: Tensor, found: Cotangents) -> Iterator[Tensor]:
    """found[0]: of the numbers that no update replaced, in their places."""
    stayed = found[0]
    assert stayed is not None
    if 0 not in node.wanted:
        yield stayed
    if 2 not in node.wanted:
        yield e.sub(r, stayed)


def _of_pad(e: Emitter, node: Node, r: Tensor, found: Cotangents) -> Iterator[Tensor]:
    pads, named, rank = node.value(1), node.value(3), node.rank()
    around = pads is None or bool((pads > 0).any())
    if node.attrs["mode"] == "constant" and 2 not in node.wanted and around:
        assert found[0] is not None
        axes = range(rank) if named is None else [int(axis) % rank for axis in named]
        given = node.input(1) if pads is None else pads.tolist()
        yield e.sub(r, e.pad(found[0], given, list(axes), rank))


def _of_triangle(e: Emitter, node: Node, r: Tensor, found: Cotangents) -> Iterator[Tensor]:
    assert found[0] is not None
    yield e.sub(r, found[0])


def _of_unpool(e: Emitter, node: Node, r: Tensor, found: Cotangents) -> Iterator[Tensor]:
    filled = e.emit("MaxUnpool", _ones(e, node.x), *node.inputs[1:], **node.attrs)
    yield e.mul(r, e.sub(1.0, e.cast(filled, r.dtype)))


def _of_crop(e: Emitter, node: Node, r: Tensor, found: Cotangents) -> Iterator[Tensor]:
    return outside(e, node, r)


def outside(e: Emitter, node: Node, r: Tensor) -> Iterator[Tensor]:
    """The relevance of what a Resize reads outside of its input, which is one number."""
    if node.attrs["coordinate_transformation_mode"] == "tf_crop_and_resize":
        attrs = {**node.attrs, "extrapolation_value": 0.0}
        inside = e.emit("Resize", _ones(e, node.x), *node.inputs[1:], **attrs)
        yield e.mul(r, e.sub(1.0, e.cast(inside, r.dtype)))


def _ones(e: Emitter, x: Tensor) -> Tensor:
    return replace(e.constant_of_shape(e.sizes(x, 0), 1.0, x.dtype), rows=x.rows)


_REST: dict[str, _Rest] = {
    "Concat": _of_concat,
    "Where": _of_where,
    "ScatterElements": _of_scatter,
    "ScatterND": _of_scatter,
    "Pad": _of_pad,
    "Trilu": _of_triangle,
    "MaxUnpool": _of_unpool,
    "Resize": _of_crop,
}
