"""Cases of RNN, GRU and LSTM. The batch is no leading axis in them, so the items are not split.

Finite differences run through tests/tables/definitions_recurrent.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from support.vjp_case import Case, case

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
HIDDEN = 3
SIZES = {"L": 5, "N": 3}
LENGTHS = np.array([4, 1, 5], np.int32)
WITH_EMPTY = np.array([2, 0, 4], np.int32)
NO_LAYOUT = "it has no layout 1"
OUTPUTS = {
    "RNN": ("p, q", "r = Mul(p, q) y = Add(r, q)"),
    "GRU": ("p, q", "r = Mul(p, q) y = Add(r, q)"),
    "LSTM": ("p, q, s", "r = Mul(p, q) t = Add(r, q) y = Sub(t, s)"),
}
"""All outputs in one y, and what makes it."""


def layer(op: str, name: str, *, attrs: str = "", **rest: Any) -> Case:
    """A layer over an open length and batch, all of whose outputs count.

    Its inputs are named by what is given: B, P (constants or inputs), lengths, h and c (initial
    states, "2,N,3"). The weights are W and R, constants unless they are given.
    """
    directions = 2 if "bidirectional" in attrs else 1
    gates = GATES[op] * HIDDEN
    given = {
        "x": "L,N,4",
        "W": (directions, gates, 4),
        "R": (directions, gates, HIDDEN),
        **rest,
    }
    if "lengths" in rest:
        given["lengths"] = "int32 N"
        given["values"] = {"lengths": rest["lengths"], **rest.get("values", {})}
    known = [key if key in given else "" for key in ("B", "lengths", "h", "c", "P")]
    inputs = ", ".join(["x", "W", "R", *known[: 5 if op == "LSTM" else 3]]).rstrip(", ")
    outputs, end = OUTPUTS[op]
    body = rest.get("body", f"{outputs} = {op}<hidden_size={HIDDEN}{attrs}>({inputs}) {end}")
    given.pop("body", None)
    given.setdefault("sizes", SIZES)
    return case(f"{op} {name}", body, **given)


def bias(op: str, directions: int = 1) -> tuple[int, int]:
    return directions, 2 * GATES[op] * HIDDEN


BACKWARDS = ', direction="reverse"'
BOTH = ', direction="bidirectional"'

FORMS = [
    row
    for op in GATES
    for row in (
        layer(op, "plain"),
        layer(op, "of opset 7", opset=7),
        layer(op, "of opset 14", opset=14, B=bias(op)),
        layer(op, "of opset 22", opset=22, B=bias(op)),
        layer(op, "backwards", attrs=BACKWARDS, B=bias(op)),
        layer(op, "both ways", attrs=BOTH, B=bias(op, 2)),
        layer(op, "with lengths", lengths=LENGTHS, B=bias(op), h="1,N,3"),
        layer(op, "backwards with lengths", attrs=BACKWARDS, lengths=LENGTHS, h="1,N,3"),
        layer(op, "both ways with lengths", attrs=BOTH, lengths=LENGTHS, h="2,N,3"),
        layer(op, "clipped", attrs=", clip=0.6", B=bias(op)),
        layer(op, "of one step", x="1,N,4", B=bias(op), h="1,N,3"),
        layer(op, "of one item", x="L,1,4", B=bias(op), h="1,1,3"),
        layer(
            op,
            "of computed weights",
            attrs=BOTH,
            W=f"2,{GATES[op] * HIDDEN},4",
            R=f"2,{GATES[op] * HIDDEN},3",
            B=f"2,{2 * GATES[op] * HIDDEN}",
            h="2,N,3",
        ),
        layer(op, "of Y alone", body=f"y = {op}<hidden_size=3>(x, W, R)"),
        layer(
            op,
            "of Y_h alone",
            attrs=BOTH,
            lengths=LENGTHS,
            body=f', y = {op}<hidden_size=3, direction="bidirectional">(x, W, R, , lengths)',
        ),
    )
]

ONE_ACTIVATION = [
    ("Relu", ""),
    ("Sigmoid", ""),
    ("Affine", ", activation_alpha=[0.4], activation_beta=[0.1]"),
    ("LeakyRelu", ", activation_alpha=[0.2]"),
    ("ThresholdedRelu", ", activation_alpha=[0.3]"),
    ("ScaledTanh", ", activation_alpha=[0.8], activation_beta=[0.6]"),
    ("HardSigmoid", ", activation_alpha=[0.3], activation_beta=[0.4]"),
    ("Elu", ", activation_alpha=[0.7]"),
    ("Softsign", ""),
    ("Softplus", ""),
]

ACTIVATIONS = [
    *(
        layer("RNN", f"with {name}", attrs=f', activations=["{name}"]{values}', low=-1, high=1)
        for name, values in ONE_ACTIVATION
    ),
    *(
        layer("GRU", f"with {name}", attrs=f', activations=["Sigmoid", "{name}"]{values}')
        for name, values in ONE_ACTIVATION
    ),
    *(
        layer("LSTM", f"with {name}", attrs=f', activations=["Sigmoid", "Tanh", "{name}"]{values}')
        for name, values in ONE_ACTIVATION
    ),
    layer("GRU", "with HardSigmoid gates", attrs=', activations=["HardSigmoid", "Softsign"]'),
    layer("LSTM", "with Keras's gates", attrs=', activations=["HardSigmoid", "Relu", "LeakyRelu"]'),
    layer(
        "LSTM",
        "with values for some",
        attrs=BOTH
        + ', activations=["Sigmoid", "LeakyRelu", "Tanh", "HardSigmoid", "Elu", "Affine"]'
        + ", activation_alpha=[0.2, 0.3, 0.6, 0.5], activation_beta=[0.4, 0.1]",
    ),
    layer(
        "RNN",
        "with a function each way",
        attrs=BOTH + ', activations=["LeakyRelu", "Elu"], activation_alpha=[0.2, 0.6]',
        values={},
    ),
    layer("GRU", "with small letters", attrs=', activations=["sigmoid", "relu"]'),
]

PARTS = [
    layer("GRU", "linear before reset", attrs=", linear_before_reset=1", B=bias("GRU")),
    layer("GRU", "linear before reset without bias", attrs=", linear_before_reset=1"),
    layer(
        "GRU",
        "linear before reset, everything",
        attrs=BOTH + ", linear_before_reset=1, clip=0.9",
        lengths=LENGTHS,
        B="2,18",
        h="2,N,3",
    ),
    layer("LSTM", "with initial states", B=bias("LSTM"), h="1,N,3", c="1,N,3"),
    layer("LSTM", "with an initial cell", c="1,N,3"),
    layer("LSTM", "with peepholes", P=(1, 9), c="1,N,3"),
    layer("LSTM", "with computed peepholes", attrs=BOTH, P="2,9", c="2,N,3"),
    layer("LSTM", "with coupled gates", attrs=", input_forget=1", B=bias("LSTM"), c="1,N,3"),
    layer(
        "LSTM",
        "everything",
        attrs=BOTH + ", clip=1.1, input_forget=1",
        B="2,24",
        P="2,9",
        h="2,N,3",
        c="2,N,3",
        lengths=LENGTHS,
    ),
    layer("LSTM", "of Y_c alone", h="1,N,3", body=", , y = LSTM<hidden_size=3>(x, W, R, , , h)"),
    layer("LSTM", "with an empty item", attrs=BOTH, lengths=WITH_EMPTY, h="2,N,3", c="2,N,3"),
    layer("GRU", "with an empty item", attrs=BOTH, lengths=WITH_EMPTY, h="2,N,3"),
]

BATCH_FIRST = [
    layer(
        op,
        f"batch first, of opset {opset}",
        attrs=BOTH,
        body=(
            f'p, q = {op}<hidden_size=3, layout=1, direction="bidirectional">'
            "(x, W, R, B, lengths, h) r = Unsqueeze(q, one) y = Mul(p, r)"
        ),
        opset=opset,
        x="3,L,4",
        B=bias(op, 2),
        h="3,2,3",
        lengths=LENGTHS,
        one=[1],
        no_runtime=NO_LAYOUT,
    )
    for op, opset in (("RNN", 14), ("GRU", 14), ("LSTM", 14), ("LSTM", 22))
]

CASES: list[Case] = [*FORMS, *ACTIVATIONS, *PARTS, *BATCH_FIRST]
