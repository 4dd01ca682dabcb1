"""What the traits of operators claim, held against the numbers that onnx's reference makes."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from retrograph.ir.analysis.batch_axis.rules import _RULES
from retrograph.ir.op_traits import (
    ARITHMETIC,
    FINITE,
    FUNCTIONS,
    GROWING,
    NORMALISATIONS,
    RESHAPES,
    SIGN_KEEPING,
    TRAITS,
    named,
)
from retrograph.vjp import registry

OPSET = 24
ATTRIBUTES = {"Cast": {"to": TensorProto.DOUBLE}, "LRN": {"size": 3}}
SECOND = {
    "Reshape": np.array([6, 4]),
    "Squeeze": np.array([0]),
    "Unsqueeze": np.array([1]),
    "PRelu": np.full((1, 1), 0.25),
}


def outcome(op: str, *inputs: np.ndarray) -> np.ndarray:
    """The first output of an operator of the standard, by the reference."""
    names = [f"x{i}" for i in range(len(inputs))]
    node = helper.make_node(op, names, ["y"], **ATTRIBUTES.get(op, {}))
    feeds = dict(zip(names, inputs, strict=True))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return np.asarray(ReferenceEvaluator(node, opsets={"": OPSET}).run(None, feeds)[0])


def function(op: str, x: np.ndarray) -> np.ndarray:
    return outcome(op, x, *([SECOND[op]] if op in SECOND else []))


def is_run(op: str) -> bool:
    """Whether a function takes floating point alone and the reference runs it without types."""
    return (
        op not in {"Not", "BitwiseNot", "CastLike", "Dropout", "Gelu"}
        and onnx.defs.has(op, OPSET)
        and (onnx.defs.get_schema(op, OPSET).min_input <= 1 or op in SECOND)
    )


FLOATING = sorted(op for op in FUNCTIONS if is_run(op))


@pytest.mark.parametrize("op", FLOATING)
def test_a_function_is_one_of_each_number_alone(op: str) -> None:
    x = np.random.default_rng(1).uniform(0.1, 0.9, (4, 5)) + (op == "Acosh")
    y = function(op, x)
    assert y.shape == x.shape
    np.testing.assert_allclose(function(op, x[::-1, ::-1])[::-1, ::-1], y)
    changed = x.copy()
    changed[2, 3] = 0.55 + (op == "Acosh")
    assert (function(op, changed) != y).sum() <= 1


@pytest.mark.parametrize("op", sorted(GROWING))
def test_what_grows_is_increasing(op: str) -> None:
    y = function(op, np.linspace(0.01, 9.0, 500)[np.newaxis])
    assert (np.diff(y) > 0).all()


@pytest.mark.parametrize("op", sorted(set(FLOATING) & FINITE))
def test_what_is_finite_stays_so(op: str) -> None:
    x = np.concatenate([-np.geomspace(1e6, 1e-6, 60), [0.0], np.geomspace(1e-6, 1e6, 60)])
    assert np.isfinite(function(op, x[np.newaxis])).all()


@pytest.mark.parametrize("op", ["Exp", "Log", "Sqrt", "Reciprocal"])
def test_what_is_not_finite_is_not_called_so(op: str) -> None:
    x = np.array([[-1.0, 0.0, 1e6]])
    assert not np.isfinite(function(op, x)).all()
    assert op not in FINITE


@pytest.mark.parametrize("op", sorted(ARITHMETIC & SIGN_KEEPING))
def test_what_keeps_signs_makes_nothing_negative(op: str) -> None:
    a, b = np.random.default_rng(2).uniform(0.1, 3.0, (2, 4, 5))
    assert (outcome(op, a, b) >= 0).all()


def test_a_difference_keeps_no_signs() -> None:
    assert "Sub" not in SIGN_KEEPING
    assert "Neg" not in SIGN_KEEPING


@pytest.mark.parametrize("op", sorted(RESHAPES))
def test_what_reshapes_keeps_the_order(op: str) -> None:
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    y = function(op, x)
    assert y.shape != x.shape
    assert y.ravel().tolist() == x.ravel().tolist()


@pytest.mark.parametrize("op", ["LpNormalization", "Softmax", "LogSoftmax", "Hardmax", "LRN"])
def test_what_normalises_keeps_the_shape(op: str) -> None:
    x = np.random.default_rng(3).uniform(0.1, 3.0, (2, 5, 3, 3)).astype(np.float32)
    assert op in NORMALISATIONS
    assert outcome(op, x).shape == x.shape


def test_the_axis_is_that_of_the_standard() -> None:
    for op in named(along=True):
        attribute = onnx.defs.get_schema(op, OPSET).attributes["axis"]
        default = attribute.default_value.i if attribute.default_value.name else None
        assert attribute.required or TRAITS[op].axis == default, op


def test_the_axes_are_the_input_of_that_name() -> None:
    for op, traits in TRAITS.items():
        if traits.axes is not None and onnx.defs.has(op):
            name = onnx.defs.get_schema(op).inputs[traits.axes].name
            assert name in ("axes", "axis"), (op, name)


def test_every_batch_rule_is_named_by_an_operator() -> None:
    assert {traits.batch for traits in TRAITS.values()} | {"rows"} == {*_RULES}


def test_every_operator_with_a_rule_has_its_row() -> None:
    standard = {op for domain, op in registry._RULES if not domain}
    assert len(standard) > 100
    lacking = standard - TRAITS.keys()
    assert {op for op in lacking if "Sequence" not in op and "Optional" not in op} == set()
