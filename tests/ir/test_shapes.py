"""Sizes are those that the runtime computes; what a file declares of them is a hint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper, parser

import retrograph
from retrograph.ir.passes.canonicalize import canonicalize
from support.finite import Array, runtime

RANDOM = np.random.default_rng(11)
KERNEL = RANDOM.normal(size=(4, 3, 3, 3)).astype(np.float32)
STEP = 0.25


def model_of(
    body: str, x: str, y: str = "[]", opset: int = 18, more: str = "", **constants: Array
) -> ModelProto:
    header = f'<ir_version: 8, opset_import: ["": {opset}]>'
    model = parser.parse_model(f"{header} g (float[{x}] x{more}) => (float{y} y) {{ {body} }}")
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    return model


def differences(model: ModelProto, x: Array, **more: Array) -> Array:
    """d (sum of y) / dx by central differences of the source model, element by element."""
    run, found = runtime(model, optimised=False), np.zeros_like(x)
    for place in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][place] += STEP
        moved[1][place] -= STEP
        above, below = (np.sum(run({"x": m, **more})["y"]) for m in moved)
        found[place] = (above - below) / (2 * STEP)
    return found


def assert_built(model: ModelProto, x: Array, **more: Array) -> None:
    """The built graph gives the model's output and its gradient, optimised or not."""
    wanted = runtime(model, optimised=False)({"x": x, **more})["y"]
    gradient = differences(model, x, **more)
    built = retrograph.build(model, method="gradient", select="cotangent")
    for optimised in (True, False):
        feeds = {"x": x, "cotangent": np.ones_like(wanted), **more}
        found = runtime(built, optimised)(feeds)
        np.testing.assert_allclose(found["y"], wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found["attribution"], gradient, rtol=1e-2, atol=1e-3)


# --- pools ---------------------------------------------------------------------------------------

POOLS = [
    ("MaxPool", "3,3", "strides=[3,3], pads=[1,1,1,1], ceil_mode=1"),
    ("MaxPool", "2,2", "strides=[2,2], pads=[1,1,1,1], ceil_mode=1"),
    ("MaxPool", "2,3", "strides=[2,2], pads=[1,0,1,0], ceil_mode=1"),
    ("MaxPool", "1,3", "strides=[3,2], pads=[0,0,0,0], ceil_mode=1"),
    ("MaxPool", "2,2", "strides=[2,2], pads=[1,1,1,1], dilations=[1,2], ceil_mode=1"),
    ("MaxPool", "2,2", 'strides=[4,1], auto_pad="VALID", ceil_mode=1'),
    ("MaxPool", "2,2", 'strides=[1,1], dilations=[2,1], auto_pad="SAME_UPPER"'),
    ("MaxPool", "3,2", 'strides=[2,1], dilations=[2,1], auto_pad="SAME_LOWER", ceil_mode=1'),
    ("AveragePool", "3,3", "strides=[3,3], pads=[1,1,1,1], ceil_mode=1"),
    ("AveragePool", "2,3", "strides=[2,2], pads=[1,0,1,0], ceil_mode=1"),
    ("AveragePool", "2,3", "strides=[2,2], pads=[1,0,1,0], ceil_mode=1, count_include_pad=1"),
    ("AveragePool", "1,3", "strides=[3,2], ceil_mode=1, count_include_pad=1"),
    ("AveragePool", "2,2", 'strides=[4,1], auto_pad="VALID", ceil_mode=1'),
    ("LpPool", "2,2", "strides=[2,2], pads=[1,1,1,1], p=1, ceil_mode=1"),
    ("LpPool", "1,2", "strides=[3,2], p=1, ceil_mode=1"),
    ("LpPool", "2,2", 'strides=[1,1], dilations=[2,1], p=1, auto_pad="SAME_UPPER"'),
]


def distinct(*shape: int) -> Array:
    """Whole numbers from 1 on, each once: a step of a quarter changes no maximum."""
    return RANDOM.permutation(np.prod(shape)).reshape(shape).astype(np.float32) + 1


@pytest.mark.one_in(5)
@pytest.mark.parametrize("open_size", [(), (0,), (0, 1)], ids=["", "open height", "open sizes"])
@pytest.mark.parametrize("opset", [13, 18, 22])
@pytest.mark.parametrize(("op", "kernel", "attributes"), POOLS)
def test_a_pool_has_the_windows_that_the_runtime_has(
    op: str, kernel: str, attributes: str, opset: int, open_size: tuple[int, ...]
) -> None:
    if op == "LpPool" and opset < 18:
        pytest.skip("it has neither ceil_mode nor dilations")
    sizes: list[Any] = [9, 9]
    for axis in open_size:
        sizes[axis] = "HW"[axis]
    pool = f"p = {op}<kernel_shape=[{kernel}], {attributes}>(x)"
    body = f"{pool} r = Relu(p) y = GlobalAveragePool(r)"
    model = model_of(body, f"1,1,{sizes[0]},{sizes[1]}", opset=opset)
    if "SAME" in attributes and 0 in open_size and "strides=[2" in attributes:
        pytest.skip("its paddings are computed at run time")
    assert_built(model, distinct(1, 1, 9, 9))


