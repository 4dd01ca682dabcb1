"""The same network from different exporters has the same relevance."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper

import retrograph
from retrograph import UnsupportedError
from retrograph.methods import METHODS
from retrograph.methods.relevance.base import RelevanceMethod
from support.graphs import FILES, Array, golden, golden_input, noise, runner
from support.relevance_case import assert_near, net

FAMILY = {name: m for name, m in METHODS.items() if isinstance(m, RelevanceMethod)}
each_method = pytest.mark.parametrize("method", FAMILY)


KEPT = "c = Conv <pads = [1, 1, 1, 1]> (x, k, b) n = BatchNormalization (c, s, t, m, var) "
REST = "r = Relu (n) p = GlobalAveragePool (r) f = Flatten (p) "
NET_WEIGHTS = "float[4, 2, 3, 3] k, float[4] b, float[4] s, float[4] t, float[4] m, float[4] var, "
NET_WEIGHTS += "float[4, 3] w, float[3] v"


def spelled(text: str, **more: Array) -> ModelProto:
    """The one network in another spelling; `more` are the constants that it needs besides."""
    model = net(KEPT + REST + "y = Gemm (f, w, v)", y="N, m", weights=NET_WEIGHTS)
    shapes = ", ".join(f"float{list(v.shape)} {name}" for name, v in more.items())
    nodes = net(text, y="N, m", weights=f"{NET_WEIGHTS}, {shapes}" if more else NET_WEIGHTS)
    del model.graph.node[:]
    model.graph.node.extend(nodes.graph.node)
    model.graph.initializer.extend(
        numpy_helper.from_array(v.astype(np.float32), name) for name, v in more.items()
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def exports() -> dict[str, ModelProto]:
    source = net(KEPT + REST + "y = Gemm (f, w, v)", y="N, m", weights=NET_WEIGHTS)
    c = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in source.graph.initializer}
    factor = c["s"] / np.sqrt(c["var"] + 1e-5)
    shift = c["t"] - c["m"] * factor
    kernel, bias = c["k"] * factor.reshape(-1, 1, 1, 1), c["b"] * factor + shift
    line = (4, 1, 1)
    conv, gemm = "Conv <pads = [1, 1, 1, 1]>", "y = Gemm (f, w, v)"
    return {
        "kept": source,
        "folded": spelled(f"n = {conv} (x, fk, fb) {REST} {gemm}", fk=kernel, fb=bias),
        "mul_add": spelled(
            f"c = {conv} (x, k, b) d = Mul (c, u) n = Add (q, d) {REST} {gemm}",
            u=factor.reshape(line),
            q=shift.reshape(line),
        ),
        "bias_added": spelled(
            f"c = {conv} (x, fk) n = Add (c, q) {REST} {gemm}", fk=kernel, q=bias.reshape(line)
        ),
        "written_out": spelled(
            f"c = {conv} (x, k) d = Add (c, q) e = Sub (d, a) g = Div (e, o) h = Mul (g, u) "
            f"n = Add (h, z) {REST} {gemm}",
            q=c["b"].reshape(1, *line),
            a=c["m"].reshape(line),
            o=np.sqrt(c["var"] + 1e-5).reshape(line),
            u=c["s"].reshape(line),
            z=c["t"].reshape(line),
        ),
        "matmul_add": spelled(f"{KEPT} {REST} e = MatMul (f, w) y = Add (e, v)"),
        "gemm_turned": spelled(f"{KEPT} {REST} y = Gemm <transB = 1> (f, wt, v)", wt=c["w"].T),
        "channels_last": spelled(
            f"l = Transpose <perm = [0, 2, 3, 1]> (x) o = Transpose <perm = [0, 3, 1, 2]> (l) "
            f"c = {conv} (o, k) d = Transpose <perm = [0, 2, 3, 1]> (c) e = Add (d, b) "
            f"g = Mul (e, u) h = Add (g, q) n = Transpose <perm = [0, 3, 1, 2]> (h) {REST} {gemm}",
            u=factor,
            q=shift,
        ),
    }


@pytest.mark.one_in(3)
@pytest.mark.parametrize("export", [name for name in exports() if name != "kept"])
@each_method
def test_exporters_agree(export: str, method: str) -> None:
    models, x = exports(), noise(3, 2, 7, 6)
    options = {"method": method, "select": "unit"}
    select = np.array([[0], [1], [2]])
    wanted, found = (
        runner(retrograph.build(models[name], **options))(x=x, select=select)
        for name in ("kept", export)
    )
    assert_near(found["y"], wanted["y"], 1e-5)
    assert_near(found["attribution"], wanted["attribution"], 1e-5)
    assert_near(found["bias_relevance"], wanted["bias_relevance"], 1e-5)


@cache
def attribution(file: str, method: str) -> Array | None:
    """Of a golden model; None where operators have no rule."""
    try:
        built = retrograph.build(golden(file), method=method)
    except UnsupportedError:
        return None
    found: Array = runner(built)(golden_input(file, 1))["attribution"]
    return found


@pytest.mark.one_in(6)
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("method", ["lrp-gamma", "lrp-epsilon-plus"])
def test_golden_models_of_all_exporters_agree(file: str, method: str) -> None:
    network = file.split("__")[0]
    first = next(other for other in FILES if other.split("__")[0] == network)
    wanted, found = attribution(first, method), attribution(file, method)
    if wanted is None or found is None:
        pytest.skip("operators without a rule")
    assert_near(found, wanted, 1e-3)
