"""How `check` tells what it finds, and what it refuses."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

import retrograph
from retrograph import checks
from retrograph.methods import METHODS
from support import nets
from support.check_case import checked, text
from support.check_nets import SMOOTH
from support.cli_case import assert_one_line, run, workplace
from support.graphs import parse

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model."""
    return workplace(tmp_path, monkeypatch)


def test_text_of_a_good_model(here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    three = {name: METHODS[name] for name in ("gradient", "guided", "rectgrad")}
    monkeypatch.setattr(checks, "METHODS", three)
    ran = text(capsys, parse(SMOOTH))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "model.onnx can be explained by every method\n"
        "\n"
        "layer  scores 'y'  Nx3\n"
        "input  'x'         Nx3\n"
        "\n"
        "method    possible  note\n"
        "gradient  yes\n"
        "guided    yes       the ordinary derivative at 1 Sigmoid, 1 Tanh on the path\n"
        "rectgrad  yes       likewise\n"
        "\n"
        "treated as  operator  nodes\n"
        "ReLU        Relu      1      Relu_0\n"
        "ReLU        Max       1      Max_4\n"
        "smooth      Sigmoid   1      Sigmoid_1\n"
        "smooth      Tanh      1      Tanh_2\n"
    )


def test_text_of_a_blocked_model(here: Path, capsys: Capture) -> None:
    ran = text(capsys, nets.cnn_with_custom(on_path=True))
    assert (ran.code, ran.err) == (3, "")
    lines = ran.out.splitlines()
    assert lines[0] == "model.onnx cannot be explained"
    assert ["gradient", "no", "2", "nodes", "block"] in [line.split() for line in lines]
    rows = [line.split()[:2] for line in lines if line.startswith("com.acme")]
    assert rows == [["com.acme.Twirl", "twirl"], ["com.acme.Whirl", "whirl"]]
    assert "the last layer that can be explained is relu2: --layer relu2" in lines
    assert not any(line.endswith(" ") for line in lines)


def test_long_lists_are_shortened_in_text_only(here: Path, capsys: Capture) -> None:
    steps = "".join(f"  t{i + 1} = Relu (t{i})\n" for i in range(9))
    source = (
        '<ir_version: 8, opset_import: ["" : 17]>\n'
        f"net (float[N, 3] t0) => (float[N, 3] t9) {{\n{steps}}}"
    )
    assert "Relu      9      Relu_0, Relu_1, Relu_2 and 6 more\n" in text(capsys, parse(source)).out
    _, record = checked(capsys, parse(source))
    assert [place["tensor"] for place in record["relu"]] == [f"t{i}" for i in range(1, 10)]


def test_names_are_printed_as_they_are(here: Path, capsys: Capture) -> None:
    model = nets.cnn()
    model.graph.node[1].name = "[red]a\x1b[2Jb[/red]"
    out = text(capsys, model).out
    assert "[red]a\\x1b[2Jb[/red]" in out
    assert "\x1b" not in out


# --- mistakes, and what it does not need -------------------------------------------------------

MISTAKES = [
    ("check nothing.onnx", "nothing.onnx: cannot be read"),
    ("check dog.png", "dog.png: not an ONNX model"),
    ("check net.onnx --layer relu9", "no layer 'relu9'"),
    ("check net.onnx --layer relu9 --json", "no layer 'relu9'"),
    ("check net.onnx --wrt y", "no floating-point input 'y'"),
    ("check net.onnx --colour", "see retrograph check --help"),
]


@pytest.mark.parametrize(("command", "words"), MISTAKES)
def test_a_mistake_is_one_line(here: Path, capsys: Capture, command: str, words: str) -> None:
    ran = run(capsys, *command.split())
    assert_one_line(ran, words)
    assert ran.out == ""


def test_a_built_graph_is_sent_back_to_its_source(here: Path, capsys: Capture) -> None:
    nets.save(retrograph.build("net.onnx"), here / "built.onnx")
    assert_one_line(run(capsys, "check", "built.onnx"), "give its source model")


def test_no_runtime_is_needed_and_nothing_is_written(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    before = sorted(here.iterdir())
    assert run(capsys, "check", "net.onnx").code == 0
    assert sorted(here.iterdir()) == before


def test_weights_in_a_file_that_is_apart_are_not_read(here: Path) -> None:
    """A matrix of 16 GB, of which no more than a hole is on the disk."""
    rows = 2**22
    model = nets.model(
        [nets.node("MatMul", "x w", "a"), nets.node("Relu", "a", "y")],
        [nets.info("x", ["N", rows])],
        [nets.info("y", ["N", 1024])],
        {"w": np.zeros((1, 1), np.float32)},
    )
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.dims[:] = [rows, 1024]
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="w.bin")
    with (here / "w.bin").open("wb") as file:
        file.truncate(rows * 1024 * 4)
    nets.save(model, here / "large.onnx")
    assert retrograph.check(here / "large.onnx").explainable
