"""VJP cases: regions that are explained themselves, of RoiAlign, MaxRoiPool and Resize."""

from __future__ import annotations

import numpy as np

from support.vjp_case import Case, case
from tables.vjp_cases_sampling import NO_22

FLOAT = np.float32

ROIS = [
    [1.13, 0.87, 4.21, 5.38],
    [-3.17, -2.09, 2.53, 9.41],
    [0.23, 0.31, 6.87, 3.12],
    [5.19, 5.07, 3.33, 3.52],
    [-9.1, -9.2, -7.3, -7.4],
    [2.31, 1.62, 2.83, 2.17],
]
"""Of usual size, beyond both borders, to a border, turned round, far outside, and small."""
ITEMS = [0, 1, 1, 0, 1, 0]


def _roi_align(mode: str, half: str, ratio: int, scale: float, rois: str = "r") -> str:
    return (
        f'RoiAlign<mode="{mode}", coordinate_transformation_mode="{half}", output_height=2, '
        f"output_width=3, sampling_ratio={ratio}, spatial_scale={scale}>(x, {rois}, i)"
    )


REGIONS: list[Case] = [
    *[
        case(
            f"RoiAlign {mode} {half} sampling_ratio {ratio} by its regions",
            f"y = {_roi_align(mode, half, ratio, scale)}",
            x="2,3,6,7",
            r="6,4",
            i=ITEMS,
            values={"r": ROIS},
        )
        for mode in ("avg", "max")
        for half in ("half_pixel", "output_half_pixel")
        for ratio, scale in ((0, 0.7), (1, 1.0), (2, 0.7), (3, 1.0))
    ],
    *[
        case(
            f"RoiAlign {mode} sampling_ratio {ratio} by {count} regions of open sizes",
            f"p = {_roi_align(mode, 'half_pixel', ratio, 0.9)} y = ReduceSum<keepdims=0>(p, a)",
            x="B,C,H,W",
            r="R,4",
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
            f"RoiAlign {mode} of one bin of a line by its regions",
            f'y = RoiAlign<mode="{mode}">(x, r, i)',
            x="2,1,1,5",
            r="6,4",
            i=ITEMS,
            values={"r": ROIS},
        )
        for mode in ("avg", "max")
    ],
    case(
        "RoiAlign-22 by its regions",
        f"y = {_roi_align('avg', 'half_pixel', 0, 1.0)}",
        x="2,2,6,7",
        r="6,4",
        i=ITEMS,
        values={"r": ROIS},
        opset=22,
        no_runtime=NO_22,
    ),
    case(
        "RoiAlign of regions that the picture says",
        f"m = ReduceMean(x, a) f = Reshape(m, s) q = Add(f, c) "
        f"y = {_roi_align('avg', 'half_pixel', 2, 1.0, 'q')}",
        x="2,4,6,7",
        a=[2, 3],
        s=[2, 4],
        c=[1.13, 0.87, 4.21, 5.38],
        i=[0, 1],
    ),
    *[
        case(
            f"MaxRoiPool by its regions, opset {opset}",
            "y = MaxRoiPool<pooled_shape=[2,3], spatial_scale=0.8>(x, r)",
            x="2,2,6,7",
            r="3,5",
            values={"r": [[0.3, *ROIS[0]], [1.4, *ROIS[1]], [1.2, *ROIS[2]]]},
            opset=opset,
            no_runtime=NO_22 if opset == 22 else "",
        )
        for opset in (18, 22)
    ],
]

CROP = 'coordinate_transformation_mode="tf_crop_and_resize"'


def _floats(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, FLOAT)


