"""What methods make of the backward pass, against the same arithmetic in NumPy."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import onnx
import pytest

import make_methods
import retrograph
from retrograph import methods
from retrograph.errors import InputError
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.methods import METHODS, Method
from retrograph.methods.base import Arrival
from retrograph.methods.cam import GradCam
from retrograph.methods.page import page
from retrograph.model import Model
from support.cam_case import class_activation_map, linear
from support.cli_case import run
from support.graphs import Array, noise, parse, ready, runner
from support.method_nets import DENSE, NCHW, NHWC

OPEN = DENSE.replace("float[N, 6] x", "float[N, K] x")


def attribution(text: str, method: str | Method, x: Array, many: bool = False) -> Array:
    built = retrograph.build(parse(text), method=method, select="unit", many=many)
    onnx.checker.check_model(built, full_check=True)
    select = np.zeros((len(x), 2, 1) if many else (len(x), 1), np.int64)
    if many:
        select[:, 1] = 1
    found: Array = runner(built)(x=x, select=select)["attribution"]
    return found


@pytest.mark.parametrize(
    ("text", "shape", "axis"), [(NCHW, (2, 3, 9, 8), 1), (NHWC, (2, 8, 7, 3), 3)]
)
def test_saliency_is_the_largest_magnitude_over_the_channels(
    text: str, shape: tuple[int, ...], axis: int
) -> None:
    x = noise(*shape)
    wanted = np.abs(attribution(text, "gradient", x)).max(axis, keepdims=True)
    np.testing.assert_array_equal(attribution(text, "saliency", x), wanted)


def test_saliency_without_channels_is_the_magnitude() -> None:
    x = noise(2, 6)
    wanted = np.abs(attribution(DENSE, "gradient", x))
    np.testing.assert_array_equal(attribution(DENSE, "saliency", x), wanted)


@pytest.mark.parametrize(("text", "shape"), [(NCHW, (2, 3, 9, 8)), (DENSE, (3, 6))])
def test_input_x_gradient(text: str, shape: tuple[int, ...]) -> None:
    x = noise(*shape)
    wanted = x * attribution(text, "gradient", x)
    np.testing.assert_allclose(attribution(text, "input-x-gradient", x), wanted, rtol=1e-6)


@pytest.mark.parametrize("text", [DENSE, OPEN])
def test_rectgrad_keeps_the_largest_shares(text: str) -> None:
    x, model = noise(3, 6), parse(text)
    u, v, w = (onnx.numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer)
    b = np.maximum(x @ u, 0)
    d = np.maximum(b @ v, 0)
    ct = np.repeat(w[:, :1].T, 3, axis=0)
    for layer, weight in ((d, v), (b, u)):
        share = layer * ct
        ct = np.where(share > np.quantile(share, 0.98, axis=1, keepdims=True), ct, 0) @ weight.T
    found = attribution(text, "rectgrad", x)
    assert np.abs(found).max() > 0
    np.testing.assert_allclose(found, ct, rtol=1e-4, atol=1e-6)


LAYERS = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, 9, 8] x) => (float[N, 4, 5, 4] r, float[N, 5] y)
<float[4, 3, 3, 3] w, float[4] b, float[80, 5] v>
{
    a = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, w, b)
    r = Relu (a)
    f = Flatten (r)
    y = MatMul (f, v)
}
"""


@pytest.mark.parametrize("method", ["grad-cam", "grad-cam-plus-plus", "layer-cam"])
def test_class_activation_maps(method: str) -> None:
    x, model = noise(2, 3, 9, 8), parse(LAYERS)
    v = onnx.numpy_helper.to_array(model.graph.initializer[2])
    a = runner(model)(x=x)["r"]
    g = np.broadcast_to(v[:, 0].reshape(1, *a.shape[1:]), a.shape)
    wanted = linear(class_activation_map(method, a, g), (9, 8))
    built = retrograph.build(model, method=method, layer="y", select="unit")
    onnx.checker.check_model(built, full_check=True)
    found = runner(built)(x=x, select=np.zeros((2, 1), np.int64))["attribution"]
    assert found.max() > 0
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_guided_grad_cam_is_the_product() -> None:
    x = noise(2, 3, 9, 8)
    cam, guided = (attribution(NCHW, method, x) for method in ("grad-cam", "guided"))
    wanted = guided * cam
    np.testing.assert_allclose(
        attribution(NCHW, "guided-grad-cam", x), wanted, rtol=1e-5, atol=1e-8
    )


def test_the_layer_of_a_map_is_chosen_by_its_alias_and_recorded() -> None:
    built = retrograph.build(parse(NCHW), method=GradCam(layer="conv1"))
    assert Model(built).contract.parameters == {"layer": "a"}
    built = retrograph.build(parse(NCHW), method="grad-cam")
    assert Model(built).contract.parameters == {"layer": "r"}


