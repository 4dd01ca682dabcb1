"""What OPERATORS.md says of operators in words; make_operators.py holds it to the registries.

Each restriction is met once in tests/vjp/test_restrictions.py.
"""

from __future__ import annotations

_SPELLED = "its activations with the parameters written out where runtimes disagree on a default"
_AXES = "axes constant"
_POSITION = "position constant"

RESTRICTIONS: dict[str, str] = {
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _SPELLED),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"), _AXES),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd"), _AXES),
    **dict.fromkeys(("ReduceSum", "ReduceSumSquare"), _AXES),
    **dict.fromkeys(("SequenceInsert", "SequenceErase"), _POSITION),
    "Loop": "each state of one shape from step to step",
    "Scan": "each state of one shape from step to step; in opset 8 sequences of one length",
    "Col2Im": "block_shape constant",
    "ConvTranspose": "output_shape and auto_pad only where the sizes are known",
    "DFT": "axis constant; known whether the input is real or complex",
    "Det": "matrices up to 16 by 16",
    "Dropout": "no gradient to the ratio",
    "Einsum": "an ellipsis only over sizes that are known to be equal or 1",
    "InstanceNormalization": "at least one axis behind the channels",
    "LpPool": "no auto_pad by which the windows skip some of an axis (AveragePool likewise)",
    "LRN": "at least one axis behind the channels, and their number known",
    "OneHot": "a gradient to the values alone",
    "Pad": "axes constant; with reflect, edge and wrap the pads too",
    "QuantizeLinear": "scale and zero point constant, or one number each",
    "DequantizeLinear": "scale and zero point constant, or one number each",
    "Resize": (
        "no gradient to the scales; no resampling of an axis that keeps its size; "
        "keep_aspect_ratio_policy over known sizes, and not where it rounds one up with "
        "coordinates that depend on it"
    ),
    "STFT": "signals [N, length, 1 or 2]",
    "SequenceAt": "position constant, unless all elements have one known shape",
    "Slice": "axes constant, and their number known",
    "SplitToSequence": "lengths constant; without any, or with one for all, the size of the axis",
}
"""What a rule does not treat."""

WHOLE_NUMBERS = """
What may wrap around (a Cast to a type that does not hold every number, a sum of 8-bit numbers),
what counts bit by bit, divides or looks up a table is refused and named, and so is a Resize of
whole numbers that is cubic, antialiased or has the channels last: runtimes round there in ways of
their own.

Round, Floor, Ceil and Sign in floating point stand for a quantiser, and pass the gradient (a Sign
where |x| is at most 1), unless their result is joined number by number with what they round; Sign
also as Where(x >= 0, c, -c) and 2 · Cast(x >= 0) - 1. `--straight-through no` passes nothing.
""".strip()
"""Which operators on whole numbers between quantisers do not pass."""

AS_RELU: dict[str, str] = {
    "Clip": "Clip(x, 0, c)",
    "LeakyRelu": "LeakyRelu(x) with alpha = 0",
    "Max": "Max(x, 0)",
    "Min": "Min(Max(x, 0), c)",
    "Mul": "x · (x > 0)",
    "PRelu": "PRelu(x, 0)",
    "QuantizeLinear": "where it cuts off negative numbers, since quantisers drop a ReLU before it",
    "Relu": "unless it is a part of another activation, or guards a division",
    "ThresholdedRelu": "ThresholdedRelu(x) with alpha = 0",
    "Where": "Where(x > 0, x, 0)",
}
"""In which form a node of an operator is treated as ReLU by guided and deconvnet."""

BECOMES: dict[str, str] = {
    "Attention": "ONNX's function body, kept from rows that are masked whole",
    "BatchNormalization": "in training: arithmetic over the batch",
    "CastLike": "Cast",
    "ConvInteger": "Conv in floating point",
    "GRU": "a Scan",
    "GroupNormalization": "InstanceNormalization of the groups",
    "LSTM": "a Scan",
    "MatMulInteger": "MatMul in floating point",
    "QLinearConv": "Conv between DequantizeLinear and QuantizeLinear",
    "QLinearMatMul": "MatMul between DequantizeLinear and QuantizeLinear",
    "RNN": "a Scan",
    "Scatter": "ScatterElements",
    "Upsample": "Resize",
}
"""What takes the place of an operator."""

