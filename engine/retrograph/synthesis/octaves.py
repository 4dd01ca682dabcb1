"""The sizes that a canvas goes through, from coarse to fine.

What is large is settled on a coarse canvas, details on a fine one. A model of one fixed size sees a
coarse canvas enlarged to that size, and one that is larger than it in tiles; a model that takes any
size may see each canvas as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrograph.synthesis.views import Size

_LEAST = 8
"""The shortest side of a canvas."""


@dataclass(frozen=True)
class Octave:
    """One size.

    Attributes:
        canvas: height and width; what an input that is no picture has instead.
        window: those of what the model sees at once.
        steps: how many steps are done.
    """

    canvas: Size
    window: Size
    steps: int


def octaves(
    size: Size,
    *,
    count: int,
    ratio: float,
    steps: int,
    window: Size | None,
) -> tuple[Octave, ...]:
    """Octaves up to a height and width, each larger by a ratio, with about equally many steps.

    Args:
        size: of the last.
        count: how many; fewer where the first would be under 8 pixels.
        ratio: from one to the next.
        steps: of all together.
        window: what the model sees at once; the canvas of each octave if None.
    """
    factors = [ratio**-i for i in reversed(range(count))]
    sizes = [tuple(round(extent * f) for extent in size) for f in factors]
    sizes = [s for s in sizes if min(s) >= min(_LEAST, *size)]
    shares = [steps * (i + 1) // len(sizes) - steps * i // len(sizes) for i in range(len(sizes))]
    return tuple(
        Octave(canvas, window or canvas, share) for canvas, share in zip(sizes, shares, strict=True)
    )
