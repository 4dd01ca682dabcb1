"""Where files part whose tensors have other sizes, or whose operators have other attributes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import ModelProto

import retrograph as rg
from retrograph.auditing import repair
from support.audit_case import NETS, SIZE, inputs
from support.faults import Editor
from support.nets import info, model, node, weights

INNER = 10


def _with_attribute(clean: ModelProto, op: str, name: str, value: object) -> ModelProto:
    """The net with another attribute of its first node of an operator."""
    editor = Editor(clean)
    place = next(n for n in editor.graph.node if n.op_type == op)
    editor.set_attribute(place, name, value)
    return editor.model


def _boxes(axis: int) -> ModelProto:
    """A detector's scores [N, places, classes] by a Softmax as opset 11 defines it."""
    nodes = [
        node("Conv", "x w1 b1", "a1"),
        node("Transpose", "a1", "t", perm=[0, 2, 3, 1]),
        node("Reshape", "t sizes", "places"),
        node("Softmax", "places", "y", axis=axis),
    ]
    sizes = onnx.numpy_helper.to_array(onnx.helper.make_tensor("s", 7, [3], [0, -1, 2]))
    constants = {"w1": weights(2, 3, 3, 3), "b1": weights(2), "sizes": sizes}
    size = (SIZE - 2) ** 2
    ends = [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", size, 2])]
    return model(nodes, *ends, constants, opset=11)


def _deep(first: Sequence[onnx.NodeProto], name: str) -> ModelProto:
    """A convolution, some nodes, and so many more that their sizes meet only far behind."""
    inner = [
        node("LeakyRelu", name if i == 0 else f"l{i}", f"l{i + 1}", alpha=0.5) for i in range(INNER)
    ]
    ends = [node("GlobalAveragePool", f"l{INNER}", "g"), node("Flatten", "g", "y")]
    nodes = [node("Conv", "x w1", "c"), *first, *inner, *ends]
    shapes = [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 4])]
    return model(nodes, *shapes, {"w1": weights(4, 3, 3, 3)})


def test_the_axis_of_an_old_softmax_is_named_once() -> None:
    found = rg.audit(_boxes(2), _boxes(1), inputs(), method=None)
    assert [cause.text for cause in found.findings[0].causes][:1] == ["axis 2 in A, 1 in B"]
    assert len(found.findings) == 1
    assert found.findings[0].region.repaired
    assert "missing" not in found.sentence


@pytest.mark.parametrize("strides", [[1, 1], [2, 2]], ids=["other-size", "same-size"])
def test_the_window_of_a_pool_is_named(strides: list[int]) -> None:
    def pool(window: list[int]) -> ModelProto:
        one = node("MaxPool", "c", "p", kernel_shape=window, strides=strides)
        return _deep([one], "p")

    found = rg.audit(pool([3, 3]), pool([2, 2]), inputs(), method=None)
    first = found.findings[0]
    assert first.label_b == "pool1 (`n_p`)"
    assert first.text == "kernel_shape [3,3] in A, [2,2] in B"
    assert first.region.b_tensors[0] == "p"


def test_where_no_output_fits_the_place_and_the_attribute_are_said() -> None:
    clean = NETS["gated"]()
    broken = _with_attribute(clean, "Conv", "dilations", [2, 2])
    found = rg.audit(clean, broken, inputs(), method=None)
    assert found.fails()
    assert "No output of B has the size of one of A" in found.sentence
    where = "B first parts from A at conv1 (`n_a1`): dilations [1,1] in A, [2,2] in B."
    assert where in found.sentence
    assert "size [3, 6, 9, 9] in A, [3, 6, 7, 7] in B" in found.sentence


def test_what_one_file_alone_has_at_its_end_is_said() -> None:
    clean = NETS["plain"]()
    editor = Editor(clean)
    editor.graph.node.append(node("Concat", "y y", "twice", axis=1))
    editor.graph.output[0].CopyFrom(info("twice", ["N", 10]))
    longer = rg.audit(clean, editor.model, inputs(), method=None)
    assert "B has Concat, which A has not" in longer.sentence
    shorter = rg.audit(editor.model, clean, inputs(), method=None)
    assert "Concat of A is missing in B" in shorter.sentence


def test_no_place_is_said_again_where_its_repair_gains_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repair, "_may_stand", lambda *_: True)
    slopes = [node("Elu", "c", "r")]
    pool = [node("MaxPool", "c", "p", kernel_shape=[2, 2], strides=[2, 2])]
    found = rg.audit(_deep(slopes, "r"), _deep(pool, "p"), inputs(), method=None)
    ends = [finding.region.b_end for finding in found.findings]
    assert len(ends) == len(set(ends))


def test_an_operator_in_the_place_of_another_is_no_lost_one() -> None:
    slopes = [node("Elu", "c", "r")]
    pool = [node("MaxPool", "c", "p", kernel_shape=[2, 2], strides=[2, 2])]
    found = rg.audit(_deep(slopes, "r"), _deep(pool, "p"), inputs(), method=None)
    assert [finding.text for finding in found.findings] == ["Elu in A, MaxPool in B"]


