"""Cases of what moves, picks, repeats and resizes."""

from __future__ import annotations

import numpy as np

from support.vjp_case import Case, case

FLOAT = np.float32

INDEXING: list[Case] = [
    *[
        case(
            f"Slice {name}",
            "y = Slice(x, starts, ends, axes, steps)",
            x=x,
            starts=np.array(starts),
            ends=np.array(ends),
            axes=np.array(axes),
            steps=np.array(steps),
        )
        for name, x, starts, ends, axes, steps in (
            ("inside", "N,3,5,6", [1, 2], [3, 5], [2, 3], [1, 1]),
            ("negative starts", "N,3,5,6", [-4, -3], [-1, -1], [2, 3], [1, 1]),
            ("ends beyond", "N,3,5", [1], [2**40], [2], [1]),
            ("negative axes", "N,3,5", [1], [4], [-1], [1]),
            ("step 2", "N,3,7", [1], [7], [2], [2]),
            ("step 2 leaves a rest", "N,3,8", [0], [8], [2], [3]),
            ("step -1", "N,3,5", [-1], [-(2**40)], [2], [-1]),
            ("step -2", "N,3,7", [5], [0], [2], [-2]),
            ("open size", "N,3,H", [1], [-1], [2], [1]),
            ("open size step -2", "N,3,H", [-2], [-(2**40)], [2], [-2]),
            ("start beyond is empty in part", "N,3,5", [-9], [3], [2], [1]),
        )
    ],
    case("Slice without axes", "y = Slice(x, s, e)", x="4,5", s=[1, 2], e=[3, 4]),
    case(
        "Slice of unsorted axes", "y = Slice(x, s, e, a)", x="N,5,6", s=[1, 0], e=[6, 3], a=[2, 1]
    ),
    case(
        "Slice at run time",
        "y = Slice(x, s, e, a)",
        x="N,3,6",
        a=[2],
        s="int64 1",
        e="int64 1",
        values={"s": np.array([1]), "e": np.array([-1])},
    ),
    case(
        "Slice by a computed end",
        "l = Shape<start=2>(x) e = Div(l, two) y = Slice(x, z, e, a)",
        x="N,3,H",
        two=[2],
        z=[0],
        a=[2],
    ),
    *[
        case(f"Gather {name}", f"y = Gather<axis={axis}>(x, i)", x=x, i=np.array(index))
        for name, axis, x, index in (
            ("some", 2, "N,3,5", [3, 0]),
            ("a scalar", 2, "N,3,5", 2),
            ("a negative scalar", 1, "N,3,5", -1),
            ("negative indices", 2, "N,3,5", [-1, -4]),
            ("repeated indices", 2, "N,3,5", [1, 1, 4, 1]),
            ("repeated by sign", 2, "N,3,5", [1, -4]),
            ("a permutation", 1, "N,4,3", [2, 0, 3, 1]),
            ("a matrix of indices", 1, "N,4,3", [[2, 0], [1, 1]]),
            ("a negative axis", -2, "N,4,3", [1, 3]),
            ("int32 indices", 1, "N,4,3", np.array([1, 3], np.int32)),
            ("along the first axis", 0, "4,3", [1, 1, 2]),
            ("an open axis", 2, "N,3,H", [1, 3]),
            ("an open axis, both signs", 2, "N,3,H", [1, -1, 1]),
            ("one scalar of a vector", 0, "4", 1),
        )
    ],
    case(
        "Gather at run time",
        "y = Gather<axis=2>(x, i)",
        x="N,3,5",
        i="int64 3",
        values={"i": np.array([4, -5, 4])},
    ),
    *[
        case(
            f"GatherElements {name}",
            f"y = GatherElements<axis={axis}>(x, i)",
            x=x,
            i="int64 N,2,3",
            values={"i": np.arange(18).reshape(3, 2, 3) * 7 % size + shift},
        )
        for name, axis, x, size, shift in (
            ("last axis", -1, "N,2,4", 4, 0),
            ("negative indices", 2, "N,2,4", 4, -4),
            ("axis 1", 1, "N,5,3", 5, 0),
            ("axis 1 of a wider tensor", 1, "N,5,4", 5, 0),
        )
    ],
]

