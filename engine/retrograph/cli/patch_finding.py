"""The pictures of a scan's strongest units, found again and explained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from retrograph.errors import InputError
from retrograph.patches import Attributor
from retrograph.pipeline.loader import Job, Signature, named_jobs
from retrograph.preprocess import (
    BadItem,
    Coding,
    Item,
    Preprocessing,
    iter_pending,
    prefetch_decode,
)
from retrograph.runtime import Array
from retrograph.scanning import ScannedLayer, ScanReader, TopUnit

Key = tuple[str, int, int]
"""A layer's alias, a channel and a rank."""

_TOLERANCE = 0.02
"""An activation that differs by more than this share is not the one that was scanned."""


@dataclass(frozen=True)
class Wanted:
    """A patch that is to be made: one of the strongest units of a channel."""

    layer: ScannedLayer
    channel: int
    unit: TopUnit

    @property
    def key(self) -> Key:
        """What tells it from the others."""
        return self.layer.alias, self.channel, self.unit.rank


@dataclass(frozen=True)
class Seen:
    """A unit with its picture and its attribution, both in the shape of the input."""

    wanted: Wanted
    item: Item
    attribution: Array
    score: float


@dataclass
class Finder:
    """Reads the pictures once, in their order, and explains each for all units that want it.

    Attributes:
        scan: whose pictures.
        attributors: by the layers' aliases.
        signature: what the layers take.
        preprocessing, coding: as they were scanned.
        workers: threads that decode.
        missing: why pictures could not be read, by their names.
        changed: what pictures give that is not as it was in the scan, by their names.
    """

    scan: ScanReader
    attributors: Mapping[str, Attributor]
    signature: Signature
    preprocessing: Preprocessing
    coding: Coding | None
    workers: int
    missing: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)

    def find(self, wanted: Iterable[Wanted]) -> Iterator[Seen]:
        """The units whose pictures are still there, in any order; the others come to `missing`.

        Raises:
            InputError: no picture is there.
        """
        by_name: dict[str, list[Wanted]] = {}
        for each in wanted:
            by_name.setdefault(each.unit.name, []).append(each)
        self.missing = dict.fromkeys(by_name, "it is not where it was when it was scanned")
        for seen in self._of_one(by_name) if len(self.signature.specs) == 1 else self._of(by_name):
            self.missing.pop(seen.wanted.unit.name, None)
            self._compare(seen)
            yield seen
        if by_name and len(self.missing) == len(by_name):
            raise InputError(
                f"none of the {len(by_name)} pictures can be read, such as "
                f"{next(iter(by_name))}; run this where the scan was run, put them back, or scan "
                "anew"
            )

    def _paths(self) -> list[str]:
        return [each["path"] for each in self.scan.run["inputs"]]

    def _of_one(self, by_name: Mapping[str, list[Wanted]]) -> Iterator[Seen]:
        """With a model of one input: units of several pictures at once."""
        waiting = {alias: _Waiting(each) for alias, each in self.attributors.items()}
        pending = iter_pending(self._paths(), self.signature.axes, self.preprocessing, self.coding)
        sought = (each for each in pending if each.name in by_name)
        met = set[str]()
        for item in prefetch_decode(sought, self.workers, 2 * self.workers):
            if isinstance(item, BadItem):
                self.missing[item.name] = str(item.error)
                continue
            if item.name in met:
                continue
            met.add(item.name)
            for each in by_name[item.name]:
                yield from waiting[each.layer.alias].add(each, item)
        for rest in waiting.values():
            yield from rest.flush()

    def _of(self, by_name: Mapping[str, list[Wanted]]) -> Iterator[Seen]:
        """With a model of several inputs: the arrays of one file at once, unit after unit."""
        for job in named_jobs(self._paths(), self.signature, self.preprocessing):
            if isinstance(job, BadItem):
                continue
            for alias, attributor in self.attributors.items():
                rows = [
                    [w for w in by_name.get(s.item.name, []) if w.layer.alias == alias]
                    for s in job.sources
                ]
                yield from _of_job(job, rows, attributor)

    def _compare(self, seen: Seen) -> None:
        unit = seen.wanted.unit
        if abs(seen.score - unit.activation) > _TOLERANCE * max(abs(unit.activation), 1e-3):
            told = f"{seen.wanted.layer.alias} {seen.score:.4g}, in the scan {unit.activation:.4g}"
            self.changed.setdefault(unit.name, told)


class _Waiting:
    """Units of one layer that wait until a batch is full."""

    def __init__(self, attributor: Attributor) -> None:
        self._attributor = attributor
        self._held: list[tuple[Wanted, Item]] = []

    def add(self, wanted: Wanted, item: Item) -> Iterator[Seen]:
        if self._held and self._held[0][1].array.shape != item.array.shape:
            yield from self.flush()
        self._held.append((wanted, item))
        if len(self._held) == self._attributor.rows:
            yield from self.flush()

    def flush(self) -> Iterator[Seen]:
        held, self._held = self._held, []
        if held:
            arrays = [item.array for _, item in held]
            found = self._attributor.of_pictures(arrays, [w.unit.index for w, _ in held])
            for row, (wanted, item) in enumerate(held):
                yield Seen(wanted, item, found.attribution[row], float(found.score[row]))


def _of_job(job: Job, rows: list[list[Wanted]], attributor: Attributor) -> Iterator[Seen]:
    """What the rows of a file want, each its first unit, then each its second, and so on."""
    nothing = (0,) * len(attributor.contract.shape)
    for turn in range(max(map(len, rows))):
        now = [row[turn] if turn < len(row) else None for row in rows]
        found = attributor.of_batch(job.feeds, [w.unit.index if w else nothing for w in now])
        for row, wanted in enumerate(now):
            if wanted is not None:
                item = job.sources[row].item
                yield Seen(wanted, item, found.attribution[row], float(found.score[row]))
