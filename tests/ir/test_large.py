"""A model of 2.5 GB, made here and removed: built without its weights being loaded, and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto

from support import nets
from support.paths import ENGINE

CHANNELS = 2048
LAYERS = 17
SIZE = 4

_PEAK = """
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
"""
"""Of this program alone: getrusage counts what stood here before it too."""

_WITH_PEAK = f"""{_PEAK}
import sys
from retrograph.cli import main
code = main(sys.argv[1:])
print("peak", peak())
sys.exit(code)
"""

_RUN = f"""{_PEAK}
import numpy as np
import onnxruntime
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
providers = ["CPUExecutionProvider"]
session = onnxruntime.InferenceSession("out.onnx", options, providers=providers)
x = np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype(np.float32)
names = ["attribution", "score"]
attribution, score = session.run(names, dict(x=x, select=np.array([[1]])))
print((attribution * x).sum(), score.item())
print(peak())
"""
"""Without biases a network of ReLUs is homogeneous: gradient times input is the score."""


def _large_cnn(folder: Path) -> Path:
    """Convolutions of 2048 channels, their weights in a file of 2.5 GB, written piece by piece."""
    nodes = [nets.node("Conv", "x first", "a0", pads=[1, 1, 1, 1]), nets.node("Relu", "a0", "r0")]
    for i in range(LAYERS):
        nodes.append(nets.node("Conv", f"r{i} w{i}", f"a{i + 1}", pads=[1, 1, 1, 1]))
        nodes.append(nets.node("Relu", f"a{i + 1}", f"r{i + 1}"))
    nodes.append(nets.node("GlobalAveragePool", f"r{LAYERS}", "mean"))
    nodes.append(nets.node("Flatten", "mean", "flat"))
    nodes.append(nets.node("MatMul", "flat last", "y"))
    model = nets.model(
        nodes,
        [nets.info("x", ["N", 3, SIZE, SIZE])],
        [nets.info("y", ["N", 4])],
        {"first": nets.weights(CHANNELS, 3, 3, 3), "last": nets.weights(CHANNELS, 4)},
    )
    rng = np.random.default_rng(0)
    with (folder / "net.onnx.data").open("wb") as data:
        for i in range(LAYERS):
            dims = [CHANNELS, CHANNELS, 3, 3]
            weight = rng.standard_normal(dims, np.float32)
            weight *= np.sqrt(2 / (9 * CHANNELS))
            _name(model, f"w{i}", dims, data.tell(), weight.nbytes)
            weight.tofile(data)
    return nets.save(model, folder / "net.onnx")


def _name(model: ModelProto, name: str, dims: list[int], offset: int, length: int) -> None:
    tensor = model.graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=dims)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "net.onnx.data"), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))


def _python(folder: Path, program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ENGINE)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    """A folder with the large model, emptied afterwards."""
    if shutil.disk_usage(tmp_path).free < 8e9 or not Path("/proc/self/status").exists():
        pytest.skip("needs 8 GB of disk, and Linux to tell the memory that was taken")
    _large_cnn(tmp_path)
    yield tmp_path
    for file in tmp_path.iterdir():
        file.unlink()


@pytest.mark.slow
def test_a_model_of_over_two_gigabytes(large: Path) -> None:
    """The promise is 1.5 times the file; weights are copied piece by piece: a quarter is plenty."""
    size = sum(file.stat().st_size for file in large.iterdir())
    assert size > 2.5e9
    command = ["build", "net.onnx", "-o", "out.onnx", "--method", "gradient", "--select", "unit"]
    *told, peak = _python(large, _WITH_PEAK, *command).split("peak")
    print(f"peak {int(peak) / 1e6:.0f} MB of a model of {size / 1e6:.0f} MB")
    assert "its weights in out.onnx.data beside it" in told[0]
    assert int(peak) < size / 4
    assert (large / "out.onnx.data").stat().st_size < 1.01 * size
    assert (large / "out.onnx").stat().st_size < 1e6
    product, score, taken = map(float, _python(large, _RUN).split())
    print(f"peak of the run {taken / 1e6:.0f} MB")
    assert abs(score) > 1e-3
    assert product == pytest.approx(score, rel=1e-3)
