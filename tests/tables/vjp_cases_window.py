"""Cases of convolutions, pools and normalisations."""

from __future__ import annotations

from typing import Any

from support.vjp_case import Case, case

PADDED_CEIL = "kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1"

CONVOLUTIONS: list[Case] = [
    case("Conv 2-D", "y = Conv(x, w, b)", x="N,3,6,7", w=(4, 3, 3, 3), b=(4,)),
    case("Conv without bias", "y = Conv(x, w)", x="N,2,5,5", w=(3, 2, 2, 3)),
    case("Conv 1x1", "y = Conv(x, w)", x="N,3,4,5", w=(4, 3, 1, 1)),
    case("Conv 1x1 strided", "y = Conv<strides=[2,2]>(x, w)", x="N,3,5,6", w=(4, 3, 1, 1)),
    case("Conv 1-D", "y = Conv<pads=[1,1]>(x, w, b)", x="N,3,9", w=(4, 3, 3), b=(4,)),
    case("Conv 1-D strided", "y = Conv<strides=[3], pads=[2,1]>(x, w)", x="N,2,11", w=(3, 2, 4)),
    case("Conv 3-D", "y = Conv<pads=[1,0,1,0,1,1]>(x, w)", x="N,2,4,3,5", w=(3, 2, 2, 2, 3)),
    case("Conv 3-D strided", "y = Conv<strides=[2,1,2]>(x, w)", x="N,2,5,4,6", w=(3, 2, 2, 3, 2)),
    case("Conv strided", "y = Conv<strides=[2,3]>(x, w)", x="N,2,8,9", w=(3, 2, 3, 3)),
    case(
        "Conv stride leaves a rest",
        "y = Conv<strides=[3,2], pads=[1,1,1,1]>(x, w)",
        x="N,2,7,8",
        w=(3, 2, 3, 3),
    ),
    case(
        "Conv stride wider than kernel",
        "y = Conv<strides=[3,3]>(x, w)",
        x="N,2,8,7",
        w=(2, 2, 2, 2),
    ),
    case("Conv pads", "y = Conv<pads=[1,1,1,1]>(x, w)", x="N,2,5,4", w=(3, 2, 3, 3)),
    case("Conv asymmetric pads", "y = Conv<pads=[0,2,1,0]>(x, w)", x="N,2,5,6", w=(3, 2, 3, 3)),
    case(
        "Conv asymmetric pads strided",
        "y = Conv<pads=[0,2,1,0], strides=[2,2]>(x, w)",
        x="N,2,6,7",
        w=(3, 2, 3, 3),
    ),
    case(
        "Conv pads wider than kernel", "y = Conv<pads=[3,2,4,3]>(x, w)", x="N,2,4,5", w=(3, 2, 2, 2)
    ),
    case(
        "Conv pads wider than kernel strided",
        "y = Conv<pads=[3,2,4,3], strides=[2,3]>(x, w)",
        x="N,2,4,5",
        w=(3, 2, 2, 2),
    ),
    case("Conv dilated", "y = Conv<dilations=[2,3]>(x, w)", x="N,2,8,9", w=(3, 2, 3, 2)),
    case(
        "Conv dilated strided padded",
        "y = Conv<dilations=[2,1], strides=[2,2], pads=[2,1,2,1]>(x, w)",
        x="N,2,8,7",
        w=(3, 2, 3, 3),
    ),
    case("Conv grouped", "y = Conv<group=2, pads=[1,1,1,1]>(x, w)", x="N,4,5,4", w=(6, 2, 3, 3)),
    case(
        "Conv grouped strided",
        "y = Conv<group=2, strides=[2,2]>(x, w)",
        x="N,4,6,7",
        w=(6, 2, 3, 3),
    ),
    case("Conv depthwise", "y = Conv<group=4, pads=[1,1,1,1]>(x, w)", x="N,4,5,4", w=(4, 1, 3, 3)),
    case(
        "Conv depthwise strided multiplied",
        "y = Conv<group=3, strides=[2,2], pads=[1,1,1,1]>(x, w)",
        x="N,3,7,6",
        w=(6, 1, 3, 3),
    ),
    case("Conv open sizes", "y = Conv<pads=[1,1,1,1]>(x, w)", x="N,2,H,W", w=(3, 2, 3, 3)),
    case(
        "Conv open sizes strided",
        "y = Conv<strides=[2,3], pads=[1,0,2,1]>(x, w)",
        x="N,2,H,W",
        w=(3, 2, 3, 3),
    ),
    case(
        "Conv open sizes pads wider than kernel",
        "y = Conv<strides=[2,2], pads=[3,3,3,3]>(x, w)",
        x="N,2,H,W",
        w=(3, 2, 2, 2),
    ),
    *[
        case(
            f"Conv {mode} {dims} stride {stride}",
            f'y = Conv<auto_pad="{mode}", strides=[{stride},{stride}]>(x, w)',
            x=dims,
            w=(3, 2, 3, 4),
        )
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
        for dims in ("N,2,7,6", "N,2,H,W")
        for stride in (1, 2, 3)
    ],
    case(
        "Conv SAME_UPPER dilated",
        'y = Conv<auto_pad="SAME_UPPER", dilations=[2,2]>(x, w)',
        x="N,2,7,6",
        w=(3, 2, 3, 2),
        no_runtime="it takes no dilations with auto_pad",
    ),
    case("ConvTranspose 2-D", "y = ConvTranspose(x, w, b)", x="N,3,4,5", w=(3, 2, 3, 3), b=(2,)),
    case("ConvTranspose 1-D", "y = ConvTranspose<strides=[2]>(x, w)", x="N,3,5", w=(3, 2, 4)),
    case(
        "ConvTranspose 3-D",
        "y = ConvTranspose<strides=[2,1,2], pads=[1,0,1,1,0,1]>(x, w)",
        x="N,2,3,2,4",
        w=(2, 3, 3, 2, 3),
    ),
    case(
        "ConvTranspose strided padded",
        "y = ConvTranspose<strides=[2,3], pads=[1,0,1,2]>(x, w)",
        x="N,2,4,5",
        w=(2, 3, 3, 4),
    ),
    case(
        "ConvTranspose output_padding",
        "y = ConvTranspose<strides=[2,3], pads=[1,1,1,1], output_padding=[1,2]>(x, w)",
        x="N,2,4,3",
        w=(2, 3, 3, 3),
    ),
    case(
        "ConvTranspose output_padding beyond the stride",
        "y = ConvTranspose<strides=[1,2], dilations=[3,3], output_padding=[2,2]>(x, w)",
        x="N,2,4,3",
        w=(2, 3, 3, 3),
        no_runtime="it takes no output_padding beyond the stride",
    ),
    *[
        case(
            f"ConvTranspose output_shape {mode}",
            f'y = ConvTranspose<strides=[2,2], output_shape=[9,8], auto_pad="{mode}">(x, w)',
            x="N,2,4,4",
            w=(2, 3, 4, 3),
        )
        for mode in ("NOTSET", "SAME_UPPER", "SAME_LOWER")
    ],
    *[
        case(
            f"ConvTranspose {mode}",
            f'y = ConvTranspose<strides=[2,3], auto_pad="{mode}">(x, w)',
            x="N,2,4,3",
            w=(2, 3, 3, 4),
        )
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ],
    case(
        "ConvTranspose dilated",
        "y = ConvTranspose<dilations=[2,2], pads=[1,1,1,1]>(x, w)",
        x="N,2,4,5",
        w=(2, 3, 3, 2),
    ),
    case("ConvTranspose grouped", "y = ConvTranspose<group=2>(x, w)", x="N,4,4,3", w=(4, 3, 2, 3)),
    case(
        "ConvTranspose depthwise",
        "y = ConvTranspose<group=3, strides=[2,2]>(x, w)",
        x="N,3,4,3",
        w=(3, 1, 2, 2),
    ),
    case(
        "ConvTranspose open sizes",
        "y = ConvTranspose<strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]>(x, w)",
        x="N,2,H,W",
        w=(2, 3, 3, 3),
    ),
]

