"""What is wrong with a model, found before anything is built on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, checker, helper

from retrograph.errors import InputError, RetrographError
from retrograph.ir.graph import STANDARD_DOMAINS, opset_of
from retrograph.ir.io import function_sizes
from retrograph.ir.subgraphs import subgraphs
from retrograph.ir.tensor_data import (
    SMALL,
    elements,
    is_external,
    nbytes,
    places,
    tensors,
    to_array,
    without_weights,
)

LARGEST_SIZE = 2**40
"""No dimension of a real tensor is larger."""

_LARGEST_WINDOW = 2**24
_LARGEST_COUNT = 2**24
_COUNTS = {"num_groups", "group", "groups", "deformable_group", "offset_group", "hidden_size"}
_COUNTS |= {"num_heads", "q_num_heads", "kv_num_heads", "blocksize", "p", "sample_size"}
"""Attributes that say of how many parts something is made."""

_POSITIVE = {"dilations", "group", "kernel_shape", "strides"}
_WINDOWS = {"kernel_shape", "size", "pooled_shape", "output_height", "output_width"}


def check(model: ModelProto, where: str) -> None:
    """Refuse what no runtime could make sense of, and what would take more than there is.

    Raises:
        InputError: the model is damaged, or of no or a too new opset.
    """
    if not model.graph.node:
        raise InputError(
            f"{where}: not an ONNX model, or cut short (no operators in it); "
            "export or download it again"
        )
    if not model.graph.output:
        raise InputError(
            f"{where}: it has no output, so there is nothing to explain; export it again with its "
            "scores as an output"
        )
    _check_opset(model, where)
    for fault in _faults(model):
        raise InputError(f"{where}: {fault}; the file is damaged: export it again")
    function_sizes.check(model)


def check_sparse(model: ModelProto) -> None:
    """Refuse sparse weights whose indices point nowhere; those in other files must be settled.

    Raises:
        InputError: there are such.
    """
    for graph in _with_bodies(model.graph):
        for sparse in graph.sparse_initializer:
            places(sparse)


def _check_opset(model: ModelProto, where: str) -> None:
    opset = opset_of(model)
    if opset == 0 and any(node.domain in STANDARD_DOMAINS for node in model.graph.node):
        raise InputError(
            f"{where}: imports no version of the standard ONNX operators (domain ai.onnx); "
            "export it again with an opset"
        )
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise InputError(
            f"{where}: opset {opset} is newer than the installed onnx {onnx.__version__} knows "
            f"({newest}); upgrade the package onnx, or export at opset {newest} or lower"
        )


def _faults(model: ModelProto) -> Iterator[str]:
    for tensor in tensors(model):
        yield from _tensor_faults(tensor)
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_value > LARGEST_SIZE:
                yield f"'{value.name}' has a dimension of {dim.dim_value}"
    for body in _with_bodies(graph):
        yield from _names_given_twice(body)
        yield from _size_faults(body.node)
    for function in model.functions:
        yield from _size_faults(function.node)
    given = {v.name for v in graph.input} | {t.name for t in graph.initializer}
    made = given | {t.values.name for t in graph.sparse_initializer}
    made |= {name for node in graph.node for name in node.output}
    for value in graph.output:
        if value.name not in made:
            yield f"nothing makes its output '{value.name}'"


def _with_bodies(graph: GraphProto) -> Iterator[GraphProto]:
    """A graph and the bodies in it, however deep."""
    yield graph
    for node in graph.node:
        for body in subgraphs(node):
            yield from _with_bodies(body)


def _names_given_twice(graph: GraphProto) -> Iterator[str]:
    weights: dict[str, TensorProto] = {}
    for tensor in graph.initializer:
        if tensor.name in weights and weights[tensor.name] != tensor:
            yield f"two different weights are named '{tensor.name}'"
        weights[tensor.name] = tensor
    inputs = [v.name for v in graph.input]
    made = [name for node in graph.node for name in node.output if name]
    thin = [t.values.name for t in graph.sparse_initializer]
    twice = _twice(inputs) or _twice([*made, *thin, *{*weights, *inputs}])
    if twice is not None:
        yield f"two things make '{twice}'"


def _slides(node: NodeProto) -> bool:
    """Whether a node is a convolution or a pool."""
    return "Conv" in node.op_type or "Pool" in node.op_type


def _numbers(attribute: AttributeProto) -> list[int]:
    """The whole numbers of an attribute."""
    return [attribute.i] if attribute.type == AttributeProto.INT else list(attribute.ints)


def _size_faults(nodes: Iterable[NodeProto]) -> Iterator[str]:
    """Windows and parts that would be written out one by one, and are beyond all measure."""
    for node in nodes:
        sizes = [max(i, 1) for a in node.attribute if a.name in _WINDOWS for i in (*a.ints, a.i)]
        if math.prod(sizes) > _LARGEST_WINDOW:
            yield f"node '{node.name}' ({node.op_type}) has a window of {math.prod(sizes):.3g}"
        for a in node.attribute:
            if a.name in _POSITIVE and min(_numbers(a), default=1) < 1 and _slides(node):
                given = ", ".join(map(str, _numbers(a)))
                yield f"node '{node.name}' ({node.op_type}) has {a.name} of {given}"
            if a.name in _COUNTS and a.i > _LARGEST_COUNT:
                yield f"node '{node.name}' ({node.op_type}) has {a.name} of {a.i}"
        parts = next((a.i for a in node.attribute if a.name == "num_outputs"), 0)
        if parts > len(node.output):
            yield f"node '{node.name}' ({node.op_type}) has {parts} outputs and does not name them"


def _twice(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _tensor_faults(tensor: TensorProto) -> Iterator[str]:
    """More or fewer numbers than the shape tells, or of an unknown type."""
    told = elements(tensor)
    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except KeyError:
        yield f"the weights '{tensor.name}' are of the unknown element type {tensor.data_type}"
        return
    if is_external(tensor):
        return
    held: float | None = None
    if tensor.HasField("raw_data"):
        size = len(tensor.raw_data)
        held = told if size == nbytes(tensor) else size / max(dtype.itemsize, 1)
    elif dtype.kind == "O":
        held = len(tensor.string_data)
    elif dtype.isbuiltin == 1 and dtype.kind in "biuf":
        real, whole = (tensor.float_data, tensor.double_data), (tensor.int32_data,)
        held = sum(map(len, (*real, *whole, tensor.int64_data, tensor.uint64_data)))
    if held is not None and held != told:
        yield (
            f"the weights '{tensor.name}' hold {held:g} numbers and their shape "
            f"{list(tensor.dims)} takes {told}"
        )


@contextmanager
def blaming_damage(model: ModelProto) -> Iterator[None]:
    """Say of a damaged model that it is damaged, whatever its damage makes libraries raise.

    The checks of a whole model are slow and refuse more than they must, so that they run only
    once something has failed. Errors over a valid model pass unchanged.

    Raises:
        InputError: the block has failed, and the model is not valid.
    """
    try:
        yield
    except RetrographError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        fault = _fault(model)
        if fault is None:
            raise
        raise InputError(f"the model is damaged ({fault}); export or download it again") from error


def _fault(model: ModelProto) -> str | None:
    """What is wrong with a model, in one line; None if it is valid."""
    try:
        checker.check_model(_without_large_weights(model), full_check=True)
        for tensor in model.graph.initializer:
            to_array(tensor)
        for text in _texts(model):
            if isinstance(text, bytes):
                return f"the name {text!r} is no UTF-8 text"
    except Exception as error:  # on damaged data the checks raise nearly anything
        return first_line(error)
    return None


def _without_large_weights(model: ModelProto) -> ModelProto:
    """The model with inputs in the place of what is large, or lies in another file."""
    copy = without_weights(model)
    taken = {v.name for v in copy.graph.input}
    for tensor in model.graph.initializer:
        if elements(tensor) <= SMALL and not is_external(tensor):
            copy.graph.initializer.append(tensor)
        elif tensor.name not in taken:
            copy.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    return copy


def _texts(model: ModelProto) -> Iterator[str | bytes]:
    """Every name in the main graph; reading what is no UTF-8 gives bytes or raises."""
    yield model.graph.name
    for node in model.graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (a.name for a in node.attribute)
        yield from (a.s.decode("utf-8") for a in node.attribute)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        yield value.name
        yield from (d.dim_param for d in value.type.tensor_type.shape.dim)


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
