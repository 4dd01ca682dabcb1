"""Sounds from the command line: explained, compared, scanned, at the rate that is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import retrograph as rg
from retrograph.results.figure import shown_input
from support import nets
from support.cli_case import Ran, assert_one_line, opened, run, workplace

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

Capture = pytest.CaptureFixture[str]


def ran(capsys: Capture, line: str) -> Ran:
    return run(capsys, *line.split())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    workplace(tmp_path, monkeypatch)
    nets.save(nets.wave_net("T"), Path("open.onnx"))
    named = nets.wave_net(2000)
    onnx.helper.set_model_props(named, {"sample_rate": "4000"})
    nets.save(named, Path("named.onnx"))
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 4000)
    soundfile.write("a.wav", noise, 8000)
    return tmp_path


def test_an_open_model_takes_the_whole_sound(here: Path, capsys: Capture) -> None:
    explained = ran(capsys, "explain open.onnx a.wav --npz -o out")
    assert explained.code == 0
    assert "its 8000 samples a second are taken as they are" in explained.out
    assert "give --sample-rate" in explained.out
    (arrays,) = Path("out").glob("*.npz")
    with np.load(arrays) as data:
        assert data["input"].shape == (4000,)
    assert opened(next(Path("out").glob("*.png"))).width > 1400


def test_the_models_file_or_the_option_says_the_rate(here: Path, capsys: Capture) -> None:
    stored = ran(capsys, "explain named.onnx a.wav --json -o out")
    (explained,) = json.loads(stored.out)["explained"]
    assert explained["note"] == "resampled from 8000 Hz to 4000 Hz"
    said = ran(capsys, "explain named.onnx a.wav --sample-rate 16000 --json -o other")
    (explained,) = json.loads(said.out)["explained"]
    assert explained["note"] == (
        "resampled from 8000 Hz to 16000 Hz; cut from 0.5 s to the first 0.125 s (2000 samples)"
    )


def test_a_built_graph_knows_the_rate(here: Path) -> None:
    built = rg.build("named.onnx", method="gradient")
    rg.save(built, "built.onnx")
    kind = rg.Explainer("built.onnx").context.kind
    assert (kind.name, kind.sample_rate) == ("waveform", 4000)
    explanation = rg.explain("built.onnx", "a.wav")
    assert explanation.attribution.shape == (1, 2000)


@pytest.mark.parametrize("stored", ["fast", "0", "16000.5"])
def test_a_rate_that_is_none_is_left_out_of_the_metadata(
    here: Path, capsys: Capture, stored: str
) -> None:
    model = nets.wave_net(2000)
    onnx.helper.set_model_props(model, {"sampling_rate": stored})
    nets.save(model, Path("bad.onnx"))
    explained = ran(capsys, "explain bad.onnx a.wav -o out")
    assert f"the sampling_rate '{stored}' in the model's metadata is left out" in " ".join(
        explained.out.split()
    )


def test_the_axis_is_in_seconds_by_the_sounds_own_rate(here: Path) -> None:
    (explanation,) = rg.explain("open.onnx", "a.wav").explanations
    assert shown_input(explanation).sample_rate == 8000


def test_a_rate_where_there_is_no_waveform(here: Path, capsys: Capture) -> None:
    refused = ran(capsys, "explain net.onnx a.wav --sample-rate 8000 -o out")
    assert_one_line(refused, "no waveform of one or two channels", "leave --sample-rate out")
    assert ran(capsys, "explain open.onnx a.wav --sample-rate 0 -o out").code == 2


def test_a_rate_makes_a_long_row_of_numbers_a_waveform(here: Path, capsys: Capture) -> None:
    nodes = [nets.node("Gemm", "x w", "a"), nets.node("Relu", "a", "out")]
    shapes = nets.info("x", ["N", 2000]), nets.info("out", ["N", 3])
    nets.save(
        nets.model(nodes, [shapes[0]], [shapes[1]], {"w": nets.weights(2000, 3)}), Path("mlp.onnx")
    )
    bare = ran(capsys, "explain mlp.onnx a.wav -o out")
    assert_one_line(bare, "?x2000 counts samples; if it does, give --sample-rate HZ")
    assert ran(capsys, "explain mlp.onnx a.wav --sample-rate 8000 -o out").code == 0


def test_how_many_sounds_a_folder_holds_is_told(here: Path) -> None:
    Path("set").mkdir()
    for number in range(3):
        soundfile.write(f"set/{number}.wav", np.zeros(100), 4000)
    told: list[tuple[int, int | None]] = []
    answers = rg.explain_all("named.onnx", "set", progress=lambda *done: told.append(done))
    assert len([*answers]) == 3
    assert told[0] == (0, 3)
    assert told[-1] == (3, 3)


def test_an_input_of_the_same_batch_is_held_at_a_number(here: Path, capsys: Capture) -> None:
    """A state whose second axis is the batch, beside a sound."""
    nodes = [
        nets.node("Unsqueeze", "x axis", "u"),
        nets.node("Conv", "u w", "a", strides=[4]),
        nets.node("Relu", "a", "r"),
        nets.node("ReduceMean", "r", "m", axes=[2], keepdims=0),
        nets.node("ReduceSum", "state axes", "s", keepdims=0),
        nets.node("Add", "m s", "out"),
    ]
    weights = {"w": nets.weights(3, 1, 16), "axis": np.array([1]), "axes": np.array([0])}
    inputs = [nets.info("x", ["N", 2000]), nets.info("state", [2, "N", 3])]
    nets.save(nets.model(nodes, inputs, [nets.info("out", ["N", 3])], weights), Path("two.onnx"))
    line = "explain two.onnx --input x=a.wav state=0.5 --sample-rate 8000 --json -o out"
    explained = json.loads(ran(capsys, line).out)["explained"]
    assert explained[0]["note"] == "cut from 0.5 s to the first 0.25 s (2000 samples)"
    (unit,) = explained[0]["units"]
    with_none = json.loads(ran(capsys, line.replace("0.5", "0").replace("out", "b")).out)
    (other,) = with_none["explained"][0]["units"]
    assert unit["activation"] - other["activation"] == pytest.approx(1)


def test_sounds_are_compared_and_scanned_and_their_patches_drawn(
    here: Path, capsys: Capture
) -> None:
    Path("set").mkdir()
    rates = np.random.default_rng(1)
    for number in range(3):
        soundfile.write(f"set/{number}.flac", rates.uniform(-0.5, 0.5, 1000), 4000)
    assert ran(capsys, "compare named.onnx a.wav set -o c.png").code == 0
    assert opened("c.png").height > 400
    assert ran(capsys, "scan named.onnx set --layer relu1 -o run").code == 0
    scanned = json.loads(ran(capsys, "patches run --json -o patches").out)
    assert scanned
    assert [*Path("patches").glob("*.png")]
    assert Path("patches/index.html").is_file()
