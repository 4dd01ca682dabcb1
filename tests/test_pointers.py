"""Files that a clone without Git LFS leaves in the place of the real ones are named as such."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import onnx
import pytest

from retrograph.errors import InputError
from retrograph.pointers import refuse_pointer
from support import nets
from support.cli_case import assert_one_line, picture, run, workplace

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4" * 64 + b"\nsize 98765\n"
ANNEX = b"/annex/objects/SHA256E-s98765--" + b"4" * 64 + b".png\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def test_what_is_longer_is_no_pointer() -> None:
    refuse_pointer("notes.txt", LFS + b"x" * 1024)
    refuse_pointer("notes.txt", b"the version https://git-lfs.github.com/spec/v1 is read")
    with pytest.raises(InputError, match="git annex get"):
        refuse_pointer("dog.png", ANNEX)


@pytest.mark.parametrize("command", ["layers", "check", "build", "explain", "maximize"])
def test_a_model(here: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    (here / "net.onnx").write_bytes(LFS)
    more = {"build": ["-o", "out.onnx"], "explain": ["dog.png"]}.get(command, [])
    ran = run(capsys, command, "net.onnx", *more)
    assert_one_line(ran, "net.onnx is a Git LFS pointer", "git lfs pull")


def test_weights_beside_a_model(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beside = {"save_as_external_data": True, "location": "big.data", "size_threshold": 0}
    onnx.save_model(nets.cnn(), "big.onnx", **beside)
    (here / "big.data").write_bytes(LFS)
    assert_one_line(run(capsys, "layers", "big.onnx"), "big.data is a Git LFS pointer")


@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.npy", "a.npz", "a.csv", "a.zip", "a.tar.gz", "a.fa", "a.fa.gz"]
)
def test_an_input(here: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (here / name).write_bytes(LFS)
    ran = run(capsys, "explain", "net.onnx", name, "-o", "out")
    assert_one_line(ran, f"{name} is a Git LFS pointer")


def test_pictures_in_a_folder_and_in_archives(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(here / "set" / "a.png")
    (here / "set" / "b.png").write_bytes(LFS)
    with zipfile.ZipFile("set.zip", "w") as zipped:
        zipped.write("set/b.png")
    with tarfile.open("set.tar", "w") as tarred:
        tarred.add("set/b.png")
    for source, name in (("set", "set/b.png"), ("set.zip", "zip:set/b.png"), ("set.tar", ".png")):
        ran = run(capsys, "explain", "net.onnx", source, "-o", f"{source}-out/")
        assert_one_line(ran, f"{name} is a Git LFS pointer")


def test_a_scan(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "run").mkdir()
    (here / "run" / "scan.sqlite").write_bytes(LFS)
    assert_one_line(run(capsys, "patches", "run", "-o", "out"), "scan.sqlite is a Git LFS pointer")


def test_the_arrays_of_several_inputs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(nets.two_input_net(), here / "two.onnx")
    (here / "both.npz").write_bytes(LFS)
    assert_one_line(run(capsys, "explain", "two.onnx", "both.npz", "-o", "out"), "git lfs pull")
