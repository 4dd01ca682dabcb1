"""Nets by what lies before the first convolution: frames, tiles, flat pictures, turned axes."""

from __future__ import annotations

import numpy as np

from support.cam_case import CONV, GREY, HEAD, Case, as_it_is, ints, net

CASES = {
    "NHWC with a dense layer": Case(
        net(
            "float[N, 7, 6, 3] x",
            "float[4, 3, 3, 3] w, float[4, 4] u, float[4, 5] v",
            """
    t = Transpose <perm = [0, 3, 1, 2]> (x)
    c = Conv (t, w)
    a = Transpose <perm = [0, 2, 3, 1]> (c)
    d = MatMul (a, u)
    r = Relu (d)
    p = ReduceMean <axes = [1, 2], keepdims = 0> (r)
    y = MatMul (p, v)
""",
        ),
        (2, 7, 6, 3),
        "r",
        (0, 3, 1, 2),
        (7, 6),
        lambda a: a.transpose(0, 2, 3, 1),
    ),
    "frames in the batch": Case(
        net(
            "float[N, 3, 3, 6, 5] x",
            CONV,
            """
    i = Reshape (x, frames)
    c = Conv <strides = [2, 2]> (i, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Reshape (p, videos)
    m = ReduceMax <axes = [1], keepdims = 0> (f)
    y = MatMul (m, v)
""",
            constants=f"{ints('frames', -1, 3, 6, 5)}, {ints('videos', -1, 3, 4)}",
        ),
        (2, 3, 3, 6, 5),
        "r",
        (0, 1, 2, 3),
        (6, 5),
        lambda a: a.reshape(2, 3, 1, 6, 5),
    ),
    "frames in the batch, times first": Case(
        net(
            "float[N, 3, 3, 6, 5] x",
            CONV,
            """
    n = Div (x, half)
    o = Transpose <perm = [1, 0, 2, 3, 4]> (n)
    i = Reshape (o, frames)
    c = Conv <strides = [2, 2]> (i, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Reshape (p, videos)
    m = ReduceMax <axes = [0], keepdims = 0> (f)
    y = MatMul (m, v)
""",
            constants=(
                f"{ints('frames', -1, 3, 6, 5)}, {ints('videos', 3, -1, 4)}, float half = {{0.5}}"
            ),
        ),
        (2, 3, 3, 6, 5),
        "r",
        (0, 1, 2, 3),
        (6, 5),
        lambda a: a.reshape(3, 2, 1, 6, 5).transpose(1, 0, 2, 3, 4),
    ),
    "tiles in the batch": Case(
        net(
            "float[N, 3, 8, 12] x",
            CONV,
            """
    n = Reshape (x, cut)
    o = Transpose <perm = [0, 2, 4, 1, 3, 5]> (n)
    i = Reshape (o, tiles)
    c = Conv <strides = [2, 1]> (i, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Reshape (p, bags)
    m = ReduceMax <axes = [1], keepdims = 0> (f)
    y = MatMul (m, v)
""",
            constants=(
                f"{ints('cut', 0, 3, 2, 4, 2, 6)}, {ints('tiles', -1, 3, 4, 6)}, "
                f"{ints('bags', -1, 4, 4)}"
            ),
        ),
        (2, 3, 8, 12),
        "r",
        (0, 1, 2, 3),
        (4, 6),
        lambda a: a.reshape(2, 2, 2, 1, 4, 6).transpose(0, 3, 1, 4, 2, 5).reshape(2, 1, 8, 12),
    ),
    "halves that overlap, joined along the batch": Case(
        net(
            "float[1, 3, 6, 9] x",
            CONV,
            """
    n = Slice (x, none, five, axis)
    o = Slice (x, four, end, axis)
    i = Concat <axis = 0> (n, o)
    c = Conv <strides = [1, 2]> (i, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Reshape (p, halves)
    m = ReduceMax <axes = [0], keepdims = 0> (f)
    y = MatMul (m, v)
""",
            outputs="float[1, 5] y",
            constants=", ".join(
                [
                    ints("none", 0),
                    ints("five", 5),
                    ints("four", 4),
                    ints("end", 9),
                    ints("axis", 3),
                    ints("halves", 2, -1, 4),
                ]
            ),
        ),
        (1, 3, 6, 9),
        "r",
        (0, 1, 2, 3),
        (6, 5),
        lambda a: np.concatenate(
            [a[:1, ..., :4], (a[:1, ..., 4:] + a[1:, ..., :1]) / 2, a[1:, ..., 1:]], axis=3
        ),
    ),
    "no channels: Unsqueeze": Case(
        net(
            "float[N, 9, 6] x",
            GREY,
            "\n    i = Unsqueeze (x, one)\n    c = Conv <strides = [2, 2]> (i, w, b)\n"
            "    r = Relu (c)" + HEAD,
            constants=ints("one", 1),
        ),
        (2, 9, 6),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        lambda a: a[:, 0],
    ),
    "no channels: Unsqueeze behind, Transpose": Case(
        net(
            "float[N, 9, 6] x",
            GREY,
            "\n    u = Unsqueeze (x, last)\n    i = Transpose <perm = [0, 3, 1, 2]> (u)\n"
            "    c = Conv <strides = [2, 2]> (i, w, b)\n    r = Relu (c)" + HEAD,
            constants=ints("last", -1),
        ),
        (2, 9, 6),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        lambda a: a[:, 0],
    ),
    "neither channels nor batch": Case(
        net(
            "float[9, 6] x",
            GREY,
            "\n    i = Reshape (x, four)\n    c = Conv <strides = [2, 2]> (i, w, b)\n"
            "    r = Relu (c)" + HEAD,
            constants=ints("four", -1, 1, 9, 6),
        ),
        (9, 6),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        lambda a: a[0, 0],
    ),
    "a flat picture": Case(
        net(
            "float[N, 54] x",
            GREY,
            "\n    i = Reshape (x, four)\n    c = Conv <strides = [2, 2]> (i, w, b)\n"
            "    r = Relu (c)" + HEAD,
            constants=ints("four", -1, 1, 9, 6),
        ),
        (2, 54),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        lambda a: a.reshape(2, 54),
    ),
    "a flat picture in colour": Case(
        net(
            "float[N, 90] x",
            CONV,
            "\n    n = Reshape (x, four)\n    i = Transpose <perm = [0, 3, 1, 2]> (n)\n"
            "    c = Conv <strides = [2, 2]> (i, w, b)\n    r = Relu (c)" + HEAD,
            constants=ints("four", -1, 6, 5, 3),
        ),
        (2, 90),
        "r",
        (0, 1, 2, 3),
        (6, 5),
        lambda a: a.transpose(0, 2, 3, 1).repeat(3, axis=3).reshape(2, 90),
    ),
    "every other position in a channel of its own": Case(
        net(
            "float[N, 1, 8, 6] x",
            "float[4, 2, 3, 3] w, float[4] b, float[4, 5] v",
            """
    e = Slice (x, zero, all, axis, step)
    o = Slice (x, one, all, axis, step)
    i = Concat <axis = 1> (e, o)
    c = Conv (i, w, b)
    r = Relu (c)"""
            + HEAD,
            constants=", ".join(
                [
                    ints("zero", 0),
                    ints("one", 1),
                    ints("all", 2147483647),
                    ints("axis", 2),
                    ints("step", 2),
                ]
            ),
        ),
        (2, 1, 8, 6),
        "r",
        (0, 1, 2, 3),
        (8, 6),
        as_it_is,
    ),
}
