"""What the colours of explained inputs mean, each style once, behind the methods drawn in it."""

from __future__ import annotations

from retrograph.render import Key, Style, values_key
from retrograph.render.planes import is_averaged
from retrograph.results.explained import ExplainedInput
from retrograph.results.maps import has_picture, is_coloured, kind_of, style_of


class Legend:
    """The keys of pictures, gathered input by input."""

    def __init__(self) -> None:
        self._names: dict[tuple[Style | None, bool, bool], dict[str, None]] = {}
        """What is drawn in a style, None for values; whether its colours are apart, or values are
        below 0; whether it is on a picture, or values are means over channels."""
        self._spans: set[tuple[float, float]] = set()
        """The least and the greatest value of each input whose values are drawn."""
        self._differences: set[tuple[str, ...]] = set()
        """The names of the two units of each difference; () for what is none."""

    def add(self, explained: ExplainedInput, *, values: bool) -> None:
        """The styles of an input's attributions.

        Args:
            explained: the input.
            values: whether the values of the input itself are drawn.
        """
        if values:
            span = kind_of(explained).drawn_span(explained.array)
            self._spans.add(span)
            drawn_values = None, span[0] < 0, is_averaged(explained.array)
            self._names.setdefault(drawn_values, {})["input"] = None
        for k in range(len(explained.units)):
            objective = explained.objective(k)
            names = [name for name, _ in objective.units] if objective else []
            self._differences.add(tuple(names))
        for method in explained.context.methods:
            style = style_of(method, explained)
            coloured = style.in_colours and is_coloured(method, explained)
            drawn = style, coloured, has_picture(explained)
            self._names.setdefault(drawn, {})[method] = None

    @property
    def keys(self) -> list[tuple[str, Key]]:
        """Each style's key, behind the names of what is drawn in it."""
        return [
            (", ".join(names), self._key(style, *drawn) if style else self._values_key(*drawn))
            for (style, *drawn), names in self._names.items()
        ]

    def _values_key(self, has_negative: bool, is_mean: bool) -> Key:
        """The key of values, with the numbers at its ends where all inputs share them."""
        span = next(iter(self._spans)) if len(self._spans) == 1 else None
        return values_key(has_negative, span, is_mean=is_mean)

    def _key(self, style: Style, coloured: bool, over_picture: bool) -> Key:
        """A style's key, with the names of the units where one difference is explained."""
        key = style.key(coloured=coloured, over_picture=over_picture)
        if len(self._differences) > 1 or () in self._differences:
            return key
        ((plus, minus),) = self._differences
        return key.of_difference(plus, minus)
