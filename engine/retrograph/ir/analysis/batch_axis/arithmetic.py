"""Arithmetic: number by number, row by row, and products of matrices."""

from __future__ import annotations

from collections.abc import Mapping

from retrograph.ir.analysis.batch_axis.passage import Passage, Place
from retrograph.ir.graph import Dim


def rows(p: Passage) -> Place | None:
    """Operators over [N, C, *S] with parameters: they treat the rows of the first input alike."""
    return p.alone if p.alone is not None and p.alone.axis == 0 else None


def same(p: Passage) -> Place | None:
    """Functions of each number of the first input."""
    return p.alone


def all_rows(p: Passage) -> Place | None:
    """Every operand has a row for each row of the others."""
    return p.common if p.common is not None and p.common.axis == 0 else None


def all_led(p: Passage) -> Place | None:
    """None of the operands is a constant; the shape that MaxUnpool may take is no operand."""
    count = 2 if p.node.op_type == "MaxUnpool" else len(p.node.input)
    operands = {i for i, name in enumerate(p.node.input) if name and i < count}
    return all_rows(p) if operands == set(p.placed) else None


def aligned(p: Passage) -> Place | None:
    """Broadcasting aligns axes from the back."""
    return _from_back(p, p.placed)


def _from_back(p: Passage, placed: Mapping[int, Place]) -> Place | None:
    """The place in the result, of operands that align from the back; None where one is stretched.

    A size of the batch that is open and becomes a number is stretched to that of a constant.
    """
    result, found, sizes = p.result, set[Place](), set[Dim]()
    for i, place in placed.items():
        shape = p.shape(i)
        if result is None or shape is None or len(shape) > len(result):
            return None
        found.add(Place(len(result) - len(shape) + place.axis, place.before, place.after))
        sizes.add(shape[place.axis])
    if result is None or len(found) != 1:
        return None
    (place,) = found
    whole = result[place.axis]
    return None if isinstance(whole, int) and whole not in sizes else place


def reverse_sequence(p: Passage) -> Place | None:
    return all_led(p) if p.attrs.get("batch_axis", 1) == 0 else None


def batch_norm(p: Passage) -> Place | None:
    return None if p.attrs.get("training_mode", 0) else rows(p)


def layer_norm(p: Passage) -> Place | None:
    """Scale and bias are broadcast to the first input, which may be by the item."""
    place, axis = p.placed.get(0), p.axis(-1)
    return aligned(p) if place is not None and axis is not None and place.axis < axis else None


def deform_conv(p: Passage) -> Place | None:
    """A constant offset or mask has a row for each item too; weight and bias have none."""
    return None if {1, 3} & set(p.placed) else all_rows(p)


def matmul(p: Passage) -> Place | None:
    rank_a, rank_b = p.rank(0), p.rank(1)
    if not rank_a or not rank_b:
        return None
    left, right = p.placed.get(0), p.placed.get(1)
    if left is not None and left.axis == rank_a - 1:
        return None  # summed over
    if right is not None and right.axis == max(rank_b - 2, 0):
        return None
    if left is not None and right is not None:
        return aligned(p) if left.axis < rank_a - 2 else None
    if rank_a > 1 < rank_b:
        return aligned(p)
    if left is not None:
        return left
    assert right is not None
    return right if right.axis < rank_b - 2 else Place(rank_b - 2, right.before, right.after)


def gemm(p: Passage) -> Place | None:
    """Rows of A are rows of the result, columns of B its columns; C is added to it."""
    kept = p.attrs.get("transA", 0), 1 - p.attrs.get("transB", 0)
    found: set[Place | None] = set()
    for i, place in p.placed.items():
        if i == 2:
            found.add(_from_back(p, {i: place}))
        else:
            found.add(Place(i, place.before, place.after) if place.axis == kept[i] else None)
    return found.pop() if len(found) == 1 else None


def einsum(p: Passage) -> Place | None:
    """The axis of the items has one letter, in every operand with items and in the result."""
    left, arrow, result = "".join(p.attrs["equation"].split()).partition("->")
    ranks = [p.rank(i) for i in range(len(p.node.input))]
    whole = [_spelled(term, rank) for term, rank in zip(left.split(","), ranks, strict=True)]
    target = _spelled(result, None if p.result is None else len(p.result))
    if not arrow or target is None or any(term is None for term in whole):
        return None
    terms = [term for term in whole if term is not None]
    letters = {terms[i][place.axis] for i, place in p.placed.items()}
    factors = {(place.before, place.after) for place in p.placed.values()}
    if len(letters) != 1 or len(factors) != 1:
        return None
    (letter,), ((before, after),) = letters, factors
    once = all(term.count(letter) == (i in p.placed) for i, term in enumerate(terms))
    kept = once and target.count(letter) == 1
    return Place(target.index(letter), before, after) if kept else None


def _spelled(term: str, rank: int | None) -> str | None:
    """The letters of a term, a digit for each axis of an ellipsis, counted from its back."""
    if "..." not in term:
        return term
    if rank is None or not 0 <= rank + 3 - len(term) <= 9:
        return None
    return term.replace("...", "987654321"[9 - (rank + 3 - len(term)) :])
