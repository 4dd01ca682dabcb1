"""Files that people have beside a network: trained on, with another head, rounded, of bytes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import DTypeLike
from onnx import ModelProto, TensorProto, helper
from PIL import Image

import retrograph as rg
from support.audit_case import NETS, SIZE, inputs
from support.faults import Editor
from support.nets import info, model, node, weights

LAYERS = ("w1", "w2", "w3", "w4")


def _with(*changed: tuple[str, np.ndarray]) -> Editor:
    editor = Editor(NETS["plain"]())
    for name, value in changed:
        editor.set_constant(name, value.astype(np.float32))
    return editor


def _weight(name: str) -> np.ndarray:
    value = Editor(NETS["plain"]()).constant(name)
    assert value is not None
    return np.asarray(value)


def _audit(b: ModelProto) -> rg.Audit:
    return rg.audit(NETS["plain"](), b, inputs(), method=None)


def test_a_network_that_was_trained_on_is_said_to_have_its_layers() -> None:
    rng = np.random.default_rng(2)
    moved = [(n, _weight(n) * (1 + 0.02 * rng.normal(size=_weight(n).shape))) for n in LAYERS]
    found = _audit(_with(*moved).model)
    assert found.verdict.name == "differs"
    assert "The weights of all 4 layers are A's, moved by at most 2" in found.sentence
    assert "trained on from A" in found.sentence


def _normalised(epsilon: float, *, is_folded: bool) -> ModelProto:
    """Two convolutions with BatchNormalization, which is folded into them, or not."""
    nodes, constants, name = [], {}, "x"
    for i, (inputs_, outputs_) in enumerate(((3, 6), (6, 5))):
        rng = np.random.default_rng(i)
        weight = weights(outputs_, inputs_, 3, 3, seed=i)
        variance = rng.uniform(0.01, 0.1, outputs_).astype(np.float32)
        factor = 1 / np.sqrt(variance + np.float32(epsilon))
        shift = weights(outputs_, seed=i + 5)
        if is_folded:
            weight = (weight * factor[:, None, None, None]).astype(np.float32)
            constants |= {f"w{i}": weight, f"b{i}": shift}
            nodes.append(node("Conv", f"{name} w{i} b{i}", f"n{i}"))
        else:
            nothing = np.zeros(outputs_, np.float32)
            constants |= {f"w{i}": weight, f"s{i}": nothing + 1, f"b{i}": shift}
            constants |= {f"m{i}": nothing, f"v{i}": variance}
            nodes.append(node("Conv", f"{name} w{i}", f"c{i}"))
            normalised = f"c{i} s{i} b{i} m{i} v{i}"
            nodes.append(node("BatchNormalization", normalised, f"n{i}", epsilon=epsilon))
        nodes.append(node("Relu", f"n{i}", f"r{i}"))
        name = f"r{i}"
    nodes += [node("GlobalAveragePool", name, "y")]
    ends = [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 5, 1, 1])]
    return model(nodes, *ends, constants)


@pytest.mark.parametrize("is_folded", [False, True])
def test_another_epsilon_everywhere_is_no_other_network(is_folded: bool) -> None:
    clean = _normalised(1e-5, is_folded=is_folded)
    found = rg.audit(clean, _normalised(1e-3, is_folded=True), inputs())
    assert found.verdict.name == "looks-alike", found.sentence
    assert not found.fails("looks-elsewhere")
    assert "are A's scaled by channel, by 0.9" in found.sentence
    assert "another epsilon or other statistics of BatchNormalization" in found.sentence


def test_weights_that_all_moved_a_little_leave_it_the_same_network() -> None:
    rng = np.random.default_rng(2)
    moved = [(n, _weight(n) * (1 + 1e-4 * rng.normal(size=_weight(n).shape))) for n in LAYERS]
    found = rg.audit(NETS["plain"](), _with(*moved).model, inputs())
    assert found.verdict.name == "looks-alike"
    assert not found.fails("looks-elsewhere")
    assert "moved by at most 1e-04 in a layer" in found.sentence


def test_a_twin_that_was_trained_anew_has_weights_of_its_own() -> None:
    anew = [(n, weights(*_weight(n).shape, seed=40 + i)) for i, n in enumerate(LAYERS)]
    found = _audit(_with(*anew).model)
    assert found.verdict.name == "another"
    assert "layers like A's 4, with weights of its own" in found.sentence


@pytest.mark.parametrize(
    ("kind", "name"), [(ml_dtypes.bfloat16, "bfloat16"), (np.float16, "float16")]
)
def test_weights_that_were_rounded_are_equal_within_what_they_were_rounded_to(
    kind: DTypeLike, name: str
) -> None:
    found = _audit(_with(*((n, _weight(n).astype(kind)) for n in LAYERS)).model)
    assert found.says == f"equal within {name}"
    assert len(found.layers) >= len(LAYERS)


def test_one_rounded_layer_is_a_place_where_files_part() -> None:
    found = _audit(_with(("w2", _weight("w2").astype(ml_dtypes.bfloat16))).model)
    assert "cut to bfloat16" in found.sentence
    assert found.findings[0].region.a_tensors == ("a2",)


def test_a_rounded_reference_does_not_hide_a_fault() -> None:
    rounded = [(n, _weight(n).astype(ml_dtypes.bfloat16)) for n in LAYERS]
    other = _with(*rounded, ("w3", _weight("w3")[:, :, ::-1, ::-1])).model
    found = rg.audit(_with(*rounded).model, other, inputs(), method=None)
    assert found.findings[0].region.a_tensors == ("a3",)


@pytest.mark.parametrize("classes", [5, 7])
def test_another_head_is_called_so(classes: int) -> None:
    editor = _with(("w4", weights(classes, 7, seed=9)), ("b4", weights(classes, seed=9)))
    editor.graph.output[0].CopyFrom(info("y", ["N", classes]))
    found = _audit(editor.model)
    assert "B has another head: all before fc1 (`n_y`) is equal." in found.sentence
    assert found.fails()


def test_the_first_layer_is_no_head() -> None:
    found = _audit(_with(("w1", weights(6, 3, 3, 3, seed=9))).model)
    assert "another head" not in found.sentence


def test_an_output_that_b_lacks_is_not_among_all() -> None:
    two = Editor(NETS["plain"]())
    two.graph.output.append(info("g", ["N", 7, 1, 1]))
    found = rg.audit(two.model, NETS["plain"](), inputs(), method=None)
    assert found.sentence == "The outputs that both have are the same, bit by bit."
    assert any("only A has an output such as g" in note for note in found.notes)


@pytest.mark.parametrize("stored", [None, "0-1"])
def test_a_file_of_bytes_gets_the_pixels_of_the_same_pictures(stored: str | None) -> None:
    editor = Editor(NETS["plain"]())
    if stored is not None:
        helper.set_model_props(editor.model, {"preprocessing": stored})
    editor.set_constant("most", np.float32(255))
    (source,) = editor.graph.input
    source.CopyFrom(helper.make_tensor_value_info("bytes", TensorProto.UINT8, ["N", 3, SIZE, SIZE]))
    nodes = [
        helper.make_node("Cast", ["bytes"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["pixels", "most"], ["x"]),
        *editor.graph.node,
    ]
    del editor.graph.node[:]
    editor.graph.node.extend(nodes)
    rng = np.random.default_rng(6)
    picture = Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    found = rg.audit(NETS["plain"](), editor.model, picture, preprocessing="0-1", method=None)
    assert not found.fails(), found.sentence
