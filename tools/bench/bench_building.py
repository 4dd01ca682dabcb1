"""How long building takes and how much memory it needs; `bench.py --build` starts it.

python tools/bench/bench_building.py FILE OUT
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

import retrograph
from retrograph.benchmarks import peak_memory

CHANNELS = 8


def chain(nodes: int, file: Path) -> None:
    """A model of so many nodes, one behind the other: Conv 1x1, Add and Relu in turn."""
    random = np.random.default_rng(0)
    weight = random.standard_normal((CHANNELS, CHANNELS, 1, 1)).astype(np.float32)
    bias = random.standard_normal((1, CHANNELS, 1, 1)).astype(np.float32)
    constants = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")]
    operators: list[tuple[str, list[str]]] = [("Conv", ["w"]), ("Add", ["b"]), ("Relu", [])]
    chained = [
        helper.make_node(op, [f"t{i}", *more], [f"t{i + 1}"], name=f"n{i}")
        for i, (op, more) in ((i, operators[i % 3]) for i in range(nodes))
    ]
    shape: list[str | int | None] = ["batch", CHANNELS, 4, 4]
    graph = helper.make_graph(
        chained,
        "chain",
        [helper.make_tensor_value_info("t0", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"t{nodes}", onnx.TensorProto.FLOAT, shape)],
        constants,
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), file)


def main(argv: list[str]) -> None:
    """Build the guided graph of a file, and write what it took as JSON."""
    file, out = Path(argv[0]), Path(argv[1])
    idle = peak_memory()
    start = time.perf_counter()
    built = retrograph.build(file)
    seconds = time.perf_counter() - start
    peak = peak_memory()
    measured = {
        "file_mb": file.stat().st_size / 1e6,
        "nodes": len(onnx.load(file, load_external_data=False).graph.node),
        "built_nodes": len(built.graph.node),
        "seconds": seconds,
        "peak_mb": peak,
        "idle_mb": idle,
    }
    out.write_text(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
