"""How much work a graph would make, counted before it is done.

A few nodes may double the numbers that are followed through them, or add axes to a tensor, as often
as there are nodes; ONNX's shape inference would write them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from onnx import AttributeProto, GraphProto, NodeProto, ValueInfoProto

from retrograph.errors import InputError
from retrograph.ir.subgraphs import subgraphs
from retrograph.ir.tensor_data import MOST_AXES, SMALL, elements

_MOST_NUMBERS = 2_000_000
_LARGEST_INPUT = 2**32
_MOST_AXES_IN_ALL = 5_000_000
_AXES_OF_A_NODE = 16
_DEEPEST = 6

_FOLLOWED = {"Add", "Cast", "Concat", "Gather", "Mul", "Slice", "Squeeze", "Sub", "Unsqueeze"}

Counts = Mapping[str, int]


def follow_numbers(graph: GraphProto, outside: Counts | None = None) -> bool:
    """Make a graph one through which shape inference may follow the numbers in shapes, in place.

    A Cast of what is not followed becomes an operator of the same type and shape: for a Cast,
    inference writes down a number for each element even where it knows none of them.

    Returns:
        Whether there are few enough. The nodes must be sorted; what is not is not followed.
    """
    if any(map(_is_vast, graph.input)):  # of a vector a number for each element is written down
        return False
    counts = dict(outside or {})
    counts |= {t.name: n for t in graph.initializer if (n := elements(t)) <= SMALL}
    total = 0
    for node in graph.node:
        found = [counts[name] for name in node.input if name in counts]
        if node.op_type in ("Shape", "Size"):
            found = [MOST_AXES]
        elif node.op_type not in _FOLLOWED or len(found) < len(node.input):
            found = []
        if found:
            most = sum(found) if node.op_type == "Concat" else max(found)
            counts |= dict.fromkeys(node.output, most)
            total += most * len(node.output)
        elif node.op_type == "Cast":
            _blind(node)
        if not all(follow_numbers(body, counts) for body in subgraphs(node)):
            return False
    return total <= _MOST_NUMBERS


def _is_vast(value: ValueInfoProto) -> bool:
    """Whether an input is, or may be made, a vector of more numbers than are followed."""
    sizes = [int(dim.dim_value) for dim in value.type.tensor_type.shape.dim if dim.dim_value > 0]
    return math.prod(sizes) > (_MOST_NUMBERS if len(sizes) == 1 else _LARGEST_INPUT)


def _blind(cast: NodeProto) -> None:
    to = next((a.i for a in cast.attribute if a.name == "to"), 0)
    cast.op_type = "RandomNormalLike"
    del cast.attribute[:]
    cast.attribute.add(name="dtype", type=AttributeProto.INT, i=to)


def check_nesting(graph: GraphProto, level: int = 0) -> None:
    """Refuse bodies that are too deep in one another: each level takes a few times the work.

    Raises:
        InputError: they are.
    """
    if level > _DEEPEST:
        raise InputError(
            f"'{graph.name}' is a body of a Loop, Scan or If more than {_DEEPEST} levels deep, too "
            "deep to work with; export the model with fewer of them in one another"
        )
    for node in graph.node:
        for body in subgraphs(node):
            check_nesting(body, level + 1)


def check_axes(graph: GraphProto) -> None:
    """Refuse a graph whose tensors have axes without end.

    Raises:
        InputError: they do.
    """
    room = _MOST_AXES_IN_ALL + _AXES_OF_A_NODE * len(graph.node)
    for name, axes in _axes(graph, {}, {}):
        room -= axes
        if room < 0:
            raise InputError(
                f"node '{name}' makes a tensor of some {axes} axes, more than any runtime takes; "
                "the file is damaged: export it again"
            )


def _axes(graph: GraphProto, outside: Counts, lengths_outside: Counts) -> Iterator[tuple[str, int]]:
    """How many axes each node's outputs have at most, as far as names in the graph tell."""
    axes, lengths = dict(outside), dict(lengths_outside)
    for tensor in graph.initializer:
        axes[tensor.name], lengths[tensor.name] = len(tensor.dims), elements(tensor)
    axes |= {v.name: len(v.type.tensor_type.shape.dim) for v in graph.input}
    for node in graph.node:
        found = _after(node, axes, lengths)
        axes |= dict.fromkeys(node.output, found)
        yield node.name, found * len(node.output)
        for body in subgraphs(node):
            yield from _axes(body, axes, lengths)


def _after(node: NodeProto, axes: Counts, lengths: Counts) -> int:
    ranks = [axes.get(name, 0) for name in node.input]
    attribute = next((len(a.ints) for a in node.attribute if a.name in ("axes", "shape")), 0)
    given = lengths.get(node.input[1], 0) if len(node.input) > 1 else attribute
    match node.op_type:
        case "Gather" | "GatherND":
            return max(sum(ranks) - 1, 0)
        case "Unsqueeze":
            return sum(ranks[:1]) + given
        case "Squeeze":
            return max(sum(ranks[:1]) - given, 0)
        case "Reshape":
            return given or lengths.get(node.input[-1], 0)
        case "Expand":
            return max([*ranks[:1], given])
        case "ConstantOfShape":
            return max((lengths.get(name, 0) for name in node.input), default=0)
        case "RandomNormal" | "RandomUniform":
            return attribute
        case "OneHot" | "Loop" | "Scan":
            return max(ranks, default=0) + 1
    return max(ranks, default=0)
