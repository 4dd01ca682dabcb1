"""VJP cases: sampling at given places, pooling over regions, deformable convolutions, Col2Im."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from support.vjp_case import Case, case

PADDINGS = ("zeros", "border", "reflection")
ONLY_4D = "its cubic GridSample takes 4-D tensors only"
NOT_3D = "its GridSample takes 4-D and 5-D tensors only"
NO_22 = "it has no RoiAlign or MaxRoiPool of opset 22"
TURNED = [[[0.83, -0.41, 0.07], [0.46, 0.77, -0.12]], [[-1.13, 0.29, 0.31], [0.17, 0.61, 0.2]]]
EXPANDED = "b = Shape<end=1>({0}) s = Concat<axis=0>(b, tail) {1} = Expand(c, s) "


def grid_sample(mode: str, padding: str = "zeros", corners: int = 0) -> str:
    attrs = f'mode="{mode}", padding_mode="{padding}", align_corners={corners}'
    return f"GridSample<{attrs}>(x, g)"


GRIDS: list[Case] = [
    *[
        case(
            f"GridSample {mode} {padding} align_corners {corners}",
            f"y = {grid_sample(mode, padding, corners)}",
            x="N,2,5,6",
            g="N,3,7,2",
            opset=20,
        )
        for mode in ("linear", "nearest", "cubic")
        for padding in PADDINGS
        for corners in (0, 1)
    ],
    *[
        case(
            f"GridSample 3-D {mode} {padding} align_corners {corners}",
            f"y = {grid_sample(mode, padding, corners)}",
            x="N,2,3,4,5",
            g="N,2,3,4,3",
            opset=20,
            low=-1.6,
            high=1.6,
            no_runtime=ONLY_4D if mode == "cubic" else "",
        )
        for mode in ("linear", "nearest", "cubic")
        for padding, corners in zip(PADDINGS, (0, 1, 0), strict=True)
    ],
    *[
        case(
            f"GridSample 1-D {mode}",
            f"y = {grid_sample(mode, 'reflection')}",
            x="N,2,6",
            g="N,4,1",
            opset=20,
            no_runtime=NOT_3D,
        )
        for mode in ("linear", "nearest", "cubic")
    ],
    *[
        case(
            f"GridSample-16 {mode}",
            f"y = {grid_sample(mode, 'border')}",
            x="N,2,5,6",
            g="N,3,4,2",
            opset=16,
        )
        for mode in ("bilinear", "nearest", "bicubic")
    ],
    case(
        "GridSample-22",
        f"y = {grid_sample('linear', 'reflection', 1)}",
        x="N,2,5,6",
        g="N,3,4,2",
        opset=22,
    ),
    *[
        case(
            f"GridSample {mode} {padding} align_corners {corners}, one element high",
            f"y = {grid_sample(mode, padding, corners)}",
            x="N,2,1,4",
            g="N,3,4,2",
            opset=20,
        )
        for mode in ("linear", "cubic")
        for padding in PADDINGS
        for corners in (0, 1)
    ],
    *[
        case(
            f"GridSample {mode} {padding}, far outside",
            f"y = {grid_sample(mode, padding)}",
            x="N,2,3,4",
            g="N,3,4,2",
            opset=20,
            low=-9.0,
            high=9.0,
        )
        for mode in ("linear", "cubic")
        for padding in PADDINGS
    ],
    case(
        "GridSample open sizes",
        f"y = {grid_sample('cubic', 'border')}",
        x="N,C,H,W",
        g="N,L,D,2",
        opset=20,
    ),
    case(
        "GridSample of a constant grid",
        f"{EXPANDED.format('x', 'g')} y = {grid_sample('bilinear', 'border')}",
        x="N,2,5,6",
        c=(1, 3, 4, 2),
        tail=[3, 4, 2],
    ),
    case(
        "GridSample of a constant picture",
        f"{EXPANDED.format('g', 'x')} y = {grid_sample('bilinear')}",
        g="N,3,4,2",
        c=(1, 2, 5, 6),
        tail=[2, 5, 6],
    ),
    *[
        case(
            f"GridSample {mode}, at the elements and halfway between",
            f"{EXPANDED.format('x', 'g')} y = {grid_sample(mode, 'border', 1)}",
            x="N,2,5,5",
            c=[[[[i / 4, -i / 4] for i in range(-5, 6)]]],
            tail=[1, 11, 2],
        )
        for mode in ("bilinear", "nearest", "bicubic")
    ],
    *[
        case(
            f"GridSample behind AffineGrid, align_corners {corners}",
            f"g = AffineGrid<align_corners={corners}>(t, s) "
            f"y = {grid_sample('linear', 'zeros', corners)}",
            x="2,2,5,6",
            t="2,2,3",
            s=[2, 2, 3, 4],
            values={"t": TURNED},
            opset=20,
        )
        for corners in (0, 1)
    ],
    case(
        "GridSample reads where the picture says",
        'k = Transpose<perm=[0,2,3,1]>(x) g = Tanh(k) y = GridSample<padding_mode="border">(x, g)',
        x="N,2,4,5",
        opset=20,
    ),
]

ROIS = [[1.0, 1, 4, 5], [-3, -2, 2.5, 9], [0.2, 0.3, 6.9, 3.1], [5, 5, 3, 3.5], [-9, -9, -7, -7]]
ITEMS = [0, 1, 1, 0, 1]


def roi_align(mode: str, half: str, ratio: int, scale: float = 1.0, rois: str = "r") -> str:
    return (
        f'RoiAlign<mode="{mode}", coordinate_transformation_mode="{half}", output_height=2, '
        f"output_width=3, sampling_ratio={ratio}, spatial_scale={scale}>(x, {rois}, i)"
    )


REGIONS: list[Case] = [
    *[
        case(
            f"RoiAlign {mode} {half} sampling_ratio {ratio}",
            f"y = {roi_align(mode, half, ratio, scale)}",
            x="2,2,6,7",
            r=ROIS,
            i=ITEMS,
        )
        for mode in ("avg", "max")
        for half in ("half_pixel", "output_half_pixel")
        for ratio, scale in ((0, 0.7), (1, 1.0), (2, 0.7), (3, 1.0))
    ],
    *[
        case(
            f"RoiAlign {mode} sampling_ratio {ratio}, {count} regions of run time",
            f"q = Cast<to=TYPE>(r) p = {roi_align(mode, 'half_pixel', ratio, rois='q')} "
            "y = ReduceSum<keepdims=0>(p, a)",
            x="B,C,H,W",
            r="double R,4",
            i="int64 R",
            a=[0],
            values={"r": np.reshape(ROIS[:count], (count, 4)), "i": np.array(ITEMS[:count], int)},
            sizes={"B": 2, "R": count},
        )
        for mode in ("avg", "max")
        for ratio in (0, 2)
        for count in (3, 0)
    ],
    *[
        case(
            f"RoiAlign-10 {mode}",
            f'y = RoiAlign<mode="{mode}", output_height=2, output_width=2>(x, r, i)',
            x="2,2,6,7",
            r=ROIS,
            i=ITEMS,
            opset=10,
            canonical="onnx.reference moves the regions by half an element, unlike opset 10",
        )
        for mode in ("avg", "max")
    ],
    case(
        "RoiAlign-22",
        f"y = {roi_align('avg', 'half_pixel', 0)}",
        x="2,2,6,7",
        r=ROIS,
        i=ITEMS,
        opset=22,
        no_runtime=NO_22,
    ),
    case("RoiAlign of one bin", "y = RoiAlign(x, r, i)", x="2,1,1,5", r=ROIS, i=ITEMS),
    *[
        case(
            f"MaxRoiPool {name}",
            f"y = MaxRoiPool<pooled_shape={list(pooled)}, spatial_scale={scale}>(x, r)",
            x="2,2,6,7",
            r=[[0.0, 1, 1, 4, 5], [1, -3, -2, 3, 9], [1, 2, 0, 2, 0], [0, 6, 5, 3, 3]],
            opset=opset,
            no_runtime=NO_22 if opset == 22 else "",
        )
        for name, pooled, scale, opset in (
            ("whole", (2, 2), 1.0, 18),
            ("scaled", (3, 2), 0.5, 18),
            ("of more bins than elements", (4, 5), 1.0, 1),
            ("22", (2, 3), 1.0, 22),
        )
    ],
    case(
        "MaxRoiPool outside",
        "y = MaxRoiPool<pooled_shape=[2,2]>(x, r)",
        x="1,2,3,4",
        r=[[0.0, 9, 9, 12, 12], [0, 1, 1, 9, 9]],
    ),
    case(
        "MaxRoiPool regions of run time",
        "q = Cast<to=TYPE>(r) y = MaxRoiPool<pooled_shape=[2,2]>(x, q)",
        x="B,C,H,W",
        r="double R,5",
        values={"r": np.array([[1.0, 0, 1, 3, 4], [0, 2, 2, 5, 5]])},
        sizes={"B": 2, "R": 2},
    ),
]

_GENERAL = "strides=[2,1], dilations=[1,2], pads=[1,0,2,1]"


def _deform(name: str, attrs: str, x: str, w: Any, offset: str, **more: Any) -> Case:
    inputs = ", ".join(["x", "w", "o", *([] if not more.get("b") else ["b"])])
    if "m" in more:
        inputs = ", ".join(["x", "w", "o", "b" if "b" in more else "", "m"])
    body = f"y = DeformConv{attrs}({inputs})"
    return case(f"DeformConv {name}", body, x=x, w=w, o=offset, **{"opset": 19, **more})


DEFORMED: list[Case] = [
    _deform("", "", "N,2,4,5", (3, 2, 2, 2), "N,8,3,4"),
    _deform("masked", "", "N,2,4,5", (3, 2, 2, 2), "N,8,3,4", m="N,4,3,4"),
    _deform("biased", "", "N,2,4,5", (3, 2, 2, 2), "N,8,3,4", b=(3,)),
    _deform(
        "strided, dilated, padded",
        f"<{_GENERAL}>",
        "N,2,5,5",
        (3, 2, 2, 3),
        "N,12,4,2",
        m="N,6,4,2",
    ),
    _deform("grouped", "<group=2>", "N,4,3,4", (6, 2, 2, 2), "N,8,2,3"),
    _deform(
        "by offset groups", "<offset_group=2>", "N,4,3,4", (2, 4, 2, 1), "N,8,2,4", m="N,4,2,4"
    ),
    _deform(
        "by more offset groups than groups",
        "<group=2, offset_group=4>",
        "N,4,3,4",
        (2, 2, 2, 2),
        "N,32,2,3",
        m="N,16,2,3",
    ),
    _deform(
        "by fewer offset groups than groups",
        "<group=4, offset_group=2>",
        "N,4,3,4",
        (4, 1, 2, 2),
        "N,16,2,3",
    ),
    _deform("of one element high", "", "N,2,1,5", (2, 2, 1, 2), "N,4,1,4"),
    _deform("by all its inputs", "", "2,2,3,4", "3,2,2,2", "2,8,2,3", b="3", m="2,4,2,3"),
    _deform("grouped, by its weight", "<group=2>", "2,4,3,4", "4,2,2,1", "2,4,2,4"),
    _deform("open sizes", "<pads=[1,1,1,1]>", "N,2,H,W", (2, 2, 3, 3), "N,18,H,W"),
    _deform("22", "", "N,2,4,5", (3, 2, 2, 2), "N,8,3,4", opset=22),
    _deform("far outside", "", "N,2,3,3", (2, 2, 2, 2), "N,8,2,2", low=-6.0, high=6.0, m="N,4,2,2"),
    _deform(
        "3-D",
        "<strides=[1,2,1]>",
        "N,2,3,3,3",
        (2, 2, 2, 1, 2),
        "N,12,2,2,2",
        no_runtime="its DeformConv takes 4-D tensors only",
    ),
    case(
        "DeformConv moved by its own input",
        "o = Conv<pads=[1,1,1,1]>(x, v) y = DeformConv<pads=[1,1,1,1]>(x, w, o)",
        x="N,2,4,3",
        v=(18, 2, 3, 3),
        w=(2, 2, 3, 3),
        opset=19,
    ),
    case(
        "DeformConv with a constant offset",
        f"{EXPANDED.format('x', 'o')} y = DeformConv(x, w, o)",
        x="N,2,4,5",
        w=(3, 2, 2, 2),
        c=(1, 8, 3, 4),
        tail=[8, 3, 4],
        opset=19,
    ),
]


def _col2im(
    name: str,
    image: Sequence[int],
    block: Sequence[int],
    strides: Sequence[int] = (),
    dilations: Sequence[int] = (),
    pads: Sequence[int] = (),
    **more: Any,
) -> Case:
    rank = len(image)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    pads = pads or [0] * 2 * rank
    blocks = math.prod(
        (image[a] + pads[a] + pads[a + rank] - dilations[a] * (block[a] - 1) - 1) // strides[a] + 1
        for a in range(rank)
    )
    attrs = f"strides={list(strides)}, dilations={list(dilations)}, pads={list(pads)}"
    return case(
        f"Col2Im {name}",
        f"y = Col2Im<{attrs}>(x, s, k)",
        **{
            "x": f"N,{2 * math.prod(block)},{blocks}",
            "s": list(image),
            "k": list(block),
            **more,
        },
    )


COLUMNS: list[Case] = [
    _col2im("", [5, 4], [2, 3]),
    _col2im("strided", [5, 6], [2, 3], strides=[2, 1]),
    _col2im("strided past a rest", [6, 6], [2, 2], strides=[3, 3]),
    _col2im("dilated", [5, 6], [2, 2], dilations=[2, 3]),
    _col2im("padded", [5, 6], [2, 3], pads=[1, 0, 2, 1]),
    _col2im("overlapping", [5, 6], [3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    _col2im("1-D", [7], [3], strides=[2], pads=[1, 1]),
    _col2im("3-D", [4, 5, 3], [2, 2, 2], strides=[1, 2, 1], pads=[0, 1, 0, 1, 0, 1]),
    _col2im(
        "3-D dilated",
        [4, 5, 6],
        [2, 2, 2],
        dilations=[1, 2, 1],
        no_runtime="its Col2Im misplaces dilated blocks of three axes",
    ),
    _col2im("of one block", [1, 5], [1, 5]),
    _col2im("open channels", [4, 4], [2, 2], x="N,C,9", sizes={"C": 8}),
    _col2im("to a size of run time", [4, 5], [2, 2], s="int64 2", values={"s": np.array([4, 5])}),
]

CASES = [*GRIDS, *REGIONS, *DEFORMED, *COLUMNS]
