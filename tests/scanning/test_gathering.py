"""Batches of one are counted together: the same counts, in the same order."""

from __future__ import annotations

import numpy as np
import pytest

from retrograph.errors import InputError
from retrograph.inputs.loader import Batch
from retrograph.preprocess import BadInput, Item
from retrograph.scanning import gathering
from retrograph.scanning.gathering import Answered, Gathered, gather
from retrograph.scanning.probe_session import ActivationStats
from retrograph.scanning.state import State
from retrograph.scanning.store import ScannedLayer
from support.graphs import noise

LAYER = ScannedLayer("relu", "y", (4, 3, 3), 0, tuple(range(4)), None)
REFUSED = InputError("it cannot be run")


def item(number: int) -> Item:
    return Item(f"{number}.png", np.zeros((3, 8, 8), np.float32), None, label="ab"[number % 2])


def stats(rows: int, seed: int) -> list[ActivationStats]:
    peak = noise(rows, 4, seed=seed).astype(np.float64)
    unit = np.random.default_rng(seed).integers(0, 3, (rows, 4, 3))
    return [ActivationStats(peak, unit, peak / 2, np.abs(peak) / 9)]


def single(number: int, rows: int = 1) -> Answered:
    """A batch of one input, filled up to so many rows."""
    feeds = {"x": np.zeros((rows, 3, 8, 8), np.float32)}
    return Batch([item(number)], feeds), stats(rows, number)


def bad(number: int) -> Answered:
    return Batch([BadInput(f"{number}.png", InputError("it is damaged"))], {}), []


@pytest.fixture
def answered() -> list[Answered]:
    """Eleven batches: of one that fills two rows, of one, of a bad one, of three, and refused."""
    three = Batch([item(n) for n in (20, 21, 22)], {"x": np.zeros((3, 3, 8, 8), np.float32)})
    refused: Answered = (single(30)[0], REFUSED)
    return [
        single(0, rows=2),
        *map(single, range(1, 4)),
        bad(4),
        single(5),
        (three, stats(3, 20)),
        single(6),
        refused,
        bad(7),
        bad(8),
    ]


def counted(groups: list[Gathered]) -> State:
    state = State.empty([LAYER], 3)
    for inputs, answer in groups:
        state.add(inputs, answer)
    return state


def test_what_is_gathered_counts_the_same(
    answered: list[Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_SECONDS", 60.0)
    groups = list(gather(answered))
    names = [[each.name.removesuffix(".png") for each in inputs] for inputs, _ in groups]
    assert names == [[*"012345"], ["20", "21", "22"], ["6"], ["30"], ["7", "8"]]
    together = counted(groups)
    apart = counted([([*batch.inputs], answer) for batch, answer in answered])
    assert (together.done, together.good) == (apart.done, apart.good) == (13, 9)
    assert together.new == apart.new
    assert together.classes == apart.classes
    ours, theirs = together.tallies[0].arrays(), apart.tallies[0].arrays()
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_nothing_waits_long(answered: list[Answered], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_SECONDS", 0.0)
    assert [len(inputs) for inputs, _ in gather(answered)] == [1, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1]
    monkeypatch.setattr(gathering, "_SECONDS", 60.0)
    monkeypatch.setattr(gathering, "_ROWS", 2)
    assert [len(inputs) for inputs, _ in gather(answered)] == [2, 2, 2, 3, 1, 1, 2]
