"""How pictures become an input: what is known of it, and what trying the presets shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import retrograph as rg
from retrograph.inputs import PreprocessingChoice, choose_preprocessing
from retrograph.preprocess import PRESETS, prepare

SIDE, CELLS, CLASSES = 72, 6, 6
LARGE = ("0-1", "0-255", "-1-1", "imagenet", "caffe-bgr")
"""The presets that are tried on pictures of that size."""


def patterns() -> list[Image.Image]:
    """Pictures of coarse patterns, their own mirror images, one of each class."""
    random = np.random.default_rng(3)
    left = random.integers(0, 256, (CLASSES, CELLS, CELLS // 2, 3), np.uint8)
    whole = np.concatenate([left, left[:, :, ::-1]], axis=2)
    return [Image.fromarray(p).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for p in whole]


def nearest_pattern(preset: str) -> onnx.ModelProto:
    """A classifier whose scores are highest for the pattern that is nearest, as a preset has it."""
    recipe, shape = PRESETS[preset].for_shape((1, 3, SIDE, SIDE)), (1, 3, SIDE, SIDE)
    known = np.stack([prepare(p, recipe, shape)[0] for p in patterns()])
    width = SIDE // CELLS
    pool = {"kernel_shape": [width] * 2, "strides": [width] * 2}
    pooled = known.reshape(CLASSES, 3, CELLS, width, CELLS, width).mean((3, 5))
    flat = pooled.reshape(CLASSES, -1).astype(np.float64)
    raw = 2 * flat @ flat.T - (flat**2).sum(1)
    scale = 15 / (raw.max(1) - raw.mean(1)).mean()
    weights = {
        "w": (2 * scale * flat).astype(np.float32),
        "b": (-scale * (flat**2).sum(1)).astype(np.float32),
    }
    nodes = [
        helper.make_node("AveragePool", ["x"], ["p"], **pool),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "nearest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def choice_of(
    model: onnx.ModelProto, preprocessing: str | None, count: int = CLASSES
) -> PreprocessingChoice:
    pictures = patterns()[:count]
    choice = choose_preprocessing(rg.Model(model), "x", preprocessing, pictures, device="cpu")
    assert choice is not None
    return choice


@pytest.mark.parametrize("preset", LARGE)
def test_the_presets_are_tried_and_the_right_one_is_found(preset: str) -> None:
    choice = choice_of(nearest_pattern(preset), None)
    assert (choice.name, choice.source) == (preset, "probed")
    assert {trial.name for trial in choice.trials} == set(LARGE)
    assert choice.trials[0].classes.tolist() == list(range(CLASSES))
    assert choice.line.startswith(f"preprocessing: {preset} (found on {CLASSES} pictures")


def test_one_picture_is_never_sure() -> None:
    choice = choice_of(nearest_pattern("caffe-bgr"), None, count=1)
    assert (choice.name, choice.is_sure) == ("caffe-bgr", False)
    assert "1 picture is little to go by" in choice.note()
    assert "caffe-bgr class 0" in choice.note()


def test_several_pictures_are_sure_where_one_preset_stands_out() -> None:
    assert choice_of(nearest_pattern("caffe-bgr"), None).is_sure


def test_what_looks_wrong_is_warned_of_with_the_candidate() -> None:
    model = nearest_pattern("caffe-bgr")
    wrong = choice_of(model, "0-1")
    assert (wrong.name, wrong.source) == ("0-1", "given")
    assert "0-1 looks wrong" in wrong.warning()
    assert "caffe-bgr" in wrong.warning()
    assert choice_of(model, "caffe-bgr").warning() == ""


def test_what_the_file_stores_needs_no_pictures() -> None:
    model = nearest_pattern("caffe-bgr")
    helper.set_model_props(model, {"preprocessing": "0-1"})
    stored = choice_of(model, None)
    assert (stored.name, stored.source, stored.trials) == ("0-1", "stored", ())


def test_arrays_of_floats_are_not_tried() -> None:
    floats = [np.zeros((3, SIDE, SIDE), np.float32)]
    model = rg.Model(nearest_pattern("caffe-bgr"))
    choice = choose_preprocessing(model, "x", None, floats)
    assert choice is not None
    assert (choice.source, choice.name, choice.trials) == ("assumed", "0-1", ())


def test_bytes_and_pictures_in_files_are_tried(tmp_path: Path) -> None:
    model = rg.Model(nearest_pattern("caffe-bgr"))
    arrays = np.stack([np.asarray(p) for p in patterns()])
    np.save(tmp_path / "patterns.npy", arrays)
    for i, picture in enumerate(patterns()):
        picture.save(tmp_path / f"{i}.png")
    for inputs in ([tmp_path], [tmp_path / "patterns.npy"], [arrays]):
        choice = choose_preprocessing(model, "x", None, inputs, device="cpu")
        assert choice is not None
        assert (choice.name, choice.pictures) == ("caffe-bgr", CLASSES)


def test_explain_takes_what_was_found_and_says_so(tmp_path: Path) -> None:
    model, picture = nearest_pattern("caffe-bgr"), patterns()[3]
    answer = rg.explain(model, picture, method="gradient")
    given = rg.explain(model, picture, method="gradient", preprocessing="caffe-bgr")
    np.testing.assert_array_equal(answer.feeds["x"], given.feeds["x"])
    told = answer.to_dict()["preprocessing"]
    assert (told["name"], told["source"], told["sure"]) == ("caffe-bgr", "probed", False)
    best = told["tried"][0]["top"][0]
    assert best["class"] == 3
    assert rg.Preprocessing.from_json(str(answer.arrays()["preprocessing"])).order == "bgr"
    assert answer.context.preprocessing_lines == [
        "preprocessing: Caffe, BGR, mean subtracted (inferred, unsure)"
    ]


def test_no_scores_are_never_tried() -> None:
    model = nearest_pattern("0-1")
    del model.graph.node[1:]
    model.graph.output[0].name = "p"
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for dim in (1, 3, CELLS, CELLS):
        model.graph.output[0].type.tensor_type.shape.dim.add().dim_value = dim
    choice = choice_of(model, None)
    assert (choice.source, choice.trials) == ("assumed", ())
    assert "no row of class scores" in choice.note()


def test_find_preprocessing_tries_what_is_known_too(tmp_path: Path) -> None:
    model = nearest_pattern("caffe-bgr")
    helper.set_model_props(model, {"preprocessing": "0-1"})
    tried = rg.find_preprocessing(model, patterns(), device="cpu")
    assert (tried.choice.name, tried.choice.source) == ("0-1", "stored")
    assert next(row[0] for row in tried.rows()) == "caffe-bgr"
    assert tried.arrays()["class"][0].tolist() == list(range(CLASSES))
    record = tried.to_dict()
    assert record["recipe"]["order"] == "rgb"
    assert record["tried"][0]["distinct_classes"] == CLASSES
    assert tried.save(tmp_path / "tried.png").exists()


def test_find_preprocessing_refuses_what_is_no_picture() -> None:
    with pytest.raises(rg.InputError, match="none of the inputs is a picture"):
        rg.find_preprocessing(nearest_pattern("0-1"), np.zeros((3, SIDE, SIDE), np.float32))
    with pytest.raises(rg.InputError, match="for models of pictures"):
        rg.find_preprocessing("sample_models/motif_cnn.onnx", patterns()[0])
