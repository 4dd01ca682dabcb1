"""Triton Inference Server: a folder of its model repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from onnx import TensorProto

from retrograph.errors import InputError
from retrograph.pipeline.export_targets.base import ExportTarget, Serving
from retrograph.pipeline.export_targets.served import ServedGraph, ServedTensor

LABELS = "labels.txt"

_TYPES: dict[int, str] = {
    TensorProto.BOOL: "TYPE_BOOL",
    TensorProto.UINT8: "TYPE_UINT8",
    TensorProto.UINT16: "TYPE_UINT16",
    TensorProto.UINT32: "TYPE_UINT32",
    TensorProto.UINT64: "TYPE_UINT64",
    TensorProto.INT8: "TYPE_INT8",
    TensorProto.INT16: "TYPE_INT16",
    TensorProto.INT32: "TYPE_INT32",
    TensorProto.INT64: "TYPE_INT64",
    TensorProto.FLOAT16: "TYPE_FP16",
    TensorProto.FLOAT: "TYPE_FP32",
    TensorProto.DOUBLE: "TYPE_FP64",
    TensorProto.BFLOAT16: "TYPE_BF16",
    TensorProto.STRING: "TYPE_STRING",
}

_KINDS = {"cpu": "KIND_CPU", "cuda": "KIND_GPU"}

_DELAY = 2000
"""Microseconds that a request waits for others."""


def repository(graph: ServedGraph, serving: Serving) -> Mapping[Path, str]:
    """The files beside the graph: config.pbtxt, and the names of the classes where they are known.

    Raises:
        InputError: Triton has no such element type.
    """
    files = {Path("config.pbtxt"): "\n".join(_config(graph, serving)) + "\n"}
    if graph.contract.labels:
        lines = (" ".join(label.split()) for label in graph.contract.labels)
        files[Path(LABELS)] = "".join(f"{line}\n" for line in lines)
    return files


def _config(graph: ServedGraph, serving: Serving) -> Iterator[str]:
    yield f"name: {_quoted(serving.name)}"
    yield 'backend: "onnxruntime"'
    yield 'default_model_filename: "model.onnx"'
    yield f"max_batch_size: {serving.max_batch if graph.batches else 0}"
    for tensor in graph.inputs:
        yield from _tensor("input", tensor, graph)
    for tensor in graph.outputs:
        yield from _tensor("output", tensor, graph)
    yield f"instance_group [ {{ count: {serving.instances} kind: {_KINDS[serving.device]} }} ]"
    if graph.batches:
        yield f"dynamic_batching {{ max_queue_delay_microseconds: {_DELAY} }}"
    # As retrograph's own sessions: a plan of all memory takes about twice as much of it.
    yield from _parameter("enable_mem_pattern", "0")
    for key, value in graph.properties.items():
        yield from _parameter(key, value)


def _tensor(field: str, tensor: ServedTensor, graph: ServedGraph) -> Iterator[str]:
    """An input or output, without the axis of the items where requests share runs."""
    if tensor.element not in _TYPES:
        kind = TensorProto.DataType.Name(tensor.element)
        raise InputError(f"'{tensor.name}' is {kind.lower()}, which Triton does not have")
    shape = [-1 if size is None else size for size in tensor.shape[graph.batches :]]
    yield f"{field} ["
    yield "  {"
    yield f"    name: {_quoted(tensor.name)}"
    yield f"    data_type: {_TYPES[tensor.element]}"
    yield f"    dims: [ {', '.join(map(str, shape or [1]))} ]"
    if not shape:  # Triton has no shape without axes: an item that is a number is [ 1 ] to clients
        yield "    reshape { shape: [ ] }"
    if field == "output" and shape == [len(graph.contract.labels)]:
        yield f"    label_filename: {_quoted(LABELS)}"
    yield "  }"
    yield "]"


def _parameter(key: str, value: str) -> Iterator[str]:
    yield f"parameters {{ key: {_quoted(key)} value {{ string_value: {_quoted(value)} }} }}"


def _quoted(text: str) -> str:
    """A string of protobuf's text format: what is not printable ASCII as octal bytes."""
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n"}
    parts = (
        plain.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")
        for byte in text.encode()
    )
    return f'"{"".join(parts)}"'


TRITON = ExportTarget(
    "triton",
    "a folder of a Triton model repository",
    Path("1", "model.onnx"),
    repository,
)
