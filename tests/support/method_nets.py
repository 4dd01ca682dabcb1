"""Small networks in ONNX's textual form that the tests of methods share."""

from __future__ import annotations

NCHW = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, H, W] x) => (float[N, 5] y)
<float[4, 3, 3, 3] w, float[4] b, float[5, 4] v>
{
    a = Conv (x, w, b)
    r = Relu (a)
    p = GlobalAveragePool (r)
    f = Flatten (p)
    y = Gemm <transB = 1> (f, v)
}
"""

NHWC = NCHW.replace("[N, 3, H, W]", "[N, 8, 7, 3]").replace(
    "a = Conv (x,", "t = Transpose <perm = [0, 3, 1, 2]> (x)\n    a = Conv (t,"
)

DENSE = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 6] x) => (float[N, 3] y)
<float[6, 40] u, float[40, 25] v, float[25, 3] w>
{
    a = MatMul (x, u)
    b = Relu (a)
    c = MatMul (b, v)
    d = Relu (c)
    y = MatMul (d, w)
}
"""
