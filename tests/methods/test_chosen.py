"""Methods as they are asked for, and the titles that tell them apart."""

from __future__ import annotations

import re

import pytest

from retrograph import InputError, methods
from retrograph.methods.chosen import chosen_methods
from retrograph.methods.near_names import OTHER_NAMES


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
        ("lrp", [], "'lrp' is a family of methods: lrp-epsilon, lrp-gamma, lrp-zplus"),
        ("guide", [], "unknown method 'guide'; did you mean 'guided'?"),
        ("LRP", [], "lrp-epsilon-plus suits most networks"),
        ("score-cam", [], "unknown method 'score-cam'"),
        ("", [], "unknown method ''"),
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


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("GradCAM", "grad-cam"),
        ("grad_cam", "grad-cam"),
        ("GradCAM++", "grad-cam-plus-plus"),
        ("GuidedBackprop", "guided"),
        ("guided_backprop", "guided"),
        ("Guided GradCAM", "guided-grad-cam"),
        ("ig", "integrated-gradients"),
        ("InputXGradient", "input-x-gradient"),
        ("DeepLIFT", "deeplift-rescale"),
        ("LRP-z+", "lrp-zplus"),
    ],
)
def test_near_names_are_taken(asked: str, name: str) -> None:
    assert list(chosen_methods(asked)) == list(chosen_methods([asked])) == [name]
    assert methods.method_named(asked) is methods.METHODS[name]


def test_a_parameter_is_set_by_a_near_name() -> None:
    assert chosen_methods("lrp_gamma", ["LRP-gamma.gamma=2"]) == {
        "lrp-gamma": methods.LrpGamma(gamma=2.0)
    }


def test_no_other_name_hides_a_method() -> None:
    assert not methods.METHODS.keys() & OTHER_NAMES.keys()
    assert methods.METHODS.keys() >= {*OTHER_NAMES.values()}
