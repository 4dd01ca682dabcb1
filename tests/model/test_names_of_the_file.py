"""Notes and errors speak of nodes and tensors of the file, never of what became of them inside."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

import retrograph
from retrograph import Model
from retrograph.errors import RetrographError
from retrograph.ir.analysis.origin import in_words_of_the_file
from retrograph.methods import GradCam
from support import nets
from support.nets import info, node

MICROSOFT = "com.microsoft"
NODES = [
    node("QuantizeLinear", "x scale middle", "xq"),
    node("QLinearConv", "xq scale middle w scale nought scale off", "c", kernel_shape=[3, 3]),
    node("QLinearGlobalAveragePool", "c scale off scale middle", "p", domain=MICROSOFT),
    node("Flatten", "p", "f"),
    node("QGemm", "f scale middle v scale nought b scale middle", "s", domain=MICROSOFT),
]
GEMM = "the Gemm inside com.microsoft.QGemm 'n_s'"
BEFORE = f"explained is {GEMM}, the scores before the rounding of com.microsoft.QGemm 'n_s'"
QUOTED = re.compile(r"'([^']+)'")


def quantised(*tail: tuple[str, str, str], integer: bool = False) -> ModelProto:
    """A classifier of quantised operators, with more behind its scores s."""
    rng = np.random.default_rng(0)
    stored = {
        "scale": np.float32(0.05),
        "middle": np.uint8(128),
        "nought": np.int8(0),
        "off": np.uint8(0),
        "axis": np.array([1]),
        "w": rng.integers(-99, 99, (6, 3, 3, 3)).astype(np.int8),
        "v": rng.integers(-99, 99, (6, 4)).astype(np.int8),
        "b": rng.integers(-99, 99, 4).astype(np.int32),
    }
    nodes = [type(each).FromString(each.SerializeToString()) for each in NODES]
    nodes += [node(*each) for each in tail]
    output = info("y", [2], TensorProto.INT64) if integer else info("y", [2, 4])
    return nets.model(nodes, [info("x", [2, 3, 6, 6])], [output], stored, domains=[MICROSOFT])


def arg_max() -> ModelProto:
    model = quantised(("ArgMax", "s", "y"), integer=True)
    model.graph.node[-1].attribute.extend(
        [helper.make_attribute("axis", 1), helper.make_attribute("keepdims", 0)]
    )
    return model


DEQUANTISED = ("DequantizeLinear", "s scale middle", "d")
MODELS = {
    "scores": quantised(("DequantizeLinear", "s scale middle", "y")),
    "softmax": quantised(DEQUANTISED, ("Softmax", "d", "y")),
    "spelled": quantised(
        DEQUANTISED, ("Exp", "d", "e"), ("ReduceSum", "e axis", "z"), ("Div", "e z", "y")
    ),
    "classes": arg_max(),
}
SAID = {
    "scores": f"{BEFORE} (output 'y')",
    "softmax": f"{BEFORE} and Softmax 'n_y' (output 'y')",
    "spelled": f"{BEFORE} and a Softmax that ends in Div 'n_y' (output 'y')",
    "classes": f"output 'y' is made by ArgMax 'n_y', which has no derivative: {BEFORE}",
}


def of_the_file(model: ModelProto) -> set[str]:
    graph = model.graph
    names = {v.name for v in (*graph.input, *graph.output, *graph.initializer)}
    return names | {name for each in graph.node for name in (each.name, *each.output)}


def assert_named(texts: list[str], model: ModelProto) -> None:
    known = of_the_file(model) | set(retrograph.methods.METHODS)
    for text in texts:
        assert set(QUOTED.findall(text)) <= known, text


@pytest.mark.parametrize("name", MODELS)
def test_what_is_explained_is_told_by_the_node_it_is_inside_of(name: str) -> None:
    assert Model(MODELS[name]).scores.notes == (SAID[name],)


@pytest.mark.parametrize("method", ["gradient", "guided", "grad-cam", "lrp-epsilon-plus"])
@pytest.mark.parametrize("name", MODELS)
def test_so_are_all_notes(name: str, method: str) -> None:
    model = MODELS[name]
    contract = retrograph.Explainer(model, method=method).contract
    assert len(contract.notes) >= 2
    assert_named([*contract.notes], model)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "asked",
    [
        {"method": "deeplift-rescale"},
        {"method": GradCam(layer="fc1")},
        {"method": "grad-cam", "layer": "conv1"},
    ],
    ids=["no rule", "no positions", "nothing before"],
)
def test_so_are_errors(name: str, asked: dict[str, Any]) -> None:
    model = MODELS[name]
    with pytest.raises(RetrographError) as refusal:
        retrograph.build(model, **asked)
    problems = getattr(refusal.value, "problems", ())
    assert {problem.node for problem in problems} <= of_the_file(model)
    assert_named([str(refusal.value)], model)


def test_a_part_that_no_rule_treats_is_named_with_its_operator() -> None:
    model = MODELS["scores"]
    with pytest.raises(retrograph.UnsupportedError) as refusal:
        retrograph.build(model, method="deeplift-rescale")
    found = {(p.op, p.node): p.reason for p in refusal.value.problems}
    assert ("QuantizeLinear", "n_xq") in found
    assert found["QLinearConv", "n_c"].startswith("its Round: ")


def test_a_name_that_only_looks_like_an_inner_one_stays() -> None:
    model = nets.model(
        [node("Relu", "x", "n_a/b"), node("Tanh", "n_a/b", "a")],
        [info("x", [1, 3])],
        [info("a", [1, 3])],
    )
    graph = Model(model).graph
    for text in ("'n_a/b'", "'nothing/of/it'", "it's 'a' and 'x'"):
        assert in_words_of_the_file(graph, text) == text
    assert in_words_of_the_file(graph, "'n_a/c'") == "a part inside Tanh 'n_a'"


def test_the_models_run() -> None:
    """So that no test above passes for what could not be explained."""
    x = np.random.default_rng(1).standard_normal((2, 3, 6, 6)).astype(np.float32)
    for model in MODELS.values():
        found = retrograph.Explainer(model, method="gradient").attribute(x)
        assert np.abs(found.attribution).max() > 0
