"""Sequences as rows of letters: what is white, what is grey, what has its own channel's colour."""

from __future__ import annotations

import numpy as np

from retrograph.render import STYLES, signed
from retrograph.render.letters import HEIGHT, WIDTH, letter_tiles


def test_letters_are_on_white_and_nothing_is_grey() -> None:
    values = np.zeros((4, 4))
    values[[0, 1, 2], [0, 1, 3]] = 1, -1, 0.5
    plain, coloured = letter_tiles("AC G", values, "ACGT", STYLES["signed"])
    assert plain.shape == coloured.shape == (HEIGHT, 4 * WIDTH, 3)
    corners = plain[0, ::WIDTH]
    np.testing.assert_array_equal(corners, [[255] * 3, [255] * 3, [128] * 3, [255] * 3])
    own = signed(np.array([[[1, -1, 0, 0.5]]]))[0]
    np.testing.assert_array_equal(coloured[0, ::WIDTH], own)
    cells = plain.reshape(HEIGHT, 4, WIDTH, 3).transpose(1, 0, 2, 3)
    inked = [bool((cell != cell[0, 0]).any()) for cell in cells]
    assert inked == [True, True, False, True]
