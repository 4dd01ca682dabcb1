"""Cases of simple operators: remainders, triangles, determinants, running products, rare pools."""

from __future__ import annotations

import numpy as np

from support.vjp_case import Case, case

ARITHMETIC: list[Case] = [
    *[
        case(
            f"Mod fmod={fmod} {name}",
            f"y = Mod<fmod={fmod}>(x, b)",
            x=x,
            b=b,
            low=-9.0,
            high=9.0,
            opset=28,
            values={"b": np.reshape(np.array([1.9, -2.3, 3.1, 0.7]), shape)},
            no_runtime="it has no kernels of opset 28",
        )
        for fmod in (0, 1)
        for name, x, b, shape in (
            ("", "1,4", "1,4", (1, 4)),
            ("broadcast", "3,4", "4", (4,)),
            ("broadcast twice", "3,1", "4", (4,)),
        )
    ],
    case(
        "Mod opset 13",
        "y = Mod<fmod=1>(x, b)",
        x="N,5",
        b=[1.9, -2.3, 3.1, 0.7, 1.1],
        low=-9.0,
        high=9.0,
    ),
    *[
        case(
            f"Clip explains its {name}",
            f"y = Clip({args})",
            x="3,4",
            values={"lo": np.array(lo), "hi": np.array(hi)},
            **dict.fromkeys(name.split(" and "), ""),
        )
        for name, args, lo, hi in (
            ("lo", "x, lo", -0.31, 0.0),
            ("hi", "x, , hi", 0.0, 0.73),
            ("lo and hi", "x, lo, hi", -0.31, 0.73),
            ("hi and lo", "x, lo, hi", 0.73, -0.31),
        )
    ],
    case(
        "Clip by what it clips",
        "m = ReduceMean(x, a) s = Squeeze(m, a) h = Neg(s) t = Relu(x) y = Clip(t, h, s)",
        x="4",
        a=[0],
        low=0.1,
    ),
]

MATRICES: list[Case] = [
    *[
        case(f"Trilu upper={upper} k={k}", f"y = Trilu<upper={upper}>(x, k)", x=x, k=np.array(k))
        for upper in (0, 1)
        for k, x in ((0, "N,3,4"), (1, "N,4,3"), (-2, "N,2,4,4"), (9, "N,3,3"), (-9, "N,3,3"))
    ],
    case("Trilu", "y = Trilu(x)", x="N,3,4"),
    case("Trilu of a matrix", "y = Trilu<upper=0>(x)", x="3,4"),
    case(
        "Trilu at run time",
        "y = Trilu(x, k)",
        x="3,H,W",
        k="int64 ",
        values={"k": np.array(-1)},
    ),
    *[case(f"Det of size {n}", "y = Det(x)", x=f"N,{n},{n}", opset=22) for n in (1, 2, 3, 4, 5, 8)],
    case("Det of one matrix", "y = Det(x)", x="3,3"),
    case("Det of batches", "y = Det(x)", x="N,2,3,3", opset=22),
    *[
        case(
            f"Det {name}",
            "y = Det(x)",
            x="1,3,3",
            opset=22,
            values={"x": np.array([rows], float)},
        )
        for name, rows in (
            ("of rank 2", [[1, 2, 3], [2, 4, 6], [0, 1, 5]]),
            ("with a row of zeros", [[1, 2, 3], [0, 0, 0], [0, 1, 5]]),
        )
    ],
]

_ZEROS = {
    "no zero": [1.5, -2.0, 0.5, 3.0, -0.7],
    "a zero": [1.5, -2.0, 0.0, 3.0, -0.7],
    "two zeros": [1.5, 0.0, 0.5, 0.0, -0.7],
    "a zero in front": [0.0, -2.0, 0.5, 3.0, 1.2],
    "a zero behind": [1.5, -2.0, 0.5, 3.0, 0.0],
}

RUNNING: list[Case] = [
    *[
        case(
            f"CumProd exclusive={exclusive} reverse={reverse}, {name}",
            f"y = CumProd<exclusive={exclusive}, reverse={reverse}>(x, a)",
            x="1,5",
            a=np.array(1),
            opset=26,
            values={"x": np.array([row])},
        )
        for exclusive in (0, 1)
        for reverse in (0, 1)
        for name, row in _ZEROS.items()
    ],
    case("CumProd of a middle axis", "y = CumProd(x, a)", x="N,4,3", a=np.array(-2), opset=26),
    case("CumProd of the first axis", "y = CumProd(x, a)", x="4,3", a=np.array(0), opset=26),
    case(
        "CumProd at run time",
        "y = CumProd<reverse=1>(x, a)",
        x="2,4",
        a="int64 ",
        opset=26,
        values={"a": np.array(1)},
    ),
    case("CumSum of the first axis", "y = CumSum(x, a)", x="3,4", a=np.array(0)),
]

