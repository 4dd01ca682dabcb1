"""What makes the nodes of the backward graph, and of the bodies in it.

The nodes live in an ONNX GraphSurgeon graph of their own until they are appended to the forward
pass, which is never touched. A body of If, Loop or Scan has a builder of its own.
"""

from __future__ import annotations

import copy
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import onnx_graphsurgeon as gs
from onnx import GraphProto, NodeProto, helper, numpy_helper

from retrograph.ir.analysis import shape_inference
from retrograph.ir.analysis.lost_axes import Part, whole_shapes
from retrograph.ir.analysis.nchwc_layout import BLOCK, BlockedLayout
from retrograph.ir.graph import (
    Array,
    DType,
    Extra,
    Graph,
    Rows,
    Shape,
    Tensor,
    is_static,
    reads,
    value_info,
)
from retrograph.ir.subgraphs import inner_names

_INT64 = np.dtype(np.int64)

Self = TypeVar("Self", bound="Builder")

Origin = tuple[str, Sequence[Tensor | None], dict[str, Any]]
"""What makes a tensor: the operator, its inputs and attributes."""

Device = Literal["cpu", "cuda", "web"]
"""What the emitted forms suit best, those of CUDA also other accelerators; they run on any.

Those of the web have kernels in WebGPU, which gives no indices out of a MaxPool.
"""

DEVICES: tuple[Device, ...] = get_args(Device)


