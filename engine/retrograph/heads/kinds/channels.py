"""Which channels of a feature map are the numbers of anchors, told by what the network starts from.

The biases of a detector's last convolution differ by what a channel stands for: an objectness is
rare, a place is not. So they repeat from anchor to anchor, or lie in three blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from retrograph.heads.kinds.base import Evidence

_ANCHORS = (3, 5, 2, 4, 6, 9)
_MOST_CLASSES = 1000
_PLAIN_NUMBERS = 5
_CONVOLUTIONS = ("Conv", "ConvTranspose", "BatchNormalization", "Add")
_LEAST_ALIKE = 0.5

Biases = npt.NDArray[Any]


@dataclass(frozen=True)
class Channels:
    """What the channels of a grid are.

    Attributes:
        anchors: how many a cell has.
        classes: how many scores an anchor has.
        order: the sorts of numbers, each of all anchors, in order; () where the numbers of one
            anchor follow those of the other.
    """

    anchors: int
    classes: int
    order: tuple[str, ...] = ()


def anchor_channels(count: int, tensor: str, evidence: Evidence, grids: int) -> Channels | None:
    """What the channels of a feature map are; None where they are no anchors' numbers.

    Args:
        count: how many channels there are.
        tensor: the feature map.
        evidence: of the graph; the number of class names, if known, leaves one choice.
        grids: how many such feature maps the model gives.
    """
    candidates = _candidates(count, evidence.labels)
    biases = _biases(tensor, evidence)
    best: tuple[float, Channels] | None = None
    if biases is not None:
        for each in candidates:
            for channels in (each, *_ordered(each)):
                alike = _alike(biases, channels)
                if best is None or alike > best[0]:
                    best = alike, channels
    if best is not None and best[0] > _LEAST_ALIKE:
        return best[1]
    if candidates and (evidence.labels is not None or (grids > 1 and candidates[0].anchors == 3)):
        return candidates[0]
    return None


def _candidates(count: int, labels: int | None) -> list[Channels]:
    if labels is not None:
        numbers = _PLAIN_NUMBERS + labels
        return [Channels(count // numbers, labels)] if labels and count % numbers == 0 else []
    return [
        Channels(anchors, count // anchors - _PLAIN_NUMBERS)
        for anchors in _ANCHORS
        if count % anchors == 0 and 0 < count // anchors - _PLAIN_NUMBERS <= _MOST_CLASSES
    ]


def _ordered(channels: Channels) -> list[Channels]:
    sorts = permutations(("objectness", "scores", "boxes"))
    return [Channels(channels.anchors, channels.classes, order) for order in sorts]


def _alike(biases: Biases, channels: Channels) -> float:
    """The share of the biases' spread that a layout explains, beyond what it would by chance."""
    spread = float(((biases - biases.mean()) ** 2).sum())
    if spread == 0:
        return 0.0
    if channels.order:
        widths = {"objectness": 1, "scores": channels.classes, "boxes": 4}
        ends = np.cumsum([channels.anchors * widths[sort] for sort in channels.order])[:-1]
        groups = np.split(biases, ends)
    else:
        groups = list(biases.reshape(channels.anchors, -1).T)
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    chance = (len(groups) - 1) / max(1, len(biases) - 1)
    return (1 - within / spread - chance) / (1 - chance)


def _biases(tensor: str, evidence: Evidence) -> Biases | None:
    """The bias of each channel of the convolution that makes a tensor."""
    node = evidence.graph.producer.get(tensor)
    if node is None or node.op_type not in _CONVOLUTIONS or len(node.input) < 2:
        return None
    value = evidence.graph.value(node.input[-1])
    return None if value is None or value.ndim == 0 else value.reshape(-1).astype(np.float64)
