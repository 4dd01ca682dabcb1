"""The pictures of a scan's strongest units, read again and explained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from retrograph.errors import InputError
from retrograph.patches.attribute import Attributor
from retrograph.patches.context import PatchContext
from retrograph.pipeline.loader import Job, named_jobs
from retrograph.preprocess import BadItem, Item, default_workers, iter_pending, prefetch_decode
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

    def _paths(self) -> list[str]:
        return [each["path"] for each in self.context.scan.run["inputs"]]

    def _from_pictures(self, by_name: Mapping[str, list[ChannelUnit]]) -> Iterator[ExplainedUnit]:
        """With a model of one input: units of several pictures at once."""
        context = self.context
        batches = {alias: _UnitBatch(each) for alias, each in context.attributors.items()}
        axes = context.signature.axes
        pending = iter_pending(self._paths(), axes, context.preprocessing, context.coding)
        sought = (each for each in pending if each.name in by_name)
        workers, names = default_workers(), set[str]()
        for item in prefetch_decode(sought, workers, 2 * workers):
            if isinstance(item, BadItem):
                self.missing[item.name] = str(item.error)
                continue
            if item.name in names:
                continue
            names.add(item.name)
            for each in by_name[item.name]:
                yield from batches[each.layer.alias].add(each, item)
        for batch in batches.values():
            yield from batch.flush()

    def _from_files(self, by_name: Mapping[str, list[ChannelUnit]]) -> Iterator[ExplainedUnit]:
        """With a model of several inputs: the arrays of one file at once, unit after unit."""
        context = self.context
        for job in named_jobs(self._paths(), context.signature, context.preprocessing):
            if isinstance(job, BadItem):
                continue
            for alias, attributor in context.attributors.items():
                rows = [
                    [each for each in by_name.get(s.item.name, []) if each.layer.alias == alias]
                    for s in job.sources
                ]
                yield from _explain_job(job, rows, attributor)

    def _compare(self, explained: ExplainedUnit) -> None:
        """Note a picture whose unit is not as strong as it was in the scan."""
        unit, score = explained.source.unit, explained.score
        if abs(score - unit.activation) > TOLERANCE * max(abs(unit.activation), _LEAST):
            alias = explained.source.layer.alias
            text = f"{alias} {score:.4g}, in the scan {unit.activation:.4g}"
            self.changed.setdefault(unit.name, text)


class _UnitBatch:
    """Units of one layer that wait until there are enough for a run."""

    def __init__(self, attributor: Attributor) -> None:
        self._attributor = attributor
        self._waiting: list[tuple[ChannelUnit, Item]] = []

    def add(self, unit: ChannelUnit, item: Item) -> Iterator[ExplainedUnit]:
        """Take in a unit; gives those that were run for that."""
        if self._waiting and self._waiting[0][1].array.shape != item.array.shape:
            yield from self.flush()
        self._waiting.append((unit, item))
        if len(self._waiting) == self._attributor.rows:
            yield from self.flush()

    def flush(self) -> Iterator[ExplainedUnit]:
        """Run what waits."""
        batch, self._waiting = self._waiting, []
        if batch:
            arrays = [item.array for _, item in batch]
            indices = [each.unit.index for each, _ in batch]
            attributions, scores = self._attributor.of_pictures(arrays, indices)
            for row, (unit, item) in enumerate(batch):
                yield ExplainedUnit(unit, item, attributions[row], float(scores[row]))


def _explain_job(
    job: Job, rows: Sequence[Sequence[ChannelUnit]], attributor: Attributor
) -> Iterator[ExplainedUnit]:
    """The units of a file's rows: first the first of each row, then the second, and so on."""
    unused = (0,) * len(attributor.contract.shape)
    for turn in range(max(map(len, rows))):
        units = [row[turn] if turn < len(row) else None for row in rows]
        indices = [each.unit.index if each else unused for each in units]
        attributions, scores = attributor.of_batch(job.feeds, indices)
        for row, unit in enumerate(units):
            if unit is not None:
                item = job.sources[row].item
                yield ExplainedUnit(unit, item, attributions[row], float(scores[row]))
