"""What the colours of explained inputs mean, each bar once, behind the methods drawn in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrograph.methods import METHODS
from retrograph.methods.quantity import GRADIENT, Quantity
from retrograph.render import Drawn, Key, Style, Subject, values_key
from retrograph.render.planes import is_averaged
from retrograph.render.styles.base import SIGMA
from retrograph.results.explained import ExplainedInput
from retrograph.results.maps import has_picture, is_coloured, kind_of, style_of
from retrograph.results.picture_words import method_title, subject

_SMALL = 100
"""The shorter side, in pixels, below which an enlarged smooth map looks finer than it is."""


class Legend:
    """The keys of pictures, gathered input by input."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[Style, bool, bool, Quantity], dict[str, None]] = {}
        """What is drawn in a style: whether its colours are apart, whether it is on a picture, what
        its numbers are."""
        self._values: dict[tuple[bool, bool], None] = {}
        """Whether drawn values of inputs are below 0, and whether they are means over channels."""
        self._spans: set[tuple[float, float]] = set()
        """The least and the greatest value of each input whose values are drawn."""
        self._subjects: set[Subject] = set()
        self._sigmas: set[float] = set()
        """Of the blur of smooth maps, in pixels."""
        self._grids: set[str] = set()
        """Rows and columns of those that are enlarged."""

    def add(
        self, explained: ExplainedInput, *, values: bool, over_picture: bool | None = None
    ) -> None:
        """The styles of an input's attributions.

        Args:
            explained: the input.
            values: whether the values of the input itself are drawn.
            over_picture: whether styles that can are drawn on the picture; if None where there is
                one.
        """
        if over_picture is None:
            over_picture = has_picture(explained)
        if values:
            span = kind_of(explained).drawn_span(explained.array)
            self._spans.add(span)
            self._values[span[0] < 0, is_averaged(explained.array)] = None
        self._subjects |= {subject(explained, k) for k in range(len(explained.units))}
        sizes = [explained.array.shape[axis] for axis in explained.context.kind.axes.spatial]
        if len(sizes) == 2:
            self._sigmas.add(SIGMA * min(sizes))
            self._grids.add(f"{sizes[0]} x {sizes[1]}" if min(sizes) < _SMALL else "")
        for method in explained.context.methods:
            style = style_of(method, explained)
            coloured = style.in_colours and is_coloured(method, explained)
            drawn = style, coloured, over_picture, _quantity(explained, method)
            title = method_title(explained.context, method)
            self._drawn.setdefault(drawn, {})[title] = None

    @property
    def keys(self) -> list[tuple[str, Key]]:
        """Each bar once, behind the names of what is drawn in it."""
        groups = [[("input", self._values_key(*values))] for values in self._values]
        for (style, coloured, over_picture, quantity), names in self._drawn.items():
            drawn = Drawn(quantity, self._subject, coloured, over_picture, self._sigma, self._grid)
            _add(groups, ", ".join(names), style.key(drawn))
        return [*map(_as_one, groups)]

    def _values_key(self, has_negative: bool, is_mean: bool) -> Key:
        """The key of values, with the numbers at its ends where all inputs share them."""
        span = next(iter(self._spans)) if len(self._spans) == 1 else None
        return values_key(has_negative, span, is_mean=is_mean)

    @property
    def _subject(self) -> Subject:
        """What is explained; in general words where that differs."""
        return next(iter(self._subjects)) if len(self._subjects) == 1 else Subject()

    @property
    def _grid(self) -> str:
        """Of small maps of one size."""
        return next(iter(self._grids)) if len(self._grids) == 1 else ""

    @property
    def _sigma(self) -> float | None:
        return next(iter(self._sigmas)) if len(self._sigmas) == 1 else None


def _quantity(explained: ExplainedInput, method: str) -> Quantity:
    """What the numbers of a method are; of letters they count for or against what is there."""
    name = explained.context.contracts[method].method
    quantity = METHODS[name].quantity if name in METHODS else GRADIENT
    is_letters = kind_of(explained).coding is not None
    return replace(quantity, is_derivative=False) if is_letters else quantity


def _add(groups: list[list[tuple[str, Key]]], names: str, key: Key) -> None:
    """A key behind its names, to those that have the same bar."""
    for group in groups:
        _, other = group[0]
        if other.ends == key.ends and other.bar.tobytes() == key.bar.tobytes():
            group.append((names, key))
            return
    groups.append([(names, key)])


def _as_one(group: Sequence[tuple[str, Key]]) -> tuple[str, Key]:
    """Keys of one bar behind all names; where they mean several things, each behind its own."""
    texts: dict[str, list[str]] = {}
    for names, key in group:
        texts.setdefault(key.text, []).append(names)
    together, first = ", ".join(names for names, _ in group), group[0][1]
    if len(texts) == 1:
        return together, first
    text = "; ".join(f"{', '.join(names)}: {each}" for each, names in texts.items())
    return together, replace(first, text=text)
