"""Sound files as inputs of models of waveforms: what is done to them, and that it is said."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrograph.errors import spelled
from retrograph.inputs import input_kind, iter_inputs
from retrograph.preprocess import PRESETS, BadInput, Item, Shape, axes_by_size
from support.input_case import kind_of

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

LENGTH = 8000
FORMS: dict[str, Shape] = {
    "N,T": ("N", LENGTH),
    "N,1,T": ("N", 1, LENGTH),
    "N,T,1": ("N", LENGTH, 1),
    "N,1,1,T": ("N", 1, 1, LENGTH),
    "1,T": (1, LENGTH),
}
RECIPE = PRESETS["0-1"]


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype("f")


def write(path: Path, samples: np.ndarray, rate: int, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **more)
    return path


def read(path: Path, shape: Shape, rate: int | None) -> Item:
    (item,) = iter_inputs([path], input_kind(axes_by_size(shape), RECIPE, None, rate))
    assert isinstance(item, Item), item
    return item


def fault(path: Path, shape: Shape = ("N", LENGTH), rate: int | None = 8000) -> str:
    (bad,) = iter_inputs([path], input_kind(axes_by_size(shape), RECIPE, None, rate))
    assert isinstance(bad, BadInput)
    assert "\n" not in str(bad.error)
    return str(bad.error)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_samples_come_as_they_are_in_every_form(tmp_path: Path, form: str, suffix: str) -> None:
    samples = np.round(np.random.default_rng(0).uniform(-1, 1, LENGTH) * 2**14) / 2**15
    path = write(tmp_path / f"a{suffix}", samples, 8000)
    item = read(path, FORMS[form], 8000)
    assert item.array.shape == FORMS[form][1:]
    assert item.array.dtype == np.float32
    np.testing.assert_array_equal(item.array.ravel(), samples.astype(np.float32))
    assert (item.name, item.note, item.shown) == (str(path), "", None)


def test_a_sound_is_resampled_and_that_is_said(tmp_path: Path) -> None:
    item = read(write(tmp_path / "a.wav", tone(1, 44100), 44100), ("N", LENGTH), 8000)
    assert item.note == "resampled from 44100 Hz to 8000 Hz"
    assert item.sample_rate == 8000
    inner = slice(200, -200)
    np.testing.assert_allclose(item.array[inner], tone(1, 8000)[inner], atol=2e-4)


def test_what_a_lower_rate_cannot_hold_is_gone(tmp_path: Path) -> None:
    item = read(write(tmp_path / "a.wav", tone(1, 44100, 7000), 44100), ("N", LENGTH), 8000)
    assert np.abs(item.array[200:-200]).max() < 1e-3


def test_a_sound_is_cut_to_its_beginning_of_which_no_more_is_decoded(tmp_path: Path) -> None:
    samples = tone(30, 16000)
    item = read(write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT"), ("N", LENGTH), 8000)
    assert item.note == (
        "resampled from 16000 Hz to 8000 Hz; cut from 30 s to the first 1 s (8000 samples)"
    )
    whole = read(tmp_path / "a.wav", ("N", 30 * 8000), 8000)
    np.testing.assert_allclose(item.array, whole.array[:LENGTH], atol=1e-5)


def test_a_sound_that_is_a_little_too_long_is_cut(tmp_path: Path) -> None:
    item = read(write(tmp_path / "a.wav", tone(1.1, 8000), 8000), ("N", LENGTH), 8000)
    assert item.note == "cut from 1.1 s to the first 1 s (8000 samples)"
    assert item.array.shape == (LENGTH,)


def test_a_short_sound_is_padded_with_zeros(tmp_path: Path) -> None:
    item = read(write(tmp_path / "a.flac", tone(0.25, 8000), 8000), ("N", 1, LENGTH), 8000)
    assert item.note == "padded with zeros from 0.25 s to 1 s (8000 samples)"
    assert item.array[0, 1999] != 0
    assert (item.array[0, 2000:] == 0).all()


def test_channels_are_mixed_by_their_mean(tmp_path: Path) -> None:
    both = np.stack([tone(1, 8000), -0.5 * tone(1, 8000)], axis=1)
    item = read(write(tmp_path / "a.wav", both, 8000, subtype="FLOAT"), ("N", LENGTH, 1), 8000)
    assert item.note == "its 2 channels are mixed: their mean"
    np.testing.assert_allclose(item.array[:, 0], 0.25 * tone(1, 8000), atol=1e-7)


@pytest.mark.parametrize("shape", [("N", 2, LENGTH), ("N", LENGTH, 2)])
def test_two_channels_of_a_model(tmp_path: Path, shape: Shape) -> None:
    both = np.stack([tone(1, 8000), tone(1, 8000, 220)], axis=1)
    item = read(write(tmp_path / "a.wav", both, 8000, subtype="FLOAT"), shape, 8000)
    np.testing.assert_array_equal(item.array if shape[2] == 2 else item.array.T, both)
    assert item.note == ""
    one = read(write(tmp_path / "b.wav", both[:, 0], 8000, subtype="FLOAT"), shape, 8000)
    assert one.note == "its one channel is given to both of the model's"
    assert (one.array if shape[2] == 2 else one.array.T)[:, 1].tolist() == both[:, 0].tolist()
    three = write(tmp_path / "c.wav", np.zeros((9, 3)), 8000)
    assert "has 3 channels, and the model takes 2; mix it to one or to 2" in fault(three, shape)


def test_without_a_rate_a_sound_keeps_its_own_and_that_is_said(tmp_path: Path) -> None:
    item = read(write(tmp_path / "a.wav", tone(0.5, 22050), 22050), ("N", 11025), None)
    assert item.note.startswith("its 22050 samples a second are taken as they are; if the model")
    assert item.sample_rate == 22050
    assert spelled(item.note).endswith("give sample_rate")


def test_folders_and_archives_of_sounds(tmp_path: Path) -> None:
    for name in ("cat/a.wav", "cat/b.ogg", "dog/a.flac"):
        write(tmp_path / "set" / name, tone(1, 8000), 8000)
    Image.new("RGB", (4, 4)).save(tmp_path / "set" / "cat" / "no.png")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted((tmp_path / "set").rglob("*.*")):
            archive.write(path, path.relative_to(tmp_path / "set"))
    kind = input_kind(axes_by_size(("N", LENGTH)), RECIPE, None, 8000)
    folder, packed = ([*iter_inputs([tmp_path / name], kind)] for name in ("set", "set.zip"))
    for each, other in zip(folder, packed, strict=True):
        assert isinstance(each, Item)
        assert isinstance(other, Item)
        np.testing.assert_array_equal(each.array, other.array)
    assert [each.label for each in packed if isinstance(each, Item)] == ["cat", "cat", "dog"]
    (tmp_path / "none").mkdir()
    assert "has no sounds in it" in fault(tmp_path / "none")


def test_what_is_no_sound(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF, but no more")
    assert "a.wav is no sound that can be read (" in fault(tmp_path / "a.wav")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a.wav", b"no sound")
    packed = fault(tmp_path / "set.zip")
    assert packed.endswith(
        "a.wav is no sound that can be read (Format not recognised); save it as WAV or FLAC"
    )
    assert "does not exist; check the path" in fault(tmp_path / "b.wav")
    assert "holds no samples" in fault(write(tmp_path / "c.wav", np.zeros(0), 8000))
    nan = write(tmp_path / "d.wav", np.array([0, np.nan]), 8000, subtype="FLOAT")
    assert "has NaN or infinite samples" in fault(nan)
    (tmp_path / "e.wav").write_text("version https://git-lfs.github.com/spec/v1\noid x\n")
    assert "git lfs pull" in fault(tmp_path / "e.wav")
    Image.new("RGB", (4, 4)).save(tmp_path / "f.png")
    assert "the model takes waveforms, ?x8000; give a WAV" in fault(tmp_path / "f.png")


def test_of_a_damaged_sound_it_is_said_how_much_is_there(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, LENGTH * 4)
    whole = bytearray(write(tmp_path / "a.ogg", noise, 8000).read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 300] = bytes(300)
    (tmp_path / "a.ogg").write_bytes(whole)
    item = read(tmp_path / "a.ogg", ("N", LENGTH * 4), 8000)
    assert item.note.startswith(f"damaged: of its {LENGTH * 4} samples ")
    assert f"{LENGTH * 4} samples)" in item.note
    flac = write(tmp_path / "b.flac", noise, 8000).read_bytes()
    (tmp_path / "b.flac").write_bytes(flac[: len(flac) // 2])
    assert "b.flac is no sound that can be read" in fault(tmp_path / "b.flac", ("N", LENGTH * 4))
    assert "too short to be resampled" in fault(
        write(tmp_path / "c.wav", tone(1, 8000)[:1], 384000)
    )


def test_a_sound_too_long_for_a_model_of_any_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrograph.preprocess.sounds.LONGEST", 1000)
    axes = axes_by_size(("N", "T")).as_waveform()
    path = write(tmp_path / "a.wav", tone(0.1, 8000), 8000)
    (good,) = iter_inputs([path], input_kind(axes, RECIPE, None, 8000))
    assert isinstance(good, Item)
    assert good.array.shape == (800,)
    (bad,) = iter_inputs([path], input_kind(axes, RECIPE, None, 16000))
    assert isinstance(bad, BadInput)
    assert "too many to be safe" in str(bad.error)


@pytest.mark.parametrize("name", ["soundfile", "soxr"])
def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write(tmp_path / "a.wav", tone(1, 16000), 16000)
    monkeypatch.setitem(sys.modules, name, None)
    assert f"need {name}" in fault(path)
    assert "pip install 'retrograph[audio]'" in fault(path)


@pytest.mark.parametrize(
    "shape", [("N", 3, 128, 41), ("N", 49, 62), ("N", 4, 20), ("N", 8, 8, 8, 8)]
)
def test_a_model_that_takes_no_waveform_says_so(tmp_path: Path, shape: Shape) -> None:
    path = write(tmp_path / "a.wav", tone(1, 8000), 8000)
    recipe = RECIPE if shape[1] == 3 else PRESETS["0-1"]
    (bad,) = iter_inputs([path], kind_of(shape, recipe))
    assert isinstance(bad, BadInput)
    assert "is no waveform; if it is a spectrogram, make it as in training" in str(bad.error)


def test_arrays_are_waveforms_too(tmp_path: Path) -> None:
    kind = kind_of(("N", 1, LENGTH), RECIPE)
    np.save(tmp_path / "bare.npy", tone(1, 8000))
    np.save(tmp_path / "batch.npy", np.stack([tone(1, 8000)[np.newaxis]] * 2))
    np.save(tmp_path / "whole.npy", np.full((1, LENGTH), 9000, np.int16))
    bare, *batch, whole = iter_inputs(
        [tmp_path / f"{name}.npy" for name in ("bare", "batch", "whole")], kind
    )
    for each in (bare, *batch):
        assert isinstance(each, Item)
        np.testing.assert_array_equal(each.array, tone(1, 8000)[np.newaxis])
        assert each.note == ""
    assert isinstance(whole, Item)
    assert "its values, int16 from 9000 to 9000, are taken as they are" in whole.note


@pytest.mark.parametrize(
    ("shape", "samples"),
    [
        (("N", 16000), 0),
        (("N", 1, 16000), 1),
        (("N", 16000, 2), 0),
        (("N", 2, 16000), 1),
        (("N", 7999), None),
        (("N", "T"), None),
        (("N", 3, 16000), None),
        (("N", 16000, 16000), None),
        (("N", 1, 1), None),
    ],
)
def test_which_shapes_are_waveforms(shape: Shape, samples: int | None) -> None:
    assert axes_by_size(shape).samples == samples
