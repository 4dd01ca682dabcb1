"""A canonical graph brought to float16, before anything is differentiated.

What flows from the inputs becomes float16; inputs, outputs and the explained tensor stay float32
under their names, with a Cast between. What does not flow from an input's numbers (sizes that are
computed from a shape, say) stays as it is until it meets what does, and an operator that ONNX does
not define in float16 stays in float32 between Casts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, defs, helper

from retrograph.errors import InputError
from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, Tensor, reads
from retrograph.ir.passes.bodies import bodies, has_bodies
from retrograph.ir.tensor_data import without_weights

Precision = Literal["float32", "float16"]
"""What a built graph computes in; with float32 in the source model's own types."""

PRECISIONS: tuple[Precision, ...] = ("float32", "float16")

NOTE = (
    "computed in float16 by the rules of float32: numbers have three digits, are 65504 at most and "
    "vanish below 6e-8"
)
"""What a user should know of a graph in float16."""

FLOAT16 = np.dtype(np.float16)
FLOAT32 = np.dtype(np.float32)

_MOST = float(np.finfo(np.float16).max)
_LEAST = float(np.finfo(np.float16).smallest_subnormal)
_ENDLESS = 1e9
_BOUNDING = {"Add", "Clip", "Max", "Min", "Pad", "Sub", "Where"}
"""In these a constant from _ENDLESS on stands for infinity, as in the mask of an attention."""

_TYPE_ATTRIBUTES = {"to", "dtype", "output_dtype"}
_CASTS = {"Cast", "CastLike"}


def halved(graph: Graph, target: str) -> Graph:
    """A canonical graph that computes in float16; the one given stays as it is.

    Its inputs, its outputs and the target are float32 under the names that they had, everything
    else keeps its name. A model whose inputs are float16 already is given back unchanged. Of
    constants what is too large ends the build, but for bounds that stand for infinity, which
    become the largest number; a single number does not vanish.

    Raises:
        InputError: an input is of another floating-point type, or a constant is too large.
    """
    inputs = [t for t in map(graph.tensor, graph.input_names()) if t is not None and t.is_float]
    for tensor in inputs:
        if tensor.dtype not in (FLOAT16, FLOAT32):
            raise InputError(
                f"the input '{tensor.name}' is {tensor.dtype}, and float16 is a choice for models "
                "in float32; export the model in float32, or build without a precision"
            )
    if all(tensor.dtype != FLOAT32 for tensor in inputs):
        return graph
    whole = graph.copy()
    halves = _Halves(whole, None, {*graph.output_names(), target})
    halves.flowing.update(tensor.name for tensor in inputs)
    for node in graph.nodes:
        halves.add(node)
    _declare(whole, halves)
    return whole


def _declare(graph: Graph, halves: _Halves) -> None:
    """Put the new nodes and types into the graph."""
    graph.nodes = halves.nodes
    short = {name for name, half in halves.half.items() if name == half}
    graph.types |= halves.made
    graph.types |= {name: _short(graph.types[name]) for name in short & graph.types.keys()}
    graph.behind_bodies = {
        name: _short(tensor) if name in short else tensor
        for name, tensor in graph.behind_bodies.items()
    }
    graph.model = without_weights(graph.model)
    for info in graph.model.graph.value_info:
        if info.name in short:
            info.type.tensor_type.elem_type = TensorProto.FLOAT16
    graph.index()


def _short(tensor: Tensor) -> Tensor:
    return replace(tensor, dtype=FLOAT16)