@pytest.mark.parametrize(
    ("text", "method", "why"),
    [
        (DENSE, "grad-cam", "needs a layer with positions between 'x' and 'y', and there is none"),
        (DENSE, "guided-grad-cam", "needs a layer with positions"),
        (NCHW, GradCam(layer="f"), "and 'f' is none"),
        (NCHW, GradCam(layer="magic"), "magic"),
    ],
)
def test_a_map_needs_a_layer_with_positions(text: str, method: str | Method, why: str) -> None:
    with pytest.raises(InputError, match=why):
        retrograph.build(parse(text), method=method)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("text", "shape"), [(NCHW, (2, 3, 9, 8)), (NHWC, (2, 8, 7, 3))])
def test_many_units_are_single_units(method: str, text: str, shape: tuple[int, ...]) -> None:
    x = noise(*shape)
    both = attribution(text, ready(method, x), x, many=True)
    assert both.shape[1] == 2
    single = attribution(text, ready(method, x), x)
    np.testing.assert_allclose(both[:, 0], single, rtol=1e-5, atol=1e-7)


class Doubled(Method):
    """Twice the gradient."""

    name: ClassVar[str] = "doubled"

    def finish(self, e: Emitter, arrival: Arrival) -> Tensor:
        return e.mul(arrival.ct, 2.0)


def test_a_method_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "doubled", Doubled())
    x = noise(2, 6)
    wanted = 2 * attribution(DENSE, "gradient", x)
    np.testing.assert_allclose(attribution(DENSE, "doubled", x), wanted, rtol=1e-6)
    assert "doubled" in {verdict.method for verdict in retrograph.check(parse(DENSE)).methods}


def test_the_documents_are_what_the_methods_say() -> None:
    assert make_methods.FILE.read_text() == make_methods.document()


def test_pictures_have_a_proper_name_for_every_method() -> None:
    titles = [method.title for method in METHODS.values()]
    assert all(titles)
    assert len({*titles}) == len(titles)
    assert all({*method.told} <= {*method.parameters} for method in METHODS.values())


def test_a_derivative_is_none_that_is_multiplied_by_the_input() -> None:
    """What raising a value does is said of gradients and of nothing else."""
    derivatives = {name for name, method in METHODS.items() if method.quantity.is_derivative}
    assert derivatives == {
        *("gradient", "deconvnet", "guided", "rectgrad", "smoothgrad", "guided-grad-cam")
    }


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_is_explained(name: str) -> None:
    assert set(page(METHODS[name]).parameters) == set(METHODS[name].parameters)


def test_the_command_line_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert [line.split()[0] for line in run(capsys, "methods").out.splitlines()[1:]] == [*METHODS]
    (one,) = json.loads(run(capsys, "methods", "rectgrad", "--json").out)
    assert one["parameters"]["quantile"]["default"] == 0.98
    assert "tau" in one["formula"]
    assert "Kim" in run(capsys, "methods", "rectgrad").out
    assert run(capsys, "methods", "magic").code == 2


def test_python_says_of_a_method_what_the_command_line_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = json.loads(run(capsys, "methods", "--json").out)
    assert records == [methods.describe(name).to_dict() for name in METHODS]
    page = methods.describe(methods.RectGrad(quantile=0.5))
    assert page.to_dict()["parameters"]["quantile"]["default"] == 0.5
    assert "\nquantile (0.5): " in str(page)
    assert repr(page) == f"<Page rectgrad: {page.summary}>"
    with pytest.raises(retrograph.InputError, match="magic"):
        methods.describe("magic")
    with pytest.raises(retrograph.InputError, match=r"'doubled' lacks Formula, .* Beware; write"):
        methods.describe(Doubled())


@pytest.mark.parametrize("method", ["guided", "deconvnet"])
def test_no_relu_behind_a_product_of_matrices(method: str) -> None:
    """OpenVINO fuses a Gemm, a ReLU and a product, wrongly; a Max it leaves."""
    model = parse(
        """<ir_version: 8, opset_import: ["": 18]>
        g (float[N, 6] x, float[6, 5] a, float[5, 4] b, float[4, 3] c) => (float[N, 3] y) {
        h = Gemm (x, a) i = Relu (h) j = MatMul (i, b) k = Relu (j) y = Gemm (k, c) }"""
    )
    nodes = retrograph.build(model, method=method, wrt="x").graph.node
    made = {name: node.op_type for node in nodes for name in node.output}
    emitted = [n for n in nodes if n.output[0].startswith("bwd")]
    behind = [n.op_type for n in emitted if made.get(n.input[0]) in ("Gemm", "MatMul")]
    assert behind.count("Max") == 2
    assert "Relu" not in behind
