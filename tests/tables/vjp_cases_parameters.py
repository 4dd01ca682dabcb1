"""Cases of derivatives by parameters: weights, biases, scales that are computed or fed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from support.vjp_case import Case, case
from tables.vjp_cases_more import NORMALISING
from tables.vjp_cases_window import CONVOLUTIONS, NORMALISATIONS


def parameters_too(given: Case) -> Case:
    """The case with its random constants as inputs, so that they are explained as well."""
    drawn = {k: v for k, v in given.constants.items() if isinstance(v, tuple)}
    fed = {k: ("", tuple(str(d) for d in shape)) for k, shape in drawn.items()}
    return replace(
        given,
        name=f"{given.name}, by its parameters",
        inputs={**given.inputs, **fed},
        constants={k: v for k, v in given.constants.items() if k not in drawn},
    )


VARIANCES = {"v": np.array([0.5, 1.25, 2.0])}
STATISTICS = {"s": "3", "b": "3", "m": "3", "v": "3"}
TRAINED = "BatchNormalization<training_mode=1, momentum=0.7, epsilon=0.1>"
STORED = "d = Sin(m) e = Exp(v)"
"""ONNX Runtime writes the running statistics over those stored, even over a caller's array."""

CONVOLVING: list[Case] = [
    *[parameters_too(given) for given in CONVOLUTIONS],
    case(
        "Conv grouped dilated by its parameters, open sizes",
        "y = Conv<group=2, dilations=[2,1], strides=[1,2], pads=[1,0,2,1]>(x, w, b)",
        x="N,4,H,W",
        w="6,2,2,3",
        b="6",
    ),
    case(
        "Conv grouped 1-D by its parameters",
        "y = Conv<group=3, strides=[2], dilations=[3]>(x, w)",
        x="N,3,L",
        w="6,1,3",
    ),
    case(
        "Conv depthwise 3-D by its parameters",
        "y = Conv<group=2, strides=[2,1,1], pads=[1,1,0,0,1,1]>(x, w)",
        x="N,2,4,3,5",
        w="2,1,2,3,2",
    ),
    case(
        "Conv by its bias only",
        "b = ReduceMean<keepdims=0>(x, a) y = Conv(c, w, b)",
        x="5,4",
        a=[0],
        c=(2, 3, 5, 5),
        w=(4, 3, 3, 3),
    ),
    case(
        "Conv of a filter that the input makes",
        "f = Flatten(x) g = MatMul(f, p) w = Reshape(g, d) y = Conv<kernel_shape=[3,3]>(x, w)",
        x="1,2,5,4",
        p=(40, 54),
        d=[3, 2, 3, 3],
    ),
    case(
        "Conv of a filter for each item",
        "w = Reshape(f, d) p = Reshape(x, k) c = Conv<group=3, pads=[1,1,1,1]>(p, w) "
        "y = Reshape(c, r)",
        x="3,2,5,4",
        f="3,54",
        d=[9, 2, 3, 3],
        k=[1, 6, 5, 4],
        r=[3, 3, 5, 4],
    ),
    case(
        "Conv of a modulated and normalised weight",
        "t = Reshape(s, d) m = Mul(w, t) q = ReduceSumSquare(m, a) e = Add(q, l) r = Sqrt(e) "
        "n = Div(m, r) k = Reshape(n, j) p = Reshape(x, g) y = Conv<group=2>(p, k)",
        x="2,3,5,4",
        s="2,3",
        w="1,4,3,2,2",
        d=[2, 1, 3, 1, 1],
        a=[2, 3, 4],
        l=[0.1],
        j=[8, 3, 2, 2],
        g=[1, 6, 5, 4],
    ),
    case(
        "ConvTranspose grouped by its parameters, open sizes",
        "y = ConvTranspose<group=2, strides=[2,1], dilations=[1,2], pads=[1,1,1,1]>(x, w, b)",
        x="N,4,H,W",
        w="4,3,3,2",
        b="6",
    ),
    case(
        "ConvTranspose output_shape by its parameters",
        "y = ConvTranspose<strides=[3,2], output_shape=[11,8]>(x, w, b)",
        x="N,2,4,4",
        w="2,3,2,3",
        b="3",
    ),
]

NORMALISING_TOO: list[Case] = [
    *[parameters_too(given) for given in NORMALISATIONS if "LRN" not in given.name],
    *[parameters_too(given) for given in NORMALISING if "Lp" not in given.name],
    *[
        case(
            f"BatchNormalization by its statistics, {name}",
            "y = BatchNormalization<epsilon=0.1>(x, s, b, m, v)",
            x=x,
            values=VARIANCES,
            **STATISTICS,
        )
        for name, x in (("2-D", "N,3,4,5"), ("vectors", "N,3"), ("open sizes", "N,3,H,W"))
    ],
    *[
        case(
            f"BatchNormalization in training, {name}",
            f"y, p, q = {TRAINED}(x, s, b, m, v)",
            x=x,
            s="3",
            b="3",
            m=(3,),
            v=[0.5, 1.25, 2.0],
        )
        for name, x in (("2-D", "4,3,2,3"), ("vectors", "5,3"), ("open sizes", "N,3,H,W"))
    ],
    case(
        "BatchNormalization in training with running statistics",
        f"{STORED} n, p, q = {TRAINED}(x, s, b, d, e) t = Reshape(p, k) u = Reshape(q, k) "
        "w = Mul(n, t) y = Div(w, u)",
        x="4,3,2,3",
        k=[1, 3, 1, 1],
        values=VARIANCES,
        **STATISTICS,
    ),
    case(
        "BatchNormalization by running statistics only",
        f"{STORED} n, p, q = {TRAINED}(x, s, b, d, e) y = Div(p, q)",
        x="4,3,2,3",
        m="3",
        v="3",
        s=(3,),
        b=(3,),
        values=VARIANCES,
    ),
    case(
        "InstanceNormalization of a style",
        "n = InstanceNormalization(x, s, b) y = Sin(n)",
        x="N,3,4,2",
        s="3",
        b="3",
    ),
    case(
        "InstanceNormalization of a style for each item",
        "n = InstanceNormalization(x, o, z) m = Mul(n, s) y = Add(m, b)",
        x="N,3,4,2",
        s="N,3,1,1",
        b="N,3,1,1",
        o=[1.0, 1.0, 1.0],
        z=[0.0, 0.0, 0.0],
    ),
    case(
        "LayerNormalization of a scale for each item",
        "y = LayerNormalization(x, s, b)",
        x="N,3,4",
        s="N,1,4",
        b="N,1,4",
    ),
    case(
        "LayerNormalization with mean and deviation",
        "n, m, i = LayerNormalization<axis=1, epsilon=0.1>(x, s) c = Cast<to=TYPE>(m) "
        "d = Cast<to=TYPE>(i) a = Mul(n, c) y = Div(a, d)",
        x="N,3,4",
        s=(3, 4),
    ),
    case(
        "LayerNormalization by its deviation only",
        "n, m, i = LayerNormalization<epsilon=0.1>(x, s) c = Cast<to=TYPE>(i) y = Sin(c)",
        x="N,3,4",
        s=(4,),
    ),
]

CASES = [*CONVOLVING, *NORMALISING_TOO]
