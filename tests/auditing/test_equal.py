"""Files that compute the same, written otherwise: no false alarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from retrograph import audit
from retrograph.auditing import chains, precision
from retrograph.auditing.network import Network
from retrograph.model import opened
from support.audit_case import NETS, inputs
from support.audit_nets import branches
from support.faults import Editor
from support.nets import weights
from support.paths import SAMPLE_MODELS
from support.same_network import (
    at_opset,
    channels_last,
    in_float16,
    in_int8,
    in_int8_at_run_time,
    optimised,
)

SAMPLES = ("cifar10_cnn", "motif_cnn", "digit_generator")


def _sample(name: str) -> tuple[ModelProto, np.ndarray]:
    model = onnx.load(SAMPLE_MODELS / f"{name}.onnx")
    shape = [d.dim_value or 2 for d in model.graph.input[0].type.tensor_type.shape.dim]
    return model, np.random.default_rng(3).uniform(size=shape).astype(np.float32)


@pytest.fixture(params=[*NETS, *SAMPLES])
def network(request: pytest.FixtureRequest) -> tuple[ModelProto, np.ndarray]:
    """A model and inputs for it."""
    name = request.param
    return (NETS[name](), inputs()) if name in NETS else _sample(name)


def test_a_file_is_identical_to_itself(network: tuple[ModelProto, np.ndarray]) -> None:
    model, x = network
    found = audit(model, model, x, method=None)
    assert found.verdict.name == "identical"
    assert not found.fails("any")
    assert not found.findings


@pytest.mark.parametrize("opset", [19, 21])
def test_another_opset_is_equal(network: tuple[ModelProto, np.ndarray], opset: int) -> None:
    model, x = network
    found = audit(model, at_opset(model, opset), x, method=None)
    assert found.verdict.name in ("identical", "equal"), found.sentence


def test_what_a_runtime_fuses_is_equal(
    network: tuple[ModelProto, np.ndarray], tmp_path: Path
) -> None:
    model, x = network
    found = audit(model, optimised(model, tmp_path), x, method=None)
    assert found.verdict.name in ("identical", "equal"), found.sentence


@pytest.mark.parametrize("name", NETS)
def test_another_layout_and_other_names_are_equal(name: str) -> None:
    model = NETS[name]()
    found = audit(model, channels_last(model), inputs())
    assert found.verdict.name in ("identical", "equal"), found.sentence
    inner = {pair.b for pair in found.pairs}
    assert len(inner) >= found.points[1] - 1  # its tensors are paired in spite of the layout
    assert found.cosine == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", NETS)
def test_float16_is_equal_within_float16(name: str) -> None:
    model = NETS[name]()
    found = audit(model, in_float16(model), inputs(), method=None)
    assert found.verdict.name == "equal-precision", found.sentence
    assert found.says == "equal within float16"
    assert not found.fails()
    assert found.fails("any")
    assert max(layer.own for layer in found.layers) < 2e-3


def test_a_layer_that_loses_more_than_float16_explains_is_ranked_first() -> None:
    model = NETS["plain"]()
    broken = in_float16(model)
    weight = next(t for t in broken.graph.initializer if t.name == "w2")
    values = onnx.numpy_helper.to_array(weight)
    step = np.abs(values).max() / 8
    weight.CopyFrom(
        onnx.numpy_helper.from_array((np.round(values / step) * step).astype(np.float16), "w2")
    )
    found = audit(model, broken, inputs(), method=None)
    assert found.fails()
    assert found.ranked_layers()[0].b == "a2"
    assert [layer.b for layer in found.layers if layer.suspect] == ["a2"]
    assert "conv2" in found.sentence


@pytest.mark.parametrize(("form", "per_channel"), [("QDQ", False), ("QOperator", True)])
def test_int8_is_equal_within_int8(form: str, per_channel: bool, tmp_path: Path) -> None:
    model = NETS["plain"]()
    quantised = in_int8(model, inputs(8), tmp_path, form=form, per_channel=per_channel)
    found = audit(model, quantised, inputs(), method=None)
    assert found.verdict.name == "equal-precision", found.sentence
    assert found.says == "equal within int8"
    assert len(found.layers) >= 5


@pytest.mark.parametrize("shift", [0.02, 0.05])
def test_branches_that_a_quantiser_wrote_in_another_order(shift: float, tmp_path: Path) -> None:
    model = branches(shift)
    quantised = in_int8_at_run_time(model, tmp_path)
    found = audit(model, quantised, inputs(), method=None)
    assert found.says == "equal within int8", found.sentence
    assert {layer.a: layer.b for layer in found.layers}["r2"] == "r2"


def _spoilt(model: ModelProto, name: str, factor: float) -> ModelProto:
    """A scale made wrong."""
    scale = next(t for t in model.graph.initializer if t.name == name)
    value = np.asarray(onnx.numpy_helper.to_array(scale) * factor, np.float32)
    scale.CopyFrom(onnx.numpy_helper.from_array(value, name))
    return model


@pytest.mark.parametrize("factor", [0.1, 8.0])
def test_a_badly_calibrated_layer_is_ranked_first(factor: float, tmp_path: Path) -> None:
    model = NETS["plain"]()
    broken = in_int8(model, inputs(8), tmp_path, form="QDQ", per_channel=False)
    found = audit(model, _spoilt(broken, "r3_scale", factor), inputs(), method=None)
    assert found.fails() == (factor < 1)
    assert found.ranked_layers()[0].b.startswith("r3")


def test_what_a_bad_layer_spoils_behind_it_is_compared_all_the_same(tmp_path: Path) -> None:
    model = NETS["plain"]()
    broken = in_int8(model, inputs(8), tmp_path, form="QOperator", per_channel=False)
    # conv2's bias is in the scale of what it takes, so that its output is like nothing of A's
    found = audit(model, _spoilt(broken, "a1_scale", 40.0), inputs(), method=None)
    assert found.fails()
    assert "Outputs differ by" in found.sentence
    ranked = {layer.a: layer for layer in found.ranked_layers()}
    assert next(iter(ranked)) in ("r1", "a2")
    assert ranked["a2"].suspect
    assert ranked["y"].own < 0.1  # the last layer does right what it is given
    named = dict(found.layer_names(layer) for layer in found.layers)
    assert named["conv2"] == "inside QLinearConv 'n_a2_quant'"


def test_outputs_that_are_too_far_off_are_not_equal_within_a_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = NETS["plain"]()
    strict = replace(precision.FLOAT16, outputs=1e-6)
    monkeypatch.setattr(precision, "FLOAT16", strict)
    found = audit(model, in_float16(model), inputs(), method=None)
    assert found.verdict.name == "differs"
    assert "more than float16 explains, though no layer does by itself" in found.sentence


def test_layers_that_are_all_calibrated_badly_do_not_explain_each_other(tmp_path: Path) -> None:
    model = NETS["plain"]()
    broken = in_int8(model, inputs(8), tmp_path, form="QDQ", per_channel=False)
    for name in ("x_scale", "r1_scale", "r2_scale", "r3_scale"):
        _spoilt(broken, name, 0.02)
    found = audit(model, broken, inputs(), method=None)
    assert {layer.a for layer in found.layers if layer.own > 0.5 and not layer.suspect} == set()
    assert "though no layer does" not in found.sentence
    assert "lose more than int8 and their neighbours explain" in found.sentence
    assert "The activation range is too small: " in found.sentence


def test_another_network_is_called_so() -> None:
    clean, editor = NETS["plain"](), Editor(NETS["plain"]())
    for number, name in enumerate(("w1", "w2", "w3", "w4")):
        editor.set_constant(name, weights(*editor.constant(name).shape, seed=20 + number))
    found = audit(clean, editor.model, inputs(), method=None)
    assert found.fails()
    assert found.verdict.name == "another", found.sentence


def test_what_is_folded_is_no_place_where_files_part(tmp_path: Path) -> None:
    model = NETS["residual"]()
    editor = Editor(optimised(model, tmp_path))
    assert "BatchNormalization" not in {node.op_type for node in editor.graph.node}
    weight = editor.constant("w3")
    assert weight is not None
    editor.set_constant("w3", weight[:, :, ::-1, ::-1])
    found = audit(model, editor.model, inputs(), method=None)
    assert found.findings[0].region.a_tensors[0] == "a3"
    assert "kernel is flipped" in found.sentence


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_codes_of_a_quantiser_stand_for_no_layer(form: str, tmp_path: Path) -> None:
    model = NETS["residual"]()
    quantised = in_int8(model, inputs(8), tmp_path, form=form, per_channel=False)
    network = Network(opened(quantised))
    codes = chains._codes(network)
    assert {network.op(name) for name in codes} - {"Flatten"} == {"Div", "Round", "Clip"}
    found = audit(model, quantised, inputs(), method=None)
    assert found.verdict.name == "equal-precision", found.sentence
    assert codes.isdisjoint(layer.b for layer in found.layers)
    assert not chains._codes(Network(opened(model)))


def test_one_right_pair_is_more_than_two_that_are_half_alike() -> None:
    assert chains._weight(0.99) > 2 * chains._weight(0.88)
    assert chains._weight(0.8) == pytest.approx(0)
