"""What classes do to channels, where a comparison falls exactly on its bound."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image

from retrograph.scanning import ScanReader
from support import nets
from support.cli_case import run, workplace
from support.scan_case import colour_channels

SCAN = "scan net.onnx set --layer scores --preprocess 0-1 -o run"

Colour = tuple[int, int, int]


def scanned(
    desk: Path, capsys: pytest.CaptureFixture[str], classes: Mapping[str, Sequence[Colour]]
) -> list[str]:
    """Scan pictures of one colour each, by class; returns the printed lines."""
    nets.save(colour_channels(), desk / "net.onnx")
    for name, colours in classes.items():
        for number, colour in enumerate(colours):
            file = desk / "set" / name / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), colour).save(file)
    ran = run(capsys, *SCAN.split())
    assert (ran.code, ran.err) == (0, "")
    return ran.out.splitlines()


def row(lines: Sequence[str]) -> list[str]:
    """The cells of the printed layer."""
    return next(line.split() for line in lines[1:] if line.startswith("scores"))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def test_half_of_the_classes_are_not_most(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = scanned(
        desk,
        capsys,
        {"a": [(255, 51, 0)], "b": [(255, 51, 0)], "c": [(255, 0, 51)], "d": [(0, 0, 0)]},
    )
    scan = ScanReader("run")
    assert {each.channel: each.classes for each in scan.preferred("scores")} == {0: 3, 1: 2, 2: 1}
    assert scan.driven_by_most("scores") == [0]
    assert row(lines) == ["scores", "3", "0", "1", "1x1", "/", "1"]
    record = json.loads(run(capsys, *SCAN.split(), "--json").out)
    assert record["layers"][0]["driven_by_most"] == [0]


def test_a_class_that_fires_in_half_of_its_pictures_does_not_drive(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scanned(
        desk,
        capsys,
        {"a": [(255, 51, 0)] * 2 + [(255, 0, 0)] * 2, "b": [(0, 51, 51)] * 3 + [(0, 51, 0)]},
    )
    driven = {each.channel: each.classes for each in ScanReader("run").preferred("scores")}
    assert driven == {0: 1, 1: 1, 2: 1}


def test_a_channel_that_all_classes_drive_alike_is_not_selective(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = scanned(desk, capsys, {"a": [(255, 51, 0)], "b": [(51, 51, 0)]})
    scan = ScanReader("run")
    (only,) = scan.selective("scores")
    assert (only.channel, only.class_name, only.fires, only.classes) == (0, "a", 1, 2)
    assert only.strength == pytest.approx((255 - 51) / (255 + 51))
    assert lines[-1].split() == ["0", "a", "0.67", "1", "100%", "2", "of", "2"]


def test_two_classes_are_compared_and_one_is_not(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = scanned(desk, capsys, {"a": [(255, 51, 0)]})
    scan = ScanReader("run")
    assert scan.classes == {"a": 1}
    assert (scan.selective("scores"), scan.driven_by_most("scores")) == ([], [])
    assert row(lines) == ["scores", "3", "1", "1x1", "/", "1"]
    assert lines[-1].startswith("scores")
