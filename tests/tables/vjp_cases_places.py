"""Cases of what is gathered, scattered, multiplied or dropped, by every operand."""

from __future__ import annotations

import numpy as np

from support.vjp_case import Case, case

ZEROS = np.array([[0.0, 1.5, 0.0], [-0.5, 0.0, 2.0], [0.0, 0.7, 1.1], [1.3, -0.9, 0.4]])
"""Updates of which none, one or several at a place are 0."""
TIES = np.array([[1.0, 2.0, -1.0], [1.0, 0.5, 3.0], [2.0, 2.0, 3.0], [2.0, 2.0, 0.25]])

GATHERING: list[Case] = [
    case(
        "Gather of a table that is fed",
        "y = Gather(x, i)",
        x="5,3",
        i="int64 2,4",
        values={"i": np.array([[0, 3, -1, 3], [4, 0, 0, -5]])},
    ),
    case(
        "Gather by a scalar that is fed",
        "y = Gather<axis=-1>(x, i)",
        x="N,2,4",
        i="int32 ",
        values={"i": np.array(-3, np.int32)},
    ),
    case(
        "GatherElements repeated and negative",
        "y = GatherElements<axis=-2>(x, i)",
        x="2,4,3",
        i=np.array([[[0, -1, 2], [0, -1, 2]], [[3, 3, -4], [0, 0, 0]]]),
    ),
    case(
        "GatherND batch_dims=1",
        "y = GatherND<batch_dims=1>(x, i)",
        x="2,4,3",
        i=np.array([[[0], [2], [0]], [[-1], [3], [3]]]),
    ),
    case(
        "GatherND batch_dims=2 of elements",
        "y = GatherND<batch_dims=2>(x, i)",
        x="2,3,4",
        i=np.array([[[1], [0], [-1]], [[2], [2], [3]]]),
    ),
    case(
        "GatherND batch_dims=1, open sizes and fed indices",
        "y = GatherND<batch_dims=1>(x, i)",
        x="3,H,3",
        i="int64 3,2,2",
        values={"i": np.array([[[0, 1], [0, 1]], [[6, 2], [2, 0]], [[1, 1], [5, 2]]])},
        canonical="the reference reads one element too few",
    ),
]

SCATTERING: list[Case] = [
    *[
        case(
            f"Scatter{kind} {reduction} with places twice",
            f'y = Scatter{kind}<reduction="{reduction}">(x, i, u)',
            x="5,3",
            u="4,3",
            i=np.array(index),
            opset=18,
        )
        for reduction in ("add", "mul", "max", "min")
        for kind, index in (
            ("ND", [[1], [3], [1], [-4]]),
            ("Elements", [[1, 0, 4], [1, -5, 2], [1, 3, 4], [0, 0, -1]]),
        )
    ],
    *[
        case(
            f"ScatterElements {reduction} along the last axis of a narrow part",
            f'y = ScatterElements<axis=-1, reduction="{reduction}">(x, i, u)',
            x="3,4",
            u="2,3",
            i=np.array([[1, 0, 1], [-1, 3, -1]]),
        )
        for reduction in ("add", "mul", "max")
    ],
    case(
        "ScatterElements of a narrow part, fed indices",
        "y = ScatterElements<axis=-2>(x, i, u)",
        x="H,3",
        u="2,2",
        i="int32 2,2",
        values={"i": np.array([[6, 0], [-3, 2]], np.int32)},
    ),
    *[
        case(
            f"Scatter{kind} mul by zeros",
            f'y = Scatter{kind}<reduction="mul">(x, i, u)',
            x="3,3",
            u="4,3",
            i=np.array(index),
            values={"u": ZEROS},
        )
        for kind, index in (
            ("ND", [[1], [1], [0], [1]]),
            ("Elements", [[1, 0, 0], [1, 0, 2], [0, 1, 2], [1, 1, 0]]),
        )
    ],
    case(
        "ScatterND mul of single elements",
        'y = ScatterND<reduction="mul">(x, i, u)',
        x="3,4",
        u="2,2",
        i=np.array([[[0, 1], [2, -1]], [[0, 1], [1, 0]]]),
    ),
    case(
        "ScatterND max over open sizes",
        'y = ScatterND<reduction="max">(x, i, u)',
        x="H,W",
        u="3,W",
        i=np.array([[5], [0], [5]]),
    ),
    case(
        "ScatterND none, fed indices",
        "y = ScatterND(x, i, u)",
        x="H,2,3",
        u="2,3",
        i="int64 2,2",
        values={"i": np.array([[6, 1], [-2, 0]])},
    ),
]

