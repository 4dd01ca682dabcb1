"""Scores at positions: the name of a class chooses its channel, wherever the channels stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from support import nets
from support.cli_case import assert_one_line, explained, good, refused, run, workplace

LABELS = "--labels labels.txt --preprocess 0-1"


def segmenter(end: str, hidden: int = 6) -> ModelProto:
    """Four classes at each position of a picture, as [N, 4, 8, 8] or as `end` makes it."""
    nodes = [
        nets.node("Conv", "x w", "a", pads=[1, 1, 1, 1]),
        nets.node("Relu", "a", "b"),
        nets.node("Conv", "b v", "s"),
    ]
    dims: nets.Dims = ["N", 4, 8, 8]
    match end:
        case "nhwc":
            nodes.append(nets.node("Transpose", "s", "y", perm=[0, 2, 3, 1]))
            dims = ["N", 8, 8, 4]
        case "softmax":
            nodes.append(nets.node("Softmax", "s", "y", axis=1))
        case "rows":
            nodes.append(nets.node("ReduceMean", "s", "y", axes=[3], keepdims=0))
            dims = ["N", 4, 8]
        case "two sets":
            nodes.append(nets.node("ReduceMean", "s", "m", axes=[2, 3], keepdims=0))
            nodes.append(nets.node("Unsqueeze", "m", "u", axes=[1]))
            nodes.append(nets.node("Concat", "u u", "y", axis=1))
            dims = ["N", 2, 4]
        case _:
            nodes[-1].output[0] = "y"
    constants = {"w": nets.weights(hidden, 3, 3, 3), "v": nets.weights(4, hidden, 1, 1, seed=1)}
    inputs = [nets.info("x", ["N", 3, 8, 8])]
    return nets.model(nodes, inputs, [nets.info("y", dims)], constants, opset=11)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    here = workplace(tmp_path, monkeypatch)
    (here / "labels.txt").write_text("cat\nred dog, hound\nblue dog\nbird\n")
    return here


@pytest.mark.parametrize("end", ["nchw", "nhwc", "softmax", "rows"])
def test_a_class_is_its_channel_at_its_strongest(
    here: Path, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    nets.save(segmenter(end), here / "seg.onnx")
    line = f"seg.onnx dog.png --method gradient --npz --force {LABELS} -o"
    (named,) = explained(capsys, f"{line} a.png --unit hound")
    (numbered,) = explained(capsys, f"{line} b.png --unit 1")
    (unit,) = named["units"]
    assert unit["unit"][-1 if end == "nhwc" else 0] == 1
    assert unit["name"].startswith("red dog at ")
    assert named["units"] == numbered["units"]
    with np.load("a.npz") as a, np.load("b.npz") as b:
        np.testing.assert_array_equal(a["attribution_gradient"], b["attribution_gradient"])
        assert a["attribution_gradient"].any()


@pytest.mark.slow
def test_every_command_knows_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(segmenter("nchw"), here / "seg.onnx")
    picture = f"seg.onnx dog.png {LABELS}"
    assert "red dog at " in good(capsys, f"compare {picture} --unit hound -o c.png")
    assert "red dog" in good(capsys, f"maximize seg.onnx --unit hound --steps 3 {LABELS} -o m.png")
    good(capsys, f"sanity {picture} --unit hound -o s.png")


def test_sets_of_classes_are_no_channels(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(segmenter("two sets"), here / "seg.onnx")
    line = f"explain seg.onnx dog.png {LABELS} --unit hound"
    refused(capsys, here, line, "class 1 of 4", "several sets", "such as 0,1")


def test_a_layer_before_the_scores_has_no_classes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may have as many channels, and they are no classes."""
    nets.save(segmenter("nchw", hidden=4), here / "seg.onnx")
    ran = run(capsys, *f"explain seg.onnx dog.png {LABELS} --layer relu1 --unit bird".split())
    assert_one_line(ran, "no layer of the 4 classes")
