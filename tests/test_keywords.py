"""Calls of public functions with wrong keywords: one error that says the right ones."""

from __future__ import annotations

import inspect
import re

import pytest

import retrograph as rg
from support import nets
from support.graphs import noise

X = noise(1, 3, 8, 8)

WRONG = [
    (rg.compare, (X,), {"method": "guided"}, "compare takes no 'method'; did you mean 'methods'?"),
    (rg.explain, (X,), {"target": "relu1"}, "explain takes no 'target'; did you mean 'layer'?"),
    (rg.explain, (X,), {"methods": "guided"}, "did you mean 'method'?"),
    (rg.build, (), {"threads": 1, "layr": "relu1"}, "build takes no 'threads'; choose from: model"),
    (rg.explain, (), {}, "explain: missing a required argument: 'x'; give model, x, unit"),
    (rg.scan, (X,), {"layer": "relu1", "out": "run"}, "scan takes no 'layer'; did you mean 'layer"),
    (rg.maximize, (), {"channel": 3}, "maximize takes no 'channel'; did you mean 'unit"),
    (rg.Explainer, (), {"target": "relu1"}, "Explainer takes no 'target'; did you mean 'layer'?"),
]


@pytest.mark.parametrize(("call", "values", "keywords", "said"), WRONG)
def test_a_wrong_keyword_names_the_right_one(
    call: object, values: tuple[object, ...], keywords: dict[str, object], said: str
) -> None:
    assert callable(call)
    with pytest.raises(rg.InputError) as told:
        call(nets.cnn(), *values, **keywords)
    assert said in str(told.value)


def test_every_function_checks_its_keywords_and_keeps_its_signature() -> None:
    functions = [getattr(rg, name) for name in rg.__all__]
    functions = [each for each in functions if inspect.isfunction(each)]
    assert len(functions) > 10
    for function in functions:
        with pytest.raises(rg.InputError, match=f"^{function.__name__} takes no 'nonsense'"):
            function(nonsense=1)
        assert "nonsense" not in inspect.signature(function).parameters
        assert inspect.signature(function).return_annotation is not inspect.Signature.empty


def test_the_help_of_every_function_says_what_each_keyword_is() -> None:
    for name in rg.__all__:
        function = getattr(rg, name)
        if not inspect.isfunction(function):
            continue
        arguments = (function.__doc__ or "").partition("Args:")[2].partition("Returns:")[0]
        heads = re.findall(r"^ +((?:\w+,\s+)*\w+): ", arguments, re.MULTILINE)
        entries = {word for head in heads for word in re.split(r",\s+", head)}
        assert {*inspect.signature(function).parameters} <= entries, name
        assert "SHARED" not in arguments


def test_help_gives_the_texts_of_shared_keywords() -> None:
    texts = " ".join((rg.explain.__doc__ or "").split())
    assert "box: the number of a box of a detector, the strongest being 0, which" in texts
    assert "sample_rate: samples a second of the model's waveforms" in texts
