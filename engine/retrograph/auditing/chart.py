"""The error along the layers as a drawing in SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from retrograph.auditing.precision import LayerError

_WIDTH, _HEIGHT, _LEFT, _FOOT = 960, 260, 70, 30
_LEAST = 1e-8
_OWN, _SUSPECT, _INK, _GRID = "#8fa8c8", "#c4302b", "#1c2330", "#dde2e9"


def error_chart(layers: Sequence[LayerError], labels: Sequence[str]) -> str:
    """Each layer's own error as a bar, the accumulated one as a line, on a logarithmic scale.

    Args:
        layers: in forward order.
        labels: of each, shown where the pointer rests.
    """
    ends = [value for layer in layers for value in (layer.own, layer.accumulated)]
    finite = [value for value in ends if math.isfinite(value) and value > 0]
    high = math.ceil(math.log10(max(finite, default=1)))
    low = math.floor(math.log10(max(_LEAST, min(finite, default=_LEAST))))
    low = min(low, high - 1)

    def height(value: float) -> float:
        power = math.log10(min(max(value, 10.0**low), 10.0**high)) if value > 0 else low
        return (_HEIGHT - _FOOT) * (1 - (power - low) / (high - low)) + 8

    step = (_WIDTH - _LEFT) / max(1, len(layers))
    parts = [_axis(power, height(10.0**power)) for power in range(low, high + 1)]
    base = height(10.0**low)
    points = []
    for place, (layer, label) in enumerate(zip(layers, labels, strict=True)):
        x = _LEFT + step * place
        top = height(layer.own)
        fill = _SUSPECT if layer.suspect else _OWN
        title = f"{label}: by itself {layer.own:.1e}, accumulated {layer.accumulated:.1e}"
        parts.append(
            f'<rect fill="{fill}" x="{x + step * 0.15:.1f}" y="{top:.1f}" '
            f'width="{step * 0.7:.1f}" height="{max(1.0, base - top):.1f}">'
            f"<title>{escape(title)}</title></rect>"
        )
        points.append(f"{x + step / 2:.1f},{height(layer.accumulated):.1f}")
    line = f'<polyline fill="none" stroke="{_INK}" points="{" ".join(points)}"/>'
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="error along the layers">{"".join(parts)}{line}</svg>'
    )


def _axis(power: int, y: float) -> str:
    return (
        f'<line stroke="{_GRID}" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" font-size="12" fill="{_INK}" '
        f'text-anchor="end">1e{power}</text>'
    )
