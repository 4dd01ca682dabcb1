"""Boxes and contours on pictures."""

from __future__ import annotations

import numpy as np

from retrograph.render import Marks, marked

GREY = np.full((450, 600, 3), 128, np.uint8)


def changed(mask: np.ndarray) -> np.ndarray:
    """The places [n, 2] that the mark of a mask changes."""
    drawn = np.asarray(marked(GREY, Marks((450, 600), masks=[mask])))
    return np.argwhere((drawn != GREY).any(axis=2))


def test_a_single_pixel_has_a_box_around_it() -> None:
    mask = np.zeros((450, 600), bool)
    mask[100, 200] = True
    places = changed(mask)
    assert (np.abs(places.mean(axis=0) - (100, 200)) < 1).all()
    assert (np.ptp(places, axis=0) > 0.025 * 450).all()
    distances = np.abs(places - (100, 200)).max(axis=1)
    assert (distances == distances.max()).sum() >= 8 * distances.max() - 4  # all four sides


def test_a_region_has_its_contour_alone() -> None:
    mask = np.zeros((450, 600), bool)
    mask[100:150, 200:260] = True
    places = changed(mask)
    assert places.min(axis=0).tolist() >= [95, 195]
    assert places.max(axis=0).tolist() <= [155, 265]
