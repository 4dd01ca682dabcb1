"""Whether a model can be explained, and what stands in the way, as `check` tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import retrograph
from retrograph.methods import METHODS
from retrograph.render.text_table import BAD, GOOD
from support import nets
from support.check_case import checked, text
from support.check_nets import (
    LABELS_ONLY,
    LATE_AXES,
    NO_RELU,
    QUANTISED,
    SMOOTH,
    STEPS,
    WHOLE_NUMBERS,
)
from support.cli_case import run, workplace
from support.graphs import parse

WITHOUT_POSITIONS = [
    name for name, m in METHODS.items() if not {"layer", "baselines"} & m.parameters.keys()
]
"""The methods for networks of vectors."""

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model."""
    return workplace(tmp_path, monkeypatch)


def names(places: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(place["operator"], place["tensor"]) for place in places]


def possible(record: dict[str, Any]) -> list[str]:
    return [name for name, verdict in record["methods"].items() if verdict["possible"]]


# --- what is told ------------------------------------------------------------------------------


def test_a_plain_network(here: Path, capsys: Capture) -> None:
    code, record = checked(capsys, nets.cnn())
    assert code == 0
    yes = {"possible": True, "reason": None, "needs": [], "notes": []}
    lacking = record["methods"].pop("expected-gradients")
    assert (lacking["possible"], lacking["needs"]) == (False, ["baselines"])
    assert "give a data set" in lacking["reason"]
    assert "low and high are not given" in record["methods"]["lrp-epsilon-gamma-box"]["notes"].pop()
    assert record == {
        "model": "model.onnx",
        "explainable": True,
        "layer": {"tensor": "scores_out", "alias": "scores", "shape": ["N", nets.CLASSES]},
        "inputs": [{"tensor": "x", "shape": ["N", 3, 8, 8]}],
        "methods": {name: yes for name in METHODS if name != "expected-gradients"},
        "blocked": [],
        "nearest": None,
        "relu": [
            {"node": "n_b", "operator": "Relu", "tensor": "b"},
            {"node": "n_e", "operator": "Relu", "tensor": "e"},
        ],
        "straight_through": [],
        "smooth": [],
        "notes": [],
    }


def test_every_key_is_documented(here: Path, capsys: Capture) -> None:
    _, record = checked(capsys, nets.cnn())
    documented = run(capsys, "help", "check").out
    assert all(f"\n  {key} " in documented for key in record)
    for inner in ("{tensor, alias, shape}", "{name: {possible, reason, needs, notes}}"):
        assert inner in documented


def test_smooth_activations_stay_smooth(here: Path, capsys: Capture) -> None:
    code, record = checked(capsys, parse(SMOOTH))
    assert (code, possible(record)) == (0, WITHOUT_POSITIONS)
    assert names(record["relu"]) == [("Relu", "a"), ("Max", "y")]
    assert names(record["smooth"]) == [("Sigmoid", "b"), ("Tanh", "c")]
    note = "the ordinary derivative at 1 Sigmoid, 1 Tanh on the path"
    notes = {name: verdict["notes"] for name, verdict in record["methods"].items()}
    assert "conditioned on no switches" in notes["deconvnet"].pop()
    assert "low and high are not given" in notes["lrp-epsilon-gamma-box"].pop()
    assert {name: notes[name] for name in WITHOUT_POSITIONS} == {
        name: [note] if METHODS[name].needs_relu else [] for name in WITHOUT_POSITIONS
    }


def test_without_relu_only_the_gradient_is_left(here: Path, capsys: Capture) -> None:
    code, record = checked(capsys, parse(NO_RELU))
    without = [name for name in WITHOUT_POSITIONS if not METHODS[name].needs_relu]
    assert (code, possible(record)) == (0, without)
    assert record["layer"]["tensor"] == "b"
    for name in ("deconvnet", "guided"):
        reason = record["methods"][name]["reason"]
        assert f"'{name}' is a rule for ReLUs and there is none" in reason
    assert "can be explained by gradient" in text(capsys, parse(NO_RELU)).out.splitlines()[0]


def test_a_linear_start_of_a_network_equals_the_gradient(here: Path, capsys: Capture) -> None:
    code, record = checked(capsys, nets.cnn(), "--layer conv1")
    assert (code, possible(record)) == (0, WITHOUT_POSITIONS)
    assert record["layer"]["alias"] == "conv1"
    assert record["relu"] == []
    (note,) = record["methods"]["guided"]["notes"]
    assert "equals the gradient" in note


