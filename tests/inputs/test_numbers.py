"""Which arrays are bars and curves, and which are planes."""

from __future__ import annotations

import numpy as np
import pytest

from retrograph.inputs import AttributionMap, ShownInput
from retrograph.inputs.kinds.numbers import as_sequence
from retrograph.preprocess import PRESETS
from retrograph.render import STYLES, Caption, Drawn
from retrograph.render.number_bars import swatches
from support.input_case import kind_of
from support.page_case import find


@pytest.mark.parametrize(
    ("shape", "sequence"),
    [
        ((5,), (1, 5)),
        ((1, 300), (1, 300)),
        ((300, 1), (1, 300)),
        ((3, 60), (3, 60)),
        ((60, 3), (3, 60)),
        ((49, 62), None),
        ((7, 600), None),
        ((4, 20), None),
        ((2, 20, 20), None),
        ((1, 1, 90), (1, 90)),
    ],
)
def test_few_channels_and_many_positions_are_a_sequence(
    shape: tuple[int, ...], sequence: tuple[int, ...] | None
) -> None:
    found = as_sequence(np.zeros(shape))
    assert (None if found is None else found.shape) == sequence


def test_the_channels_are_those_of_the_shorter_axis() -> None:
    values = np.arange(120.0).reshape(60, 2)
    np.testing.assert_array_equal(as_sequence(values), values.T)


def test_bars_are_red_and_blue_where_maps_would_be_grey() -> None:
    kind = kind_of(("N", 6), PRESETS["0-1"])
    values = np.linspace(-1, 1, 6, dtype=np.float32)
    style = kind.drawn_style(STYLES["signed"], values)
    assert style == STYLES["red-blue"]
    assert kind.drawn_style(STYLES["heat"], values) == STYLES["heat"]
    maps = [AttributionMap("guided", values, style)]
    keys = [("guided", style.key(Drawn(coloured=False)))]
    page = kind.figure(ShownInput("input", values, None), maps, Caption("unit", keys))
    find(page, swatches(keys[0][1]).bar)
