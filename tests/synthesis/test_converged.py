"""Whether an ascent has come to its end, as far as its activations tell."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock, patch

import numpy as np
import pytest

from retrograph.synthesis.maximum import Maximum
from retrograph.synthesis.page import sheet_page


def maximum(history: Any, **more: Any) -> Maximum:
    values = {
        "unit": (3,),
        "start": None,
        "input": np.zeros(1),
        "picture": None,
        "before": 0.0,
        "activation": 1.0,
        "probability": None,
        "probabilities": None,
        "steps": len(history),
        "finished": True,
        "silent": False,
        "history": np.asarray(history, np.float64),
    }
    return Maximum(**(values | more))


@pytest.mark.parametrize(
    ("history", "converged"),
    [
        (np.linspace(0, 10, 40), False),
        (10 * (1 - np.exp(-np.arange(100) / 8)), True),
        ([0.0, 1.0, 2.0], False),
        ([0.0, 9.0, 9.0, 9.0], True),
        ([5.0, 4.0, 3.0], True),
        ([1.0], True),
    ],
)
def test_what_still_rises_has_not_converged(history: Any, converged: bool) -> None:
    assert maximum(history).converged is converged


def test_a_whole_layer_and_a_silent_unit_come_to_no_maximum() -> None:
    rising = np.linspace(0, 10, 40)
    assert maximum(rising, unit=()).converged
    assert maximum(rising, silent=True).converged


def test_a_sheet_says_which_still_rise() -> None:
    context = Mock(layer="scores", small_print=())
    context.unit_name.side_effect = str
    context.picture.return_value = np.zeros((8, 8, 3), np.uint8)
    maxima = [maximum([0.0, 9.0, 9.0, 9.0]), maximum(np.linspace(0, 10, 40))]
    with patch("retrograph.synthesis.page.sheet") as sheet:
        sheet_page(maxima, context)
    cells, _, title = sheet.call_args.args[:3]
    assert ["still rising" in text for text, _ in cells] == [False, True]
    assert "4 steps, 1 of 2 not converged, still rising: give more steps" in title
