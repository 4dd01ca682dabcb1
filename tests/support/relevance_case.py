"""What the tests of relevance share: linear maps as matrices, and the rules by their formulas.

A rule gets the matrix w [J, I] of a layer, its bias b [J], one item x [I] and the relevance r [J]
of what it makes, all in float64, and returns the relevance of x and what fell to b.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx.parser
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

import retrograph
from retrograph.methods import Method
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.methods.relevance.composites import LrpEpsilonGammaBox, LrpEpsilonPlus
from retrograph.methods.relevance.lrp import LrpAlphaBeta, LrpEpsilon, LrpGamma, LrpZPlus
from support.graphs import Array, noise, runner

Rule = Callable[[Array, Array, Array, Array], tuple[Array, Array]]

EPSILON = 1e-6


def stab(z: Array, epsilon: float = EPSILON) -> Array:
    return np.asarray(z + np.where(z < 0, -epsilon, epsilon))


def spread(c: Array, b: Array, r: Array, epsilon: float = EPSILON) -> tuple[Array, Array]:
    """r_j shared over contributions c [J, I] and b [J]."""
    share = r / stab(c.sum(1) + b, epsilon)
    return (c * share[:, None]).sum(0), b * share


def positive(a: Array) -> Array:
    return np.maximum(a, 0)


def negative(a: Array) -> Array:
    return np.minimum(a, 0)


def epsilon(value: float = EPSILON) -> Rule:
    return lambda w, b, x, r: spread(w * x, b, r, value)


def z_plus(w: Array, b: Array, x: Array, r: Array) -> tuple[Array, Array]:
    return spread(positive(w * x), positive(b), r)


def alpha_beta(alpha: float, beta: float) -> Rule:
    def rule(w: Array, b: Array, x: Array, r: Array) -> tuple[Array, Array]:
        pro = spread(positive(w * x), positive(b), alpha * r)
        contra = spread(negative(w * x), negative(b), -beta * r)
        return pro[0] + contra[0], pro[1] + contra[1]

    return rule


def gamma(value: float) -> Rule:
    """The contributions of the sign of z_j = sum of c_ij + b_j count 1 + gamma times as much."""

    def rule(w: Array, b: Array, x: Array, r: Array) -> tuple[Array, Array]:
        c, z = w * x, (w * x).sum(1) + b
        up = spread(c + value * positive(c), b + value * positive(b), np.where(z > 0, r, 0))
        down = spread(c + value * negative(c), b + value * negative(b), np.where(z < 0, r, 0))
        return up[0] + down[0], up[1] + down[1]

    return rule


def w_square(w: Array, b: Array, x: Array, r: Array) -> tuple[Array, Array]:
    return spread(w**2, b**2, r)


def flat(w: Array, b: Array, x: Array, r: Array) -> tuple[Array, Array]:
    return spread((w != 0).astype(np.float64), 0 * b, r)


def z_box(low: Array | float, high: Array | float) -> Rule:
    def rule(w: Array, b: Array, x: Array, r: Array) -> tuple[Array, Array]:
        return spread(w * x - positive(w) * low - negative(w) * high, 0 * b, r)

    return rule


def without_bias(rule: Rule) -> Rule:
    return lambda w, b, x, r: rule(w, 0 * b, x, r)


RULES: dict[str, tuple[RelevanceMethod, Rule]] = {
    "epsilon": (LrpEpsilon(), epsilon()),
    "epsilon_quarter": (LrpEpsilon(0.25), epsilon(0.25)),
    "gamma": (LrpGamma(), gamma(0.25)),
    "gamma_3": (LrpGamma(3.0), gamma(3.0)),
    "z_plus": (LrpZPlus(), z_plus),
    "alpha_beta": (LrpAlphaBeta(), alpha_beta(2, 1)),
    "alpha_beta_1": (LrpAlphaBeta(1.0, 0.0), alpha_beta(1, 0)),
    "w_square": (LrpEpsilonPlus(first="w2"), w_square),
    "flat": (LrpEpsilonPlus(first="flat"), flat),
}
BIASES: dict[str, tuple[RelevanceMethod, Rule]] = {
    f"{name}_ignoring": (
        type(method)(**{**vars(method), "biases": "ignore"}),
        without_bias(rule),
    )
    for name, (method, rule) in RULES.items()
    if name in ("epsilon", "gamma", "z_plus", "alpha_beta", "w_square", "flat")
}
BOX: dict[str, tuple[RelevanceMethod, Rule]] = {
    "z_box": (LrpEpsilonGammaBox(low=-3.0, high=4.0), z_box(-3.0, 4.0))
}
EACH = RULES | BIASES


# Models.


def net(
    text: str, x: str = "N, 2, 7, 6", y: str = "N, m, h, w", weights: str = "", more: str = ""
) -> ModelProto:
    """A model from x to y; constants that are not given are random, some positive by name."""
    model = onnx.parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 19]> net (float[{x}] x{more}) => (float[{y}] y)'
        f"<{weights}> {{ {text} }}"
    )
    rng = np.random.default_rng(0)
    given = {t.name for t in model.graph.initializer}
    made = {name for node in model.graph.node for name in node.output}
    for info in list(model.graph.value_info):
        if info.name in given | made:
            continue
        dims = [d.dim_value for d in info.type.tensor_type.shape.dim]
        value = np.asarray(rng.standard_normal(dims), np.float32)
        if info.name in ("var", "step"):
            value = np.abs(value) + 0.5
        if info.type.tensor_type.elem_type == TensorProto.INT8:
            value = (30 * value).astype(np.int8)
        if info.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value = value.astype(np.float16)
        model.graph.initializer.append(numpy_helper.from_array(value, info.name))
        model.graph.value_info.remove(info)
    onnx.checker.check_model(model, full_check=True)
    return model


def doubled(model: ModelProto) -> ModelProto:
    """The same in float64."""
    double = ModelProto()
    double.CopyFrom(model)
    graph = double.graph
    del graph.value_info[:]
    for info in (*graph.input, *graph.output):
        info.type.tensor_type.elem_type = TensorProto.DOUBLE
    for i, tensor in enumerate(graph.initializer):
        if tensor.data_type == TensorProto.FLOAT:
            value = numpy_helper.to_array(tensor).astype(np.float64)
            graph.initializer[i].CopyFrom(numpy_helper.from_array(value, tensor.name))
    return double


def values(model: ModelProto, x: Array, name: str = "y") -> Array:
    """A tensor of the model in float64.

    In float32 where onnx.reference (1.23) fails: groups of a transposed convolution, LRN.
    """
    if any(_is_beyond_reference(n) for n in model.graph.node):
        return np.asarray(runner(model)(x=x.astype(np.float32))[name], np.float64)
    double = doubled(model)
    if name not in {o.name for o in double.graph.output}:
        double.graph.output.append(onnx.ValueInfoProto(name=name))
    (found,) = ReferenceEvaluator(double).run([name], {"x": x.astype(np.float64)})
    return np.asarray(found)


def _is_beyond_reference(node: onnx.NodeProto) -> bool:
    grouped = any(a.name == "group" and a.i > 1 for a in node.attribute)
    return node.op_type == "LRN" or (node.op_type == "ConvTranspose" and grouped)


def dense(model: ModelProto, item: tuple[int, ...], name: str = "y") -> tuple[Array, Array]:
    """The matrix [J, I] and the bias [J] of the affine map from one item of x to a tensor."""
    size = int(np.prod(item))
    b = values(model, np.zeros((1, *item)), name).reshape(-1)
    w = values(model, np.eye(size).reshape(size, *item), name).reshape(size, -1).T - b[:, None]
    w[np.abs(w) < 1e-6] = 0
    return w, b


def explained(
    model: ModelProto, method: Method | str, x: Array, target: str = "y", seed: int = 7
) -> tuple[dict[str, Any], Array]:
    """The outputs of a built graph at a random cotangent, and that cotangent."""
    built = retrograph.build(model, method=method, layer=target, select="cotangent")
    onnx.checker.check_model(built, full_check=True)
    y = values(model, x, target)
    ct = np.random.default_rng(seed).standard_normal(y.shape).astype(np.float32)
    return runner(built)(x=x, cotangent=ct), ct


def by_items(rule: Rule, w: Array, b: Array, x: Array, r: Array) -> tuple[Array, Array]:
    """A rule for each item: the relevance [N, *item], and what fell to the biases [N]."""
    found = [rule(w, b, one.reshape(-1), s.reshape(-1)) for one, s in zip(x, r, strict=True)]
    down, kept = zip(*found, strict=True)
    return np.stack(down).reshape(x.shape), np.array([k.sum() for k in kept])


def assert_near(found: Array, wanted: Array, tolerance: float = 2e-4) -> None:
    assert found.shape == wanted.shape
    assert np.isfinite(found).all()
    largest = np.abs(wanted).max(initial=0.0)
    assert np.abs(found - wanted).max(initial=0.0) <= tolerance * max(largest, 1e-6)


def item_of(x: str) -> tuple[int, ...]:
    return tuple(int(d) for d in x.split(",")[1:])


def assert_rule(
    model: ModelProto, pair: tuple[RelevanceMethod, Rule], item: tuple[int, ...]
) -> None:
    """The built graph against the formula on the matrix of the whole model."""
    method, rule = pair
    x = noise(3, *item)
    w, b = dense(model, item)
    found, ct = explained(model, method, x)
    wanted, kept = by_items(rule, w, b, x, values(model, x) * ct)
    assert_near(found["attribution"], wanted)
    assert_near(found["bias_relevance"], kept)
