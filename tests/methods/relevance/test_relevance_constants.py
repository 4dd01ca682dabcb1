"""What falls to constants beside the data: counted with the biases, so that the sum is the score.

A layer y = w o + b reads what an operator made of x and of constants. The numbers of x are whole
and all different, those of the constants are not whole: so o itself tells where each of its numbers
came from, and the relevance of o by the formula of the layer is that of x, or of a constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import retrograph
from retrograph import UnsupportedError
from retrograph.methods import METHODS
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.methods.relevance.lrp import LrpAlphaBeta, LrpEpsilon
from support.graphs import Array, noise, parse, runner
from support.relevance_case import EACH, assert_near, by_items, dense, explained, net, values

PICTURE, SHAPE = "N, 2, 4, 6", (3, 2, 4, 6)

NUMBERS = "float fill = {0.75}, float less = {-1.25}, float limit = {20}, float[1, 2, 4, 6] e, "
NUMBERS += "float[1, 2, 1, 1] c, float[2, 1, 6] d, float[1, 4, 6] u, float[1, 1, 4, 6] v, "
NUMBERS += "int64[8] pads = {0, 0, 1, 2, 0, 0, 2, 1}, int64[8] cut = {0, 0, -1, 2, 0, 0, 1, -2}, "
NUMBERS += "int64[8] more = {0, 1, 0, 0, 0, 1, 0, 0}, int64[4] sides = {1, 2, 1, 0}, "
NUMBERS += "int64[2] axes = {3, 2}, int64[3] item = {2, 4, 6}, int64[3] single = {1, 4, 6}, "
NUMBERS += "int64[2] plane = {4, 6}, int64[2] line = {-1, 1}, int64 zero = {0}, int64 one = {1}, "
NUMBERS += (
    "int64[1] second = {1}, int64[1, 1, 1, 1] first = {0}, float[4] scales = {1, 1, 1.5, 1}, "
)
NUMBERS += "float[8] roi = {0, 0, -0.3, 0, 1, 1, 1.2, 1}, "
NUMBERS += "bool[4, 6] mask = {" + ", ".join(["1", "0", "0", "1"] * 6) + "}"

COUNT = "n = Shape <start = 0, end = 1> (x) "
WHOLE = COUNT + "s = Concat <axis = 0> (n, item) a = Expand (e, s) "
PLACES = "q = Squeeze (n) g = Range (zero, q, one) i = Reshape (g, line) z = Mul (i, zero) "
PLACES += "p = Concat <axis = 1> (i, z) "
CHANNEL = "t = Concat <axis = 0> (n, single) j = Expand (first, t) r = Expand (v, t) "

OPERATORS: dict[str, str] = {
    "pad": "o = Pad (x, pads, fill)",
    "pad_below": "o = Pad (x, pads, less)",
    "pad_zero": "o = Pad (x, pads)",
    "pad_cutting": "o = Pad (x, cut, fill)",
    "pad_channels": "o = Pad (x, more, fill)",
    "pad_named_axes": "o = Pad (x, sides, less, axes)",
    "pad_reflect": 'o = Pad <mode = "reflect"> (x, pads)',
    "pad_edge": 'o = Pad <mode = "edge"> (x, pads)',
    "coordinates": WHOLE + "o = Concat <axis = 1> (x, a)",
    "coordinates_first": WHOLE + "o = Concat <axis = 1> (a, x)",
    "token": WHOLE + "o = Concat <axis = 3> (a, x, a)",
    "where": "o = Where (mask, x, fill)",
    "where_not": "o = Where (mask, e, x)",
    "where_broadcast": "o = Where (mask, c, x)",
    "threshold": "a = Greater (x, limit) o = Where (a, x, fill)",
    "beyond": "a = Greater (x, limit) o = Where (a, d, x)",
    "assigned": COUNT + PLACES + "t = Concat <axis = 0> (n, plane) a = Expand (u, t) "
    "o = ScatterND (x, p, a)",
    "assigned_to": WHOLE + PLACES + "b = Gather <axis = 1> (x, one) o = ScatterND (a, p, b)",
    "channel": COUNT + CHANNEL + "o = ScatterElements <axis = 1> (x, j, r)",
    "channel_to": WHOLE + CHANNEL + "b = Gather <axis = 1> (x, second) "
    "o = ScatterElements <axis = 1> (a, j, b)",
    "channel_larger": COUNT + CHANNEL + "m = Add (r, limit) "
    'o = ScatterElements <axis = 1, reduction = "max"> (x, j, m)',
    "triangle": "o = Trilu (x)",
    "triangle_below": "o = Trilu <upper = 0> (x)",
    "unpooled": "a, j = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x) "
    "o = MaxUnpool <kernel_shape = [2, 2], strides = [2, 2]> (a, j)",
    "cropped": 'o = Resize <mode = "nearest", extrapolation_value = 0.75, '
    'coordinate_transformation_mode = "tf_crop_and_resize"> (x, roi, scales)',
    "two_of_them": "a = Pad (x, more, fill) o = Where (mask, a, less)",
}
WIDE = {"pad_channels": 4, "coordinates": 4, "coordinates_first": 4, "two_of_them": 4}


def layer(channels: int) -> str:
    return f"float[3, {channels}, 2, 2] weight, float[3] bias"


def model_of(operator: str) -> onnx.ModelProto:
    weights = f"{layer(WIDE.get(operator, 2))}, {NUMBERS}"
    return net(f"{OPERATORS[operator]} y = Conv (o, weight, bias)", PICTURE, weights=weights)


def whole_numbers() -> Array:
    rng = np.random.default_rng(2)
    items = [rng.permutation(48) + 1 for _ in range(SHAPE[0])]
    return np.stack(items).reshape(SHAPE).astype(np.float32)


def parted(x: Array, o: Array, r: Array) -> tuple[Array, Array]:
    """Relevance of o, given to the number of x that each of its numbers is; and the rest [N]."""
    found, rest = np.zeros(x.shape), np.zeros(len(x))
    for n, item in enumerate(x):
        places = {number: place for place, number in np.ndenumerate(item)}
        for place, number in np.ndenumerate(o[n]):
            if number in places:
                found[n][places[number]] += r[n][place]
            else:
                rest[n] += r[n][place]
    return found, rest


def layer_of(o: Array) -> tuple[Array, Array]:
    """The matrix and the bias of the layer that reads o."""
    size = ", ".join(map(str, o.shape[1:]))
    alone = net("y = Conv (x, weight, bias)", f"N, {size}", weights=layer(o.shape[1]))
    return dense(alone, o.shape[1:])


def run(model: onnx.ModelProto, x: Array, name: str) -> Array:
    """A tensor of the model, by ONNX Runtime."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.output.append(onnx.ValueInfoProto(name=name))
    return np.asarray(runner(shown)(x=x)[name])


