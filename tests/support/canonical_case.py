"""Models from text, and what their canonical form gives."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, numpy_helper, parser

from retrograph.ir.passes.canonicalize import canonicalize
from support.finite import Array, reference, runtime

RANDOM = np.random.default_rng(17)
X = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)


def model_of(
    body: str, opset: int = 18, x: str = "N,3,4", functions: str = "", **constants: Array
) -> ModelProto:
    domains = f'"": {opset}' + (', "local": 1' if functions else "")
    header = f"<ir_version: 8, opset_import: [{domains}]>"
    text = f"{header} model (float[{x}] x) => (float[] y) {{ {body} }} {functions}"
    model = parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    return model


def canonical_output(model: ModelProto, x: Array) -> Array:
    """What onnx.reference and ONNX Runtime, optimised or not, make of the canonical model."""
    canonical = canonicalize(model).to_model()
    y = reference(canonical)({"x": x})["y"]
    for optimised in (True, False):
        found = runtime(canonical, optimised)({"x": x})["y"]
        np.testing.assert_allclose(found, y, rtol=1e-5, atol=1e-6)
    return y
