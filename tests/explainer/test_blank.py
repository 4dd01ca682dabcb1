"""A map that is 0 everywhere says why, and what to do: in the line, the picture and the JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, NodeProto

import retrograph
from retrograph import InputError, Model
from retrograph.blank import Asked, Blanks
from retrograph.methods import METHODS
from retrograph.preprocess import Item
from retrograph.results.outputs import GraphOutputs
from retrograph.results.rows import explanations
from support import nets
from support.cli_case import assert_one_line, run, workplace
from support.graphs import parse
from support.nets import info, node

Capture = pytest.CaptureFixture[str]
CHANCES = node("Softmax", "s", "p", axis=1)
QUOTIENT = node("Div", "one a", "y")
DECODED = node("DequantizeLinear", "q fine byte", "y")
X = np.random.default_rng(3).standard_normal((1, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with an input."""
    found = workplace(tmp_path, monkeypatch)
    np.save("x.npy", X)
    return found


def net(
    tail: Sequence[NodeProto] = (), *, factor: float = 400.0, **changed: np.ndarray
) -> ModelProto:
    """The classifier with scores that are far apart, and what follows them; the output is y.

    Args:
        changed: weights by their names.
    """
    nodes, stored = nets.cnn_parts()
    for each in nodes:
        each.name = f"net/{each.name}"
        each.output[0] = "s" if each.output[0] == "scores_out" else f"net/{each.output[0]}"
        each.input[0] = "x" if each.input[0] == "x" else f"net/{each.input[0]}"
    stored["w3"] = stored["w3"] * np.float32(factor)
    stored["b3"] = np.zeros(4, np.float32)
    constants = {
        "one": np.array(1, np.float32),
        "fine": np.array(1 / 256, np.float32),
        "byte": np.array(0, np.uint8),
        "nought": np.zeros(4, np.float32),
        "axis": np.array([1]),
        "low": np.array(-1, np.float32),
    }
    tail = tail or [node("Identity", "s", "y")]
    inputs, outputs = [info("x", ["N", 3, 8, 8])], [info("y", ["N", 4])]
    return nets.model([*nodes, *tail], inputs, outputs, stored | constants | changed)


def reason(
    capsys: Capture, model: ModelProto, options: str = "--layer y", method: str = "gradient"
) -> str:
    """What the line of an explanation says behind "0 everywhere"; "" where there is none."""
    nets.save(model, Path("model.onnx"))
    command = f"explain model.onnx x.npy --method {method} {options} -o map.png --force --json"
    ran = run(capsys, *command.split())
    assert ran.code == 0, ran.err
    units = json.loads(ran.out)["explained"][0]["units"]
    found = [text for unit in units for text in unit["blank"].values()]
    lines = [line.strip() for line in ran.err.splitlines() if "0 everywhere" in line]
    for text in found:
        assert any(line.endswith(text) for line in lines)
    return "; ".join(dict.fromkeys(found))


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        ([node("Sigmoid", "s", "y")], "Sigmoid 'n_y' gives 1 there and is flat; explain 'scores'"),
        ([node("Softmax", "s", "y", axis=1)], "Softmax 'n_y' gives 1 there and is flat"),
        ([node("Tanh", "s", "y")], "Tanh 'n_y' gives 1 there and is flat"),
        (
            [node("Neg", "s", "m"), node("Exp", "m", "e"), node("Add", "e one", "a"), QUOTIENT],
            "a Sigmoid that ends in Div 'n_y' gives 1 there and is flat; explain 'scores'",
        ),
        (
            [node("QuantizeLinear", "s fine byte", "q"), DECODED],
            "QuantizeLinear 'n_q' gives 0.996094 there and is flat; explain 'scores'",
        ),
        (
            [CHANCES, node("QuantizeLinear", "p fine byte", "q"), DECODED],
            "QuantizeLinear 'n_q' gives 0.996094 there and is flat; explain 'scores'",
        ),
        ([node("Clip", "s low one", "y")], "Clip 'n_y' is at its limit there; explain 'fc1'"),
        ([node("Softmax", "s", "p", axis=1), node("ReduceMax", "p", "m", axes=[1]),
          node("Add", "m nought", "y")], "Softmax 'n_p' gives 1 there and is flat"),
        ([node("Mul", "s nought", "y")], "the derivative of Mul 'n_y' is 0 there"),
    ],
)  # fmt: skip
def test_what_is_flat(here: Path, capsys: Capture, tail: list[NodeProto], said: str) -> None:
    model = net(tail, factor=4e4)
    assert said in reason(capsys, model)
    named = said.split("explain '")[-1].split("'")[0] if "explain '" in said else "scores"
    assert reason(capsys, model, f"--layer {'s' if named == 'scores' else named}") == ""


