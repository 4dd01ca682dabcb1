"""Units of layers [N, *S, C]: chosen, named and explained by the axis that counts channels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import retrograph
from retrograph.model import Model
from support.cli_case import run
from support.graphs import noise, parse, runner
from support.scan_case import all_activations

NET = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 7, 6, 3] x) => (float[N, 4] y)
<float[5, 3, 3, 3] w, float[5] s, float[5, 8] u, float[8, 4] v>
{
    t = Transpose <perm = [0, 3, 1, 2]> (x)
    c = Conv <pads = [1, 1, 1, 1]> (t, w)
    a = Transpose <perm = [0, 2, 3, 1]> (c)
    m = Mul (s, a)
    h = HardSwish (m)
    l = LayerNormalization <axis = -1> (h, s)
    d = MatMul (l, u)
    r = Relu (d)
    p = ReduceMean <axes = [1, 2], keepdims = 0> (r)
    y = MatMul (p, v)
}
"""
SCORES_WITHIN = NET.replace("keepdims = 0", "keepdims = 1").replace("[N, 4] y", "[N, 1, 1, 4] y")
TILES = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 2, 12] x) => (float[N, 4] y)
<float[5, 2, 3] w, float[5, 4] v, int64[3] four = {0, 5, -1}, int64[4] part = {0, 5, 2, 5}>
{
    c = Conv (x, w)
    a = Reshape (c, part)
    t = Transpose <perm = [0, 2, 3, 1]> (a)
    r = Relu (t)
    b = Transpose <perm = [0, 3, 1, 2]> (r)
    g = Reshape (b, four)
    p = ReduceMean <axes = [2], keepdims = 0> (g)
    y = MatMul (p, v)
}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    onnx.save(parse(NET), "net.onnx")
    onnx.save(parse(SCORES_WITHIN), "within.onnx")
    np.save("x.npy", noise(7, 6, 3))
    Path("labels.txt").write_text("ant\nbee\ncat\ndog\n")
    return tmp_path


@pytest.mark.parametrize("layer", ["a", "m", "h", "l", "d", "r"])
def test_a_channel_is_one_of_the_last_axis(layer: str) -> None:
    model, x = parse(NET), noise(2, 7, 6, 3)
    values = all_activations(model, layer, x)
    built = retrograph.build(model, method="gradient", layer=layer, select="channel")
    contract = Model(built).contract
    assert contract is not None
    assert contract.channel_axis == 2
    found = runner(built)(x=x, select=np.full((2, 1), 3))
    for n in range(2):
        y, x0 = np.unravel_index(values[n, ..., 3].argmax(), (7, 6))
        assert found["unit"][n].tolist() == [y, x0, 3]
        assert found["score"][n] == pytest.approx(values[n, y, x0, 3], rel=1e-5)


def test_axes_that_are_parted_are_positions() -> None:
    built = retrograph.build(parse(TILES), method="gradient", layer="r", select="channel")
    contract = Model(built).contract
    assert contract is not None
    assert (contract.shape, contract.channel_axis) == ((2, 5, 5), 2)


def test_names_in_text_and_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--layer", "r", "--method", "gradient", "-o", "out", "--force")
    ran = run(capsys, "explain", "net.onnx", "x.npy", "--unit", "1,2,7", *options)
    assert "channel 7 at row 1, column 2" in ran.out
    values = all_activations(parse(NET), "r", noise(7, 6, 3)[None])[0]
    ran = run(capsys, "explain", "net.onnx", "x.npy", "--top", "3", "--json", *options)
    units = json.loads(ran.out)["explained"][0]["units"]
    order = np.argsort(-values.max(axis=(0, 1)), kind="stable")[:3].tolist()
    for unit, c in zip(units, order, strict=True):
        y, x = (int(i) for i in np.unravel_index(values[..., c].argmax(), (7, 6)))
        assert (unit["unit"], unit["name"]) == ([y, x, c], f"channel {c} at row {y}, column {x}")
    ran = run(capsys, "explain", "net.onnx", "x.npy", "--unit", "7", *options)
    y, x = np.unravel_index(values[..., 7].argmax(), (7, 6))
    assert f"channel 7 at row {y}, column {x}" in ran.out
    ran = run(capsys, "explain", "net.onnx", "x.npy", "--unit", "8", *options)
    assert ran.code == 2
    assert "--unit 8 is out of range: 'relu1' has 7 x 6 x 8 units" in ran.err
    ran = run(
        capsys, "compare", "net.onnx", "x.npy", "--unit", "1,2,7", "--layer", "r", "-o", "z.png"
    )
    assert "channel 7 at row 1, column 2" in ran.out


def test_names_of_what_is_maximised(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--steps", "1", "-o", "z.png", "--force", "--layer", "r")
    assert (
        "channel 7 at row 1, column 2"
        in run(capsys, "maximize", "net.onnx", "--unit", "1,2,7", *options).out
    )
    ran = run(capsys, "maximize", "net.onnx", "--unit", "all", "--json", *options)
    assert [made["name"] for made in json.loads(ran.out)["made"]] == [
        f"channel {c}" for c in range(8)
    ]


@pytest.mark.parametrize("file", ["net.onnx", "within.onnx"])
def test_classes_by_their_labels(here: Path, capsys: pytest.CaptureFixture[str], file: str) -> None:
    told = ("--labels", "labels.txt", "--force", "-o")
    values = all_activations(parse(NET), "y", noise(7, 6, 3)[None])[0]
    ran = run(capsys, "explain", file, "x.npy", "--unit", "cat", "--json", *told, "out")
    found = json.loads(ran.out)["explained"][0]
    assert found["units"][0]["name"] == "cat"
    assert found["units"][0]["activation"] == pytest.approx(values[2], rel=1e-4)
    best = ["ant", "bee", "cat", "dog"][int(values.argmax())]
    assert found["classes"][0]["name"] == best
    ran = run(capsys, "maximize", file, "--unit", "2", "--steps", "1", "--json", *told, "z.png")
    made = json.loads(ran.out)["made"][0]
    assert made["name"] == "cat"
    assert made["probability"] is not None
