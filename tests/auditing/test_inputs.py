"""How an audit's inputs are prepared for both files, what is said of it, which way B wants them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper

import retrograph as rg
from retrograph.errors import spelled
from retrograph.preprocess import PRESETS
from support.audit_case import NETS, inputs
from support.cli_case import assert_one_line, picture, run
from support.faults import Editor
from support.nets import info, model, node, save, weights

MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
STD = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)

TO_NORMALISED = {
    "0-1": (1 / STD, -MEAN / STD),
    "0-255": (1 / STD / 255, -MEAN / STD),
    "-1-1": (0.5 / STD, (0.5 - MEAN) / STD),
}
"""By what a file takes the factor and the summand that make it what ImageNet's networks take."""

WORDS = {"0-1": "from 0 to 1", "0-255": "from 0 to 255", "-1-1": "from -1 to 1"}


def _taking(preset: str, *, bgr: bool = False) -> ModelProto:
    """The plain net, which takes normalised RGB, behind what makes that of another input."""
    editor = Editor(NETS["plain"]())
    gain, offset = (each[::-1] if bgr else each for each in TO_NORMALISED[preset])
    editor.set_constant("gain", gain.astype(np.float32))
    editor.set_constant("offset", offset.astype(np.float32))
    editor.set_constant("turned", np.array([2, 1, 0]))
    last = "turn" if bgr else "sum"
    nodes = [node("Mul", "x gain", "scaled"), node("Add", "scaled offset", "sum")]
    nodes += [helper.make_node("Gather", ["sum", "turned"], ["turn"], axis=1)] * bgr
    editor.graph.node[0].input[0] = last
    nodes += editor.graph.node
    del editor.graph.node[:]
    editor.graph.node.extend(nodes)
    return editor.model


@pytest.mark.parametrize("preset", WORDS)
def test_a_file_that_holds_the_normalisation_wants_plain_pictures(preset: str) -> None:
    found = rg.audit(NETS["plain"](), _taking(preset), inputs(), method=None)
    assert found.preparation == (
        f"values {WORDS[preset]} where A is given values normalised by ImageNet's mean and "
        "deviation"
    )
    back = rg.audit(_taking(preset), NETS["plain"](), inputs(), method=None)
    assert back.preparation == (
        "values normalised by ImageNet's mean and deviation where A is given values "
        f"{WORDS[preset]}"
    )


def test_scale_and_order_are_sought_together() -> None:
    found = rg.audit(NETS["plain"](), _taking("0-255", bgr=True), inputs(), method=None)
    assert found.preparation == (
        "BGR values from 0 to 255 where A is given RGB values normalised by ImageNet's mean and "
        "deviation"
    )


@pytest.mark.parametrize("preset", ["0-255", "-1-1"])
def test_a_preset_for_b_alone_does_not_crop_otherwise(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, preset: str
) -> None:
    save(NETS["plain"](), tmp_path / "a.onnx")
    save(_taking(preset), tmp_path / "b.onnx")
    dog = picture(tmp_path / "dog.png", size=(30, 26))
    files = tmp_path / "a.onnx", tmp_path / "b.onnx", dog
    how = "--preprocess", "imagenet", f"--preprocess-b={preset}"
    result = run(capsys, "audit", *files, *how, "--method", "none")
    assert "preprocessing of A: imagenet (given)" in result.out
    said = f"preprocessing of B: {preset} (given), its pictures resized and cropped as for A"
    assert said in result.out
    assert result.code == 0
    found = rg.audit(*files, preprocessing="imagenet", preprocessing_b=preset, method=None)
    assert found.outputs[0].error < 1e-5


def test_a_recipe_of_its_own_keeps_its_geometry_and_that_is_said(tmp_path: Path) -> None:
    dog = picture(tmp_path / "dog.png", size=(30, 26))
    given = {"preprocessing": "imagenet", "preprocessing_b": PRESETS["0-1"]}
    found = rg.audit(NETS["plain"](), _taking("0-1"), dog, method=None, **given)
    assert found.fails()
    (note,) = (note for note in found.notes if note.startswith("preprocessing of B"))
    assert "crop 1 bilinear for B, crop 0.875 bilinear for A" in note


def test_others_among_themselves_see_the_pixels_that_a_sees(tmp_path: Path) -> None:
    dog = picture(tmp_path / "dog.png", size=(30, 26))
    files = [NETS["plain"](), _taking("0-255"), _taking("0-255")]
    given = {"preprocessing": "imagenet", "preprocessing_b": "0-255"}
    found = rg.audit_files(files, dog, method=None, **given).pairs
    (ours,), (theirs,) = found[0, 1].items, found[1, 2].items
    np.testing.assert_allclose(theirs.array, (ours.array * STD + MEAN) * 255, atol=0.01)


def test_a_preset_that_arrays_make_useless_is_said() -> None:
    net = NETS["plain"]()
    (note,) = rg.audit(net, net, inputs(), preprocessing="imagenet", method=None).notes
    assert "preprocessing is for pictures" in spelled(note)


def test_nothing_is_said_of_preprocessing_where_no_pictures_are(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", inputs())
    net = NETS["plain"]()
    assert not rg.audit(net, net, tmp_path / "x.npy", method=None).notes
    dog = picture(tmp_path / "dog.png")
    assert any("preprocessing" in each for each in rg.audit(net, net, dog, method=None).notes)


@pytest.mark.parametrize("order", [1, -1])
def test_arrays_for_files_of_different_inputs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, order: int
) -> None:
    nodes = [node("Conv", "gray w", "a"), node("GlobalAveragePool", "a", "y")]
    shape = info("gray", ["N", 1, 28, 28])
    save(
        model(nodes, [shape], [info("y", ["N", 4, 1, 1])], {"w": weights(4, 1, 3, 3)}),
        tmp_path / "gray.onnx",
    )
    save(NETS["plain"](), tmp_path / "plain.onnx")
    np.save(tmp_path / "x.npy", inputs())
    files = [tmp_path / "gray.onnx", tmp_path / "plain.onnx"][::order]
    result = run(capsys, "audit", *files, tmp_path / "x.npy")
    words = "gray: float32 [N, 1, 28, 28]", "x: float32 [N, 3, 9, 9]"
    assert_one_line(result, "A and B take different inputs", *words)
