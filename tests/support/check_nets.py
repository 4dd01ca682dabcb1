"""Small networks of which `check` has something to tell, in ONNX's textual form."""

from __future__ import annotations

SMOOTH = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3] x) => (float[N, 3] y)
{
    a = Relu (x)
    b = Sigmoid (a)
    c = Tanh (b)
    zero = Constant <value_float = 0.0> ()
    y = Max (c, zero)
}
"""

NO_RELU = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3] x) => (float[N, 3] y)
{
    a = Sigmoid (x)
    b = Exp (a)
    y = Softmax (b)
}
"""

QUANTISED = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3] x) => (float[N, 3] y)
<float scale = {0.1}, uint8 low = {0}, uint8 middle = {128}>
{
    [first] a = QuantizeLinear (x, scale, middle)
    b = DequantizeLinear (a, scale, middle)
    [second] c = QuantizeLinear (b, scale, low)
    y = DequantizeLinear (c, scale, low)
}
"""

STEPS = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, 4] x) => (float[N, 3, 4] y)
{
    a = Relu (x)
    [step] b = Hardmax (a)
    y = Exp (b)
}
"""

LABELS_ONLY = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, 4] x) => (int64[N, 1, 4] y)
{
    [choice] y = ArgMax <axis = 1> (x)
}
"""

WHOLE_NUMBERS = """
<ir_version: 8, opset_import: ["" : 17]>
net (int64[N, 3] x) => (int64[N, 3] y)
{
    y = Abs (x)
}
"""

LATE_AXES = """
<ir_version: 8, opset_import: ["" : 18]>
net (float[2, 3] x, int64[1] axes) => (float[2, 1] y)
{
    a = Relu (x)
    [late] y = ReduceMean <keepdims = 1> (a, axes)
}
"""
