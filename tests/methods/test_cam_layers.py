"""Class activation maps at the layer that is right for them, against their definition in float64.

The definition is evaluated outside: activations by ONNX's reference evaluator, gradients by central
differences, the map laid over the input by what a net does to it, undone in NumPy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import retrograph
from retrograph.errors import InputError
from retrograph.methods.cam import GradCam
from retrograph.model import Model
from support.cam_case import HEAD, UNIT, class_activation_map, ints, linear, net
from support.graphs import Array, noise, parse, runner
from tables.cam_cases import CASES

METHODS = ("grad-cam", "grad-cam-plus-plus", "layer-cam")

SCORES = net(
    "float[N, 3, 8, 6] x",
    "float[4, 3, 3, 3] w, float[4] b, float[5, 4, 1, 1] v",
    """
    c = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, w, b)
    r = Relu (c)
    s = Conv (r, v)
    y = Resize <mode = "linear"> (s, , twice)
""",
    outputs="float[N, 5, 8, 6] y",
    constants="float[4] twice = {1.0, 1.0, 2.0, 2.0}",
)


def in_double(model: ModelProto) -> ModelProto:
    """The same net in float64."""
    twin = ModelProto()
    twin.CopyFrom(model)
    graph = twin.graph
    for i, tensor in enumerate(graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in ("twice",):
            value = numpy_helper.to_array(tensor).astype(np.float64)
            graph.initializer[i].CopyFrom(numpy_helper.from_array(value, tensor.name))
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    del graph.value_info[:]
    return twin


def activation_and_gradient(
    model: ModelProto, layer: str, x: Array, unit: Sequence[int]
) -> tuple[Array, Array]:
    """The activation of a layer, and the gradient of the unit of every item by it."""
    whole = in_double(model)
    whole.graph.output.append(helper.make_tensor_value_info(layer, TensorProto.DOUBLE, None))
    y, a = ReferenceEvaluator(whole).run(["y", layer], {"x": x.astype(np.float64)})
    tail = in_double(model)
    nodes = [n for n in tail.graph.node if layer not in n.output]
    del tail.graph.node[:]
    tail.graph.node.extend(nodes)
    tail.graph.input.append(helper.make_tensor_value_info(layer, TensorProto.DOUBLE, list(a.shape)))
    after = ReferenceEvaluator(tail)

    def score(values: Array) -> float:
        (y,) = after.run(["y"], {"x": x.astype(np.float64), layer: values})
        return float(y[(slice(None), *unit)].sum())

    assert np.isclose(score(a), y[(slice(None), *unit)].sum())
    gradient = np.zeros_like(a)
    for index in np.ndindex(*a.shape):
        step = np.zeros_like(a)
        step[index] = 1e-5
        gradient[index] = (score(a + step) - score(a - step)) / 2e-5
    return a, gradient


@cache
def of_case(name: str) -> tuple[Array, Array]:
    case = CASES[name]
    x = noise(*case.x, seed=2)
    return activation_and_gradient(parse(case.text, seed=3), case.layer, x, [UNIT])


def explained(model: ModelProto, method: str, x: Array, unit: Sequence[int]) -> tuple[Array, str]:
    """The attribution, and the layer that was chosen."""
    built = retrograph.build(model, method=method, select="unit")
    onnx.checker.check_model(built, full_check=True)
    rows = 1 if x.ndim == 2 else len(x)
    select = np.tile(np.array(unit, np.int64), (rows, 1))
    found: Array = runner(built)(x=x, select=select)["attribution"]
    (layer,) = {p.value for p in built.metadata_props if '"layer"' in p.value}
    return found, str(json.loads(layer)["layer"])


@pytest.mark.one_in(2)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CASES)
def test_the_map_is_that_of_its_definition(name: str, method: str) -> None:
    case = CASES[name]
    model, x = parse(case.text, seed=3), noise(*case.x, seed=2)
    a, g = of_case(name)
    turned = (t.transpose(case.order) for t in (a, g))
    wanted = case.laid(linear(_cam(method, *turned), case.sizes))
    unit = [UNIT]
    found, layer = explained(model, method, x, unit)
    assert layer == case.layer
    assert found.shape == wanted.shape
    assert wanted.max() > 0
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-5 * wanted.max())


def _cam(method: str, a: Array, g: Array) -> Array:
    """A map [N, 1, *S]; of lines and volumes by the formula for pictures."""
    flat = (t.reshape(*t.shape[:2], -1, 1) for t in (a, g))
    found: Array = class_activation_map(method, *flat).reshape(len(a), 1, *a.shape[2:])
    return found


@pytest.mark.parametrize("name", CASES)
def test_guided_grad_cam_is_the_product_at_the_same_layer(name: str) -> None:
    case = CASES[name]
    if "Relu" not in case.text:
        pytest.skip("guided backpropagation needs a ReLU")
    model, x = parse(case.text, seed=3), noise(*case.x, seed=2)
    unit = [UNIT]
    cam, _ = explained(model, "grad-cam", x, unit)
    built = retrograph.build(model, method="guided", select="unit")
    rows = 1 if x.ndim == 2 else len(x)
    select = np.tile(np.array(unit, np.int64), (rows, 1))
    wanted = cam * runner(built)(x=x, select=select)["attribution"]
    found, layer = explained(model, "guided-grad-cam", x, unit)
    assert layer == case.layer
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)


def test_of_a_segmentation_it_is_the_last_feature_map_before_the_scores() -> None:
    model, x, unit = parse(SCORES, seed=3), noise(2, 3, 8, 6, seed=2), (UNIT, 3, 4)
    a, g = activation_and_gradient(model, "r", x, unit)
    wanted = linear(class_activation_map("grad-cam", a, g), (8, 6))
    found, layer = explained(model, "grad-cam", x, unit)
    assert layer == "r"
    assert wanted.max() > 0
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-5 * wanted.max())


def test_the_target_is_no_layer_of_its_own_map() -> None:
    for layer in ("y", "scores"):
        with pytest.raises(InputError, match=r"'y' is the explained layer itself.* such as 'r'"):
            retrograph.build(parse(SCORES), method=GradCam(layer=layer))


def notes(text: str, layer: str = "") -> str:
    return "\n".join(
        Model(retrograph.build(parse(text), method=GradCam(layer=layer))).contract.notes
    )


def test_what_is_not_plain_is_said() -> None:
    assert "picture of 'i'" in notes(CASES["frames in the batch"].text)
    assert "'s' makes the units of 'y' themselves" in notes(SCORES, "s")
    itself = CASES["a layer that meets itself"].text
    assert "could not be followed" in notes(itself, "o")
    assert "passes beside it" in notes(itself, "t")
    assert notes(CASES["gates of channels"].text) == ""


def test_where_there_is_none_it_is_said_what_was_looked_at() -> None:
    text = net(
        "float[N, 6] x",
        "float[6, 12] u, float[2, 3, 2, 2] w, float[2, 5] v",
        "\n    m = MatMul (x, u)\n    h = Reshape (m, four)\n"
        "    r = ConvTranspose <strides = [2, 2]> (h, k)" + HEAD,
        constants=ints("four", -1, 3, 2, 2),
    ).replace("float[2, 3, 2, 2] w", "float[3, 2, 2, 2] k")
    with pytest.raises(InputError, match=r"'r' .* are not pictures, channels and the positions"):
        retrograph.build(parse(text), method="grad-cam")
