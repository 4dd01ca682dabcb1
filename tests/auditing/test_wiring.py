"""Nodes that read other tensors in B, or the same in another order or at other places."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, helper

import retrograph as rg
from support.audit_case import SIZE, inputs
from support.audit_nets import MORE_NETS
from support.faults import Editor
from support.nets import info, model, node, weights

WIDTH = 6
HEADS = 2


def attention() -> ModelProto:
    """Tokens with places added, attended to each other by two heads, added to what they were."""
    nodes = [
        node("Conv", "x w b", "c", strides=[3, 3]),
        node("Reshape", "c flat", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1]),
        node("Add", "t places", "tokens"),
        *(part for key in "qkv" for part in _head(key)),
        node("MatMul", "hq hk", "scores"),
        node("Softmax", "scores", "shares", axis=-1),
        node("MatMul", "shares hv", "mixed"),
        node("Transpose", "mixed", "turned", perm=[0, 2, 1, 3]),
        node("Reshape", "turned joined", "out"),
        node("Add", "out tokens", "sum"),
        node("ReduceMean", "sum", "y", axes=[1], keepdims=0),
    ]
    constants = {
        "w": weights(WIDTH, 3, 3, 3),
        "b": weights(WIDTH),
        "flat": np.array([0, WIDTH, -1]),
        "places": weights(1, 9, WIDTH, seed=2),
        "split": np.array([0, 0, HEADS, WIDTH // HEADS]),
        "joined": np.array([0, 0, WIDTH]),
        **{f"w{key}": 3 * weights(WIDTH, WIDTH, seed=i) for i, key in enumerate("qkv", 1)},
    }
    return model(nodes, [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", WIDTH])], constants)


def _head(key: str) -> list:
    perm = [0, 2, 3, 1] if key == "k" else [0, 2, 1, 3]
    return [
        node("MatMul", f"tokens w{key}", key),
        node("Reshape", f"{key} split", f"s{key}"),
        node("Transpose", f"s{key}", f"h{key}", perm=perm),
    ]


def _audited(clean: ModelProto, editor: Editor) -> rg.Audit:
    return rg.audit(clean, editor.model, inputs(), method=None)


def _node(editor: Editor, output: str) -> helper.NodeProto:
    return next(n for n in editor.graph.node if n.output[0] == output)


def test_another_tensor_that_is_read_is_named() -> None:
    clean = attention()
    editor = Editor(clean)
    _node(editor, "sum").input[1] = "t"
    found = _audited(clean, editor)
    first = found.findings[0]
    assert first.region.repaired
    assert first.text == "it reads add1 (`n_tokens`) in A, what is A's conv1 (`n_c`) in B"


@pytest.mark.parametrize("output", ["j", "z"], ids=["join", "quotient"])
def test_inputs_in_another_order_are_named(output: str) -> None:
    clean = MORE_NETS["gelus"]()
    editor = Editor(clean)
    swapped = _node(editor, output)
    swapped.input[0], swapped.input[1] = swapped.input[1], swapped.input[0]
    found = _audited(clean, editor)
    assert found.findings[0].text == "its inputs are in another order in B"


def test_keys_in_place_of_queries_are_named() -> None:
    clean = attention()
    editor = Editor(clean)
    for key, weight in (("q", "wk"), ("k", "wq")):
        _node(editor, key).input[1] = weight
    found = _audited(clean, editor)
    assert found.findings[0].causes[0].kind == "axes"
    assert "A's axes in the order [0, 2, 1] in B" in found.sentence


def test_what_is_moved_otherwise_before_a_node_is_named() -> None:
    clean = attention()
    editor = Editor(clean)
    turn = _node(editor, "hv")
    turn.output[0] = "hv_before"
    place = [*editor.graph.node].index(turn)
    for name, value in (("start", -1), ("end", -100), ("axis", 3)):
        editor.set_constant(name, np.array([value]))
    names = ["hv_before", "start", "end", "axis", "start"]
    editor.graph.node.insert(place + 1, helper.make_node("Slice", names, ["hv"], "mirror"))
    found = _audited(clean, editor)
    assert found.findings[0].region.repaired
    assert "what goes in there is A's reversed along axis 3 in B" in found.sentence
    assert "(`mirror`)" in found.sentence


def test_a_sum_that_is_lost_behind_moved_numbers_is_repaired_at_once() -> None:
    clean = attention()
    editor = Editor(clean)
    editor.bypass(_node(editor, "tokens"))
    found = _audited(clean, editor)
    assert len(found.findings) == 1
    assert found.findings[0].region.repaired
    assert found.findings[0].text == "Add of A is missing in B"


def test_what_is_dropped_as_in_training_is_named() -> None:
    clean = attention()
    editor = Editor(clean)
    product = _node(editor, "hv")
    product.output[0] = "hv_before"
    place = [*editor.graph.node].index(product)
    scalars = (("ratio", 1, 0.5), ("training", 9, True))
    constants = (helper.make_tensor(name, kind, [], [value]) for name, kind, value in scalars)
    editor.graph.initializer.extend(constants)
    drop = helper.make_node("Dropout", ["hv_before", "ratio", "training"], ["hv"], "drop", seed=3)
    editor.graph.node.insert(place + 1, drop)
    found = _audited(clean, editor)
    assert found.findings[0].text == "B has Dropout in training before it, which A has not"
    assert found.findings[0].label_b == "dropout1 (`drop`)"
