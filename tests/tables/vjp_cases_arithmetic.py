"""Cases of arithmetic, activations, matrix products and reductions."""

from __future__ import annotations

import numpy as np

from support.vjp_case import Case, case

SHAPES = (
    ("same shape", "N,3,4", "N,3,4"),
    ("size-1 axes on both sides", "N,1,4", "N,3,1"),
    ("missing axes", "N,3,4", "4"),
    ("missing axes of the first", "3,1", "N,3,4"),
    ("scalar", "N,3,4", ""),
    ("open sizes", "N,3,H,W", "N,3,H,W"),
    ("open sizes against 1", "N,3,H,W", "N,1,1,W"),
    ("open sizes of other names", "N,2,H,W", "N,2,D,C"),
)

_OTHER = {"D": 1, "C": 6}

ARITHMETIC: list[Case] = [
    *[
        case(f"{op} {name}", f"y = {op}(a, b)", a=a, b=b, sizes=_OTHER)
        for op in ("Add", "Sub", "Mul")
        for name, a, b in SHAPES
    ],
    *[
        case(f"Div {name}", "y = Div(a, b)", a=a, b=b, low=0.5, sizes=_OTHER)
        for name, a, b in SHAPES
    ],
    case("Add a constant", "y = Add(c, x)", x="N,3,4", c=(3, 1)),
    case("Mul by a constant", "y = Mul(x, c)", x="N,3,4", c=(1, 3, 1)),
    case("Sub from a constant", "y = Sub(c, x)", x="N,3,4", c=(3, 4)),
    case("Div of a constant", "y = Div(c, x)", x="N,3,4", c=(4,), low=0.5),
    case("Mul widened by a constant", "y = Mul(x, c)", x="N,1,4", c=(1, 3, 1)),
    case("Mul by itself", "y = Mul(x, x)", x="N,3,4"),
    case("Sum of three", "y = Sum(a, b, c)", a="N,3,4", b="N,1,4", c="N,3,1"),
    case("Sum of one", "y = Sum(x)", x="N,3"),
    case("Mean of three", "y = Mean(a, b, c)", a="N,3,4", b="N,1,4", c="N,3,4"),
    case("Pow of two variables", "y = Pow(a, b)", a="N,3,4", b="N,1,4", low=0.4),
    case("Pow square", "y = Pow(x, c)", x="N,3,4", c=[2.0]),
    case("Pow cube, integer exponent", "y = Pow(x, c)", x="N,3,4", c=[3]),
    case(
        "Pow exponents 0 and 1 at a zero",
        "y = Pow(x, c)",
        x="N,3",
        c=[0.0, 1.0, 2.0],
        values={"x": np.array([[0.0, 0.0, 0.0], [1.0, 0.0, -2.0], [-1.5, 2.0, 0.5]])},
    ),
    case("Pow square root", "y = Pow(x, c)", x="N,3,4", c=[0.5], low=0.4),
    case("Pow of a constant base", "y = Pow(c, x)", x="N,3,4", c=[2.5]),
    case("Max of two", "y = Max(a, b)", a="N,3,4", b="N,1,4"),
    case("Max of three", "y = Max(a, b, c)", a="N,3,4", b="N,1,4", c="N,3,4"),
    case("Max of one", "y = Max(x)", x="N,3"),
    case("Max with a constant", "y = Max(x, c)", x="N,3,4", c=[0.3]),
    case("Max with a wide constant", "y = Max(c, x)", x="N,1,4", c=(3, 4)),
    case("Min of two", "y = Min(a, b)", a="N,3,4", b="N,3,1"),
    case("Min of three and a constant", "y = Min(a, b, c)", a="N,3,4", b="N,3,4", c=[0.1]),
    case("Min with a constant", "y = Min(c, x)", x="N,3,4", c=[-0.4]),
    case("Where", "c = Greater(a, z) y = Where(c, a, b)", a="N,3,4", b="N,1,4", z=[0.1]),
    case(
        "Where by an input",
        "y = Where(c, a, b)",
        a="N,3,4",
        b="N,3,1",
        c="bool 1,4",
        values={"c": np.array([[True, False, False, True]])},
    ),
    case(
        "Where with a constant",
        "y = Where(c, k, x)",
        x="N,3,4",
        k=[0.5],
        c=np.array([[True], [False], [True]]),
    ),
    case("Neg", "y = Neg(x)", x="N,3,4"),
    case("Abs", "y = Abs(x)", x="N,3,4"),
    case("Exp", "y = Exp(x)", x="N,3,4"),
    case("Log", "y = Log(x)", x="N,3,4", low=0.3),
    case("Sqrt", "y = Sqrt(x)", x="N,3,4", low=0.3),
    case("Reciprocal", "y = Reciprocal(x)", x="N,3,4", low=0.5),
    case("Sin", "y = Sin(x)", x="N,3,4"),
    case("Cos", "y = Cos(x)", x="N,3,4"),
    case("Erf", "y = Erf(x)", x="N,3,4"),
    case("Identity", "y = Identity(x)", x="N,3,4"),
    case("Dropout", "h = Dropout(x) y = Neg(h)", x="N,3,4"),
    case(
        "Dropout with a ratio and a mode",
        "y = Dropout(x, r, t)",
        x="N,3,4",
        r=np.array(0.5, np.float32),
        t=np.array(False),
    ),
    case(
        "Cast to double and back", "d = Cast<to=11>(x) e = Exp(d) y = Cast<to=TYPE>(e)", x="N,3,4"
    ),
    case(
        "CastLike", "d = CastLike(x, c) e = Exp(d) y = CastLike(e, x)", x="N,3,4", c=np.array([1.0])
    ),
    case("fan-out of three", "a = Exp(x) b = Mul(a, x) c = Sub(b, x) y = Add(c, a)", x="N,3,4"),
    case(
        "residual sum",
        "h = Conv<pads=[1,1,1,1]>(x, w) r = Tanh(h) y = Add(x, r)",
        x="N,2,4,4",
        w=(2, 2, 3, 3),
    ),
    case("an operand twice", "h = Exp(x) y = Mul(h, h)", x="N,3"),
    case("two inputs, one unbatched", "h = Mul(x, a) y = Tanh(h)", x="N,3", a="3"),
]