_TRANSPOSED = "the standard operator, with Transposes around it"
_QUANTISED = "the standard operator between DequantizeLinear and QuantizeLinear"

FUSED: dict[tuple[str, str], str] = {
    ("", "SimplifiedLayerNormalization"): "division by the root mean square",
    ("com.microsoft", "FusedConv, NhwcFusedConv"): "Conv, Add of a summand, the activation",
    ("com.microsoft", "NhwcConv, NhwcMaxPool"): _TRANSPOSED,
    ("com.microsoft", "FusedGemm"): "Gemm, the activation",
    ("com.microsoft", "FusedMatMul, TransposeMatMul"): "MatMul of transposed operands, times alpha",
    ("com.microsoft", "Gelu, BiasGelu"): "Add of the bias, x · P(x) by Erf",
    ("com.microsoft", "FastGelu"): "Add of the bias, Gelu by Tanh",
    ("com.microsoft", "QuickGelu"): "x · Sigmoid(alpha x)",
    ("com.microsoft", "BiasSoftmax"): "Add of the bias, Softmax",
    ("com.microsoft", "BiasAdd"): "Add of the bias and of the skipped tensor",
    (
        "com.microsoft",
        "BiasDropout, BitmaskDropout",
    ): "Add of the bias and of the residual; nothing is dropped, and the mask may not be read",
    (
        "com.microsoft",
        "SkipLayerNormalization, SkipSimplifiedLayerNormalization",
    ): "Add, LayerNormalization or division by the root mean square; mean and deviation may not "
    "be given out",
    ("com.microsoft", "QLinearAdd, QLinearMul, QLinearConcat"): _QUANTISED,
    ("com.microsoft", "QLinearConv, QGemm"): _QUANTISED,
    ("com.microsoft", "QLinearAveragePool, QLinearGlobalAveragePool"): _QUANTISED,
    ("com.microsoft", "QLinearSigmoid, QLinearLeakyRelu, QLinearSoftmax"): _QUANTISED,
    ("com.microsoft", "MatMulIntegerToFloat"): "MatMul behind DequantizeLinear, Add of the bias",
    (
        "com.microsoft",
        "DynamicQuantizeMatMul",
    ): "DynamicQuantizeLinear, MatMul behind DequantizeLinear, Add of the bias",
    (
        "com.microsoft",
        "DequantizeLinear",
    ): "with QuantizeLinear: the standard operator, for numbers of 16 and 4 bits, too",
    (
        "com.ms.internal.nhwc",
        "AveragePool, BatchNormalization, Conv, ConvTranspose, DepthToSpace, GlobalAveragePool, "
        "GlobalMaxPool, InstanceNormalization, LRN, LpPool, MaxPool, SpaceToDepth",
    ): _TRANSPOSED,
}
"""What the fused operators become that ONNX Runtime's optimiser writes: (domain, operators)."""

LEGACY: dict[str, str] = {
    "Affine": "alpha · x + beta",
    "Crop": "Slice",
    "ImageScaler": "scale · x + a bias for each channel",
    "Scale": "scale · x",
}
"""Operators that only ONNX 1.0 had, in the standard domain."""

OTHER_DOMAINS: dict[str, str] = {
    "ai.onnx.preview": "",
    "ai.onnx.ml": (
        "models without a network, and the tails of classifiers (ZipMap, LabelEncoder): they may "
        "stand beside the path from the input to the target, not on it"
    ),
    "ai.onnx.preview.training": "no part of a model in inference",
}
"""Why the operators without a function body of ONNX's other domains are not differentiated."""
