"""Videos as one picture: some frames side by side."""

from __future__ import annotations

from typing import Final

import numpy as np

from retrograph.render.colour import GREY, Pixels

_MOST: Final = 8
_ACROSS: Final = 4


def film(frames: Pixels) -> Pixels:
    """Evenly spaced frames of a video, 8 at most, four in a row.

    Args:
        frames: uint8 [T, H, W, 3].

    Returns:
        uint8 [H, W, 3], grey where the last row has no frames left.
    """
    places = sorted({round(p) for p in np.linspace(0, len(frames) - 1, min(len(frames), _MOST))})
    shown = frames[places]
    across = min(_ACROSS, len(shown))
    missing = -len(shown) % across
    filled = np.concatenate([shown, np.full((missing, *shown.shape[1:]), GREY, np.uint8)])
    rows = filled.reshape(-1, across, *shown.shape[1:]).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(rows.reshape(-1, across * shown.shape[2], 3))
