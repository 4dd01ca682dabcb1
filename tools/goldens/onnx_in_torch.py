"""ONNX files run by PyTorch, node by node, so that autograd differentiates them."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, NodeProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional

Value = Any
"""A tensor of torch for floating point, an array of NumPy for whole numbers and shapes."""


def run(model: ModelProto, x: Tensor, wanted: Sequence[str]) -> list[Tensor]:
    """Some tensors of a model of one input.

    Args:
        model: of operators that the table below has.
        x: the input, in the type that is computed in.
        wanted: the names of the tensors.
    """
    values: dict[str, Value] = {"": None}
    for tensor in model.graph.initializer:
        values[tensor.name] = _value(numpy_helper.to_array(tensor), x.dtype)
    (name,) = [i.name for i in model.graph.input if i.name not in values]
    values[name] = x
    for node in model.graph.node:
        if all(each in values for each in wanted):
            break
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        made = OPERATORS[node.op_type](node, attributes, *[values[i] for i in node.input])
        is_float = isinstance(made, Tensor) and made.is_floating_point()
        values[node.output[0]] = made.to(x.dtype) if is_float else made
    return [values[each] for each in wanted]


def _value(array: np.ndarray[Any, Any], dtype: torch.dtype = torch.float64) -> Value:
    return torch.tensor(array, dtype=dtype) if array.dtype.kind == "f" else array


def _padded(x: Tensor, pads: Sequence[int], value: float = 0.0) -> Tensor:
    """x with ONNX's pads of its last axes: all starts, then all ends."""
    half = len(pads) // 2
    reverse = [p for axis in reversed(range(half)) for p in (pads[axis], pads[axis + half])]
    return functional.pad(x, reverse, value=value)


def _conv(
    node: NodeProto, a: dict[str, Any], x: Tensor, w: Tensor, b: Tensor | None = None
) -> Value:
    return functional.conv2d(
        _padded(x, a.get("pads", [0] * 4)),
        w,
        b,
        tuple(a.get("strides", (1, 1))),
        0,
        tuple(a.get("dilations", (1, 1))),
        a.get("group", 1),
    )


def _pool(kind: Callable[..., Tensor]) -> Callable[..., Value]:
    def pool(node: NodeProto, a: dict[str, Any], x: Tensor) -> Value:
        assert not any(a.get("pads", ()))
        return kind(x, tuple(a["kernel_shape"]), tuple(a.get("strides", (1, 1))))

    return pool


def _resize(node: NodeProto, a: dict[str, Any], x: Tensor, roi: Value, scales: Tensor) -> Value:
    assert (a["mode"], a["coordinate_transformation_mode"]) == (b"linear", b"align_corners")
    size = [int(s * d) for s, d in zip(scales.tolist()[2:], x.shape[2:], strict=True)]
    return functional.interpolate(x, size, mode="bilinear", align_corners=True)


def _batch_norm(
    node: NodeProto, a: dict[str, Any], x: Tensor, w: Tensor, b: Tensor, m: Tensor, v: Tensor
) -> Value:
    return functional.batch_norm(x, m, v, w, b, eps=a.get("epsilon", 1e-5))


def _slice(node: NodeProto, a: dict[str, Any], x: Tensor, *places: Value) -> Value:
    starts, ends = (places[0], places[1]) if places else (a["starts"], a["ends"])
    axes = places[2] if len(places) > 2 else a.get("axes", range(len(starts)))
    index = [slice(None)] * x.ndim
    for start, end, axis in zip(starts, ends, axes, strict=True):
        index[int(axis)] = slice(int(start), min(int(end), x.shape[int(axis)]))
    return x[tuple(index)]


def _gather(node: NodeProto, a: dict[str, Any], x: Value, index: Any) -> Value:
    axis = a.get("axis", 0)
    if isinstance(x, Tensor):
        return _take(x, index, axis)
    return np.take(x, np.asarray(index), axis)


def _take(x: Tensor, index: Any, axis: int) -> Tensor:
    places = torch.as_tensor(np.asarray(index) % x.shape[axis])
    taken = x.index_select(axis, places.reshape(-1))
    return taken.reshape(*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])


def _reshape(node: NodeProto, a: dict[str, Any], x: Value, shape: Any) -> Value:
    sizes = [x.shape[i] if int(d) == 0 else int(d) for i, d in enumerate(np.asarray(shape))]
    return x.reshape(sizes)


def _concat(node: NodeProto, a: dict[str, Any], *parts: Value) -> Value:
    if isinstance(parts[0], Tensor):
        return torch.cat([torch.as_tensor(part) for part in parts], a["axis"])
    return np.concatenate(parts, a["axis"])


def _unsqueeze(node: NodeProto, a: dict[str, Any], x: Value) -> Value:
    return np.expand_dims(x, tuple(a["axes"]))


def _softmax(node: NodeProto, a: dict[str, Any], x: Tensor) -> Value:
    first = a.get("axis", 1)  # before opset 13: over all axes from this one on
    return x.flatten(first).softmax(first).reshape(x.shape)


def _filled(node: NodeProto, a: dict[str, Any], shape: Any) -> Value:
    value = numpy_helper.to_array(a["value"]).item() if "value" in a else 0.0
    return torch.full([int(d) for d in shape], float(value), dtype=torch.float64)


OPERATORS: dict[str, Callable[..., Value]] = {
    "Conv": _conv,
    "Relu": lambda n, a, x: x.relu(),
    "Clip": lambda n, a, x, low, high: x.clamp(float(low), float(high)),
    "Add": lambda n, a, x, y: x + y,
    "Sub": lambda n, a, x, y: x - y,
    "Mul": lambda n, a, x, y: x * y,
    "Div": lambda n, a, x, y: x / y,
    "Exp": lambda n, a, x: x.exp(),
    "AveragePool": _pool(functional.avg_pool2d),
    "MaxPool": _pool(functional.max_pool2d),
    "Resize": _resize,
    "BatchNormalization": _batch_norm,
    "Slice": _slice,
    "Gather": _gather,
    "Reshape": _reshape,
    "Flatten": lambda n, a, x: x.flatten(1),
    "Transpose": lambda n, a, x: x.permute(tuple(a["perm"])),
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Softmax": _softmax,
    "Pad": lambda n, a, x: _padded(x, a["pads"], a.get("value", 0.0)),
    "Shape": lambda n, a, x: np.array(x.shape),
    "Constant": lambda n, a: _value(numpy_helper.to_array(a["value"])),
    "ConstantOfShape": _filled,
    "Cast": lambda n, a, x: x,
}
"""The operators that are run, by their names."""