def test_a_unit_that_is_off(here: Path, capsys: Capture) -> None:
    found = reason(capsys, net([node("Relu", "s", "y")], b3=np.full(4, -1e9, np.float32)))
    assert found.startswith("the unit is off: Relu 'n_y' reads -1e+09 there, so no gradient passes")
    assert "'fc1', the layer before it" in found


def test_a_relu_inside_that_is_off(here: Path, capsys: Capture) -> None:
    model = net(b2=np.full(5, -1e6, np.float32))
    for method in ("gradient", "guided", "integrated-gradients"):
        found = reason(capsys, model, "", method)
        assert found.startswith("Relu 'net/n_e' is off wherever the unit depends on it"), method


def test_weights_of_nothing(here: Path, capsys: Capture) -> None:
    found = reason(capsys, net(w3=np.zeros((4, 5), np.float32)), "")
    assert found.startswith("the weights of Gemm 'net/n_scores_out' on the way are 0")


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        ("Neg", "the derivative of Pow 'n0' is 0 there"),
        ("Abs", "nothing comes through If 'n3'; choose another input or unit, or explain 'pow1'"),
    ],
)
def test_what_lies_before_an_if_is_blamed_unless_the_branch_passes_nothing(
    here: Path, capsys: Capture, branch: str, said: str
) -> None:
    """A branch reads the square of an input of zeros, whose derivative is 0 there."""
    text = """
        <ir_version: 9, opset_import: ["": 17]>
        net (float[1, 4] x) => (float[1, 4] y)
        <float two = {2}, float low = {-1}>
        {
            square = Pow (x, two)
            most = ReduceMax <keepdims = 0> (x)
            is_high = Greater (most, low)
            y = If (is_high) <
                then_branch = t () => (float[1, 4] a) { a = BRANCH (square) },
                else_branch = e () => (float[1, 4] b) { b = Exp (square) }
            >
        }"""
    model = parse(text.replace("BRANCH", branch))
    for number, each in enumerate(model.graph.node):
        each.name = f"n{number}"
    np.save("x.npy", np.zeros((1, 4), np.float32))
    assert reason(capsys, model).startswith(said)


def test_what_a_method_keeps_nothing_of(here: Path, capsys: Capture) -> None:
    """The gradient is not 0, and all of it is negative where it meets the ReLU."""
    model = net(w3=-np.ones((4, 5), np.float32))
    assert reason(capsys, model, "--unit 1") == ""
    found = reason(capsys, model, "--unit 1", "guided")
    assert found == (
        "the gradient is not 0, but guided passes nothing through Relu 'net/n_e'; try gradient"
    )


def test_a_graph_that_is_built_says_why_too(here: Path, capsys: Capture) -> None:
    model = net([node("Sigmoid", "s", "y")])
    built = retrograph.build(model, method="gradient", layer="y", select="unit")
    unit = int(retrograph.Explainer(model, method="gradient").attribute(X).unit.item())
    assert "Sigmoid 'n_y' gives 1 there and is flat" in reason(capsys, built, f"--unit {unit}")


def test_each_of_several_units_has_its_own_reason(here: Path, capsys: Capture) -> None:
    nets.save(net([node("Relu", "s", "y")], b3=np.float32([1, 2, -1e9, -1e9])), Path("model.onnx"))
    command = "explain model.onnx x.npy --method gradient --layer y --top 3 -o map.png --json"
    units = json.loads(run(capsys, *command.split()).out)["explained"][0]["units"]
    assert [bool(unit["blank"]) for unit in units] == [False, False, True]


