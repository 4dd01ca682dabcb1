"""Relevance at operators that are no linear layers, against matrices and hand arithmetic."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import retrograph
from retrograph import Explainer, UnsupportedError
from retrograph.methods.relevance.lrp import ExcitationBackprop, LrpEpsilon, LrpZPlus
from support import relevance_case as by
from support.graphs import Array, noise, parse, runner
from support.nets import cnn_with_custom
from support.relevance_case import EACH, assert_near, by_items, dense, explained, net, stab, values
from support.smooth_nets import SPELLINGS

PICTURE, SHAPE = "N, 2, 4, 6", (3, 2, 4, 6)

PASSES = {
    "relu": "y = Relu (x)",
    "relu6": "y = Clip (x, nought, one)",
    "sigmoid": "y = Sigmoid (x)",
    "tanh": "y = Tanh (x)",
    "leaky": "y = LeakyRelu <alpha = 0.1> (x)",
    "prelu": "y = PRelu (x, p)",
    "hardswish": "y = HardSwish (x)",
    "erf": "y = Erf (x)",
    "softplus": "y = Softplus (x)",
    "swish": "s = Sigmoid (x) y = Mul (x, s)",
    "square": "y = Mul (x, x)",
    "power": "y = Pow (x, two)",
    "neg": "y = Neg (x)",
    "add": "y = Add (p, x)",
    "from": "y = Sub (one, x)",
    "mul": "y = Mul (x, p)",
    "over": "y = Div (one, x)",
    "max": "y = Max (x, one)",
    "sum": "y = Sum (x, one)",
    "batch_norm": "y = BatchNormalization (x, s2, t2, m2, var)",
    "lrn": "y = LRN <size = 3> (x)",
    "dropout": "y = Dropout (x)",
}
CONSTANTS = "float nought = {0}, float one = {1}, float two = {2}, float[2, 1, 1] p, "
CONSTANTS += "float[2] s2, float[2] t2, float[2] m2, float[2] var"

MOVES = {
    "transpose": "y = Transpose <perm = [0, 2, 3, 1]> (x)",
    "reshape": "y = Reshape (x, shape)",
    "flatten": "f = Flatten (x) y = Reshape (f, shape)",
    "squeeze": "u = Unsqueeze (x, first) y = Squeeze (u, first)",
    "slice": "y = Slice (x, first, third, third, first)",
    "gather": "y = Gather <axis = 2> (x, twice)",
    "concat": "r = Neg (x) y = Concat <axis = 1> (x, r, x)",
    "split": "a, b = Split <axis = 3, num_outputs = 2> (x) y = Concat <axis = 1> (b, a)",
    "pad": "y = Pad (x, pads)",
    "pad_reflect": 'y = Pad <mode = "reflect"> (x, pads)',
    "tile": "y = Tile (x, repeats)",
    "expand": "u = Slice (x, nought, first, third) y = Expand (u, wide)",
    "space_to_depth": "y = SpaceToDepth <blocksize = 2> (x)",
    "upsample": 'y = Resize <mode = "nearest"> (x, , scales)',
    "max_pool": "y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)",
    "max_pool_overlapping": "y = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x)",
    "global_max_pool": "y = GlobalMaxPool (x)",
    "reduce_max": "y = ReduceMax (x, third)",
    "larger": "r = Neg (x) y = Max (x, r)",
}
PLACES = "int64[1] nought = {0}, int64[1] first = {1}, int64[1] third = {3}, "
PLACES += "int64[3] twice = {2, 0, 2}, int64[4] shape = {0, 4, 4, 3}, "
PLACES += "int64[8] pads = {0, 0, 1, 2, 0, 0, 1, 0}, int64[4] repeats = {1, 2, 1, 3}, "
PLACES += "int64[4] wide = {1, 2, 4, 6}, "
PLACES += "float[4] scales = {1, 1, 2, 3}"

SUMS = {
    "average_pool": "y = AveragePool <kernel_shape = [2, 3], strides = [2, 3]> (x)",
    "average_pool_padded": "y = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x)",
    "average_pool_counting": "y = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1], "
    "count_include_pad = 1> (x)",
    "average_pool_ceil": "y = AveragePool <kernel_shape = [3, 4], strides = [2, 3], "
    "ceil_mode = 1> (x)",
    "global_average_pool": "y = GlobalAveragePool (x)",
    "reduce_mean": "y = ReduceMean (x, last)",
    "reduce_sum": "y = ReduceSum (x, last)",
    "residual": "r = Slice (x, nought, first, first) y = Add (r, x)",
    "difference": "r = Transpose <perm = [0, 1, 2, 3]> (x) q = Mul (r, p) y = Sub (x, q)",
    "sum_of_three": "r = Mul (x, p) q = Div (x, p) y = Sum (x, r, q)",
    "mean_of_two": "r = Mul (x, p) y = Mean (x, r)",
    "enlarged": 'y = Resize <mode = "linear"> (x, , scales)',
    "cumulative": "y = CumSum (x, axis)",
}
ADDED = "int64[1] nought = {0}, int64[1] first = {1}, int64[2] last = {2, 3}, float[2, 1, 1] p, "
ADDED += "float[4] scales = {1, 1, 2, 1.5}, int64 axis = {3}"


def attribution(model: onnx.ModelProto, x: Array) -> tuple[Array, Array]:
    """By epsilon; and the relevance of y that it starts from."""
    found, ct = explained(model, LrpEpsilon(), x)
    assert not found["bias_relevance"].any()
    return found["attribution"], values(model, x) * ct


@pytest.mark.parametrize("operator", PASSES)
def test_functions_of_one_number_pass(operator: str) -> None:
    model = net(PASSES[operator], PICTURE, PICTURE, CONSTANTS)
    found, start = attribution(model, noise(*SHAPE))
    assert_near(found, start)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("rule", ["epsilon_quarter", "gamma", "z_plus", "alpha_beta"])
def test_smooth_activations_in_every_spelling_pass(spelling: str, rule: str) -> None:
    numbers = "float one = {1}, float three = {3}, float six = {6}, float zero = {0}, "
    numbers += "float half = {0.5}, float root = {1.41421356}, float cubic = {0.044715}, "
    numbers += "float slope = {0.79788456}, float[6, 5] u, float[5, 3] v, float[5] b"
    text = f"p0 = MatMul (x, u) a = Add (p0, b) {SPELLINGS[spelling]} y = MatMul (r, v)"
    model = net(text, "N, 6", "N, m", numbers)
    x = noise(4, 6)
    method, formula = EACH[rule]
    found, ct = explained(model, method, x)
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    r, _ = by_items(
        formula, constants["v"].T, np.zeros(3), values(model, x, "r"), values(model, x) * ct
    )
    w, b = dense(model, (6,), "a")
    wanted, kept = by_items(formula, w, b, x, r)
    assert_near(found["attribution"], wanted, 1e-3)
    assert_near(found["bias_relevance"], kept, 1e-3)


@pytest.mark.parametrize("operator", MOVES)
def test_relevance_goes_where_the_number_came_from(operator: str) -> None:
    """A number of y is one of x, up to its sign, so each hands its relevance to that one."""
    model = net(MOVES[operator], PICTURE, "N, c, h, w", PLACES)
    rng = np.random.default_rng(2)
    x = np.stack([rng.permutation(48) + 1 for _ in range(3)]).reshape(SHAPE).astype(np.float32)
    found, start = attribution(model, x)
    y = values(model, x)
    wanted = np.zeros(SHAPE)
    for n, item in enumerate(x):
        for number in np.unique(y[n]):
            source = np.argwhere(item == abs(number))
            if len(source):
                wanted[n][tuple(source[0])] += start[n][y[n] == number].sum()
    assert_near(found, wanted)
    assert_near(found.reshape(3, -1).sum(1), start.reshape(3, -1).sum(1))


@pytest.mark.parametrize("operator", SUMS)
def test_sums_share_by_what_each_number_adds(operator: str) -> None:
    model = net(SUMS[operator], PICTURE, "N, c, h, w", ADDED)
    x = noise(*SHAPE)
    found, start = attribution(model, x)
    w, b = dense(model, SHAPE[1:])
    assert not b.any()
    wanted, _ = by_items(by.epsilon(), w, b, x, start)
    assert_near(found, wanted)


def test_a_nearest_enlargement_loses_nothing_at_zeros() -> None:
    """Below a rule that gives relevance to zeros, a share in proportion to zero would lose it."""
    text = 'e = Resize <mode = "nearest"> (x, , scales) y = Conv (e, k)'
    weights = "float[4] scales = {1, 1, 2, 2}, float[3, 2, 3, 3] k"
    model, x = net(text, PICTURE, "N, c, h, w", weights), np.maximum(noise(*SHAPE), 0)
    method, formula = EACH["flat"]
    found, ct = explained(model, method, x)
    w, b = dense(
        net("y = Conv (x, k)", "N, 2, 8, 12", "N, c, h, w", "float[3, 2, 3, 3] k"), (2, 8, 12)
    )
    large = x.repeat(2, 2).repeat(2, 3)
    whole, _ = by_items(formula, w, b, large, values(model, x) * ct)
    assert_near(found["attribution"], whole.reshape(3, 2, 4, 2, 6, 2).sum((3, 5)))


def test_a_sum_with_constants_is_shared_among_the_others() -> None:
    weights = "float[2, 1, 1] p, float[2, 1, 1] q"
    model = net("r = Mul (x, p) y = Sum (x, q, r)", PICTURE, PICTURE, weights)
    x = noise(*SHAPE)
    found, start = attribution(model, x)
    assert_near(found, start)


# Gates.

GATES = {
    "sigmoid": "g = Sigmoid (d)",
    "hard_sigmoid": "g = HardSigmoid <alpha = 0.16666667> (d)",
    "clip": "h = Add (d, three) i = Clip (h, nought, six) g = Div (i, six)",
    "clip_mul": "h = Add (three, d) i = Clip (h, nought, six) g = Mul (sixth, i)",
    "relu6": "h = Add (d, three) j = Relu (h) i = Min (j, six) g = Div (i, six)",
    "flat": "f = Flatten (d) h = Sigmoid (f) g = Reshape (h, back)",
    "expanded": "h = Sigmoid (d) s = Shape (a) g = Expand (h, s)",
}
GATE_WEIGHTS = "float[4, 2, 3, 3] k, float[4] b, float[2, 4, 1, 1] k1, float[4, 2, 1, 1] k2, "
GATE_WEIGHTS += (
    "float three = {3}, float nought = {0}, float six = {6}, float sixth = {0.16666667}, "
)
GATE_WEIGHTS += "int64[4] back = {0, 4, 1, 1}"


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("order", ["a, g", "g, a"])
def test_the_signal_takes_all_of_a_product_with_a_gate(gate: str, order: str) -> None:
    text = "a = Conv (x, k, b) p = GlobalAveragePool (a) c = Conv (p, k1) e = Relu (c) "
    text += f"d = Conv (e, k2) {GATES[gate]} y = Mul ({order})"
    model, x = net(text, PICTURE, "N, m, h, w", GATE_WEIGHTS), noise(*SHAPE)
    w, b = dense(model, SHAPE[1:], "a")
    for rule in ("epsilon_quarter", "z_plus"):
        method, formula = EACH[rule]
        found, ct = explained(model, method, x)
        wanted, kept = by_items(formula, w, b, x, values(model, x) * ct)
        assert_near(found["attribution"], wanted)
        assert_near(found["bias_relevance"], kept)


def test_a_gate_is_said() -> None:
    text = "a = Conv (x, k, b) d = GlobalAveragePool (a) g = Sigmoid (d) q = Mul (a, g) "
    text += "s = Sigmoid (q) y = Mul (q, s)"
    explainer = Explainer(net(text, PICTURE, "N, m, h, w", GATE_WEIGHTS), method="lrp-epsilon")
    (note,) = explainer.contract.notes
    assert note == "lrp-epsilon: of a signal times a gate the signal takes all (1 of them)"


# What has no rule.

REFUSED = {
    "InstanceNormalization": "y = InstanceNormalization (x, s, s)",
    "LayerNormalization": "y = LayerNormalization <axis = 3> (x, n)",
    "Softmax": "y = Softmax <axis = 1> (x)",
    "LogSoftmax": "y = LogSoftmax <axis = 1> (x)",
    "MatMul": "t = Transpose <perm = [0, 1, 3, 2]> (x) y = MatMul (x, t)",
    "Einsum": 'y = Einsum <equation = "nchw->nchw"> (x)',
    "Mul": "t = Relu (x) y = Mul (x, t)",
    "Div": "t = Exp (x) u = ReduceSum <keepdims = 1> (t, one) y = Div (t, u)",
    "ReduceProd": "y = ReduceProd <keepdims = 1> (x, one)",
    "Conv": "t = Slice (x, nought, one, nought) y = Conv (x, t)",
    "Gemm": "f = Flatten (x) g = Gemm (f, k, f) y = Reshape (g, shape)",
}


@pytest.mark.parametrize("operator", REFUSED)
def test_operators_without_a_rule_are_refused(operator: str) -> None:
    weights = "float[2] s, float[6] n, int64[1] one = {1}, int64[1] nought = {0}, "
    weights += "float[48, 48] k, int64[4] shape = {-1, 2, 4, 6}"
    model = net(REFUSED[operator], PICTURE, "N, c, h, w", weights)
    with pytest.raises(UnsupportedError, match="no rule of relevance") as caught:
        retrograph.build(model, method="lrp-epsilon", layer="y")
    assert operator in {p.op for p in caught.value.problems}


def test_all_are_listed_in_one_error() -> None:
    text = "a = Softmax <axis = 1> (x) c = InstanceNormalization (a, s, s) y = Mul (a, c)"
    model = net(text, PICTURE, PICTURE, "float[2] s")
    with pytest.raises(UnsupportedError) as caught:
        retrograph.build(model, method="lrp-gamma", layer="y")
    assert [p.op for p in caught.value.problems] == ["Mul", "InstanceNormalization", "Softmax"]


def test_recurrent_layers_and_bodies_are_refused() -> None:
    body = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["z"])],
        "body",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 2, 4, 6])],
    )
    model = net("y = Identity (x)", PICTURE, PICTURE, more=", bool c")
    del model.graph.node[:]
    model.graph.node.append(
        helper.make_node("If", ["c"], ["y"], name="if", then_branch=body, else_branch=body)
    )
    with pytest.raises(UnsupportedError, match="no rule of relevance"):
        retrograph.build(model, method="lrp-epsilon", layer="y")
    model = net(
        "y, h, c = LSTM <hidden_size = 3> (x, w, r)",
        "5, N, 2",
        "5, d, N, h",
        "float[1, 12, 2] w, float[1, 12, 3] r",
    )
    with pytest.raises(UnsupportedError, match="no rule of relevance"):
        retrograph.build(model, method="lrp-epsilon", layer="y")


@pytest.mark.parametrize("name", ["Relu", "Add", "Reshape", "Conv", "Mul"])
def test_operators_of_other_domains_are_not_known_by_their_names(name: str) -> None:
    model = cnn_with_custom(on_path=True)
    for node in model.graph.node:
        if node.domain:
            node.op_type = name
    with pytest.raises(UnsupportedError) as caught:
        retrograph.build(model, method="lrp-epsilon", layer="scores_out")
    assert {p.op for p in caught.value.problems} == {f"com.acme.{name}"}


# Hand arithmetic.


def test_by_hand() -> None:
    """x = (1, 2), w = ((3, -1), (-2, 0.5)), b = (0.5, 1): z = (1.5, 0), and z_0 is explained."""
    text = "y = Gemm <transB = 1> (x, k, b)"
    weights = "float[2, 2] k = {3, -1, -2, 0.5}, float[2] b = {0.5, 1}"
    built = retrograph.build(net(text, "N, 2", "N, m", weights), method="lrp-epsilon")
    found = runner(built)(x=np.array([[1, 2]], np.float32))
    np.testing.assert_allclose(found["attribution"], [[3, -2]], rtol=1e-5)
    np.testing.assert_allclose(found["bias_relevance"], [0.5], rtol=1e-5)
    for method, wanted, kept in (
        (LrpZPlus(), [1.5 * 3 / 3.5, 0], 1.5 * 0.5 / 3.5),
        (LrpZPlus(biases="ignore"), [1.5, 0], 0),
        (ExcitationBackprop(), [1, 0], 0),
    ):
        built = retrograph.build(net(text, "N, 2", "N, m", weights), method=method)
        found = runner(built)(x=np.array([[1, 2]], np.float32))
        np.testing.assert_allclose(found["attribution"], [wanted], rtol=1e-5)
        np.testing.assert_allclose(found["bias_relevance"], [kept], rtol=1e-5)


def test_an_output_of_zero_passes_nothing_and_divides_by_nothing() -> None:
    weights = "float[2, 2] k = {1, -1, 0, 0}"
    model = net("y = Gemm <transB = 1> (x, k)", "N, 2", "N, m", weights)
    x = np.array([[1, 1], [0, 0]], np.float32)
    for method, _ in EACH.values():
        found, _ = explained(model, method, x)
        assert not found["attribution"].any()
    assert stab(np.zeros(1)) == by.EPSILON


@pytest.mark.parametrize("value", [-1.0, 0.0, 2.0])
@pytest.mark.parametrize("method", ["lrp-zplus", "lrp-gamma", "lrp-alpha-beta"])
def test_what_a_pad_fills_in_may_be_negative(method: str, value: float) -> None:
    """The same as where the sign of the padded tensor cannot be known."""
    text = f"""
    <ir_version: 8, opset_import: ["" : 18]>
    net (float[N, 2, 5] x) => (float[N, 3] y)
    <int64[6] pads = {{0, 0, 2, 0, 0, 1}}, float fill = {{{value}}}, float[3, 2, 8] w,
     int64[1] last = {{2}}>
    {{ r = Relu (x) SIGN p = Pad (s, pads, fill) c = Conv (p, w) y = Squeeze (c, last) }}
    """
    known, unknown = (
        parse(text.replace("SIGN", sign))
        for sign in ("s = Identity (r)", "n = Neg (r) s = Neg (n)")
    )
    x = noise(3, 2, 5)
    found, wanted = (
        runner(retrograph.build(model, method=method))(x=x)["attribution"]
        for model in (known, unknown)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
