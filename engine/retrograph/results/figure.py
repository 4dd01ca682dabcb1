"""The picture that is written of an explained input: as its kind is drawn."""

from __future__ import annotations

from PIL import Image

from retrograph.inputs import AttributionMap
from retrograph.results.explained import ExplainedInput
from retrograph.results.maps import kind_of, style_of


def has_figure(explained: ExplainedInput) -> bool:
    """Whether an input can be drawn."""
    return kind_of(explained).can_draw(explained.array)


def figure(explained: ExplainedInput, caption: str) -> Image.Image:
    """The input and its attributions, over the caption's lines.

    Raises:
        InputError: an attribution is not finite.
    """
    maps = [
        AttributionMap(
            title=method if len(explained.units) == 1 else f"{method} · {unit}",
            values=explained.attributions[method][k],
            style=style_of(method, explained),
        )
        for k, unit in enumerate(map(explained.context.unit, explained.units))
        for method in explained.context.methods
    ]
    return kind_of(explained).figure(explained.array, explained.shown, maps, caption)
