"""Regions of a map as people ask for them: the scores of a class, summed over pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.heads import Heads, MapHead
from retrograph.pipeline.finder import named, names_of_classes, number_of_class
from retrograph.pipeline.head_finder import HeadFinder, place_text
from retrograph.results.objective import Found, Objective
from retrograph.runtime import Array

_MOST_LISTED = 8
_LEAST_SHARE = 0.005


@dataclass(frozen=True)
class RegionFinder(HeadFinder[MapHead]):
    """Finds the pixels over which a class's scores are summed."""

    absence, whose = "no map is", "its"

    def known_head(self, heads: Heads) -> MapHead | None:
        """The map of the layout that is given, or else the one that was found."""
        return self.aim.head if isinstance(self.aim.head, MapHead) else heads.map

    @property
    def usual(self) -> tuple[str, str]:
        """The layer of the scores."""
        return self.head(self.heads(())).table.tensor, "cotangent"

    @property
    def question(self) -> str:
        """Which class, and over which pixels."""
        return f"the scores{self.of_class} summed {self._over}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the map has to be told of."""
        return self.head(self.heads(())).notes

    def find(self, values: Mapping[str, Array], frame: Sequence[int]) -> Found:
        """The sum that is asked for, and what the map predicts."""
        head = self.head(self.heads(frame))
        names = names_of_classes(self.labels, head.classes)
        item = values[head.table.tensor]
        shares = _shares(head, item)
        label = self._label(head, item, frame, names, shares)
        mask = self._mask(head, item, label, frame)
        if not mask.any():
            raise InputError(
                f"no pixel is predicted as {named(label, names)}; most are: "
                f"{_listed(shares, names)}; {parameter('over', 'all')} sums over all"
            )
        weights = np.zeros((head.classes, *head.size))
        weights[label] = mask
        count = int(mask.sum())
        objective = Objective(
            name=f"{_channel(label, names, head)}{self._over_words(mask)}",
            title=f"{_channel(label, names, head)} {self._over_picture}",
            value_name=self._value_name(mask, head),
            mark=self._mark,
            layer=head.table.tensor,
            shape=item.shape,
            weights=head.weights(weights).reshape(item.shape),
            where=("score" if count == 1 else f"sum of {count} scores")
            + (f" before {head.squash}" if head.squash else ""),
            names_value=count == 1,
            mask=mask,
            record={
                "class": label,
                "over": [*self.aim.over] if isinstance(self.aim.over, tuple) else self._region,
                "pixels": count,
            },
        )
        return Found(
            objectives=(objective,),
            title="" if self._is_pixel else _coverage(head, shares, names),
            records={
                "predicted": [
                    {"class": c, "name": named(c, names), "share": float(shares[c])}
                    for c in np.argsort(-shares, kind="stable")[:_MOST_LISTED].tolist()
                    if shares[c] > 0
                ]
            },
        )

    @property
    def _region(self) -> str | tuple[float, ...]:
        """mask, all, or the numbers of a pixel or a rectangle."""
        return self.aim.over or self.aim.at or "mask"

    @property
    def _is_pixel(self) -> bool:
        region = self._region
        return not isinstance(region, str) and len(region) == 2

    @property
    def _over(self) -> str:
        region = self._region
        if region == "mask":
            return "over the pixels that are predicted as it"
        if region == "all":
            return "over all pixels"
        assert not isinstance(region, str)
        if self._is_pixel:
            return f"at row {region[1]:g}, column {region[0]:g}"
        return f"in the rectangle {place_text(region)}"

    def _over_words(self, mask: Array) -> str:
        if self._region == "mask":
            return f" over its {int(mask.sum())} predicted pixels"
        return f" {self._over}"

    @property
    def _over_picture(self) -> str:
        """Where it is explained, under a picture."""
        return "over its predicted region" if self._region == "mask" else self._over

    @property
    def _mark(self) -> str:
        """What is drawn around what is explained."""
        if self._is_pixel:
            return "yellow box: the explained pixel"
        return "" if self._region == "all" else "yellow outline: the explained region"

    @staticmethod
    def _value_name(mask: Array, head: MapHead) -> str:
        """What the explained number is called."""
        count, word = int(mask.sum()), "logit" if head.squash else "score"
        return word if count == 1 else f"sum of the {word}s over {count:,} pixels"

    def _label(
        self,
        head: MapHead,
        item: Array,
        frame: Sequence[int],
        names: Sequence[str],
        shares: Array,
    ) -> int:
        """The class that is explained.

        Raises:
            InputError: none is named, and there are several.
        """
        if self.aim.class_ is not None:
            return number_of_class(self.aim.class_, names, head.classes)
        if head.classes == 1:
            return 0
        region = self._region
        if not isinstance(region, str) and self._is_pixel:
            row, column = np.argwhere(_rectangle(region, head.size, frame))[0]
            return int(head.planes(item)[:, row, column].argmax())
        raise InputError(
            f"name a class with {parameter('class_', 'NAME')}: the map predicts "
            f"{_listed(shares, names)}"
        )

    def _mask(self, head: MapHead, item: Array, label: int, frame: Sequence[int]) -> Array:
        """The positions [rows, columns] that are summed."""
        region = self._region
        if region == "mask":
            return head.mask(item, label)
        if region == "all":
            return np.ones(head.size, bool)
        assert not isinstance(region, str)
        return _rectangle(region, head.size, frame)


