"""`retrograph heads`: what is printed of a model's outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retrograph.model import Model
from support import nets
from support.cli_case import good, refused, workplace

ANCHORS = Path(__file__).parents[1] / "goldens" / "heads" / "anchors.onnx"
Capture = pytest.CaptureFixture[str]


def test_boxes_are_told_with_the_outputs_they_are_read_of(capsys: Capture) -> None:
    title, *lines = good(capsys, f"heads {ANCHORS}").splitlines()
    assert title == "boxes: boxes and scores in one output; 180 boxes of 3 classes"
    assert lines == [
        "  place: cx cy w h, pixels of the input",
        "  boxes in 'output' [anchor 180, value 8], entries 0 to 3",
        "  scores in 'output' [anchor 180, value 8], entries 5 to 7; explained: layer "
        "'/Transpose_output_0', before Sigmoid",
        "  objectness in 'output' [anchor 180, value 8], entry 4",
    ]


def test_an_output_that_is_not_understood_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    workplace(tmp_path, monkeypatch)
    out = [nets.info("y", None), nets.info("z", None)]
    nodes = [nets.node("GlobalAveragePool", "x", "p"), nets.node("Flatten", "p", "y")]
    nodes.append(nets.node("Shape", "x", "z"))
    nets.save(nets.model(nodes, [nets.info("x", ["N", 5, 8, 8])], out), tmp_path / "two.onnx")
    printed = good(capsys, "heads two.onnx")
    assert "classes: 5 in output 'y'\n" in printed
    assert "not understood: output 'z'; explain it by --layer and --unit\n" in printed
    assert json.loads(good(capsys, "heads two.onnx --json"))["unread"] == ["z"]


def test_json_is_what_the_library_gives(capsys: Capture) -> None:
    record = json.loads(good(capsys, f"heads {ANCHORS} --json"))
    assert record == json.loads(json.dumps(Model(ANCHORS).heads().to_dict()))
    assert [head["head"] for head in record["heads"]] == ["boxes"]
    assert record["frame"] == [48, 64]


def test_a_built_graph_is_not_read_as_if_its_attribution_were_a_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    folder = workplace(tmp_path, monkeypatch)
    good(capsys, "build net.onnx -o built.onnx")
    refused(capsys, folder, "heads built.onnx", "has built", "give its source model")
