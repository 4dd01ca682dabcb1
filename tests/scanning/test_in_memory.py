"""Scans of pictures and arrays in memory: as those of their files, but for names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import retrograph
from retrograph.errors import InputError
from support import nets
from support.cli_case import assert_one_line, run, tree, workplace
from support.graphs import Array, noise
from support.scan_case import pixels

PIXELS = pixels(7)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    np.save(tmp_path / "x.npy", noise(5, 3, 8, 8))
    np.save(tmp_path / "bytes.npy", PIXELS)
    for number, each in enumerate(PIXELS):
        Image.fromarray(each).save(tmp_path / f"{number}.png")
    return workplace(tmp_path, monkeypatch)


CASES: dict[str, tuple[Callable[[], Any], list[str], list[str]]] = {
    "floats": (lambda: np.load("x.npy"), ["x.npy"], [f"input[0][{i}]" for i in range(5)]),
    "bytes": (lambda: PIXELS, ["bytes.npy"], [f"input[0][{i}]" for i in range(7)]),
    "pictures": (
        lambda: [Image.fromarray(each) for each in PIXELS],
        [f"{i}.png" for i in range(7)],
        [f"input[{i}]" for i in range(7)],
    ),
    "some of each": (
        lambda: ["0.png", Image.fromarray(PIXELS[1]), np.load("x.npy")[0], "2.png"],
        ["0.png", "1.png", "x.npy", "2.png"],
        ["0.png", "input[1]", "input[2]", "2.png"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_in_memory_is_scanned_as_its_files_are(case: str, desk: Path) -> None:
    make, files, names = CASES[case]
    if case == "some of each":
        np.save("x.npy", np.load("x.npy")[:1])
    heard: list[tuple[int, int | None]] = []
    values = make()
    scan = retrograph.scan(
        "net.onnx",
        values,
        layers=["relu1", "scores"],
        k=4,
        out="mine",
        progress=lambda done, total: heard.append((done, total)),
    )
    of_files = retrograph.scan("net.onnx", files, layers=["relu1", "scores"], k=4, out="files")
    assert heard[-1] == (len(names), len(names))
    for layer in ("relu1", "scores"):
        assert scan.channels(layer) == of_files.channels(layer)
        for channel in scan.layer(layer).channels:
            units = scan.top(layer, channel)
            assert [unit.name for unit in units] == [names[unit.picture] for unit in units]
            counted = [(u.picture, u.index, u.activation) for u in of_files.top(layer, channel)]
            assert [(u.picture, u.index, u.activation) for u in units] == counted
    scan.patches(out="patches")
    of_files.patches(out="others")
    mine, others = tree(Path("patches")), tree(Path("others"))
    assert mine.keys() == others.keys()
    assert {name for name in mine if mine[name] != others[name]} <= {"index.html"}
    assert retrograph.open_scan("mine", inputs=values).patches().missing == {}


def test_a_scan_of_memory_is_known_again(desk: Path) -> None:
    x = np.load("x.npy")
    first = retrograph.scan("net.onnx", x, layers="relu1", out="run")
    before = first.path.stat().st_mtime_ns
    assert retrograph.scan("net.onnx", x.copy(), layers="relu1", out="run").path == first.path
    assert first.path.stat().st_mtime_ns == before
    for other in (x[:4], x + 1, x.astype(np.float64)):
        with pytest.raises(InputError, match="other inputs"):
            retrograph.scan("net.onnx", other, layers="relu1", out="run")


def test_what_was_in_memory_has_to_be_given_again(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.load("x.npy")
    retrograph.scan("net.onnx", ["0.png", x], layers="relu1", out="run")
    with pytest.raises(InputError, match=r"in memory, such as input\[1\]; open it in Python, by"):
        retrograph.open_scan("run").patches()
    assert_one_line(run(capsys, *["patches", "run", "-o", "out"]), "in memory, such as input[1]")
    assert not Path("out").exists()
    again = retrograph.open_scan("run", inputs=["0.png", 2 * x]).patches(channels=[0])
    assert again.missing == {}
    assert {name.partition("][")[0] for name in again.changed} == {"input[1"}


def test_bad_arrays_are_problems(desk: Path) -> None:
    x = np.load("x.npy")
    broken = x.copy()
    broken[2, 0, 0, 0] = np.nan
    scan = retrograph.scan("net.onnx", [broken, x[:, :2]], layers="relu1", out="run")
    assert scan.run["pictures"] == {"good": 4, "bad": 2}
    assert [name for name, _ in scan.problems] == ["input[0][2]", "input[1]"]
    with pytest.raises(InputError, match=r"input\[0\]"):
        retrograph.scan("net.onnx", x[:, :2], layers="relu1", out="none")


def test_arrays_of_several_inputs(desk: Path) -> None:
    model = nets.two_input_net()
    values: list[dict[str, Array]] = [
        {"x": noise(2, 5, seed=i), "state": noise(2, 6, seed=i + 10), "sr": np.array(3)}
        for i in range(3)
    ]
    for number, each in enumerate(values):
        np.savez(f"{number}.npz", **each)
    scan = retrograph.scan(model, values, layers="add1", k=4, out="mine")
    files = [f"{number}.npz" for number in range(3)]
    of_files = retrograph.scan(model, files, layers="add1", k=4, out="files")
    assert scan.channels(scan.layers[0].alias) == of_files.channels(scan.layers[0].alias)
    patches = scan.patches()
    assert (patches.missing, patches.changed) == ({}, {})
    assert patches.to_dict()["layers"] == of_files.patches().to_dict()["layers"]
