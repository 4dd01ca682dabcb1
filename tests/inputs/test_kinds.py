"""The list of the kinds of inputs: which one an input is of, and a new one that is added to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs import (
    KINDS,
    AttributionMap,
    InputKind,
    ShownInput,
    input_kind,
    iter_inputs,
    kinds,
)
from retrograph.preprocess import PRESETS, Coding, InputAxes, Item, Preprocessing, axes_by_size
from retrograph.render import STYLES, Caption, Page
from support import nets
from support.cli_case import opened, run, workplace
from support.input_case import kind_of

Capture = pytest.CaptureFixture[str]

SHAPES: dict[str, tuple[int | str, ...]] = {
    "letters": ("N", 4, 20),
    "video": ("N", 5, 3, 8, 8),
    "picture": ("N", 8, 8, 3),
    "volume": ("N", 2, 6, 8, 8),
    "table": ("N", 784),
    "waveform": ("N", 1, 8000),
    "array": ("N", 4, 20),
}


def kind_named(name: str) -> InputKind:
    coding = Coding.fitted("ACGT", SHAPES[name]) if name == "letters" else None
    axes = axes_by_size(SHAPES[name])
    recipe = PRESETS["0-1"] if axes.frame is None else PRESETS["0-1"].for_shape(axes.frame)
    return input_kind(axes, recipe, coding)


@pytest.mark.parametrize("name", SHAPES)
def test_an_input_is_of_the_first_kind_that_matches(name: str) -> None:
    assert kind_named(name).name == name


def test_every_kind_has_a_name_of_its_own_and_is_matched() -> None:
    assert sorted(kind.name for kind in KINDS) == sorted(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_every_kind_reads_arrays_and_draws_itself(tmp_path: Path, name: str) -> None:
    kind = kind_named(name)
    item = tuple(size for size in SHAPES[name] if isinstance(size, int))
    values = np.random.default_rng(0).random(item).astype(np.float32)
    np.save(tmp_path / "one.npy", values)
    np.save(tmp_path / "two.npy", np.stack([values, values]))
    items = [*iter_inputs([tmp_path / "one.npy", tmp_path / "two.npy"], kind)]
    assert [each.array.tolist() for each in items if isinstance(each, Item)] == [
        values.tolist()
    ] * 3
    shown = kind.shown(values)
    maps = [AttributionMap("by one", values - 0.5, STYLES["signed"])]
    page = kind.figure(ShownInput("input", values, shown), maps, Caption("what is drawn"))
    assert len(page.image().getcolors(2**24) or ()) > 10


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in ("picture", "video")])
def test_what_takes_no_pictures_says_so(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (bad,) = iter_inputs([tmp_path / "a.png"], kind_named(name))
    assert not isinstance(bad, Item)
    assert "picture" in str(bad.error) or "sequences of letters" in str(bad.error)


@pytest.mark.parametrize(("least", "is_picture"), [(0.0, True), (-1.0, False)])
def test_a_grey_array_beyond_a_pictures_values_is_drawn_as_numbers(
    least: float, is_picture: bool
) -> None:
    axes = axes_by_size(("N", 1, 8, 8))
    assert axes.frame is not None
    kind = input_kind(axes, PRESETS["0-1"].for_shape(axes.frame))
    values = np.linspace(least, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    assert (kind.shown(values) is not None) == is_picture
    assert kind.draws_values(values, kind.shown(values)) != is_picture


def test_a_recipe_that_does_not_fit_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="rgb nchw preprocessing does not make"):
        kind_of(("N", 1, 8, 8), PRESETS["0-1"])


class Flow(InputKind):
    """Two channels of motion, drawn as their length."""

    name = "flow"
    things = "motions"

    @classmethod
    def matches(cls, axes: InputAxes, coding: Coding | None) -> bool:
        return len(axes.item) == 3 and axes.item[0] == 2

    def figure(self, shown: ShownInput, maps: Sequence[AttributionMap], caption: Caption) -> Page:
        grey = (100 * np.hypot(*shown.array)).astype(np.uint8)
        return Page(np.stack([grey] * 3, axis=-1))


def test_a_kind_is_added_by_a_class_and_a_place_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    workplace(tmp_path, monkeypatch)
    nets.save(nets.cnn(channels=2), Path("flow.onnx"))
    values = np.random.default_rng(0).random((2, 8, 8)).astype(np.float32)
    np.save("in.npy", values)
    before = run(capsys, *["explain", "flow.onnx", "in.npy", "-o", "before.png"])
    assert before.code == 0
    assert opened("before.png").width > 8
    monkeypatch.setattr(kinds, "KINDS", (Flow, *KINDS))
    assert run(capsys, *["explain", "flow.onnx", "in.npy", "-o", "after.png"]).code == 0
    drawn = np.asarray(opened("after.png"))[..., 0]
    np.testing.assert_array_equal(drawn, (100 * np.hypot(*values)).astype(np.uint8))
    assert Flow(axes_by_size(("N", 2, 8, 8)), Preprocessing()).things == "motions"


@pytest.mark.parametrize(
    ("depth", "said"),
    [
        (6, "every slice; "),
        (16, "12 slices of 16, from the first to the last; "),
        (23, "12 evenly spaced slices of 23, from the first to the last; "),
    ],
)
def test_slices_are_called_evenly_spaced_only_where_they_are(depth: int, said: str) -> None:
    which, scale = kind_named("volume").scale_notes(np.zeros((2, depth, 8, 8), np.float32), 1)
    assert which.startswith(said)
    assert "between slices, but not between maps" in scale
