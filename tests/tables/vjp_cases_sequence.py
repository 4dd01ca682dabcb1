"""Cases of sequences and optionals that are known without running them."""

from __future__ import annotations

import numpy as np

from support.vjp_case import Case, case

_AT_END = "the reference takes the position n for 0"
_LISTS = "the reference holds what an Optional has in a list"
_OUTER = "the reference gives the body of a SequenceMap no outer tensors"
_SQUEEZED = "the reference heeds keepdims only without `split`, as the standard says"

BUILT: list[Case] = [
    case(
        "SequenceConstruct and ConcatFromSequence",
        "s = SequenceConstruct(x, a, x) y = ConcatFromSequence<axis=1>(s)",
        x="N,3,4",
        a="N,2,4",
    ),
    *[
        case(
            f"ConcatFromSequence on the new axis {axis}",
            f"s = SequenceConstruct(x, a) y = ConcatFromSequence<axis={axis}, new_axis=1>(s)",
            x="N,3",
            a="N,3",
        )
        for axis in (-1, 1, 2, -2)
    ],
    case(
        "ConcatFromSequence on the new axis 0",
        "s = SequenceConstruct(x, x) y = ConcatFromSequence<axis=0, new_axis=1>(s)",
        x="3,4",
    ),
    case(
        "ConcatFromSequence of one",
        "s = SequenceConstruct(x) y = ConcatFromSequence<axis=-1>(s)",
        x="N,3",
    ),
    *[
        case(
            f"SequenceInsert at {name}, SequenceAt {at}",
            "e = SequenceEmpty<dtype=TYPE>() f = SequenceInsert(e, x) g = SequenceInsert(f, a) "
            "s = SequenceInsert(g, b, i) c = SequenceAt(s, p) y = Sum(c, x, a, b)",
            x="N,2",
            a="N,2",
            b="N,2",
            i=np.array(place),
            p=np.array(at),
            canonical=_AT_END if name == "the end" else "",
        )
        for name, place, at in (("0", 0, 0), ("the end", 2, 2), ("-1", -1, 1), ("-2", -2, -3))
    ],
    *[
        case(
            f"SequenceErase {name}",
            f"m = Mul(x, b) s = SequenceConstruct(x, a, m) t = SequenceErase(s{position}) "
            "c = ConcatFromSequence<axis=-1>(t) y = Concat<axis=1>(c, m, a, x)",
            x="N,2",
            a="N,3",
            b="N,1",
            i=np.array(place),
        )
        for name, position, place in (("the last", "", 0), ("at 1", ", i", 1), ("at -3", ", i", -3))
    ],
    case(
        "SequenceLength",
        "s = SequenceConstruct(x, x, x) n = SequenceLength(s) f = Cast<to=TYPE>(n) y = Mul(x, f)",
        x="N,2",
    ),
    case(
        "SequenceAt of one position, computed",
        "d = Mul(a, x) s = SequenceConstruct(d, x) l = Shape<start=1, end=2>(x) m = Sub(l, two) "
        "p = Squeeze(m) y = SequenceAt(s, p)",
        x="N,3",
        a="N,1",
        two=[3],
    ),
    *[
        case(
            f"SequenceAt at run time, {name}",
            "s = SequenceConstruct(x, a, x) y = SequenceAt(s, p)",
            x=dims,
            a=dims,
            p="int64 ",
            values={"p": np.array(place)},
        )
        for name, dims, place in (("2-D", "3,2", 1), ("from the back", "3,2", -1), ("1-D", "3", 0))
    ],
    case(
        "Identity of a sequence",
        "s = SequenceConstruct(x, a) t = Identity(s) y = ConcatFromSequence<axis=1>(t)",
        x="N,2",
        a="N,2",
    ),
    case(
        "If of two sequences",
        "s = SequenceConstruct(x, a) "
        "t = If<then_branch = one () => (o) { o = SequenceErase(s) }, "
        "else_branch = two () => (o) { o = Identity(s) }>(c) "
        "y = ConcatFromSequence<axis=1>(t)",
        x="N,2",
        a="N,2",
        c=np.array(False),
        no_runtime="it wants the types of what a branch gives",
    ),
]

