"""The forward pass up to some layers, ready to run, with statistics of their channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.keywords import check_counts
from retrograph.model import Model, Source, runnable
from retrograph.probe import Probe, build_probe
from retrograph.runtime import Array, Session, Spec
from retrograph.runtime.parallel_runs import ParallelRuns, known_size

BATCH = 32
"""How many inputs a run takes where neither the file nor anybody says."""
_LARGE = 2**23
"""Numbers of a batch."""


@dataclass(frozen=True)
class ActivationStats:
    """The activations of C channels of a layer for N pictures, reduced over positions.

    Attributes:
        peak: float64 [N, C], the greatest activation.
        unit: int64 [N, C, r], where it is first, as an index in an item of the layer.
        mean: float64 [N, C], over all positions.
        share: float64 [N, C], of the positions above 0.
    """

    peak: Array
    unit: Array
    mean: Array
    share: Array

    @classmethod
    def joined(cls, parts: Sequence[ActivationStats]) -> ActivationStats:
        """Those of several batches as those of one."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def only(self, rows: Array | slice, channels: Array | slice = slice(None)) -> ActivationStats:
        """Some pictures and channels."""
        parts = (self.peak, self.unit, self.mean, self.share)
        return ActivationStats(*(part[rows][:, channels] for part in parts))

    @property
    def finite(self) -> Array:
        """bool [N]: whether all numbers of a picture are."""
        return np.asarray(np.isfinite(self.peak + self.mean).all(axis=1))


class ProbeSession:
    """The forward pass up to some layers, which gives `ActivationStats` of them.

    Args:
        model: a path to an .onnx file, or a model.
        layers: aliases or tensors.
        device: as in `Explainer`.
        threads: how many threads runs may use at a time; all processors if None.

    Attributes:
        model: the source model.
        probes: what is counted of each layer.
        inputs: what the layers need.
        input: the input that pictures become: the first of floating point.
        axes: what its axes count.
        device: what runs it.
        runs: how many runs are best under way at a time: see `ParallelRuns.suited`; one where a
            batch is large, so that its activations are in memory once.

    Raises:
        InputError: there is no such layer, how many channels one has is not known, or the units
            of its inputs cannot be told apart.
        DeviceError: ONNX Runtime or the device is not there.
    """

    def __init__(
        self,
        model: Source,
        layers: Sequence[str],
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.model = model if isinstance(model, Model) else Model(model)
        tensors = list(dict.fromkeys(map(self.model.target, layers)))
        if not tensors:
            raise InputError(f"no layer is named; name one at least in {parameter('layers')}")
        names = [tensor.name for tensor in self.model.inputs]
        graph, self.probes = build_probe(self.model.graph, names, tensors)
        needed_inputs = {info.name for info in graph.graph.input}
        first = next(name for name in names if name in needed_inputs)
        self.axes = self.model.axes(first)
        check_counts(threads=threads)
        runs = ParallelRuns(1, threads)
        if self.batch(BATCH) * known_size(self.axes.item) <= _LARGE:
            runs = ParallelRuns.suited(device, threads)
        self.runs = runs.count
        with runnable(graph) as (file, folder, needed):
            self._session = Session(file, device, runs.threads, folder, needed)
        self.inputs: tuple[Spec, ...] = self._session.inputs
        self.input = next(spec for spec in self.inputs if spec.name == first)
        self.device = self._session.device
        if self.fixed_batch not in (None, 1) and not self._batched:
            raise InputError(
                f"'{self._mixing.tensor}' has no axis for the {self.fixed_batch} inputs of a "
                "batch, so their units cannot be told apart; choose another layer"
            )

    @property
    def fixed_batch(self) -> int | None:
        """How many inputs the file makes a run take; None for any number."""
        return self.axes.fixed_batch

    def batch(self, wanted: int) -> int:
        """How many inputs a run is to take."""
        return self.fixed_batch or (wanted if self._batched else 1)

    @property
    def _batched(self) -> bool:
        return all(probe.batched for probe in self.probes)

    @property
    def _mixing(self) -> Probe:
        return next(probe for probe in self.probes if not probe.batched)

    def run(self, feeds: Mapping[str, Array]) -> list[ActivationStats]:
        """The statistics of each layer for the rows of a batch.

        Args:
            feeds: an array for each of `inputs`, by name.

        Returns:
            One for each of `probes`.

        Raises:
            InputError: the graph cannot be run on them.
        """
        outputs = self._session.run(feeds)
        rows = len(self.axes.rows(feeds[self.input.name]))
        return [_stats(probe, outputs, rows) for probe in self.probes]


def _stats(probe: Probe, outputs: Mapping[str, Any], rows: int) -> ActivationStats:
    values = {key: outputs[name] for key, name in probe.outputs.items()}
    if len(values["peak"]) != rows:
        raise InputError(
            f"'{probe.tensor}' has {len(values['peak'])} rows for {rows} inputs, so their units "
            "cannot be told apart; choose another layer"
        )
    peak, mean, share = (values[key].astype(np.float64) for key in ("peak", "mean", "share"))
    return ActivationStats(peak, _units(probe, values["place"], values["sizes"]), mean, share)


def _units(probe: Probe, place: Array, sizes: Array) -> Array:
    """Indices in an item, int64 [N, C, r], from flat positions [N, C] over the other axes."""
    spatial = tuple(np.delete(sizes, probe.channel_axis).tolist())
    places = list(np.unravel_index(place, spatial)) if spatial else []
    channels = np.broadcast_to(np.arange(place.shape[1]), place.shape)
    places.insert(probe.channel_axis, channels)
    return np.stack(places, axis=2).astype(np.int64)
