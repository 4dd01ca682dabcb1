"""What a network computes on the audited inputs, in runs of bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from retrograph.auditing.network import Network
from retrograph.auditing.ways import PLAIN, Way
from retrograph.errors import InputError
from retrograph.ir.compose.cut import cut_model
from retrograph.ir.graph import reads
from retrograph.runtime import Array

Feeds = Sequence[Mapping[str, Array]]
"""For each run an array for each input of the model, by name."""

_HELD = 200_000_000
"""So many bytes of values are kept; those that were not asked for longest go first."""

_RUN = 80_000_000
_UNKNOWN = 1_000_000


@dataclass
class Activations:
    """The tensors of a network on the inputs, as float32, the rows of all runs behind each other.

    Attributes:
        network: what is run.
        feeds: what it is run on.
        cuts: by its name what a tensor is given instead of what the network computes.
        threads: as in `Explainer`.
        way: how it is run.
    """

    network: Network
    feeds: Feeds
    cuts: Mapping[str, Array] = field(default_factory=dict)
    threads: int | None = None
    way: Way = PLAIN

    def __post_init__(self) -> None:
        self._held: dict[str, Array] = {}
        self._uneven: set[str] = set()

    def __getitem__(self, name: str) -> Array:
        """The values of one tensor."""
        return self.values([name])[name]

    def values(self, names: Sequence[str]) -> dict[str, Array]:
        """The values of some tensors, by name.

        Raises:
            InputError: ONNX Runtime cannot run the graph.
        """
        missing = [name for name in dict.fromkeys(names) if name not in self._held]
        known = {name: self._held.pop(name) for name in names if name in self._held}
        self._held |= known  # behind all others: they go last
        computed = self.run(missing) if missing else {}
        self._hold(computed)
        return {name: computed[name] if name in computed else known[name] for name in names}

    def forget(self) -> None:
        """Keep no values but those that were given."""
        self._held = {n: v for n, v in self._held.items() if n in self.cuts}

    def batches(self, names: Sequence[str]) -> Iterator[list[str]]:
        """The names in groups that are small enough for one run."""
        group: list[str] = []
        size = 0
        for name in names:
            size += self._size(name)
            if group and size > _RUN:
                yield group
                group, size = [], self._size(name)
            group.append(name)
        if group:
            yield group

    def with_cut(self, name: str, value: Array) -> Activations:
        """The same where a tensor is given; what does not depend on it need not run again."""
        after = replace(self, cuts={**self.cuts, name: value})
        changed = self.network.dependents(name)
        after._hold({n: v for n, v in self._held.items() if n not in changed} | {name: value})
        return after

    def run(
        self, names: Sequence[str], cuts: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """Compute some tensors on all inputs, from the nearest tensors that are known.

        Args:
            names: of tensors, or `computed` of one that is cut.
            cuts: by name what tensors are given besides.

        Raises:
            InputError: ONNX Runtime cannot run the graph.
        """
        known = {} if cuts else self._known_before(names)
        cuts = {**known, **self.cuts, **(cuts or {})}
        given = {n: v for n, v in cuts.items() if n in names}
        wanted = [name for name in names if name not in given]
        if not wanted:
            return given
        ranks = {name: value.ndim for name, value in cuts.items()}
        model = cut_model(self.network.graph, wanted, ranks)
        session = self.way.session(model, self.threads)
        dtypes = {spec.name: spec.dtype for spec in session.inputs}
        runs = []
        for number, feeds in enumerate(self.feeds):
            parts = {n: _part(v, number, len(self.feeds)) for n, v in cuts.items()}
            run = session.run({**feeds, **{n: _cast(v, dtypes[n]) for n, v in parts.items()}})
            runs.append({name: floats(run[name]) for name in wanted})
        self._uneven.update(n for n in wanted if len({run[n].shape for run in runs}) > 1)
        if len(runs) == 1:
            return given | runs[0]
        return given | {name: np.concatenate([run.pop(name) for run in runs]) for name in wanted}

    def _hold(self, values: Mapping[str, Array]) -> None:
        """Keep some values, and of all as many of the last ones as there is room for."""
        self._held |= values
        size = sum(value.nbytes for value in self._held.values())
        for name in [*self._held]:
            if size <= _HELD:
                return
            size -= self._held.pop(name).nbytes

    def _known_before(self, names: Sequence[str]) -> dict[str, Array]:
        """The nearest known tensors that some are computed from, where they are known exactly."""
        graph = self.network.graph
        found: dict[str, Array] = {}
        seen: set[str] = set()
        waiting = [*names]
        while waiting:
            name = waiting.pop()
            if name in seen or name not in graph.producer:
                continue
            seen.add(name)
            for read in reads(graph.producer[name]):
                if self._is_known(read):
                    found[read] = self._held[read]
                else:
                    waiting.append(read)
        return found

    def _is_known(self, name: str) -> bool:
        """Whether a tensor's values are kept as the network has them, and alike of all runs."""
        tensor = self.network.graph.tensor(name) if name in self._held else None
        return (
            tensor is not None
            and name not in self._uneven
            and tensor.dtype == np.float32
            and tensor.rank == self._held[name].ndim
        )

    def _size(self, name: str) -> int:
        """About how many bytes a tensor's values take."""
        if name in self._held:
            return 0
        tensor = self.network.graph.tensor(name)
        shape = tensor.shape if tensor is not None else None
        if shape is None or any(not isinstance(size, int) for size in shape[1:]):
            return _UNKNOWN * len(self.feeds)
        rows = sum(len(next(iter(feeds.values()))) for feeds in self.feeds)
        return 4 * rows * math.prod(int(size) for size in shape[1:] if size)


def _part(values: Array, number: int, count: int) -> Array:
    """The rows of one of so many runs."""
    if len(values) % count:
        raise InputError(
            f"{len(values)} rows of a tensor cannot be divided among {count} runs; give one input"
        )
    rows = len(values) // count
    return values[number * rows : (number + 1) * rows]


def floats(values: Array) -> Array:
    """Values as float32, with a first axis."""
    return np.atleast_1d(values).astype(np.float32, copy=False)


def _cast(values: Array, dtype: np.dtype[np.generic] | None) -> Array:
    with np.errstate(over="ignore"):
        return values if dtype is None else values.astype(dtype, copy=False)
