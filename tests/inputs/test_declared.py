"""What a graph's first arithmetic and other tools' metadata say of the preprocessing."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import retrograph as rg
from retrograph.inputs import choose_preprocessing
from retrograph.inputs.declared import declared_preprocessing
from retrograph.preprocess import recipe_in_metadata

IMAGENET = np.float32([0.485, 0.456, 0.406])
STD = np.float32([0.229, 0.224, 0.225])
CAFFE = np.float32([103.94, 116.78, 123.68])


def net(first: Sequence[onnx.NodeProto], last: bool = False, **constants: object) -> rg.Model:
    """A classifier of pictures whose input goes through some nodes, from "x" to "z"."""
    shape = ["N", 16, 16, 3] if last else ["N", 3, 16, 16]
    before = [helper.make_node("Transpose", ["z"], ["t"], perm=[0, 3, 1, 2])] if last else []
    nodes = [
        *first,
        *before,
        helper.make_node("Conv", ["t" if last else "z", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["y"]),
    ]
    values = {"w": np.ones((4, 3, 3, 3), np.float32), **constants}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4, 1, 1])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in values.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    return rg.Model(helper.make_model(graph, opset_imports=opsets, ir_version=8))


def node(op: str, *names: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, names[:-1], names[-1:], **attributes)


def column(values: np.ndarray) -> np.ndarray:
    return values.reshape(3, 1, 1)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (net([node("Div", "x", "a", "z")], a=np.float32(255)), "0-255"),
        (net([node("Mul", "x", "a", "z")], a=np.float32(1 / 127.5)), "0-255"),
        (
            net(
                [node("Sub", "x", "m", "s"), node("Div", "s", "d", "z")],
                m=column(IMAGENET),
                d=column(STD),
            ),
            "0-1",
        ),
        (net([node("Sub", "x", "m", "z")], m=column(CAFFE[::-1].copy())), "0-255"),
        (net([node("Sub", "x", "m", "z")], m=column(CAFFE)), "bgr"),
        (
            net(  # RGB in, the means of BGR behind a Gather that turns the colours
                [node("Gather", "x", "i", "g", axis=1), node("Sub", "g", "m", "z")],
                i=np.int64([2, 1, 0]),
                m=column(CAFFE),
            ),
            "0-255",
        ),
        (net([node("Sub", "x", "m", "z")], last=True, m=CAFFE), "bgr"),
        (
            net(
                [node("BatchNormalization", "x", "g", "b", "m", "v", "z")],
                g=np.ones(3, np.float32),
                b=np.zeros(3, np.float32),
                m=np.float32([123, 117, 104]),
                v=np.float32([58, 57, 57]) ** 2,
            ),
            "0-255",
        ),
        (
            net(
                [node("Mul", "x", "a", "s"), node("Sub", "s", "o", "z")],
                a=np.float32(2),
                o=np.float32(1),
            ),
            "0-1",
        ),
        (net([node("Identity", "x", "z")]), None),
        (net([node("Mul", "x", "a", "z")], a=np.float32(1000)), None),  # suits neither
        (net([node("Relu", "x", "z")]), None),
    ],
)
def test_the_first_arithmetic_tells_the_range_and_the_colours(
    model: rg.Model, expected: str | None
) -> None:
    declared = declared_preprocessing(model, "x")
    if expected is None:
        assert declared is None
        return
    assert declared is not None
    recipe, text = declared
    assert text.startswith("the graph first computes ")
    if expected == "bgr":
        assert (recipe.scale, recipe.order) == (1.0, "bgr")
    else:
        assert recipe == rg.PRESETS[expected].for_shape(model.axes("x").frame)


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("Div", np.float32(255), "0.003922 x input"),
        ("Sub", np.float32(120), "input - 120"),
        ("Sub", column(CAFFE), "input - 103.9/116.8/123.7"),
    ],
)
def test_the_first_arithmetic_is_told_as_an_expression(
    op: str, value: np.ndarray, expected: str
) -> None:
    declared = declared_preprocessing(net([node(op, "x", "a", "z")], a=value), "x")
    assert declared is not None
    assert declared[1] == f"the graph first computes {expected}"


def test_a_factor_and_an_offset_are_told_as_an_expression() -> None:
    nodes = [node("Mul", "x", "a", "s"), node("Sub", "s", "o", "z")]
    declared = declared_preprocessing(net(nodes, a=np.float32(2), o=np.float32(1)), "x")
    assert declared is not None
    assert declared[1] == "the graph first computes 2 x input - 1"


def test_what_is_declared_is_taken_and_said() -> None:
    model = net([node("Div", "x", "a", "z")], a=np.float32(255))
    choice = choose_preprocessing(model, "x")
    assert choice is not None
    assert choice.line == "preprocessing: 0-255 (declared by the graph)"
    picture = np.full((16, 16, 3), 200, np.uint8)
    answer = rg.explain(model, picture, method="gradient", device="cpu")
    assert answer.feeds["x"].max() == 200
    assert answer.to_dict()["preprocessing"]["source"] == "declared"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"preprocessing": "imagenet"}, rg.PRESETS["imagenet"]),
        ({"Image.BitmapPixelFormat": "Bgr8"}, rg.Preprocessing(1.0, order="bgr")),
        (
            {"Image.BitmapPixelFormat": "Rgb8", "Image.NominalPixelRange": "Normalized_1_1"},
            rg.Preprocessing(1 / 127.5, (1.0,)),
        ),
        (
            {
                "pretrained_cfg": json.dumps(
                    {
                        "mean": [0.5] * 3,
                        "std": [0.5] * 3,
                        "crop_pct": 0.9,
                        "interpolation": "bicubic",
                    }
                )
            },
            rg.Preprocessing(
                1 / 255, (0.5,) * 3, (0.5,) * 3, crop_fraction=0.9, interpolation="bicubic"
            ),
        ),
        (
            {"preprocessor_config": json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3})},
            rg.Preprocessing(1 / 255, (0.5,) * 3, (0.5,) * 3),
        ),
        (
            {"mean": "[123.0, 117.0, 104.0]", "std": "58, 57, 57"},
            rg.Preprocessing(1.0, (123.0, 117.0, 104.0), (58.0, 57.0, 57.0)),
        ),
        ({"author": "Ultralytics", "stride": "32"}, rg.Preprocessing(resize="pad")),
        ({"preprocessing": "my own"}, None),
        ({"mean": "unknown", "std": "1"}, None),
        ({"pretrained_cfg": "{broken"}, None),
        ({}, None),
    ],
)
def test_other_tools_write_it_into_the_metadata(
    properties: dict[str, str], expected: rg.Preprocessing | None
) -> None:
    assert recipe_in_metadata(properties) == expected
