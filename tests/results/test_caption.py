"""What is said of the methods' parameters: once, and not where a title says it."""

from __future__ import annotations

import retrograph as rg
from retrograph.methods.chosen import chosen_methods
from retrograph.pipeline.opening import open_comparison
from retrograph.pipeline.settings import ExplainSettings, Question, Running
from retrograph.results.caption import parameter_lines, plain_number
from support import nets


def lines(methods: str | list[rg.methods.Method], *parameters: str) -> list[str]:
    question = Question(method=methods, parameters=parameters)
    settings = ExplainSettings(question, running=Running("cpu"))
    return parameter_lines(open_comparison(rg.Model(nets.cnn()), settings).context)


def test_methods_of_the_same_parameters_share_a_line() -> None:
    assert lines("lrp-gamma") == []
    assert lines("lrp-gamma,lrp-epsilon-gamma-box", "gamma=0.5") == [
        "lrp-gamma, lrp-epsilon-gamma-box: gamma=0.5"
    ]


def test_a_title_is_not_said_again() -> None:
    both = [rg.methods.LrpGamma(gamma=0.1), rg.methods.LrpGamma(gamma=0.5)]
    assert [*chosen_methods(both)] == ["lrp-gamma gamma=0.1", "lrp-gamma gamma=0.5"]
    assert lines(both) == []


def test_numbers_below_ten_million_have_no_exponent() -> None:
    values = (52216.0, -672700.0, 1436.2, 0.22741, 2.5e7)
    assert [plain_number(value) for value in values] == [
        "52,220",
        "-672,700",
        "1436",
        "0.2274",
        "2.5e+07",
    ]
