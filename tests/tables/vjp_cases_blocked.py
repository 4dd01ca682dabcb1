"""Cases with as many channels as ONNX Runtime's blocked layout takes, and the forms made for it."""

from __future__ import annotations

from support.vjp_case import Case, case

STRIDED = {
    "": ("strides=[2,2], pads=[1,1,1,1]", "N,16,6,8", (16, 16, 3, 3)),
    "leaves a rest": ("strides=[2,2], pads=[1,1,1,1]", "N,16,7,5", (16, 16, 3, 3)),
    "unpadded": ("strides=[2,2]", "N,16,7,8", (32, 16, 3, 3)),
    "1x1": ("strides=[2,2]", "N,16,6,5", (16, 16, 1, 1)),
    "1x1 stride 3": ("strides=[3,3]", "N,16,7,6", (16, 16, 1, 1)),
    "by 3": ("strides=[3,3], pads=[2,1,2,2]", "N,16,9,7", (16, 16, 5, 4)),
    "along one axis": ("strides=[1,2], pads=[1,1,1,1]", "N,16,4,6", (16, 16, 3, 3)),
    "dilated by 3": ("strides=[2,2], dilations=[3,3], pads=[3,3,3,3]", "N,16,8,9", (16, 16, 3, 3)),
    "dilated by 2": ("strides=[2,2], dilations=[2,2], pads=[2,2,2,2]", "N,16,7,6", (16, 16, 3, 3)),
    "grouped": ("strides=[2,2], pads=[1,1,1,1], group=2", "N,32,4,4", (32, 16, 3, 3)),
    "depthwise": ("strides=[2,2], pads=[1,1,1,1], group=16", "N,16,6,7", (16, 1, 3, 3)),
    "depthwise 5x5": ("strides=[2,2], pads=[2,2,2,2], group=16", "N,16,8,8", (16, 1, 5, 5)),
    "kernel 2 padded": ("strides=[2,2], pads=[1,1,1,1]", "N,16,6,6", (16, 16, 2, 2)),
    "pads at the end": ("strides=[2,2], pads=[0,0,3,2]", "N,16,6,6", (16, 16, 3, 3)),
}

FEW = {
    "3 to 16": ("pads=[1,1,1,1]", "N,3,8,4", (16, 3, 3, 3)),
    "in tiles of 2": ("pads=[1,1,1,1]", "N,2,6,4", (16, 2, 3, 3)),
    "odd sizes": ("pads=[1,1,1,1]", "N,3,5,4", (16, 3, 3, 3)),
    "unequal pads": ("pads=[2,0,1,2]", "N,1,8,4", (16, 1, 4, 3)),
    "unpadded": ("group=1", "N,4,8,8", (16, 4, 5, 3)),
    "dilated": ("pads=[2,3,2,3], dilations=[2,3]", "N,2,4,8", (16, 2, 3, 3)),
    "strided": ("strides=[2,2], pads=[3,3,3,3]", "N,3,8,12", (16, 3, 7, 7)),
    "strided, a rest unread": ("strides=[2,2], pads=[1,2,0,2]", "N,2,8,8", (32, 2, 6, 5)),
    "strided along one axis": ("strides=[1,4], pads=[1,4,1,4]", "N,1,4,8", (16, 1, 3, 9)),
    "by 3": ("strides=[3,3], pads=[3,3,3,3]", "N,1,12,12", (16, 1, 7, 7)),
    "wider pads than the kernel": ("pads=[3,3,3,3]", "N,2,4,4", (16, 2, 3, 3)),
}
"""Convolutions of few channels."""

_WEIGHTS = {"w": (16, 16, 3, 3), "v": (16, 16, 1, 1)}

