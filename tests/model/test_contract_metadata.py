"""What a built graph says of itself, and what is refused before it is built."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper

import retrograph
from retrograph import Explainer, InputError, Preprocessing, RetrographError
from retrograph.contract import Contract
from support.graphs import METHODS, SMALL_NET, TWO_INPUTS, noise, parse, runner

# Metadata.

PICTURE_NET = SMALL_NET.replace("N, 2, 6, 6", "N, 3, 6, 6").replace("4, 2, 3, 3", "4, 3, 3, 3")


NO_SWITCHES = "deconvnet: conditioned on no switches, as there is no max-pooling below the target"


def test_metadata(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    source = parse(PICTURE_NET)
    helper.set_model_props(source, {"labels": "cat\ndog\nbird", "made by": "hand"})
    onnx.save(source, file)
    recipe = Preprocessing(scale=1.0, mean=(1.5, 2.5, 3.5), order="bgr", resize="pad")
    built = retrograph.build(
        file, method="deconvnet", layer="relu1", select="unit", many=True, preprocessing=recipe
    )
    found = {p.key: p.value for p in built.metadata_props}
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.pop("retrograph.preprocessing") == recipe.to_json()
    assert found == {
        "labels": "cat\ndog\nbird",
        "made by": "hand",
        "retrograph.version": retrograph.__version__,
        "retrograph.method": "deconvnet",
        "retrograph.parameters": '{"activations": ""}',
        "retrograph.target": "relu",
        "retrograph.alias": "relu1",
        "retrograph.shape": "[4, 6, 6]",
        "retrograph.select": "unit",
        "retrograph.many": "true",
        "retrograph.explained": '["image"]',
        "retrograph.source_sha256": sha256,
        "retrograph.labels": '["cat", "dog", "bird"]',
        "retrograph.notes": json.dumps([NO_SWITCHES]),
        "retrograph.precision": "float32",
        "retrograph.names": json.dumps(
            {name: name for name in ("attribution", "score", "unit", "select")}
        ),
        "retrograph.channel_axis": "0",
        "retrograph.onnxruntime": "1.20",
        "retrograph.contract": "1",
        "retrograph.axes": '{"image": "NCHW"}',
    }
    assert Preprocessing.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_metadata_read_back() -> None:
    built = retrograph.build(parse(PICTURE_NET), select="unit", preprocessing="imagenet")
    properties = {p.key: p.value for p in built.metadata_props}
    contract = Contract.from_properties(properties)
    assert contract is not None
    assert contract.to_properties() == properties
    assert Preprocessing.from_json(contract.preprocessing).crop_fraction == 0.875
    assert Contract.from_properties({"labels": "a"}) is None
    explainer = Explainer(built, device="cpu")
    assert explainer.contract == contract
    assert [spec.name for spec in explainer.inputs] == ["image"]
    del properties["retrograph.method"]
    with pytest.raises(InputError, match="damaged"):
        Contract.from_properties(properties)
    with pytest.raises(InputError, match="built for method 'guided', not 'gradient'"):
        Explainer(built, method="gradient", device="cpu")


# Refusals and notes.

NO_RELU = SMALL_NET.replace("Relu (conv)", "Tanh (conv)")
LINEAR_START = SMALL_NET.replace(
    "relu = Relu (conv)", "thin = Mul (conv, conv)\nrelu = Relu (thin)"
)


@pytest.mark.parametrize("method", ["guided", "deconvnet"])
@pytest.mark.parametrize("text", [NO_RELU, NO_RELU.replace("Tanh", "Neg")])
def test_relu_methods_without_a_relu_are_refused(text: str, method: str) -> None:
    with pytest.raises(InputError, match=f"'{method}'.*method=.gradient."):
        retrograph.build(parse(text), method=method)
    retrograph.build(parse(text), method="gradient")


@pytest.mark.parametrize("method", ["guided", "deconvnet"])
def test_relu_methods_on_a_linear_prefix_equal_the_gradient(method: str) -> None:
    model, x = parse(LINEAR_START), noise(2, 2, 6, 6)
    built = retrograph.build(model, method=method, layer="conv")
    contract = Contract.from_properties({p.key: p.value for p in built.metadata_props})
    assert contract is not None
    assert len(contract.notes) == 1
    assert "no ReLU below 'conv', so it equals the gradient" in contract.notes[0]
    gradient = runner(retrograph.build(model, method="gradient", layer="conv"))(x)
    np.testing.assert_array_equal(runner(built)(x)["attribution"], gradient["attribution"])


def test_other_activations_are_counted_in_a_note() -> None:
    text = SMALL_NET.replace("scores = Gemm", "tanh = Tanh (flat)\nscores = Gemm")
    text = text.replace("(flat, w2)", "(tanh, w2)")
    for method, count in (("guided", 1), ("gradient", 0)):
        built = retrograph.build(parse(text), method=method)
        contract = Contract.from_properties({p.key: p.value for p in built.metadata_props})
        assert contract is not None
        assert [("1 Tanh" in note) for note in contract.notes] == [True] * count


def test_what_lies_behind_a_step_is_not_counted() -> None:
    steps = "bent = Tanh (flat)\nsteps = Round (bent)\nboth = Add (flat, steps)\nscores = Gemm"
    text = SMALL_NET.replace("scores = Gemm", steps).replace("(flat, w2)", "(both, w2)")
    built = retrograph.build(parse(text), method="guided")
    contract = Contract.from_properties({p.key: p.value for p in built.metadata_props})
    assert contract is not None
    assert contract.notes == ()


def behind(op: str) -> ModelProto:
    """The small net with its scores, as numbers again, behind an operator without a derivative."""
    text = SMALL_NET.replace("scores = Gemm", "logits = Gemm")
    step = "steps = Hardmax (logits)\nscores = Abs (steps)"
    if op == "ArgMax":
        step = "best = ArgMax <axis = 1, keepdims = 1> (logits)\nscores = Cast <to = 1> (best)"
    text = text.replace("(flat, w2)", f"(flat, w2)\n{step}")
    return parse(
        text.replace("float[N, 3] scores", f"float[N, {1 if op == 'ArgMax' else 3}] scores")
    )


@pytest.mark.parametrize("op", ["ArgMax", "Hardmax"])
def test_a_target_only_behind_a_step_function_is_refused(op: str) -> None:
    reason = {"ArgMax": "through floating-point numbers alone", "Hardmax": "only through .*Hardmax"}
    with pytest.raises(InputError, match=rf"'scores'.*'image'.*{reason[op]}"):
        retrograph.build(behind(op), layer="scores")
    retrograph.build(behind(op), layer="logits")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "relu2"}, r"no layer 'relu2'.*did you mean.*'relu1'"),
        ({"layer": "score"}, r"no layer 'score'.*did you mean.*'scores'"),
        ({"layer": "w1"}, "'w1' is not explainable"),
        ({"method": "guideed"}, "method .guideed.; did you mean .guided.*gradient, saliency"),
        ({"select": "class"}, "unknown select 'class'.*top, channel, unit, cotangent"),
        ({"preprocessing": "vgg"}, "unknown preprocessing 'vgg'.*imagenet"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        retrograph.build(parse(SMALL_NET), **options)


def test_a_target_that_does_not_depend_on_the_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"'ya'.*'b'"):
        retrograph.build(parse(TWO_INPUTS), layer="ya", wrt="b", method="gradient")


def test_a_model_with_whole_number_inputs_only_is_refused() -> None:
    model = parse("""
        <ir_version: 8, opset_import: ["" : 17]>
        net (int64[N, 3] count) => (float[N, 3] y) {
            odd = Equal (count, count) x = Cast <to = 1> (odd) y = Relu (x)
        }
    """)
    with pytest.raises(InputError, match="no floating-point input"):
        retrograph.build(model)


@pytest.mark.parametrize("method", METHODS)
def test_every_refusal_is_one_of_retrograph(method: str) -> None:
    for target in ("nothing", "image", "w2"):
        with pytest.raises(RetrographError):
            retrograph.build(parse(NO_RELU), method=method, layer=target)