SUMMING: list[Case] = [
    *[
        case(
            f"Einsum {equation}, {' and '.join(terms)}",
            f'y = Einsum<equation="{equation}">({", ".join("abc"[: len(terms)])})',
            sizes={"H": 3, "W": 4},
            **dict(zip("abc", terms, strict=False)),
        )
        for equation, terms in (
            ("...ij,...jk->...ik", ("2,3,4", "2,4,5")),
            ("...ij,jk->...ik", ("2,6,3,4", "4,5")),
            ("...ij,...jk", ("2,1,3,4", "1,3,4,5")),
            ("i...,...j->j...i", ("3,1,2", "4,2,5")),
            ("...->...", ("2,3",)),
            ("...i->...", ("2,3,4",)),
            ("...ij->...ji", ("N,H,W,2",)),
            ("...ij,...jk->...ik", ("N,3,4", "N,4,2")),
            ("...ij,...jk->...ik", ("N,2,3,4", "1,2,4,5")),
            ("n...i,...i->n...", ("N,2,3", "2,3")),
            ("ii->i", ("4,4",)),
            ("ii->", ("4,4",)),
            ("bii->bi", ("2,3,3",)),
            ("iij,jk->ik", ("3,3,4", "4,2")),
            ("iii->i", ("3,3,3",)),
            ("ij,ij->", ("2,3", "2,3")),
            ("i,j->ij", ("3", "4")),
            (",ij->ji", ("", "2,3")),
            ("ab,bc,cd->ad", ("2,3", "3,4", "4,2")),
            ("ij,jk->k", ("2,3", "3,4")),
            ("hw,wh->hw", ("H,W", "W,H")),
        )
    ],
    *[
        case(
            f"Einsum {equation}, the ellipsis summed",
            f'y = Einsum<equation="{equation}">(a, b)',
            a=a,
            b=b,
            no_runtime="it asks for an ellipsis in the output too",
        )
        for equation, a, b in (
            ("b...,b...->b", "3,2,4", "3,2,4"),
            ("bhi...,h...->b", "2,3,4,5", "3,5"),
        )
    ],
    case("Einsum of an operand by itself", 'y = Einsum<equation="ij,kj->ik">(a, a)', a="3,4"),
    case(
        "Einsum whole words of many letters",
        'y = Einsum<equation="Abz,Zb->ZA">(a, b)',
        a="2,3,4",
        b="5,3",
    ),
]

PRODUCTS: list[Case] = [
    case("Gemm of a matrix by itself", "y = Gemm<transB=1>(a, a)", a="3,4"),
    case(
        "Gemm by its parameters", "y = Gemm<alpha=0.5, beta=2.0>(x, w, c)", x="N,3", w="3,4", c="4"
    ),
    case(
        "Gemm C of open sizes",
        "y = Gemm<transA=1>(a, b, c)",
        a="1,H",
        b="1,W",
        c="D,C",
        sizes={"D": 1, "C": 6},
    ),
    case(
        "Gemm C of open sizes, whole",
        "y = Gemm(a, b, c)",
        a="H,2",
        b="2,W",
        c="D,C",
        sizes={"D": 7, "C": 1},
    ),
    case("Gemm with beta 0", "y = Gemm<beta=0.0>(a, b, c)", a="2,3", b="3,4", c="1,4"),
    case("MatMul of a matrix by itself", "y = MatMul(a, a)", a="N,3,3"),
    *[
        case(f"MatMul open {name}", "y = MatMul(a, b)", a=a, b=b, sizes=sizes)
        for name, a, b, sizes in (
            ("batches of other names", "D,3,4", "C,4,2", {"D": 1, "C": 5}),
            ("batches of other names, reversed", "D,3,4", "C,4,2", {"D": 5, "C": 1}),
            ("batch of lower rank", "D,3,4", "2,C,4,2", {"D": 1, "C": 3}),
            ("vector and batch", "H", "N,H,2", {}),
            ("matrices", "H,W", "W,D", {}),
        )
    ],
    case("PRelu by its slope", "y = PRelu(x, s)", x="N,3,4", s="3,1"),
    case("PRelu by one slope", "y = PRelu(x, s)", x="N,3,4", s="1"),
    case("PRelu by a slope of the whole", "y = PRelu(x, s)", x="N,3,4", s="N,3,4"),
    case("PRelu by a slope of open sizes", "y = PRelu(x, s)", x="N,H,W", s="D,W", sizes={"D": 1}),
    case(
        "Expand of open sizes",
        "y = Expand(x, k)",
        x="D,H,4",
        k=[3, 5, 4],
        sizes={"D": 3, "H": 1},
    ),
    case("Expand of an open vector", "y = Expand(x, k)", x="H", k=[5], sizes={"H": 1}),
    case(
        "Expand to a shape that is fed",
        "y = Expand(x, k)",
        x="H,1",
        k="int64 3",
        values={"k": np.array([2, 7, 3])},
    ),
]

DROPPING: list[Case] = [
    case(
        "Dropout in training keeps all at ratio 0",
        "h, k = Dropout(x, r, t) y = Sin(h)",
        x="N,3,4",
        r=np.array(0.0, np.float32),
        t=np.array(True),
    ),
    case(
        "Dropout in training",
        "h, k = Dropout<seed=7>(x, r, t) y = Sin(h)",
        x="3,4,5",
        r=np.array(0.25, np.float32),
        t=np.array(True),
        no_runtime="it draws other numbers, and others each time",
    ),
    *[
        case(
            f"Dropout told at run time {training}",
            "h, k = Dropout<seed=3>(x, r, t) y = Sin(h)",
            x="3,4,5",
            r="float ",
            t="bool ",
            values={"r": np.array(0.4, np.float32), "t": np.array(training)},
            no_runtime="it draws other numbers, and others each time" if training else "",
        )
        for training in (True, False)
    ],
]

TYING: list[Case] = [
    *[
        case(
            f"{op} of the same input {count} times",
            f"h = Sin(x) y = {op}({', '.join('h' * count)})",
            x="N,3,4",
        )
        for op in ("Sum", "Mean", "Max", "Min")
        for count in (1, 2, 3)
    ],
    case("Concat of one", "h = Concat<axis=1>(x) y = Sin(h)", x="N,3"),
    case("Concat of the same input twice", "y = Concat<axis=-1>(x, x)", x="N,3"),
    *[
        case(f"{op} axis {axis}", f"y = {op}<axis={axis}>(x)", x="2,3,4")
        for op in ("Softmax", "LogSoftmax")
        for axis in (0, -3, 2)
    ],
    case("Softmax of open sizes", "y = Softmax<axis=-2>(x)", x="N,H,W"),
]

CASES = [*GATHERING, *SCATTERING, *SUMMING, *PRODUCTS, *DROPPING, *TYING]
