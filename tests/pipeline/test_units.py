"""Units by the names that people give them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import retrograph
from retrograph.cli.spelling import as_option
from retrograph.errors import InputError
from retrograph.pipeline.units import UnitChoice, parse_unit
from support import nets

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


@pytest.mark.parametrize(
    ("unit", "shape", "axis", "select", "index"),
    [
        (None, (5,), 0, "top", None),
        ("top", (5,), 0, "top", None),
        (3, (5,), 0, "unit", (3,)),
        (np.int64(3), (5, 1, 1), 0, "unit", (3, 0, 0)),
        ("3", (5, 4, 4), 0, "channel", (3,)),
        ((3, 1, 2), (5, 4, 4), 0, "unit", (3, 1, 2)),
        ("3, 1,2", (5, 4, 4), 0, "unit", (3, 1, 2)),
        (np.array([1, 2, 3]), (4, 4, 5), 2, "unit", (1, 2, 3)),
        (4, (1, 1, 5), 2, "unit", (0, 0, 4)),
        ("tabby cat", (5,), 0, "unit", (4,)),
        ("GOLD", (5, 4, 4), 0, "channel", (3,)),
    ],
)
def test_a_unit_in_every_form(
    unit: Any, shape: tuple[int, ...], axis: int, select: str, index: tuple[int, ...] | None
) -> None:
    assert parse_unit(unit, shape, LABELS, "scores", axis) == UnitChoice(select, index)


def test_a_whole_word_goes_before_a_part_of_one() -> None:
    labels = ("oystercatcher", "tabby cat", "catamaran")
    assert parse_unit("cat", (3,), labels, "scores").index == (1,)
    assert parse_unit("cata", (3,), labels, "scores").index == (2,)


@pytest.mark.parametrize(
    ("unit", "labels", "in_python", "as_an_option"),
    [
        (7, LABELS, "unit=7 is out of range", "--unit 7 is out of range"),
        ((1, 2), LABELS, "unit=1,2 has 2 numbers", "--unit 1,2 has 2 numbers"),
        ("dog", (), "unit='dog' is neither", "--unit 'dog' is neither"),
        ("dog", (), "give labels=FILE", "give --labels FILE"),
        ("fruit", LABELS, "unit='fruit' may mean", "--unit 'fruit' may mean"),
        (1.5, LABELS, "unit=1.5 is no unit", "--unit 1.5 is no unit"),
    ],
)
def test_a_mistake_is_spelled_for_its_face(
    unit: Any, labels: tuple[str, ...], in_python: str, as_an_option: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse_unit(unit, (5,), labels, "scores")
    assert in_python in str(caught.value)
    assert as_an_option in caught.value.spelled(as_option)


@pytest.mark.parametrize(
    ("shape", "axis", "told"),
    [
        ((5, 4, 4), 0, "'relu1' has 5 x 4 x 4 units; count from 0"),
        ((4, None, 5), 2, "'relu1' has 4 x ? x 5 units, of which axis 2 counts channels; count"),
    ],
)
def test_the_axis_of_the_channels_is_told_where_it_is_not_the_first(
    shape: tuple[int | None, ...], axis: int, told: str
) -> None:
    assert parse_unit(4, shape, (), "relu1", axis) == UnitChoice("channel", (4,))
    with pytest.raises(InputError, match=re.escape(f"unit=5 is out of range: {told}")):
        parse_unit(5, shape, (), "relu1", axis)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"class_": 99}, "class_=99 is out of range"),
        ({"class_": "1,2"}, "class_=1,2 has 2 numbers"),
        ({"class_": 3, "top": 2}, "leave class_ out"),
        ({"unit": 99}, "unit=99 is out of range"),
    ],
)
def test_a_message_names_what_was_given(asked: dict[str, Any], words: str) -> None:
    x = np.zeros((1, 3, 8, 8), np.float32)
    with pytest.raises(InputError) as refused:
        list(retrograph.explain_all(nets.cnn(), x, device="cpu", **asked))
    assert words in str(refused.value)
