"""What is named as the cause: axes, other layers' weights, overflow, spellings of a GELU."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, helper

import retrograph as rg
from retrograph.auditing.diagnosis.weights import weight_cause
from support.audit_case import NETS, SIZE, inputs
from support.audit_nets import MORE_NETS, quantised
from support.faults import Editor
from support.nets import info, model, node, weights


def _behind(net: ModelProto, tensor: str, *added: NodeProto) -> ModelProto:
    """The net with nodes put behind the node of a tensor, which is called TENSOR_before then."""
    editor = Editor(net)
    place = [n.output[0] for n in editor.graph.node].index(tensor)
    editor.graph.node[place].output[0] = f"{tensor}_before"
    for number, each in enumerate(added, 1):
        editor.graph.node.insert(place + number, each)
    return editor.model


def test_axes_that_are_swapped_before_a_layer_are_named() -> None:
    turn = helper.make_node("Transpose", ["r2_before"], ["r2"], perm=[0, 1, 3, 2])
    found = rg.audit(NETS["plain"](), _behind(NETS["plain"](), "r2", turn), inputs(), method=None)
    assert found.findings[0].causes[0].kind == "axes"
    assert "height and width swapped in B" in found.sentence


def test_weights_of_another_layer_are_named() -> None:
    clean = NETS["residual"]()
    editor = Editor(clean)
    second = editor.constant("s2")
    assert second is not None
    editor.set_constant("s1", second)
    found = rg.audit(clean, editor.model, inputs(), method=None)
    assert "A's `s2` in B" in found.sentence


def test_where_numbers_overflow_first_is_said() -> None:
    large = Editor(NETS["plain"]())
    weight = large.constant("w3")
    assert weight is not None
    large.set_constant("w3", weight * np.float32(1e5))
    casts = (
        helper.make_node("Cast", ["r3_before"], ["half"], "narrow", to=10),
        helper.make_node("Cast", ["half"], ["r3"], "wide", to=1),
    )
    found = rg.audit(large.model, _behind(large.model, "r3", *casts), inputs(), method=None)
    assert found.verdict.name == "broken"
    assert "inf or NaN, first cast1 (`narrow`)" in found.sentence


def test_what_is_nearly_equal_is_in_no_other_order() -> None:
    clean = NETS["plain"]()
    editor = Editor(clean)
    weight = editor.constant("w4")
    assert weight is not None
    moved = weight + 1e-4 * weights(*weight.shape, seed=9)
    editor.set_constant("w4", moved.astype(np.float32))
    found = rg.audit(clean, editor.model, inputs(), method=None)
    assert found.findings
    assert not [c for c in found.findings[0].causes if c.kind.startswith("values-")]


def test_a_gelu_of_one_node_is_told_from_one_of_many() -> None:
    clean = MORE_NETS["gelus"]()
    editor = Editor(clean)
    place = [n.output[0] for n in editor.graph.node].index("d1")
    del editor.graph.node[place : place + 5]
    gelu = helper.make_node("Gelu", ["a1"], ["g1"], "gelu", approximate="tanh")
    editor.graph.node.insert(place, gelu)
    editor.model.opset_import[0].version = 20
    found = rg.audit(clean, editor.model, inputs(), method=None)
    assert found.findings[0].causes[0].text == "a GELU by Erf in A, by tanh in B"
    assert found.findings[0].region.repaired


def test_channels_of_which_some_are_dead_are_told_apart() -> None:
    weight = weights(8, 2, 3, 3)
    weight[[1, 4, 6]] = 0
    moved = weight_cause(weight, np.roll(weight, 1, 0))
    assert moved is not None
    assert moved.kind == "channels-permuted"
    scale = np.linspace(0.5, 2, 8, dtype=np.float32).reshape(-1, 1, 1, 1)
    scaled = weight_cause(weight, weight * scale)
    assert scaled is not None
    assert scaled.kind == "scaled"


def test_few_weights_that_differ_are_told_with_their_values() -> None:
    weight = weights(6, 3, 3, 3)
    moved = weight.copy()
    weight[5, 2, 0, 1], moved[5, 2, 0, 1] = 0.25, -0.5
    cause = weight_cause(weight, moved)
    assert cause is not None
    assert cause.text == "1 of 162 weights differ ([5, 2, 0, 1] 0.25 in A, -0.5 in B)"


def test_channels_that_are_lost_are_told_with_the_file() -> None:
    weight = weights(6, 3, 3, 3)
    moved = weight.copy()
    moved[4] = 0
    cause = weight_cause(weight, moved)
    assert cause is not None
    assert cause.text == "1 of 6 output channels are 0 in B (4)"


def _branches(epsilons: tuple[float, float]) -> ModelProto:
    """Two normalised convolutions beside each other, added."""
    nodes, constants = [], {}
    for i, epsilon in enumerate(epsilons):
        nodes.append(node("Conv", f"x w{i}", f"c{i}"))
        normalised = f"c{i} s{i} b{i} m{i} v{i}"
        nodes.append(node("BatchNormalization", normalised, f"n{i}", epsilon=epsilon))
        constants |= {f"w{i}": weights(6, 3, 3, 3, seed=i), f"s{i}": 1 + weights(6, seed=i) / 2}
        constants |= {f"b{i}": weights(6, seed=i + 2), f"m{i}": weights(6, seed=i + 4)}
        constants[f"v{i}"] = (0.1 + weights(6, seed=i + 6) ** 2).astype(np.float32)
    nodes += [node("Add", "n0 n1", "sum"), node("GlobalAveragePool", "sum", "y")]
    ends = [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 6, 1, 1])]
    return model(nodes, *ends, constants)


def test_one_fault_in_two_branches_is_named_at_both() -> None:
    found = rg.audit(_branches((1e-5, 1e-5)), _branches((0.1, 0.1)), inputs(), method=None)
    causes = [cause for each in found.findings for cause in each.causes]
    assert [(c.kind, c.b) for c in causes] == [("epsilon", "n0"), ("epsilon", "n1")]
    assert found.findings[-1].region.repaired


def test_quantisers_are_told_as_the_file_has_them() -> None:
    editor = Editor(quantised())
    editor.set_constant("scale", np.float32(1.8))
    codes = next(n for n in editor.graph.node if n.output[0] == "cq")
    codes.input[1] = "scale"
    found = rg.audit(quantised(), editor.model, inputs(), method=None)
    assert found.findings[0].text == "scale 1.5 in A, 1.8 in B"
    assert "(in `n_cq`)" in found.sentence


def test_scales_of_channels_in_another_order_are_no_rounding() -> None:
    weight = weights(6, 3, 3, 3)
    steps = np.abs(weight).max((1, 2, 3), keepdims=True) / 127
    codes = np.round(weight / steps)
    cause = weight_cause(codes * steps, (codes * np.roll(steps, 1, 0)).astype(np.float32))
    assert cause is not None
    assert cause.kind == "scaled"


def test_many_inputs_in_another_order_are_told() -> None:
    weight = weights(3, 5000)
    cause = weight_cause(weight, np.roll(weight, 1, 1))
    assert cause is not None
    assert cause.text == "the input channels are in another order (5000 of 5000 moved)"


def test_weights_that_were_moved_a_little_are_not_scaled() -> None:
    weight = weights(8, 6, 3, 3)
    moved = weight * (1 + 1e-3 * np.random.default_rng(5).normal(size=weight.shape))
    cause = weight_cause(weight, moved.astype(np.float32))
    assert cause is not None
    assert cause.kind == "weights"


def test_a_bias_of_another_layer_is_named() -> None:
    clean = NETS["plain"]()
    editor = Editor(clean)
    editor.set_constant("b2", weights(8, seed=7))
    first = Editor(editor.model)
    first.set_constant("b2", weights(8, seed=8))
    first.set_constant("spare", weights(8, seed=7))
    spare = helper.make_node("Add", ["b2", "spare"], ["unread"])
    first.graph.node.append(spare)
    found = rg.audit(first.model, editor.model, inputs(), method=None)
    assert found.findings[0].text == "the bias is A's `spare`"


def _chain(epsilon: float) -> ModelProto:
    """Three normalised convolutions behind each other."""
    nodes, constants, name = [], {}, "x"
    for i, channels in enumerate((3, 6, 6)):
        nodes.append(node("Conv", f"{name} w{i}", f"c{i}"))
        normalised = f"c{i} s{i} b{i} m{i} v{i}"
        nodes.append(node("BatchNormalization", normalised, f"n{i}", epsilon=epsilon))
        nodes.append(node("Relu", f"n{i}", f"r{i}"))
        constants |= {f"w{i}": weights(6, channels, 3, 3), f"s{i}": 1 + weights(6, seed=i) / 2}
        constants |= {f"b{i}": weights(6, seed=i + 2), f"m{i}": weights(6, seed=i + 4)}
        constants[f"v{i}"] = (0.1 + weights(6, seed=i + 6) ** 2).astype(np.float32)
        name = f"r{i}"
    nodes.append(node("GlobalAveragePool", name, "y"))
    ends = [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 6, 1, 1])]
    return model(nodes, *ends, constants)


def test_one_cause_at_many_places_is_told_once() -> None:
    found = rg.audit(_chain(1e-5), _chain(0.02), inputs(), method=None)
    assert [each.region.b_end for each in found.findings] == ["n0", "n1", "n2"]
    where = "B parts from A at bn1 (`n_n0`); bn2 (`n_n1`); bn3 (`n_n2`), at each for one cause"
    assert f"{where}: epsilon 1e-05 in A, 0.02 in B." in found.sentence
    assert found.sentence.endswith("nothing else differs.")


def test_what_is_folded_into_weights_is_not_missing() -> None:
    clean = NETS["residual"]()
    editor = Editor(clean)
    scale, shift, mean, variance = (editor.constant(f"{key}2") for key in "somv")
    weight = editor.constant("w2")
    assert weight is not None
    factor = scale / np.sqrt(variance + np.float32(1e-5))
    editor.set_constant("w2", (weight * factor[:, None, None, None]).astype(np.float32))
    editor.set_constant("bias", (shift - mean * factor).astype(np.float32))
    layer = next(n for n in editor.graph.node if n.output[0] == "a2")
    layer.input.append("bias")
    editor.bypass(next(n for n in editor.graph.node if n.output[0] == "n2"))
    assert not rg.audit(clean, editor.model, inputs(), method=None).fails()
    editor.set_attribute(layer, "pads", [0, 0, 2, 2])
    found = rg.audit(clean, editor.model, inputs(), method=None)
    assert [cause.kind for cause in found.findings[0].causes] == ["pads"]