CROPS: list[Case] = [
    *[
        case(
            f"Resize {mode} by a crop {name}",
            f'y = Resize<mode="{mode}", axes=[2,3], extrapolation_value=0.7, {CROP}>'
            "(x, region, , s)",
            x="2,3,6,5",
            region="4",
            s=[4, 7],
            values={"region": roi},
            opset=19,
        )
        for mode in ("nearest", "linear", "cubic")
        for name, roi in (
            ("inside", [0.23, 0.11, 0.94, 0.72]),
            ("beyond", [-0.23, 0.11, 1.31, 1.17]),
            ("turned round", [0.94, 0.72, 0.23, 0.11]),
        )
    ],
    case(
        "Resize by a crop of every axis",
        f'y = Resize<mode="linear", {CROP}>(x, region, , s)',
        x="1,1,6,5",
        region="8",
        s=[1, 1, 4, 7],
        values={"region": [0.1, 0.05, 0.23, 0.11, 1, 0.95, 0.94, 0.72]},
        opset=19,
    ),
    case(
        "Resize by a crop and scales",
        f'y = Resize<mode="cubic", cubic_coeff_a=-0.5, axes=[3,2], {CROP}>(x, region, s)',
        x="2,2,6,5",
        region="4",
        s=_floats([1.5, 0.7]),
        values={"region": [0.13, 0.22, 0.91, 0.83]},
        opset=19,
    ),
    case(
        "Resize by a crop to one element",
        f'y = Resize<mode="linear", axes=[2,3], {CROP}>(x, region, , s)',
        x="2,2,6,5",
        region="4",
        s=[1, 3],
        values={"region": [0.23, 0.11, 0.94, 0.72]},
        opset=19,
    ),
    case(
        "Resize by a crop of open sizes",
        f'y = Resize<mode="linear", axes=[2,3], {CROP}>(x, region, , s)',
        x="B,C,H,W",
        region="4",
        s="int64 2",
        values={"region": [0.23, 0.11, 0.94, 0.72], "s": np.array([4, 7])},
        sizes={"B": 2},
        opset=19,
    ),
    case(
        "Resize 3-D by a crop",
        f'y = Resize<mode="linear", axes=[2,3,4], {CROP}>(x, region, , s)',
        x="1,2,3,4,5",
        region="6",
        s=[4, 2, 3],
        values={"region": [0.2, 0.1, 0.3, 0.9, 0.7, 0.8]},
        opset=19,
    ),
    case(
        "Resize linear by a crop that nothing reads",
        'y = Resize<mode="linear", axes=[2,3]>(x, region, , s)',
        x="2,2,6,5",
        region="4",
        s=[4, 7],
        opset=19,
    ),
]

SAME: list[Case] = [
    *[
        case(
            f"Resize {mode} {where} by a scale that keeps a size",
            f'y = Resize<mode="{mode}", coordinate_transformation_mode="{where}">(x, , s)',
            x="N,2,6,5",
            s=_floats([1, 1, 1.1, 2]),
            opset=19,
        )
        for mode in ("nearest", "linear", "cubic")
        for where in ("half_pixel", "asymmetric", "align_corners")
    ],
    case(
        "Resize linear crop by a scale that keeps a size",
        f'y = Resize<mode="linear", {CROP}>(x, r, s)',
        x="N,2,6,5",
        r=_floats([0, 0, 0.2, 0.1, 1, 1, 0.9, 0.7]),
        s=_floats([1, 1, 1.1, 2]),
        opset=19,
    ),
    *[
        case(
            f"Resize {mode} not_larger keeps a size",
            f'y = Resize<mode="{mode}", axes=[2,3], keep_aspect_ratio_policy="not_larger">'
            "(x, , , s)",
            x="N,2,2,5",
            s=[9, 6],
            opset=19,
        )
        for mode in ("nearest", "linear", "cubic")
    ],
    case(
        "Resize linear by scales of run time that keep a size",
        'y = Resize<mode="linear", axes=[2,3]>(x, , s)',
        x="N,C,H,W",
        s="float 2",
        values={"s": _floats([1.1, 1.6])},
        opset=19,
    ),
    case(
        "Resize of one element to one, by a crop",
        f'y = Resize<mode="linear", {CROP}>(x, r, , s)',
        x="1,1,4,4",
        r=_floats([0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.6, 0.8]),
        s=[1, 1, 3, 3],
        opset=19,
    ),
]

CASES = [*REGIONS, *CROPS, *SAME]