SHAPES: list[Case] = [
    *[
        case(f"Reshape {name}", "h = Reshape(x, s) y = Tanh(h)", x=x, s=np.array(shape))
        for name, x, shape in (
            ("to the batch and the rest", "N,3,4", [0, -1]),
            ("0 and -1", "N,3,4,2", [0, 0, -1]),
            ("static", "2,3,4", [4, 6]),
            ("more axes", "N,6,4", [0, 2, 3, 4]),
            ("open sizes", "N,3,H,W", [0, 3, -1]),
            ("-1 in front", "N,3,4", [-1, 12]),
        )
    ],
    case(
        "Reshape to a computed shape",
        "s = Shape(b) y = Reshape(x, s)",
        x="N,3,H,W",
        b="bool N,H,W,3",
        values={"b": np.ones((3, 7, 6, 3), bool)},
    ),
    *[
        case(f"Flatten axis {axis}", f"h = Flatten<axis={axis}>(x) y = Tanh(h)", x=x)
        for axis, x in ((0, "2,3,4"), (1, "N,3,4"), (2, "2,3,4"), (-1, "2,3,4"))
    ],
    case("Flatten open sizes", "h = Flatten(x) y = Tanh(h)", x="N,3,H,W"),
    case("Transpose", "y = Transpose<perm=[0,2,3,1]>(x)", x="N,3,4,5"),
    case("Transpose without perm", "y = Transpose(x)", x="2,3,4"),
    case("Transpose of a cycle", "h = Transpose<perm=[1,2,0]>(x) y = Tanh(h)", x="2,3,4"),
    case("Squeeze", "y = Squeeze(x, axes)", x="N,1,3,1", axes=[1, 3]),
    case("Squeeze negative axes", "y = Squeeze(x, axes)", x="N,3,1,1", axes=[-1, -2]),
    case("Squeeze without axes", "y = Squeeze(x)", x="3,1,4,1"),
    case("Unsqueeze", "y = Unsqueeze(x, axes)", x="N,3,H", axes=[1, 3]),
    case("Unsqueeze negative axes", "y = Unsqueeze(x, axes)", x="N,3,4", axes=[-1, -3]),
    case("Expand", "y = Expand(x, s)", x="N,3,1", s=[1, 3, 4]),
    case("Expand to more axes", "y = Expand(x, s)", x="3,1", s=[2, 1, 4]),
    case("Expand by ones", "y = Expand(x, s)", x="N,1,4", s=[3, 1]),
    case(
        "Expand at run time",
        "y = Expand(x, s)",
        x="N,3,1",
        s="int64 3",
        values={"s": np.array([1, 3, 4])},
    ),
    case("Tile", "y = Tile(x, r)", x="N,3,4", r=[1, 2, 3]),
    case("Tile of the last axis, open", "y = Tile(x, r)", x="N,3,H", r=[1, 1, 2]),
    case("Tile of nothing", "h = Tile(x, r) y = Tanh(h)", x="N,3", r=[1, 1]),
    case("Tile of the first axis", "y = Tile(x, r)", x="2,3", r=[2, 1]),
    case("Concat", "y = Concat<axis=1>(a, b)", a="N,3,4", b="N,2,4"),
    case("Concat negative axis", "y = Concat<axis=-1>(a, b, c)", a="N,3,4", b="N,3,2", c="N,3,1"),
    case("Concat open sizes", "y = Concat<axis=2>(a, b)", a="N,3,H", b="N,3,W"),
    case("Concat with a constant", "h = Concat<axis=0>(x, c) y = Tanh(h)", x="2,3", c=(1, 3)),
    case("Concat of itself", "h = Tanh(x) y = Concat<axis=1>(h, x, h)", x="N,2,3"),
    case("Split evenly", "a, b = Split<axis=1, num_outputs=2>(x) y = Mul(a, b)", x="N,4,3"),
    case(
        "Split unevenly",
        "a, b = Split<axis=-1, num_outputs=2>(x) c = Tanh(a) d = Exp(b) y = Concat<axis=2>(c, d)",
        x="N,2,5",
    ),
    case(
        "Split by sizes",
        "a, b, c = Split<axis=1>(x, s) d = Tanh(b) y = Concat<axis=1>(d, c, a)",
        x="N,6,2",
        s=[1, 3, 2],
    ),
    case(
        "Split, one part unused",
        "a, b, c = Split<axis=1>(x, s) y = Tanh(b)",
        x="N,6,2",
        s=[1, 3, 2],
    ),
    case(
        "Split of an open axis, one part unused",
        "a, b = Split<axis=2, num_outputs=2>(x) y = Tanh(b)",
        x="N,3,W",
    ),
    case("Split, one part twice", "a, b = Split<axis=1, num_outputs=2>(x) y = Mul(a, a)", x="N,4"),
    case("DepthToSpace DCR", "y = DepthToSpace<blocksize=2>(x)", x="N,8,2,3"),
    case("DepthToSpace CRD", 'y = DepthToSpace<blocksize=2, mode="CRD">(x)', x="N,8,2,3"),
    case(
        "DepthToSpace CRD, blocks of 3",
        'y = DepthToSpace<blocksize=3, mode="CRD">(x)',
        x="N,18,H,W",
        sizes={"H": 2, "W": 3},
    ),
    case("SpaceToDepth", "y = SpaceToDepth<blocksize=2>(x)", x="N,3,4,6"),
    *[
        case(f"Pad {mode} {name}", f'y = Pad<mode="{mode}">(x, p)', x=x, p=np.array(pads), opset=19)
        for mode in ("constant", "reflect", "edge", "wrap")
        for name, x, pads in (
            ("of two axes", "N,2,5,4", [0, 0, 2, 1, 0, 0, 3, 2]),
            ("of one side", "N,2,5", [0, 0, 3, 0, 0, 0]),
            ("of an open size", "N,2,H", [0, 0, 2, 0, 0, 3]),
            ("as wide as can be", "N,2,4", [0, 0, 3, 0, 0, 3]),
        )
    ],
    case("Pad constant negative", "y = Pad(x, p)", x="N,2,6", p=[0, 0, -1, 0, 0, -2]),
    case(
        "Pad constant, both signs",
        "y = Pad(x, p, v)",
        x="N,2,6,5",
        v=0.7,
        p=[0, 0, -1, 2, 0, 0, 2, -2],
    ),
    case(
        "Pad edge along axes",
        'y = Pad<mode="edge">(x, p, , a)',
        x="N,2,6,5",
        p=[1, 2, 2, 0],
        a=[-1, 2],
    ),
    case(
        "Pad constant along axes",
        "y = Pad(x, p, v, a)",
        x="N,2,6,5",
        p=[1, 2, 2, 0],
        a=[3, 2],
        v=1.5,
    ),
    case(
        "Pad at run time",
        "y = Pad(x, p)",
        x="N,2,4",
        p="int64 6",
        values={"p": np.array([0, 0, 1, 0, 0, 2])},
    ),
    case(
        "Pad at run time along axes",
        "y = Pad(x, p, , a)",
        x="N,2,4",
        p="int64 2",
        a=[2],
        values={"p": np.array([1, 2])},
    ),
]

