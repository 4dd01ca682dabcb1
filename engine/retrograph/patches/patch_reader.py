"""The pictures of a scan's strongest units, read again and explained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from retrograph.errors import InputError
from retrograph.inputs.loader import Batch, load_batches, read_inputs
from retrograph.patches.attribute import Attributor
from retrograph.patches.context import PatchContext
from retrograph.preprocess import BadInput, Item, default_workers, prefetch_decode
from retrograph.preprocess.batches import Batcher
from retrograph.runtime import Array
from retrograph.scanning import ScannedLayer, TopUnit

Key = tuple[str, int, int]
"""A layer's alias, a channel and a rank."""

TOLERANCE = 0.02
"""An activation that differs by more than this share is not the one that was scanned."""

_LEAST = 1e-3
"""Of activations below this the difference counts as a share of this."""


@dataclass(frozen=True)
class ChannelUnit:
    """One of the strongest units of a channel, of which a patch is to be made."""

    layer: ScannedLayer
    channel: int
    unit: TopUnit

    @property
    def key(self) -> Key:
        """What tells it from the others."""
        return self.layer.alias, self.channel, self.unit.rank


_UnitBatcher = Batcher[tuple[ChannelUnit, Item]]


@dataclass(frozen=True)
class ExplainedUnit:
    """A unit with its picture and its attribution.

    Attributes:
        source: the unit.
        item: its picture.
        attribution: in the shape of an input without its batch axis.
        score: the unit's activation.
    """

    source: ChannelUnit
    item: Item
    attribution: Array
    score: float


@dataclass
class PatchReader:
    """Reads the pictures once, in their order, and explains each for all of its units.

    Attributes:
        context: the scan, and the graphs that explain.
        missing: why pictures could not be read, by their names.
        changed: what pictures give that is not as it was in the scan, by their names.
    """

    context: PatchContext
    missing: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)

    def read(self, units: Iterable[ChannelUnit]) -> Iterator[ExplainedUnit]:
        """The units whose pictures are still there, in any order; the others come to `missing`.

        Raises:
            InputError: no picture is there.
        """
        by_name: dict[str, list[ChannelUnit]] = {}
        for each in units:
            by_name.setdefault(each.unit.name, []).append(each)
        self.missing = dict.fromkeys(by_name, "it is not where it was when it was scanned")
        several = len(self.context.signature.specs) > 1
        for explained in self._from_files(by_name) if several else self._from_pictures(by_name):
            self.missing.pop(explained.source.unit.name, None)
            self._compare(explained)
            yield explained
        if by_name and len(self.missing) == len(by_name):
            raise InputError(
                f"none of the {len(by_name)} pictures can be read, such as "
                f"{next(iter(by_name))}; run this where the scan was run, put them back, or scan "
                "anew"
            )

    def _from_pictures(self, by_name: Mapping[str, list[ChannelUnit]]) -> Iterator[ExplainedUnit]:
        """With a model of one input: units of several pictures at once."""
        context = self.context
        graphs = context.attributors
        batchers = {alias: _UnitBatcher(each.rows) for alias, each in graphs.items()}
        pending = read_inputs(context.inputs, context.signature.kind)
        sought = (each for _, each in pending if each.name in by_name)
        workers, names = default_workers(), set[str]()
        for item in prefetch_decode(sought, workers, 2 * workers):
            if isinstance(item, BadInput):
                self.missing[item.name] = str(item.error)
                continue
            if item.name in names:
                continue
            names.add(item.name)
            for each in by_name[item.name]:
                alias = each.layer.alias
                for batch in batchers[alias].add((each, item), item.array.shape):
                    yield from _explain_batch(batch, graphs[alias])
        for alias, batcher in batchers.items():
            for batch in batcher.rest():
                yield from _explain_batch(batch, graphs[alias])

    def _from_files(self, by_name: Mapping[str, list[ChannelUnit]]) -> Iterator[ExplainedUnit]:
        """With a model of several inputs: the arrays of one file at once, unit after unit."""
        context = self.context
        for batch in load_batches(context.inputs, context.signature):
            for alias, attributor in context.attributors.items():
                rows = [
                    [each for each in by_name.get(item.name, []) if each.layer.alias == alias]
                    for item in batch.items
                ]
                yield from _explain_file(batch, rows, attributor)

    def _compare(self, explained: ExplainedUnit) -> None:
        """Note a picture whose unit is not as strong as it was in the scan."""
        unit, score = explained.source.unit, explained.score
        if abs(score - unit.activation) > TOLERANCE * max(abs(unit.activation), _LEAST):
            alias = explained.source.layer.alias
            text = f"{alias} {score:.4g}, in the scan {unit.activation:.4g}"
            self.changed.setdefault(unit.name, text)


def _explain_batch(
    batch: Sequence[tuple[ChannelUnit, Item]], attributor: Attributor
) -> Iterator[ExplainedUnit]:
    """Units of one layer, each in its picture."""
    arrays = [item.array for _, item in batch]
    attributions, scores = attributor.of_pictures(arrays, [each.unit.index for each, _ in batch])
    for row, (unit, item) in enumerate(batch):
        yield ExplainedUnit(unit, item, attributions[row], float(scores[row]))


def _explain_file(
    batch: Batch, rows: Sequence[Sequence[ChannelUnit]], attributor: Attributor
) -> Iterator[ExplainedUnit]:
    """The units of a file's rows: first the first of each row, then the second, and so on."""
    unused = (0,) * len(attributor.contract.shape)
    for turn in range(max(map(len, rows), default=0)):
        units = [row[turn] if turn < len(row) else None for row in rows]
        indices = [each.unit.index if each else unused for each in units]
        attributions, scores = attributor.of_batch(batch.feeds, indices)
        for row, unit in enumerate(units):
            if unit is not None:
                yield ExplainedUnit(unit, batch.items[row], attributions[row], float(scores[row]))
