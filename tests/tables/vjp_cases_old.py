"""Cases of old operator forms, and of operators that the standard has dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from support.vjp_case import Case, case

FLOAT = np.float32
TOO_OLD = "ONNX Runtime (1.31.1) begins at opset 7"
NO_REFERENCE = "onnx.reference has no such operator"
NOT_FLATTENED = "onnx.reference does not flatten the axes behind `axis`"
PLAIN_MODE = "onnx.reference takes the modern defaults for the coordinates"
BROKEN = "onnx.reference fails on it"
ATTRIBUTE = "onnx.reference does not know the form with attributes"

_STATISTICS: dict[str, Any] = {"s": (3,), "b": (3,), "m": (3,), "v": [0.5, 1.25, 2.0]}

OLD: list[Case] = [
    *[
        case(f"Clip-6 {name}", f"y = Clip<{attrs}>(x)", x="N,3,4", opset=opset)
        for opset, name, attrs in (
            (7, "of both sides", "min=-0.5, max=0.75"),
            (10, "from below", "min=0.25"),
            (9, "from above", "max=0.25"),
        )
    ],
    *[
        case(
            f"Pad-2 {mode}",
            f'y = Pad<mode="{mode}", pads=[0,0,1,2,0,0,2,0], value=0.5>(x)',
            x="N,2,4,5",
            opset=9,
        )
        for mode in ("constant", "reflect", "edge")
    ],
    case("Slice-1", "y = Slice<axes=[2,1], starts=[1,-2], ends=[1000,3]>(x)", x="N,3,5", opset=9),
    case("Slice-1 without axes", "y = Slice<starts=[0,1], ends=[3,-1]>(x)", x="4,5", opset=7),
    case("Squeeze-1", "y = Squeeze<axes=[1]>(x)", x="N,1,4", opset=9),
    case("Squeeze-11 negative axis", "y = Squeeze<axes=[-1]>(x)", x="N,4,1", opset=11),
    case("Unsqueeze-1", "y = Unsqueeze<axes=[1,3]>(x)", x="N,4,5", opset=9),
    *[
        case(
            f"{op} opset {opset}",
            f"y = {op}<axes=[{axes}], keepdims={keep}>(x)",
            x="N,3,4",
            opset=opset,
        )
        for op in (
            "ReduceSum",
            "ReduceMean",
            "ReduceMax",
            "ReduceMin",
            "ReduceL2",
            "ReduceSumSquare",
        )
        for opset, axes, keep in ((7, "1,2", 0), (11, "-1", 1))
    ],
    case("ReduceMean-13 of everything", "y = ReduceMean(x)", x="3,4", opset=13),
    case(
        "Split-2 by sizes",
        "a, b = Split<axis=1, split=[1,3]>(x) c = Tanh(a) y = Mul(b, c)",
        x="N,4,3",
        opset=9,
    ),
    case("Split-2 evenly", "a, b = Split<axis=1>(x) c = Tanh(a) y = Mul(b, c)", x="N,4,3", opset=7),
    case(
        "Split-13 evenly", "a, b = Split<axis=1>(x) c = Tanh(a) y = Mul(b, c)", x="N,4,3", opset=13
    ),
    case("Dropout-7", "h = Dropout<ratio=0.4>(x) y = Tanh(h)", x="N,3", opset=7),
    case("Dropout-10", "h = Dropout<ratio=0.4>(x) y = Tanh(h)", x="N,3", opset=10),
    case(
        "BatchNormalization-7",
        "y = BatchNormalization<momentum=0.8>(x, s, b, m, v)",
        x="N,3,4",
        opset=7,
        canonical=BROKEN,
        **_STATISTICS,
    ),
    case(
        "BatchNormalization-7 of each position",
        "y = BatchNormalization<spatial=0, epsilon=0.01>(x, s, b, m, v)",
        x="N,3,2",
        opset=7,
        s=(3, 2),
        b=(3, 2),
        m=(3, 2),
        v=[[0.5, 1.25], [2.0, 1.0], [0.7, 0.3]],
        canonical="onnx.reference takes every statistic as one number for each channel",
    ),
    *[
        case(
            f"{op} opset {opset} axis {axis}",
            f"y = {op}<axis={axis}>(x)",
            x=x,
            opset=opset,
            canonical=NOT_FLATTENED,
        )
        for op in ("Softmax", "LogSoftmax")
        for opset, axis, x in (
            (7, 1, "N,3,4"),
            (11, 2, "N,3,4,2"),
            (11, -1, "N,3,4"),
            (11, 1, "N,3,1,1"),
            (12, 0, "2,3"),
        )
    ],
    case(
        "Softmax opset 11 default axis",
        "y = Softmax(x)",
        x="N,3,2",
        opset=11,
        canonical=NOT_FLATTENED,
    ),
    case(
        "Upsample-7 nearest",
        'y = Upsample<mode="nearest", scales=[1.0,1.0,2.0,3.0]>(x)',
        x="N,2,3,2",
        opset=7,
        canonical=ATTRIBUTE,
    ),
    case(
        "Upsample-7 linear",
        'y = Upsample<mode="linear", scales=[1.0,1.0,2.0,2.0]>(x)',
        x="N,2,3,4",
        opset=7,
        canonical=ATTRIBUTE,
    ),
    case(
        "Upsample-9 nearest",
        'y = Upsample<mode="nearest">(x, s)',
        x="N,2,3,2",
        opset=9,
        s=np.array([1, 1, 2, 2.5], FLOAT),
        canonical=PLAIN_MODE,
    ),
    case(
        "Upsample-9 linear",
        'y = Upsample<mode="linear">(x, s)',
        x="N,2,3,4",
        opset=9,
        s=np.array([1, 1, 2, 1.5], FLOAT),
        canonical=PLAIN_MODE,
    ),
    case(
        "Upsample-9 open sizes",
        'y = Upsample<mode="nearest">(x, s)',
        x="N,2,H,W",
        opset=9,
        s=np.array([1, 1, 2, 2], FLOAT),
        canonical=PLAIN_MODE,
    ),
    *[
        case(
            f"Resize-10 {mode}",
            f'y = Resize<mode="{mode}">(x, s)',
            x="N,2,4,5",
            opset=10,
            s=np.array([1, 1, 1.5, 2], FLOAT),
            canonical=PLAIN_MODE,
        )
        for mode in ("nearest", "linear")
    ],
    *[
        case(
            f"Resize-11 tf_half_pixel_for_nn {name}",
            'y = Resize<mode="nearest", coordinate_transformation_mode="tf_half_pixel_for_nn", '
            'nearest_mode="floor">(x, none, s)',
            x="N,2,5,6",
            opset=11,
            none=np.zeros(0, FLOAT),
            s=np.array([1, 1, *scales], FLOAT),
            canonical="onnx.reference has no such coordinate mode",
        )
        for name, scales in (("by whole factors", [2, 0.5]), ("unevenly", [1.7, 0.65]))
    ],
    case(
        "Resize-11 linear, empty roi",
        'y = Resize<mode="linear">(x, none, s)',
        x="N,2,4,5",
        opset=11,
        none=np.zeros(0, FLOAT),
        s=np.array([1, 1, 1.5, 2], FLOAT),
    ),
    case(
        "Resize-11 to sizes, empty scales",
        'y = Resize<mode="linear", coordinate_transformation_mode="align_corners">'
        "(x, none, none, s)",
        x="1,2,4,5",
        opset=11,
        none=np.zeros(0, FLOAT),
        s=[1, 2, 8, 7],
    ),
    case(
        "Resize-13 cubic",
        'y = Resize<mode="cubic">(x, , s)',
        x="N,2,4,5",
        opset=13,
        s=np.array([1, 1, 1.5, 2], FLOAT),
    ),
    case(
        "ImageScaler",
        "y = ImageScaler<scale=0.5, bias=[0.25,-1.0,3.0]>(x)",
        x="N,3,4,4",
        opset=7,
        canonical=NO_REFERENCE,
    ),
    case(
        "Affine",
        "y = Affine<alpha=1.5, beta=-0.5>(x)",
        x="N,3,4,4",
        opset=7,
        canonical=NO_REFERENCE,
    ),
    case("Scale", "y = Scale<scale=-1.5>(x)", x="N,3,4", opset=7, canonical=NO_REFERENCE),
    *[
        case(name, body, x="N,3,4", opset=opset, canonical=NO_REFERENCE, no_runtime=TOO_OLD)
        for name, body, opset in (
            ("Relu-1", "y = Relu<consumed_inputs=[0]>(x)", 5),
            ("Selu-1", "y = Selu(x)", 5),
            ("Sum-1", "h = Exp<consumed_inputs=[0]>(x) y = Sum<consumed_inputs=[0,0]>(x, h)", 5),
            ("LpPool-1", "y = LpPool<p=3.0, kernel_shape=[2]>(x)", 1),
            ("GlobalLpPool-1", "y = GlobalLpPool<p=3.0>(x)", 1),
        )
    ],
    case(
        "Tile-1",
        "y = Tile(x, tiles, axis)",
        x="N,3,4",
        tiles=np.array([2]),
        axis=np.array([1]),
        opset=5,
        canonical=NO_REFERENCE,
        no_runtime=TOO_OLD,
    ),
    case(
        "Gemm-6",
        "y = Gemm<broadcast=1>(x, w, b)",
        x="N,3",
        w="3,4",
        b="4",
        opset=6,
        canonical=NO_REFERENCE,
        no_runtime=TOO_OLD,
    ),
    case("Crop", "y = Crop<border=[1,2,0,1]>(x)", x="N,2,6,5", opset=7, canonical=NO_REFERENCE),
    case(
        "Crop to a size",
        "y = Crop<border=[1,2,0,0], scale=[3,2]>(x)",
        x="N,2,6,5",
        opset=7,
        canonical=NO_REFERENCE,
    ),
]

CASES = OLD
