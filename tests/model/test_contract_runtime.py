"""A built graph in ONNX Runtime: standard operators only, the same at every optimisation level."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper

import retrograph
from support.graphs import (
    FILES,
    INDEX,
    LEVELS,
    METHODS,
    Array,
    assert_close,
    built_run,
    golden,
    golden_input,
    runner,
)

every_file = pytest.mark.parametrize("file", FILES)
every_method = pytest.mark.parametrize("method", METHODS)

STANDARD = {"", "ai.onnx"}


@cache
def source_outputs(file: str) -> dict[str, Any]:
    """What the source model gives with optimisations off."""
    return runner(golden(file), "off")(golden_input(file))


@pytest.mark.one_in(2)
@every_file
def test_same_outputs_at_every_level(file: str) -> None:
    x = golden_input(file)
    built = retrograph.build(golden(file), layer="features")
    unoptimised = runner(built, "off")(x)
    for level in LEVELS:
        outputs = runner(built, level)(x)
        for name, expected in source_outputs(file).items():
            assert_close(outputs[name], expected, 1e-5)
        for name in ("attribution", "score"):
            assert_close(outputs[name], unoptimised[name], 1e-4)
        np.testing.assert_array_equal(outputs["unit"], unoptimised["unit"])


@pytest.mark.one_in(16)
@every_method
@every_file
def test_only_standard_operators_are_added(file: str, method: str) -> None:
    source = golden(file)
    for select in ("top", "channel", "unit", "cotangent"):
        for many in (False, True):
            built = retrograph.build(source, method=method, select=select, many=many)
            onnx.checker.check_model(built, full_check=True)
            assert {node.domain for node in built.graph.node} <= STANDARD
            assert {entry.domain for entry in built.opset_import} <= STANDARD
            assert not built.functions
            names = [node.name for node in built.graph.node]
            assert len(set(names)) == len(names)


def variants() -> list[tuple[str, list[str]]]:
    """The golden architectures with several files, of several exporters, opsets and spellings."""
    files = defaultdict(list)
    for entry in INDEX:
        files[entry["arch"]].append(entry["file"])
    return [(arch, found) for arch, found in files.items() if len(found) > 1]


@pytest.mark.one_in(2)
@every_method
@pytest.mark.parametrize(("arch", "files"), variants())
def test_exporters_opsets_and_spellings_agree(arch: str, files: list[str], method: str) -> None:
    x = golden_input(files[0])
    for target in ("scores", "features"):
        first, *others = (built_run(f, method=method, layer=target)(x) for f in files)
        for other in others:
            np.testing.assert_array_equal(other["unit"], first["unit"])
            assert_close(other["attribution"], first["attribution"], 1e-4)


def test_variants_cover_exporters_opsets_and_spellings() -> None:
    groups = dict(variants())
    entries = {entry["file"]: entry for entry in INDEX}
    for arch in ("vgg", "resnet", "mobilenetv2", "overlap_pool", "se_hardswish"):
        found = [entries[file] for file in groups[arch]]
        assert {entry["exporter"] for entry in found} == {"torchscript", "dynamo"}
        assert len({entry["opset"] for entry in found}) > 1


# Storage.


def heavy() -> ModelProto:
    """About 4 million weights in every kind of layer that has some."""
    rng = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        value = rng.standard_normal(shape).astype(np.float32) / np.sqrt(np.prod(shape[1:]))
        return numpy_helper.from_array(value.astype(np.float32), name)

    weights = [
        weight("w1", 256, 3, 3, 3),
        weight("w2", 256, 256, 3, 3),
        weight("w3", 256, 256, 3, 3),
        weight("w4", 256, 128, 3, 3),
        weight("w5", 512, 1024),
        weight("w6", 1024, 1024),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3"], ["c3"], pads=[1] * 4),
        helper.make_node("Relu", ["c3"], ["r3"]),
        helper.make_node("ConvTranspose", ["r3", "w4"], ["c4"], strides=[2, 2]),
        helper.make_node("MaxPool", ["c4"], ["p4"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["p4"], ["f4"]),
        helper.make_node("Gemm", ["f4", "w5"], ["g5"]),
        helper.make_node("Relu", ["g5"], ["r5"]),
        helper.make_node("MatMul", ["r5", "w6"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "heavy",
        [helper.make_tensor_value_info("x", 1, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("scores", 1, ["N", 1024])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@every_method
def test_a_weight_is_stored_once(tmp_path: Path, method: str) -> None:
    source, file = heavy(), tmp_path / "heavy.onnx"
    onnx.save(source, file)
    assert file.stat().st_size > 10e6
    for select, many in (("top", False), ("unit", True)):
        built = retrograph.build(file, method=method, select=select, many=many)
        onnx.save(built, tmp_path / "built.onnx")
        assert (tmp_path / "built.onnx").stat().st_size < 1.05 * file.stat().st_size + 300_000
        contents = [sorted_bytes(t) for t in built.graph.initializer if np.prod(t.dims) > 64]
        assert len(contents) == len(set(contents))
        assert {sorted_bytes(t) for t in source.graph.initializer} <= set(contents)
        assert not [n for n in built.graph.node if n.op_type == "Constant"]


def sorted_bytes(tensor: onnx.TensorProto) -> bytes:
    """The same for a weight and the same weight flipped, transposed or reshaped."""
    return np.sort(numpy_helper.to_array(tensor), axis=None).tobytes()


# Without retrograph.

HOST = """
import hashlib, importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("retrograph", "onnx", "onnx_graphsurgeon", "torch"):
            raise ModuleNotFoundError(name)
        return None

sys.meta_path.insert(0, Blocked())
sys.path[:] = [p for p in sys.path if not p.rstrip("/").endswith("engine")]
try:
    import retrograph
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("retrograph can be imported")
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
model, picture = sys.argv[1:]
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
feeds = {session.get_inputs()[0].name: numpy.load(picture), "select": numpy.array([[1], [2]])}
outputs = session.run(["attribution", "score", "unit"], feeds)
assert "retrograph" not in sys.modules
print(hashlib.sha256(b"".join(o.tobytes() for o in outputs)).hexdigest())
"""


@pytest.mark.parametrize("file", ["resnet__ts17.onnx", "mobilenetv2__dynamo.onnx"])
def test_onnxruntime_alone_runs_a_built_file(tmp_path: Path, file: str) -> None:
    x: Array = golden_input(file, 2)
    onnx.save(retrograph.build(golden(file), select="unit"), tmp_path / "built.onnx")
    np.save(tmp_path / "x.npy", x)
    command = [sys.executable, "-I", "-c", HOST]
    command += [str(tmp_path / "built.onnx"), str(tmp_path / "x.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    outputs = built_run(file, select="unit")(x, select=np.array([[1], [2]]))
    here = b"".join(outputs[name].tobytes() for name in ("attribution", "score", "unit"))
    assert done.stdout.strip() == hashlib.sha256(here).hexdigest()
