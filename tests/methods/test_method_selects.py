"""Every method, for every way to choose units, in the built graph alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest

import retrograph
from retrograph.methods import METHODS
from support.graphs import Array, Run, noise, parse, ready, runner

NET = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, 9, 8] x) => (float[N, 5] y)
<float[4, 3, 3, 3] w, float[4] b, float[4] scale, float[4] shift, float[4] mean, float[4] var = {
    1.5, 0.5, 1, 2}, float[6, 4, 3, 3] v, float[6] c, float[24, 5] u, float[5] d>
{
    a = Conv <pads = [1, 1, 1, 1]> (x, w, b)
    n = BatchNormalization (a, scale, shift, mean, var)
    r = Relu (n)
    m = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
    e = Conv <pads = [1, 1, 1, 1]> (m, v, c)
    s = Relu (e)
    p = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (s)
    f = Flatten (p)
    y = Gemm (f, u, d)
}
"""
X = noise(3, 3, 9, 8)
LAYERS = ["y", "s"]

each_method = pytest.mark.parametrize("name", METHODS)
each_layer = pytest.mark.parametrize("layer", LAYERS)


@cache
def built_run(name: str, layer: str, how: str, many: bool) -> Run:
    """A built graph, checked and ready to run; built once for all tests."""
    built = retrograph.build(
        parse(NET), method=ready(name, X[::-1]), layer=layer, select=how, many=many
    )
    onnx.checker.check_model(built, full_check=True)
    return runner(built)


def explained(name: str, layer: str, how: str, many: bool = False, **given: Array) -> Any:
    return built_run(name, layer, how, many)(x=X, **given)


def assert_same(found: Array, wanted: Array) -> None:
    assert np.abs(wanted).max() > 0
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.one_in(2)
@each_method
@each_layer
def test_top_is_the_unit_that_it_names(name: str, layer: str) -> None:
    top = explained(name, layer, "top")
    unit = explained(name, layer, "unit", select=top["unit"])
    assert_same(unit["attribution"], top["attribution"])
    np.testing.assert_array_equal(unit["score"], top["score"])


@pytest.mark.one_in(2)
@each_method
@each_layer
def test_a_channel_is_the_unit_that_it_names(name: str, layer: str) -> None:
    channel = explained(name, layer, "channel", select=np.array([[1], [0], [2]]))
    unit = explained(name, layer, "unit", select=channel["unit"])
    np.testing.assert_array_equal(channel["unit"][:, 0], [1, 0, 2])
    assert_same(channel["attribution"], unit["attribution"])


@each_method
@each_layer
def test_a_cotangent_of_one_unit_is_that_unit(name: str, layer: str) -> None:
    top = explained(name, layer, "top")
    shape = explained("gradient", layer, "top")["attribution"].shape
    assert shape == X.shape
    items = {"y": (5,), "s": (6, 4, 4)}[layer]
    ct = np.zeros((3, *items), np.float32)
    for row, unit in enumerate(top["unit"]):
        ct[(row, *unit)] = 1.0
    assert_same(
        explained(name, layer, "cotangent", cotangent=ct)["attribution"], top["attribution"]
    )


@pytest.mark.one_in(6)
@each_method
@each_layer
@pytest.mark.parametrize("select", ["top", "channel", "unit", "cotangent"])
def test_many_units_are_single_units(name: str, layer: str, select: str) -> None:
    best = explained(name, layer, "top", many=True, select=np.array([2]))
    units = best["unit"]
    if select == "top":
        both = best
    elif select == "cotangent":
        items = {"y": (5,), "s": (6, 4, 4)}[layer]
        ct = np.zeros((3, 2, *items), np.float32)
        for row, k in np.ndindex(3, 2):
            ct[(row, k, *units[row, k])] = 1.0
        both = explained(name, layer, select, many=True, cotangent=ct)
    else:
        index = units[..., :1] if select == "channel" else units
        both = explained(name, layer, select, many=True, select=index)
        units = both["unit"]
    for k in range(2):
        one = explained(name, layer, "unit", select=units[:, k])
        assert_same(both["attribution"][:, k], one["attribution"])
        for key in one.keys() - {"attribution", "y", "unit"}:
            np.testing.assert_allclose(both[key][:, k], one[key], rtol=1e-4, atol=1e-5)


@each_method
def test_an_item_does_not_depend_on_its_batch(name: str) -> None:
    built = retrograph.build(parse(NET), method=ready(name, X[::-1]), layer="y", select="top")
    run = runner(built)
    whole = run(x=X)["attribution"]
    for row in range(len(X)):
        assert_same(run(x=X[row : row + 1])["attribution"], whole[row : row + 1])


@each_method
def test_a_fixed_batch(name: str) -> None:
    fixed = parse(NET.replace("[N, ", "[3, "))
    built = retrograph.build(fixed, method=ready(name, X[::-1]), layer="y", select="top")
    assert_same(runner(built)(x=X)["attribution"], explained(name, "y", "top")["attribution"])
