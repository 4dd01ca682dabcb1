"""Scans from Python: the store, records and files of the command line, and what they show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import retrograph
from retrograph.errors import InputError
from retrograph.scanning import ScanReader
from support import nets
from support.cli_case import run, tree, workplace
from support.graphs import Array
from support.scan_case import colour_channels, folder, pixels


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder(tmp_path / "set", pixels(12))
    return workplace(tmp_path, monkeypatch)


def test_the_store_and_the_record_are_those_of_the_command(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = "net.onnx set --layer relu2,scores --labels labels.txt -k 3 --json -o run"
    ran = run(capsys, "scan", *arguments.split())
    scan = retrograph.scan(
        "net.onnx", ["set"], layers=["relu2", "scores"], labels="labels.txt", k=3, out="mine"
    )
    assert Path("mine/scan.sqlite").read_bytes() == Path("run/scan.sqlite").read_bytes()
    record = json.loads(ran.out)
    assert scan.to_dict() == record | {"store": "mine/scan.sqlite"}
    assert repr(scan) == "<Scan relu2, scores, 12 inputs of 3 classes: mine/scan.sqlite>"
    assert scan.top("relu2", 4) == ScanReader("run").top("relu2", 4)


def test_progress_counts_to_the_end(desk: Path) -> None:
    heard: list[tuple[int, int | None]] = []
    retrograph.scan(
        "net.onnx",
        "set",
        layers="relu1",
        batch=5,
        out="run",
        progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(0, 12), (5, 12), (10, 12), (12, 12)]
    retrograph.open_scan("run").patches(
        channels=[0], k=4, progress=lambda done, total: heard.append((done, total))
    )
    assert heard[4:] == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("preprocessing", ["-1-1", retrograph.PRESETS["-1-1"]])
def test_preprocessing_is_a_name_or_an_object(
    preprocessing: retrograph.Preprocessing | str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = "net.onnx set --layer relu1 --preprocess -1-1 -o run"
    ran = run(capsys, "scan", *arguments.split())
    assert ran.code == 0, ran
    retrograph.scan("net.onnx", "set", layers="relu1", preprocessing=preprocessing, out="mine")
    assert Path("mine/scan.sqlite").read_bytes() == Path("run/scan.sqlite").read_bytes()


def test_patches_are_those_of_the_command(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = retrograph.scan("net.onnx", "set", layers=["relu1", "relu2"], k=3, out="run")
    arguments = "--layer relu1 --channels 0-3 -k 2 --method gradient --style heat --json -o out"
    ran = run(capsys, "patches", "run", *arguments.split())
    patches = scan.patches("relu1", range(4), k=2, method="gradient", style="heat")
    assert patches.save("mine") == Path("mine")
    assert tree(Path("mine")) == tree(Path("out"))
    record = json.loads(ran.out)
    assert record.pop("index") == "out/index.html"
    assert record.pop("sheets") == ["out/relu1.0-3.png"]
    assert patches.to_dict() == record
    assert repr(patches) == "<Patches 8 of relu1 by gradient>"
    written = scan.patches("relu1", range(4), k=2, method="gradient", style="heat", out="third")
    assert tree(Path("third")) == tree(Path("out"))
    assert written.to_dict()["sheets"] == ["third/relu1.0-3.png"]


def test_a_model_in_memory(desk: Path) -> None:
    model = onnx.load("net.onnx")
    scan = retrograph.scan(model, "set", layers="relu1", k=2, out="run")
    first = scan.patches(channels=[1])
    assert sum(len(each.patches) for each in first.layers[0].channels) == 2
    with pytest.raises(InputError, match="does not say which file its model is; give model=PATH"):
        retrograph.open_scan("run").patches(channels=[1])
    for again in (
        retrograph.open_scan("run", model=model).patches(channels=[1]),
        retrograph.open_scan("run").patches(channels=[1], model=retrograph.Model(model)),
    ):
        assert again.to_dict() == first.to_dict()
    with pytest.raises(InputError, match="this model is not the model that was scanned"):
        retrograph.open_scan("run").patches(model=nets.vector_net())


def test_the_overview_shows_selectivity(desk: Path) -> None:
    """The longest bar is as long, of its track, as the most selective channel's selectivity."""
    scan = retrograph.scan("net.onnx", "set", layers="relu2", out="run")
    best = scan.selective("relu2")[0]
    filled, track = _longest_bar(np.asarray(scan.image()))
    assert 0 < best.strength < 1
    assert filled / track == pytest.approx(best.strength, abs=1 / track)


def test_the_overview_without_classes_shows_how_rarely_channels_fire(desk: Path) -> None:
    x = -np.ones((8, 3, 8, 8), np.float32)
    x[:2, 0, 3, 3] = 1
    x[:6, 1, 4, 4] = 1
    np.save("x.npy", x)
    scan = retrograph.scan(colour_channels(), "x.npy", layers="scores", out="run")
    filled, track = _longest_bar(np.asarray(scan.image()))
    assert filled / track == pytest.approx(6 / 8, abs=1 / track)
    assert scan.selective("scores") == []


