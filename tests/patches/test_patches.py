"""`retrograph patches`: what is drawn against NumPy, the files, and every mistake."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrograph.render import signed
from retrograph.scanning import ScanReader
from support import nets
from support.cli_case import Ran, assert_one_line, opened, refused, run, workplace
from support.graphs import Array, noise
from support.scan_case import folder, pixels

GREY = 128


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder(tmp_path / "set", pixels(12))
    return workplace(tmp_path, monkeypatch)


def scanned(capsys: pytest.CaptureFixture[str], arguments: str) -> ScanReader:
    ran = run(capsys, "scan", *arguments.split(), "-o", "run")
    assert ran.code == 0, ran
    return ScanReader("run")


def patches(capsys: pytest.CaptureFixture[str], arguments: str = "") -> Ran:
    return run(capsys, "patches", "run", *arguments.split(), "-o", "out")


def page() -> dict[str, Any]:
    """What the page of the output holds."""
    text = Path("out/index.html").read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def tiles(layer: dict[str, Any], channel: int) -> list[tuple[Array, Array]]:
    """The patches of a channel, each with its attribution, as pixels."""
    found = next(each for each in layer["channels"] if each["number"] == channel)
    width, height = layer["tile"]
    strip = np.asarray(opened(Path("out", found["thumb"])))
    assert strip.shape == (2 * height, width * len(found["units"]), 3)
    columns = [strip[:, i * width : (i + 1) * width] for i in range(len(found["units"]))]
    return [(column[:height], column[height:]) for column in columns]


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
        np.testing.assert_array_equal(attribution[0, ::18], signed(own[np.newaxis, np.newaxis])[0])


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
    np.testing.assert_array_equal(patch, signed(x[unit.picture, :, start : start + 5][np.newaxis]))
    np.testing.assert_array_equal(attribution, signed(w[1][np.newaxis]))
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