COORDINATES = (
    *("half_pixel", "half_pixel_symmetric", "align_corners", "asymmetric", "pytorch_half_pixel"),
)
UNEVEN = {where: [2.3, 0.65] for where in COORDINATES}
# onnx.reference and ONNX Runtime disagree on the corners where a size has to be rounded.
UNEVEN["align_corners"] = [2.25, 0.5]

RESIZING: list[Case] = [
    *[
        case(
            f"Resize nearest {where} {rounding} {name}",
            f'y = Resize<mode="nearest", coordinate_transformation_mode="{where}", '
            f'nearest_mode="{rounding}">(x, , scales)',
            x="N,2,4,6",
            scales=np.array([1, 1, *scales], FLOAT),
            opset=19,
        )
        for where in COORDINATES
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
        for name, scales in (("by whole factors", [2, 0.5]), ("unevenly", UNEVEN[where]))
    ],
    *[
        case(
            f"Resize {mode} {where} {name}",
            f'y = Resize<mode="{mode}", coordinate_transformation_mode="{where}">(x, , scales)',
            x="N,2,4,6",
            scales=np.array([1, 1, *scales], FLOAT),
            opset=19,
        )
        for mode in ("linear", "cubic")
        for where in COORDINATES
        for name, scales in (("up", [2, 3]), ("unevenly", UNEVEN[where]))
    ],
    *[
        case(
            f"Resize {mode} to sizes",
            f'y = Resize<mode="{mode}">(x, , , s)',
            x="1,2,5,4",
            s=[1, 2, 8, 3],
        )
        for mode in ("nearest", "linear", "cubic")
    ],
    *[
        case(
            f"Resize {mode} antialias",
            f'y = Resize<mode="{mode}", antialias=1>(x, , scales)',
            x="N,2,7,6",
            scales=np.array([1, 1, 0.5, 0.6], FLOAT),
        )
        for mode in ("linear", "cubic")
    ],
    case(
        "Resize cubic, own coefficient, outside left out",
        'y = Resize<mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1>(x, , scales)',
        x="N,2,5,6",
        scales=np.array([1, 1, 1.6, 0.8], FLOAT),
    ),
    case(
        "Resize along axes",
        'y = Resize<mode="linear", axes=[2,3]>(x, , scales)',
        x="N,2,4,5",
        scales=np.array([2, 1.5], FLOAT),
    ),
    case("Resize along axes to sizes", "y = Resize<axes=[3,2]>(x, , , s)", x="N,2,4,5", s=[7, 8]),
    case(
        "Resize 1-D",
        'y = Resize<mode="linear">(x, , scales)',
        x="N,2,6",
        scales=np.array([1, 1, 1.5], FLOAT),
    ),
    case(
        "Resize 3-D",
        'y = Resize<mode="linear">(x, , scales)',
        x="N,2,2,3,4",
        scales=np.array([1, 1, 2, 1.5, 2], FLOAT),
    ),
    case(
        "Resize 3-D nearest",
        "y = Resize(x, , scales)",
        x="N,2,2,3,4",
        scales=np.array([1, 1, 2, 2, 0.5], FLOAT),
    ),
    case(
        "Resize open sizes",
        'y = Resize<mode="linear">(x, , scales)',
        x="N,2,H,W",
        scales=np.array([1, 1, 2, 0.5], FLOAT),
    ),
    case(
        "Resize to the size of another",
        "l = Shape(b) d = Shape<end=2>(x) e = Slice(l, two, four) "
        's = Concat<axis=0>(d, e) y = Resize<mode="linear">(x, , , s)',
        x="N,2,4,5",
        b="bool 1,1,H,W",
        two=[2],
        four=[4],
        values={"b": np.ones((1, 1, 7, 6), bool)},
    ),
    case(
        "Resize tf_crop_and_resize",
        'y = Resize<mode="linear", coordinate_transformation_mode="tf_crop_and_resize">'
        "(x, roi, , s)",
        x="1,2,6,5",
        roi=np.array([0, 0, 0.2, 0.1, 1, 1, 0.9, 0.7], FLOAT),
        s=[1, 2, 4, 7],
    ),
    case(
        "Resize matrices", 'y = Resize<mode="linear">(x, , s)', x="H,W", s=np.array([2, 1.5], FLOAT)
    ),
    case(
        "Resize by nothing",
        "h = Resize(x, , scales) y = Tanh(h)",
        x="N,2,3,3",
        scales=np.array([1, 1, 1, 1], FLOAT),
    ),
]

CASES = [*INDEXING, *SHAPES, *RESIZING]
