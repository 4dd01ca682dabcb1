"""The compared tensors of both files beside each other, in forward order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from retrograph.auditing.network import Network
from retrograph.auditing.pairing import Pair, in_order


@dataclass(frozen=True)
class Cell:
    """A tensor of one file.

    Attributes:
        name: of the tensor.
        label: as people name it.
        op: its operator.
    """

    name: str
    label: str
    op: str


@dataclass(frozen=True)
class TensorRow:
    """A tensor of A and the one of B that equals it, or what lies between two such rows.

    Attributes:
        a, b: None where the other has no counterpart.
        error: the relative error of two that are equal; None where they are not.
        in_region: the number of the region that they lie in, from 1; 0 for none.
    """

    a: Cell | None
    b: Cell | None
    error: float | None
    in_region: int


def tensor_rows(
    a: Network,
    b: Network,
    pairs: Sequence[Pair],
    regions_a: Mapping[str, int],
    regions_b: Mapping[str, int],
) -> list[TensorRow]:
    """All compared tensors of both.

    Args:
        a, b: the networks.
        pairs: the tensors that are equal.
        regions_a, regions_b: by tensor the number of the region it lies in.
    """
    return [*_rows(a, b, in_order(a, b, pairs), regions_a, regions_b)]


def _rows(
    a: Network,
    b: Network,
    anchors: Sequence[Pair],
    regions_a: Mapping[str, int],
    regions_b: Mapping[str, int],
) -> Iterator[TensorRow]:
    left, right = [*a.points], [*b.points]
    for anchor in [*anchors, None]:
        end_a = left.index(anchor.a) if anchor is not None else len(left)
        end_b = right.index(anchor.b) if anchor is not None else len(right)
        for x, y in zip_longest(left[:end_a], right[:end_b]):
            number = regions_a.get(x or "", 0) or regions_b.get(y or "", 0)
            yield TensorRow(_cell(a, x), _cell(b, y), None, number)
        if anchor is not None:
            yield TensorRow(_cell(a, anchor.a), _cell(b, anchor.b), anchor.error, 0)
        left, right = left[end_a + 1 :], right[end_b + 1 :]


def _cell(network: Network, name: str | None) -> Cell | None:
    if name is None:
        return None
    return Cell(name, network.aliases.get(name, name), network.op(name))
