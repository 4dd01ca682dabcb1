"""A class activation map that is 0 everywhere says why, and names layers to try."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper

from support.cli_case import run
from support.graphs import noise, parse

NET = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, 8, 6] x) => (float[N, 5] y)
<float[4, 3, 3, 3] w, float[4, 4, 3, 3] u, float[4] d, float[4, 5] v>
{
    c = Conv (x, w)
    a = Relu (c)
    k = Conv (a, u, d)
    r = Relu (k)
    p = GlobalAveragePool (r)
    f = Flatten (p)
    y = MatMul (f, v)
}
"""
BESIDE = NET.replace(
    "    y = MatMul (f, v)",
    "    q = GlobalAveragePool (a)\n    g = Flatten (q)\n    h = Add (f, g)\n    y = MatMul (h, v)",
)
APART = BESIDE.replace("h = Add (f, g)", "h = Concat <axis = 1> (f, g)").replace(
    "float[4, 5] v", "float[8, 5] v"
)


def net(text: str, **changed: np.ndarray) -> ModelProto:
    model = parse(text, seed=3)
    for tensor in model.graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(numpy_helper.from_array(changed[tensor.name], tensor.name))
    return model


AGAINST = -np.abs(noise(4, 5))
DEAD = np.full(4, -1e4, np.float32)
ONLY_BESIDE = np.concatenate([np.zeros((4, 5), np.float32), noise(4, 5)])


@pytest.mark.parametrize(
    ("model", "method", "layer", "said"),
    [
        (net(NET, v=AGAINST), "grad-cam", "", "'relu2' shows speaks against the unit"),
        (net(NET, v=AGAINST), "layer-cam", "relu2", "as layer-cam weighs them, sum to 0 or less"),
        (net(NET, v=AGAINST), "guided-grad-cam", "", "or lies where guided backpropagation"),
        (net(BESIDE, d=DEAD), "grad-cam", "k", "nothing of the unit passes layer 'conv2'"),
        (net(BESIDE, d=DEAD), "grad-cam", "r", "layer 'relu2' is 0 everywhere there"),
        (net(APART, v=ONLY_BESIDE), "grad-cam", "r", "nothing of the unit passes layer 'relu2'"),
        (net(NET, d=DEAD), "grad-cam", "", "Relu 'n_r' is off wherever the unit depends on it"),
    ],
)
def test_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model: ModelProto,
    method: str,
    layer: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for node in model.graph.node:
        node.name = f"n_{node.output[0]}"
    onnx.save(model, "net.onnx")
    np.save("x.npy", noise(3, 8, 6))
    chosen = ("--param", f"layer={layer}") if layer else ()
    ran = run(capsys, "explain", "net.onnx", "x.npy", "--method", method, *chosen, "-o", "z.png")
    assert ran.code == 0, ran.err
    (line,) = [line for line in ran.out.splitlines() if "0 everywhere by" in line]
    assert said in line
    if "layer" in said or "shows" in said:
        assert "try another layer, such as" in line
        assert "'relu1'" in line
