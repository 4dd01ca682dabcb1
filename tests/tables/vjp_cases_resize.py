"""VJP cases: Resize with its less common attributes, and with sizes that run time tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from support.vjp_case import Case, case

FLOAT = np.float32
EVERY = (
    *("half_pixel", "half_pixel_symmetric", "align_corners", "asymmetric", "pytorch_half_pixel"),
)


def _resize(
    name: str, attrs: str, x: str, ends: str = "x, , s", opset: int = 19, **tensors: Any
) -> Case:
    return case(f"Resize {name}", f"y = Resize<{attrs}>({ends})", x=x, opset=opset, **tensors)


def _floats(values: Sequence[float]) -> np.ndarray[Any, Any]:
    return np.array(values, FLOAT)


FILTERS: list[Case] = [
    *[
        _resize(
            f"{mode} antialias {where} {name}",
            f'mode="{mode}", antialias=1, coordinate_transformation_mode="{where}"',
            "N,2,8,9",
            s=_floats([1, 1, *scales]),
        )
        for mode in ("linear", "cubic")
        for where in EVERY
        for name, scales in (("down", [0.5, 1 / 3]), ("down and up", [0.25, 2]))
    ],
    *[
        _resize(
            f"{mode} antialias, outside left out",
            f'mode="{mode}", antialias=1, exclude_outside=1',
            "N,2,8,9",
            s=_floats([1, 1, 0.5, 0.4]),
        )
        for mode in ("linear", "cubic")
    ],
    _resize(
        "cubic antialias, own coefficient",
        'mode="cubic", antialias=1, cubic_coeff_a=-0.5',
        "N,2,8,9",
        s=_floats([1, 1, 0.5, 0.4]),
    ),
    _resize(
        "linear antialias to sizes",
        'mode="linear", antialias=1, axes=[2,3]',
        "N,2,7,9",
        "x, , , s",
        s=[3, 4],
    ),
    *[
        _resize(
            f"cubic {where}, outside left out",
            f'mode="cubic", exclude_outside=1, coordinate_transformation_mode="{where}"',
            "N,2,5,6",
            s=_floats([1, 1, 2, 0.5]),
        )
        for where in EVERY
    ],
]

CROP = 'coordinate_transformation_mode="tf_crop_and_resize"'
ROIS = {
    "inside": [0, 0, 0.2, 0.1, 1, 1, 0.9, 0.7],
    "beyond": [0, 0, -0.2, 0.1, 1, 1, 1.3, 1.2],
    "turned round": [0, 0, 0.9, 0.7, 1, 1, 0.2, 0.1],
}
CROPS: list[Case] = [
    *[
        _resize(
            f"{mode} of a crop {name}",
            f'mode="{mode}", extrapolation_value=0.7, {CROP}',
            "1,2,6,5",
            "x, r, , s",
            r=_floats(roi),
            s=[1, 2, 4, 7],
        )
        for mode in ("nearest", "linear", "cubic")
        for name, roi in ROIS.items()
    ],
    _resize(
        "of a crop by scales",
        f'mode="linear", {CROP}',
        "N,2,6,5",
        "x, r, s",
        r=_floats(ROIS["inside"]),
        s=_floats([1, 1, 1.5, 0.7]),
    ),
    _resize(
        "of a crop along axes",
        f'mode="linear", axes=[3,2], {CROP}',
        "N,2,6,5",
        "x, r, , s",
        r=_floats([0.1, 0.2, 0.7, 0.9]),
        s=[7, 4],
    ),
    _resize(
        "of a crop of run time",
        f'mode="linear", {CROP}, axes=[2,3]',
        "N,2,6,5",
        "x, r, , s",
        r="float 4",
        s=[4, 7],
        values={"r": _floats([0.2, 0.1, 0.9, 0.7])},
    ),
    _resize(
        "of a crop to one element",
        f'mode="linear", axes=[2,3], {CROP}',
        "N,2,6,5",
        "x, r, , s",
        r=_floats([0.2, 0.1, 0.9, 0.7]),
        s=[1, 3],
    ),
]

SIZES: list[Case] = [
    *[
        _resize(
            f"{mode} by scales of run time",
            f'mode="{mode}"',
            "N,2,4,6",
            s="float 4",
            values={"s": _floats([1, 1, 2, 0.5])},
        )
        for mode in ("nearest", "linear", "cubic")
    ],
    *[
        _resize(
            f"{mode} by scales of run time along axes",
            f'mode="{mode}", axes=[-1,-2]',
            "N,C,H,W",
            s="float 2",
            values={"s": _floats([1.5, 0.65])},
        )
        for mode in ("nearest", "linear", "cubic")
    ],
    _resize(
        "linear to sizes of run time along axes",
        'mode="linear", axes=[2,3]',
        "N,C,H,W",
        "x, , , s",
        s="int64 2",
        values={"s": np.array([3, 9])},
    ),
    *[
        _resize(
            f"linear {where} {name}",
            f'mode="linear", axes=[2,3], coordinate_transformation_mode="{where}"',
            f"N,2,{height},{width}",
            "x, , , s",
            s=sizes,
        )
        for where in EVERY
        for name, height, width, sizes in (
            ("from one element", 1, 4, [5, 8]),
            ("to one element", 6, 4, [1, 2]),
        )
    ],
    _resize(
        "3-D nearest to sizes",
        'axes=[2,3,4], nearest_mode="ceil"',
        "N,2,3,4,5",
        "x, , , s",
        s=[5, 2, 7],
    ),
    _resize("3-D linear down", 'mode="linear"', "N,2,4,6,5", s=_floats([1, 1, 0.5, 0.5, 0.6])),
    _resize("of channels too", 'mode="nearest"', "N,4,4,6", s=_floats([1, 0.5, 2, 0.5])),
    _resize(
        "of channels too, linear",
        'mode="linear"',
        "N,4,4,6",
        s=_floats([1, 0.5, 2, 0.5]),
        no_runtime="it resizes the spatial axes alone",
    ),
]

POLICIES: list[Case] = [
    *[
        _resize(
            f"{mode} {where} {policy} {sizes}",
            f'mode="{mode}", axes=[2,3], keep_aspect_ratio_policy="{policy}", '
            f'coordinate_transformation_mode="{where}"',
            f"N,2,{height},{width}",
            "x, , , s",
            s=sizes,
        )
        for mode in ("nearest", "linear", "cubic")
        for where in ("half_pixel", "asymmetric", "pytorch_half_pixel")
        for height, width, policy, sizes in (
            (4, 6, "not_larger", [8, 9]),
            (4, 6, "not_smaller", [8, 9]),
            (5, 7, "not_larger", [20, 10]),
            (5, 7, "not_larger", [20, 11]),
            (5, 7, "not_smaller", [3, 4]),
            (9, 4, "not_smaller", [4, 1]),
        )
    ],
    *[
        _resize(
            f"linear {attrs} not_larger",
            f'mode="linear", axes=[3,2], keep_aspect_ratio_policy="not_larger", {attrs}',
            "N,2,5,7",
            "x, , , s",
            s=[10, 20],
        )
        for attrs in (
            "antialias=1",
            'coordinate_transformation_mode="align_corners"',
            'coordinate_transformation_mode="half_pixel_symmetric"',
        )
    ],
    _resize(
        "linear antialias to a part, not_larger",
        'mode="linear", antialias=1, axes=[3,2], keep_aspect_ratio_policy="not_larger"',
        "N,2,8,9",
        "x, , , s",
        s=[6, 3],
    ),
    _resize(
        "linear not_larger along axes from the back",
        'mode="linear", axes=[-1,-2], keep_aspect_ratio_policy="not_larger"',
        "N,2,5,7",
        "x, , , s",
        s=[10, 20],
        no_runtime="it keeps the sizes of axes from the back",
    ),
    _resize(
        "3-D not_smaller",
        'axes=[2,3,4], keep_aspect_ratio_policy="not_smaller"',
        "N,1,3,4,5",
        "x, , , s",
        s=[2, 5, 3],
    ),
]

CASES = [*FILTERS, *CROPS, *SIZES, *POLICIES]
