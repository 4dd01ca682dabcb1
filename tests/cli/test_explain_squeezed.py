"""`retrograph explain` where the scores have no batch axis, or one that cannot be followed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from support import nets
from support.cli_case import explained, good, run, workplace

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def ending(batch: int | str, *tail: tuple[str, str]) -> ModelProto:
    """The classifier with more nodes behind its scores, each of a constant of integers or none."""
    model = nets.cnn(batch)
    name = "scores_out"
    for number, (op, values) in enumerate(tail):
        inputs, made = [name], f"tail{number}"
        if values:
            array = np.array([int(v) for v in values.split()], np.int64)
            model.graph.initializer.append(numpy_helper.from_array(array, f"ints{number}"))
            inputs.append(f"ints{number}")
        model.graph.node.append(helper.make_node(op, inputs, [made], name=f"n_{made}"))
        name = made
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return model


FORMS = {
    "squeezed": ending(1, ("Squeeze", "")),
    "squeezed, open": ending("N", ("Squeeze", "")),
    "in line": ending(1, ("Reshape", str(nets.CLASSES))),
    "in line, open": ending("N", ("Reshape", "-1")),
    "turned": ending(1, ("Transpose", "")),
    "batch mixed": ending(1, ("Transpose", ""), ("Transpose", "")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", ["2", "dingo", "top"])
def test_classes_have_numbers_and_names(here: Path, capsys: Capture, form: str, unit: str) -> None:
    nets.save(FORMS[form], here / "squeezed.onnx")
    wanted = explained(capsys, f"net.onnx dog.png -o a.png --unit {unit} --labels labels.txt")[0]
    found = explained(capsys, f"squeezed.onnx dog.png -o b.png --unit {unit} --labels labels.txt")
    (told,), (control,) = found[0]["units"], wanted["units"]
    assert (told["unit"][0], told["name"]) == (control["unit"][0], control["name"])
    np.testing.assert_allclose(told["activation"], control["activation"], rtol=1e-5)
    same = [(here / name).read_bytes() for name in ("a.png", "b.png")]
    assert same[0] == same[1]


def test_scores_without_a_batch_axis_are_listed(here: Path, capsys: Capture) -> None:
    nets.save(FORMS["squeezed"], here / "squeezed.onnx")
    command = "explain {}.onnx dog.png -o {}.png --labels labels.txt --scale 1"
    (wanted,) = listed(good(capsys, command.format("net", "a")))
    assert listed(good(capsys, command.format("squeezed", "b"))) == [wanted]


def listed(out: str) -> list[str]:
    return [line for line in out.splitlines() if "model output" in line]


def test_rows_of_a_map_are_no_class_scores(here: Path, capsys: Capture) -> None:
    """[1, 1, H, W] squeezed to [H, W]."""
    model = nets.cnn(1)
    cut = [
        helper.make_node("ReduceMean", ["e", "one"], ["flat"], keepdims=0),
        helper.make_node("Squeeze", ["flat"], ["map"]),
    ]
    model.graph.node.extend(cut)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "one"))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("map", TensorProto.FLOAT, None))
    nets.save(model, here / "map.onnx")
    assert "model output" not in good(capsys, "explain map.onnx dog.png -o map.png --scale 1")


def test_a_single_number_has_a_unit(here: Path, capsys: Capture) -> None:
    model = ending(1, ("Squeeze", ""), ("ReduceSum", ""))
    model.graph.node[-1].attribute.append(helper.make_attribute("keepdims", 0))
    nets.save(model, here / "number.onnx")
    for option in ("", "--unit 0", "--unit top"):
        record = explained(capsys, f"number.onnx dog.png -o a.png --force {option}")[0]
        assert record["units"][0]["unit"] == [0]
    ran = run(capsys, *["explain", "number.onnx", "dog.png", "-o", "b.png", "--unit", "1"])
    assert (ran.code, "out of range" in ran.err) == (2, True)


@pytest.mark.parametrize("form", ["squeezed", "squeezed, open"])
def test_maximize_tells_the_probability(here: Path, capsys: Capture, form: str) -> None:
    nets.save(FORMS[form], here / "squeezed.onnx")
    command = "maximize {}.onnx --unit 2 --steps 2 --scale 1 -o {}.png"
    wanted, found = (
        next(
            line
            for line in good(capsys, command.format(*names)).splitlines()
            if "activation" in line
        )
        for names in (("net", "a"), ("squeezed", "b"))
    )
    assert "probability" in wanted
    assert found == wanted


def test_maximize_a_single_number(here: Path, capsys: Capture) -> None:
    model = ending(1, ("Squeeze", ""), ("ReduceSum", ""))
    model.graph.node[-1].attribute.append(helper.make_attribute("keepdims", 0))
    nets.save(model, here / "number.onnx")
    good(capsys, "maximize number.onnx --unit 0 --steps 2 --scale 1 -o a.png")
