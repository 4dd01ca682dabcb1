"""Parameters of methods from text, alone and by --param."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import retrograph
from retrograph.errors import InputError
from retrograph.methods import METHODS, Method
from retrograph.methods.cam import GradCam
from retrograph.methods.parameters import configured, parameter_names
from retrograph.methods.relu import RectGrad
from support import nets
from support.cli_case import good, refused, run, workplace

Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Toy(Method):
    """One parameter of every type."""

    steps: int = 8
    noise: float = 0.5
    layer: str = "a"
    exact: bool = False

    name = "toy"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model, a good picture and labels."""
    return workplace(tmp_path, monkeypatch)


# --- from text ---------------------------------------------------------------------------------


def test_each_type_is_read() -> None:
    given = {"steps": " 12", "noise": "1e-3", "layer": "relu/3:0", "exact": "True"}
    assert configured(Toy(), given) == Toy(12, 0.001, "relu/3:0", True)
    assert configured(Toy(), {"exact": "false", "layer": ""}) == Toy(layer="")
    assert parameter_names(Toy()) == ("steps", "noise", "layer", "exact")


def test_what_is_not_given_stays() -> None:
    assert configured(Toy(steps=3, noise=0.1), {"noise": "2"}) == Toy(3, 2.0)
    assert configured(METHODS["gradient"], {}) is not None


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("steps", "1.5", ["steps is '1.5'", "give a whole number, such as 8"]),
        ("steps", "", ["steps is ''", "give a whole number"]),
        ("noise", "much", ["noise is 'much'", "give a number, such as 0.5"]),
        ("noise", "nan", ["noise is 'nan'", "give a number"]),
        ("noise", "inf", ["noise is 'inf'", "give a number"]),
        ("exact", "1", ["exact is '1'", "give true or false, such as false"]),
        ("nois", "1", ["'toy' has no parameter 'nois'", "steps, noise, layer, exact"]),
    ],
)
def test_what_cannot_be_read_is_refused(name: str, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        configured(Toy(), {name: text})
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_method_without_parameters_says_so() -> None:
    with pytest.raises(InputError, match="'saliency' has no parameter 'steps'; it has none"):
        configured(METHODS["saliency"], {"steps": "1"})


@pytest.mark.parametrize("text", ["-0.01", "1.01"])
def test_the_range_is_the_methods_own(text: str) -> None:
    with pytest.raises(InputError, match=r"rectgrad: quantile is .*; give a share"):
        configured(RectGrad(), {"quantile": text})
    assert configured(RectGrad(), {"quantile": "1"}) == RectGrad(quantile=1.0)
    assert configured(RectGrad(), {"quantile": "0"}) == RectGrad(quantile=0.0)


# --- on the command line -----------------------------------------------------------------------


def attribution(path: str, method: str) -> np.ndarray:
    with np.load(path) as kept:
        found: np.ndarray = kept[f"attribution_{method}"]
        return found


def expected(method: Method) -> np.ndarray:
    with np.load("map.npz") as kept:
        x = kept["input"]
    found: np.ndarray = retrograph.Explainer("net.onnx", method=method).attribute(x[None])
    return found.attribution


EXPLAIN = "explain net.onnx dog.png -o map.png --npz --force --preprocess 0-1"


def test_a_parameter_is_that_of_every_chosen_method_that_has_it(
    here: Path, capsys: Capture
) -> None:
    good(capsys, f"{EXPLAIN} --method gradient,rectgrad,grad-cam --param quantile=0.3")
    np.testing.assert_array_equal(
        attribution("map.npz", "rectgrad"), expected(RectGrad(quantile=0.3))
    )
    assert (expected(RectGrad(quantile=0.3)) != expected(RectGrad())).any()
    good(capsys, f"{EXPLAIN} --method grad-cam,layer-cam --param layer=relu1")
    np.testing.assert_array_equal(attribution("map.npz", "grad-cam"), expected(GradCam("relu1")))
    layered = type(METHODS["layer-cam"])
    np.testing.assert_array_equal(attribution("map.npz", "layer-cam"), expected(layered("relu1")))


@pytest.mark.parametrize(
    "given",
    [
        "--param grad-cam.layer=relu1",
        "--param layer=relu2 --param grad-cam.layer=relu1",
        "--param grad-cam.layer=relu1 --param layer=relu2",
    ],
)
def test_a_parameter_of_one_method_comes_before_that_of_all(
    here: Path, capsys: Capture, given: str
) -> None:
    good(capsys, f"{EXPLAIN} --method grad-cam,layer-cam {given}")
    np.testing.assert_array_equal(attribution("map.npz", "grad-cam"), expected(GradCam("relu1")))
    layered = type(METHODS["layer-cam"])
    np.testing.assert_array_equal(attribution("map.npz", "layer-cam"), expected(layered("relu2")))


def test_a_value_may_have_signs_of_its_own(here: Path, capsys: Capture) -> None:
    model = nets.cnn()
    for node in model.graph.node:
        node.output[:] = ["b.c=d" if name == "b" else name for name in node.output]
        node.input[:] = ["b.c=d" if name == "b" else name for name in node.input]
    nets.save(model, here / "net.onnx")
    good(capsys, f"{EXPLAIN} --method grad-cam --param layer=b.c=d")
    np.testing.assert_array_equal(attribution("map.npz", "grad-cam"), expected(GradCam("b.c=d")))


def test_what_was_used_is_recorded(here: Path, capsys: Capture) -> None:
    good(capsys, "build net.onnx -o built.onnx --method rectgrad --param quantile=0.3")
    contract = retrograph.Model("built.onnx").contract
    assert contract is not None
    assert contract.parameters["quantile"] == 0.3
    out = good(capsys, f"{EXPLAIN} --method rectgrad --param quantile=0.3")
    assert "\nrectgrad: quantile=0.3\n" in out
    assert "quantile" not in good(capsys, f"{EXPLAIN} --method rectgrad")
    told = json.loads(run(capsys, *f"{EXPLAIN} --method rectgrad --json".split()).out)
    assert told["parameters"]["rectgrad"]["quantile"] == 0.98


@pytest.mark.parametrize("command", ["explain net.onnx dog.png", "compare net.onnx dog.png"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--param quantile=0.5", ["--param quantile: none of", "has that"]),
        ("--method gradient --param quantile=1", ["none of gradient", "have no parameters"]),
        ("--method rectgrad --param q=1", ["none of rectgrad has", "rectgrad.quantile"]),
        ("--method rectgrad --param quantile", ["--param quantile has no", "give NAME=VALUE"]),
        ("--method rectgrad --param quantile=2", ["quantile is 2.0", "give a share from 0 to 1"]),
        ("--method rectgrad --param quantile=x", ["quantile is 'x'", "give a number"]),
        ("--method guided --param rectgrad.quantile=1", ["'rectgrad' is none", "with --method"]),
        ("--method rectgrad --param rectgrad.q=1", ["no parameter 'q'", "quantile"]),
        ("--method grad-cam --param layer=relu9", ["no layer 'relu9'", "did you mean"]),
    ],
)
def test_a_wrong_parameter(
    here: Path, capsys: Capture, command: str, options: str, words: list[str]
) -> None:
    refused(capsys, here, f"{command} {options}", *words)


def test_a_parameter_for_a_graph_that_is_built(here: Path, capsys: Capture) -> None:
    good(capsys, "build net.onnx -o built.onnx --method rectgrad")
    command = "explain built.onnx dog.png --method rectgrad --param quantile=0.5"
    refused(capsys, here, command, "--param", "build another")


def test_the_page_of_a_method_names_the_option(capsys: Capture) -> None:
    assert "--param quantile=VALUE, 0.98 by default" in good(capsys, "methods rectgrad")
    assert "--param NAME=VALUE" in good(capsys, "help methods")