def test_a_finding_shows_itself_in_a_line() -> None:
    clean = NETS["plain"]()
    broken = _with_attribute(clean, "Conv", "pads", [0, 0, 2, 2])
    found = rg.audit(clean, broken, inputs())
    expected = "<Finding at conv1 (`n_a1`): pads [1,1,1,1] in A, [0,0,2,2] in B>"
    assert repr(found.findings[0]) == expected
    assert len(repr(found.findings[0].case)) < 100
    assert len(repr(found.maps[0])) < 200


def test_an_output_of_another_size_is_no_equal_one_though_the_others_agree() -> None:
    def two(dilation: int) -> ModelProto:
        nodes = [
            node("Conv", "x w1", "c"),
            node("GlobalAveragePool", "c", "y"),
            node("Conv", "c w2", "z", dilations=[dilation, dilation]),
        ]
        ends = [info("y", ["N", 6, 1, 1]), info("z", ["N", 4, None, None])]
        constants = {"w1": weights(6, 3, 3, 3), "w2": weights(4, 6, 3, 3)}
        return model(nodes, [info("x", ["N", 3, SIZE, SIZE])], ends, constants)

    found = rg.audit(two(1), two(2), inputs(), method=None)
    assert found.fails()
    assert found.sentence.startswith("Output z has the size [3, 4, 5, 5] in A, [3, 4, 3, 3] in B. ")
    assert "conv2 (`n_z`): dilations [1,1] in A, [2,2] in B." in found.sentence
    assert not found.notes


def test_a_tensor_of_another_size_is_repaired_all_the_same() -> None:
    broken = Editor(NETS["residual"]())
    node = next(n for n in broken.graph.node if n.output[0] == "a3")
    broken.set_attribute(node, "strides", [1, 1])
    found = rg.audit(NETS["residual"](), broken.model, inputs(), method=None)
    region = found.findings[0].region
    assert (region.a_end, region.repaired, region.order) == ("a3", True, None)
    assert "strides [2,2] in A, [1,1] in B" in found.sentence
    assert "nothing else differs" in found.sentence
    assert all(layer.b not in ("a3", "r3") for layer in found.layers)


def _capped(activation: Sequence[str], second: np.ndarray) -> ModelProto:
    """Two convolutions with an activation and its bounds between, so that both make one region."""
    nodes = [
        node("Conv", "x w1", "c"),
        node(activation[0], " ".join(["c", *activation[1:]]), "r"),
        node("Conv", "r w2", "d"),
        node("Relu", "d", "e"),
        node("GlobalAveragePool", "e", "y"),
    ]
    bounds = {"low": np.float32(0), "high": np.float32(0.2)}
    constants = {"w1": weights(4, 3, 3, 3), "w2": second, **bounds}
    ends = [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 5, 1, 1])]
    return model(nodes, *ends, constants)


def test_the_node_that_is_named_holds_the_cause() -> None:
    clean = weights(5, 4, 3, 3)
    moved = clean.copy()
    moved[2, 1, 0, 0] *= -1
    found = rg.audit(
        _capped(["Clip", "low", "high"], clean), _capped(["Relu"], moved), inputs(), method=None
    )
    first = found.findings[0]
    assert first.region.b_tensors == ("r", "d")
    assert first.label_b == "conv2 (`n_d`)"
    assert "conv2 (`n_d`): 1 of 180 weights differ" in found.sentence
    assert "Relu in B (relu1 (`n_r`) in A)" in found.sentence


def test_a_pad_before_a_convolution_is_told_as_its_pads() -> None:
    def padded(first: Sequence[onnx.NodeProto], name: str, pads: list[int]) -> ModelProto:
        nodes = [
            *first,
            node("Conv", f"{name} w1", "c", pads=pads),
            node("Relu", "c", "r"),
            node("GlobalAveragePool", "r", "y"),
        ]
        amounts = np.array([0, 0, 0, 0, 0, 0, 2, 2])
        ends = [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 4, 1, 1])]
        return model(nodes, *ends, {"w1": weights(4, 3, 3, 3), "amounts": amounts})

    b = padded([node("Pad", "x amounts", "p")], "p", [0, 0, 0, 0])
    found = rg.audit(padded([], "x", [1, 1, 1, 1]), b, inputs(), method=None)
    assert "conv1 (`n_c`): pads [1,1,1,1] in A, [0,0,2,2] in B. With" in found.sentence


def test_an_operator_behind_the_last_layer_is_placed_there() -> None:
    clean = NETS["plain"]()
    editor = Editor(clean)
    editor.graph.node.append(node("Softmax", "y", "shares", axis=1))
    editor.graph.output[0].CopyFrom(info("shares", ["N", 5]))
    found = rg.audit(clean, editor.model, inputs(), method=None)
    assert "at softmax1 (`n_shares`): B has Softmax, which A has not." in found.sentence
