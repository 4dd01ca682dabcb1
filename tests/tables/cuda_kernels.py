"""ONNX Runtime's kernels for CUDA, read from cuda_kernels.txt, and what a graph lacks of them."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, TensorProto

from retrograph.ir.passes.opsets import FLOOR
from retrograph.ir.subgraphs import subgraphs

FILE = Path(__file__).with_suffix(".txt")
TYPES = {
    TensorProto.FLOAT: "f",
    TensorProto.DOUBLE: "d",
    TensorProto.FLOAT16: "h",
    TensorProto.INT32: "i",
    TensorProto.INT64: "l",
    TensorProto.BOOL: "B",
}


def _table() -> dict[str, tuple[list[range], str]]:
    found = {}
    for line in FILE.read_text().splitlines():
        if line.startswith("#"):
            continue
        op, *versions, types = line.split()
        bounds = [v.rstrip("+").split("-") for v in versions]
        found[op] = ([range(int(b[0]), int(b[-1]) + 1) for b in bounds], types)
    return found


KERNELS = _table()


def without_kernel(model: ModelProto) -> set[str]:
    """The operators of the backward part that CUDA has no kernel for, each with its version.

    A graph is at opset 18 unless an operator of the source is younger; then it takes the gaps that
    CUDA has in that opset, and versions do not count. Nor does an operator that runs on the CPU in
    the source already.
    """
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    inferred = onnx.shape_inference.infer_shapes(model).graph
    infos = [*inferred.value_info, *inferred.input, *inferred.output]
    types = {v.name: v.type.tensor_type.elem_type for v in infos}
    types |= {t.name: t.data_type for t in model.graph.initializer}
    own = {n.op_type for n in model.graph.node if not n.name.startswith("bwd/")}
    added = [
        n
        for n in model.graph.node
        if n.name.startswith("bwd/") and not (n.op_type in own and n.op_type not in KERNELS)
    ]
    return {problem for n in added for problem in _problems(n, opset, types)}


def _problems(node: NodeProto, opset: int, types: dict[str, int]) -> list[str]:
    inner = [p for body in subgraphs(node) for n in body.node for p in _problems(n, opset, {})]
    if node.op_type == "Constant":
        return inner
    version = onnx.defs.get_schema(node.op_type, opset).since_version
    versions, allowed = KERNELS.get(node.op_type, ([], ""))
    if not any(version in span or opset > FLOOR for span in versions):
        return [*inner, f"{node.op_type}-{version}"]
    element = types.get(next(iter(node.input), ""), 0)
    if node.op_type == "Where":
        element = types.get(node.input[1], 0)
    letter = TYPES.get(element, "")
    if letter and allowed != "*" and letter not in allowed:
        return [*inner, f"{node.op_type}-{version} of {TensorProto.DataType.Name(element)}"]
    return inner