class _Halves:
    """A graph, or a body in one, node by node.

    Attributes:
        nodes: those so far.
        half: the names of tensors in float16, by those that the tensors have in the source; where
            both are one, the tensor itself is float16.
        flowing: the tensors that flow from the inputs.
        made: the types of new tensors.
    """

    def __init__(self, graph: Graph, outer: _Halves | None, kept: set[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.half: dict[str, str] = {}
        self.made: dict[str, Tensor] = {} if outer is None else outer.made
        self.flowing: set[str] = set() if outer is None else outer.flowing
        self._graph = graph
        self._outer = outer
        self._kept = kept
        self._single: dict[str, str] = {}

    def add(self, node: NodeProto) -> None:
        """The next node: in float16 if it reads what flows from the inputs, else as it is."""
        if self.flowing.isdisjoint(reads(node)):
            self.nodes.append(node)
            return
        new = NodeProto()
        new.CopyFrom(node)
        schema = _schema(node, self._opset(node.domain))
        takes = _takers(schema.inputs if schema else (), len(node.input))
        gives = _takers(schema.outputs if schema else (), len(node.output))
        if has_bodies(node):
            self._into_bodies(node, new)
        for i, name in enumerate(node.input):
            if self._is_single(name):
                new.input[i] = self.in_half(name) if takes[i] else self.in_single(name)
        for attribute in new.attribute:
            named = attribute.name in _TYPE_ATTRIBUTES and attribute.i == TensorProto.FLOAT
            if named and any(gives):
                attribute.i = TensorProto.FLOAT16
        self._append(new, gives)

    def in_half(self, name: str) -> str:
        """A tensor of the source in float16, cast or converted if need be."""
        owner = self._owner(name)
        if name not in owner.half:
            owner.half[name] = owner._converted(name)
        return owner.half[name]

    def in_single(self, name: str) -> str:
        """A tensor of the source in float32, cast if need be."""
        owner = self._owner(name)
        if owner.half.get(name) != name:
            return name
        if name not in owner._single:
            owner._single[name] = owner._cast(name, name, FLOAT32)
        return owner._single[name]

    def _append(self, node: NodeProto, gives: Sequence[bool]) -> None:
        """A new node, its outputs in float16 where it gives that; what is kept gets a Cast."""
        self.nodes.append(node)
        for i, name in enumerate(node.output):
            tensor = self._graph.tensor(name)
            if tensor is None or not tensor.is_float:
                continue
            self.flowing.add(name)
            if tensor.dtype != FLOAT32 or not gives[i]:
                continue
            self.half[name] = name
            if name in self._kept:
                node.output[i] = self.half[name] = self._new(name, FLOAT16)
                self._add_cast(node.output[i], name, FLOAT32)

    def _converted(self, name: str) -> str:
        if name not in self._graph.constants:
            return self._cast(name, name, FLOAT16)
        value = self._graph.value(name)
        assert value is not None
        readers = self._graph.consumers.get(name, [])
        return self._graph.add_constant(_rounded(name, value, readers), f"{name}/float16")

    def _cast(self, source: str, name: str, dtype: np.dtype[np.generic]) -> str:
        made = self._new(name, dtype)
        self._add_cast(source, made, dtype)
        return made

    def _add_cast(self, source: str, made: str, dtype: np.dtype[np.generic]) -> None:
        kind = helper.np_dtype_to_tensor_dtype(dtype)
        self.nodes.append(helper.make_node("Cast", [source], [made], f"{made}/Cast", to=kind))

    def _new(self, name: str, dtype: np.dtype[np.generic]) -> str:
        """A name for a tensor in another type."""
        made = self._graph.fresh(f"{name}/{dtype}")
        tensor = self._graph.tensor(name)
        assert tensor is not None
        self.made[made] = replace(tensor, name=made, dtype=dtype)
        return made

    def _owner(self, name: str) -> _Halves:
        """Where a tensor stands: here, or around this body."""
        own = self._outer is None or name not in self._graph.captured
        return self if own or self._outer is None else self._outer._owner(name)

    def _is_single(self, name: str) -> bool:
        tensor = self._graph.tensor(name) if name else None
        return tensor is not None and tensor.dtype == FLOAT32

    def _opset(self, domain: str) -> int:
        if domain in STANDARD_DOMAINS:
            return self._graph.opset
        imports = self._graph.model.opset_import
        return next((o.version for o in imports if o.domain == domain), 1)

    # Bodies of If, Loop and Scan: what they are given and what they give flows, all of it.

    def _into_bodies(self, node: NodeProto, new: NodeProto) -> None:
        inner = bodies(self._graph, node)
        for attribute in new.attribute:
            if attribute.type == AttributeProto.GRAPH:
                self._into_body(attribute.g, inner[attribute.name])

    def _into_body(self, proto: GraphProto, graph: Graph) -> None:
        body = _Halves(graph, self, set())
        for info in proto.input:
            if body._is_single(info.name):
                info.type.tensor_type.elem_type = TensorProto.FLOAT16
                body.half[info.name] = info.name
                self.flowing.add(info.name)
        for node in graph.nodes:
            body.add(node)
        for info in proto.output:
            if body._is_single(info.name):
                info.type.tensor_type.elem_type = TensorProto.FLOAT16
                info.name = body.in_half(info.name)
        del proto.node[:], proto.value_info[:]
        proto.node.extend(body.nodes)


def _rounded(name: str, value: Array, readers: Sequence[NodeProto]) -> Array:
    """A constant in float16.

    Raises:
        InputError: a number is too large.
    """
    with np.errstate(over="ignore"):
        made = value.astype(FLOAT16)
    lost = np.isinf(made) & np.isfinite(value)
    if lost.any():
        bounds = {node.op_type for node in readers} <= _BOUNDING
        if not bounds or np.abs(value[lost]).min() < _ENDLESS:
            raise InputError(
                f"the constant '{name}' ({', '.join(sorted({n.op_type for n in readers}))}) holds "
                f"{np.abs(value[lost]).max():.3g}, and float16 ends at {_MOST:.0f}; build in "
                "float32, or scale the weights in the source model"
            )
        made = np.clip(made, -_MOST, _MOST)
    if value.size == 1 and value.any() and not made.any():
        made = np.copysign(FLOAT16.type(_LEAST), made)
    return made


@cache
def _schema_of(op: str, domain: str, opset: int) -> defs.OpSchema | None:
    """What ONNX says of an operator that it defines in float16."""
    try:
        schema = defs.get_schema(op, opset, domain)
    except defs.SchemaError:
        return None
    return None if _is_float32(schema.function_body.node) else schema


def _is_float32(body: Iterable[NodeProto]) -> bool:
    """Whether a definition holds float32 numbers and brings them to no other type."""
    held = [a.t.data_type for n in body if n.op_type == "Constant" for a in n.attribute]
    return TensorProto.FLOAT in held and not any(n.op_type in _CASTS for n in body)


def _schema(node: NodeProto, opset: int) -> defs.OpSchema | None:
    return _schema_of(node.op_type, "" if node.domain == "ai.onnx" else node.domain, opset)


def _takers(parameters: Sequence[defs.OpSchema.FormalParameter], count: int) -> list[bool]:
    """Of so many inputs or outputs, which may be float16; none of an unknown operator."""
    if not parameters:
        return [False] * count
    last = len(parameters) - 1
    return ["tensor(float16)" in parameters[min(i, last)].types for i in range(count)]
