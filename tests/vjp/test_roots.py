"""Square roots at 0: of a sum of squares 0, by a zero cotangent 0, else infinite as everywhere."""

from __future__ import annotations

import numpy as np
import pytest

import retrograph
from support.graphs import Array, parse

HEAD = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[N, 3, 4] x) => (float[N, M] y)
    <float two = {2.0}, float half = {0.5}, int64[1] last = {2}, int64[1] one = {1},
     float[1] many = {1.3333}, float tiny = {0.001}>
"""
NORMS = {
    "norm": "s = Mul (x, x) t = ReduceSum <keepdims = 0> (s, last) y = Sqrt (t)",
    "norm by Pow": "s = Pow (x, two) t = ReduceSum <keepdims = 0> (s, last) y = Pow (t, half)",
    "root mean square": "s = Mul (x, x) t = ReduceMean <axes = [2], keepdims = 0> (s) y = Sqrt (t)",
    "sum of squares": "t = ReduceSumSquare <axes = [2], keepdims = 0> (x) y = Sqrt (t)",
    "standard deviation": """
        m = ReduceMean <axes = [2]> (x) d = Sub (x, m) s = Mul (d, d)
        t = ReduceMean <axes = [2], keepdims = 0> (s) u = Mul (t, many) y = Sqrt (u)
    """,
    "by sizes that are open": """
        n = Shape <start = 0, end = 1> (x) f = Cast <to = 1> (n) s = Mul (x, x)
        t = ReduceSum <keepdims = 0> (s, last) u = Div (t, f) y = Sqrt (u)
    """,
    "edges": """
        a, b, c = Split <axis = 1> (x) p = Mul (a, a) q = Mul (b, b) r = Add (p, q)
        t = Sqrt (r) y = Flatten (t)
    """,
}
OTHERS = {
    "no squares": "t = ReduceMean <axes = [2], keepdims = 0> (x) y = Sqrt (t)",
    "squares and more": """
        s = Mul (x, x) t = ReduceSum <keepdims = 0> (s, last)
        v = ReduceMean <axes = [2], keepdims = 0> (x) u = Add (t, v) y = Sqrt (u)
    """,
}


def explained(body: str, x: Array, unit: int = 0) -> Array:
    model = parse(f"{HEAD} {{ {body} }}")
    explainer = retrograph.Explainer(model, method="gradient", layer="y", select="unit")
    found: Array = explainer.attribute(x, [[unit]] * len(x)).attribution
    return found


@pytest.mark.parametrize("name", NORMS)
def test_the_length_of_zeros_has_the_subgradient_0(name: str) -> None:
    x = np.zeros((2, 3, 4), np.float32)
    x[1] = 0.5 if name == "standard deviation" else 0
    assert (explained(NORMS[name], x) == 0).all()


@pytest.mark.parametrize("name", NORMS)
def test_any_other_length_has_its_derivative(name: str) -> None:
    """Central differences of the score, in float64 by NumPy's rules for what the file computes."""
    x = np.random.default_rng(0).standard_normal((1, 3, 4)).astype(np.float32)
    model = parse(f"{HEAD} {{ {NORMS[name]} }}")
    explainer = retrograph.Explainer(model, method="gradient", layer="y", select="unit")
    found = explainer.attribute(x, [[0]]).attribution[0]
    step = 1e-2
    for place in np.ndindex(3, 4):
        ends = []
        for sign in (-1, 1):
            moved = x.copy()
            moved[(0, *place)] += sign * step
            ends.append(float(explainer.attribute(moved, [[0]]).score[0]))
        assert found[place] == pytest.approx((ends[1] - ends[0]) / (2 * step), abs=2e-3)


@pytest.mark.parametrize("name", OTHERS)
def test_a_root_of_other_numbers_is_infinitely_steep(name: str) -> None:
    found = explained(OTHERS[name], np.zeros((1, 3, 4), np.float32))
    assert not np.isfinite(found[0, 0]).any()


@pytest.mark.parametrize("body", [*NORMS.values(), *OTHERS.values()], ids=[*NORMS, *OTHERS])
def test_a_unit_that_does_not_depend_on_it_has_nothing_of_it(body: str) -> None:
    """Its cotangent is 0 there, and so is what comes of that."""
    ahead = body.replace("y = ", "root = ")
    joined = f"{ahead} v1 = Flatten (x) v2 = Flatten (root) y = Concat <axis = 1> (v1, v2)"
    found = explained(joined, np.zeros((2, 3, 4), np.float32), unit=5)
    wanted = np.zeros((2, 3, 4), np.float32)
    wanted.reshape(2, -1)[:, 5] = 1
    assert np.array_equal(found, wanted)


def test_a_shifted_square_costs_nothing_more() -> None:
    """As in every normalisation: what is never 0 needs no guard."""
    body = "s = Mul (x, x) t = ReduceMean <axes = [2], keepdims = 0> (s) u = Add (t, tiny)"
    model = parse(f"{HEAD} {{ {body} y = Sqrt (u) }}")
    built = retrograph.build(model, method="gradient", layer="y", select="cotangent")
    ops = [node.op_type for node in built.graph.node if node.name.startswith("bwd/Sqrt")]
    assert sorted(ops) == ["Div", "Mul"]