ACTIVATIONS: list[Case] = [
    *[
        case(op, f"y = {op}(x)", x="N,3,4")
        for op in (
            *("Relu", "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "HardSigmoid"),
            *("Sigmoid", "Tanh", "Softplus", "Softsign", "Mish", "Softmax", "LogSoftmax"),
        )
    ],
    case("Gelu", "y = Gelu(x)", x="N,3,4", opset=20),
    case("HardSwish", "y = HardSwish(x)", x="N,5,8", low=-5.0, high=5.0),
    case(
        "HardSigmoid with bounds",
        "y = HardSigmoid<alpha=0.4, beta=0.3>(x)",
        x="N,3,8",
        low=-3.0,
        high=3.0,
    ),
    case("LeakyRelu alpha", "y = LeakyRelu<alpha=0.3>(x)", x="N,3,4"),
    case("LeakyRelu negative alpha", "y = LeakyRelu<alpha=-0.3>(x)", x="N,3,4"),
    case("Elu alpha", "y = Elu<alpha=1.7>(x)", x="N,3,4"),
    case("Selu own constants", "y = Selu<alpha=1.2, gamma=0.9>(x)", x="N,3,4"),
    case("Celu alpha", "y = Celu<alpha=0.6>(x)", x="N,3,4"),
    case("ThresholdedRelu alpha", "y = ThresholdedRelu<alpha=0.7>(x)", x="N,3,4"),
    case("PRelu", "y = PRelu(x, s)", x="N,3,4", s=(3, 1)),
    case("PRelu of one slope", "y = PRelu(x, s)", x="N,3,4", s=(1,)),
    case("PRelu of a computed slope", "s = Sin(x) y = PRelu(x, s)", x="N,3,4"),
    case("Gelu tanh", 'y = Gelu<approximate="tanh">(x)', x="N,3,4", opset=20),
    case("Clip", "y = Clip(x, l, h)", x="N,3,4", l=-0.5, h=0.8),
    case("Clip from below", "y = Clip(x, l)", x="N,3,4", l=0.25),
    case("Clip from above", "y = Clip(x, , h)", x="N,3,4", h=0.25),
    case("Clip without bounds", "h = Clip(x) y = Exp(h)", x="N,3,4"),
    case("Softmax axis 1", "y = Softmax<axis=1>(x)", x="N,3,4"),
    case("Softmax last axis of vectors", "y = Softmax(x)", x="N,5"),
    case("Softmax axis -2", "y = Softmax<axis=-2>(x)", x="N,3,4,2"),
    case("LogSoftmax axis 1", "y = LogSoftmax<axis=1>(x)", x="N,3,4"),
    case("LogSoftmax axis -2", "y = LogSoftmax<axis=-2>(x)", x="N,3,4,2"),
]

PRODUCTS: list[Case] = [
    *[
        case(
            f"Gemm transA={a} transB={b}",
            f"y = Gemm<transA={a}, transB={b}, alpha=0.5, beta=1.5>(a, b, c)",
            a="3,5" if a else "5,3",
            b="4,3" if b else "3,4",
            c="5,4",
        )
        for a in (0, 1)
        for b in (0, 1)
    ],
    case("Gemm a layer", "y = Gemm<transB=1>(x, w, c)", x="N,3", w=(4, 3), c=(4,)),
    case("Gemm without C", "y = Gemm<alpha=2.0>(x, w)", x="N,3", w=(3, 4)),
    case("Gemm C of one row", "y = Gemm<beta=0.5>(x, w, c)", x="5,3", w=(3, 4), c="1,4"),
    case("Gemm C of one column", "y = Gemm<beta=0.5>(x, w, c)", x="5,3", w=(3, 4), c="5,1"),
    case("Gemm C a vector", "y = Gemm<beta=0.5>(x, w, c)", x="5,3", w=(3, 4), c="4"),
    case("Gemm C a scalar", "y = Gemm(x, w, c)", x="N,3", w=(3, 4), c=""),
    *[
        case(f"MatMul {name}", "y = MatMul(a, b)", a=a, b=b)
        for name, a, b in (
            ("matrices", "3,4", "4,5"),
            ("batches", "N,3,4", "N,4,2"),
            ("batches of 4-D", "N,2,3,4", "N,2,4,2"),
            ("batch against matrix", "N,3,4", "4,2"),
            ("matrix against batch", "2,3", "N,3,4"),
            ("batch broadcast on both sides", "N,1,3,4", "1,2,4,5"),
            ("batch of lower rank", "N,2,3,4", "2,4,5"),
            ("batch of lower rank first", "2,3,4", "N,2,4,5"),
            ("open batches", "N,C,3,4", "N,C,4,2"),
            ("vectors", "4", "4"),
            ("vector against matrix", "4", "4,3"),
            ("matrix against vector", "3,4", "4"),
            ("vector against batch", "4", "N,4,3"),
            ("batch against vector", "N,3,4", "4"),
        )
    ],
    case("MatMul by a constant", "y = MatMul(x, w)", x="N,3,4", w=(4, 5)),
    case("MatMul of a constant", "y = MatMul(w, x)", x="N,3,4", w=(5, 3)),
    case("MatMul of vectors by a constant", "y = MatMul(x, w)", x="N,4", w=(4, 5)),
    case("MatMul by a constant vector", "y = MatMul(x, w)", x="N,3,4", w=(4,)),
    case("MatMul by a constant batch", "y = MatMul(x, w)", x="N,1,3,4", w=(1, 2, 4, 5)),
]

_AXES = (
    ("last axis", "N,3,4", [-1]),
    ("two axes", "N,3,4,2", [-2, 1]),
    ("open axes", "N,3,H,W", [2, 3]),
    ("axes of an item", "N,3,4", [1, 2]),
)

REDUCTIONS: list[Case] = [
    *[
        case(
            f"{op} {name} keepdims={keep}",
            f"y = {op}<keepdims={keep}>(x, axes)",
            x=x,
            axes=np.array(axes),
        )
        for op in (
            *("ReduceSum", "ReduceMean", "ReduceMax"),
            *("ReduceMin", "ReduceL2", "ReduceSumSquare"),
        )
        for keep in (0, 1)
        for name, x, axes in _AXES
    ],
    *[
        case(f"{op} of everything", f"y = {op}(x)", x="3,4")
        for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2")
    ],
    *[
        case(f"{op} of nothing", f"h = {op}<noop_with_empty_axes=1>(x) y = Exp(h)", x="N,3,4")
        for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
    ],
    case("ReduceMean over the batch", "y = ReduceMean(x, axes)", x="4,3", axes=[0]),
    case("ReduceSum over the batch", "y = ReduceSum<keepdims=0>(x, axes)", x="4,3", axes=[0]),
    case("ReduceL2 normalises", "n = ReduceL2(x, axes) y = Div(x, n)", x="N,5", axes=[-1]),
]

CASES = [*ARITHMETIC, *ACTIVATIONS, *PRODUCTS, *REDUCTIONS]