POOLS: list[Case] = [
    case("MaxPool", "y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)", x="N,2,6,4"),
    case("MaxPool leaves a rest", "y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)", x="N,2,7,5"),
    case("MaxPool overlapping", "y = MaxPool<kernel_shape=[3,3], strides=[2,2]>(x)", x="N,2,7,8"),
    case("MaxPool stride 1", "y = MaxPool<kernel_shape=[2,3]>(x)", x="N,2,5,6"),
    case(
        "MaxPool padded negative",
        "y = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)",
        x="N,2,6,7",
        low=-3.0,
        high=-1.0,
    ),
    case(
        "MaxPool asymmetric pads",
        "y = MaxPool<kernel_shape=[3,2], strides=[2,2], pads=[0,1,2,0]>(x)",
        x="N,2,6,5",
    ),
    case("MaxPool ceil_mode", f"y = MaxPool<{PADDED_CEIL}>(x)", x="N,2,6,8"),
    case(
        "MaxPool ceil_mode unpadded",
        "y = MaxPool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1>(x)",
        x="N,2,5,7",
    ),
    case(
        "MaxPool dilated",
        "y = MaxPool<kernel_shape=[2,3], dilations=[2,2], strides=[1,2]>(x)",
        x="N,2,6,8",
    ),
    case(
        "MaxPool dilated padded",
        "y = MaxPool<kernel_shape=[2,2], dilations=[2,3], pads=[1,1,1,1]>(x)",
        x="N,2,6,6",
    ),
    case("MaxPool 1-D", "y = MaxPool<kernel_shape=[3], strides=[2], pads=[1,0]>(x)", x="N,2,9"),
    case(
        "MaxPool 3-D",
        "y = MaxPool<kernel_shape=[2,2,3], strides=[2,1,2]>(x)",
        x="N,2,4,3,5",
    ),
    case(
        "MaxPool column-major indices",
        "y = MaxPool<kernel_shape=[2,3], storage_order=1>(x)",
        x="N,2,4,5",
    ),
    case("MaxPool open sizes", f"y = MaxPool<{PADDED_CEIL}>(x)", x="N,2,H,W"),
    case("MaxPool open channels", "y = MaxPool<kernel_shape=[2,2]>(x)", x="N,C,5,4"),
    *[
        case(
            f"MaxPool {mode} {dims} stride {stride}",
            f'y = MaxPool<kernel_shape=[3,2], auto_pad="{mode}", strides=[{stride},{stride}]>(x)',
            x=dims,
            low=-3.0,
            high=-1.0,
        )
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
        for dims in ("N,2,7,6", "N,2,H,W")
        for stride in (1, 2)
    ],
    case(
        "MaxPool after a Pad of zeros",
        "p = Pad(x, pads) y = MaxPool<kernel_shape=[3,3], strides=[2,2]>(p)",
        x="N,2,5,5",
        pads=[0, 0, 1, 1, 0, 0, 1, 1],
        low=-3.0,
        high=-1.0,
    ),
    case("AveragePool", "y = AveragePool<kernel_shape=[2,2], strides=[2,2]>(x)", x="N,2,6,5"),
    case(
        "AveragePool overlapping",
        "y = AveragePool<kernel_shape=[3,3], strides=[2,1]>(x)",
        x="N,2,7,5",
    ),
    *[
        case(
            f"AveragePool {name} count_include_pad {count}",
            f"y = AveragePool<kernel_shape=[3,3], count_include_pad={count}, {attrs}>(x)",
            x=dims,
            opset=19,
        )
        for count in (0, 1)
        for name, attrs, dims in (
            ("padded", "pads=[1,1,1,1]", "N,2,5,4"),
            ("asymmetric pads", "pads=[0,2,1,0], strides=[2,2]", "N,2,6,6"),
            ("ceil_mode", "pads=[1,1,1,1], strides=[2,2], ceil_mode=1", "N,2,6,8"),
            ("dilated", "dilations=[2,2], pads=[1,2,1,2]", "N,2,6,6"),
            ("open sizes", "pads=[1,0,1,2], strides=[2,2]", "N,2,H,W"),
            ("open sizes ceil_mode", "pads=[1,1,0,0], strides=[2,2], ceil_mode=1", "N,2,H,W"),
        )
    ],
    *[
        case(
            f"AveragePool {mode} {dims} stride {stride} count_include_pad {count}",
            f'y = AveragePool<kernel_shape=[3,2], auto_pad="{mode}", '
            f"strides=[{stride},{stride}], count_include_pad={count}>(x)",
            x=dims,
        )
        for mode in ("SAME_UPPER", "SAME_LOWER")
        for dims in ("N,2,7,6", "N,2,H,W")
        for stride in (1, 2)
        for count in (0, 1)
    ],
    case("AveragePool 1-D", "y = AveragePool<kernel_shape=[3], pads=[1,1]>(x)", x="N,2,7"),
    case(
        "AveragePool 3-D",
        "y = AveragePool<kernel_shape=[2,2,2], strides=[2,1,1], pads=[1,0,0,0,0,1]>(x)",
        x="N,2,3,4,3",
    ),
    case("GlobalAveragePool", "y = GlobalAveragePool(x)", x="N,3,4,5"),
    case("GlobalAveragePool open sizes", "y = GlobalAveragePool(x)", x="N,3,H,W"),
    case("GlobalAveragePool 1-D", "y = GlobalAveragePool(x)", x="N,3,7"),
    case("GlobalMaxPool", "y = GlobalMaxPool(x)", x="N,3,4,5"),
    case("GlobalMaxPool 3-D open sizes", "y = GlobalMaxPool(x)", x="N,3,D,H,W"),
]