def test_comparisons_say_why(here: Path, capsys: Capture) -> None:
    nets.save(net([node("Sigmoid", "s", "y")]), Path("model.onnx"))
    command = "compare model.onnx x.npy --layer y -o page.png"
    ran = run(capsys, *command.split())
    assert "0 everywhere by gradient, deconvnet, guided: Sigmoid 'n_y' gives 1" in ran.out


def test_rows_of_a_batch_are_told_apart() -> None:
    """The second item's unit is on, the first one's is not."""
    model = net([node("Relu", "s", "y")])
    scores = retrograph.Explainer(model, method="gradient").attribute(np.concatenate([X, -9 * X]))
    y = scores.outputs["y"]
    row, unit = np.argwhere(y == 0)[0]
    asked = Asked("y", ("x",), METHODS["gradient"], (int(unit),), 1, row=int(row))
    assert "the unit is off" in Blanks(Model(model)).why(asked, {"x": np.concatenate([X, -9 * X])})


def test_check_says_what_may_be_flat(here: Path, capsys: Capture) -> None:
    model = net([node("Sigmoid", "s", "y")])
    assert retrograph.check(model, layer="y").notes[0] == (
        "'y' is flat where a score is large, behind Sigmoid 'n_y'; where its map is 0, explain 's'"
    )
    assert "explained is 's'" in retrograph.check(model).notes[0]


def test_maximize_blames_the_node(here: Path, capsys: Capture) -> None:
    nets.save(net([node("Sigmoid", "s", "y")], b3=np.full(4, 1e4, np.float32)), Path("model.onnx"))
    command = "maximize model.onnx --layer y --unit 1 --steps 3 --json -o best.png"
    ran = run(capsys, *command.split())
    (made,) = json.loads(ran.out)["made"]
    assert made["silent"]
    assert made["why"].startswith("Sigmoid 'n_y' gives 1 there and is flat; explain 'scores'")
    assert f"no gradient at any step: {made['why']}" in ran.err
    assert "ReLU" not in ran.err


# --- numbers that are none ---------------------------------------------------------------------


@pytest.mark.parametrize("command", ["explain", "compare"])
def test_numbers_beyond_float16_are_an_error(here: Path, capsys: Capture, command: str) -> None:
    nets.save(net(w1=np.full((6, 3, 3, 3), 1e5, np.float32)), Path("model.onnx"))
    nets.save(net([node("Cast", "s", "h", to=10), node("Cast", "h", "y", to=1)], factor=1e9),
              Path("half.onnx"))  # fmt: skip
    options = "x.npy --method gradient -o map.png"
    assert run(capsys, *f"{command} model.onnx {options} --force".split()).code == 0
    ran = run(capsys, *f"{command} half.onnx {options} --force".split())
    assert_one_line(ran, "the activation of 'scores' is")
    assert "65504" in ran.err


def test_an_infinite_activation_leaves_no_file(here: Path, capsys: Capture) -> None:
    tail = [node("Sub", "s s", "d"), node("Log", "d", "y")]
    nets.save(net(tail), Path("model.onnx"))
    command = "explain model.onnx x.npy --method gradient --npz -o map.png"
    ran = run(capsys, *command.split())
    assert_one_line(ran, "x.npy: the activation of 'scores' is -inf")
    assert not list(here.glob("map.*"))


def test_an_overflow_of_float16_says_so() -> None:
    """Which the CPU does not have: it computes in float32 between the two ends."""
    context = retrograph.Explainer(net(), method="gradient", precision="float16").context
    item = Item("x.npy", X[0], None)
    for score, attribution, said in (
        (np.inf, 1.0, "the activation of 'scores' is inf"),
        (np.nan, 1.0, "the activation of 'scores' is nan"),
        (1.0, np.nan, "the attribution by gradient has NaN or infinite values"),
    ):
        found = GraphOutputs(
            {"x": np.full_like(X, attribution)}, np.float32([score]), np.array([[1]]), {}
        )
        with pytest.raises(InputError, match=f"x.npy: {said}: numbers beyond 65504"):
            explanations([item], {"x": X}, {"gradient": found}, context)