CASES: list[Case] = [
    *(
        case(f"Conv of 16 channels strided {name}", f"y = Conv<{how}>(x, w)", x=x, w=w)
        for name, (how, x, w) in STRIDED.items()
    ),
    *(
        case(f"Conv of few channels {name}", f"y = Conv<{how}>(x, w)", x=x, w=w)
        for name, (how, x, w) in FEW.items()
    ),
    case(
        "Conv of few channels computed from another input",
        "d = Mul(w, two) y = Conv<pads=[1,1,1,1]>(x, d)",
        x="N,3,8,4",
        w=(16, 3, 3, 3),
        two=2.0,
    ),
    case(
        "residual block",
        "a = Conv<pads=[1,1,1,1]>(x, w) b = Relu(a) c = Conv<pads=[1,1,1,1]>(b, w) d = Add(c, b)"
        " e = Relu(d) f = Conv<strides=[2,2], pads=[1,1,1,1]>(e, w) g = Conv<strides=[2,2]>(e, v)"
        " h = Add(f, g) i = Relu(h) y = GlobalAveragePool(i)",
        x="N,16,5,6",
        **_WEIGHTS,
    ),
    case(
        "two paths to a sum, one of them pooled",
        "a = Conv(x, v) b = Clip(a, zero, one) c = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(b)"
        " d = Conv(b, v) y = Add(c, d)",
        x="N,16,5,6",
        v=(16, 16, 1, 1),
        zero=0.0,
        one=1.0,
    ),
    case(
        "inception block",
        "a = Conv(x, v) b = Relu(a) c = Conv<pads=[1,1,1,1]>(x, w) d = Concat<axis=1>(b, c)"
        " e = Conv<pads=[1,1,1,1]>(d, u)"
        " f = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(d)"
        " g = Conv(f, t) y = Add(e, g)",
        x="N,16,5,4",
        u=(16, 32, 3, 3),
        t=(16, 32, 1, 1),
        **_WEIGHTS,
    ),
    case(
        "parts of unequal width",
        "a = Conv(x, v) b = Conv(x, s) c = Concat<axis=1>(b, a, b) y = Conv(c, t)",
        x="N,16,3,4",
        v=(16, 16, 1, 1),
        s=(24, 16, 1, 1),
        t=(16, 64, 1, 1),
    ),
    case(
        "dense block",
        "a = Conv(x, v) b = Concat<axis=1>(x, a) c = Relu(b) d = Conv(c, t)"
        " e = Concat<axis=1>(x, a, d) f = Relu(e) g = Conv(f, r)"
        " h = Concat<axis=1>(x, a, d, g) y = Sigmoid(h)",
        x="N,16,3,4",
        v=(16, 16, 1, 1),
        t=(16, 32, 1, 1),
        r=(16, 48, 1, 1),
    ),
    case(
        "squeeze and excite",
        "a = Conv<pads=[1,1,1,1], group=16>(x, k) s = Sigmoid(a) b = Mul(a, s)"
        " c = GlobalAveragePool(b) d = Conv(c, v) e = Sigmoid(d) f = Mul(b, e) y = Conv(f, v)",
        x="N,16,4,5",
        k=(16, 1, 3, 3),
        v=(16, 16, 1, 1),
    ),
    case(
        "Conv of a tensor of unknown rank",
        "r = Reshape(x, shape) c = Conv<pads=[1,1,1,1]>(r, w) y = Reshape(c, flat)",
        x="N,2,5,4",
        shape="int64 L",
        values={"shape": [-1, 2, 5, 4]},
        w=(3, 2, 3, 3),
        flat=[-1, 60],
        sizes={"L": 4},
    ),
    case("Swish spelled", "s = Sigmoid(x) y = Mul(s, x)", x="N,3,4", low=-4.0, high=4.0),
    case(
        "Swish spelled, its Sigmoid read again",
        "s = Sigmoid(x) t = Mul(x, s) y = Add(t, s)",
        x="N,3,4",
    ),
    case(
        "AveragePool of 16 channels",
        "a = Conv(x, v) b = AveragePool<kernel_shape=[2,3], strides=[2,3]>(a) y = Conv(b, v)",
        x="N,16,4,6",
        v=(16, 16, 1, 1),
    ),
    case(
        "BatchNormalization of 16 channels",
        "a = Conv(x, v) b = BatchNormalization(a, s, m, m, p) c = Relu(b) y = Conv(c, v)",
        x="N,16,4,3",
        v=(16, 16, 1, 1),
        s=(16,),
        m=(16,),
        p=[0.5 + 0.1 * i for i in range(16)],
    ),
]
