"""Domains of operators: "ai.onnx" spelled out, ONNX Runtime's Q/DQ, and those that nobody knows."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx.parser
import pytest
from onnx import ModelProto, helper, numpy_helper

import retrograph
from retrograph.ir.subgraphs import nodes_with_inner
from support.finite import runtime

Array = np.ndarray[Any, Any]

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((2, 3, 6, 6)).astype(np.float32)
W = RANDOM.standard_normal((4, 3, 3, 3)).astype(np.float32)

NET = """
<ir_version: 8, opset_import: ["": 17, "own": 1]>
net (float[2, 3, 6, 6] x, bool flag) => (float[2, 4] y)
{
    c = Conv (x, w)
    r = own.Gate (c)
    s = If (flag) <
        then_branch = a () => (float[2, 4, 4, 4] u) { u = Relu (r) },
        else_branch = b () => (float[2, 4, 4, 4] v) { v = Neg (r) }
    >
    p = GlobalAveragePool (s)
    y = Flatten (p)
}
<domain: "own", opset_import: ["": 17]> Gate (i) => (o) { o = LeakyRelu (i) }
"""


def net() -> ModelProto:
    model = onnx.parser.parse_model(NET)
    model.graph.initializer.append(numpy_helper.from_array(W, "w"))
    return model


def explained(model: ModelProto) -> dict[str, Array]:
    return runtime(retrograph.build(model, method="gradient"))({"x": X, "flag": np.array(True)})


@pytest.mark.parametrize("imported", ["", "ai.onnx", "both"])
@pytest.mark.parametrize("spelled", ["", "ai.onnx"])
def test_the_standard_domain_is_one_however_it_is_spelled(spelled: str, imported: str) -> None:
    model = net()
    nodes = [*nodes_with_inner(model.graph.node), *(n for f in model.functions for n in f.node)]
    for node in nodes:
        node.domain = node.domain or spelled
    if imported == "both":
        model.opset_import.append(helper.make_opsetid("ai.onnx", 17))
    else:
        model.opset_import[0].domain = imported
    model.functions[0].opset_import[0].domain = spelled
    before = model.SerializeToString(deterministic=True)
    found, wanted = explained(model), explained(net())
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value)
    built = retrograph.build(model)
    assert "ai.onnx" not in {n.domain for n in nodes_with_inner(built.graph.node)}
    assert [o.domain for o in built.opset_import if o.domain in ("", "ai.onnx")] == [""]
    assert model.SerializeToString(deterministic=True) == before


def pair(domain: str, opset: int, zero: Array, axis: int | None = None) -> ModelProto:
    """A convolution between quantised activations, its weight stored as whole numbers."""
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": {opset}]>'
        "net (float[2,3,6,6] x) => (float[2,4] y)"
        "{ q = QuantizeLinear (x, s, z) d = DequantizeLinear (q, s, z)"
        "  v = DequantizeLinear (w, t, n) c = Conv (d, v) r = Relu (c)"
        "  p = GlobalAveragePool (r) y = Flatten (p) }"
    )
    for node in model.graph.node:
        if node.op_type.endswith("Linear"):
            node.domain = domain
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))
    narrow = zero.dtype in (np.dtype(ml_dtypes.int4), np.dtype(ml_dtypes.uint4))
    weight = np.clip(np.round(W * (2 if narrow else 40)), 0, 7 if narrow else 100)
    step: Array = np.array(0.5 if narrow else 1 / 40, np.float32)
    if axis is not None:
        step = np.linspace(1, 2, 4).astype(np.float32) * step
        model.graph.node[2].attribute.append(helper.make_attribute("axis", axis))
    stored = {
        "s": np.array(0.5 if narrow else 0.01, np.float32),
        "z": zero,
        "w": weight.astype(zero.dtype),
        "t": step,
        "n": np.zeros(step.shape, zero.dtype),
    }
    for name, value in stored.items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


ZEROS: dict[str, Array] = {
    "uint8": np.array(128, np.uint8),
    "int8": np.array(3, np.int8),
    "uint16": np.array(30000, np.uint16),
    "int16": np.array(-5, np.int16),
    "int4": np.array(1, ml_dtypes.int4),
    "uint4": np.array(8, ml_dtypes.uint4),
}


@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize("opset", [17, 21])
@pytest.mark.parametrize("kind", ZEROS)
def test_quantisation_of_com_microsoft_is_the_standard_one(
    kind: str, opset: int, axis: int | None
) -> None:
    zero = ZEROS[kind]
    model = pair("com.microsoft", opset, zero, axis)
    wanted = runtime(model, optimised=False)({"x": X})["y"]
    twin = retrograph.build(pair("", 21, zero, axis), method="guided")
    built = retrograph.build(model, method="guided")
    for optimised in (False, True):
        found = runtime(built, optimised=optimised)({"x": X})
        np.testing.assert_allclose(found["y"], wanted, rtol=1e-5, atol=1e-6)
        same = runtime(twin, optimised=optimised)({"x": X})["attribution"]
        np.testing.assert_allclose(found["attribution"], same, rtol=1e-5, atol=1e-6)
        assert np.abs(same).max() > 0
    kept = {n.domain for n in built.graph.node if n.op_type == "DequantizeLinear"}
    taken = opset == 21 or kind in ("uint8", "int8")
    assert kept == {"" if taken else "com.microsoft"}


def test_a_domain_of_the_runtime_need_not_be_imported() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[2,3,6,6] x) => (float[2,3,6,6] y)'
        "{ y = com.microsoft.Gelu (x) }"
    )
    assert [o.domain for o in model.opset_import] == [""]
    wanted = runtime(model)({"x": X})["y"]
    found = runtime(retrograph.build(model, method="gradient", select="cotangent"))
    got = found({"x": X, "cotangent": np.ones_like(X)})
    np.testing.assert_allclose(got["y"], wanted, rtol=1e-5, atol=1e-6)


DOMAINS = {
    "qonnx.custom_op.general": "Quant",
    "onnx.brevitas": "Quant",
    "finn.custom_op.fpgadataflow": "MultiThreshold",
}


@pytest.mark.parametrize("imported", [True, False])
@pytest.mark.parametrize("place", ["weight", "activation"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_an_unknown_domain_is_named(domain: str, place: str, imported: bool) -> None:
    before, behind = ("w", "v") if place == "weight" else ("c", "d")
    names = {"w": "w", "c": "c", before: behind}
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[2,3,6,6] x) => (float[2,4] y)'
        f"{{ c = Conv (x, {names['w']}) r = Relu ({names['c']})"
        "  p = GlobalAveragePool (r) y = Flatten (p) }"
    )
    custom = helper.make_node(
        DOMAINS[domain], [before, "one", "one"], [behind], "mine", domain=domain, signed=1
    )
    model.graph.node.insert(0 if place == "weight" else 1, custom)
    for name, value in {"w": W, "one": np.ones((), np.float32)}.items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    if imported:
        model.opset_import.append(helper.make_opsetid(domain, 1))
    with pytest.raises(retrograph.UnsupportedError, match=f"'{domain}' is unknown") as error:
        retrograph.build(model)
    assert [p.node for p in error.value.problems] == ["mine"]
    found = retrograph.check(model)
    assert [(b.node, b.op) for b in found.blocks] == [("mine", f"{domain}.{DOMAINS[domain]}")]
    assert "standard operators" in found.blocks[0].mend


def test_what_follows_an_unknown_operator_of_a_declared_type_is_not_blamed() -> None:
    """An exporter declares what the operator makes; a quantiser behind it adds nodes of ours."""
    text = """
        <ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
        net (float[1, 3] x) => (float[1, 3] y) {
            t = com.microsoft.Twirl (x)
            q, s, z = DynamicQuantizeLinear (t)
            y = DequantizeLinear (q, s, z)
        }
    """
    model = onnx.parser.parse_model(text)
    model.graph.value_info.append(onnx.helper.make_tensor_value_info("t", 1, [1, 3]))
    with pytest.raises(retrograph.UnsupportedError, match=r"com\.microsoft\.Twirl") as refused:
        retrograph.build(model, method="gradient")
    assert [p.op for p in refused.value.problems] == ["com.microsoft.Twirl"]


@pytest.mark.parametrize("model", [None, 3.4, b"net.onnx", {}], ids=repr)
def test_what_is_no_model_is_refused(model: Any) -> None:
    with pytest.raises(retrograph.InputError, match="the path of an"):
        retrograph.build(model)