def test_quantised_activations_pass_straight_through(here: Path, capsys: Capture) -> None:
    code, record = checked(capsys, parse(QUANTISED), "--layer y")
    assert (code, possible(record)) == (0, WITHOUT_POSITIONS[:-1])
    assert record["methods"]["deeplift-rescale"]["reason"] == "no rule at 2 QuantizeLinear"
    assert record["straight_through"] == [
        {"node": "first", "operator": "QuantizeLinear", "tensor": "a"},
        {"node": "second", "operator": "QuantizeLinear", "tensor": "c"},
    ]
    assert [place["node"] for place in record["relu"]] == ["second"]
    (note,) = record["notes"]
    assert note.startswith("2 quantised activations pass the cotangent straight through")
    assert f"note: {note}\n" in text(capsys, parse(QUANTISED), "--layer y").out


def test_an_unknown_operator_blocks(here: Path, capsys: Capture) -> None:
    model = nets.cnn_with_custom(on_path=True)
    code, record = checked(capsys, model)
    assert (code, record["explainable"], possible(record)) == (3, False, [])
    assert [(b["node"], b["operator"]) for b in record["blocked"]] == [
        ("twirl", "com.acme.Twirl"),
        ("whirl", "com.acme.Whirl"),
    ]
    for block in record["blocked"]:
        assert block["reason"] == "no VJP rule, and the domain 'com.acme' is unknown"
        assert "@defvjp" in block["mend"]
    assert record["methods"]["guided"]["reason"] == "2 nodes block"
    assert record["nearest"] == "relu2"
    code, record = checked(capsys, model, f"--layer {record['nearest']}")
    assert (code, record["blocked"], record["nearest"]) == (0, [], None)