def test_what_is_inferred_of_a_pool_is_what_the_runtime_makes() -> None:
    for op, kernel, attributes in POOLS:
        model = model_of(f"y = {op}<kernel_shape=[{kernel}], {attributes}>(x)", "1,1,9,9")
        made = runtime(model)({"x": distinct(1, 1, 9, 9)})["y"]
        y = canonicalize(model).tensor("y")
        assert y is not None
        assert y.shape == made.shape, (op, attributes)


def test_a_pool_in_a_branch() -> None:
    pool = "MaxPool<kernel_shape=[2,2], strides=[2,2], pads=[1,1,1,1], ceil_mode=1>"
    mean = "m = GlobalAveragePool(r)"
    body = (
        f"y = If (c) <then_branch = a () => (float[1,1,1,1] t) {{ p = {pool}(x) r = Relu(p) {mean}"
        " t = Identity(m) }, else_branch = b () => (float[1,1,1,1] e) { n = Neg(x)"
        f" p = {pool}(n) r = Relu(p) {mean} e = Identity(m) }}>"
    )
    model = model_of(body, "1,1,9,9", more=", bool c")
    for taken in (True, False):
        assert_built(model, distinct(1, 1, 9, 9) - 40.5, c=np.array(taken))


# --- what a file declares ----------------------------------------------------------------------

NET = "c = Conv<pads=[1,1,1,1]>(x, k) r = Relu(c) p = GlobalAveragePool(r) y = Flatten(p)"
MAPS = "c = Conv<pads=[1,1,1,1]>(x, k) y = Relu(c)"


@pytest.mark.parametrize("select", ["top", "channel", "unit", "cotangent"])
@pytest.mark.parametrize(
    ("body", "given", "said", "true"),
    [
        (NET, "N,3,6,6", "[1,4]", "[N,4]"),
        (NET, "2,3,6,6", "[1,4]", "[2,4]"),
        (NET, "N,3,6,6", "[N,4,1,1]", "[N,4]"),
        (NET, "N,3,6,6", "[N,9]", "[N,4]"),
        (MAPS, "N,3,H,W", "[1,4,8,8]", "[N,4,H,W]"),
        (MAPS, "N,3,6,6", "[N,4,3,3]", "[N,4,6,6]"),
    ],
)
def test_a_stale_output(body: str, given: str, said: str, true: str, select: str) -> None:
    x = RANDOM.normal(size=(2, 3, 6, 6)).astype(np.float32)
    stale, right = (model_of(body, given, y, k=KERNEL) for y in (said, true))
    wanted = runtime(right)({"x": x})["y"]
    feeds = {"x": x}
    if select == "cotangent":
        feeds["cotangent"] = RANDOM.normal(size=wanted.shape).astype(np.float32)
    elif select != "top":
        rank = wanted.ndim - 1 if select == "unit" else 1
        feeds["select"] = np.array([[1, 2, 3], [2, 0, 5]])[:, :rank]
    expected = runtime(retrograph.build(right, method="guided", select=select))(feeds)
    for optimised in (True, False):
        found = runtime(retrograph.build(stale, method="guided", select=select), optimised)(feeds)
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)


def test_stale_shapes_inside() -> None:
    wrong = {"c": [1, 4, 3, 3], "r": [1, 9], "p": [5, 5]}
    model = model_of(NET, "1,3,6,6", "[1,4]", k=KERNEL)
    model.graph.value_info.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in wrong.items()
    )
    graph = canonicalize(model)
    shapes = {name: graph.types[name].shape for name in wrong}
    assert shapes == {"c": (1, 4, 6, 6), "r": (1, 4, 6, 6), "p": (1, 4, 1, 1)}


def test_a_stale_branch() -> None:
    body = (
        "i = If (c) <then_branch = a () => (float[1,1,6,6] t)"
        " { t = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x) },"
        " else_branch = b () => (float[1,1,3,3] e) { e = Neg(x) }> y = Relu(i)"
    )
    model = model_of(body, "1,1,6,6", "[1,1,6,6]", more=", bool c")
    for taken in (True, False):
        assert_built(model, distinct(1, 1, 6, 6) - 18.25, c=np.array(taken))


def test_a_stale_loop() -> None:
    body = (
        "y = Loop (n, , x) <body = b (int64 i, bool on, float[1,1,2,2] a)"
        " => (bool go, float[1,1,2,2] z) { go = Identity(on) s = Mul(a, a) z = Sqrt(s) }>"
    )
    model = model_of(body, "1,1,3,3", "[1,1,9,9]", n=np.array(2))
    assert_built(model, distinct(1, 1, 3, 3))


def test_a_size_that_only_the_file_says_is_left_open() -> None:
    body = "c = Conv<pads=[1,1,1,1]>(x, k) n = NonZero(i) s = Gather<axis=0>(n, o) y = Relu(c)"
    model = model_of(body, "N,3,6,6", "[7,4,6,6]", more=", float[5] i", k=KERNEL, o=np.array(0))
    model.graph.output.append(helper.make_tensor_value_info("s", TensorProto.INT64, [3]))
    built = retrograph.build(model)
    dims = {v.name: v.type.tensor_type.shape.dim for v in built.graph.output}
    assert [d.dim_value for d in dims["s"]] == [0]
    assert [d.dim_param or d.dim_value for d in dims["y"]] == ["N", 4, 6, 6]
