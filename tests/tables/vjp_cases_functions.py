"""Cases of operators that ONNX defines as functions."""

from __future__ import annotations

from support.vjp_case import Case, case

NEWER = "ONNX Runtime (1.31.1) takes models up to opset 26"
NO_SINGLE = "its function body splits the axis that it has squeezed, where there is one picture"
NO_CORNER = "its function body divides 0 by 0, or takes the first corner, unlike its kernel"

LABELS = [[0, 2, 1, 2], [1, 1, 0, 2], [2, 0, 1, 0]]
SPARSE_LABELS = [[0, -1, 1, 2], [1, 1, -1, -1], [2, 0, -1, 0]]

GATES: list[Case] = [
    *[
        case(f"Swish {name}", f"y = Swish{attrs}(x)", x="N,3,4", opset=24, low=-6.0, high=6.0)
        for name, attrs in (("plain", ""), ("steep", "<alpha=1.702>"), ("turned", "<alpha=-0.5>"))
    ],
    case("SwiGLU", "y = SwiGLU(a, b)", a="N,3,4", b="N,3,4", opset=28, no_runtime=NEWER),
    case(
        "SwiGLU steep",
        "y = SwiGLU<alpha=1.702>(a, b)",
        a="N,H",
        b="N,H",
        opset=28,
        no_runtime=NEWER,
    ),
    case("SwiGLU of one", "y = SwiGLU(x, x)", x="N,3", opset=28, no_runtime=NEWER),
    case("Shrink", "y = Shrink(x)", x="N,3,4"),
    case("Shrink soft", "y = Shrink<lambd=0.75, bias=0.75>(x)", x="N,3,4"),
    case("Shrink-9", "y = Shrink<lambd=1.1, bias=-0.25>(x)", x="N,5", opset=9),
]

NORMALS: list[Case] = [
    *[
        case(
            f"MeanVarianceNormalization-{opset} {name}",
            f"y = MeanVarianceNormalization{attrs}(x)",
            x=shape,
            opset=opset,
        )
        for opset, name, attrs, shape in (
            (18, "over the batch", "", "3,2,3,4"),
            (13, "over the batch", "", "3,2,3,4"),
            (9, "over the batch", "", "3,2,3,4"),
            (18, "of an item's channel", "<axes=[2,3]>", "N,2,H,W"),
            (18, "of an item", "<axes=[1,2,3]>", "N,2,3,4"),
            (13, "of the last axis", "<axes=[-1]>", "N,2,5"),
        )
    ],
]

LOSSES: list[Case] = [
    *[
        case(
            f"NegativeLogLikelihoodLoss-{opset} {name}",
            f"y = NegativeLogLikelihoodLoss{attrs}(x, l{', w' if weighted else ''})",
            x="3,3,4",
            l="int64 3,4",
            values={"l": SPARSE_LABELS if "-1" in attrs else LABELS},
            opset=opset,
            **({"w": [0.5, 1.5, 2.0]} if weighted else {}),
        )
        for opset in (13, 22)
        for name, attrs, weighted in (
            ("none", '<reduction="none">', False),
            ("mean", "", False),
            ("sum", '<reduction="sum">', False),
            ("weighted none", '<reduction="none">', True),
            ("weighted mean", '<reduction="mean">', True),
            ("weighted sum", '<reduction="sum">', True),
            ("ignoring", '<reduction="none", ignore_index=-1>', False),
            ("ignoring mean", "<ignore_index=-1>", False),
            ("weighted, ignoring mean", "<ignore_index=-1>", True),
        )
    ],
    case(
        "NegativeLogLikelihoodLoss of a vector",
        'y = NegativeLogLikelihoodLoss<reduction="none">(x, l)',
        x="3,4",
        l="int64 3",
        values={"l": [3, 0, 2]},
        opset=13,
    ),
    *[
        case(
            f"SoftmaxCrossEntropyLoss {name}",
            f"y = SoftmaxCrossEntropyLoss{attrs}(x, l{', w' if weighted else ''})",
            x="3,3,4",
            l="int64 3,4",
            values={"l": SPARSE_LABELS if "-1" in attrs else LABELS},
            opset=13,
            **({"w": [0.5, 1.5, 2.0]} if weighted else {}),
        )
        for name, attrs, weighted in (
            ("none", '<reduction="none">', False),
            ("mean", "", False),
            ("sum", '<reduction="sum">', False),
            ("weighted none", '<reduction="none">', True),
            ("weighted mean", "", True),
            ("ignoring", "<ignore_index=-1>", False),
            ("weighted, ignoring", "<ignore_index=-1>", True),
        )
    ],
    case(
        "SoftmaxCrossEntropyLoss log probabilities",
        "loss, y = SoftmaxCrossEntropyLoss(x, l)",
        x="3,3,4",
        l="int64 3,4",
        values={"l": LABELS},
        opset=13,
    ),
    case(
        "SoftmaxCrossEntropyLoss both outputs",
        "loss, logs = SoftmaxCrossEntropyLoss(x, l) y = Mul(loss, logs)",
        x="3,4",
        l="int64 3",
        values={"l": [3, 0, 2]},
        opset=13,
    ),
]

SHAPES: list[Case] = [
    *[
        case(
            f"AffineGrid {name}",
            f"y = AffineGrid{attrs}(x, s)",
            x=theta,
            s=size,
            opset=20,
            no_float16=no_float16,
        )
        for name, attrs, theta, size, no_float16 in (
            ("of pictures", "", "3,2,3", [3, 1, 4, 5], ""),
            ("of one picture", "", "1,2,3", [1, 4, 3, 1], NO_SINGLE),
            ("to the corners", "<align_corners=1>", "3,2,3", [3, 1, 4, 5], ""),
            ("to a corner", "<align_corners=1>", "3,2,3", [3, 1, 1, 2], NO_CORNER),
            ("of a row to a corner", "<align_corners=1>", "3,2,3", [3, 1, 4, 1], NO_CORNER),
            ("of volumes", "", "2,3,4", [2, 1, 2, 3, 4], ""),
            ("of volumes to the corners", "<align_corners=1>", "2,3,4", [2, 1, 2, 3, 4], ""),
            ("of layers to a corner", "<align_corners=1>", "2,3,4", [2, 1, 1, 3, 4], NO_CORNER),
        )
    ],
    case(
        "AffineGrid of open sizes",
        "b = Shape<start=0,end=1>(x) s = Concat<axis=0>(b, k) y = AffineGrid(x, s)",
        x="N,2,3",
        k="int64 3",
        values={"k": [1, 3, 4]},
        opset=20,
        no_float16=NO_SINGLE,
    ),
    *[
        case(f"CenterCropPad {name}", f"y = CenterCropPad{attrs}(x, s)", x=shape, s=size)
        for name, attrs, shape, size in (
            ("crops", "", "2,5,6", [2, 4, 3]),
            ("pads", "", "2,5,6", [2, 8, 7]),
            ("crops and pads", "<axes=[1,2]>", "N,5,6", [3, 9]),
            ("axes from the back, unordered", "<axes=[-1,-2]>", "N,2,5,6", [7, 2]),
            ("an open axis", "<axes=[2]>", "N,2,L", [5]),
        )
    ],
]

CASES: list[Case] = [*GATES, *NORMALS, *LOSSES, *SHAPES]