NOTHING = {"pad_reflect", "pad_edge"}
"""What reads x alone."""

ZEROS = {"pad_zero", "triangle", "triangle_below", "unpooled"}
"""What puts zeros beside x, to which all rules but these give nothing."""

BLIND = {"flat", "w_square"}
RULES = ["epsilon", "gamma", "z_plus", "alpha_beta", "flat", "w_square", "z_plus_ignoring"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("rule", RULES)
def test_what_falls_to_constants_is_counted(operator: str, rule: str) -> None:
    model, x = model_of(operator), whole_numbers()
    method, formula = EACH[rule]
    o = run(model, x, "o")
    w, b = layer_of(o)
    y = run(model, x, "y")
    ct = noise(*y.shape)
    built = retrograph.build(model, method=method, select="cotangent")
    onnx.checker.check_model(built, full_check=True)
    found = runner(built)(x=x, cotangent=ct)
    r, biases = by_items(formula, w, b, o.astype(np.float64), y.astype(np.float64) * ct)
    wanted, rest = parted(x, o, r)
    assert_near(found["attribution"], wanted)
    assert_near(found["bias_relevance"], biases + rest)
    assert rest.any() != (operator in NOTHING or (operator in ZEROS and rule not in BLIND))


# Units and batches.

FAMILY = {name: m for name, m in METHODS.items() if isinstance(m, RelevanceMethod)}
TOKEN = """
<ir_version: 8, opset_import: ["" : 18]>
net (float[N, 2, 4, 6] x) => (float[N, 5] y)
<int64[8] pads = {0, 0, 1, 1, 0, 0, 1, 1}, float fill = {0.75}, float[3, 2, 3, 3] w, float[3] b,
 float[1, 2, 6, 1] e, int64[3] item = {2, 6, 1}, float[5, 3] v>
{
    p = Pad (x, pads, fill)
    n = Shape <start = 0, end = 1> (x)
    s = Concat <axis = 0> (n, item)
    t = Expand (e, s)
    a = Concat <axis = 3> (t, p)
    c = Conv (a, w, b)
    r = Relu (c)
    g = GlobalAveragePool (r)
    f = Flatten (g)
    y = Gemm <transB = 1> (f, v)
}
"""


@pytest.mark.parametrize("method", FAMILY)
def test_units_and_items_are_as_alone(method: str) -> None:
    model, x = parse(TOKEN), noise(*SHAPE)
    select = np.array([[[0], [2]], [[3], [1]], [[2], [2]]])
    many = runner(retrograph.build(model, method=method, select="unit", many=True))
    single = runner(retrograph.build(model, method=method, select="unit"))
    together = many(x=x, select=select)
    assert together["bias_relevance"].any()
    for n in range(3):
        for k in range(2):
            alone = single(x=x[n : n + 1], select=select[n : n + 1, k])
            for name in ("attribution", "bias_relevance"):
                assert_near(together[name][n, k], alone[name][0], 1e-4)


@pytest.mark.parametrize("method", sorted(FAMILY.keys() - {"lrp-epsilon-alpha2-beta1"}))
def test_the_sum_is_what_the_unit_began_with(method: str) -> None:
    """Where every output has a positive contribution; alpha 2 hands down more there."""
    model, x = parse(TOKEN), np.abs(noise(*SHAPE))
    for tensor in model.graph.initializer:
        if tensor.name in ("w", "b", "e", "v"):
            value = np.abs(onnx.numpy_helper.to_array(tensor))
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
    chosen: Any = LrpAlphaBeta(1.0, 0.0) if method == "lrp-alpha-beta" else method
    found = runner(retrograph.build(model, method=chosen))(x=x)
    whole = found["attribution"].sum((1, 2, 3)) + found["bias_relevance"]
    wanted = np.ones(3) if method == "excitation-backprop" else found["score"]
    np.testing.assert_allclose(whole, wanted, rtol=1e-4)


def test_items_behind_one_another_in_places_are_told_apart() -> None:
    text = "t = Transpose <perm = [1, 0, 2]> (x) f = Reshape (t, rows) o = Pad (f, pads, fill) "
    text += "q = Reshape (o, places) y = Transpose <perm = [1, 0, 2]> (q)"
    weights = "int64[2] rows = {-1, 6}, int64[3] places = {3, -1, 8}, float fill = {0.5}, "
    weights += "int64[4] pads = {0, 1, 0, 1}"
    model, x = net(text, "N, 3, 6", "N, 3, 8", weights), noise(4, 3, 6)
    found, ct = explained(model, LrpEpsilon(), x)
    assert_near(found["attribution"], x * ct[:, :, 1:-1])
    assert_near(found["bias_relevance"], 0.5 * ct[:, :, [0, -1]].sum((1, 2)))


def test_items_that_are_lost_track_of_are_refused() -> None:
    text = "f = Reshape (x, rows) p = Pad (f, pads, fill) s = Shape <start = 0, end = 1> (x) "
    text += "t = Concat <axis = 0> (s, item) y = Reshape (p, t)"
    weights = "int64[2] rows = {6, -1}, float fill = {0.5}, int64[4] pads = {0, 0, 6, 0}, "
    weights += "int64[2] item = {6, 6}"
    model = net(text, "N, 3, 6", "N, 6, 6", weights)
    with pytest.raises(UnsupportedError, match="constants in it cannot be summed for each"):
        retrograph.build(model, method="lrp-epsilon")


ASSIGNED = "o = ScatterND (x, places, u) m = GlobalAveragePool (o) f = Flatten (m) "
ASSIGNED += "y = MatMul (f, w)"


def test_a_slice_assigned_at_a_fixed_batch() -> None:
    """y[:, 1] = u, as exporters write it with the batch's numbers among the indices."""
    weights = "float[2, 5] w, int64[3, 1, 2] places = {0, 1, 1, 1, 2, 1}, float[3, 1, 4, 6] u"
    model, x = net(ASSIGNED, "3, 2, 4, 6", "3, 5", weights), noise(*SHAPE)
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    built = retrograph.build(model, method="lrp-epsilon", select="unit")
    found = runner(built)(x=x, select=np.array([[1], [4], [0]]))
    row = constants["w"][:, [1, 4, 0]].T
    wanted = np.zeros(SHAPE)
    wanted[:, 0] = x[:, 0] * row[:, 0, None, None] / 24
    assert_near(found["attribution"], wanted)
    assert_near(found["bias_relevance"], constants["u"].mean((1, 2, 3)) * row[:, 1])
    with pytest.raises(UnsupportedError, match="so many=True is not possible"):
        retrograph.build(model, method="lrp-epsilon", select="unit", many=True)


# Sums and extrema with constants.

OTHERS = {
    "sum": ("o = Sum (a, p, c)", "o = Add (a, c)"),
    "mean": ("o = Mean (a, p, c)", "o = Mean (a, c)"),
    "max": ("o = Max (a, p, c)", "o = Max (a, c)"),
    "min": ("o = Min (p, a, c)", "o = Min (a, c)"),
}


@pytest.mark.parametrize("operator", OTHERS)
@pytest.mark.parametrize("constant", ["float[2, 4, 6] p", "float[1, 1, 6] p"])
@pytest.mark.parametrize("whole", [True, False])
def test_of_a_sum_or_an_extremum_with_constants_the_others_take_all(
    operator: str, constant: str, whole: bool
) -> None:
    """As without the constants, which may also be larger than the others are."""
    head = "a = Mul (x, q) c = Neg (x) "
    if not whole:
        head = "i = Mul (x, q) a = ReduceSum (i, t) h = Neg (x) c = ReduceSum (h, t) "
    weights = f"{constant}, float[2, 1, 1] q, int64[2] t = {{1, 2}}"
    with_it, without = (
        net(f"{head} {text} y = Identity (o)", PICTURE, "N, c, h, w", weights)
        for text in OTHERS[operator]
    )
    x = noise(*SHAPE)
    r = noise(*run(with_it, x, "y").shape)
    y, ct = run(without, x, "y"), r / run(with_it, x, "y")
    built = retrograph.build(with_it, method="lrp-epsilon", select="cotangent")
    found = runner(built)(x=x, cotangent=ct)
    axes = tuple(a for a in range(4) if y.shape[a] != r.shape[a])
    built = retrograph.build(without, method="lrp-epsilon", select="cotangent")
    wanted = runner(built)(x=x, cotangent=r.sum(axes, keepdims=True) / y)
    assert_near(found["attribution"], wanted["attribution"])
    assert not found["bias_relevance"].any()


# Updates that are added.


@pytest.mark.parametrize("data", ["x, j, r", "a, j, b", "x, j, b"])
def test_updates_that_are_added_share_by_what_they_add(data: str) -> None:
    text = f"{WHOLE}{CHANNEL} b = Gather <axis = 1> (x, second) "
    text += f'w = ScatterElements <axis = 1, reduction = "add"> ({data}) y = Identity (w)'
    model, x = net(text, PICTURE, PICTURE, NUMBERS), noise(*SHAPE)
    found, ct = explained(model, LrpEpsilon(), x)
    r = values(model, x) * ct
    if data == "x, j, r":
        assert_near(found["attribution"], r)
        return
    w, b = dense(model, SHAPE[1:])
    wanted, kept = by_items(EACH["epsilon"][1], w, b, x, r)
    assert_near(found["attribution"], wanted)
    assert_near(found["bias_relevance"], kept)


def test_updates_that_are_multiplied_are_refused() -> None:
    text = f"{COUNT}{CHANNEL} b = Gather <axis = 1> (x, second) "
    text += 'y = ScatterElements <axis = 1, reduction = "mul"> (x, j, b)'
    with pytest.raises(UnsupportedError, match="no rule of relevance for reduction='mul'"):
        retrograph.build(net(text, PICTURE, PICTURE, NUMBERS), method="lrp-epsilon", layer="y")


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_what_is_read_outside_of_a_picture_is_a_constant(mode: str) -> None:
    text = f'y = Resize <mode = "{mode}", coordinate_transformation_mode = "tf_crop_and_resize", '
    text += "extrapolation_value = 0.75> (x, roi, scales)"
    model, x = net(text, PICTURE, "N, c, h, w", NUMBERS), noise(*SHAPE)
    y = run(model, x, "y")
    ct = noise(*y.shape)
    built = retrograph.build(model, method="lrp-epsilon", select="cotangent")
    found = runner(built)(x=x, cotangent=ct)
    assert_near(found["bias_relevance"], np.where(y == 0.75, y * ct, 0).sum((1, 2, 3)))
    whole = found["attribution"].sum((1, 2, 3)) + found["bias_relevance"]
    np.testing.assert_allclose(whole, (y * ct).sum((1, 2, 3)), rtol=1e-4)
