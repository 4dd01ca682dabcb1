"""Cases of If, Loop and Scan."""

from __future__ import annotations

from support.vjp_case import Case, case

_IF_ONE = """
h = Mul(x, w)
z = If (c) <
  then_branch = some () => (REAL[N,3] a) { s = Sin(h) a = Mul(s, s) },
  else_branch = other () => (REAL[N,3] b) { k = Constant <value_float = 2.0>() t = CastLike(k, x)
    b = Mul(t, x) }
>
y = Mul(z, x)
"""
_IF_NESTED = """
z, q = If (c) <
  then_branch = some () => (REAL[N,3] a, REAL[N,2] a2) {
    s = Sin(x)
    a = If (d) <
      then_branch = inner () => (REAL[N,3] i) { i = Mul(s, x) },
      else_branch = rest () => (REAL[N,3] j) { e = Exp(w) j = Add(s, e) }
    >
    a2 = MatMul(a, v)
  },
  else_branch = other () => (REAL[N,3] b, REAL[N,2] b2) { b = Cos(x) b2 = MatMul(x, v) }
>
p = MatMul(z, v)
y = Mul(p, q)
"""
_IF_NONE = """
z = If (c) <
  then_branch = some () => (REAL[3] a) { k = Constant <value_floats = [1.5, -2.0, 0.5]>()
    a = Cast <to = TYPE>(k) },
  else_branch = other () => (REAL[3] b) { b = Neg(w) }
>
y = Mul(z, x)
"""
_IF_OUT = """
h = Sin(x)
z = If (c) <
  then_branch = some () => (REAL[N,3] a) { a = Identity(h) },
  else_branch = other () => (REAL[N,3] b) { g = Neg(h) b = Relu(g) }
>
y = Mul(z, h)
"""
_RNN = """
h, hs = Scan <num_scan_inputs = 1, body = step (REAL[2,4] h0, REAL[2,3] xt)
    => (REAL[2,4] h1, REAL[2,4] o) {
  p = MatMul(xt, w)
  r = MatMul(h0, u)
  s = Add(p, r)
  h1 = Tanh(s)
  o = Identity(h1)
}> (init, x)
t = ReduceSum <keepdims = 0>(hs, zero)
y = Mul(t, h)
"""
_TWO = """
k = Sin(m)
a, b, o, q = Scan <num_scan_inputs = 2, scan_input_axes = [1, -1], scan_input_directions = [1, 0],
  scan_output_axes = [-1, 1], scan_output_directions = [0, 1],
  body = step (REAL[2] a0, REAL[2,3] b0, REAL[2] xt, REAL[2,3] zt)
      => (REAL[2] a1, REAL[2,3] b1, REAL[2] o1, REAL[2,3] q1) {
    one = Constant <value_ints = [1]>()
    p = Mul(a0, xt)
    a1 = Add(p, k)
    wide = Unsqueeze(a0, one)
    c = Mul(wide, zt)
    s = Sin(b0)
    b1 = Add(c, s)
    o1 = Mul(xt, a1)
    q1 = Mul(b1, b0)
  }> (init, begin, x, z)
ra = Unsqueeze(a, ones)
rb = Add(b, ra)
so = ReduceSum <keepdims = 1>(o, ones)
sq = ReduceSum <keepdims = 0>(q, ones)
rc = Mul(rb, so)
y = Add(rc, sq)
"""
_MAP = """
o = Scan <num_scan_inputs = 1, body = step (REAL[3] xt) => (REAL[3] ot) {
  s = Sin(xt)
  ot = Mul(s, w)
}> (x)
y = Mul(o, x)
"""
_OLD = """
s, z = Scan <num_scan_inputs = 1, directions = [1], body = step (REAL[3] s0, REAL[3] xt)
    => (REAL[3] s1, REAL[3] yt) {
  p = Mul(s0, xt)
  s1 = Add(p, xt)
  yt = Sin(s1)
}> (, init, x)
t = Unsqueeze <axes = [1]> (s)
y = Mul(z, t)
"""
_UNUSED = """
n, a, o = Scan <num_scan_inputs = 1, body = step (int64 n0, REAL[3] a0, REAL[3] xt)
    => (int64 n1, REAL[3] a1, REAL[3] ot) {
  one = Constant <value_int = 1>()
  n1 = Add(n0, one)
  f = CastLike(n1, xt)
  s = Mul(xt, f)
  a1 = Mul(xt, xt)
  ot = Mul(s, xt)
}> (start, init, x)
y = Add(o, init)
"""
_FOR = """
s, o = Loop (m, "", x) <body = step (int64 i, bool on, REAL[2,3] a)
    => (bool go, REAL[2,3] b, REAL[2,3] p) {
  go = Identity(on)
  f = CastLike(i, a)
  g = Add(f, w)
  h = Mul(a, g)
  b = Sin(h)
  p = Mul(b, a)
}>
t = ReduceSum <keepdims = 0>(o, zero)
y = Add(s, t)
"""
_WHILE = """
n, s = Loop ("", c, start, x) <body = step (int64 i, bool on, int64 n0, REAL[2,3] a)
    => (bool go, int64 n1, REAL[2,3] b) {
  one = Constant <value_int = 1>()
  two = Constant <value_int = 2>()
  n1 = Add(n0, one)
  go = Less(n1, limit)
  d = Mod(n0, two)
  odd = Cast <to = 9>(d)
  b = If (odd) <
    then_branch = some () => (REAL[2,3] e) { e = Mul(a, k) },
    else_branch = other () => (REAL[2,3] g) { r = Relu(a) g = Sub(r, x) }
  >
}>
y = Mul(s, s)
"""
_ENDS = """
s, o = Loop (m, c, x) <body = step (int64 i, bool on, REAL[2,3] a)
    => (bool go, REAL[2,3] b, REAL[3] p) {
  total = ReduceSum <keepdims = 0>(a)
  big = CastLike(limit, total)
  go = Less(total, big)
  q = Mul(a, a)
  r = Add(q, k)
  b = Add(a, r)
  z = Constant <value_ints = [0]>()
  p = ReduceMean <keepdims = 0>(b, z)
}>
t = ReduceSum <keepdims = 1>(o, zero)
y = Add(s, t)
"""
_IN_IF = """
y = If (c) <
  then_branch = some () => (REAL[2,3] y1) {
    s = Sin(x)
    h = Loop (m, "", s) <body = step (int64 i, bool on, REAL[2,3] a) => (bool go, REAL[2,3] b) {
      go = Identity(on)
      t = Mul(a, k)
      q = Loop (m, "", t) <body = deep (int64 j, bool on2, REAL[2,3] d) => (bool go2, REAL[2,3] f) {
        go2 = Identity(on2)
        v = Sin(d)
        f = Add(v, a)
      }>
      b = Mul(q, s)
    }>
    y1 = Mul(h, x)
  },
  else_branch = other () => (REAL[2,3] y2) { y2 = Neg(x) }
>
"""
_TRUE, _FALSE = {"c": True}, {"c": False}

