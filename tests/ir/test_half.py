"""Float16 as a choice: what is computed in it, what stays float32, and how far it is from that."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import GraphProto, ModelProto, TensorProto, shape_inference
from onnx.reference import ReferenceEvaluator

import retrograph
from retrograph import Explainer, InputError, Model
from retrograph.contract import Contract
from retrograph.ir.subgraphs import subgraphs
from retrograph.methods import METHODS as ALL_METHODS
from support import nets
from support.graphs import METHODS, SMALL_NET, TWO_INPUTS, assert_close, noise, parse, runner
from support.half_case import both, contract_of
from support.paths import SAMPLE_MODELS
from support.vjp_case import Case
from tables import vjp_cases_control

SAMPLE = SAMPLE_MODELS / "cifar10_cnn.onnx"
HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'

POOLED = f"""{HEAD}
net (float[N, 2, 13, 13] x) => (float[N, 3] scores)
<float[4, 2, 3, 3] w1, float[4] b1, float[4] gamma, float[4] beta, float[4] mean,
 float[4] var = {{0.5, 2.0, 1.0, 0.25}}, float[4, 4, 3, 3] w2, float[3, 4] w3, float[3] b3>
{{
    conv = Conv <pads = [1, 1, 1, 1]> (x, w1, b1)
    norm = BatchNormalization (conv, gamma, beta, mean, var)
    relu = Relu (norm)
    pool = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (relu)
    deep = Conv <strides = [2, 2]> (pool, w2)
    thin = Relu (deep)
    wide = GlobalAveragePool (thin)
    flat = Flatten (wide)
    scores = Gemm <transB = 1> (flat, w3, b3)
}}
"""
JOINED = f"""{HEAD}
net (float[N, 2, 6, 6] x) => (float[N, 3] scores)
<float[3, 2, 1, 1] w1, float[2, 2, 3, 3] w2, float[3, 5] w3,
 float[4] scales = {{1.0, 1.0, 2.0, 2.0}}>
{{
    one = Conv (x, w1)
    two = Conv <pads = [1, 1, 1, 1]> (x, w2)
    both = Concat <axis = 1> (one, two)
    relu = Relu (both)
    large = Resize <mode = "linear"> (relu, , scales)
    mean = GlobalAveragePool (large)
    flat = Flatten (mean)
    scores = Gemm <transB = 1> (flat, w3)
}}
"""
BRANCHED = f"""{HEAD}
net (float[N, 2, 6, 6] x, bool c) => (float[N, 3] scores)
<float[3, 2, 1, 1] w1, float[3, 2, 3, 3] w2, float[3, 3] w3>
{{
    z = If (c) <
        then_branch = some () => (float[N, 3, 6, 6] a) {{ a = Conv (x, w1) }},
        else_branch = other () => (float[N, 3, 6, 6] b) {{ b = Conv <pads = [1, 1, 1, 1]> (x, w2) }}
    >
    relu = Relu (z)
    mean = GlobalAveragePool (relu)
    flat = Flatten (mean)
    scores = Gemm (flat, w3)
}}
"""
LOOPED = f"""{HEAD}
net (float[N, 3, 6, 6] x) => (float[N, 3] scores)
<float[3, 3, 3, 3] w1, float[3, 3] w3, int64 steps = {{3}}>
{{
    go = Constant <value = bool {{1}}> ()
    z, all = Loop (steps, go, x) <body = step (int64 i, bool on, float[N, 3, 6, 6] h)
        => (bool on1, float[N, 3, 6, 6] h1, float[N, 3, 6, 6] kept) {{
        on1 = Identity (on)
        c = Conv <pads = [1, 1, 1, 1]> (h, w1)
        h1 = Relu (c)
        kept = Identity (h1)
    }}>
    relu = Relu (z)
    mean = GlobalAveragePool (relu)
    flat = Flatten (mean)
    scores = Gemm (flat, w3)
}}
"""
NETS = {"pooled": POOLED, "joined": JOINED, "branched": BRANCHED, "looped": LOOPED}
SHAPES = {"pooled": (2, 13, 13), "joined": (2, 6, 6), "branched": (2, 6, 6), "looped": (3, 6, 6)}

each_net = pytest.mark.parametrize("net", NETS)
each_method = pytest.mark.parametrize("method", METHODS)


def product_types(model: ModelProto) -> set[int]:
    """The element types that convolutions and matrix products read, in bodies too."""
    inferred = shape_inference.infer_shapes(model, strict_mode=True).graph
    return _product_types(inferred, {})


def _product_types(graph: GraphProto, outer: dict[str, int]) -> set[int]:
    known = outer | {t.name: t.data_type for t in graph.initializer}
    for info in (*graph.input, *graph.value_info, *graph.output):
        known[info.name] = info.type.tensor_type.elem_type
    found = set()
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose", "Gemm"):
            found |= {known[name] for name in node.input if name}
        for body in subgraphs(node):
            found |= _product_types(body, known)
    return found


def floats(model: ModelProto) -> set[int]:
    """The element types of the inputs and outputs that are floating point."""
    ends = (*model.graph.input, *model.graph.output)
    kinds = {v.type.tensor_type.elem_type for v in ends}
    return kinds - {TensorProto.INT64, TensorProto.BOOL}


# What is computed.


@each_method
@each_net
def test_is_near_float32(net: str, method: str) -> None:
    single, half = both(parse(NETS[net]), method=method)
    feeds = {"x": noise(2, *SHAPES[net])}
    feeds |= {"c": np.array(True)} if net == "branched" else {}
    wanted, found = runner(single)(**feeds), runner(half)(**feeds)
    np.testing.assert_array_equal(found.pop("unit"), wanted.pop("unit"))
    for name, value in wanted.items():
        assert_close(found[name], value, 1e-2)
        assert not np.array_equal(found[name], value), f"{name} is that of float32"
    assert floats(half) == {TensorProto.FLOAT}
    assert product_types(half) == {TensorProto.FLOAT16}
    onnx.checker.check_model(half, full_check=True)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("select", ["top", "channel", "unit", "cotangent"])
def test_every_way_to_choose_a_unit(select: str, many: bool) -> None:
    if many and select == "cotangent":
        chosen = {"cotangent": noise(2, 3, 4, 6, 6)}
    elif many:
        index = [[[1, 2, 3], [0, 5, 5]], [[2, 2, 2], [3, 0, 1]]]
        chosen = {"select": np.array([2] if select == "top" else index)}
    else:
        chosen = {"select": np.array([[1, 2, 3], [3, 0, 1]])}
        chosen |= {"cotangent": noise(2, 4, 6, 6)}
    if select == "channel":
        chosen["select"] = chosen["select"][..., :1]
    single, half = both(
        parse(SMALL_NET), method="gradient", layer="relu1", select=select, many=many
    )
    names = {v.name for v in half.graph.input} - {"image"}
    feeds = {"image": noise(2, 2, 6, 6)} | {k: v for k, v in chosen.items() if k in names}
    wanted, found = runner(single)(**feeds), runner(half)(**feeds)
    np.testing.assert_array_equal(found["unit"], wanted["unit"])
    for name in ("attribution", "score"):
        assert_close(found[name], wanted[name], 1e-2)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("method", [m for m in ALL_METHODS if m != "expected-gradients"])
def test_the_sample_model_by_every_method(method: str) -> None:
    """At a layer: names, parameters and the layer of a map are what they are in float32."""
    single, half = both(SAMPLE, method=method, layer="relu2", select="channel")
    contracts = [contract_of(model) for model in (single, half)]
    for key in ("target", "alias", "shape", "parameters", "explained"):
        assert getattr(contracts[0], key) == getattr(contracts[1], key), key
    feeds = {"image": noise(1, 3, 32, 32, seed=2), "select": np.array([[3]])}
    wanted, found = runner(single)(**feeds), runner(half)(**feeds)
    for name in ("attribution", "score", "scores"):
        assert_close(found[name], wanted[name], 1e-2)


def test_weights_take_half_the_room() -> None:
    single, half = both(SAMPLE)
    assert half.ByteSize() < 0.6 * single.ByteSize()


def test_several_inputs_and_whole_numbers() -> None:
    single, half = both(parse(TWO_INPUTS), method="gradient")
    feeds = {"a": noise(2, 3), "b": noise(2, 4, seed=3), "count": np.array([[1, 2, 0], [3, 0, 1]])}
    wanted, found = runner(single)(**feeds), runner(half)(**feeds)
    for name in ("attribution.a", "attribution.b", "score"):
        assert_close(found[name], wanted[name], 1e-2)


LAST = f"""{HEAD}
net (float[N, 2, 6, 6] x) => (float[N, 6, 6, 3] y)
<float[3, 2, 3, 3] w>
{{
    conv = Conv <pads = [1, 1, 1, 1]> (x, w)
    turned = Transpose <perm = [0, 2, 3, 1]> (conv)
    y = Relu (turned)
}}
"""


def test_channels_that_come_last() -> None:
    single, half = both(parse(LAST), select="channel", method="gradient")
    feeds = {"x": noise(2, 2, 6, 6), "select": np.array([[1], [2]])}
    wanted, found = runner(single)(**feeds), runner(half)(**feeds)
    np.testing.assert_array_equal(found["unit"], wanted["unit"])
    np.testing.assert_array_equal(found["unit"][:, 2], [1, 2])


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", vjp_cases_control.CASES, ids=lambda case: case.name)
def test_control_flow(case: Case) -> None:
    """Bodies in bodies, states, what is captured: the cases of the rules."""
    model, feeds = case.model(), case.feeds()
    single, half = both(model, layer="y", method="gradient", select="cotangent", wrt=case.sources)
    feeds["cotangent"] = noise(*runner(model)(**feeds)["y"].shape)
    wanted, found = runner(single)(**feeds), runner(half)(**feeds)
    for name in wanted:
        assert_close(found[name], wanted[name], 3e-2)


SIZED = f"""{HEAD}
net (float[1, 1, L] x) => (float[1, 1, M] y)
<float half = {{0.5}}, int64[1] zero = {{0}}, int64[1] last = {{2}}, float[1, 1, 1] w>
{{
    length = Shape <start = 2> (x)
    real = Cast <to = 1> (length)
    part = Mul (real, half)
    end = Cast <to = 7> (part)
    front = Slice (x, zero, end, last)
    z = Mul (front, w)
    y = Relu (z)
}}
"""


def test_sizes_are_not_rounded() -> None:
    """4102 / 2 is 2051, which float16 has not."""
    half = retrograph.build(parse(SIZED), method="gradient", precision="float16")
    evaluator = ReferenceEvaluator(half)  # it rounds every number; ONNX Runtime leaves Casts out
    y, *_ = evaluator.run(["y"], {"x": noise(1, 1, 4102)})
    assert y.shape == (1, 1, 2051)


def test_what_onnx_has_not_in_float16_stays_float32() -> None:
    text = SMALL_NET.replace("relu = Relu (conv)", "odd = Celu (conv)\nrelu = Relu (odd)")
    single, half = both(parse(text), method="gradient")
    x = noise(2, 2, 6, 6)
    assert_close(runner(half)(x)["attribution"], runner(single)(x)["attribution"], 1e-2)


def test_a_model_in_float16_stays_as_it_is() -> None:
    built = retrograph.build(nets.half_cnn(), precision="float16")
    assert built.graph == retrograph.build(nets.half_cnn()).graph


def test_a_map_of_a_model_in_float16() -> None:
    found = runner(retrograph.build(nets.half_cnn(), method="grad-cam"))
    x = noise(1, 3, 8, 8).astype(np.float16)
    wanted = runner(retrograph.build(nets.cnn(), method="grad-cam"))(x.astype(np.float32))
    attribution = found(x)["attribution"]
    assert attribution.dtype == np.float16
    assert_close(attribution.astype(np.float32), wanted["attribution"], 1e-2)


def test_the_source_stays_as_it_is() -> None:
    model = Model(parse(LOOPED))
    before = model.build(model.request()).SerializeToString(deterministic=True)
    model.build(model.request(precision="float16"))
    assert model.build(model.request()).SerializeToString(deterministic=True) == before


# Numbers that float16 has not.


def with_weight(name: str, value: float) -> ModelProto:
    model = parse(SMALL_NET)
    tensor = next(t for t in model.graph.initializer if t.name == name)
    weights = onnx.numpy_helper.to_array(tensor).copy()
    weights.flat[3] = value
    tensor.CopyFrom(onnx.numpy_helper.from_array(weights, name))
    return model


def test_a_weight_that_is_too_large_is_named() -> None:
    with pytest.raises(InputError, match=r"'w1' \(Conv\) holds 7e\+04.*build in float32") as caught:
        retrograph.build(with_weight("w1", -7e4), precision="float16")
    assert "\n" not in str(caught.value)
    retrograph.build(with_weight("w1", -6e4), precision="float16")
    with pytest.raises(InputError, match="'w2'"):
        retrograph.build(with_weight("w2", 1e30), precision="float16")


def activation(step: str, weights: str) -> ModelProto:
    """y = f(x) of numbers [N, 4]."""
    return parse(f"{HEAD} net (float[N, 4] x) => (float[N, 4] y) <{weights}> {{ {step} }}")


BOUNDS = [
    ("y = Clip (x, low, high)", "float low = {0.0}, float high = {3.4e38}"),
    ("s = Add (x, m)\ny = Softmax (s)", "float[4] m = {0.0, -1.0e9, 0.0, -3.4e38}"),
]


@pytest.mark.parametrize(("step", "weights"), BOUNDS)
def test_what_stands_for_infinity_is_the_largest_number(step: str, weights: str) -> None:
    x = np.array([[0.5, -2.0, 1.5, 3.0]], np.float32)
    single, half = both(activation(step, weights), method="gradient", layer="y")
    wanted, found = runner(single)(x), runner(half)(x)
    assert_close(found["y"], wanted["y"], 1e-2)
    assert_close(found["attribution"], wanted["attribution"], 1e-2)


def test_a_row_that_is_masked_as_a_whole_stays_finite() -> None:
    half = retrograph.build(
        activation("s = Add (x, m)\ny = Softmax (s)", "float m = {-3.4e38}"),
        method="gradient",
        layer="y",
        precision="float16",
    )
    found = runner(half)(np.array([[0.5, -2.0, 1.5, 3.0]], np.float32))
    assert np.isfinite(found["y"]).all()
    assert np.isfinite(found["attribution"]).all()


def test_a_number_does_not_vanish() -> None:
    """x / (|x| + 1e-12) is 0 at 0."""
    model = activation("a = Abs (x)\nb = Add (a, e)\ny = Div (x, b)", "float e = {1.0e-12}")
    half = retrograph.build(model, method="gradient", precision="float16")
    y = runner(half)(np.array([[0.0, 1.0, -2.0, 0.0]], np.float32))["y"]
    np.testing.assert_allclose(y, [[0.0, 1.0, -1.0, 0.0]], atol=1e-3)


# What is refused, and what is recorded.


def test_other_types_are_refused() -> None:
    text = SMALL_NET.replace("float[", "double[")
    model = onnx.parser.parse_model(text)
    for info in list(model.graph.value_info):
        dims = [d.dim_value for d in info.type.tensor_type.shape.dim]
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(dims), info.name))
        model.graph.value_info.remove(info)
    retrograph.build(model)
    with pytest.raises(InputError, match=r"'image' is float64.*export the model in float32"):
        retrograph.build(model, precision="float16")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(
        InputError, match="unknown precision 'int8'; choose one of: float32, float16"
    ):
        retrograph.build(parse(SMALL_NET), precision="int8")


def test_the_metadata_tell_the_precision() -> None:
    single, half = both(parse(SMALL_NET))
    assert [contract_of(m).precision for m in (single, half)] == ["float32", "float16"]
    assert [len(contract_of(m).notes) for m in (single, half)] == [0, 1]
    older = {p.key: p.value for p in single.metadata_props}
    del older["retrograph.precision"], older["retrograph.channel_axis"]
    assert Contract.from_properties(older) == contract_of(single)
    assert Explainer(half, device="cpu").contract.precision == "float16"
    with pytest.raises(InputError, match="built for precision 'float16', not 'float32'"):
        Explainer(half, device="cpu", precision="float32")


def test_explainer() -> None:
    x = noise(2, 2, 6, 6)
    found = Explainer(parse(SMALL_NET), device="cpu", precision="float16").attribute(x)
    built = runner(retrograph.build(parse(SMALL_NET), precision="float16"))(x)
    np.testing.assert_array_equal(found.attribution, built["attribution"])
