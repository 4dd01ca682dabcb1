"""What is measured: its inputs, and its multiply-adds against counts by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from retrograph.benchmarks import Subject, multiply_adds
from retrograph.errors import InputError
from retrograph.model import Model


def graph(
    nodes: list[onnx.NodeProto], weights: dict[str, tuple[int, ...]], x: list[object]
) -> Model:
    constants = [numpy_helper.from_array(np.ones(s, np.float32), n) for n, s in weights.items()]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        constants,
    )
    return Model(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8))


def node(op: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), [output], name=output, **attributes)


COUNTS = {
    # 5 filters over 3 channels, 3 x 3, at 6 x 6 places
    "convolution": ([node("Conv", "x w", "y")], {"w": (5, 3, 3, 3)}, 5 * 6 * 6 * 3 * 9),
    # stride 2, padded: 4 x 4 places
    "strides and pads": (
        [node("Conv", "x w", "y", strides=[2, 2], pads=[1, 1, 1, 1])],
        {"w": (5, 3, 3, 3)},
        5 * 4 * 4 * 3 * 9,
    ),
    # each channel by itself: one input channel a filter
    "depthwise": (
        [node("Conv", "x w", "y", group=3, pads=[1, 1, 1, 1])],
        {"w": (3, 1, 3, 3)},
        3 * 8 * 8 * 9,
    ),
    # each of 3 x 8 x 8 numbers is multiplied with 4 filters of 2 x 2
    "transposed": ([node("ConvTranspose", "x w", "y")], {"w": (3, 4, 2, 2)}, 3 * 64 * 4 * 4),
    # 192 features to 10 classes
    "gemm": ([node("Flatten", "x", "f"), node("Gemm", "f w", "y")], {"w": (192, 10)}, 192 * 10),
    "gemm, transposed": (
        [node("Flatten", "x", "f"), node("Gemm", "f w", "y", transB=1)],
        {"w": (10, 192)},
        192 * 10,
    ),
    # [3, 8, 8] times [8, 4]
    "product": ([node("MatMul", "x w", "y")], {"w": (8, 4)}, 3 * 8 * 4 * 8),
    "two in a row": (
        [node("Conv", "x w", "a"), node("Relu", "a", "b"), node("Conv", "b v", "y")],
        {"w": (5, 3, 3, 3), "v": (2, 5, 1, 1)},
        5 * 6 * 6 * 27 + 2 * 6 * 6 * 5,
    ),
}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("lead", ["N", 1])
def test_multiply_adds_are_those_counted_by_hand(name: str, lead: object) -> None:
    nodes, weights, count = COUNTS[name]
    model = graph(nodes, weights, [lead, 3, 8, 8])
    assert multiply_adds(model.graph, "y", 1) == count
    assert multiply_adds(model.graph, "y", 16) == count * (16 if lead == "N" else 1)


def test_only_what_the_target_needs_is_counted() -> None:
    nodes, weights, _ = COUNTS["two in a row"]
    assert multiply_adds(graph(nodes, weights, ["N", 3, 8, 8]).graph, "b", 1) == 5 * 6 * 6 * 27


def test_an_open_size_is_no_number() -> None:
    nodes, weights, _ = COUNTS["convolution"]
    assert multiply_adds(graph(nodes, weights, ["N", 3, "H", "W"]).graph, "y", 1) is None
    assert multiply_adds(graph([node("Relu", "x", "y")], {}, ["N", 3]).graph, "y", 1) is None


def test_a_layer_is_measured_without_what_is_above_it() -> None:
    nodes, weights, _ = COUNTS["two in a row"]
    model = graph(nodes, weights, ["N", 3, 8, 8])
    subject = Subject(model, "relu1")
    for built in (subject.forward(), subject.explained("guided")):
        assert "v" not in {constant.name for constant in built.graph.initializer}
        assert "y" not in {value.name for value in built.graph.output}
    assert [value.name for value in Subject(model).forward().graph.output] == ["y"]


def test_open_and_fixed_sizes() -> None:
    nodes, weights, _ = COUNTS["two in a row"]
    wide = Subject(graph(nodes, weights, ["N", 3, "H", "W"]))
    assert wide.feeds(2, (3, 9, 7))["x"].shape == (2, 3, 9, 7)
    with pytest.raises(InputError, match="give its sizes, such as item="):
        wide.feeds(1, None)
    with pytest.raises(InputError, match="4x9x7 does not fit"):
        wide.feeds(1, (4, 9, 7))
    fixed = Subject(graph(nodes, weights, [2, 3, 8, 8]))
    assert fixed.feeds(None, None)["x"].shape == (2, 3, 8, 8)
    with pytest.raises(InputError, match="fixes the batch at 2"):
        fixed.feeds(4, None)