CASES: list[Case] = [
    case("If then", _IF_ONE, x="N,3", w=(3,), c="bool ", values=_TRUE),
    case("If else", _IF_ONE, x="N,3", w=(3,), c="bool ", values=_FALSE),
    case("If of a weight", _IF_ONE, x="4,3", w="3", c="bool ", values=_TRUE, sizes={"N": 4}),
    *(
        case(
            f"If in If {c} {d}",
            _IF_NESTED,
            x="N,3",
            w=(3,),
            v=(3, 2),
            c="bool ",
            d="bool 1",
            values={"c": c, "d": [d]},
        )
        for c, d in ((True, True), (True, False), (False, True))
    ),
    case("If without captures", _IF_NONE, x="N,3", w="3", c="bool ", values=_TRUE, sizes={"N": 3}),
    case("If else of a weight", _IF_NONE, x="N,3", w="3", c="bool ", values=_FALSE),
    case("If gives back", _IF_OUT, x="N,3", c="bool ", values=_TRUE),
    case("If Relu", _IF_OUT, x="N,3", c="bool ", values=_FALSE),
    case("Scan", _RNN, x="5,2,3", init="2,4", w=(3, 4), u=(4, 4), zero=[0]),
    case("Scan open", _RNN, x="L,2,3", init=(2, 4), w="3,4", u="4,4", zero=[0]),
    case("Scan one step", _RNN, x="1,2,3", init="2,4", w=(3, 4), u=(4, 4), zero=[0]),
    case(
        "Scan axes directions",
        _TWO,
        x="2,5",
        z="2,3,5",
        init="2",
        begin="2,3",
        m="2",
        ones=[1],
    ),
    case(
        "Scan of opset 8",
        _OLD,
        opset=8,
        x="2,3,3",
        init="2,3",
        low=-1,
        high=1,
        canonical="onnx.reference (1.23) has only the later form",
    ),
    case("Scan without states", _MAP, x="L,3", w="3"),
    case("Scan unused states", _UNUSED, x="L,3", init="3", start=0),
    case("Loop for", _FOR, x="2,3", w="3", m="int64 ", zero=[0], values={"m": 4}),
    case("Loop for constant", _FOR, x="2,3", w="3", m=3, zero=[0]),
    case("Loop while", _WHILE, x="2,3", k="2,3", c="bool ", limit=5, start=0, values=_TRUE),
    case("Loop no step", _WHILE, x="2,3", k="2,3", c="bool ", limit=5, start=0, values=_FALSE),
    case(
        "Loop ends early", _ENDS, x="2,3", k="3", m=9, c="bool ", limit=20, zero=[0], values=_TRUE
    ),
    case("Loop in Loop in If", _IN_IF, x="2,3", k="3", m=2, c="bool ", values=_TRUE),
    case("Loop passed by", _IN_IF, x="2,3", k="3", m=2, c="bool ", values=_FALSE),
]
