"""The error along the layers as a drawing in SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from retrograph.auditing.amounts import amount
from retrograph.auditing.precision import LayerError

_WIDTH, _HEIGHT, _LEFT, _TOP, _FOOT = 1000, 300, 76, 40, 26
_LEAST = 1e-8
_DECADES = 4
_NAMED = 3
_LETTER = 6.6
_IN_PERCENT = -5
"""From this power of ten on an error is written in percent."""

"""About so many pixels a letter of a name is wide."""


@dataclass(frozen=True)
class _Scale:
    """Powers of ten from the foot of the drawing to its top."""

    low: int
    high: int

    def y(self, value: float) -> float:
        power = math.log10(value) if value > 0 else self.low
        power = min(max(power, self.low), self.high) if math.isfinite(power) else self.high
        share = (power - self.low) / (self.high - self.low)
        return _TOP + (_HEIGHT - _TOP - _FOOT) * (1 - share)


def error_chart(layers: Sequence[LayerError], labels: Sequence[str]) -> str:
    """Each layer's own error as a bar, the accumulated one as a line, on a logarithmic scale.

    Args:
        layers: in forward order.
        labels: of each; those that lose the most have theirs written at their bars.
    """
    scale = _scale(layers)
    step = (_WIDTH - _LEFT) / max(1, len(layers))
    parts = [_axis(power, scale) for power in range(scale.low, scale.high + 1)]
    parts += [
        _bar(layer, label, _LEFT + step * place, step, scale)
        for place, (layer, label) in enumerate(zip(layers, labels, strict=True))
    ]
    points = " ".join(
        f"{_LEFT + step * (place + 0.5):.1f},{scale.y(layer.accumulated):.1f}"
        for place, layer in enumerate(layers)
    )
    line = f'<polyline class="sum" points="{points}"/>'
    names = _names(layers, labels, step, scale)
    ends = (
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">first layer</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 6}" text-anchor="end">last</text>'
    )
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="error along the layers">{"".join(parts)}{line}{names}{ends}</svg>'
    )


def _scale(layers: Sequence[LayerError]) -> _Scale:
    ends = [value for layer in layers for value in (layer.own, layer.accumulated)]
    seen = [value for value in ends if math.isfinite(value) and value > 0]
    high = math.ceil(math.log10(max(seen, default=1)))
    low = math.floor(math.log10(max(_LEAST, min(seen, default=_LEAST))))
    return _Scale(min(low, high - _DECADES), high)


def _bar(layer: LayerError, label: str, x: float, step: float, scale: _Scale) -> str:
    top, base = scale.y(layer.own), scale.y(0)
    kind = "suspect" if layer.suspect else "own"
    title = f"{label}: {amount(layer.own)} by itself, {amount(layer.accumulated)} accumulated"
    return (
        f'<rect class="{kind}" x="{x + step * 0.12:.1f}" y="{top:.1f}" '
        f'width="{step * 0.76:.1f}" height="{max(0.0, base - top):.1f}">'
        f"<title>{escape(title)}</title></rect>"
    )


def _names(layers: Sequence[LayerError], labels: Sequence[str], step: float, scale: _Scale) -> str:
    """The names of the layers that lose the most, above what is drawn of them."""
    ranked = sorted(range(len(layers)), key=lambda i: (not layers[i].suspect, -layers[i].own))
    found: list[str] = []
    taken: list[tuple[float, float, float]] = []
    for place in ranked[:_NAMED]:
        layer, half = layers[place], len(labels[place]) * _LETTER / 2
        if not layer.own > 0:
            continue
        x = min(max(_LEFT + step * (place + 0.5), _LEFT + half), _WIDTH - half)
        reach = math.ceil(half / step)
        near = layers[max(0, place - reach) : place + reach + 1]
        y = min(scale.y(value) for each in near for value in (each.own, each.accumulated)) - 8
        while any(
            abs(y - v) < 14 and x - half < right and x + half > left for left, right, v in taken
        ):
            y -= 14
        taken.append((x - half, x + half, y))
        kind = "name suspect" if layer.suspect else "name"
        found.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">'
            f"{escape(labels[place])}</text>"
        )
    return "".join(found)


def _axis(power: int, scale: _Scale) -> str:
    y, value = scale.y(10.0**power), 10.0**power
    said = f"{100 * value:g} %" if power >= _IN_PERCENT else f"1e{power}"
    said = f"≤ {said}" if power == scale.low else said
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{said}</text>'
    )
