"""A Cast to whole numbers and back passes straight through where it quantises; else it is named."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto

import retrograph
from support.graphs import Array, parse

HEAD = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[N, 3, 6, 6] x) => (float[N, 4] y)
    <float[4, 3, 3, 3] w, float[4, 4] f, float step = {0.05}, float half = {0.5},
     int64[3] flat = {0, 0, -1}, int64[4] back = {0, 4, 4, 4}, float large = {300.0},
     float[1] one = {1.0}, int32 two = {2}>
"""
TAIL = "p = GlobalAveragePool (k) g = Flatten (p) y = MatMul (g, f)"
SAID = "pass the cotangent straight through"
NAMED = "nothing passes Cast 'Cast_"

QUANTISED = {
    "int32": "a = Div (r, step) b = Cast <to = 6> (a) d = Cast <to = 1> (b) k = Mul (d, step)",
    "int64 of both signs": """
        a = Div (c, step) b = Cast <to = 7> (a) d = Cast <to = 1> (b) e = Mul (d, step)
        k = Relu (e)
    """,
    "half is added": """
        a = Div (r, step) h = Add (a, half) b = Cast <to = 6> (h) d = Cast <to = 1> (b)
        k = Mul (d, step)
    """,
    "int16": "a = Div (r, step) b = Cast <to = 5> (a) d = Cast <to = 1> (b) k = Mul (d, step)",
    "moved as whole numbers": """
        a = Div (r, step) b = Cast <to = 6> (a) m = Reshape (b, flat) n = Reshape (m, back)
        d = Cast <to = 1> (n) k = Mul (d, step)
    """,
    "computed with as whole numbers": """
        a = Div (r, step) b = Cast <to = 6> (a) m = Mul (b, two) d = Cast <to = 1> (m)
        e = Mul (d, step) k = Mul (e, half)
    """,
    "dequantised": "a = Div (r, step) b = Cast <to = 6> (a) k = DequantizeLinear (b, step)",
}
PLAIN = "k = Identity (r)"

ARITHMETIC = {
    "what is cut off": """
        a = Div (r, step) b = Cast <to = 6> (a) d = Cast <to = 1> (b) k = Sub (a, d)
    """,
    "beside itself": """
        a = Div (r, step) b = Cast <to = 6> (a) d = Cast <to = 1> (b) e = Mul (d, step)
        k = Add (e, r)
    """,
}


def model_of(body: str) -> ModelProto:
    return parse(f"{HEAD} {{ c = Conv (x, w) r = Relu (c) {body} {TAIL} }}")


X: Array = np.random.default_rng(2).standard_normal((2, 3, 6, 6)).astype(np.float32)


def explained(body: str, **options: object) -> tuple[Array, Array, tuple[str, ...]]:
    explainer = retrograph.Explainer(
        model_of(body), method="gradient", layer="y", select="unit", **options
    )
    found = explainer.attribute(X, [[0], [1]])
    return found.attribution, found.outputs["y"], explainer.contract.notes


def as_the_source(body: str) -> Array:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(model_of(body).SerializeToString(), options)
    (y,) = session.run(None, {"x": X})
    return np.asarray(y)


@pytest.mark.parametrize("name", QUANTISED)
def test_it_passes_as_if_nothing_were_cut_off(name: str) -> None:
    found, y, notes = explained(QUANTISED[name])
    wanted, _, _ = explained(PLAIN)
    if name.startswith("int64"):  # its ReLU is behind: off where a small number became 0
        alike = (found * wanted).sum() / np.sqrt((found**2).sum() * (wanted**2).sum())
        assert alike > 0.98
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(y, as_the_source(QUANTISED[name]), rtol=1e-5, atol=1e-6)
    assert any(note.startswith("1 quantised activations") and SAID in note for note in notes)
    assert not any(NAMED in note for note in notes)


def test_a_target_behind_it_is_the_output_itself() -> None:
    assert retrograph.Model(model_of(QUANTISED["int32"])).target(None) == "y"


@pytest.mark.parametrize("name", QUANTISED)
def test_without_straight_through_nothing_passes(name: str) -> None:
    found, _, notes = explained(QUANTISED[name], straight_through=False)
    assert (found == 0).all()
    assert any("pass nothing" in note for note in notes)


def test_beyond_what_the_type_holds_nothing_passes() -> None:
    """Where x > 127 as int8: what the runtime makes of it stays, and its derivative is 0."""
    body = """
        a = Mul (r, large) b = Cast <to = 3> (a) d = Cast <to = 1> (b) k = Div (d, large)
    """
    found, y, _ = explained(body)
    np.testing.assert_allclose(y, as_the_source(body), rtol=1e-5, atol=1e-6)
    masked = """
        a = Mul (r, large) l = Less (a, LIMIT) m = Cast <to = 1> (l) k = Mul (r, m)
    """.replace("LIMIT", "limit")
    head = HEAD.replace("float large", "float limit = {128.0}, float large")
    model = parse(f"{head} {{ c = Conv (x, w) r = Relu (c) {masked} {TAIL} }}")
    explainer = retrograph.Explainer(model, method="gradient", layer="y", select="unit")
    wanted = explainer.attribute(X, [[0], [1]]).attribution
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    assert not np.allclose(found, explained(PLAIN)[0], rtol=1e-2)


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_with_what_is_cut_off_has_its_own_derivative_and_is_named(name: str) -> None:
    found, y, notes = explained(ARITHMETIC[name])
    wanted, _, _ = explained(PLAIN)
    factor = 20 if name == "what is cut off" else 1
    np.testing.assert_allclose(found, factor * wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(y, as_the_source(ARITHMETIC[name]), rtol=1e-4, atol=1e-4)
    assert any(NAMED in note for note in notes)


@pytest.mark.parametrize(
    "body",
    [
        "n = Shape (r) s = Cast <to = 1> (n) t = Mul (s, one) u = Cast <to = 7> (t)"
        " k = Expand (r, u)",
        "b = Cast <to = 9> (r) d = Cast <to = 1> (b) k = Mul (d, r)",
    ],
    ids=["sizes", "truth values"],
)
def test_sizes_and_truth_values_are_no_whole_numbers_of_the_input(body: str) -> None:
    found, _, notes = explained(body)
    np.testing.assert_allclose(found, explained(PLAIN)[0], rtol=1e-4, atol=1e-6)
    assert not any(NAMED in note or SAID in note for note in notes)
