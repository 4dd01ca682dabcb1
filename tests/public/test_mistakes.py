"""Wrong values given to the public functions: one error each that says what to give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retrograph as rg
from support import nets
from support.cli_case import picture
from support.graphs import noise

X = noise(2, 3, 8, 8)
COUNTS = "give a whole number from 1"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a classifier and a picture."""
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    picture(tmp_path / "a.png", (8, 8), 0)
    return tmp_path


def explained(**keywords: Any) -> object:
    return rg.explain("net.onnx", X, **keywords)


def all_explained(**keywords: Any) -> object:
    return list(rg.explain_all("net.onnx", X, **keywords))


def compared(methods: Any) -> object:
    return rg.compare("net.onnx", X, methods)


def scanned() -> rg.Scan:
    return rg.scan("net.onnx", "a.png", layers="relu1", out="run")


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: explained(top=0), f"top is 0; {COUNTS}"),
    (lambda: explained(top="a"), f"top is 'a'; {COUNTS}"),
    (lambda: all_explained(batch=0), f"batch is 0; {COUNTS}"),
    (lambda: explained(threads="two"), f"threads is 'two'; {COUNTS}"),
    (lambda: rg.bench("net.onnx", rounds=0), f"rounds is 0; {COUNTS}"),
    (lambda: rg.bench("net.onnx", batch="3"), f"batch is '3'; {COUNTS}"),  # type: ignore[arg-type]
    (lambda: explained(method=rg.methods.Guided), "Guided is a class of methods; give Guided()"),
    (lambda: compared(3), "3 is no method; give a name"),
    (lambda: compared(["guided", 3]), "3 is no method; give a name"),
    (lambda: all_explained(method=[]), "no method is given; choose from: gradient"),
    (lambda: all_explained(style="red"), "unknown style 'red'; choose one of"),
    (lambda: rg.explain("net.onnx", None), "None is no input; give a path"),  # type: ignore[arg-type]
    (lambda: rg.perturb("net.onnx", ["a.png", "b.png"], 1), "['a.png', 'b.png'] is not one input"),
    (lambda: rg.Sheet.strongest([], grid=5), "grid is 5; give rows and columns"),  # type: ignore[arg-type]
    (lambda: rg.save("net.onnx", "b.onnx"), "'net.onnx' is no onnx.ModelProto"),  # type: ignore[arg-type]
    (lambda: rg.Explainer("net.onnx").attribute("a.png"), "attribute() takes arrays; give files"),  # type: ignore[arg-type]
    (
        lambda: rg.Explainer("net.onnx", select="unit").attribute(X, "cat"),
        "`unit` takes whole numbers, not 'cat'; explain() takes classes by name",
    ),
    (lambda: scanned().top("relu1", 6), "'relu1' has no channel 6; its channels are those from 0"),
    (lambda: scanned().top("relu1", "1"), "'1' is no channel of 'relu1'"),  # type: ignore[arg-type]
    (lambda: rg.Preprocessing(mean=3), "mean is 3; give a value a channel, such as (3,)"),  # type: ignore[arg-type]
    (lambda: rg.methods.LrpGamma(gamma="a"), "lrp-gamma: gamma is 'a'; give a number"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_a_mistake_is_one_error(here: Path, call: Callable[[], object], said: str) -> None:
    with pytest.raises(rg.InputError) as told:
        call()
    assert said in str(told.value)


def test_one_of_several_may_stand_alone(here: Path) -> None:
    (channel,) = scanned().patches(channels=3).layers[0].channels
    assert channel.stats.channel == 3
    assert np.array_equal(explained(threads=1).attribution, explained().attribution)  # type: ignore[attr-defined]


def test_an_error_shows_itself_as_it_reads() -> None:
    error = rg.InputError(f"x exists; give {rg.errors.parameter('force', True)}")
    assert repr(error) == "InputError('x exists; give force=True')"
    assert repr(rg.Explainer(nets.cnn(), device="cpu")) == (
        "<Explainer guided of scores ('scores_out') on cpu>"
    )
