"""What WebGPU has kernels for, read from web_kernels.txt, and what a graph lacks of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, TensorProto

FILE = Path(__file__).with_suffix(".txt")
TYPES = {
    TensorProto.FLOAT: "f",
    TensorProto.FLOAT16: "h",
    TensorProto.INT32: "i",
    TensorProto.BOOL: "B",
}
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16}
LINES = [line for line in FILE.read_text().splitlines() if not line.startswith("#")]
KERNELS = dict(line.split() for line in LINES)


def without_kernel(model: ModelProto) -> set[str]:
    """The operators of the backward part that WebGPU would leave to the CPU.

    What is of whole numbers alone, such as shapes and the choice of a unit, ONNX Runtime itself
    puts on the CPU; it does not count, nor does an operator that the source has and WebGPU has not.
    """
    inferred = onnx.shape_inference.infer_shapes(model).graph
    infos = [*inferred.value_info, *inferred.input, *inferred.output]
    types = {v.name: v.type.tensor_type.elem_type for v in infos}
    types |= {t.name: t.data_type for t in model.graph.initializer}
    own = {n.op_type for n in model.graph.node if not n.name.startswith("bwd/")} - KERNELS.keys()
    of_floats = {name for name, kind in types.items() if kind in FLOATS}
    problems = set()
    for node in model.graph.node:
        if (
            not of_floats.intersection(node.input)
            or not node.name.startswith("bwd/")
            or node.op_type in own
        ):
            continue
        of_floats.update(name for name in node.output if types.get(name) == TensorProto.BOOL)
        problem = _problem(node, types)
        problems |= {problem} if problem else set()
    return problems


def _problem(node: NodeProto, types: Mapping[str, int]) -> str | None:
    op, read = node.op_type, node.input[1 if node.op_type == "Where" else 0]
    if op == "MaxPool" and len(node.output) > 1:
        return "MaxPool with indices"
    if op not in KERNELS:
        return op
    element = types.get(read, TensorProto.FLOAT)
    if TYPES.get(element, "") in KERNELS[op]:
        return None
    return f"{op} of {TensorProto.DataType.Name(element)}"
