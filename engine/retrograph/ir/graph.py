"""An ONNX graph to work on: who makes and reads a tensor, its type, its value if constant."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import ModelProto as ModelProto
from onnx import NodeProto as NodeProto
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper

from retrograph.ir.entry import Entry
from retrograph.ir.subgraphs import subgraphs
from retrograph.ir.tensor_data import SMALL, elements, is_external, to_array, to_dense

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Dim = int | str | None
Shape = tuple[Dim, ...]

STANDARD_DOMAINS = ("", "ai.onnx")
MICROSOFT = "com.microsoft"


class Rows(IntEnum):
    """What the leading axis of a tensor counts, where a graph explains many units at once."""

    SHARED = 0
    """Nothing: the same for every item."""
    ITEMS = 1
    """The N items of the batch."""
    UNITS = 2
    """The N * K units, K for each item, those of one item together."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph: its name, element type and shape.

    A dimension is a number, a symbol's name, or None where nothing is known; the shape is None
    where not even the rank is known. `rows` stays SHARED where one unit is explained.
    """

    name: str
    dtype: DType
    shape: Shape | None
    rows: Rows = Rows.SHARED

    @property
    def rank(self) -> int | None:
        return None if self.shape is None else len(self.shape)

    @property
    def is_float(self) -> bool:
        return is_float(self.dtype)


def is_float(dtype: DType) -> bool:
    return np.issubdtype(dtype, np.floating) or dtype == ml_dtypes.bfloat16


def is_static(shape: Shape | None) -> bool:
    """Whether every dimension is a known number."""
    return shape is not None and all(isinstance(d, int) for d in shape)


class Graph:
    """A mutable view of a model's main graph.

    Nodes have unique names. Constants are the initialisers; an initialiser that the file also
    lists as an input (IR version 3) is a constant here. `types` has the tensors and `containers`
    the element types of sequences and optionals. Once canonical, `relu_like` names the nodes that a
    ReLU rule treats and `straight_through` those that stand for a quantiser, with the bound
    of |x| within which the cotangent passes them unchanged (patterns/straight_through.py);
    `entries` has the inputs of whole numbers in the file, which are floating point here
    (passes/integer_inputs.py); `item_axes` says which axis of an input counts items where it is not
    the first, or None where none does, and `item_places` where a single item lies behind a Reshape
    (axis, how much before, how much behind: passes/batch_opening); `lifted` names the tensors of
    whole numbers of which the graph has the same in floating point; `undefined` says of nodes whose
    operator is defined by others why these forms are not.
    `memo` keeps what analyses have found, until `nodes` changes.
    """

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.nodes: list[NodeProto] = list(model.graph.node)
        self.constants: dict[str, TensorProto] = {t.name: t for t in model.graph.initializer}
        self.sparse = {t.values.name: t for t in model.graph.sparse_initializer}
        self.inputs: list[ValueInfoProto] = [
            v
            for v in model.graph.input
            if v.name not in self.constants and v.name not in self.sparse
        ]
        self.outputs: list[ValueInfoProto] = list(model.graph.output)
        self.opset: int = opset_of(model)
        self.types: dict[str, Tensor] = {}
        self.containers: dict[str, DType] = {}
        self.captured: frozenset[str] = frozenset()
        self.unsteady: set[str] = set()
        self.behind_bodies: dict[str, Tensor] = {}
        self.losing: set[str] = set()
        self.relu_like: set[str] = set()
        self.straight_through: dict[str, float] = {}
        self.lifted: set[str] = set()
        self.undefined: dict[str, str] = {}
        self.entries: dict[str, Entry] = {}
        self.item_axes: dict[str, int | None] = {}
        self.item_places: dict[str, tuple[int, int, int]] = {}
        self.producer: dict[str, NodeProto] = {}
        self.consumers: dict[str, list[NodeProto]] = {}
        self.memo: dict[Hashable, Any] = {}
        self._values: dict[str, Array] = {}
        self._fresh = 0
        self.index()

    def index(self) -> None:
        """Rebuild who makes and who reads each tensor; call after `nodes` has changed."""
        self.memo = {}
        self.producer = {o: n for n in self.nodes for o in n.output if o}
        self.consumers = {}
        for node in self.nodes:
            for name in dict.fromkeys(reads(node)):
                self.consumers.setdefault(name, []).append(node)

    def replace_nodes(self, nodes: Sequence[NodeProto]) -> bool:
        """Put these nodes in the place of the graph's own; True if any is another object."""
        changed = len(nodes) != len(self.nodes) or any(
            new is not old for new, old in zip(nodes, self.nodes, strict=True)
        )
        self.nodes = list(nodes)
        self.index()
        return changed

    def of_floats(self) -> Graph:
        """The same graph, written with floating-point inputs in the place of whole numbers."""
        twin = self.copy()
        twin.entries = {}
        return twin

    def copy(self) -> Graph:
        """A graph to change on its own; the protobufs in it stay shared and must not change."""
        twin = copy.copy(self)
        for name, held in vars(self).items():
            if isinstance(held, (list, dict, set)):
                setattr(twin, name, held.copy())
        twin.index()
        return twin

    def value(self, name: str) -> Array | None:
        """The value of a constant tensor, or None if it is not constant."""
        if name in self._values:
            return self._values[name]
        if name in self.constants:
            value = to_array(self.constants[name])
        elif name in self.sparse:
            value = to_dense(self.sparse[name])
        else:
            return None
        if value.size <= SMALL:
            self._values[name] = value
        return value

    def tensor(self, name: str) -> Tensor | None:
        """The tensor of that name, or None if its element type is not known."""
        if name in self.constants:
            proto = self.constants[name]
            return Tensor(name, helper.tensor_dtype_to_np_dtype(proto.data_type), tuple(proto.dims))
        if name in self.sparse:
            thin = self.sparse[name]
            dtype = helper.tensor_dtype_to_np_dtype(thin.values.data_type)
            return Tensor(name, dtype, tuple(thin.dims))
        return self.types.get(name)

    def add_constant(self, value: Array, hint: str) -> str:
        """Store a new constant and return its name, which starts with `hint`."""
        name = self.fresh(hint)
        self.constants[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def set_constant(self, name: str, value: Array) -> None:
        """Store a value under a name that a constant has, or that no node makes any more."""
        self.constants[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        self._values.pop(name, None)

    def fresh(self, hint: str) -> str:
        """A tensor name that no tensor has."""
        while True:
            self._fresh += 1
            name = f"{hint}/{self._fresh}"
            if not (name in self.producer or name in self.constants or name in self.types):
                return name

    def input_names(self) -> list[str]:
        return [v.name for v in self.inputs]

    def output_names(self) -> list[str]:
        return [v.name for v in self.outputs]

    def sole_consumer(self, name: str) -> NodeProto | None:
        """The only reader of a tensor; None where there are several or it is a graph output."""
        readers = self.consumers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.output_names() else None

    def needed(self, keep: Iterable[str]) -> tuple[list[NodeProto], list[TensorProto]]:
        """The nodes and constants that the tensors of `keep` are computed from."""
        wanted = set(keep)
        alive: list[NodeProto] = []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                alive.append(node)
                wanted.update(reads(node))
        return alive[::-1], [t for name, t in self.constants.items() if name in wanted]

    def to_model(self, extra: Extra | None = None) -> ModelProto:
        """A model that gives the graph's outputs, and those of `extra`."""
        extra = extra or Extra()
        entering = [name for entry in self.entries.values() for name in entry.parameters]
        nodes, constants = self.needed([*self.output_names(), *extra.reads, *entering])
        model = self._frame([*nodes, *extra.nodes], extra)
        for name, entry in self.entries.items():
            made = self.fresh(f"{name}/float")
            if entry.begin(model, made):
                self.types[made] = replace(self.types[name], name=made)
        model.graph.initializer.extend([*constants, *extra.constants])
        return model

    def skeleton(self) -> ModelProto:
        """The model for shape inference, with inputs in the place of large and sparse weights.

        What is declared of its outputs is left out.
        """
        nodes, constants = self.needed(self.output_names())
        model = self._frame(nodes, Extra())
        for info in model.graph.output:
            info.ClearField("type")
        del model.graph.sparse_initializer[:]
        for thin in self.sparse.values():
            name, kind, dims = thin.values.name, thin.values.data_type, list(thin.dims)
            model.graph.input.append(helper.make_tensor_value_info(name, kind, dims))
        for tensor in constants:
            if elements(tensor) <= SMALL and not is_external(tensor):
                model.graph.initializer.append(tensor)
            else:
                model.graph.input.append(
                    helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
                )
        return model

    def _frame(self, nodes: Sequence[NodeProto], extra: Extra) -> ModelProto:
        """A model of the nodes, without the constants that are no sparse ones."""
        source, model = self.model, ModelProto()
        model.ir_version = max(source.ir_version, 8)
        others = [o for o in source.opset_import if o.domain not in STANDARD_DOMAINS]
        model.opset_import.extend([helper.make_opsetid("", self.opset), *others])
        graph = model.graph
        graph.name = source.graph.name or "graph"
        graph.node.extend(nodes)
        graph.input.extend([*self.inputs, *extra.inputs])
        graph.output.extend([*self.outputs, *extra.outputs])
        graph.value_info.extend(extra.shapes)
        graph.sparse_initializer.extend(source.graph.sparse_initializer)
        return model


class Values(Mapping[int, Array]):
    """The values of those inputs of a node that are constant, by position; read when asked for."""

    def __init__(self, graph: Graph, names: Sequence[str]) -> None:
        self._graph = graph
        self._names = {
            i: name
            for i, name in enumerate(names)
            if name in graph.constants or name in graph.sparse
        }

    def __getitem__(self, place: int) -> Array:
        value = self._graph.value(self._names[place])
        assert value is not None
        return value

    def __iter__(self) -> Iterator[int]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Extra:
    """What is appended to a graph.

    Attributes:
        nodes, constants: what is computed.
        inputs, outputs: more inputs and outputs of the whole.
        reads: the tensors of the graph that it reads.
        shapes: of tensors that it makes.
    """

    nodes: Sequence[NodeProto] = ()
    constants: Sequence[TensorProto] = ()
    inputs: Sequence[ValueInfoProto] = ()
    outputs: Sequence[ValueInfoProto] = ()
    reads: Sequence[str] = ()
    shapes: Sequence[ValueInfoProto] = ()


def value_info(tensor: Tensor) -> ValueInfoProto:
    """What ONNX writes of a tensor: its name, element type and shape."""
    element = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    dims = None if tensor.shape is None else list(tensor.shape)
    return helper.make_tensor_value_info(tensor.name, element, dims)


def opset_of(model: ModelProto) -> int:
    """The version of the standard operator set that a model imports (0 if none)."""
    return max((o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS), default=0)


def reads(node: NodeProto) -> Iterator[str]:
    """The tensors that a node reads, those that its subgraphs take from outside included."""
    yield from (name for name in node.input if name)
    yield from captured(node)


def captured(node: NodeProto) -> Iterator[str]:
    """The tensors that a node's subgraphs take from outside."""
    for body in subgraphs(node):
        inner = {t.name for t in body.initializer} | {v.name for v in body.input}
        inner |= {t.values.name for t in body.sparse_initializer}
        inner |= {o for n in body.node for o in n.output}
        for n in body.node:
            yield from (name for name in reads(n) if name not in inner)
        yield from (v.name for v in body.output if v.name not in inner)


def attributes(node: NodeProto) -> dict[str, Any]:
    """A node's attributes as Python values, text as str, tensors as arrays."""
    return {a.name: _attribute(a) for a in node.attribute}


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if attribute.type == onnx.AttributeProto.STRINGS:
        return [v.decode("utf-8", "replace") for v in value]
    if attribute.type == onnx.AttributeProto.TENSOR:
        return to_array(value)
    if attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS):
        return list(value)
    return value


@cache
def default_attributes(op: str, domain: str, opset: int) -> Mapping[str, Any]:
    """The defaults that an operator's schema gives its attributes at an opset."""
    domain = "" if domain in STANDARD_DOMAINS else domain
    if not onnx.defs.has(op, domain):
        return {}
    try:
        schema = onnx.defs.get_schema(op, opset, domain)
    except onnx.defs.SchemaError:
        return {}
    found = {k: a.default_value for k, a in schema.attributes.items() if a.default_value.name}
    return {k: _attribute(v) for k, v in found.items()}


@cache
def input_names(op: str, domain: str, opset: int) -> tuple[str, ...]:
    """What an operator's schema calls its inputs; () where there is no schema."""
    try:
        schema = onnx.defs.get_schema(op, opset, "" if domain in STANDARD_DOMAINS else domain)
    except onnx.defs.SchemaError:
        return ()
    return tuple(each.name for each in schema.inputs)


def draws(graph: Graph, node: NodeProto) -> bool:
    """Whether a node is a Dropout that may draw what it drops, in training."""
    if node.op_type != "Dropout" or len(node.input) < 3 or not node.input[2]:
        return False
    training = graph.value(node.input[2])
    return training is None or bool(training.any())


def op_label(node: NodeProto) -> str:
    """An operator as people write it: its name, the domain before it where not the standard one."""
    if node.domain in STANDARD_DOMAINS:
        return node.op_type
    return f"{node.domain}.{node.op_type}"
