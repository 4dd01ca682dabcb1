"""The compared tensors of both files beside each other, in forward order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from retrograph.auditing.network import Network
from retrograph.auditing.pairing import Pair, in_order
from retrograph.auditing.precision import LayerError


@dataclass(frozen=True)
class Cell:
    """A tensor of one file.

    Attributes:
        name: of the tensor.
        label: as people name it.
        op: its operator.
        reads: the compared tensors that it is computed from.
    """

    name: str
    label: str
    op: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class TensorRow:
    """A tensor of A and the one of B that stands for it, or what lies between two such rows.

    Attributes:
        a, b: None where the other has no counterpart.
        error: how far B's is from A's as the files are; None where they are no pair.
        own: the same where all before it is A's; None where that was not measured.
        suspect: whether that is more than is explained.
        in_region: the number of the region that they lie in, from 1; 0 for none.
    """

    a: Cell | None
    b: Cell | None
    error: float | None = None
    own: float | None = None
    suspect: bool = False
    in_region: int = 0

    @property
    def stands_out(self) -> bool:
        """Whether it is where the files differ."""
        return self.suspect or bool(self.in_region)


@dataclass(frozen=True)
class TwoNetworks:
    """Both files, for their rows.

    Attributes:
        a, b: the networks.
        regions_a, regions_b: by tensor the number of the region it lies in.
    """

    a: Network
    b: Network
    regions_a: Mapping[str, int]
    regions_b: Mapping[str, int]

    def rows(self, pairs: Sequence[Pair], layers: Sequence[LayerError]) -> list[TensorRow]:
        """All compared tensors of both.

        Args:
            pairs: the tensors that stand for each other.
            layers: what is known of their errors besides.
        """
        known = {(layer.a, layer.b): layer for layer in layers}
        return [*self._rows(in_order(self.a, self.b, pairs), known)]

    def _rows(
        self, anchors: Sequence[Pair], layers: Mapping[tuple[str, str], LayerError]
    ) -> Iterator[TensorRow]:
        left, right = [*self.a.points], [*self.b.points]
        for anchor in anchors:
            end_a, end_b = left.index(anchor.a), right.index(anchor.b)
            yield from self._between(left[:end_a], right[:end_b])
            yield self._pair(anchor, layers.get((anchor.a, anchor.b)))
            left, right = left[end_a + 1 :], right[end_b + 1 :]
        yield from self._between(left, right)

    def _between(self, left: Sequence[str], right: Sequence[str]) -> Iterator[TensorRow]:
        for x, y in zip_longest(left, right):
            yield TensorRow(_cell(self.a, x), _cell(self.b, y), in_region=self._region(x, y))

    def _pair(self, pair: Pair, layer: LayerError | None) -> TensorRow:
        return TensorRow(
            _cell(self.a, pair.a),
            _cell(self.b, pair.b),
            pair.error if layer is None else layer.accumulated,
            None if layer is None else layer.own,
            layer is not None and layer.suspect,
            self._region(pair.a, pair.b),
        )

    def _region(self, a: str | None, b: str | None) -> int:
        return self.regions_a.get(a or "", 0) or self.regions_b.get(b or "", 0)


def _cell(network: Network, name: str | None) -> Cell | None:
    if name is None:
        return None
    reads = tuple(network.before([name]))
    return Cell(name, network.name_in_file(name), network.op_in_file(name), reads)
