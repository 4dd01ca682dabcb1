"""Class names of data sets, and in the metadata of exporters: found, counted, said."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

import retrograph as rg
from retrograph.errors import InputError
from retrograph.labels import BUILT_IN, built_in_labels, labels_by_count, labels_in_metadata
from retrograph.pipeline.labels import label_note, model_labels
from support import nets
from support.cli_case import good, run, workplace


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def classifier(classes: int, side: int = 16) -> onnx.ModelProto:
    """A classifier of pictures [N, 3, side, side]."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [classes, 3, 1, 1], [0.1] * 3 * classes)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, side, side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", classes])],
        [weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("name", "classes", "index", "expected"),
    [
        ("imagenet", 1000, 207, "golden retriever"),
        ("imagenet", 1001, 208, "golden retriever"),
        ("imagenet", 1001, 0, "background"),
        ("imagenet", 1000, 999, "toilet tissue"),
        ("coco", 80, 0, "person"),
        ("coco", 80, 79, "toothbrush"),
        ("coco", 91, 18, "dog"),  # the numbers of COCO's annotations
        ("coco", 91, 90, "toothbrush"),
        ("coco", 90, 17, "dog"),
        ("coco", 81, 17, "dog"),
        ("voc", 21, 8, "cat"),
        ("voc", 20, 7, "cat"),
        ("cifar10", 10, 9, "truck"),
        ("mnist", 10, 7, "7"),
    ],
)
def test_a_set_is_counted_as_the_model_counts(
    name: str, classes: int, index: int, expected: str
) -> None:
    names = built_in_labels(name, classes)
    assert len(names) == classes
    assert names[index] == expected


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_two_classes_are_called_alike(name: str) -> None:
    names = built_in_labels(name, None)
    assert len(set(names)) == len(names)


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(InputError, match="names 1000 or 1001 classes and the model has 10"):
        built_in_labels("imagenet", 10)
    with pytest.raises(InputError, match="names 10 classes and the model has 1000"):
        model_labels(rg.Model(classifier(1000)), "cifar10")


def test_ten_classes_are_of_no_set_in_particular() -> None:
    assert labels_by_count(10, ("cifar10", "mnist")) is None
    model = rg.Model(classifier(10))
    assert model_labels(model) == ()
    assert label_note(model, None, ()) == ""


@pytest.mark.parametrize("classes", [1000, 1001])
def test_as_many_classes_as_imagenet_has_are_its_own_and_a_note_says_so(classes: int) -> None:
    model = rg.Model(classifier(classes))
    names = model_labels(model)
    assert names == built_in_labels("imagenet", classes)
    assert "as those of imagenet" in label_note(model, None, names)
    assert label_note(model, "imagenet", names) == ""


def test_names_in_the_file_and_none_go_before() -> None:
    proto = classifier(1000)
    helper.set_model_props(proto, {"names": json.dumps([f"c{i}" for i in range(1000)])})
    named = rg.Model(proto)
    assert model_labels(named)[3] == "c3"
    assert label_note(named, None, model_labels(named)) == ""
    assert model_labels(rg.Model(classifier(1000)), "none") == ()


@pytest.mark.parametrize(
    "properties",
    [
        {"names": "{0: 'cat', 1: 'dog'}"},
        {"labels": "cat\ndog"},
        {"id2label": '{"0": "cat", "1": "dog"}'},
        {"config": '{"model_type": "vit", "id2label": {"0": "cat", "1": "dog"}}'},
        {"pretrained_cfg": '{"num_classes": 2, "label_names": 2, "classes": ["cat", "dog"]}'},
        {"label_names": '["cat", "dog"]'},
        {"class_to_idx": '{"cat": 0, "dog": 1}'},
        {"classes": "2", "class_names": "['cat', 'dog']"},
    ],
)
def test_exporters_write_names_into_the_metadata(properties: dict[str, str]) -> None:
    assert labels_in_metadata(properties) == ("cat", "dog")


def test_other_metadata_are_no_names() -> None:
    assert labels_in_metadata({"classes": "80", "config": '{"lr": 0.1}', "names": ""}) == ()


def test_a_zipmap_carries_names() -> None:
    proto = classifier(2)
    strings = {"classlabels_strings": ["cat", "dog"]}
    node = helper.make_node("ZipMap", ["y"], ["z"], domain="ai.onnx.ml", **strings)
    proto.graph.node.append(node)
    proto.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    assert rg.Model(proto).labels == ("cat", "dog")


def test_commands_take_the_name_of_a_set(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(classifier(1000, side=8), here / "wide.onnx")
    unit = ["--unit", "golden retriever", "--preprocess", "0-1"]
    told = run(capsys, "explain", "wide.onnx", "dog.png", *unit, "-o", "a.png").out
    assert "· golden retriever ·" in told
    assert "classes are named as those of imagenet" in told
    given = run(
        capsys, "explain", "wide.onnx", "dog.png", *unit, "--labels", "imagenet", "-o", "b.png"
    )
    assert "classes are named" not in given.out
    assert "unit 207" in good(
        capsys, "explain wide.onnx dog.png --unit 207 --preprocess 0-1 --labels none -o c.png"
    )
