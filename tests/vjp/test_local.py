"""Units of a middle layer: the windows that they see give what the whole backward pass gives."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper, parser

from retrograph.methods import METHODS
from retrograph.model import Model
from support.finite import Array, runtime
from tables.cuda_kernels import without_kernel

ITEMS = 2

NETS = {
    "plain": "a = Conv<pads=[1,1,1,1]>(x, k) b = Relu(a) c = Conv<pads=[1,1,1,1]>(b, w)"
    " y = Relu(c)",
    "no ReLU between": "a = Conv<pads=[1,1,1,1]>(x, k) b = Conv<pads=[1,1,1,1]>(a, w) y = Relu(b)",
    "strided, unequal pads": "a = Conv<strides=[2,1], pads=[1,0,0,2]>(x, k) b = Relu(a)"
    " c = Conv<strides=[1,2], pads=[0,1,1,1]>(b, w) y = Relu(c)",
    "dilated": "a = Conv<dilations=[2,3], pads=[2,3,2,3]>(x, k) y = Relu(a)",
    "pooled": "a = Conv<pads=[1,1,1,1]>(x, k) b = Relu(a)"
    " c = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1>(b)"
    " d = Conv<pads=[1,1,1,1]>(c, w) e = Relu(d)"
    " y = AveragePool<kernel_shape=[2,2], strides=[2,2]>(e)",
    "averaged with padding": "a = Conv(x, k) b = Relu(a)"
    " y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(b)",
    "residual": "a = Conv<pads=[1,1,1,1]>(x, k) b = Relu(a) c = Conv<pads=[1,1,1,1]>(b, w)"
    " d = Add(c, b) y = Relu(d)",
    "branches": "a = Conv<pads=[1,1,1,1]>(x, k) b = Relu(a) c = Conv<pads=[1,1,1,1]>(b, w)"
    " d = MaxPool<kernel_shape=[2,2], pads=[0,0,1,1]>(b) e = Concat<axis=1>(c, d)"
    " f = Clip(e, zero, one) y = Conv(f, v)",
    "by single positions": "a = Conv<pads=[1,1,1,1]>(x, k) b = Conv<strides=[2,2]>(a, o)"
    " c = Conv(b, o) d = Relu(c) y = Conv<pads=[1,1,1,1]>(d, w)",
    "single positions padded": "a = Conv(x, k) b = Conv<pads=[1,0,1,2]>(a, o) c = Relu(b)"
    " d = Conv<pads=[0,0,0,1]>(c, o) y = Conv<pads=[1,1,1,1]>(d, w)",
    "normalised": "a = Conv<pads=[1,1,1,1]>(x, k) b = BatchNormalization(a, s, m, m, s)"
    " c = Relu(b) d = Mul(c, h) y = Conv<pads=[1,1,1,1]>(d, w)",
    "scaled behind a pool": "a = Conv(x, k) b = Relu(a)"
    " c = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(b) d = Mul(c, large)"
    " y = Conv<pads=[1,1,1,1]>(d, w)",
    "padded apart": "a = Conv(x, k) b = Relu(a) c = Pad(b, around) d = Conv(c, w) e = Add(d, b)"
    " f = Relu(e) y = Pad(f, below)",
    "padded before a pool": "a = Conv(x, k) b = Pad(a, beside, nil, sides)"
    " c = MaxPool<kernel_shape=[3,3], strides=[2,2]>(b) d = Relu(c)"
    " y = Conv<pads=[1,1,1,1]>(d, w)",
    "turned in front": "u = Mul(x, half) t = Transpose<perm=[0,1,3,2]>(u)"
    " a = Conv<pads=[1,1,1,1]>(t, k) b = Relu(a) y = Conv<pads=[1,1,1,1]>(b, w)",
    "a constant beside": "a = Conv<pads=[1,1,1,1]>(x, k) b = Relu(a) c = Concat<axis=1>(full, b)"
    " y = Conv<pads=[1,1,0,0], strides=[2,2]>(c, v)",
    "quantised": "a = Conv<pads=[1,1,1,1]>(x, k) b = Relu(a) q = QuantizeLinear(b, grain, level)"
    " c = DequantizeLinear(q, grain, level) y = Conv<pads=[1,1,1,1]>(c, w)",
    "dropped out in inference": "a = Conv<pads=[1,1,1,1]>(x, k) b = Relu(a)"
    " d, mask = Dropout(b, half_of_them) y = Conv<pads=[1,1,1,1]>(d, w)",
    "dropped out, the mask read": "a = Conv<pads=[1,1,1,1]>(x, k) b = Relu(a)"
    " d, mask = Dropout(b, half_of_them, no) e = Where(mask, d, b)"
    " y = Conv<pads=[1,1,1,1]>(d, w)",
    "HardSwish": "a = Conv<pads=[1,1,1,1]>(x, k) h1 = HardSigmoid(a) b = Mul(a, h1) c = Relu(b)"
    " d = Conv<pads=[1,1,1,1]>(c, w) e = HardSwish(d) y = Conv<pads=[1,1,1,1]>(e, w)",
    "Swish": "a = Conv<pads=[1,1,1,1]>(x, k) s1 = Sigmoid(a) b = Mul(a, s1) c = Relu(b)"
    " y = Conv<pads=[1,1,1,1]>(c, w)",
}
"""Models of an input x [N, 3, 20, 18]; every channel after the first convolution is one of 4."""

_SHAPES = {
    "k": (4, 3, 3, 3),
    "w": (4, 4, 3, 3),
    "v": (5, 8, 1, 1),
    "o": (4, 4, 1, 1),
    "h": (4, 1, 1),
}
_SHAPES |= {"full": (ITEMS, 4, 20, 18)}
_KINDS = (
    dict.fromkeys(("around", "below", "beside", "sides"), np.int64)
    | {"level": np.uint8}
    | dict.fromkeys(("no", "yes"), np.bool_)
)


def net(body: str, lead: str = "N") -> ModelProto:
    graph = parser.parse_graph(f"g (float[{lead},3,20,18] x) => (float[M,P,Q,R] y) {{ {body} }}")
    random = np.random.default_rng(3)
    values = {name: random.normal(size=shape) for name, shape in _SHAPES.items()}
    values |= {"half_of_them": np.array(0.5), "no": np.array(False), "yes": np.array(True)}
    values |= {"zero": np.array(0.0), "one": np.array(1.0)}
    values |= {"nil": np.array(0.0), "sides": np.array([-1, 2])}
    values |= {"around": np.array([0, 0, 1, 1] * 2), "below": np.array([0] * 6 + [3, 0])}
    values |= {"large": np.array([3, -2, 5, -7]).reshape(4, 1, 1)}
    values |= {"half": np.full((1, 3, 20, 1), 0.5)}
    values |= {"grain": np.array(0.02), "level": np.array(3)}
    values |= {"beside": np.array([1, 0, 2, 1])}
    values |= {"s": np.array([0.5, 1, 1.5, 2]), "m": np.array([0.1, -0.2, 0.3, 0.0])}
    for name, value in values.items():
        if any(name in node.input for node in graph.node):
            kind = _KINDS.get(name, np.float32)
            graph.initializer.append(numpy_helper.from_array(value.astype(kind), name))
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def picture(items: int = ITEMS) -> Array:
    return np.random.default_rng(1).normal(size=(items, 3, 20, 18)).astype(np.float32)


def is_local(model: ModelProto) -> bool:
    return any(node.name.startswith("bwd/windows/") for node in model.graph.node)


def wanted(model: Model, method: str, x: Array, index: Array) -> Array:
    """By the whole backward pass of a cotangent that is 1 at one unit of each item."""
    item = np.shape(runtime(model.proto)({"x": x})["y"])[1:]
    ct = np.zeros((len(x), *item), np.float32)
    for row, unit in enumerate(index):
        if unit[0] >= 0:
            ct[(row, *unit)] = 1
    built = model.build(model.request(method=method, select="cotangent"))
    assert not is_local(built)
    return runtime(built)({"x": x, "cotangent": ct})["attribution"]


def activations(model: Model, x: Array, index: Array) -> Array:
    """What units are in the forward pass."""
    y = runtime(model.proto)({"x": x})["y"]
    return np.array([item[tuple(unit)] for item, unit in zip(y, index, strict=True)])


def places(model: Model, x: Array) -> list[Array]:
    """Units at each corner and side and in the middle of the target."""
    channels, height, width = np.shape(runtime(model.proto)({"x": x})["y"])[1:]
    rows, columns = ([0, 1, n // 2, n - 1] for n in (height, width))
    random = np.random.default_rng(2)
    return [
        np.array([[random.integers(channels), (r + i) % height, c] for i in range(len(x))])
        for r in rows
        for c in columns
    ]


@pytest.mark.one_in(8)
@pytest.mark.parametrize("method", ["gradient", "deconvnet", "guided"])
@pytest.mark.parametrize("name", NETS)
def test_a_unit(name: str, method: str) -> None:
    model, x = Model(net(NETS[name])), picture()
    built = model.build(model.request(method=method, select="unit"))
    assert is_local(built)
    run = runtime(built)
    for index in places(model, x):
        found = run({"x": x, "select": index})
        np.testing.assert_array_equal(found["unit"], index)
        np.testing.assert_allclose(found["score"], activations(model, x, index), rtol=1e-5)
        expected = wanted(model, method, x, index)
        np.testing.assert_allclose(found["attribution"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("select", ["top", "channel", "unit"])
@pytest.mark.parametrize("many", [False, True])
def test_every_choice(select: str, many: bool) -> None:
    model, x = Model(net(NETS["branches"])), picture()
    built = model.build(model.request(method="guided", select=select, many=many))
    assert is_local(built)
    count = 3 if many else 1
    given = {
        "unit": np.array([[4, 0, 17], [2, 9, 5], [0, 19, 0], [1, 3, 3], [3, 0, 0], [2, 18, 16]]),
        "channel": np.array([[0], [3], [4], [1], [2], [0]]),
    }
    feeds = {"x": x}
    if select in given:
        chosen = given[select][: ITEMS * count]
        feeds["select"] = chosen.reshape(ITEMS, count, -1) if many else chosen
    elif many:
        feeds["select"] = np.array([count])
    found = runtime(built)(feeds)
    units = found["unit"].reshape(ITEMS, count, 3)
    attributions = found["attribution"].reshape(ITEMS, count, *x.shape[1:])
    for k in range(count):
        expected = wanted(model, "guided", x, units[:, k])
        scores = activations(model, x, units[:, k])
        np.testing.assert_allclose(found["score"].reshape(ITEMS, count)[:, k], scores, rtol=1e-5)
        np.testing.assert_allclose(attributions[:, k], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETS)
def test_cuda_has_what_is_emitted(name: str) -> None:
    model = Model(net(NETS[name]))
    built = model.build(model.request(method="guided", select="unit", device="cuda"))
    assert is_local(built)
    assert not without_kernel(built)


def test_a_unit_out_of_range_has_zeros() -> None:
    model, x = Model(net(NETS["normalised"])), picture()
    run = runtime(model.build(model.request(method="deconvnet", select="unit")))
    found = run({"x": x, "select": np.array([[0, 20, 3], [1, 4, 4]])})
    assert not found["attribution"][0].any()
    assert found["attribution"][1].any()
    assert found["score"][0] == 0
    np.testing.assert_array_equal(found["unit"][0], [-1, -1, -1])


@pytest.mark.parametrize("many", [False, True])
def test_a_chosen_unit_needs_nothing_but_its_window(many: bool) -> None:
    model = Model(net(NETS["pooled"]))
    request = model.request(method="guided", select="unit", many=many, outputs=False)
    nodes = model.build(request).graph.node
    assert [n.op_type for n in nodes].count("Conv") > 1
    assert all(n.name.startswith("bwd/") for n in nodes)


@pytest.mark.parametrize("method", [m for m in METHODS if m in ("saliency", "input-x-gradient")])
def test_what_is_made_of_the_gradient(method: str) -> None:
    model, x = Model(net(NETS["pooled"])), picture()
    index = np.array([[1, 0, 0], [2, 2, 3]])
    built = model.build(model.request(method=method, select="unit"))
    found = runtime(built)({"x": x, "select": index})["attribution"]
    np.testing.assert_allclose(found, wanted(model, method, x, index), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "body",
    [
        "a = Conv<pads=[1,1,1,1]>(x, k) b = GlobalAveragePool(a) c = Mul(a, b) y = Relu(c)",
        "a = Conv<pads=[1,1,1,1]>(x, k) b = Transpose<perm=[0,1,3,2]>(a) y = Relu(b)",
        "a = Conv<pads=[7,7,7,7], dilations=[7,7]>(x, k) y = Relu(a)",
        "a = Conv<pads=[1,1,1,1]>(x, k) b = Sqrt(a) c = Conv<pads=[1,1,1,1]>(b, w) y = Relu(c)",
        "a = Conv<pads=[1,1,1,1]>(x, k) b = Relu(a) c = Div(b, a) y = Relu(c)",
        "a = Conv<pads=[1,1,1,1]>(x, k) b, m = Dropout(a, half_of_them, yes) y = Relu(b)",
    ],
    ids=["all is read", "turned", "most is read", "a root", "a quotient", "drawn anew"],
)
def test_where_windows_do_not_serve(body: str) -> None:
    model = Model(net(body))
    assert not is_local(model.build(model.request(method="guided", select="unit")))


def with_another_input(lead: object) -> Model:
    """A sum of a convolution and of whole numbers [lead, 4, 18, 16], which are not explained."""
    proto = net("a = Conv(x, k) b = Cast<to=1>(n) c = Add(a, b) y = Relu(c)")
    shape = [lead, 4, 18, 16]
    proto.graph.input.append(helper.make_tensor_value_info("n", TensorProto.INT32, shape))
    return Model(proto)


def test_another_input_is_cut_for_each_item() -> None:
    model, x = with_another_input("N"), picture()
    random = np.random.default_rng(4)
    feeds = {"x": x, "n": random.integers(-2, 3, (ITEMS, 4, 18, 16)).astype(np.int32)}
    index = np.array([[1, 0, 3], [2, 17, 9]])
    built = model.build(model.request(method="guided", select="unit"))
    assert is_local(built)
    ct = np.zeros((ITEMS, 4, 18, 16), np.float32)
    ct[(np.arange(ITEMS), *index.T)] = 1
    whole = model.build(model.request(method="guided", select="cotangent"))
    found = runtime(built)({**feeds, "select": index})["attribution"]
    expected = runtime(whole)({**feeds, "cotangent": ct})["attribution"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_is_one_for_the_whole_batch_has_no_windows() -> None:
    model = with_another_input(1)
    assert not is_local(model.build(model.request(method="guided", select="unit")))


def test_a_long_chain_is_no_deep_recursion() -> None:
    chain = " ".join(f"t{i + 1} = Mul(t{i}, h)" for i in range(1500))
    model = Model(net(f"t0 = Conv(x, k) {chain} b = Conv<pads=[1,1,1,1]>(t1500, w) y = Relu(b)"))
    assert is_local(model.build(model.request(method="guided", select="unit")))


def test_a_fixed_batch() -> None:
    model, x = Model(net(NETS["residual"], lead="1")), picture(1)
    index = np.array([[3, 19, 17]])
    built = model.build(model.request(method="guided", select="unit"))
    assert is_local(built)
    found = runtime(built)({"x": x, "select": index})["attribution"]
    np.testing.assert_allclose(found, wanted(model, "guided", x, index), rtol=1e-4, atol=1e-5)
