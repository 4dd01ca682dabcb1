"""What systems and tools put beside pictures is no data, in folders and in archives."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from retrograph.inputs import count_inputs, iter_inputs
from retrograph.preprocess import PRESETS, Item
from retrograph.scanning import ScanReader
from retrograph.scanning.fingerprint import fingerprints
from support.cli_case import assert_one_line, good, picture, run, workplace
from support.input_case import kind_of

DATA = ("cat/a.png", "dog/b.png", "ea/@.png")
NO_DATA = (
    ".ipynb_checkpoints/a-checkpoint.png",
    "cat/.ipynb_checkpoints/a-checkpoint.png",
    "cat/.hidden.png",
    "cat/@eaDir/a.png/SYNOPHOTO_THUMB_XL.png",
    ".git/b.png",
    "__MACOSX/cat/._a.png",
    "__MACOSX/cat/a.png",
    "dog/.thumbs/deep/b.png",
    "$RECYCLE.BIN/b.png",
    "#recycle/b.png",
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for i, name in enumerate((*DATA, *NO_DATA)):
        picture(tmp_path / ".data" / name, seed=i)
    return tmp_path / ".data"


def packed(folder: Path, suffix: str, prefix: str) -> Path:
    path = folder.parent / f"set{suffix}"
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as zipped:
            for file in files:
                zipped.write(file, prefix + file.relative_to(folder).as_posix())
        return path
    with tarfile.open(path, "w:gz") as tarred:
        for file in files:
            tarred.add(file, prefix + file.relative_to(folder).as_posix())
    return path


def found(path: Path) -> list[tuple[str, str | None]]:
    items = list(iter_inputs([path], kind_of((None, 3, None, None), PRESETS["0-1"])))
    assert all(isinstance(each, Item) for each in items)
    return [(each.name, each.label) for each in items if isinstance(each, Item)]


EXPECTED = [("cat/a.png", "cat"), ("dog/b.png", "dog"), ("ea/@.png", "ea")]


def test_in_a_folder(data: Path) -> None:
    """The folder itself may be hidden: it is what was asked for."""
    assert found(data) == [(str(data / name), label) for name, label in EXPECTED]
    assert count_inputs([data]) == 3
    assert fingerprints([str(data)])[0]["pictures"] == 3


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
@pytest.mark.parametrize("prefix", ["", "./", "all/"])
def test_in_an_archive(data: Path, suffix: str, prefix: str) -> None:
    path = packed(data, suffix, prefix)
    expected = {(f"{path}:{prefix}{name}", label) for name, label in EXPECTED}
    assert {(name.replace(":./", ":"), label) for name, label in found(path)} == {
        (name.replace(":./", ":"), label) for name, label in expected
    }
    assert count_inputs([path]) == 3


def test_they_are_no_classes_of_a_scan(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = workplace(data.parent, monkeypatch)
    good(capsys, "scan net.onnx .data --layer relu1 --preprocess 0-1 -o run")
    assert ScanReader(here / "run").classes == {"cat": 1, "dog": 1, "ea": 1}


def test_nothing_else_in_a_folder_is_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = workplace(tmp_path, monkeypatch)
    picture(here / "set" / ".ipynb_checkpoints" / "a.png")
    assert_one_line(run(capsys, "explain", "net.onnx", "set", "-o", "out"), "set has no pictures")
    good(capsys, "explain net.onnx set/.ipynb_checkpoints -o out")