REARRANGED: list[Case] = [
    case(
        "ReverseSequence of rows",
        "y = ReverseSequence<batch_axis=0, time_axis=1>(x, l)",
        x="N,5,2",
        l="int64 N",
        values={"l": np.array([3, 0, 5])},
    ),
    case(
        "ReverseSequence of columns",
        "y = ReverseSequence(x, l)",
        x="4,5,2",
        l=np.array([1, 4, 2, 3, 0]),
    ),
    case(
        "ReverseSequence of constant lengths",
        "y = ReverseSequence<batch_axis=0, time_axis=1>(x, l)",
        x="3,4",
        l=np.array([2, 4, 1]),
    ),
    *[
        case(
            f"TensorScatter {name}",
            f"y = TensorScatter<{attrs}>(x, u{places})",
            x=x,
            u=u,
            w="int64 N",
            values={"w": np.array(where)},
            opset=24,
        )
        for name, attrs, x, u, places, where in (
            ("linear", 'mode="linear"', "N,5,2", "N,2,2", ", w", [1, 3, 0]),
            ("circular", 'mode="circular"', "N,5,2", "N,3,2", ", w", [4, 1, 13]),
            ("of 4-D", "axis=-2", "N,2,4,3", "N,2,1,3", ", w", [3, 0, 2]),
            ("of axis 1", "axis=1", "N,4,3,2", "N,3,3,2", ", w", [0, 1, 1]),
            ("of the last axis", 'mode="circular", axis=-1', "N,2,4", "N,2,4", ", w", [2, 0, 3]),
            ("of open sizes", "axis=2", "N,2,H,W", "N,2,C,W", ", w", [3, 0, 2]),
        )
    ],
    case("TensorScatter from the front", "y = TensorScatter(x, u)", x="N,5,2", u="N,2,2", opset=24),
    *[
        case(
            f"Unique {name}",
            f"{outputs} = Unique<{attrs}>(x) y = Sin(u)",
            x=x,
        )
        for name, outputs, attrs, x in (
            ("sorted", "u", "sorted=1", "3,4"),
            ("with indices", "u, i", "sorted=1", "3,4"),
            ("with counts alone", "u, , , c", "sorted=0", "3,4"),
            ("unsorted", "u", "sorted=0", "7"),
            ("unsorted with indices", "u, i", "sorted=0", "2,3"),
            ("along axis 0", "u, i, j, c", "axis=0", "4,3"),
            ("along the last axis", "u", "axis=-1, sorted=0", "2,3,4"),
        )
    ],
    case(
        "Unique of pairs",
        "p = Concat<axis=0>(x, x) u = Unique<sorted=0>(p) y = Exp(u)",
        x="5",
    ),
]

MADE: list[Case] = [
    case(
        "Range",
        "y = Range(x, l, d)",
        x="",
        l="",
        d="",
        values={"x": np.array(0.5), "l": np.array(3.6), "d": np.array(0.75)},
    ),
    case(
        "Range downwards",
        "r = Range(x, l, d) y = Mul(r, r)",
        x="",
        l=-4.0,
        d="",
        values={"x": np.array(0.5), "d": np.array(-1.1)},
    ),
    *[
        case(
            f"OneHot explains its values, axis {axis}",
            f"y = OneHot<axis={axis}>(i, n, x)",
            x="2",
            i=np.array([[0, 2, -1], [7, 1, 2]]),
            n=np.array(4),
        )
        for axis in (-1, 0, 1)
    ],
    *[
        case(
            f"Pad explains its value, {name}",
            f"y = Pad(x, p, v{axes})",
            x="3,4",
            v="",
            p=np.array(pads),
            a=np.array([1]),
            values={"v": np.array(1.7)},
        )
        for name, pads, axes in (
            ("", [1, 0, 0, 2], ""),
            ("one axis", [2, 1], ", a"),
            ("negative", [1, -1, 0, 2], ""),
        )
    ],
    case(
        "Tile at run time",
        "y = Tile(x, r)",
        x="3,2,H",
        r="int64 3",
        values={"r": np.array([2, 1, 3])},
    ),
    case("ReduceLogSum of a number", "y = ReduceLogSum(x)", x="", low=0.5),
]


