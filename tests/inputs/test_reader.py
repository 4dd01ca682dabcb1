"""Files and folders become named inputs, and what cannot be read is named too."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrograph.inputs import count_inputs, iter_inputs
from retrograph.preprocess import PRESETS, BadInput, Item, Preprocessing, restore
from retrograph.preprocess.recipe import Shape
from support.input_case import kind_of


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    generator = np.random.default_rng(height * width)
    return generator.integers(0, 256, (height, width, channels), np.uint8)


def plain(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), (10, 120, 250))


def read(
    path: Path, shape: Shape, recipe: Preprocessing | None = None
) -> tuple[list[Item], list[BadInput]]:
    recipe = recipe or PRESETS["0-255"]
    found = list(iter_inputs([path], kind_of(shape, recipe)))
    return (
        [item for item in found if isinstance(item, Item)],
        [item for item in found if isinstance(item, BadInput)],
    )


def test_a_folder_that_cannot_be_read_is_named_and_the_others_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        plain(4, 4).save(tmp_path / name / "x.png")
    scan = os.scandir

    def scandir(folder: Path) -> object:
        if Path(folder).name in locked:
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    locked = {"b"}
    good, bad = read(tmp_path, ("N", 3, 4, 4))
    assert [Path(item.name).parent.name for item in good] == ["a", "c"]
    assert [item.name for item in bad] == [str(tmp_path / "b")]
    assert "b cannot be read (Permission denied)" in str(bad[0].error)
    assert count_inputs([tmp_path]) == 3
    locked = {"a", "b", "c"}
    assert len(read(tmp_path, ("N", 3, 4, 4))[1]) == 3
    locked = {tmp_path.name}
    assert len(read(tmp_path, ("N", 3, 4, 4))[1]) == 1


def test_folder_is_sorted_deep_and_survives_a_bad_picture(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.PNG", "sub/c.jpg", ".hidden.png"):
        plain(4, 4).save(tmp_path / name)
    (tmp_path / "a.png").write_bytes(b"\x89PNG broken")
    (tmp_path / "notes.txt").write_text("no picture")
    found = list(iter_inputs([tmp_path], kind_of((1, 3, 4, 4), PRESETS["0-1"])))
    assert [item.name for item in found] == [
        str(tmp_path / name) for name in ("a.png", "b.PNG", "sub/c.jpg")
    ]
    assert [type(item) for item in found] == [BadInput, Item, Item]


def test_inputs_are_read_when_asked_for(tmp_path: Path) -> None:
    inputs = iter_inputs([tmp_path / "late.png"], kind_of((1, 3, 4, 4), PRESETS["0-1"]))
    plain(4, 4).save(tmp_path / "late.png")
    assert isinstance(next(inputs), Item)


def test_a_link_in_a_folder_that_leads_nowhere_is_reported(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "c.png").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "d.png")
    (_,), (bad,) = read(tmp_path, (1, 3, 8, 8))
    assert str(bad.error) == f"{tmp_path / 'b.png'} does not exist; check the path"


def test_empty_folder_and_missing_files_are_reported(tmp_path: Path) -> None:
    names = ("", "no.png", "no.npy", "no.csv")
    found = list(iter_inputs([tmp_path / n for n in names], kind_of((1, 3, 4, 4), PRESETS["0-1"])))
    assert [type(item) for item in found] == [BadInput] * 4
    for item, name in zip(found, names, strict=True):
        assert isinstance(item, BadInput)
        assert str(tmp_path / name) in str(item.error)


def test_floats_are_taken_as_they_are(tmp_path: Path) -> None:
    batch = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    np.save(tmp_path / "batch.npy", batch)
    np.save(tmp_path / "single.npy", batch[0].astype(np.float16))
    recipe = PRESETS["imagenet"]
    items, _ = read(tmp_path / "batch.npy", (None, 3, 5, 4), recipe)
    assert [item.name[-12:] for item in items] == ["batch.npy[0]", "batch.npy[1]"]
    np.testing.assert_array_equal(items[1].array, batch[1].astype(np.float32))
    np.testing.assert_array_equal(np.asarray(items[1].shown), restore(batch[1], recipe))
    (item,), _ = read(tmp_path / "single.npy", (None, 3, 5, 4), recipe)
    assert item.array.dtype == np.float32
    assert item.name == str(tmp_path / "single.npy")


@pytest.mark.parametrize("form", ["HWC", "CHW", "NHWC", "NCHW", "rows"])
def test_bytes_are_pictures_in_every_form(tmp_path: Path, form: str) -> None:
    pixels = noise(5, 4)
    planes = pixels.transpose(2, 0, 1)
    array = {
        "HWC": pixels,
        "CHW": planes,
        "NHWC": pixels[None],
        "NCHW": planes[None],
        "rows": pixels.reshape(1, -1),
    }[form]
    np.save(tmp_path / "x.npy", array)
    (item,), _ = read(tmp_path / "x.npy", (1, 3, 5, 4), PRESETS["-1-1"])
    np.testing.assert_allclose(item.array, planes / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(item.shown), pixels)


def test_many_gray_pictures(tmp_path: Path) -> None:
    digits = noise(28, 28, 6).transpose(2, 0, 1)
    np.save(tmp_path / "digits.npy", digits)
    shape = (None, 28, 28, 1)
    items, _ = read(tmp_path / "digits.npy", shape, PRESETS["0-255"].for_shape(shape))
    assert len(items) == 6
    np.testing.assert_array_equal(items[4].array[..., 0], digits[4])


def test_npz_gives_the_first_array_that_fits(tmp_path: Path) -> None:
    images = noise(6, 6, 12).reshape(4, 3, 6, 6)
    np.savez(tmp_path / "set.npz", labels=np.arange(4), x=images, z=images[:1])
    items, _ = read(tmp_path / "set.npz", (None, 3, 6, 6))
    assert [item.name for item in items] == [f"{tmp_path / 'set.npz'}:x[{i}]" for i in range(4)]
    np.testing.assert_array_equal(items[3].array, images[3])


@pytest.mark.parametrize("shape", [(None, 4, 9), (None, 12), (1, 2, 4, 5, 6), (1, 9, 8, 8)])
def test_inputs_that_are_no_pictures(tmp_path: Path, shape: Shape) -> None:
    extents = tuple(dim for dim in shape[1:] if isinstance(dim, int))
    values = np.arange(np.prod(extents), dtype=np.int64).reshape(extents)
    np.save(tmp_path / "x.npy", values)
    plain(4, 4).save(tmp_path / "x.png")
    (item,), _ = read(tmp_path / "x.npy", shape)
    np.testing.assert_array_equal(item.array, values)
    assert item.shown is None
    _, (bad,) = read(tmp_path / "x.png", shape)
    assert ".npy" in str(bad.error)


def test_arrays_that_cannot_be_used(tmp_path: Path) -> None:
    shape = (None, 3, 4, 4)
    for name, array, reason in (
        ("size", np.zeros((3, 4, 5)), "does not fit"),
        ("integers", np.zeros((3, 4, 4), np.int64), "uint8"),
        ("nan", np.full((3, 4, 4), np.nan), "NaN"),
        ("large", np.full((3, 4, 4), 1e300), "too large"),
        ("empty", np.zeros((0, 3, 4, 4)), "empty"),
        ("objects", np.array([{}]), "can be read"),
        ("bytes", np.zeros((2, 3, 4, 4, 4), np.uint8), "no pictures"),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        _, (bad,) = read(tmp_path / f"{name}.npy", shape)
        assert reason in str(bad.error)
        assert f"{name}.npy" in str(bad.error)
    for name in ("broken.npy", "broken.npz", "blank.npy"):
        (tmp_path / name).write_bytes(b"" if name == "blank.npy" else b"PK\x03\x04 nothing")
        _, (bad,) = read(tmp_path / name, shape)
        assert name in str(bad.error)


def test_csv_rows_are_interleaved_pixels(tmp_path: Path) -> None:
    pixels = noise(2, 3)
    values = ",".join(map(str, pixels.ravel()))
    (tmp_path / "x.csv").write_text(f"7,{values}\n\n{values}\ncat,{values}\n")
    items, bad = read(tmp_path / "x.csv", (None, 3, 2, 3))
    assert not bad
    assert [item.label for item in items] == ["7", None, "cat"]
    assert items[2].name == f"{tmp_path / 'x.csv'}[2]"
    for item in items:
        np.testing.assert_array_equal(item.array, pixels.transpose(2, 0, 1))
        np.testing.assert_array_equal(np.asarray(item.shown), pixels)


def test_csv_reports_bad_rows_and_goes_on(tmp_path: Path) -> None:
    rows = [
        "0,0,0,0",
        "0,0",
        "0,0,0,256",
        "0,0,0.5,0",
        "0,x,0,0",
        "0,nan,0,0",
        "0,0,0,0,0,0",
        "1,2,3,4",
    ]
    (tmp_path / "x.csv").write_text("\n".join(rows))
    recipe = PRESETS["0-255"].for_shape((1, 1, 2, 2))
    items, bad = read(tmp_path / "x.csv", (1, 1, 2, 2), recipe)
    assert len(items) == 2
    np.testing.assert_array_equal(items[1].array, [[[1, 2], [3, 4]]])
    assert [f"line {number}" in str(each.error) for number, each in enumerate(bad, 2)] == [True] * 6


def test_csv_needs_a_fixed_size(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("1,2,3\n")
    for shape in ((1, 3, None, None), (1, 5, 5)):
        _, (bad,) = read(tmp_path / "x.csv", shape)
        assert "one fixed size" in str(bad.error)
