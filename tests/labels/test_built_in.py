"""Class names of data sets, and in the metadata of exporters: found, counted, said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

import retrograph as rg
from retrograph.errors import InputError
from retrograph.inputs.classes import class_count
from retrograph.labels import BUILT_IN, built_in_labels, labels_by_count, labels_in_metadata
from retrograph.pipeline.labels import label_note, model_labels
from support import nets
from support.cli_case import good, run, workplace
from support.corpus import ENTRIES, needs_corpus


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
    names = built_in_labels(name, [classes])
    assert len(names) == classes
    assert names[index] == expected


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_two_classes_are_called_alike(name: str) -> None:
    names = built_in_labels(name, [])
    assert len(set(names)) == len(names)


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(InputError, match="names 1000 or 1001 classes and the model has 10"):
        built_in_labels("imagenet", [10])
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
    assert names == built_in_labels("imagenet", [classes])
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


def places(inputs: str, outputs: str, body: str, channels: int, side: int) -> rg.Model:
    """A detector or a map: convolutions of pictures, `channels` numbers at each position."""
    proto = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> g ({inputs}) => ({outputs}) {{ {body} }}'
    )
    for name, shape in {"k": (4, 3, side, side), "w": (channels, 4, 1, 1)}.items():
        proto.graph.initializer.append(numpy_helper.from_array(nets.weights(*shape), name))
    return rg.Model(proto)


@pytest.fixture
def detector() -> rg.Model:
    """A grid of 13 x 13 x 5 boxes of 20 classes."""
    body = (
        "c = Conv<strides=[4,4]>(x, k) r = Relu(c) d = Conv(r, w) s = Reshape(d, apart)"
        " y = Transpose<perm=[0,1,3,4,2]>(s)"
    )
    outputs = "float[1,5,13,13,25] y"
    proto = places("float[1,3,52,52] x", outputs, body, 5 * (5 + 20), 4).proto
    apart = numpy_helper.from_array(np.array([1, 5, 25, 13, 13]), "apart")
    proto.graph.initializer.append(apart)
    return rg.Model(proto)


@pytest.fixture
def faces() -> rg.Model:
    """32 boxes of one class, their scores in an output of their own, [1, 32, 1]."""
    body = (
        "c = Conv<strides=[16,16]>(x, k) r = Relu(c) d = Conv(r, w)"
        " t = Transpose<perm=[0,2,3,1]>(d) s, b = Split<axis=3>(t, n)"
        " scores = Reshape(s, one) boxes = Reshape(b, four)"
    )
    outputs = "float[1,32,1] scores, float[1,32,4] boxes"
    proto = places("float[1,3,64,64] x", outputs, body, 2 * (1 + 4), 16).proto
    for name, value in {"n": [2, 8], "one": [1, 32, 1], "four": [1, 32, 4]}.items():
        proto.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    return rg.Model(proto)


@pytest.fixture
def segmentation() -> rg.Model:
    body = "c = Conv<pads=[1,1,1,1]>(x, k) r = Relu(c) y = Conv(r, w)"
    return places("float[1,3,16,16] x", "float[1,21,16,16] y", body, 21, 3)


def test_a_detector_has_the_classes_of_its_boxes(detector: rg.Model, here: Path) -> None:
    voc = built_in_labels("voc", [20])
    assert model_labels(detector, "voc") == voc
    assert model_labels(detector) == voc
    assert "as those of voc" in label_note(detector, None, voc)
    assert len(model_labels(detector, [f"c{i}" for i in range(20)])) == 20
    with pytest.raises(InputError, match="names 80 or 90 or 81 or 91 classes and the model has 20"):
        model_labels(detector, "coco")
    with pytest.raises(InputError, match="names 3 classes and the model has 20"):
        model_labels(detector, ["a", "b", "c"])
    found = rg.explain(detector, here / "dog.png", class_="horse", labels="voc", device="cpu")
    assert found.explanations[0].unit_name(0).startswith("horse, box 0")


def test_one_name_is_enough_for_boxes_of_one_class(faces: rg.Model) -> None:
    assert [(head.name, head.classes) for head in faces.heads()] == [("boxes", 1)]
    assert model_labels(faces, ["face"]) == ("face",)
    with pytest.raises(InputError, match="names 32 classes and the model has 1;"):
        model_labels(faces, [f"c{i}" for i in range(32)])


def test_a_map_has_the_classes_of_its_channels(segmentation: rg.Model) -> None:
    voc = built_in_labels("voc", [21])
    assert model_labels(segmentation) == model_labels(segmentation, "voc") == voc
    assert model_labels(segmentation, voc[1:]) == voc[1:]  # the background is not named
    with pytest.raises(InputError, match=r"coco.* names 80 .* and the model has 21"):
        model_labels(segmentation, "coco")


def test_numbers_at_positions_written_as_one_row_are_no_classes() -> None:
    body = "c = Conv<strides=[4,4]>(x, k) r = Relu(c) d = Conv(r, w) y = Flatten(d)"
    model = places("float[1,3,52,52] x", "float[1,1690] y", body, 10, 4)
    assert class_count(model) is None
    assert len(model_labels(model, "voc")) == 20


@needs_corpus
def test_a_detector_in_one_row_has_the_classes_of_its_boxes() -> None:
    model = rg.Model(ENTRIES["tinyyolo_ball"].file)
    assert len(model_labels(model)) == len(model_labels(model, "voc")) == 20
    with pytest.raises(InputError, match="names 4 classes and the model has 20;"):
        model_labels(model, list("abcd"))
