"""`retrograph compare`: methods that cannot be built, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrograph.methods import METHODS, Method
from retrograph.vjp import Unsupported
from support import nets
from support.cli_case import good, refused, run, workplace
from support.compare_case import Page, counted, flat, watched

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model, a good picture and labels."""
    return workplace(tmp_path, monkeypatch)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> type[Page]:
    """What the last picture was made of, as `page.made`."""
    return watched(monkeypatch)


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods whose graphs are built, as they are."""
    return counted(monkeypatch)


def test_a_method_that_is_not_defined_is_left_out(
    here: Path, capsys: Capture, page: type[Page]
) -> None:
    flat(here / "flat.onnx")
    np.save("in.npy", np.ones((1, 5), np.float32))
    ran = run(capsys, *["compare", "flat.onnx", "in.npy", "--json"])
    assert ran.code == 0
    assert page.made.titles == ["input", "receptive field", "Gradient"]  # the second is empty
    told = json.loads(ran.out)
    assert (told["methods"], [*told["left_out"]]) == (["gradient"], ["deconvnet", "guided"])
    complaints = [line for line in ran.err.splitlines() if line.startswith("retrograph: ")]
    assert [line.split(": ")[1] for line in complaints] == [
        "deconvnet is left out",
        "guided is left out",
    ]
    assert [note.split(":")[0] for note in page.made.notes[:2]] == [
        "Deconvnet is left out",
        "Guided backpropagation is left out",
    ]


def test_no_method_is_left(here: Path, capsys: Capture) -> None:
    flat(here / "flat.onnx")
    np.save("in.npy", np.ones((1, 5), np.float32))
    refused(capsys, here, "compare flat.onnx in.npy --method guided,deconvnet", "'guided'", "ReLU")
    nets.save(nets.cnn_with_custom(on_path=True), here / "custom.onnx")
    ran = run(capsys, "compare", "custom.onnx", "dog.png")
    assert (ran.code, ran.out) == (3, "")
    assert "com.acme" in ran.err
    assert "not known" in ran.err
    assert not Path("compare.png").exists()


class Picky(Method):
    """It treats no Conv."""

    name = "picky"

    def rule(self, node: Any) -> Any:
        def refuse(*_: Any) -> Any:
            raise Unsupported("no rule here")

        return refuse if node.op == "Conv" else super().rule(node)


def test_a_method_that_lacks_a_rule_is_left_out_in_one_line(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "picky", Picky())
    ran = run(capsys, *["compare", "net.onnx", "dog.png", "--method", "picky,gradient", "--json"])
    assert ran.code == 0
    assert json.loads(ran.out)["methods"] == ["gradient"]
    (line,) = [line for line in ran.err.splitlines() if line.startswith("retrograph: ")]
    assert "picky is left out: cannot build 'picky'" in line
    assert "2 of the" in line
    assert line.endswith("; see `retrograph check`")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--method gradient,giuded", ["unknown method 'giuded'", "did you mean 'guided'"]),
        ("--layer relu9", ["no layer 'relu9'", "did you mean"]),
        ("--unit 4", ["--unit 4 is out of range", "count from 0"]),
        ("--wrt y", ["no floating-point input 'y'", "the model has: x"]),
        ("--device tpu", ["device 'tpu'", "choose one of"]),
        ("--method gradient,grad-cam --param layer=relu9", ["no layer 'relu9'", "did you mean"]),
        ("-o dog.png --force", ["-o dog.png would replace an input", "choose another name"]),
        ("-o net.onnx", ["-o net.onnx has no suffix of a picture", "choose one of"]),
        ("--top 2", ["--top", "see retrograph compare --help"]),
        ("--mean 1,2", ["mean has 2 values", "give 1 or 3"]),
    ],
)
def test_a_mistake_is_an_error_at_once(
    here: Path, capsys: Capture, options: str, words: list[str]
) -> None:
    refused(capsys, here, f"compare net.onnx dog.png {options}", *words)


def test_a_device_that_is_not_there_is_said_after_the_first_graph(
    here: Path, capsys: Capture, graphs: list[str]
) -> None:
    refused(capsys, here, "compare net.onnx dog.png --device tpu", "device 'tpu'", "choose")
    assert graphs == ["gradient"]


def test_a_graph_that_is_built_is_for_one_method(here: Path, capsys: Capture) -> None:
    good(capsys, "build net.onnx -o built.onnx")
    refused(
        capsys, here, "compare built.onnx dog.png", "retrograph has built", "give its source model"
    )
