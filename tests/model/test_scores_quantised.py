"""The scores before a squashing function that is spelled out with quantisers between its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, numpy_helper

import retrograph
from retrograph import Model
from support.nets import node
from support.squashed_scores import PICTURES, SQUASHED, confident, with_tail

Array = np.ndarray
Nodes = list[NodeProto]

SPELLED = [
    "1 / (1 + exp(-s))",
    "exp / (1 + exp)",
    "exp / L1",
    "exp / sum",
    "exp * (1 / sum)",
    "reciprocal of 1 + exp(-s)",
    "s - log-sum-exp",
    "shifted - log(sum(exp))",
    "shifted exp / sum",
    "sigmoid in two branches",
    "tanh by exp",
    "softmax of shifted scores",
]


def linear(bits: str, zero: int) -> Callable[[str, str], Nodes]:
    def quantise(x: str, y: str) -> Nodes:
        kind = f"grid_{bits}_{zero}"
        return [
            node("QuantizeLinear", f"{x} grid {kind}", f"{y}_q"),
            node("DequantizeLinear", f"{y}_q grid {kind}", y),
        ]

    return quantise


def by_channel(x: str, y: str) -> Nodes:
    return [
        node("QuantizeLinear", f"{x} grids zeros", f"{y}_q", axis=-1),
        node("DequantizeLinear", f"{y}_q grids zeros", y, axis=-1),
    ]


def by_range(x: str, y: str) -> Nodes:
    return [
        node("DynamicQuantizeLinear", x, f"{y}_q {y}_scale {y}_zero"),
        node("DequantizeLinear", f"{y}_q {y}_scale {y}_zero", y),
    ]


def written_out(x: str, y: str) -> Nodes:
    return [
        node("Div", f"{x} grid", f"{y}_1"),
        node("Round", f"{y}_1", f"{y}_2"),
        node("Clip", f"{y}_2 low high", f"{y}_3"),
        node("Mul", f"{y}_3 grid", y),
    ]


def by_the_inverse(x: str, y: str) -> Nodes:
    return [
        node("Mul", f"{x} steps", f"{y}_1"),
        node("Round", f"{y}_1", f"{y}_2"),
        node("Max", f"{y}_2 low", f"{y}_3"),
        node("Min", f"{y}_3 high", f"{y}_4"),
        node("Div", f"{y}_4 steps", y),
    ]


QUANTISERS: dict[str, Callable[[str, str], Nodes]] = {
    "uint8": linear("uint8", 128),
    "uint8 from 0": linear("uint8", 0),
    "int8": linear("int8", 0),
    "by the range": by_range,
    "written out": written_out,
    "by the inverse": by_the_inverse,
}

CONSTANTS: dict[str, Array] = {
    "grid": np.float32(0.25),
    "grids": np.float32([0.25, 0.125, 0.5, 0.25]),
    "zeros": np.full(4, 128, np.uint8),
    "steps": np.float32(4),
    "low": np.float32(-128),
    "high": np.float32(127),
    "grid_uint8_128": np.uint8(128),
    "grid_uint8_0": np.uint8(0),
    "grid_int8_0": np.int8(0),
}


def between(nodes: Sequence[NodeProto], quantise: Callable[[str, str], Nodes]) -> Nodes:
    """The nodes, with a quantiser behind each but the last."""
    names: dict[str, str] = {}
    made = []
    for each in nodes:
        for place, name in enumerate(each.input):
            each.input[place] = names.get(name, name)
        made.append(each)
        end = each.output[0]
        if end != "y" and each.op_type != "GreaterOrEqual":
            names[end] = f"{end}_dq"
            made += quantise(end, names[end])
    return made


def spelled(name: str, quantise: Callable[[str, str], Nodes]) -> ModelProto:
    """A classifier with a squashing function behind it, quantised between its parts."""
    parts = [node(n[0], n[1], n[2], **(n[3] if len(n) > 3 else {})) for n in SQUASHED[name].nodes]
    model = with_tail(between(parts, quantise))
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in CONSTANTS.items())
    return model


@pytest.mark.parametrize("kind", QUANTISERS)
@pytest.mark.parametrize("name", SPELLED)
def test_quantisers_between_the_parts_are_seen_through(name: str, kind: str) -> None:
    model = Model(spelled(name, QUANTISERS[kind]))
    assert model.target(None) == "s"
    (note,) = model.scores.notes
    assert "explained is 's', the scores before" in note
    assert SQUASHED[name].said in note
    assert model.alias("s") == "scores"


@pytest.mark.parametrize("name", ["1 / (1 + exp(-s))", "exp / (1 + exp)", "tanh by exp"])
def test_so_are_scales_by_channel(name: str) -> None:
    model = Model(spelled(name, by_channel))
    assert model.target(None) == "s"


@pytest.mark.parametrize("kind", ["uint8", "by the range", "written out"])
def test_a_confident_class_is_explained_by_its_score(kind: str) -> None:
    """Its probability is flat: the map is that of the scores without a tail."""
    model = confident(spelled("shifted exp / sum", QUANTISERS[kind]))
    plain = confident(with_tail([node("Identity", "s", "y")]))
    found, right = (
        retrograph.Explainer(each, method="gradient", select="unit").attribute(
            PICTURES, unit=[[2], [1]]
        )
        for each in (model, plain)
    )
    assert np.array_equal(found.attribution, right.attribution)
    assert np.abs(found.attribution).max() > 1


KEPT = {
    "a rounding of the inner part alone": [
        node("Round", "s", "r"),
        node("Sub", "s r", "y"),
    ],
    "a gate": [
        node("Neg", "s", "n"),
        *linear("uint8", 128)("n", "nd"),
        node("Exp", "nd", "e"),
        *linear("uint8", 128)("e", "ed"),
        node("Add", "ed one", "a"),
        *linear("uint8", 128)("a", "ad"),
        node("Div", "s ad", "y"),
    ],
    "a share of the greatest": [
        node("Exp", "s", "e"),
        *linear("uint8", 128)("e", "ed"),
        node("ReduceMax", "ed", "z", axes=[1]),
        node("Div", "ed z", "y"),
    ],
}


@pytest.mark.parametrize("name", KEPT)
def test_what_squashes_nothing_stays_the_target(name: str) -> None:
    model = with_tail(KEPT[name])
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in CONSTANTS.items())
    assert Model(model).target(None) == "y"
