"""`retrograph patches`: what is drawn against NumPy, and the page."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrograph.render import STYLES, signed
from retrograph.scanning import ScanReader
from support import nets
from support.cli_case import opened, refused, workplace
from support.graphs import Array, noise
from support.patches_case import page, patches, scanned, tiles
from support.scan_case import folder, pixels

GREY = 128

in_colours = STYLES["red-blue"].draw


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder(tmp_path / "set", pixels(12))
    return workplace(tmp_path, monkeypatch)


def assert_conv1(scan: ScanReader, weights: Array) -> None:
    """Patches of a 3x3 convolution, padded by 1, against crops and its own weights."""
    (layer,) = page()["layers"]
    assert layer["tile"] == [3, 3]
    for row in layer["channels"]:
        units = [unit for unit in scan.top("relu1", row["number"]) if unit.activation != 0]
        assert [unit["name"] for unit in row["units"]] == [unit.name for unit in units]
        if not units:
            assert row["thumb"] is None
            continue
        for unit, (patch, attribution) in zip(units, tiles(layer, row["number"]), strict=True):
            place = [i for a, i in enumerate(unit.index) if a != layer["channelAxis"]]
            window = tuple(slice(i, i + 3) for i in place)
            picture = np.pad(
                np.asarray(opened(unit.name)), ((1, 1), (1, 1), (0, 0)), constant_values=GREY
            )
            np.testing.assert_array_equal(patch, picture[window])
            outside = np.pad(np.ones((8, 8)), 1)[window]
            np.testing.assert_array_equal(attribution, signed(weights[row["number"]] * outside))


def test_patches_are_crops_over_the_gradient(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the unit of a convolution that is its filter, where it lies inside."""
    scan = scanned(capsys, "net.onnx set --layer relu1")
    ran = patches(capsys, "--method gradient")
    assert (ran.code, ran.err) == (0, "")
    assert_conv1(scan, nets.cnn_parts()[1]["w1"])
    assert {path.name for path in Path("out").iterdir()} == {
        "index.html",
        "relu1.0-5.png",
        "thumbs",
    }


@pytest.mark.parametrize("batch", [1, 4])
def test_a_fixed_batch(desk: Path, capsys: pytest.CaptureFixture[str], batch: int) -> None:
    nets.save(nets.cnn(batch=batch), desk / "net.onnx")
    scan = scanned(capsys, "net.onnx set --layer relu1 -k 5")
    assert patches(capsys, "--method gradient").code == 0
    assert_conv1(scan, nets.cnn_parts()[1]["w1"])


