"""What a scan tells of a layer's channels, as plain records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TopUnit:
    """One of the strongest units of a channel.

    Attributes:
        rank: from 1, the strongest.
        picture: the number of its picture among the inputs, from 0.
        name: that picture's name, as `inputs.iter_inputs` gives it.
        class_name: that picture's class; None where there is none.
        index: the unit's index in an item of the layer, as `Explainer` and `Field` take it.
        activation: how strong it is.
    """

    rank: int
    picture: int
    name: str
    class_name: str | None
    index: tuple[int, ...]
    activation: float


@dataclass(frozen=True)
class ChannelStats:
    """The statistics of a channel; its peak is its greatest activation in a picture.

    Attributes:
        channel: its number.
        mean_peak: the mean of the peaks.
        mean: the mean activation over pictures and positions.
        share: the share of positions, over all pictures, whose activation is above 0.
        fires: the share of pictures whose peak is above 0.
        start, width, counts: the histogram of the peaks: bin i counts those from
            start + i * width on, below start + (i + 1) * width.
    """

    channel: int
    mean_peak: float
    mean: float
    share: float
    fires: float
    start: float
    width: float
    counts: tuple[int, ...]

    @property
    def is_dead(self) -> bool:
        """Whether it never fires."""
        return self.fires == 0


@dataclass(frozen=True)
class ClassActivation:
    """What the pictures of a class do to a channel.

    Attributes:
        class_name: the class.
        mean_peak: the mean of the peaks in its pictures.
        fires: the share of its pictures in which the channel fires.
    """

    class_name: str
    mean_peak: float
    fires: float


@dataclass(frozen=True)
class ClassPreference:
    """Which class drives a channel most.

    Attributes:
        channel: its number.
        class_name: the class of the greatest mean peak, peaks below 0 taken as 0; of equal ones
            the first by name.
        mean_peak: of that class, peaks as they are.
        fires: the share of that class's pictures in which the channel fires.
        strength: the class selectivity index of Morcos et al. (2018), (a - b) / (a + b), of this
            class's mean peak a and the mean b of the other classes' mean peaks, peaks below 0
            taken as 0: 0 for none, 1 where it is driven by one class alone.
        classes: how many classes drive it: it fires in more than half of their pictures.
    """

    channel: int
    class_name: str
    mean_peak: float
    fires: float
    strength: float
    classes: int
