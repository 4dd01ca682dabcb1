"""Which outputs are pictures: by their size, their channels and their range."""

from __future__ import annotations

import numpy as np
import pytest

from retrograph.pipeline.made_picture import made_picture

RNG = np.random.default_rng(4)
PIXELS = RNG.integers(0, 256, (20, 30, 3), np.uint8)
FLAT = np.moveaxis(PIXELS, 2, 0).astype(np.float32)
LOGITS = RNG.normal(size=(3, 20, 30)) * 8
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(0)


@pytest.mark.parametrize("values", [FLAT, FLAT / 255, FLAT / 127.5 - 1])
def test_a_picture_in_each_range_is_drawn_as_it_is(values: np.ndarray) -> None:
    made = made_picture(values, (20, 30))
    assert made is not None
    np.testing.assert_array_equal(made, PIXELS)


def test_what_goes_beyond_its_range_is_clipped() -> None:
    made = made_picture(FLAT * 1.1 - 8, (10, 15))
    assert made is not None
    assert made.shape == (20, 30, 3)
    np.testing.assert_array_equal(made, (FLAT * 1.1 - 8).clip(0, 255).round().transpose(1, 2, 0))


def test_one_channel_is_grey() -> None:
    made = made_picture(FLAT[:1] / 255, (20, 30))
    assert made is not None
    np.testing.assert_array_equal(made, PIXELS[..., 0])


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        (LOGITS, (20, 30)),
        (SHARES, (20, 30)),
        (np.maximum(LOGITS, 0) * 100, (20, 30)),
        (FLAT, (40, 60)),
        (FLAT[:2], (20, 30)),
        (FLAT[:, 0], (20, 30)),
        (FLAT, (20,)),
    ],
    ids=["logits", "shares", "too bright", "small", "two channels", "a row", "of a sequence"],
)
def test_other_outputs_are_none(values: np.ndarray, sizes: tuple[int, ...]) -> None:
    assert made_picture(values, sizes) is None
