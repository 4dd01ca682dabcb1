"""What the axes of a model's input count: inputs, frames, channels, positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from retrograph.errors import InputError, parameter
from retrograph.ir.analysis.batch_axis import first_item_axis, has_batch_axis
from retrograph.ir.analysis.positions import SlidAxes, slid_axes
from retrograph.ir.graph import Graph
from retrograph.preprocess.picture import Pixels, restore
from retrograph.preprocess.recipe import Dim, Preprocessing, Shape, describe, infer_layout, known

_COLOURS = (1, 3)
_SMALLEST_SIDE = 16
"""A square of fewer positions is not taken for a picture where no operator tells."""
_SHORTEST_SLID = 256
"""Fewer numbers that an operator slides along are not taken for a waveform."""
_SHORTEST_SOUND = 8000
"""Fewer numbers are not taken for a waveform where no operator tells: half a second at 16 kHz."""
_STEREO = 2

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class InputAxes:
    """What the axes of a model's input count.

    The axes are those of an item: of the input without its batch axis.

    Attributes:
        shape: of the input, as the model takes it; a name or None where a size is open.
        batched: whether its first axis counts items; else all of it is one item.
        spatial: height and width of a picture or of a video's frames; depth, height and width of a
            volume; empty for what is none of these.
        channel: the axis of their channels; None where there is one channel and no axis of it.
        time: the axis of a video's frames; None for what is no video.
        samples: the axis of a waveform's samples, beside which there are one or two channels; None
            for what is no waveform.
    """

    shape: Shape
    batched: bool = True
    spatial: tuple[int, ...] = ()
    channel: int | None = None
    time: int | None = None
    samples: int | None = None

    @property
    def item(self) -> tuple[Dim, ...]:
        """The shape of an item."""
        return tuple(self.shape[1:] if self.batched else self.shape)

    @property
    def fixed_batch(self) -> int | None:
        """How many items a run takes; None for any number."""
        return known(self.shape[0]) if self.batched and self.shape else 1

    @cached_property
    def frame(self) -> Shape | None:
        """The shape of a batch of pictures, or of frames, [N, C, H, W] or [N, H, W, C].

        A channel axis that the input has not is added. None for what is no picture or video.
        """
        if len(self.spatial) != 2:
            return None
        item = self.item
        channels = 1 if self.channel is None else item[self.channel]
        sides = [item[axis] for axis in self.spatial]
        lead = self.shape[0] if self.batched else 1
        return (lead, *sides, channels) if self._is_channel_last else (lead, channels, *sides)

    @property
    def letters(self) -> str:
        """What each axis of the input counts, a letter each, such as NCHW.

        N items, C channels, T frames, D depth, H height, W width, S samples; * for anything else.
        """
        named = dict(zip(self.spatial, "DHW"[3 - len(self.spatial) :], strict=True))
        for axis, letter in ((self.channel, "C"), (self.time, "T"), (self.samples, "S")):
            named |= {} if axis is None else {axis: letter}
        if self.samples is not None and len(self.item) == 2:
            named[1 - self.samples] = "C"
        item = "".join(named.get(axis, "*") for axis in range(len(self.item)))
        return f"N{item}" if self.batched and self.shape else item

    @property
    def takes_pictures(self) -> bool:
        """Whether an item is a picture."""
        return len(self.spatial) == 2 and self.time is None

    @property
    def takes_videos(self) -> bool:
        """Whether an item is a series of pictures."""
        return self.time is not None

    @property
    def takes_volumes(self) -> bool:
        """Whether an item has depth, height and width."""
        return len(self.spatial) == 3

    @property
    def frames(self) -> int | None:
        """How many frames a video has; None where that is open."""
        return None if self.time is None else known(self.item[self.time])

    @property
    def takes_waveforms(self) -> bool:
        """Whether an item is a waveform."""
        return self.samples is not None

    def as_waveform(self) -> InputAxes:
        """The same input, whose longest axis counts the samples of a waveform.

        Raises:
            InputError: it has no axis that could, or more than two channels.
        """
        samples = sample_axis(self.item)
        if samples is None:
            raise InputError(
                f"the model's input {describe(self.shape)} is no waveform of one or two channels; "
                f"leave {parameter('sample_rate')} out"
            )
        return InputAxes(self.shape, self.batched, samples=samples)

    def to_waveform(self, item: Values) -> Values:
        """An item that is a waveform, or its attribution, as [C, samples]."""
        assert self.samples is not None
        last = np.moveaxis(item, self.samples, -1)
        return last.reshape(-1, last.shape[-1])

    def from_waveform(self, waveform: Values) -> Values:
        """The inverse of `to_waveform`."""
        assert self.samples is not None
        rest = [dim for axis, dim in enumerate(self.item) if axis != self.samples]
        sizes = [1 if known(dim) == 1 else len(waveform) for dim in rest]
        spread = waveform.reshape(*sizes, waveform.shape[-1])
        return np.ascontiguousarray(np.moveaxis(spread, -1, self.samples))

    def to_item(self, stack: Values) -> Values:
        """A stack of pictures as an item.

        Args:
            stack: [T, C, H, W] or [T, H, W, C] as `frame` is; T is 1 for a picture. Of a volume
                [D, C, H, W].
        """
        return np.ascontiguousarray(self.to_items(stack[np.newaxis])[0])

    def to_items(self, stacks: Values) -> Values:
        """A batch of stacks [N, T, ...] as a batch of items [N, *item], a view."""
        names = self._stack_names
        wanted = self._item_names
        gone = tuple(axis for axis, name in enumerate(names, 1) if name not in wanted)
        left = [name for name in names if name in wanted]
        order = [0, *(left.index(name) + 1 for name in wanted)]
        items: Values = stacks.squeeze(gone).transpose(order)
        return items

    def to_stack(self, item: Values) -> Values:
        """An item, or its attribution, as a stack of pictures: the inverse of `to_item`."""
        stack: Values = self.to_stacks(item[np.newaxis])[0]
        return stack

    def to_stacks(self, items: Values) -> Values:
        """A batch of items as a batch of stacks [N, T, ...], a view: the inverse of `to_items`."""
        return self._turned(items, self._stack_names)

    def _turned(self, items: Values, names: Sequence[str]) -> Values:
        """A batch of items with their axes in the order of the names, and those that lack added."""
        item_names = self._item_names
        places = [item_names.index(name) + 1 for name in names if name in item_names]
        added = [i for i, name in enumerate(names, 1) if name not in item_names]
        return np.expand_dims(items.transpose([0, *places]), added)

    def to_volume(self, item: Values) -> Values:
        """A volume, or its attribution, as [C, D, H, W].

        Of an input of four axes that is none its channels are the fewer of its first and its last
        axis.
        """
        if self.takes_volumes:
            volume: Values = self._turned(item[np.newaxis], ("c", "t", "h", "w"))[0]
            return volume
        return item if item.shape[0] <= item.shape[-1] else np.moveaxis(item, -1, 0)

    def to_colours_last(self, batch: Values) -> Values:
        """A batch of items as [N, T, H, W, C], a view: T is 1 for pictures."""
        return self._turned(batch, ("t", "h", "w", "c"))

    def with_item(self, item: Shape) -> InputAxes:
        """The same axes of an input whose items have another shape."""
        return replace(self, shape=(self.shape[0], *item) if self.batched else tuple(item))

    def with_size(self, size: Sequence[int | None]) -> InputAxes:
        """The same axes of an input of another height and width."""
        sizes = dict(zip(self.spatial, size, strict=True))
        return self.with_item([sizes.get(axis, dim) for axis, dim in enumerate(self.item)])

    def feed(self, items: Sequence[Values]) -> Values:
        """Items as the array that the model takes, the last one repeated to fill a fixed batch.

        A single one where there is no batch axis.
        """
        if not self.batched:
            (item,) = items
            return item
        filled = [*items, *[items[-1]] * ((self.fixed_batch or 0) - len(items))]
        return np.stack(filled) if len(filled) > 1 else filled[0][np.newaxis]

    def rows(self, values: Values) -> Values:
        """What a model gives for its input, with a batch axis in any case."""
        return values if self.batched else values[np.newaxis]

    def frames_of(self, item: Values, recipe: Preprocessing) -> Pixels:
        """An item as the pictures that it was made of, uint8 [T, H, W, 3]: one if no video."""
        return np.stack([restore(frame, recipe) for frame in self.to_stack(item)])

    def limits(self, recipe: Preprocessing) -> tuple[Values, Values]:
        """The least and the largest that a picture can become, to be broadcast to the input."""
        least, most = (self._spread(end) for end in recipe.limits())
        return least, most

    def _spread(self, end: Values) -> Values:
        """An end of [C, 1, 1] or [1, 1, C] with the axes of an item."""
        names = self._stack_names[1:]
        spread = end if "c" in self._item_names else end.squeeze(names.index("c"))
        left = [name for name in names if name in self._item_names]
        order = [name for name in self._item_names if name in left]
        turned = spread.transpose([left.index(name) for name in order])
        added = tuple(axis for axis, name in enumerate(self._item_names) if name not in left)
        return np.expand_dims(turned, added)

    @property
    def _is_channel_last(self) -> bool:
        return self.channel is not None and self.channel > self.spatial[-1]

    @cached_property
    def _stack_names(self) -> tuple[str, ...]:
        """What the axes of a stack count."""
        return ("t", "h", "w", "c") if self._is_channel_last else ("t", "c", "h", "w")

    @cached_property
    def _item_names(self) -> tuple[str, ...]:
        """What the axes of an item count, in their order."""
        *deep, height, width = self.spatial
        named = {height: "h", width: "w"} | dict.fromkeys(deep, "t")
        named |= {} if self.time is None else {self.time: "t"}
        named |= {} if self.channel is None else {self.channel: "c"}
        return tuple(named[axis] for axis in sorted(named))


def input_axes(graph: Graph, name: str, target: str | None) -> InputAxes:
    """What the axes of an input count.

    What slides over the input tells, and where nothing does, the sizes of the axes.

    Args:
        graph: canonical.
        name: of the input.
        target: a tensor whose items are told apart where the input has a batch axis; None where
            none is known.
    """
    tensor = graph.tensor(name)
    if tensor is None or tensor.shape is None:
        return InputAxes(())
    slid = slid_axes(graph, name)
    if slid is not None:
        return _told(tensor.shape, slid, batched=has_batch_axis(graph, tensor))
    if _has_batch_inside(graph, name, tensor.shape):
        return InputAxes(tensor.shape, batched=False)
    if _may_be_one_item(graph, tensor.shape, target):
        whole = axes_by_size(tensor.shape, batched=False)
        if len(tensor.shape) == 1 or whole.frame is not None:
            return whole
    return axes_by_size(tensor.shape)


def _has_batch_inside(graph: Graph, name: str, shape: Shape) -> bool:
    """Whether the name of the batch, which leads other inputs, stands behind a fixed first axis.

    So have the states of recurrent layers, [layers, N, C].
    """
    if not shape or known(shape[0]) is None:
        return False
    others = (graph.tensor(other) for other in graph.input_names() if other != name)
    leads = {o.shape[0] for o in others if o is not None and o.shape}
    return any(isinstance(dim, str) and dim in leads for dim in shape[1:])


def _may_be_one_item(graph: Graph, shape: Shape, target: str | None) -> bool:
    """Whether an input has a fixed first axis, whose items are not told apart in a target."""
    if not shape or known(shape[0]) in (None, 1) or target is None:
        return False
    return first_item_axis(graph, target) == 0


def axes_by_size(shape: Shape, *, batched: bool = True) -> InputAxes:
    """What the axes of an input count, by their sizes alone.

    An item of one long axis, beside axes of 1 and possibly one of 2, is a waveform. One of three
    axes with 1 or 3 channels at an end is a picture, and so is a square; one of four axes with 3
    channels is a video, and else a volume.
    """
    plain = InputAxes(shape, batched)
    item = plain.item
    samples = sample_axis(item)
    if samples is not None and (known(item[samples]) or 0) >= _SHORTEST_SOUND:
        return InputAxes(shape, batched, samples=samples)
    match len(item):
        case 2 if item[0] == item[1] and (known(item[0]) or 0) >= _SMALLEST_SIDE:
            return InputAxes(shape, batched, (0, 1))
        case 3:
            return _picture_by_size(shape, item, batched)
        case 4:
            return _of_four_axes(shape, item, batched)
    return plain


def sample_axis(item: Shape) -> int | None:
    """The only axis of more than one entry, or of two such axes the one that is not two channels.

    None where several could count samples, or none.
    """
    long = [axis for axis, dim in enumerate(item) if known(dim) != 1]
    if len(long) > 1:
        long = [axis for axis in long if known(item[axis]) != _STEREO]
    return long[0] if len(long) == 1 else None


def _picture_by_size(shape: Shape, item: Shape, batched: bool) -> InputAxes:
    try:
        layout = infer_layout((None, *item))
    except InputError:
        return InputAxes(shape, batched)
    if layout == "nchw":
        return InputAxes(shape, batched, (1, 2), 0)
    return InputAxes(shape, batched, (0, 1), 2)


def _of_four_axes(shape: Shape, item: Shape, batched: bool) -> InputAxes:
    """[C, T, H, W], [T, C, H, W], [T, H, W, C] of three channels, else a volume or grey frames."""
    if item[0] == 3:
        return InputAxes(shape, batched, (2, 3), 0, 1)
    if item[1] == 3:
        return InputAxes(shape, batched, (2, 3), 1, 0)
    if item[3] == 3:
        return InputAxes(shape, batched, (1, 2), 3, 0)
    first, last = known(item[0]), known(item[3])
    if item[1] == 1 and first != 1:
        return InputAxes(shape, batched, (2, 3), 1, 0)
    if first is not None and last is not None and first > last:
        return InputAxes(shape, batched, (0, 1, 2), 3)
    return InputAxes(shape, batched, (1, 2, 3), 0)


def _told(shape: Shape, slid: SlidAxes, *, batched: bool) -> InputAxes:
    """By the axes along which an operator slides: the rest are channels, and frames."""
    plain = InputAxes(shape, batched)
    first = int(batched)
    spatial = tuple(axis - first for axis in slid.spatial)
    samples = sample_axis(plain.item)
    if samples is not None and samples in spatial:
        length = known(plain.item[samples])
        is_long = length is None or length >= _SHORTEST_SLID
        return InputAxes(shape, batched, samples=samples) if is_long else plain
    rest = [axis for axis in range(len(plain.item)) if axis not in spatial]
    if len(spatial) not in (2, 3) or len(rest) > 4 - len(spatial) or min(spatial) < 0:
        return plain
    channel = _channel(plain.item, rest, None if slid.channel is None else slid.channel - first)
    channels = 1 if channel is None else plain.item[channel]
    left = [axis for axis in rest if axis != channel]
    if len(spatial) == 3:
        if channels == 3 and not left:
            return InputAxes(shape, batched, spatial[1:], channel, spatial[0])
        return plain if left else InputAxes(shape, batched, spatial, channel)
    if channels not in _COLOURS:
        return plain
    return InputAxes(shape, batched, spatial, channel, left[0] if left else None)


def _channel(item: Shape, rest: Sequence[int], summed: int | None) -> int | None:
    """The axis of the channels, among those along which nothing slides; None if there is none.

    It is the one that the operator sums over, or where that are several or none, one of the size
    of a picture's channels.
    """
    if summed in rest:
        return summed
    for size in (3, 1):
        for axis in reversed(rest):
            if item[axis] == size:
                return axis
    return None
