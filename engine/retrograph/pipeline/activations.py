"""What a layer computes for one input: the forward pass to it alone, and maps by channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retrograph.errors import InputError
from retrograph.ir.analysis.channel_axis import channel_axis
from retrograph.ir.compose.truncate import forward
from retrograph.model import Model, runnable
from retrograph.receptive_field import Field
from retrograph.runtime import Array, Session


@dataclass(frozen=True, eq=False)
class Activations:
    """What a layer computes for one input.

    Attributes:
        values: [C, *positions].
        channel_axis: the axis of an item of the layer that counts channels.
        field: what a unit sees of the input; None where that is all of it.
    """

    values: Array
    channel_axis: int
    field: Field | None

    @property
    def positions(self) -> tuple[int, ...]:
        """How many positions there are along each axis but that of channels."""
        return tuple(self.values.shape[1:])

    def peaks(self) -> tuple[Array, Array]:
        """The greatest value of each channel [C], and where it is first, int64 [C, r - 1]."""
        flat = self.values.reshape(len(self.values), -1)
        places = flat.argmax(axis=1)
        peaks = np.take_along_axis(flat, places[:, None], axis=1)[:, 0]
        indices = np.unravel_index(places, self.positions) if self.positions else ()
        shape = len(flat), len(self.positions)
        return peaks, np.stack(indices, axis=1) if indices else np.zeros(shape, np.int64)

    def unit(self, channel: int, place: tuple[int, ...]) -> tuple[int, ...]:
        """The index of a unit in an item of the layer."""
        at = self.channel_axis
        return (*place[:at], channel, *place[at:])

    def place_seeing(self, pixel: tuple[float, ...]) -> tuple[int, ...]:
        """The position whose units see a position of the input most centrally.

        Args:
            pixel: along each of the field's axes.

        Axes of the layer that do not move over the input are at their place of the strongest unit.
        """
        peaks, places = self.peaks()
        best = list(places[int(peaks.argmax())].tolist())
        if self.field is None:
            return tuple(best)
        for span, wanted in zip(self.field.spans, pixel, strict=True):
            if span is None or span.axis is None:
                continue
            axis = self._position_axis(span.axis)
            count = self.positions[axis]
            middle = float(span.first + span.last) / 2
            centres = np.arange(count) * float(span.stride) + middle
            best[axis] = int(np.abs(centres - wanted).argmin())
        return tuple(best)

    def _position_axis(self, from_back: int) -> int:
        """The axis of positions that an axis of the layer, counted from the back, is."""
        axis = self.values.ndim + from_back
        return axis - (axis > self.channel_axis)


class LayerForward:
    """The forward pass to one layer, ready to run.

    Args:
        model: a source model, or a built graph.
        layer: alias or tensor; the class scores if None.
        device, threads: as in `Explainer`.

    Attributes:
        tensor: the layer's.
        field: what a unit sees of the input; None where that is all of it.
        rank: of an item of the layer; 0 where it is a number, or not known.
        channel_axis: the axis of an item that counts channels.

    Raises:
        InputError: there is no such layer.
        DeviceError: ONNX Runtime or the device is not there.
    """

    def __init__(
        self, model: Model, layer: str | None, device: str = "auto", threads: int | None = None
    ) -> None:
        self._model = model
        self.tensor = model.target(layer)
        with runnable(forward(model.graph, self.tensor)) as (file, folder, needed):
            self._session = Session(file, device, threads, folder, needed)
        layers = {each.tensor.name: each for each in model.layers()}
        found = layers.get(self.tensor)
        self.field = None if found is None else found.field
        self.rank = len(model.item(self.tensor))
        self.channel_axis = channel_axis(model.graph, self.tensor, self.rank) if self.rank else 0

    def run(self, feeds: Mapping[str, Array]) -> Activations:
        """What the layer computes for the first of the inputs.

        Args:
            feeds: an array for each of the model's inputs that the layer needs.

        Raises:
            InputError: the graph cannot be run on them, or gives no numbers.
        """
        wanted = {spec.name: feeds[spec.name] for spec in self._session.inputs}
        values = np.asarray(self._session.run(wanted)[self.tensor])
        item = values if values.ndim == self.rank else values[0]
        if not item.ndim:
            item = item.reshape(1)
        if not np.isfinite(item).all():
            raise InputError(
                f"'{self.tensor}' has NaN or infinite values; check the preprocessing, or run the "
                "model in float32"
            )
        axis = channel_axis(self._model.graph, self.tensor, item.ndim)
        return Activations(np.moveaxis(item, axis, 0), axis, self.field)
