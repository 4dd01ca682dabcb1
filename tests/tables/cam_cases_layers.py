"""Nets by what lies behind the layer of the map: recurrent layers, attention, groups, gates."""

from __future__ import annotations

from support.cam_case import HEAD, Case, as_it_is, ints, net

CASES = {
    "an LSTM behind a line": Case(
        net(
            "float[N, 2, 12] x",
            "float[6, 2, 3] w, float[1, 20, 6] wi, float[1, 20, 5] wr, float[5, 5] v",
            """
    c = Conv <pads = [1, 1], strides = [2]> (x, w)
    r = Relu (c)
    t = Transpose <perm = [2, 0, 1]> (r)
    a, h = LSTM <hidden_size = 5> (t, wi, wr)
    s = Transpose <perm = [2, 1, 0, 3]> (a)
    l = ReduceMean <axes = [2], keepdims = 0> (s)
    q = ReduceMean <axes = [1], keepdims = 0> (l)
    y = MatMul (q, v)
""",
        ),
        (2, 2, 12),
        "r",
        (0, 1, 2),
        (12,),
        as_it_is,
    ),
    "heads of attention": Case(
        net(
            "float[N, 3, 8, 6] x",
            "float[4, 3, 2, 2] w, float[4, 4] wq, float[4, 5] v",
            """
    c = Conv <strides = [2, 2]> (x, w)
    r = Relu (c)
    g = Reshape (r, flat)
    t = Transpose <perm = [0, 2, 1]> (g)
    q = MatMul (t, wq)
    h = Reshape (q, heads)
    k = Transpose <perm = [0, 2, 1, 3]> (h)
    kt = Transpose <perm = [0, 2, 3, 1]> (h)
    a = MatMul (k, kt)
    s = Softmax <axis = -1> (a)
    o = MatMul (s, k)
    u = ReduceMean <axes = [2], keepdims = 0> (o)
    f = Flatten (u)
    y = MatMul (f, v)
""",
            constants=f"{ints('flat', 0, 4, 12)}, {ints('heads', 0, 12, 2, 2)}",
        ),
        (2, 3, 8, 6),
        "r",
        (0, 1, 2, 3),
        (8, 6),
        as_it_is,
    ),
    "a head of four axes behind the global mean": Case(
        net(
            "float[N, 3, 7, 6] x",
            "float[4, 3, 3, 3] w, float[4] b, float[4, 20] v",
            """
    c = Conv <pads = [1, 1, 1, 1]> (x, w, b)
    r = Relu (c)
    p = GlobalAveragePool (r)
    f = Flatten (p)
    m = MatMul (f, v)
    h = Reshape (m, four)
    t = Tanh (h)
    q = Mul (t, t)
    y = ReduceSum <keepdims = 0> (q, places)
""",
            constants=f"{ints('four', 0, 5, 2, 2)}, {ints('places', 2, 3)}",
        ),
        (2, 3, 7, 6),
        "r",
        (0, 1, 2, 3),
        (7, 6),
        as_it_is,
    ),
    "windows in the batch axis": Case(
        net(
            "float[N, 3, 8, 8] x",
            "float[4, 3, 2, 2] w, float[4, 5] v",
            """
    c = Conv <strides = [2, 2]> (x, w)
    r = Relu (c)
    t = Transpose <perm = [0, 2, 3, 1]> (r)
    s = Reshape (t, cut)
    i = Transpose <perm = [0, 1, 3, 2, 4, 5]> (s)
    q = Reshape (i, windows)
    k = Transpose <perm = [0, 2, 1]> (q)
    a = MatMul (q, k)
    e = Softmax <axis = -1> (a)
    o = MatMul (e, q)
    j = Reshape (o, items)
    m = ReduceMean <axes = [1], keepdims = 0> (j)
    y = MatMul (m, v)
""",
            constants=", ".join(
                [
                    ints("cut", 0, 2, 2, 2, 2, 4),
                    ints("windows", -1, 4, 4),
                    ints("items", -1, 16, 4),
                ]
            ),
        ),
        (2, 3, 8, 8),
        "t",
        (0, 3, 1, 2),
        (8, 8),
        as_it_is,
    ),
    "a layer that meets itself": Case(
        net(
            "float[N, 2, 10] x",
            "float[4, 2, 3] w, float[4, 5] v",
            """
    c = Conv <pads = [1, 1]> (x, w)
    r = Relu (c)
    t = Transpose <perm = [0, 2, 1]> (r)
    a = MatMul (t, r)
    s = Softmax <axis = -1> (a)
    o = MatMul (r, s)
    p = ReduceMean <axes = [2], keepdims = 0> (o)
    y = MatMul (p, v)
""",
        ),
        (2, 2, 10),
        "r",
        (0, 1, 2),
        (10,),
        as_it_is,
    ),
    "channels in groups, normalised": Case(
        net(
            "float[N, 3, 8, 6] x",
            "float[4, 3, 3, 3] w, float[4, 4, 3, 3] w2, float[4] b, float[4, 5] v",
            """
    c = Conv <pads = [1, 1, 1, 1]> (x, w, b)
    g = Reshape (c, groups)
    n = InstanceNormalization (g, one, zero)
    s = Shape (c)
    d = Reshape (n, s)
    e = Relu (d)
    k = Conv <strides = [2, 2]> (e, w2)
    r = Relu (k)"""
            + HEAD,
            constants=(
                f"{ints('groups', 0, 2, -1)}, float[2] one = {{1.0, 1.0}}, "
                "float[2] zero = {0.0, 0.0}"
            ),
        ),
        (2, 3, 8, 6),
        "r",
        (0, 1, 2, 3),
        (8, 6),
        as_it_is,
    ),
    "gates of channels": Case(
        net(
            "float[N, 3, 9, 6] x",
            "float[4, 3, 3, 3] w, float[4] b, float[4, 4] u, float[4, 5] v",
            """
    c = Conv <strides = [2, 1]> (x, w, b)
    a = Relu (c)
    g = GlobalAveragePool (a)
    h = Flatten (g)
    i = MatMul (h, u)
    j = Sigmoid (i)
    k = Reshape (j, four)
    r = Mul (k, a)"""
            + HEAD,
            constants=ints("four", 0, 4, 1, 1),
        ),
        (2, 3, 9, 6),
        "r",
        (0, 1, 2, 3),
        (9, 6),
        as_it_is,
    ),
    "volumes": Case(
        net(
            "float[N, 2, 4, 5, 6] x",
            "float[4, 2, 2, 2, 2] w, float[4] b, float[4, 5] v",
            "\n    c = Conv <strides = [2, 1, 2]> (x, w, b)\n    r = Relu (c)" + HEAD,
        ),
        (2, 2, 4, 5, 6),
        "r",
        (0, 1, 2, 3, 4),
        (4, 5, 6),
        as_it_is,
    ),
}