SPLIT: list[Case] = [
    *[
        case(
            f"SplitToSequence {name}",
            f"t = Mul(x, x) s = SplitToSequence<axis={axis}, keepdims={keepdims}>(t{split}) "
            "a = SequenceAt(s, zero) b = SequenceAt(s, last) c = Mul(a, b) y = Add(c, a)",
            x=x,
            l=lengths,
            zero=np.array(0),
            last=np.array(-1),
            canonical=_SQUEEZED if "unbind" in name else "",
        )
        for name, axis, keepdims, split, lengths, x in (
            ("places", 1, 1, "", np.array(0), "N,3,2"),
            ("places without their axis", 1, 0, "", np.array(0), "N,3,2"),
            ("places of the last axis", -1, 0, "", np.array(0), "N,3,2"),
            ("unbind", -2, 0, ", l", np.array(1), "N,3,2"),
            ("pieces of 2", 1, 1, ", l", np.array(2), "N,4,2"),
            ("one piece", 1, 1, ", l", np.array(9), "N,4"),
            ("int32", 1, 1, ", l", np.array(2, np.int32), "N,4,2"),
            ("lengths", 1, 0, ", l", np.array([2, 1, 2]), "N,5,2"),
            ("lengths of 1", 1, 0, ", l", np.array([1, 3, 1]), "N,5,2"),
        )
    ],
    case(
        "SplitToSequence with a rest",
        "s = SplitToSequence<axis=-1>(x, l) a = SequenceAt(s, p) b = SequenceErase(s, p) "
        "c = ConcatFromSequence<axis=2>(b) d = ReduceSum(c, two) y = Mul(a, d)",
        x="N,2,5",
        l=np.array(2),
        p=np.array(2),
        two=[2],
    ),
    case(
        "SplitToSequence with an empty part",
        "s = SplitToSequence<axis=1>(x, l) t = SequenceErase(s, p) "
        "y = ConcatFromSequence<axis=2>(t)",
        x="N,4,3",
        l=np.array([2, 0, 2]),
        p=np.array(1),
    ),
    case(
        "SplitToSequence of open sizes",
        "s = SplitToSequence<axis=1>(x, l) a = SequenceAt(s, p) b = SequenceAt(s, q) y = Mul(a, b)",
        x="N,4,H,W",
        l=np.array(2),
        p=np.array(0),
        q=np.array(1),
    ),
    case(
        "SplitToSequence along an open axis",
        "s = SplitToSequence<axis=2>(x, l) a = SequenceAt(s, p) y = Mul(a, a)",
        x="N,2,H",
        l=np.array([2, 5]),
        p=np.array(1),
    ),
    case(
        "SplitToSequence of the batch",
        "s = SplitToSequence<axis=0, keepdims=0>(x) y = ConcatFromSequence<axis=1, new_axis=1>(s)",
        x="3,4",
    ),
]

_SQUARED = (
    "b (REAL[] u) => (REAL[] v) "
    "{ k = Constant<value_ints=[0]>() w = ReduceSum(u, k) v = Mul(u, w) }"
)
_SHIFTED = "b (REAL[] u, REAL[] f) => (REAL[] v) { p = Mul(u, f) v = Add(p, c) }"
_PAIRED = "b (REAL[] m, REAL[] n) => (REAL[] v, REAL[] w) { v = Mul(m, n) w = Sin(m) }"
_PASSED = "b (REAL[] m) => (REAL[] o, REAL[] v) { o = Identity(m) v = Exp(m) }"

MAPPED: list[Case] = [
    case(
        "SequenceMap",
        f"s = SequenceConstruct(x, a) t = SequenceMap<body = {_SQUARED}>(s) "
        "y = ConcatFromSequence<axis=1>(t)",
        x="2,3",
        a="2,4",
    ),
    case(
        "SequenceMap with a tensor and an outer one",
        "s = SplitToSequence<axis=1>(x, l) "
        f"t = SequenceMap<body = {_SHIFTED}>(s, a) "
        "y = ConcatFromSequence<axis=1>(t)",
        x="N,4",
        a="N,2",
        l=np.array(2),
        c=(1, 2),
        canonical=_OUTER,
    ),
    case(
        "SequenceMap of two sequences and two results",
        "s = SequenceConstruct(x, a) r = SequenceConstruct(a, a) "
        f"t, u = SequenceMap<body = {_PAIRED}>(s, r) "
        "p = ConcatFromSequence<axis=1>(t) q = SequenceAt(u, one) y = Concat<axis=1>(p, q)",
        x="N,2",
        a="N,2",
        one=np.array(1),
    ),
    case(
        "SequenceMap that passes on",
        f"s = SequenceConstruct(x, a) t, u = SequenceMap<body = {_PASSED}>(s) "
        "b = ConcatFromSequence<axis=1>(t) c = ConcatFromSequence<axis=1>(u) y = Mul(b, c)",
        x="N,2",
        a="N,2",
    ),
]

OPTIONAL: list[Case] = [
    case(
        "Optional",
        "o = Optional(x) t = OptionalGetElement(o) y = Mul(t, t)",
        x="N,3",
        canonical=_LISTS,
    ),
    case(
        "Optional of a sequence",
        "s = SequenceConstruct(x, a) o = Optional(s) t = OptionalGetElement(o) "
        "y = ConcatFromSequence<axis=1>(t)",
        x="N,2",
        a="N,3",
        canonical=_LISTS,
    ),
    case("OptionalGetElement of a tensor", "t = OptionalGetElement(x) y = Mul(t, t)", x="N,3"),
    case(
        "OptionalGetElement of a sequence",
        "s = SequenceConstruct(x, a) t = OptionalGetElement(s) y = ConcatFromSequence<axis=1>(t)",
        x="N,2",
        a="N,3",
    ),
    *[
        case(
            f"OptionalHasElement {name}",
            f"{body} y = Where(h, x, n)",
            x="N,3",
            n=-1.0,
        )
        for name, body in (
            ("of a tensor", "h = OptionalHasElement(x)"),
            ("of an optional", "o = Optional(x) h = OptionalHasElement(o)"),
            ("of a sequence", "s = SequenceConstruct(x) h = OptionalHasElement(s)"),
            ("left out", "g = OptionalHasElement() h = Not(g)"),
        )
    ],
]

CASES = [*BUILT, *SPLIT, *MAPPED, *OPTIONAL]
