"""What the sample models share: from nodes and weights to a checked file, and its measures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import NodeProto, helper, numpy_helper

FOLDER: Final = Path(__file__).resolve().parents[2] / "sample_models"
OPSET: Final = 18
IR_VERSION: Final = 8
MOST_BYTES: Final = 500_000

FloatArray = npt.NDArray[np.float32]


def node(operator: str, inputs: str, output: str, **attributes: Any) -> NodeProto:
    """A node named as the tensor that it writes; its inputs are separated by spaces."""
    return helper.make_node(operator, inputs.split(), [output], name=output, **attributes)


def save(
    path: Path,
    nodes: Sequence[NodeProto],
    takes: onnx.ValueInfoProto,
    gives: onnx.ValueInfoProto,
    weights: Mapping[str, npt.NDArray[Any]],
    properties: Mapping[str, str],
    doc: str,
) -> None:
    """Write the model of one input and one output, checked.

    Raises ValueError when it is larger than a sample may be.
    """
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, path.stem, [takes], [gives], constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="retrograph tools",
        doc_string=doc,
    )
    helper.set_model_props(model, dict(properties))
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{len(content)} bytes, more than {MOST_BYTES}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def run(path: Path, values: FloatArray) -> FloatArray:
    """The only output of a file under ONNX Runtime on the CPU, [N, ...]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    parts = [session.run(None, {name: values[i : i + 500]})[0] for i in range(0, len(values), 500)]
    return np.concatenate(parts)


def summarise(path: Path) -> None:
    """Print what the README says of a file."""
    content = path.read_bytes()
    tensors = onnx.load(path).graph.initializer
    print(f"parameters         {sum(int(np.prod(t.dims)) for t in tensors)}")
    print(f"bytes              {len(content)}")
    print(f"sha256             {hashlib.sha256(content).hexdigest()}")
