"""Classifiers whose scores are squashed, in every spelling, and what is explained of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, ValueInfoProto, numpy_helper

from support import nets
from support.nets import info, node

Array = np.ndarray

CONSTANTS: dict[str, Array] = {
    "one": np.float32(1),
    "two": np.float32([2]),
    "minus": np.float32(-2),
    "half": np.float32(0.5),
    "small": np.float32(1e-7),
    "nought": np.float32(0),
    "weights": np.float32([[1, 2, 3, 4]]),
    "eye": np.eye(4, dtype=np.float32)[::-1].copy(),
    "axis": np.array([1]),
    "first": np.array([0]),
    "second": np.array([1]),
    "fine": np.float32(1 / 256),
    "coarse": np.float32(1 / 16),
    "byte": np.uint8(0),
    "middle": np.uint8(128),
}


def with_tail(
    tail: Sequence[NodeProto],
    outputs: Sequence[ValueInfoProto] | None = None,
    *,
    opset: int = 17,
    domains: Sequence[str] = (),
) -> ModelProto:
    """The classifier with more after its scores, `s` [N, 4]."""
    nodes, stored = nets.cnn_parts()
    for each in nodes:
        each.output[0] = "s" if each.output[0] == "scores_out" else f"net/{each.output[0]}"
        each.name = f"net/{each.name}"
        each.input[0] = "x" if each.input[0] == "x" else f"net/{each.input[0]}"
    inputs = [info("x", ["N", 3, 8, 8])]
    return nets.model(
        [*nodes, *tail],
        inputs,
        outputs or [info("y", ["N", 4])],
        stored | CONSTANTS,
        opset=opset,
        domains=domains,
    )


@dataclass(frozen=True)
class Tail:
    """What lies between the scores and the output, and what is explained.

    Attributes:
        nodes: each an operator, its inputs and its outputs.
        target: what is explained.
        said: what the note names.
        opset: of the model.
    """

    nodes: Sequence[tuple[str, str, str] | tuple[str, str, str, dict[str, object]]]
    target: str = "s"
    said: str = ""
    opset: int = 17

    def model(self) -> ModelProto:
        domains = {str(n[3]["domain"]) for n in self.nodes if len(n) > 3 and "domain" in n[3]}
        made = [node(n[0], n[1], n[2], **(n[3] if len(n) > 3 else {})) for n in self.nodes]
        return with_tail(made, opset=self.opset, domains=sorted(domains))


A1 = {"axis": 1}

R1 = {"axes": [1]}

MS = {"domain": "com.microsoft"}

SOFTMAX = ("Softmax", "s", "p", A1)

SHIFTED = [("ReduceMax", "s", "m", R1), ("Sub", "s m", "d"), ("Exp", "d", "e")]

QUANTISED = [("QuantizeLinear", "p fine byte", "q"), ("DequantizeLinear", "q fine byte", "y")]

SQUASHED = {
    "softmax": Tail([("Softmax", "s", "y", A1)], said="Softmax 'n_y'"),
    "softmax, quantised": Tail(
        [SOFTMAX, *QUANTISED], said="Softmax 'n_p' and QuantizeLinear 'n_q'"
    ),
    "softmax, clip": Tail([SOFTMAX, ("Clip", "p", "y")], said="Softmax 'n_p'"),
    "softmax, bounds": Tail([SOFTMAX, ("Clip", "p small one", "y")], said="Softmax 'n_p'"),
    "softmax, log": Tail([SOFTMAX, ("Log", "p", "y")], said="Softmax 'n_p'"),
    "softmax, log(p + eps)": Tail([SOFTMAX, ("Add", "small p", "a"), ("Log", "a", "y")]),
    "softmax, dropout": Tail([SOFTMAX, ("Dropout", "p", "y")], said="Softmax 'n_p'"),
    "softmax, factor": Tail([SOFTMAX, ("Mul", "two p", "y")], said="Softmax 'n_p'"),
    "softmax, quotient": Tail([SOFTMAX, ("Div", "p two", "y")], said="Softmax 'n_p'"),
    "softmax, there and back": Tail(
        [SOFTMAX, ("Unsqueeze", "p axis", "u"), ("Squeeze", "u axis", "y")]
    ),
    "softmax of a softmax": Tail([SOFTMAX, ("Softmax", "p", "y", A1)]),
    "log-softmax": Tail([("LogSoftmax", "s", "y", A1)], said="LogSoftmax 'n_y'"),
    "exp of a log-softmax": Tail([("LogSoftmax", "s", "l", A1), ("Exp", "l", "y")]),
    "softmax of shifted scores": Tail([*SHIFTED[:2], ("Softmax", "d", "y", A1)]),
    "softmax, temperature": Tail([("Div", "s two", "t"), ("Softmax", "t", "y", A1)], target="t"),
    "softmax, turned": Tail(
        [
            ("Transpose", "s", "t", {"perm": [1, 0]}),
            ("Softmax", "t", "p", {"axis": 0}),
            ("Transpose", "p", "y", {"perm": [1, 0]}),
        ]
    ),
    "exp / sum": Tail(
        [("Exp", "s", "e"), ("ReduceSum", "e axis", "z"), ("Div", "e z", "y")],
        said="a Softmax that ends in Div 'n_y'",
    ),
    "shifted exp / sum": Tail([*SHIFTED, ("ReduceSum", "e axis", "z"), ("Div", "e z", "y")]),
    "exp / (sum + eps)": Tail(
        [*SHIFTED, ("ReduceSum", "e axis", "z"), ("Add", "z small", "w"), ("Div", "e w", "y")]
    ),
    "exp * (1 / sum)": Tail(
        [*SHIFTED, ("ReduceSum", "e axis", "z"), ("Reciprocal", "z", "w"), ("Mul", "w e", "y")]
    ),
    "exp / L1": Tail([("Exp", "s", "e"), ("ReduceL1", "e", "z", R1), ("Div", "e z", "y")]),
    "exp, normalised": Tail([("Exp", "s", "e"), ("LpNormalization", "e", "y", {**A1, "p": 1})]),
    "exp / sum, temperature": Tail(
        [
            ("Div", "s two", "t"),
            ("Exp", "t", "e"),
            ("ReduceSum", "e axis", "z"),
            ("Div", "e z", "y"),
        ],
        target="t",
    ),
    "exp / sum, quantised": Tail(
        [("Exp", "s", "e"), ("ReduceSum", "e axis", "z"), ("Div", "e z", "p"), *QUANTISED]
    ),
    "s - log-sum-exp": Tail(
        [("ReduceLogSumExp", "s", "z", R1), ("Sub", "s z", "y")],
        said="a LogSoftmax that ends in Sub 'n_y'",
    ),
    "shifted - log(sum(exp))": Tail(
        [*SHIFTED, ("ReduceSum", "e axis", "z"), ("Log", "z", "w"), ("Sub", "d w", "y")]
    ),
    "exp / sum, opset 11": Tail(
        [("Exp", "s", "e"), ("ReduceSum", "e", "z", R1), ("Div", "e z", "y")], opset=11
    ),
    "sigmoid": Tail([("Sigmoid", "s", "y")], said="Sigmoid 'n_y'"),
    "hard sigmoid": Tail([("HardSigmoid", "s", "y")], said="HardSigmoid 'n_y'"),
    "tanh": Tail([("Tanh", "s", "y")], said="Tanh 'n_y'"),
    "log(sigmoid)": Tail([("Sigmoid", "s", "p"), ("Log", "p", "y")]),
    "1 / (1 + exp(-s))": Tail(
        [("Neg", "s", "n"), ("Exp", "n", "e"), ("Add", "e one", "a"), ("Div", "one a", "y")],
        said="a Sigmoid that ends in Div 'n_y'",
    ),
    "reciprocal of 1 + exp(-s)": Tail(
        [("Neg", "s", "n"), ("Exp", "n", "e"), ("Add", "one e", "a"), ("Reciprocal", "a", "y")]
    ),
    "exp / (1 + exp)": Tail([("Exp", "s", "e"), ("Add", "e one", "a"), ("Div", "e a", "y")]),
    "-softplus(-s)": Tail([("Neg", "s", "n"), ("Softplus", "n", "l"), ("Neg", "l", "y")]),
    "sigmoid in two branches": Tail(
        [
            ("GreaterOrEqual", "s nought", "c"),
            ("Neg", "s", "n"),
            ("Exp", "n", "en"),
            ("Add", "one en", "an"),
            ("Div", "one an", "above"),
            ("Exp", "s", "ep"),
            ("Add", "one ep", "ap"),
            ("Div", "ep ap", "below"),
            ("Where", "c above below", "y"),
        ]
    ),
    "tanh by exp": Tail(
        [
            ("Exp", "s", "a"),
            ("Neg", "s", "n"),
            ("Exp", "n", "b"),
            ("Sub", "a b", "c"),
            ("Add", "a b", "d"),
            ("Div", "c d", "y"),
        ],
        said="a Tanh that ends in Div 'n_y'",
    ),
    "quantised scores": Tail(
        [
            ("QuantizeLinear", "s coarse middle", "q"),
            ("DequantizeLinear", "q coarse middle", "y"),
        ],
        said="QuantizeLinear 'n_q'",
    ),
    "quantised before and behind": Tail(
        [
            ("QuantizeLinear", "s coarse middle", "qs"),
            ("DequantizeLinear", "qs coarse middle", "d"),
            ("Softmax", "d", "p", A1),
            *QUANTISED,
        ]
    ),
    "QLinearSoftmax": Tail(
        [
            ("QuantizeLinear", "s coarse middle", "qs"),
            ("QLinearSoftmax", "qs coarse middle fine byte", "q", {**A1, **MS, "opset": 13}),
            ("DequantizeLinear", "q fine byte", "y"),
        ],
        said="com.microsoft.QLinearSoftmax 'n_q'",
    ),
    "QLinearSigmoid": Tail(
        [
            ("QuantizeLinear", "s coarse middle", "qs"),
            ("QLinearSigmoid", "qs coarse middle fine byte", "q", MS),
            ("DequantizeLinear", "q fine byte", "y"),
        ],
    ),
}


def confident(model: ModelProto, factor: float = 400.0) -> ModelProto:
    """The same with scores so far apart that their Softmax is 0 or 1 in float32."""
    for stored in model.graph.initializer:
        if stored.name in ("w3", "b3"):
            values = numpy_helper.to_array(stored) * np.float32(factor)
            stored.CopyFrom(numpy_helper.from_array(values, stored.name))
    return model


PICTURES = np.random.default_rng(3).standard_normal((2, 3, 8, 8)).astype(np.float32)