_STATISTICS: dict[str, Any] = {"s": (3,), "b": (3,), "m": (3,), "v": [0.5, 1.25, 2.0]}

NORMALISATIONS: list[Case] = [
    case("BatchNormalization", "y = BatchNormalization(x, s, b, m, v)", x="N,3,4,5", **_STATISTICS),
    case(
        "BatchNormalization of vectors",
        "y = BatchNormalization<epsilon=0.1>(x, s, b, m, v)",
        x="N,3",
        **_STATISTICS,
    ),
    case(
        "BatchNormalization statistics in float32",
        "d = Cast<to=TYPE>(x) y = BatchNormalization(d, s, b, m, v)",
        x="N,3,6",
        **_STATISTICS,
    ),
    case(
        "InstanceNormalization",
        "y = InstanceNormalization<epsilon=0.01>(x, s, b)",
        x="N,3,4,5",
        s=(3,),
        b=(3,),
    ),
    case(
        "InstanceNormalization 1-D open size",
        "y = InstanceNormalization(x, s, b)",
        x="N,3,L",
        s=(3,),
        b=(3,),
    ),
    *[
        case(
            f"LRN size {size}",
            f"y = LRN<size={size}, alpha=0.3, beta=0.6, bias=1.5>(x)",
            x=dims,
            no_runtime="" if size % 2 else "its LRN takes odd sizes only",
        )
        for size, dims in ((3, "N,5,3,4"), (4, "N,5,3,2"), (1, "N,3,2,2"), (7, "N,4,H,W"))
    ],
    case(
        "LRN 1-D",
        "y = LRN<size=3, alpha=0.5>(x)",
        x="N,4,5",
        no_runtime="its LRN takes 4-D tensors only",
    ),
]

CASES = [*CONVOLUTIONS, *POOLS, *NORMALISATIONS]
