"""Models as ONNX Runtime's optimiser saves them: the same attributions as of the plain model."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime as ort
import pytest
from onnx import ModelProto

import retrograph
from retrograph import InputError
from retrograph.ir.passes.canonicalize import canonicalize
from support.graphs import (
    FILES,
    LEVELS,
    assert_close,
    fused,
    golden,
    golden_input,
    noise,
    parse,
    runner,
)

ERF_GELU = """
    a = Div (h, root2)
    b = Erf (a)
    c = Add (b, one)
    d = Mul (h, c)
    g = Mul (d, half)
"""
TANH_GELU = """
    a = Pow (h, three)
    b = Mul (a, bend)
    c = Add (h, b)
    d = Mul (c, slope)
    e = Tanh (d)
    f = Add (e, one)
    i = Mul (h, half)
    g = Mul (i, f)
"""
NUMBERS = """
    root2 = Constant <value_float = 1.4142135> ()
    one = Constant <value_float = 1.0> ()
    half = Constant <value_float = 0.5> ()
    three = Constant <value_float = 3.0> ()
    bend = Constant <value_float = 0.044715> ()
    slope = Constant <value_float = 0.7978845> ()
    quick = Constant <value_float = 1.702> ()
    tiny = Constant <value_float = 0.00001> ()
    two = Constant <value_float = 2.0> ()
    eighth = Constant <value_float = 0.125> ()
"""
HEAD = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 4, 8] x) => (float[N, 4, 8] y)
<float[8, 8] w, float[8] v, float[8] s, float[8] t>
{
"""
PARTS = {
    "BiasGelu": f"{HEAD}{NUMBERS} m = MatMul (x, w) h = Add (m, v) {ERF_GELU} y = MatMul (g, w) }}",
    "Gelu": f"{HEAD}{NUMBERS} h = MatMul (x, w) {ERF_GELU} y = MatMul (g, w) }}",
    "FastGelu": f"""{HEAD}{NUMBERS}
        m = MatMul (x, w) h = Add (m, v) {TANH_GELU} y = MatMul (g, w) }}""",
    "QuickGelu": f"""{HEAD}{NUMBERS}
        h = MatMul (x, w) a = Mul (h, quick) b = Sigmoid (a) c = Mul (h, b) y = MatMul (c, w) }}""",
    "SkipLayerNormalization": f"""{HEAD}
        a = MatMul (x, w) b = Add (a, x) c = LayerNormalization <axis = -1> (b, s, t)
        y = MatMul (c, w) }}""",
    "SkipLayerNormalization of a biased product": f"""{HEAD}
        m = MatMul (x, w) a = Add (m, v) b = Add (a, x)
        c = LayerNormalization <axis = -1> (b, s, t) y = MatMul (c, w) }}""",
    "SimplifiedLayerNormalization": f"""{HEAD}{NUMBERS}
        h = MatMul (x, w) a = Pow (h, two) b = ReduceMean <axes = [-1]> (a) c = Add (b, tiny)
        d = Sqrt (c) e = Div (h, d) f = Mul (e, s) y = MatMul (f, w) }}""",
    "FusedMatMul": f"""{HEAD}{NUMBERS}
        k = MatMul (x, w) q = Transpose <perm = [0, 2, 1]> (k) a = MatMul (x, q)
        b = Mul (a, eighth) c = Softmax (b) y = MatMul (c, x) }}""",
    "FusedGemm": """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 8] x) => (float[N, 8] y)
<float[8, 8] w, float[8] v>
{
    a = Gemm (x, w, v) b = LeakyRelu <alpha = 0.2> (a) c = Gemm <transB = 1> (b, w, v)
    d = Relu (c) y = MatMul (d, w)
}""",
    "FusedConv": """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] y)
<float[4, 4, 3, 3] w, float[4] v>
{
    low = Constant <value_float = 0.0> () high = Constant <value_float = 2.0> ()
    a = Conv <pads = [1, 1, 1, 1]> (x, w, v) b = Relu (a)
    c = Conv <pads = [1, 1, 1, 1]> (b, w) d = Add (c, b) e = Relu (d)
    f = Conv <pads = [1, 1, 1, 1]> (e, w) g = Clip (f, low, high)
    h = Conv <pads = [1, 1, 1, 1]> (g, w) i = LeakyRelu <alpha = 0.3> (h)
    j = Conv <pads = [1, 1, 1, 1]> (i, w) k = HardSigmoid <alpha = 0.3, beta = 0.4> (j)
    l = Conv <pads = [1, 1, 1, 1]> (k, w) m = Tanh (l)
    n = Conv <pads = [1, 1, 1, 1]> (m, w) y = Sigmoid (n)
}""",
}


def optimised(model: ModelProto, folder: Path, level: str = "extended") -> ModelProto:
    """The model as ONNX Runtime saves it behind its optimisations."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = LEVELS[level]
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx")


@pytest.mark.one_in(6)
@pytest.mark.parametrize("method", ["gradient", "guided"])
@pytest.mark.parametrize("file", FILES)
def test_saved_golden_is_explained_alike(file: str, method: str, tmp_path: Path) -> None:
    plain, x = golden(file), golden_input(file, 2)
    saved = optimised(plain, tmp_path)
    wanted, found = (
        runner(retrograph.build(model, method=method, layer="scores"))(x)
        for model in (plain, saved)
    )
    assert_close(found["attribution"], wanted["attribution"], 1e-5)
    built = retrograph.build(saved, method=method, layer="scores")
    assert not fused(built)


@pytest.mark.parametrize("part", PARTS)
def test_saved_part_is_explained_alike(part: str, tmp_path: Path) -> None:
    plain = parse(PARTS[part])
    saved = optimised(plain, tmp_path)
    assert part.split(" ")[0] in fused(saved)
    dims = [d.dim_value or 2 for d in plain.graph.input[0].type.tensor_type.shape.dim]
    x = noise(*dims)
    options = {"method": "gradient", "layer": "y", "select": "cotangent"}
    ct = noise(*dims, seed=2)
    wanted, found = (runner(retrograph.build(model, **options))(x, ct) for model in (plain, saved))
    for name in ("y", "attribution"):
        assert_close(found[name], wanted[name], 1e-5)
    assert not fused(retrograph.build(saved, **options))


def test_weights_packed_for_a_processor_are_refused(tmp_path: Path) -> None:
    saved = optimised(golden("vgg__ts17.onnx"), tmp_path, "all")
    if "ReorderOutput" not in fused(saved):
        pytest.skip("ONNX Runtime packs no weights on this processor")
    with pytest.raises(InputError, match="ORT_ENABLE_EXTENDED"):
        canonicalize(saved)
