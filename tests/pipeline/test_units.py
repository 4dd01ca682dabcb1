"""Units by the names that people give them."""

from __future__ import annotations

import pytest

from retrograph.errors import InputError
from retrograph.pipeline.units import parse_unit

LABELS = ("fruit bat", "fruit cake", "fruit fly", "goldfish", "tabby, tabby cat")


def test_near_classes_are_suggested_up_to_three() -> None:
    with pytest.raises(InputError) as caught:
        parse_unit("fruit cat", (5,), LABELS, "scores")
    suggested = str(caught.value).partition("did you mean ")[2]
    assert sorted(suggested.rstrip("?").split(" or ")) == [
        "'fruit bat'",
        "'fruit cake'",
        "'fruit fly'",
    ]


def test_a_class_of_several_near_names_is_suggested_once() -> None:
    with pytest.raises(InputError, match=r"no class 'tabbi'; did you mean 'tabby, tabby cat'\?$"):
        parse_unit("tabbi", (5,), LABELS, "scores")
