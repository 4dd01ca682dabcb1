"""Cases of normalisations, picked elements, sums of products and rare functions."""

from __future__ import annotations

import numpy as np

from support.vjp_case import Case, case

NORMALISING: list[Case] = [
    case("LayerNormalization", "y = LayerNormalization(x, s, b)", x="N,3,5", s=(5,), b=(5,)),
    case(
        "LayerNormalization without bias",
        "y = LayerNormalization<axis=-1>(x, s)",
        x="N,H,5",
        s=(5,),
    ),
    case(
        "LayerNormalization of three axes",
        "y = LayerNormalization<axis=1, epsilon=0.01>(x, s, b)",
        x="N,3,4,2",
        s=(3, 4, 2),
        b=(3, 4, 2),
    ),
    case(
        "LayerNormalization of a narrow scale",
        "y = LayerNormalization<axis=2>(x, s)",
        x="N,3,4,2",
        s=(4, 1),
    ),
    *[
        case(
            f"GroupNormalization opset {opset}, {name}",
            "y = GroupNormalization<num_groups=2, epsilon=0.01>(x, s, b)",
            x=x,
            s=(count,),
            b=(count,),
            opset=opset,
            canonical="the reference normalises in float32" if opset == 21 else "",
        )
        for opset, count in ((18, 2), (21, 6))
        for name, x in (("2-D", "N,6,3,2"), ("open", "N,6,H,W"), ("1-D", "N,6,5"))
    ],
    case(
        "GroupNormalization of single channels",
        "y = GroupNormalization<num_groups=4>(x, s, b)",
        x="N,4,3,5",
        s=(4,),
        b=(4,),
        opset=21,
        canonical="the reference normalises in float32",
    ),
    case(
        "RMSNormalization", "y = RMSNormalization<epsilon=0.01>(x, s)", x="N,3,5", s=(5,), opset=23
    ),
    case(
        "RMSNormalization of two axes",
        "y = RMSNormalization<axis=-2>(x, s)",
        x="N,3,5",
        s=(3, 5),
        opset=23,
    ),
    *[
        case(
            f"LpNormalization p={p} axis {axis}",
            f"y = LpNormalization<p={p}, axis={axis}>(x)",
            x="N,3,4",
            low=low,
        )
        for p, low in ((1, 0.2), (2, -2.0))
        for axis in (1, -1)
    ],
]

PICKING: list[Case] = [
    case("GatherND", "y = GatherND(x, i)", x="3,4,2", i=np.array([[0, 1], [2, 3], [0, 1]])),
    case(
        "GatherND of single elements",
        "y = GatherND(x, i)",
        x="3,4",
        i=np.array([[[0, 1]], [[2, -1]]]),
    ),
    case(
        "GatherND behind a Transpose",
        "t = Transpose<perm=[1,2,0]>(x) g = GatherND(t, i) y = Transpose<perm=[1,0]>(g)",
        x="3,4,2",
        i=np.array([[0, 1], [2, 0], [0, 1]]),
        many=False,
    ),
    case("ScatterND", "y = ScatterND(x, i, u)", x="4,3", u="2,3", i=np.array([[1], [3]])),
    case(
        "ScatterND add",
        'y = ScatterND<reduction="add">(x, i, u)',
        x="4,3",
        u="2,3",
        i=np.array([[1], [1]]),
    ),
    case(
        "ScatterElements",
        "y = ScatterElements<axis=1>(x, i, u)",
        x="2,4",
        u="2,2",
        i=np.array([[1, 0], [3, -2]]),
    ),
    case(
        "ScatterElements add",
        'y = ScatterElements<axis=0, reduction="add">(x, i, u)',
        x="3,2",
        u="2,2",
        i=np.array([[1, 0], [1, 2]]),
    ),
    case("TopK", "y, i = TopK(x, k)", x="N,3,6", k=[2]),
    case("TopK smallest along an axis", "y, i = TopK<axis=1, largest=0>(x, k)", x="N,5,3", k=[3]),
    case(
        "Compress", "y = Compress<axis=1>(x, c)", x="N,4,3", c=np.array([True, False, True, True])
    ),
    case(
        "Compress a short condition",
        "y = Compress<axis=-1>(x, c)",
        x="N,4,3",
        c=np.array([False, True]),
    ),
    case(
        "Compress of all elements",
        "y = Compress(x, c)",
        x="2,3",
        c=np.array([True, False, False, True, True, False]),
    ),
    case(
        "Slice by int32 numbers",
        "y = Slice(x, s, e, a, t)",
        x="N,3,7",
        s=np.array([5], np.int32),
        e=np.array([0], np.int32),
        a=np.array([2], np.int32),
        t=np.array([-2], np.int32),
    ),
]