POOLS: list[Case] = [
    *[
        case(
            f"LpPool {name}",
            f"y = LpPool<kernel_shape=[{kernel}], {attrs}>(x)",
            x=x,
        )
        for name, kernel, attrs, x in (
            ("p=1", "2, 3", "p=1", "N,2,5,6"),
            ("p=2", "3, 2", "p=2", "N,2,5,6"),
            ("p=3", "2, 2", "p=3, strides=[2, 1]", "N,2,5,4"),
            ("p=4", "2", "p=4", "N,2,7"),
            ("padded", "3, 3", "strides=[2, 2], pads=[1, 0, 1, 2]", "N,2,5,6"),
            ("dilated", "2, 2", "dilations=[2, 3]", "N,2,5,6"),
            ("strided with gaps", "2", "strides=[3]", "N,2,9"),
            ("ceil_mode", "2, 3", "ceil_mode=1, strides=[2, 2]", "N,2,5,6"),
            ("ceil_mode padded", "3", "p=3, ceil_mode=1, strides=[2], pads=[1, 1]", "N,2,6"),
            ("same upper", "3, 2", 'auto_pad="SAME_UPPER", strides=[2, 1]', "N,2,6,5"),
            ("same lower", "3, 2", 'auto_pad="SAME_LOWER", strides=[1, 2]', "N,2,5,5"),
            ("valid", "3, 2", 'auto_pad="VALID", strides=[2, 2]', "N,2,6,5"),
            ("open sizes", "2, 3", "strides=[2, 1], pads=[1, 0, 0, 1]", "N,2,H,W"),
            ("3-D", "2, 1, 2", "p=1, pads=[0, 0, 1, 0, 0, 0]", "N,1,3,2,4"),
        )
    ],
    case(
        "LpPool of windows of zeros",
        "z = Relu(x) y = LpPool<kernel_shape=[2], strides=[2]>(z)",
        x="1,1,6",
        values={"x": np.array([[[1.5, 2.0, -1.0, -2.0, 0.5, -3.0]]])},
    ),
    *[case(f"GlobalLpPool p={p}", f"y = GlobalLpPool<p={p}>(x)", x="N,2,3,4") for p in (1, 2, 3)],
    case("GlobalLpPool of open sizes", "y = GlobalLpPool(x)", x="N,2,H,W"),
    case("GlobalLpPool 1-D", "y = GlobalLpPool<p=5>(x)", x="N,3,4"),
    case(
        "GlobalLpPool of zeros",
        "z = Relu(x) y = GlobalLpPool(z)",
        x="1,2,3",
        values={"x": np.array([[[-1.0, -2.0, -3.0], [1.0, -2.0, 3.0]]])},
    ),
    *[
        case(
            f"MaxUnpool {name}",
            f"p, i = MaxPool<kernel_shape=[{kernel}], {attrs}>(x) q = Sin(p) r = Mul(q, w) "
            f"y = MaxUnpool<kernel_shape=[{kernel}], {attrs}>(r, i{shape})",
            x=x,
            w=w,
            s=np.array(sizes),
        )
        for name, kernel, attrs, x, w, shape, sizes in (
            ("", "2, 2", "strides=[2, 2]", "N,2,4,6", "2,2,3", "", [0]),
            ("of overlapping windows", "3", "strides=[2]", "N,2,7", "2,3", "", [0]),
            ("padded", "2, 2", "strides=[2, 2], pads=[1, 1, 1, 1]", "N,1,4,4", "1,3,3", "", [0]),
            ("of open sizes", "2, 2", "strides=[2, 2]", "N,2,W,D", "2,1,1", "", [0]),
        )
    ],
    case(
        "MaxUnpool to a shape",
        "p, i = MaxPool<kernel_shape=[2, 2], strides=[2, 2]>(x) q = Sin(p) "
        "u = MaxUnpool<kernel_shape=[2, 2], strides=[2, 2]>(q, i, s) y = Reshape(u, s)",
        x="3,2,5,5",
        s=np.array([3, 2, 5, 5]),
    ),
    case(
        "MaxUnpool of repeated places",
        "y = MaxUnpool<kernel_shape=[2, 2], strides=[2, 2]>(x, i)",
        x="1,1,2,2",
        i=np.array([[[[5, 5], [0, 5]]]]),
    ),
]

CASES = [*ARITHMETIC, *MATRICES, *RUNNING, *REARRANGED, *MADE, *POOLS]
