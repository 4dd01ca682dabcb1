"""What a backward pass ends at: the model's inputs, or inner tensors in the place of some."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from retrograph.contract import Places
from retrograph.errors import InputError, parameter
from retrograph.ir.analysis.batch_axis import first_item_axis
from retrograph.ir.graph import STANDARD_DOMAINS, Graph, Shape
from retrograph.ir.path import flow, path
from retrograph.layers import find_layer
from retrograph.preprocess import InputAxes
from retrograph.receptive_field import receptive_fields
from retrograph.vjp.engine.walk import blocked

_LOOKED_UP = {"Gather", "GatherElements", "GatherND"}


def origins(graph: Graph) -> list[str]:
    """The floating-point inputs; of a model without any, what it first looks up by its inputs.

    Inputs of whole numbers such as tokens choose rows of a table: these embeddings are the first
    numbers that have a gradient.
    """
    inputs = graph.input_names()
    floats = [name for name in inputs if _is_float(graph, name)]
    return floats or _embeddings(graph, inputs)


def _embeddings(graph: Graph, inputs: Collection[str]) -> list[str]:
    whole, found = {*inputs}, []
    for node in graph.nodes:
        if node.domain not in STANDARD_DOMAINS or node.op_type in ("Shape", "Size"):
            continue
        if node.op_type in _LOOKED_UP and node.input[1] in whole:
            found += [name for name in node.output if _is_float(graph, name)]
        if not whole.isdisjoint(node.input):
            whole.update(name for name in node.output if name and not _is_float(graph, name))
    return found


def _shape(graph: Graph, name: str) -> Shape:
    tensor = graph.tensor(name)
    return (tensor.shape if tensor else None) or ()


def _is_float(graph: Graph, name: str) -> bool:
    tensor = graph.tensor(name)
    return tensor is not None and tensor.is_float


def sources_of(
    graph: Graph, target: str, wrt: str | Sequence[str] | None = None
) -> tuple[str, ...]:
    """The tensors that are explained.

    Args:
        graph: canonical.
        target: the layer's tensor.
        wrt: inputs, and inner tensors by alias or name; what the target depends on if None.

    Raises:
        InputError: there is no such tensor, it holds no floating-point numbers, or one is computed
            from another.
    """
    names = origins(graph)
    if wrt is None:
        reached = path(graph, names, [target], blocked(graph)).tensors
        return _usual(graph, [name for name in names if name in reached] or names)
    stands = {entry.tensor: name for name, entry in graph.entries.items()}
    given = (wrt,) if isinstance(wrt, str) else wrt
    wanted = dict.fromkeys(stands.get(name, name) for name in given)
    found = tuple(name if name in names else _inner(graph, name) for name in wanted)
    if target in found:
        raise InputError(f"'{target}' is the explained layer itself; explain by a tensor before it")
    for name in found:
        other = next((o for o in found if o != name and name in flow(graph, [o])), None)
        if other is not None:
            raise InputError(
                f"'{name}' is computed from '{other}': explain by one of them at a time"
            )
    return found


def _inner(graph: Graph, name: str) -> str:
    """An inner tensor that is explained in the place of an input, by alias or name."""
    names = origins(graph)
    if name in graph.input_names():
        raise InputError(
            f"input '{name}' holds no floating-point numbers, so there is no gradient by it; "
            f"explain by {' or '.join(map(repr, names))}"
        )
    try:
        tensor = find_layer(graph, names, name)
    except InputError as error:
        raise InputError(
            f"no floating-point input '{name}'; the model has: {', '.join(names)}; nor an inner "
            f"tensor: {error.message}",
            about="wrt",
        ) from None
    if not _is_float(graph, tensor):
        raise InputError(f"'{name}' holds no floating-point numbers; explain by another tensor")
    return tensor


def _usual(graph: Graph, names: Sequence[str]) -> tuple[str, ...]:
    """Those of some inputs that are explained if none is named.

    Whole numbers are left out where there is floating point with as many axes: then they are
    masks or sizes rather than what the model looks at.
    """
    tensors = {name: graph.tensor(name) for name in names}
    ranks = {name: (tensor.rank if tensor else 0) or 0 for name, tensor in tensors.items()}
    whole = [name for name in names if name in graph.entries]
    floats = [name for name in names if name not in graph.entries]
    most = max((ranks[name] for name in whole), default=0)
    return tuple(floats if any(ranks[name] >= most for name in floats) else names)


def inputs_of(graph: Graph, sources: Sequence[str]) -> tuple[str, ...]:
    """The inputs that explained tensors are; of inner ones the first that each depends on."""
    inputs = [*(n for n in origins(graph) if n in graph.input_names()), *graph.input_names()]
    return tuple(
        next(name for name in inputs if source in flow(graph, [name])) for source in sources
    )


def inner_notes(graph: Graph, sources: Sequence[str]) -> list[str]:
    """A line for each inner tensor that is explained in the place of an input."""
    inputs = inputs_of(graph, sources)
    return [
        f"explained by '{source}', which is made of input '{shown}': the attribution has its "
        "shape, a class activation map its positions"
        for source, shown in zip(sources, inputs, strict=True)
        if source != shown
    ]


def check_items_lead(graph: Graph, sources: Sequence[str]) -> None:
    """Raises InputError for the first explained tensor whose first axis counts no items."""
    for name in sources:
        axis = graph.item_axes.get(name, 0)
        if axis != 0:
            where = "no axis of items" if axis is None else f"its items along axis {axis}"
            raise InputError(
                f"input '{name}' has {where}, and an attribution leads with them: export the "
                "model with the batch in front, or explain other inputs "
                f"({parameter('wrt', 'INPUT')})"
            )


def inner_facts(
    graph: Graph, sources: Sequence[str], axes: Callable[[str], InputAxes]
) -> dict[str, Any]:
    """What a contract says where inner tensors are explained: its `inputs` and `places`."""
    inputs = inputs_of(graph, sources)
    if inputs == tuple(sources):
        return {}
    pairs = zip(sources, inputs, strict=True)
    return {
        "inputs": inputs,
        "places": tuple(places(graph, name, shown, axes(shown)) for name, shown in pairs),
    }


def _looked_up(graph: Graph, name: str, shown: str) -> str:
    """The embedding of an input of whole numbers that a tensor is made of."""
    made = flow(graph, [shown])
    return next(e for e in origins(graph) if e in made and name in flow(graph, [e]))


def axis_letters(graph: Graph, axes: InputAxes, target: str) -> str:
    """What each axis of an input counts (see `InputAxes.letters`), seen from a target.

    An input of which all is one item of the target has no axis that counts items.
    """
    letters = axes.letters
    is_one_item = letters[1:].strip("*") == "" and first_item_axis(graph, target) == 0
    return letters.replace("N", "*") if is_one_item else letters


def places(graph: Graph, name: str, shown: str, axes: InputAxes) -> Places:
    """Where a tensor lies in an input (see `Contract.places`).

    Args:
        graph: canonical.
        name: the tensor.
        shown: the input.
        axes: what the axes of the input count.
    """
    start = shown if _is_float(graph, shown) else _looked_up(graph, name, shown)
    rank = len(axes.shape)
    if start == name != shown:
        own = len(_shape(graph, name))
        return [[axis - own, 1.0, 0.0] for axis in range(int(axes.batched), rank)]
    field = receptive_fields(graph, [start]).get(name)
    spans = dict(zip(field.axes, field.spans, strict=True)) if field else {}
    found: list[Sequence[float] | None] = []
    for axis in range(int(axes.batched), rank):
        span = spans.get(axis)
        if span is None or span.axis is None:
            found.append(None)
        else:
            found.append([span.axis, float(span.stride), float(span.first + span.last) / 2])
    return found
