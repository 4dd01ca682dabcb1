"""Parameters in messages: Python's spelling, the command line's, and an error that carries them."""

from __future__ import annotations

import pickle

import pytest

from retrograph.cli.spelling import as_option
from retrograph.errors import InputError, command, in_python, parameter, spelled


@pytest.mark.parametrize(
    ("marked", "python", "option"),
    [
        (parameter("force", True), "force=True", "--force"),
        (parameter("labels", "FILE"), "labels=FILE", "--labels FILE"),
        (parameter("method", "gradient"), 'method="gradient"', "--method gradient"),
        (parameter("method", "grad-cam"), 'method="grad-cam"', "--method grad-cam"),
        (parameter("layer"), "layer", "--layer"),
        (parameter("item", "3x224x224"), "item=3x224x224", "--item 3x224x224"),
        (parameter("straight_through", False), "straight_through=False", "--straight-through no"),
        (parameter("straight_through"), "straight_through", "--straight-through"),
        (parameter("out"), "out", "-o"),
        (command("layers"), "`Model.layers()`", "`retrograph layers`"),
        (command("check"), "`retrograph.check()`", "`retrograph check`"),
        (command("explain_all"), "`retrograph.explain_all()`", "`retrograph explain`"),
        (f"{parameter('size')} or {parameter('bounds')}", "size or bounds", "--size or --bounds"),
    ],
)
def test_a_parameter_is_spelled_by_the_face(marked: str, python: str, option: str) -> None:
    assert spelled(f"give {marked}, or none") == f"give {python}, or none"
    assert spelled(f"give {marked}, or none", as_option) == f"give {option}, or none"


def test_an_error_carries_its_parameters() -> None:
    error = InputError(f"x exists; give {parameter('force', True)} or {parameter('out', 'PATH')}")
    assert InputError(f"see {command('layers')}").parameters == ()
    assert error.parameters == ("force", "out")
    assert str(error) == "x exists; give force=True or out=PATH"
    assert error.spelled(as_option) == "x exists; give --force or -o PATH"
    assert pickle.loads(pickle.dumps(error)).spelled(in_python) == str(error)


def test_an_error_in_an_error_keeps_its_parameters() -> None:
    inner = InputError(f"no letters; give {parameter('alphabet')}")
    outer = InputError(f"a.fa: {inner.message}")
    assert outer.spelled(as_option) == "a.fa: no letters; give --alphabet"
