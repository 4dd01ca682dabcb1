"""A model written otherwise, as converters and runtimes write it, computing the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime as ort
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

_ELEMENTWISE = ("Relu", "Sigmoid", "LeakyRelu", "Add", "Mul")


def at_opset(model: ModelProto, opset: int) -> ModelProto:
    """At another opset, by ONNX's own converter."""
    return onnx.version_converter.convert_version(model, opset)


def optimised(model: ModelProto, folder: Path) -> ModelProto:
    """As ONNX Runtime fuses it for any CPU."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx")


def channels_last(model: ModelProto) -> ModelProto:
    """With a channels-last input and channels-last elementwise operators, all names changed."""
    twin = ModelProto()
    twin.CopyFrom(model)
    graph = twin.graph
    source = graph.input[0]
    n, c, h, w = (d.dim_param or d.dim_value for d in source.type.tensor_type.shape.dim)
    first = source.name
    source.CopyFrom(helper.make_tensor_value_info("picture", TensorProto.FLOAT, [n, h, w, c]))
    planes = {first, *(o for node in graph.node if node.op_type == "Conv" for o in node.output)}
    nodes = [helper.make_node("Transpose", ["picture"], [first], perm=[0, 3, 1, 2])]
    for node in graph.node:
        moved = node.op_type in _ELEMENTWISE and all(name in planes for name in node.input)
        if not moved:
            nodes.append(node)
            continue
        planes.add(node.output[0])
        for place, name in enumerate(node.input):
            last = f"{node.output[0]}_in{place}"
            nodes.append(helper.make_node("Transpose", [name], [last], perm=[0, 2, 3, 1]))
            node.input[place] = last
        output, node.output[0] = node.output[0], f"{node.output[0]}_last"
        nodes.append(node)
        nodes.append(helper.make_node("Transpose", [node.output[0]], [output], perm=[0, 3, 1, 2]))
    del graph.node[:]
    graph.node.extend(nodes)
    return _renamed(twin)


def _renamed(model: ModelProto) -> ModelProto:
    ends = {v.name for v in [*model.graph.input, *model.graph.output]}
    inner = {o for node in model.graph.node for o in node.output} - ends
    names = {name: f"t{number}" for number, name in enumerate(sorted(inner))}
    for number, node in enumerate(model.graph.node):
        node.name = f"op{number}"
        for names_of in (node.input, node.output):
            for place, name in enumerate(names_of):
                names_of[place] = names.get(name, name)
    return model


def in_float16(model: ModelProto) -> ModelProto:
    """With weights, inputs and outputs in float16."""
    twin = ModelProto()
    twin.CopyFrom(model)
    for tensor in twin.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    for value in [*twin.graph.input, *twin.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    del twin.graph.value_info[:]
    return twin


class _Calibration(CalibrationDataReader):
    """Inputs one by one."""

    def __init__(self, name: str, inputs: np.ndarray) -> None:
        self._feeds = iter([{name: item[np.newaxis]} for item in inputs])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def in_int8(
    model: ModelProto, inputs: np.ndarray, folder: Path, *, form: str, per_channel: bool
) -> ModelProto:
    """Quantised by ONNX Runtime; `form` is QDQ or QOperator."""
    source, out = folder / "float.onnx", folder / "int8.onnx"
    onnx.save(model, source)
    quantize_static(
        source,
        out,
        _Calibration(model.graph.input[0].name, inputs),
        quant_format=QuantFormat[form],
        per_channel=per_channel,
        weight_type=QuantType.QInt8,
    )
    return onnx.load(out)


def in_int8_at_run_time(model: ModelProto, folder: Path) -> ModelProto:
    """Quantised by ONNX Runtime, what flows by its own range in each run."""
    source, out = folder / "float.onnx", folder / "int8.onnx"
    onnx.save(model, source)
    quantize_dynamic(source, out, weight_type=QuantType.QUInt8)
    return onnx.load(out)