class Builder:
    """Names what is emitted, shares equal constants, and repeats items' rows for units.

    Where many units are explained at once, an operator that joins a tensor with a row for each
    unit and one with a row for each item first repeats the items' rows; rules need not know.
    """

    def __init__(self, forward: Graph, device: Device = "cpu") -> None:
        self.opset = forward.opset
        self.device = device
        self._layout = BlockedLayout(forward) if device == "cpu" else None
        self._taken = {*forward.producer, *forward.constants, *forward.types}
        self._taken.update(name for node in forward.nodes for name in inner_names(node))
        self._graph = gs.Graph(opset=forward.opset)
        self._variables: ChainMap[str, gs.Variable] = ChainMap()
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Tensor] = {}
        self._values: dict[str, Array] = {}
        self._shapes: dict[str, Tensor] = {}
        self._origins: dict[str, Origin] = {}
        self._root = self._scope = "bwd"
        self._repeated: dict[str, Tensor] = {}
        self._losing = whole_shapes(forward)
        self._whole: dict[str, gs.Variable] = {}
        self.item_of_unit: Tensor | None = None
        """For each of the N * K units the item it belongs to, int64 [N * K]."""
        self.units_apart: Tensor | None = None
        """The shape that parts units by their items, int64 [3]: N, K, -1."""

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Name what is emitted inside `bwd/<name>/...`."""
        outer, self._scope = self._scope, f"{self._root}/{name}"
        yield
        self._scope = outer

    def emit(
        self, op: str, *inputs: Tensor | None, dtype: DType | None = None, **attrs: Any
    ) -> Tensor:
        """One node with one output, of the first input's type unless `dtype` is given."""
        return self.emit_many(op, *inputs, dtypes=[dtype or _dtype_of(inputs)], **attrs)[0]

    def emit_many(
        self, op: str, *inputs: Tensor | None, dtypes: Sequence[DType], **attrs: Any
    ) -> list[Tensor]:
        """One node with an output for each of `dtypes`; None among the inputs is left out."""
        inputs, rows = self._matched(op, inputs)
        outputs = [Tensor(self.fresh(f"{self._scope}/{op}"), d, None, rows) for d in dtypes]
        self._variables.update({t.name: gs.Variable(t.name) for t in outputs})
        node = gs.Node(
            op=op,
            name=outputs[0].name,
            attrs=attrs,
            inputs=[gs.Variable.empty() if t is None else self._variable(t) for t in inputs],
            outputs=[self._variable(t) for t in outputs],
        )
        self._graph.nodes.append(node)
        self._origins[outputs[0].name] = op, inputs, attrs
        if self._layout is not None:
            self._layout.note(op, inputs, outputs[0].name, attrs)
        return outputs

    def _matched(
        self, op: str, inputs: tuple[Tensor | None, ...]
    ) -> tuple[tuple[Tensor | None, ...], Rows]:
        """Inputs with rows for the same thing, and what the rows of the output count."""
        rows = max((t.rows for t in inputs if t is not None), default=Rows.SHARED)
        if op == "Shape":
            return inputs, Rows.SHARED
        if rows is Rows.UNITS:
            inputs = tuple(
                self._repeat(t) if t is not None and t.rows is Rows.ITEMS else t for t in inputs
            )
        return inputs, rows

    def _repeat(self, items: Tensor) -> Tensor:
        if items.name not in self._repeated:
            assert self.item_of_unit is not None
            rows = Tensor(items.name, items.dtype, None)
            repeated = self.emit("Gather", rows, self.item_of_unit, axis=0)
            self._repeated[items.name] = replace(repeated, rows=Rows.UNITS)
        return self._repeated[items.name]

    def const(self, value: Array | Sequence[int] | float, dtype: DType | None = None) -> Tensor:
        """A constant; equal constants are stored once."""
        array = np.asarray(value, dtype)
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in self._constants:
            name = self.fresh("bwd/const")
            self._variables.maps[-1][name] = gs.Variable(name)
            self._values[name] = np.array(array, order="C")
            self._constants[key] = Tensor(name, array.dtype, array.shape)
        return self._constants[key]

    def rename(self, tensor: Tensor, name: str) -> Tensor:
        """Call a tensor that was emitted here `bwd/<name>` if that is free."""
        wanted = f"{self._root}/{name}"
        if tensor.name not in self._variables.maps[0] or wanted in self._taken:
            return tensor
        variable = self._variables[tensor.name]
        if not variable.inputs:
            return tensor
        self._taken.add(wanted)
        variable.name = wanted
        self._variables[wanted] = variable
        self._origins[wanted] = self.origin(tensor)
        if self._layout is not None:
            self._layout.rename(tensor.name, wanted)
        return replace(tensor, name=wanted)

    def declare(self, tensor: Tensor, shape: Shape | None) -> Tensor:
        """Say of what shape a tensor is: what a runtime cannot see for itself keeps it from fusing.

        The rows of units have a number of their own, whatever the shape says of them. What a body
        knows of a tensor outside of it holds only where the body is run.
        """
        known = replace(tensor, shape=shape)
        if shape is not None and tensor.name in self._variables.maps[0]:
            rows = ("units", *shape[1:]) if tensor.rows is Rows.UNITS and shape else shape
            name = self._variables[tensor.name].name
            self._shapes[name] = replace(known, name=name, shape=rows)
        return known

    def origin(self, tensor: Tensor) -> Origin:
        """What makes a tensor; the operator "" if it was not emitted here."""
        return self._origins.get(tensor.name, ("", (), {}))

    def recall(self, tensor: Tensor, op: str, *inputs: Tensor) -> Tensor:
        """Say what makes a tensor, where several nodes do."""
        self._origins[tensor.name] = op, inputs, {}
        return tensor

    @property
    def has_blocks(self) -> bool:
        """Whether what is emitted here may stay in the blocked layout; not in bodies."""
        return self._layout is not None

    def is_blocked(self, tensor: Tensor) -> bool:
        """Whether the tensor is in the layout of the runtime's convolutions."""
        return self._layout is not None and self._layout.holds(tensor)

    def blocked(self, tensor: Tensor) -> Tensor:
        """The tensor [N, C, H, W] in the layout of the runtime's convolutions, copied if need be.

        The copy is a convolution of each channel with 1, for what it is added to goes into it, and
        a ReLU behind it.
        """
        channels = tensor.shape[1] if tensor.shape is not None and tensor.rank == 4 else None
        unfit = not isinstance(channels, int) or channels % BLOCK or tensor.dtype != np.float32
        if self._layout is None or unfit or self._layout.holds(tensor):
            return tensor
        self.declare(tensor, tensor.shape)
        ones = self.const(np.ones((channels, 1, 1, 1)), tensor.dtype)
        return self.emit("Conv", tensor, ones, group=channels)

    def finish(self, outputs: dict[str, Tensor]) -> Extra:
        """The nodes and constants that these outputs need, each given out under its key's name."""
        named = []
        for name, tensor in outputs.items():
            variable = self._copied(tensor)
            variable.name = name
            named.append(variable)
        self._graph.outputs = named
        self._drop_unused()
        self._graph.cleanup(remove_unused_node_outputs=False).toposort()
        nodes = list(gs.export_onnx(self._graph, do_type_check=False).graph.node)
        read = {name for node in nodes for name in reads(node)}
        used = [name for name in self._values if name in read]
        made = [name for node in nodes for name in node.output]
        return Extra(
            nodes=nodes,
            constants=[numpy_helper.from_array(self._values[name], name) for name in used],
            reads=[name for node in nodes for name in reads(node)],
            shapes=[value_info(self._shapes[name]) for name in made if name in self._shapes],
        )

    def _copied(self, tensor: Tensor) -> gs.Variable:
        """An output of the graph: what runtimes want to be made in it."""
        variable = self._variables[self.emit("Identity", tensor).name]
        variable.dtype = tensor.dtype
        return variable

    # Bodies of If, Loop and Scan.

    def body(self: Self, name: str) -> Self:
        """A builder for a body of the node that is emitted next; it reads all that stands here."""
        inner = copy.copy(self)
        inner._graph = gs.Graph(opset=self.opset, name=self.fresh(f"{self._scope}/{name}"))
        inner._variables = self._variables.new_child()
        inner._repeated, inner._whole = {}, self._whole.copy()
        inner._layout = None  # what a body reads from outside has been taken out of the layout
        inner._root = inner._scope = inner._graph.name
        return inner

    def formal(self, tensor: Tensor) -> Tensor:
        """The next input of the body, which has this tensor's name for those who emit here."""
        self._formal(tensor.name, tensor)
        return tensor

    def _formal(self, name: str, tensor: Tensor | None) -> None:
        """The next input of the body; None where its type is not known."""
        variable = gs.Variable(self.fresh(f"{self._root}/{name}"))
        if tensor is not None:
            variable.dtype = tensor.dtype
            variable.shape = list(tensor.shape or ()) if is_static(tensor.shape) else None
        self._variables[name] = variable
        self._graph.inputs.append(variable)

    def let(self, name: str, tensor: Tensor) -> None:
        """Give a tensor another name for those who emit here."""
        self._variables[name] = self._variable(tensor)

    def graph(self, outputs: Sequence[Tensor]) -> gs.Graph:
        """The body, to be an attribute of its node."""
        self._graph.outputs = [self._copied(tensor) for tensor in outputs]
        self._drop_unused()
        return self._graph

    def _drop_unused(self) -> None:
        """Leave out what the outputs do not need: GraphSurgeon takes long to take a node away."""
        used: set[int] = set()
        waiting = list(self._graph.outputs)
        while waiting:
            for node in waiting.pop().inputs:
                if id(node) not in used:
                    used.add(id(node))
                    waiting.extend(_read(node))
        self._graph.nodes = [node for node in self._graph.nodes if id(node) in used]

    def include(self, forward: Graph) -> None:
        """Compute a forward body again, here; its inputs are named before (`formal`, `let`)."""
        for name in {name for node in forward.nodes for name in reads(node)}:
            value = None if name in forward.captured else forward.value(name)
            if value is not None:
                self.let(name, self.const(value))
        self.repeat(forward.nodes)

    def again(self, nodes: Sequence[NodeProto], values: Mapping[str, Tensor]) -> dict[str, str]:
        """Compute forward nodes once more, at other values of some tensors.

        Returns:
            The names that what they make has here, by those that it has in the forward pass.
        """
        inner = copy.copy(self)
        inner._variables = self._variables.new_child()
        for name, value in values.items():
            inner.let(name, value)
        inner.repeat(nodes)
        made = {name: inner._variables[name] for node in nodes for name in node.output if name}
        self._variables.update({variable.name: variable for variable in made.values()})
        return {name: variable.name for name, variable in made.items()}

    def repeat(self, nodes: Sequence[NodeProto]) -> None:
        """Compute forward nodes once more, for those who emit here, under the names they have."""
        for proto in nodes:
            for name in filter(None, proto.output):
                variable = gs.Variable(self.fresh(f"{self._scope}/{name}"))
                self._variables[name] = variable
                if name in self._losing:
                    self._losing[variable.name] = self._losing[name]
            given = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
            attrs = {
                key: self._nested(key, value) if isinstance(value, GraphProto) else value
                for key, value in given.items()
                if not isinstance(value, list) or value
            }
            ends = [
                [self._variables[n] if n else gs.Variable.empty() for n in names]
                for names in (map(self._named, proto.input), proto.output)
            ]
            name = self.fresh(f"{self._scope}/{proto.name}")
            node = gs.Node(proto.op_type, name, attrs, *ends, domain=proto.domain or None)
            self._graph.nodes.append(node)

    def _named(self, name: str) -> str:
        if name not in self._variables:
            self._variables.maps[-1][name] = gs.Variable(name)
        return name

    def _nested(self, key: str, proto: GraphProto) -> gs.Graph:
        inner = self.body(key)
        for info in proto.input:
            inner._formal(info.name, shape_inference.to_tensor(info))
        for value in proto.initializer:
            inner.let(value.name, self.const(numpy_helper.to_array(value)))
        inner.repeat(proto.node)
        inner._graph.outputs = [inner._variables[inner._named(v.name)] for v in proto.output]
        return inner._graph

    def _variable(self, tensor: Tensor) -> gs.Variable:
        """A tensor as it is emitted; with all its axes where it may lose some at run time."""
        variable = self._variables[self._named(tensor.name)]
        parts = self._losing.get(variable.name)
        if parts is None:
            return variable
        if variable.name not in self._whole:
            whole = gs.Variable(self.fresh(f"{self._root}/{tensor.name}/whole"))
            sizes = self._variable(self._sizes_of(parts))
            node = gs.Node("Reshape", whole.name, inputs=[variable, sizes], outputs=[whole])
            self._graph.nodes.append(node)
            self._whole[variable.name] = whole
        return self._whole[variable.name]

    def _sizes_of(self, parts: Sequence[Part]) -> Tensor:
        """A shape, int64 [r]."""
        numbers = [part for part in parts if isinstance(part, int)]
        if len(numbers) == len(parts):
            return self.const(numbers, _INT64)
        sizes = [
            self.const([part], _INT64)
            if isinstance(part, int)
            else self.emit(
                "Shape", Tensor(part[0], _INT64, None), dtype=_INT64, start=part[1], end=part[1] + 1
            )
            for part in parts
        ]
        return self.emit("Concat", *sizes, axis=0)

    def fresh(self, hint: str) -> str:
        """A tensor name that neither the forward nor the backward graph has."""
        name, count = hint, 0
        while name in self._taken:
            count += 1
            name = f"{hint}_{count}"
        self._taken.add(name)
        return name


def _read(node: gs.Node) -> Iterator[gs.Variable]:
    """What a node and the bodies in it read."""
    yield from node.inputs
    for body in (value for value in node.attrs.values() if isinstance(value, gs.Graph)):
        yield from body.outputs
        for inner in body.nodes:
            yield from _read(inner)


def _dtype_of(inputs: Sequence[Tensor | None]) -> DType:
    return next(t.dtype for t in inputs if t is not None)