def test_the_overview_of_few_inputs_says_which_drives_a_channel_most(desk: Path) -> None:
    """Where all channels fire in all inputs: by how much the others stay below the strongest."""
    x = np.ones((3, 3, 8, 8), np.float32)
    x[2, 0], x[1, 1] = 4, 2
    np.save("x.npy", x)
    scan = retrograph.scan(colour_channels(), "x.npy", layers="scores", out="run")
    assert all(each.fires == 1 for each in scan.channels("scores"))
    filled, track = _longest_bar(np.asarray(scan.image()))
    assert filled / track == pytest.approx(3 / 4, abs=1 / track)


def _longest_bar(page: Array) -> tuple[int, int]:
    """The longest run of blue and its track in the right half, where the bars are."""
    blue = (page == (58, 104, 174)).all(axis=-1)
    ground = (page == (236, 237, 241)).all(axis=-1)
    half = slice(page.shape[1] * 2 // 5, None)
    row = blue[:, half].sum(axis=1).argmax()
    filled = int(blue[row, half].sum())
    return filled, filled + int(ground[row, half].sum())


def test_arrays_hold_what_the_records_say(desk: Path) -> None:
    scan = retrograph.scan("net.onnx", "set", layers="relu1", channels=[1, 4], k=20, out="run")
    with np.load(scan.save("scan.npz")) as data:
        assert data["relu1/channel"].tolist() == [1, 4]
        fires = [each.fires for each in scan.channels("relu1")]
        assert data["relu1/fires"].tolist() == fires
        top = scan.top("relu1", 4)
        assert data["relu1/activation"][1, :12].tolist() == [unit.activation for unit in top]
        assert data["relu1/picture"][1].tolist() == [u.picture for u in top] + [-1] * 8
        assert data["relu1/unit"][1, 3].tolist() == list(top[3].index)
        assert np.isnan(data["relu1/activation"][:, 12:]).all()


def test_results_are_saved_by_suffix(desk: Path) -> None:
    scan = retrograph.scan("net.onnx", "set", layers="relu1", k=2, out="run")
    patches = scan.patches(channels=[0, 2])
    assert json.loads(scan.save("scan.json").read_text()) == scan.to_dict()
    assert json.loads(patches.save("patches.json").read_text()) == patches.to_dict()
    for result in (scan, patches):
        with Image.open(result.save(f"{type(result).__name__}.png")) as image:
            np.testing.assert_array_equal(np.asarray(image), np.asarray(result.image()))
    with np.load(patches.save("patches.npz")) as data:
        assert data["relu1/patch"].shape == (4, 3, 3, 3)
        assert data["relu1/channel"].tolist() == [0, 0, 2, 2]
        assert data["relu1/rank"].tolist() == [1, 2, 1, 2]
        for row, unit in enumerate([*scan.top("relu1", 0), *scan.top("relu1", 2)]):
            assert data["relu1/activation"][row] == unit.activation
            assert data["relu1/unit"][row].tolist() == list(unit.index)
    patches.save("folder/")
    with pytest.raises(InputError, match=r"index\.html exists; give force=True"):
        patches.save("folder/")
    patches.save("folder/", force=True)


def test_mistakes(desk: Path) -> None:
    with pytest.raises(InputError, match="no layer 'relu9'"):
        retrograph.scan("net.onnx", "set", layers="relu9", out="run")
    with pytest.raises(InputError, match="no layer is named; name one at least in layers"):
        retrograph.scan("net.onnx", "set", layers=[], out="run")
    with pytest.raises(InputError, match="no channel is named; leave channels out"):
        retrograph.scan("net.onnx", "set", layers="relu1", channels=[], out="run")
    with pytest.raises(InputError, match="batch is 0; give a whole number from 1"):
        retrograph.scan("net.onnx", "set", layers="relu1", batch=0, out="run")
    assert not Path("run").exists()
    with pytest.raises(InputError, match=r"run.*does not exist"):
        retrograph.open_scan("run")
    scan = retrograph.scan("net.onnx", "set", layers="relu1", out="run")
    with pytest.raises(InputError, match=r'give style="heat" to patches\(\)'):
        scan.image(style="heat")
    for wrong, message in (
        ({"k": 0}, "k is 0"),
        ({"channels": []}, "no channel is named; leave channels out"),
        ({"layers": []}, "no layer is named; leave layers out"),
        ({"channels": [7]}, "'relu1' has no channel 7; its channels are those from 0 to 5"),
        ({"style": "bright"}, "unknown style 'bright'"),
        ({"method": "gided"}, "unknown method 'gided'"),
        ({"out": "dog.png"}, r"dog\.png is a file"),
    ):
        with pytest.raises(InputError, match=message):
            scan.patches(**wrong)
    with pytest.raises(InputError, match=r'give style="signed" to patches\(\)'):
        scan.patches(channels=[0], k=1).image(style="signed")
