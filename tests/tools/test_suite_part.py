"""Parts of the suite: each test is in one of them, whichever order they are collected in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from suite_part import pytest_collection_modifyitems

NAMES = [f"tests/test_a.py::test_b[{i}]" for i in range(40)]


def part(text: str, names: list[str]) -> tuple[list[str], list[str]]:
    """Which tests stay, and which are told to be left out."""
    told: list[Any] = []
    config = SimpleNamespace(
        getoption=lambda name: text,
        hook=SimpleNamespace(pytest_deselected=lambda items: told.extend(items)),
    )
    items = [SimpleNamespace(nodeid=name) for name in names]
    pytest_collection_modifyitems(cast(Any, config), cast(Any, items))
    return [item.nodeid for item in items], [item.nodeid for item in told]


def test_all_parts_are_the_suite_and_share_nothing() -> None:
    stay = [part(f"{i}/3", NAMES)[0] for i in range(3)]
    assert all(stay)
    assert sorted(name for one in stay for name in one) == sorted(NAMES)
    assert part("0/3", NAMES[::-1])[0] == stay[0][::-1]


def test_what_is_left_out_is_told() -> None:
    stay, told = part("1/4", NAMES)
    assert sorted([*stay, *told]) == sorted(NAMES)
    assert part("0/1", NAMES) == (NAMES, [])
