"""The explainable tensors of a model by the short names of people."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from onnx import NodeProto

from retrograph.errors import InputError, command
from retrograph.ir.graph import STANDARD_DOMAINS, Graph, Tensor, op_label
from retrograph.ir.path import flow
from retrograph.receptive_field import Field, receptive_fields

_SHORT = {
    "Conv": "conv",
    "ConvTranspose": "deconv",
    "MaxPool": "pool",
    "AveragePool": "pool",
    "LpPool": "pool",
    "GlobalAveragePool": "gap",
    "GlobalMaxPool": "gmp",
    "BatchNormalization": "bn",
    "InstanceNormalization": "in",
    "Gemm": "fc",
    "MatMul": "fc",
}


@dataclass(frozen=True, repr=False)
class Layer:
    """One explainable tensor.

    Attributes:
        alias: its short name, such as conv1 or relu3.
        tensor: its name, type and shape in the graph.
        op: the operator that makes it.
        field: which window of the input one unit sees; None where it sees all of it.
        is_relu: whether a ReLU rule treats the operator.
    """

    alias: str
    tensor: Tensor
    op: str
    field: Field | None
    is_relu: bool

    @property
    def window(self) -> tuple[str, str]:
        """The size of the window and the distance of neighbouring ones: ("24x24", "8").

        The size is "all" where a unit sees all of the input, the distance "" where there is none.
        """
        if self.field is None:
            return "all", ""
        size, _, stride = str(self.field).partition(" / ")
        return size, stride

    def to_dict(self, default: str | None = None) -> dict[str, Any]:
        """As a record for a program: what `retrograph layers --json` prints of it.

        Args:
            default: the tensor that is explained if no layer is named.
        """
        sees, step = self.window
        return {
            "alias": self.alias,
            "tensor": self.tensor.name,
            "operator": self.op,
            "dtype": self.tensor.dtype.name,
            "shape": None if self.tensor.shape is None else list(self.tensor.shape),
            "receptive_field": sees,
            "stride": step or None,
            "relu": self.is_relu,
            "default_target": self.tensor.name == default,
        }

    def __repr__(self) -> str:
        return f"<Layer {self.alias}: {self.op} {shape_text(self.tensor.shape)}>"


class Layers(list[Layer]):
    """The layers of a model in order: a list that shows itself as a table."""

    headings = ("alias", "operator", "shape", "sees", "step", "ReLU", "tensor")

    def rows(self) -> list[tuple[str, ...]]:
        """The cells of the table, below its headings.

        "sees" is the window of the input that one unit depends on, "step" the distance of
        neighbours.
        """
        return [
            (
                layer.alias,
                layer.op,
                shape_text(layer.tensor.shape),
                *layer.window,
                "yes" if layer.is_relu else "",
                layer.tensor.name,
            )
            for layer in self
        ]

    def __repr__(self) -> str:
        lines = [self.headings, *self.rows()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        """The table, for a notebook."""
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.headings)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def shape_text(shape: Sequence[int | str | None] | None) -> str:
    """A shape as Nx64x16x16, N for a batch of any size and ? for what is not known."""
    if not shape:
        return "?" if shape is None else "scalar"
    lead = _size_text(shape[0]) if isinstance(shape[0], int) else "N"
    return "x".join([lead, *map(_size_text, shape[1:])])


def _size_text(size: int | str | None) -> str:
    return "?" if size is None or str(size).startswith("unk__") else str(size)


def layers(graph: Graph, sources: Sequence[str]) -> Layers:
    """Every floating-point tensor that depends on the sources, in order, each with its alias.

    An alias counts its own kind: conv2 is the second convolution. A bias that stands as an Add of
    its own belongs to the convolution or matrix product before it. Where the file gives the name
    conv2 to another tensor, the second convolution is conv2b, so that a name means one thing.
    """
    found = Layers()
    counts: Counter[str] = Counter()
    reached = flow(graph, sources)
    fields = receptive_fields(graph, sources)
    named = _named(graph)
    for node in graph.nodes:
        for name in node.output:
            tensor = graph.tensor(name) if name else None
            if tensor is None or name not in reached or not tensor.is_float:
                continue
            if _is_before_bias(graph, node):
                continue
            maker = _without_bias(graph, node)
            kind = _kind(graph, maker)
            counts[kind] += 1
            is_relu = node.name in graph.relu_like
            op = op_label(maker)
            alias = f"{kind}{counts[kind]}"
            if named.get(alias, name) != name:
                alias += "b"
            found.append(Layer(alias, tensor, op, fields.get(name), is_relu))
    return found


def _named(graph: Graph) -> dict[str, str]:
    """The tensors by every name that the file gives them: their own, or their node's."""
    return {n.name: n.output[0] for n in graph.nodes} | {
        o: o for n in graph.nodes for o in n.output
    }


def _kind(graph: Graph, node: NodeProto) -> str:
    if node.name in graph.relu_like:
        return "relu"
    return _SHORT.get(node.op_type, node.op_type.lower())


def _is_before_bias(graph: Graph, node: NodeProto) -> bool:
    reader = graph.sole_consumer(node.output[0])
    return reader is not None and _without_bias(graph, reader) is node


def _without_bias(graph: Graph, node: NodeProto) -> NodeProto:
    """The Conv, Gemm or MatMul that an Add of a constant finishes; else the node itself."""
    if node.op_type != "Add" or node.domain not in STANDARD_DOMAINS:
        return node
    for x, bias in (tuple(node.input), tuple(node.input)[::-1]):
        maker = graph.producer.get(x)
        if (
            bias in graph.constants
            and maker is not None
            and maker.op_type in ("Conv", "Gemm", "MatMul", "ConvTranspose")
            and graph.sole_consumer(x) is node
        ):
            return maker
    return node


def find_layer(graph: Graph, sources: Sequence[str], name: str) -> str:
    """The tensor of an alias, a tensor's name or a node's name.

    Raises:
        InputError: there is none, or it does not depend on the sources; near names are suggested.
    """
    known = layers(graph, sources)
    aliases = {layer.alias: layer.tensor.name for layer in known}
    names = {layer.tensor.name for layer in known} | (flow(graph, sources) - set(sources))
    if name in names:
        return name
    if name in aliases:
        return aliases[name]
    made = _named(graph).get(name)
    if made in names:
        return str(made)
    if graph.tensor(name) is not None:
        raise InputError(
            f"'{name}' is not explainable: it does not depend on {_listed(sources)} through "
            f"floating-point numbers alone; see {command('layers')}",
            about="layer",
        )
    near = difflib.get_close_matches(name, {*aliases, *names}, n=3)
    hint = f"did you mean {_listed(near)}? " if near else ""
    message = f"no layer '{name}' in the model; {hint}see {command('layers')}"
    raise InputError(message, about="layer")


def _listed(names: Sequence[str]) -> str:
    return " or ".join(f"'{n}'" for n in names)
