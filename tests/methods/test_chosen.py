"""Methods as they are asked for, and the titles that tell them apart."""

from __future__ import annotations

import re

import pytest

from retrograph import InputError, methods
from retrograph.methods.chosen import chosen_methods


def test_names_and_objects() -> None:
    assert chosen_methods("guided, gradient") == {
        "guided": methods.Guided(),
        "gradient": methods.Gradient(),
    }
    gamma = methods.LrpGamma(gamma=0.5)
    assert chosen_methods(gamma) == {"lrp-gamma": gamma}
    assert chosen_methods(["guided", gamma, "guided"]) == {
        "guided": methods.Guided(),
        "lrp-gamma": gamma,
    }


def test_methods_of_one_name_are_told_apart_by_their_parameters() -> None:
    usual, other = methods.LrpGamma(), methods.LrpGamma(gamma=0.5)
    assert chosen_methods([usual, other]) == {"lrp-gamma": usual, "lrp-gamma gamma=0.5": other}


def test_parameters_of_a_text() -> None:
    chosen = chosen_methods("lrp-gamma,rectgrad", ["lrp-gamma.gamma=2", "quantile=0.5"])
    assert chosen == {
        "lrp-gamma": methods.LrpGamma(gamma=2.0),
        "rectgrad": methods.RectGrad(quantile=0.5),
    }


@pytest.mark.parametrize(
    ("asked", "parameters", "message"),
    [
        ("guidde", [], "did you mean 'guided'"),
        (["guided", "none"], [], "unknown method 'none'"),
        ([], [], "no method is given"),
        ("guided", ["gamma"], "has no value; give NAME=VALUE"),
        ("guided", ["lrp-gamma.gamma=1"], "'lrp-gamma' is none of the chosen methods"),
        ("lrp-gamma", ["quantile=1"], "none of lrp-gamma has that; choose from: lrp-gamma.biases"),
    ],
)
def test_mistakes(asked: str, parameters: list[str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        chosen_methods(asked, parameters)


def test_every_method_is_offered_as_a_class() -> None:
    offered = [getattr(methods, name) for name in methods.__all__]
    assert all(type(method) in offered for method in methods.METHODS.values())