def test_channels_last(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(nets.nhwc_cnn(), desk / "net.onnx")
    scan = scanned(capsys, "net.onnx set --layer relu1")
    assert patches(capsys, "--method gradient").code == 0
    assert_conv1(scan, nets.cnn_parts()[1]["w1"])


def test_an_open_size_and_pictures_of_several(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nets.save(nets.cnn(size="s"), desk / "net.onnx")
    folder(desk / "wide", pixels(4, size=11, seed=1))
    scanned(capsys, "net.onnx set wide --layer relu1,scores --batch 5")
    assert patches(capsys).code == 0
    near, far = page()["layers"]
    assert near["tile"] == [3, 3]
    assert far["tile"] == [11, 11]


def test_grey_pictures(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(nets.cnn(channels=1), desk / "net.onnx")
    scanned(capsys, "net.onnx set --layer relu2")
    assert patches(capsys).code == 0
    (layer,) = page()["layers"]
    assert layer["tile"] == [8, 8]
    grey = np.ptp(np.stack([tile for pair in tiles(layer, 0) for tile in pair]), axis=-1)
    assert not grey.any()


def test_a_layer_without_positions_shows_whole_pictures(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = scanned(capsys, "net.onnx set --layer scores --labels labels.txt -k 2")
    assert patches(capsys, "--channels 1").code == 0
    (layer,) = page()["layers"]
    assert layer["channels"][0]["name"] == "1 red dog"
    for unit, (patch, _) in zip(scan.top("scores", 1), tiles(layer, 1), strict=True):
        np.testing.assert_array_equal(patch, np.asarray(opened(unit.name)))


def test_sequences_of_letters(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(nets.sequence_net(), desk / "net.onnx")
    (desk / "x.fa").write_text(">a\nACGTACGTACGTACGTACGT\n>b\nTTTTGGGGCCCCAAAATTTT\n")
    scan = scanned(capsys, "net.onnx x.fa --layer relu1 --alphabet dna")
    assert patches(capsys, "--method gradient").code == 0
    data = page()
    (layer,) = data["layers"]
    assert (data["things"], layer["tile"]) == ("sequences", [5 * 18, 26])
    texts, w = {"a": "ACGT" * 5, "b": "TTTTGGGGCCCCAAAATTTT"}, nets.weights(3, 4, 5)
    for unit, (_, attribution) in zip(scan.top("relu1", 1), tiles(layer, 1), strict=True):
        letters = texts[unit.name.removeprefix("x.fa:")][unit.index[1] :][:5]
        own = np.array([w[1, "ACGT".index(letter), i] for i, letter in enumerate(letters)])
        np.testing.assert_array_equal(
            attribution[0, ::18], in_colours(own[np.newaxis, np.newaxis])[0]
        )


def test_sequences_without_letters_and_vectors(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nets.save(nets.sequence_net(), desk / "net.onnx")
    np.save(desk / "x.npy", noise(3, 4, 20))
    scan = scanned(capsys, "net.onnx x.npy --layer relu1")
    assert patches(capsys, "--method gradient").code == 0
    (layer,) = page()["layers"]
    assert layer["tile"] == [5, 4]
    x, w = np.load("x.npy"), nets.weights(3, 4, 5)
    unit, (patch, attribution) = scan.top("relu1", 1)[0], tiles(layer, 1)[0]
    start = unit.index[1]
    seen = signed(x[unit.picture, :, start : start + 5][np.newaxis], percentile=100)
    np.testing.assert_array_equal(patch, seen)
    np.testing.assert_array_equal(attribution, in_colours(w[1][np.newaxis]))
    shutil.rmtree("out")
    shutil.rmtree("run")
    nets.save(nets.vector_net(), desk / "net.onnx")
    np.save(desk / "x.npy", noise(3, 5))
    scanned(capsys, "net.onnx x.npy --layer relu1")
    assert patches(capsys).code == 0
    assert page()["layers"][0]["sees"] == "all of the input"


def test_a_model_of_several_inputs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(nets.two_input_net(), desk / "net.onnx")
    arrays = {"x": noise(3, 5), "state": noise(3, 6), "sr": np.array(2)}
    np.savez(desk / "a.npz", **arrays)
    np.savez(desk / "b.npz", **{**arrays, "x": noise(3, 5, seed=1)})
    scan = scanned(capsys, "net.onnx a.npz b.npz --layer scores")
    ran = patches(capsys, "--json --method gradient")
    assert ran.code == 0, ran
    record = json.loads(ran.out)
    assert record["missing"] == record["changed"] == {}
    (layer,) = record["layers"]
    assert layer["patches"] == sum(len(scan.top("scores", c)) for c in range(6)) == 36


def test_volumes_are_refused(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(nets.volume_net(), desk / "net.onnx")
    np.save(desk / "x.npy", noise(3, 2, 4, 4, 4))
    scanned(capsys, "net.onnx x.npy --layer relu1")
    refused(capsys, desk, "patches run -o out", "volumes", "explain")


def test_k_channels_and_layers(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scanned(capsys, "net.onnx set --layer relu1,relu2 -k 4")
    ran = patches(capsys, "-k 2 --channels 1,5 --json")
    record = json.loads(ran.out)
    assert [layer["channels"] for layer in record["layers"]] == [[1, 5], [1]]
    assert all(len(c["units"]) <= 2 for layer in page()["layers"] for c in layer["channels"])
    shutil.rmtree("out")
    assert patches(capsys, "-k 99 --layer relu2").code == 0
    assert max(len(c["units"]) for c in page()["layers"][0]["channels"]) == 4


def test_what_the_page_says_is_what_the_scan_counted(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = scanned(capsys, "net.onnx set --layer relu2")
    assert patches(capsys).code == 0
    data = page()
    assert (data["count"], data["classes"], data["method"]) == (12, 3, "guided")
    preferred = {each.channel: each for each in scan.preferred("relu2")}
    for shown, counted in zip(data["layers"][0]["channels"], scan.channels("relu2"), strict=True):
        assert shown["number"] == counted.channel
        assert shown["fires"] == counted.fires
        assert shown["bins"]["counts"] == list(counted.counts)
        assert shown["selectivity"] == preferred[counted.channel].strength
        assert shown["peak"] == scan.top("relu2", counted.channel)[0].activation
        means = [mean for _, mean, _ in shown["classes"]]
        assert len(means) == 3
        assert means == sorted(means, reverse=True)
        assert means[0] == preferred[counted.channel].mean_peak


class References(HTMLParser):
    """Everything in a page that makes a browser fetch something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loading = {"src", "href", "srcset", "data", "action", "poster", "background"}
        self.found += [f"{tag} {name}={value}" for name, value in attrs if name in loading]


def test_the_page_needs_nothing_but_its_pictures(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scanned(capsys, "net.onnx set --layer relu1")
    assert patches(capsys).code == 0
    text = Path("out/index.html").read_text(encoding="utf-8")
    assert References(text).found == []
    assert not re.search(r"https?:|//[a-z]+\.|@import|fetch\(|XMLHttpRequest|import\(", text)
    assert "default-src 'none'" in text
    assert text.count("{{") == 0
    for channel in page()["layers"][0]["channels"]:
        if channel["thumb"]:
            assert Path("out", channel["thumb"]).is_file()
            assert not Path(channel["thumb"]).is_absolute()


def test_no_name_ends_the_pages_script(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = desk / "evil"
    evil.mkdir()
    Image.fromarray(pixels(1)[0]).save(evil / "<!--<script>&quot;.png")
    scanned(capsys, "net.onnx evil --layer relu1")
    assert patches(capsys).code == 0
    text = Path("out/index.html").read_text(encoding="utf-8")
    assert text.count("<script") == 2
    assert "<!--" not in text
    names = {u["name"] for c in page()["layers"][0]["channels"] for u in c["units"]}
    assert names == {"evil/<!--<script>&quot;.png"}


def test_a_sheet_holds_the_patches(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each patch enlarged by a whole factor, somewhere on the page."""
    scanned(capsys, "net.onnx set --layer relu1 --channels 0 -k 3")
    assert patches(capsys).code == 0
    sheet = np.asarray(opened("out/relu1.0.png")).astype(np.int64)
    (layer,) = page()["layers"]
    for pair in tiles(layer, 0):
        for tile in pair:
            large = tile.repeat(32, axis=0).repeat(32, axis=1)
            assert found_in(sheet, large)


def found_in(page: Array, part: Array) -> bool:
    corners = np.argwhere((page[: -part.shape[0], : -part.shape[1]] == part[0, 0]).all(axis=-1))
    return any(
        np.array_equal(page[y : y + part.shape[0], x : x + part.shape[1]], part) for y, x in corners
    )


def test_a_dead_channel_has_no_patches(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes, constants = nets.cnn_parts()
    constants["w1"][2], constants["b1"][2] = 0, -1
    net = nets.model(
        nodes, [nets.info("x", ["N", 3, 8, 8])], [nets.info("scores_out", ["N", 4])], constants
    )
    nets.save(net, desk / "net.onnx")
    scanned(capsys, "net.onnx set --layer relu1 --channels 2")
    assert patches(capsys).code == 0
    (channel,) = page()["layers"][0]["channels"]
    assert (channel["units"], channel["thumb"], channel["fires"]) == ([], None, 0)
