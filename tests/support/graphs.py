"""What the contract tests share: the golden models, small written ones, and sessions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime as ort
from onnx import ModelProto, numpy_helper

import retrograph
from retrograph.ir.graph import STANDARD_DOMAINS
from retrograph.methods import Method, method_named
from support.paths import GOLDENS

Array = np.ndarray[Any, Any]
Run = Callable[..., dict[str, Any]]

NETWORKS = GOLDENS / "networks"
INDEX: list[dict[str, Any]] = json.loads((NETWORKS / "index.json").read_text())
FILES = [entry["file"] for entry in INDEX]
METHODS = ("gradient", "guided", "deconvnet")
FOLDER = "session.model_external_initializers_file_folder_path"
LEVELS = {
    "off": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}

SMALL_NET = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 2, 6, 6] image) => (float[N, 3] scores)
<float[4, 2, 3, 3] w1, float[4] b1, float[3, 4] w2>
{
    conv = Conv <pads = [1, 1, 1, 1]> (image, w1, b1)
    relu = Relu (conv)
    mean = GlobalAveragePool (relu)
    flat = Flatten (mean)
    scores = Gemm <transB = 1> (flat, w2)
}
"""

TWO_INPUTS = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3] a, float[N, 4] b, int64[N, 3] count) => (float[N, 2] scores)
<float[3, 2] wa, float[4, 2] wb>
{
    numbers = Cast <to = 1> (count)
    sum = Add (a, numbers)
    ya = MatMul (sum, wa)
    yb = MatMul (b, wb)
    y = Add (ya, yb)
    scores = Relu (y)
}
"""


def golden(file: str) -> ModelProto:
    """A golden model."""
    return onnx.load(NETWORKS / file)


def golden_input(file: str, items: int | None = None) -> Array:
    """The picture batch of a golden model; with `items` that many, noise behind the first ones."""
    x: Array = np.load(NETWORKS / f"{file.split('__')[0]}.npz")["x"]
    if items is None or items <= len(x):
        return x[:items]
    noise = np.random.default_rng(5).standard_normal((items - len(x), *x.shape[1:]))
    return np.concatenate([x, noise.astype(x.dtype)])


def session(model: ModelProto | bytes, level: str = "all") -> ort.InferenceSession:
    """The model on the CPU, at an optimisation level."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = LEVELS[level]
    # ONNX Runtime 1.24 to 1.28 wants one for a graph in memory, as docs/COMPATIBILITY.md says.
    options.add_session_config_entry(FOLDER, "no folder")
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def runner(model: ModelProto | bytes, level: str = "all") -> Run:
    """A function from the inputs, by place or by name, to the outputs by name."""
    running = session(model, level)
    ins = [i.name for i in running.get_inputs()]
    outs = [o.name for o in running.get_outputs()]

    def run(*inputs: Array, **named: Array) -> dict[str, Any]:
        feeds = {**dict(zip(ins, inputs, strict=False)), **named}
        return dict(zip(outs, running.run(None, feeds), strict=True))

    return run


@lru_cache(maxsize=64)
def built_run(file: str, level: str = "all", **options: Any) -> Run:
    """A built graph of a golden model, ready to run; built once for all tests."""
    return runner(retrograph.build(golden(file), **options), level)


def parse(text: str, seed: int = 0) -> ModelProto:
    """A model in ONNX's text syntax; what it declares and does not compute are random weights."""
    model = onnx.parser.parse_model(text)
    graph, rng = model.graph, np.random.default_rng(seed)
    made = {name for node in graph.node for name in node.output}
    made |= {t.name for t in graph.initializer}
    for info in [v for v in graph.value_info if v.name not in made]:
        dims = [d.dim_value for d in info.type.tensor_type.shape.dim]
        value = rng.standard_normal(dims).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(value, info.name))
        graph.value_info.remove(info)
    onnx.checker.check_model(model, full_check=True)
    return model


def fused(model: ModelProto) -> set[str]:
    """The operators that are not of the standard."""
    return {
        n.op_type
        for n in model.graph.node
        if n.domain not in STANDARD_DOMAINS or not onnx.defs.has(n.op_type)
    }


def ready(name: str, x: Array) -> Method:
    """A method; one that needs a data set has the inputs x."""
    method: Any = method_named(name)
    chosen: Method = replace(method, baselines=x) if "baselines" in method.parameters else method
    return chosen


def noise(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def assert_close(found: Array, wanted: Array, tolerance: float) -> None:
    """Equal to `tolerance` times the greatest magnitude that is wanted."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    assert np.isfinite(wanted).all()
    difference = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
    largest = np.abs(wanted.astype(np.float64)).max(initial=0.0)
    assert difference.max(initial=0.0) <= tolerance * largest