def test_an_unknown_operator_of_which_no_shape_is_known(here: Path, capsys: Capture) -> None:
    model = nets.model(
        [
            nets.node("Relu", "x", "a"),
            nets.node("Whirl", "a", "b", domain="com.acme"),
            nets.node("Relu", "b", "y"),
        ],
        [nets.info("x", ["N", 3])],
        [onnx.helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        domains=["com.acme"],
    )
    code, record = checked(capsys, model)
    assert (code, record["layer"]["shape"], record["nearest"]) == (3, None, "relu1")
    assert [b["node"] for b in record["blocked"]] == ["n_b"]
    assert record["methods"]["gradient"]["reason"] == "1 node blocks"
    with pytest.raises(retrograph.UnsupportedError, match=r"1 of the 3 nodes .*\n.*Whirl"):
        retrograph.build(model)


def test_an_open_rank_blocks(here: Path, capsys: Capture) -> None:
    model = nets.model(
        [nets.node("Relu", "x", "a"), nets.node("Reshape", "a shape", "y")],
        [nets.info("x", ["N", 3]), nets.info("shape", ["r"], TensorProto.INT64)],
        [onnx.helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    code, record = checked(capsys, model)
    assert (code, record["nearest"]) == (3, "relu1")
    assert [(b["node"], b["mend"]) for b in record["blocked"]] == [
        ("n_y", "export with static shapes")
    ]
    assert "rank of target 'y' is not known" in record["methods"]["gradient"]["reason"]


def test_one_off_the_path_does_not(here: Path, capsys: Capture) -> None:
    code, record = checked(capsys, nets.cnn_with_custom(on_path=False))
    assert (code, record["blocked"]) == (0, [])


def test_a_reason_and_its_mend_are_told_apart(here: Path, capsys: Capture) -> None:
    code, record = checked(capsys, parse(LATE_AXES))
    assert code == 3
    assert record["blocked"] == [
        {
            "node": "late",
            "operator": "ReduceMean",
            "reason": "its axes are computed at run time",
            "mend": "export with constant axes",
        }
    ]
    assert record["nearest"] == "relu1"


def test_what_has_no_derivative_blocks(here: Path, capsys: Capture) -> None:
    code, record = checked(capsys, parse(STEPS))
    assert (code, possible(record)) == (3, [])
    assert record["blocked"] == [
        {
            "node": "step",
            "operator": "Hardmax",
            "reason": "constant between jumps: its derivative is 0",
            "mend": "choose a layer before it",
        }
    ]
    assert "depends on 'x' only through 'step'" in record["methods"]["gradient"]["reason"]
    assert record["nearest"] == "relu1"


def test_a_model_without_a_target(here: Path, capsys: Capture) -> None:
    code, record = checked(capsys, parse(LABELS_ONLY))
    assert (code, record["layer"], record["inputs"]) == (3, None, [])
    assert [(b["node"], b["mend"]) for b in record["blocked"]] == [
        ("choice", "replace it in the source model")
    ]
    assert record["nearest"] is None
    assert "no output depends on 'x'" in record["methods"]["gradient"]["reason"]


@pytest.mark.parametrize("options", ["", "--layer y"])
def test_a_model_of_whole_numbers(here: Path, capsys: Capture, options: str) -> None:
    code, record = checked(capsys, parse(WHOLE_NUMBERS), options)
    assert (code, record["blocked"]) == (3, [])
    assert "no floating-point input" in record["methods"]["gradient"]["reason"]


def test_the_names_that_a_built_graph_adds_stand_in_no_way(here: Path, capsys: Capture) -> None:
    model = nets.cnn()
    model.graph.input[0].name = model.graph.node[0].input[0] = "score"
    code, record = checked(capsys, model)
    assert code == 0
    assert record["methods"]["gradient"]["possible"]


def test_the_inputs_are_those_of_build(here: Path, capsys: Capture) -> None:
    model = nets.two_input_net()
    _, both = checked(capsys, model)
    built = retrograph.Explainer(model).contract
    assert [i["tensor"] for i in both["inputs"]] == list(built.explained)
    name = both["inputs"][-1]["tensor"]
    _, one = checked(capsys, model, f"--wrt {name}")
    assert [i["tensor"] for i in one["inputs"]] == [name]


# --- from Python, and real models --------------------------------------------------------------


def test_it_is_a_result(here: Path, capsys: Capture) -> None:
    _, record = checked(capsys, nets.cnn())
    result = retrograph.check("model.onnx")
    assert result.to_dict() == record
    assert (
        repr(result) == f"<Check model.onnx scores: {len(METHODS) - 1} of {len(METHODS)} methods, "
        "expected-gradients with baselines>"
    )
    assert result.save("check.png").is_file()


def test_the_picture_groups_methods_and_names_what_blocks() -> None:
    """A row for each verdict and reason: green ones and red ones, or ones of one colour."""
    assert colours_of(retrograph.check(nets.cnn())) == {GOOD}
    assert colours_of(retrograph.check(parse(NO_RELU))) == {GOOD, BAD}
    assert colours_of(retrograph.check(nets.cnn_with_custom(on_path=True))) == {BAD}


def colours_of(result: retrograph.Check) -> set[tuple[int, ...]]:
    pixels = np.asarray(result.image()).reshape(-1, 3)
    return {colour for colour in (GOOD, BAD) if (pixels == colour).all(axis=1).any()}


def test_a_reason_is_spelled_for_its_reader(here: Path, capsys: Capture) -> None:
    (verdict,) = (
        v for v in retrograph.check("net.onnx").methods if v.method == "expected-gradients"
    )
    assert "give a data set of inputs: baselines=FILE.npy, or" in verdict.reason
    assert "inputs: --param baselines=FILE.npy, or" in run(capsys, "check", "net.onnx").out


def test_from_python() -> None:
    found = retrograph.check(nets.cnn(), layer="relu2", wrt="x")
    assert found.explainable
    assert (found.alias, found.inputs[0].name) == ("relu2", "x")
    assert [verdict.method for verdict in found.methods] == [*METHODS]
    assert [place.node for place in found.relu] == ["n_b", "n_e"]
    blocked = retrograph.check(nets.cnn_with_custom(on_path=True))
    assert [block.node for block in blocked.blocks] == ["twirl", "whirl"]
    with pytest.raises(retrograph.InputError, match="no layer 'relu9'"):
        retrograph.check(nets.cnn(), layer="relu9")


def test_what_wants_a_parameter_is_not_counted_as_impossible(here: Path, capsys: Capture) -> None:
    page = run(capsys, "check", "net.onnx").out
    assert "net.onnx can be explained by every method (expected-gradients with baselines)" in page
    (row,) = (line for line in page.splitlines() if line.startswith("expected-gradients "))
    assert " with baselines " in row
    blocked = retrograph.check(nets.cnn_with_custom(on_path=True))
    assert {verdict.answer for verdict in blocked.methods} == {"no"}
    assert all(not verdict.needs for verdict in blocked.methods)