def _shares(head: MapHead, item: Array) -> Array:
    """The part of all positions that each class is predicted at."""
    if head.classes == 1:
        return np.array([head.mask(item, 0).mean()])
    counts = np.bincount(head.planes(item).argmax(0).ravel(), minlength=head.classes)
    shares: Array = counts / counts.sum()
    return shares


def _channel(label: int, names: Sequence[str], head: MapHead) -> str:
    """The class in words; of a map of one channel, which has no name, what it is."""
    if head.classes == 1 and not names:
        return "the map"
    return named(label, names)


def _listed(shares: Array, names: Sequence[str]) -> str:
    """The classes that are predicted, with their shares."""
    return ", ".join(f"{name} {share}" for name, share in _largest(shares, names))


def _coverage(head: MapHead, shares: Array, names: Sequence[str]) -> str:
    """How much of the picture each class covers, in words; "" of a map of one channel."""
    largest = _largest(shares, names)
    if head.classes == 1 or not largest:
        return ""
    (first, share), *others = largest
    rest = "".join(f", {name} {other}" for name, other in others)
    return f"{first} covers {share} of the picture{rest}"


def _largest(shares: Array, names: Sequence[str]) -> list[tuple[str, str]]:
    """The classes that are predicted at most places, each with its share in percent."""
    order = np.argsort(-shares, kind="stable")[:_MOST_LISTED].tolist()
    return [
        (named(c, names), f"{100 * shares[c]:.0f}%") for c in order if shares[c] >= _LEAST_SHARE
    ]


def _rectangle(region: Sequence[float], size: tuple[int, int], frame: Sequence[int]) -> Array:
    """The positions of a map that a pixel or a rectangle of the input covers.

    Raises:
        InputError: it lies outside.
    """
    height, width = (int(side) for side in frame)
    x0, y0 = region[:2]
    x1, y1 = region[2:] if len(region) == 4 else (x0 + 1, y0 + 1)
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise InputError(
            f"{place_text(region)} is no place in the input, which is {width} "
            f"pixels wide and {height} high as the model sees it; count from 0, x first"
        )
    rows, columns = size
    mask = np.zeros(size, bool)
    top, bottom = int(y0 * rows / height), int(np.ceil(y1 * rows / height))
    left, right = int(x0 * columns / width), int(np.ceil(x1 * columns / width))
    if len(region) == 2:
        bottom, right = top + 1, left + 1
    mask[top:bottom, left:right] = True
    return mask
