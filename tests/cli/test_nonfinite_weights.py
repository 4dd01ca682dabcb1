"""Weights that are no numbers are named where nothing comes of them, and nothing else is blamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper, numpy_helper

from retrograph import Model
from support import nets
from support.cli_case import run, workplace
from support.nets import info, node

Capture = pytest.CaptureFixture[str]

NAN = "the weights 'w2' hold NaN (2 of 270 numbers)"
INFINITE = "the weights 'w2' hold infinite numbers (2 of 270)"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def spoiled(value: float, *names: str) -> ModelProto:
    """The classifier with two numbers of these weights replaced."""
    model = nets.cnn()
    for stored in model.graph.initializer:
        if stored.name in names:
            values = numpy_helper.to_array(stored).copy()
            values.flat[[1, -2]] = value
            stored.CopyFrom(numpy_helper.from_array(values, stored.name))
    return model


@pytest.mark.parametrize(("value", "said"), [(np.nan, NAN), (np.inf, INFINITE)])
@pytest.mark.parametrize(
    "command",
    [
        "explain bad.onnx dog.png --preprocess 0-1 -o map.png",
        "explain bad.onnx dog.png --preprocess 0-1 -o map.png --precision float16",
        "compare bad.onnx dog.png --preprocess 0-1 -o sheet.png",
        "maximize bad.onnx --unit 1 --steps 2 --preprocess 0-1 -o best.png",
        "scan bad.onnx dog.png --layer fc1 --preprocess 0-1 -o run",
    ],
)
def test_they_are_named(capsys: Capture, command: str, value: float, said: str) -> None:
    nets.save(spoiled(value, "w2"), Path("bad.onnx"))
    ran = run(capsys, *command.split())
    last = ran.err.splitlines()[-1]
    assert (ran.code, said in last) == (2, True), ran
    assert "float16" not in last
    made = {path.name for path in Path().rglob("*") if path.is_file()}
    assert made == {"bad.onnx", "net.onnx", "dog.png", "labels.txt"}


def test_only_those_that_the_layer_needs() -> None:
    model = Model(spoiled(np.nan, "w2", "w3"))
    assert model.nonfinite_weights("b") == ""
    assert "'w2'" in model.nonfinite_weights("e")
    assert Model(nets.cnn()).nonfinite_weights("scores_out") == ""


def test_a_constant_of_a_node_and_one_that_is_folded() -> None:
    made = node("Constant", "", "shift", value_float=float("nan"))
    made.ClearField("input")
    twice = helper.make_node("Add", ["shift", "shift"], ["twice"], name="n_twice")
    model = nets.model(
        [made, twice, node("Add", "x twice", "y")], [info("x", [1, 3])], [info("y", [1, 3])]
    )
    assert "NaN (1 of 1 numbers)" in Model(model).nonfinite_weights("y")


def test_a_mask_may_be_infinite(capsys: Capture) -> None:
    """What else is infinite or no number is not put on it."""
    nodes, stored = nets.cnn_parts()
    nodes += [node("Add", "scores_out mask", "m"), node("Sub", "m m", "y")]
    stored["mask"] = np.float32([0, 0, -np.inf, 0])
    model = nets.model(nodes, [info("x", ["N", 3, 8, 8])], [info("y", ["N", 4])], stored)
    nets.save(model, Path("masked.onnx"))
    line = "explain masked.onnx dog.png --preprocess 0-1 --unit 2 --method gradient -o map.png"
    ran = run(capsys, *line.split())
    assert ran.code == 2
    assert "mask" not in ran.err.replace("masked.onnx", "")
    assert "is nan" in ran.err
