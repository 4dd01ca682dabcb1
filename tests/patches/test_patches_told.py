"""`retrograph patches` where pictures are gone or have changed, and every mistake."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import nets
from support.cli_case import assert_one_line, refused, run, workplace
from support.patches_case import page, patches, scanned
from support.scan_case import folder, pixels


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder(tmp_path / "set", pixels(12))
    return workplace(tmp_path, monkeypatch)


def test_a_picture_that_is_gone_is_told_and_the_rest_goes_on(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = scanned(capsys, "net.onnx set --layer relu1")
    before = {u.name for c in range(6) for u in scan.top("relu1", c) if u.activation}
    gone = sorted(before)[:2]
    Path(gone[0]).unlink()
    Path(gone[1]).write_bytes(b"x")
    ran = patches(capsys)
    assert ran.code == 2
    assert ran.err.count("\n") == 2
    assert all(f"{name} is left out: " in ran.err for name in gone)
    names = {u["name"] for c in page()["layers"][0]["channels"] for u in c["units"]}
    assert names == before - set(gone)


def test_a_picture_that_has_changed_is_told(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = scanned(capsys, "net.onnx set --layer relu1 --channels 0")
    name = scan.top("relu1", 0)[0].name
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(name)
    ran = patches(capsys, "--json")
    assert ran.code == 0
    assert "other activations than in the scan for 1 " in ran.err
    assert list(json.loads(ran.out)["changed"]) == [name]


def test_a_model_that_has_moved(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scanned(capsys, "net.onnx set --layer relu1")
    Path("net.onnx").rename("moved.onnx")
    refused(capsys, desk, "patches run -o out", "net.onnx, is not there", "--model PATH")
    nets.save(nets.cnn(size=9), desk / "other.onnx")
    refused(capsys, desk, "patches run --model other.onnx -o out", "other.onnx", "SHA-256")
    assert patches(capsys, "--model moved.onnx").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("patches nowhere -o out", ("nowhere", "retrograph scan")),
        ("patches net.onnx -o out", ("net.onnx", "no scan")),
        ("patches run --layer relu9 -o out", ("'relu9' was not scanned", "relu1")),
        ("patches run --channels 3-7 -o out", ("channel 6", "from 0 to 5")),
        ("patches run --channels x -o out", ("'x' is no channel",)),
        ("patches run -k 0 -o out", ("no whole number from 1",)),
        ("patches run --method gided -o out", ("did you mean 'guided'",)),
        ("patches run --method guided,gradient -o out", ("one name",)),
        ("patches run -o dog.png", ("dog.png is a file",)),
        ("patches run", ("-o/--output", "--help")),
    ],
)
def test_mistakes(
    desk: Path, capsys: pytest.CaptureFixture[str], arguments: str, words: tuple[str, ...]
) -> None:
    scanned(capsys, "net.onnx set --layer relu1")
    ran = run(capsys, *arguments.split())
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    for word in words:
        assert word in ran.err
    assert not Path("out").exists()


def test_nothing_is_replaced_without_force(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scanned(capsys, "net.onnx set --layer relu1")
    assert patches(capsys).code == 0
    refused(capsys, desk, "patches run -o out", "out/index.html exists", "--force")
    Path("out/index.html").unlink()
    refused(capsys, desk, "patches run -o out", "relu1.0-5.png exists", "--force")
    assert patches(capsys, "--force").code == 0


def test_all_pictures_gone(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scanned(capsys, "net.onnx set --layer relu1")
    shutil.rmtree("set")
    assert_one_line(patches(capsys), "none of the", "set/", "scan anew")
    assert not Path("out").exists()


@pytest.mark.parametrize(("factor", "is_told"), [(1.01, False), (1.1, True), (0.9, True)])
def test_how_much_an_activation_may_differ(
    desk: Path, capsys: pytest.CaptureFixture[str], factor: float, *, is_told: bool
) -> None:
    """The unit of an input that is handed on is the input's own greatest number."""
    model = nets.model(
        [nets.node("Relu", "x", "y")], [nets.info("x", ["N", 5])], [nets.info("y", ["N", 5])]
    )
    nets.save(model, desk / "net.onnx")
    x = np.array([[1, 2, 3, 4, 5]], np.float32)
    np.save(desk / "x.npy", x)
    scanned(capsys, "net.onnx x.npy --layer scores --channels 3")
    np.save(desk / "x.npy", np.float32(factor) * x)
    ran = patches(capsys, "--json --method gradient")
    assert ran.code == 0
    changed = json.loads(ran.out)["changed"]
    told = f"scores {4 * factor:.4g}, in the scan 4"
    assert changed == ({"x.npy": told} if is_told else {})


@pytest.mark.parametrize(("gone", "more"), [(20, ""), (22, "2 more are left out")])
def test_of_many_pictures_that_are_gone_some_are_told(
    desk: Path, capsys: pytest.CaptureFixture[str], gone: int, more: str
) -> None:
    shutil.rmtree("set")
    folder(desk / "set", pixels(24))
    scan = scanned(capsys, "net.onnx set --layer scores -k 24 --channels 3")
    names = [unit.name for unit in scan.top("scores", 3) if unit.activation != 0]
    assert len(names) == 24
    for name in names[:gone]:
        Path(name).unlink()
    ran = patches(capsys, "--json")
    lines = ran.err.splitlines()
    lines = [line for line in lines if "left out" in line]
    assert (ran.code, len(lines)) == (2, 21 if more else 20)
    assert more in lines[-1]
    assert set(json.loads(ran.out)["missing"]) == set(names[:gone])


def test_more_patches_than_the_scan_kept(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scanned(capsys, "net.onnx set --layer relu1 -k 2")
    few, many = (patches(capsys, f"-k {k} --json --force") for k in (2, 5))
    note = "the scan kept 2 inputs a channel; for more scan with -k 5"
    assert note in many.err
    assert note not in few.err
    notes = json.loads(many.out)["notes"]
    assert notes == [*json.loads(few.out)["notes"], note.partition(";")[0]]
    assert page()["notes"] == notes