SUMMING: list[Case] = [
    *[
        case(
            f"Einsum {equation}",
            f'y = Einsum<equation="{equation}">({", ".join("abc"[: len(terms)])})',
            **dict(zip("abc", terms, strict=False)),
        )
        for equation, terms in (
            ("nchw,dc->ndhw", ("N,3,4,2", "5,3")),
            ("ncp,ndp->ncd", ("N,3,4", "N,2,4")),
            ("nij, nj -> ni", ("N,3,4", "N,4")),
            ("nij->nji", ("N,3,4",)),
            ("nij->nj", ("N,3,4",)),
            ("ab,bc,ca->a", ("2,3", "3,4", "4,2")),
            ("ij,jk", ("2,3", "3,4")),
            ("nhwc,hkc->nhwk", ("N,H,W,3", "H,5,3")),
        )
    ],
    case("ReduceL1", "y = ReduceL1(x, a)", x="N,3,4", a=[1]),
    case("ReduceL1 without keepdims", "y = ReduceL1<keepdims=0>(x, a)", x="N,3,4", a=[-1]),
    case("ReduceLogSum", "y = ReduceLogSum(x, a)", x="N,3,4", a=[1], low=0.5),
    case(
        "ReduceLogSum without keepdims",
        "y = ReduceLogSum<keepdims=0>(x, a)",
        x="N,3,H",
        a=[1, 2],
        low=0.5,
    ),
    case("ReduceLogSumExp", "y = ReduceLogSumExp(x, a)", x="N,3,4", a=[1]),
    case(
        "ReduceLogSumExp without keepdims",
        "y = ReduceLogSumExp<keepdims=0>(x, a)",
        x="N,3,H",
        a=[2],
    ),
    case("ReduceProd", "y = ReduceProd(x, a)", x="N,3,4", a=[1]),
    case("ReduceProd without keepdims", "y = ReduceProd<keepdims=0>(x, a)", x="N,3,4", a=[1, 2]),
    case(
        "ReduceProd with zeros",
        "y = ReduceProd<keepdims=0>(x, a)",
        x="3,3",
        a=[1],
        values={"x": np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [-2.0, 0.5, 3.0]])},
    ),
    *[
        case(
            f"CumSum exclusive={exclusive} reverse={reverse}",
            f"y = CumSum<exclusive={exclusive}, reverse={reverse}>(x, a)",
            x="N,3,5",
            a=np.array(2),
        )
        for exclusive in (0, 1)
        for reverse in (0, 1)
    ],
]

FUNCTIONS: list[Case] = [
    *[case(op, f"y = {op}(x)", x="N,3,4") for op in ("Sinh", "Cosh", "Asinh", "Atan")],
    *[
        case(op, f"y = {op}(x)", x="N,3,4", low=-0.8, high=0.8)
        for op in ("Tan", "Asin", "Acos", "Atanh")
    ],
    case("Acosh", "y = Acosh(x)", x="N,3,4", low=1.2),
]

CASES = [*NORMALISING, *PICKING, *SUMMING, *FUNCTIONS]
