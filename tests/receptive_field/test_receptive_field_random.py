"""Receptive fields of networks made by chance, against the gradient of their units."""

from __future__ import annotations

import pytest

from retrograph.receptive_field import Field
from support.random_nets import RandomNet
from support.windows import (
    assert_seen,
    every_unit,
    fields,
    touches_border,
)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("seed", range(150))
def test_random_linear_networks_see_exactly_their_window(seed: int) -> None:
    """Away from the border; there, padding may leave the clipped window larger."""
    made = RandomNet(seed, exact=True)
    field = next(reversed(fields(made.net.model()).values()))
    sizes = [made.shape[a] for a in field.axes]
    wide = any(n is None or n > size for n, size in zip(field.size, sizes, strict=True))
    assert_seen(made.net.model(), made.shape, exact=not wide and has_inner(made, field), inner=True)


def has_inner(made: RandomNet, field: Field) -> bool:
    model, target = made.net.model(), next(reversed(fields(made.net.model())))
    sizes = [made.shape[a] for a in field.axes]
    return any(
        not touches_border(field, unit, sizes) for unit in every_unit(model, target, made.shape)
    )


@pytest.mark.one_in(6)
@pytest.mark.parametrize("seed", range(150))
def test_random_networks_see_no_more_than_their_window(seed: int) -> None:
    made = RandomNet(seed, exact=False)
    assert_seen(made.net.model(), made.shape)
