"""A fixed batch opened: nodes rewritten, the axis of the inputs named, the items followed anew."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from onnx import NodeProto, ValueInfoProto

from retrograph.errors import Problem, UnsupportedError, parameter
from retrograph.ir.analysis import shape_inference
from retrograph.ir.analysis.batch_axis import LEADING, Batch, follow_batch
from retrograph.ir.analysis.origin import naming_the_file, of_the_file
from retrograph.ir.graph import Graph, op_label, reads
from retrograph.ir.passes.batch_opening.bodies import open_bodies
from retrograph.ir.passes.batch_opening.item_axes import FixedBatch, fixed_batch, named_item_axes
from retrograph.ir.passes.batch_opening.operands import CannotOpen, Counter, Items
from retrograph.ir.passes.batch_opening.operators import opened
from retrograph.ir.passes.bodies import has_bodies
from retrograph.ir.passes.expand.registry import NoDefinition
from retrograph.ir.passes.expand.steps import Steps
from retrograph.ir.passes.fixpoint import settle

NAMES = ("N", "batch", "items")
"""What the size of the batch is called: the first that no other size is."""


def with_open_batch(graph: Graph, target: str, outputs: Sequence[str]) -> tuple[Graph, int]:
    """A graph that takes any number of items, and gives for each what the fixed one gives for it.

    Args:
        graph: canonical; it stays as it is.
        target: the explained tensor.
        outputs: those that are computed besides; nodes that neither needs are not looked at.

    Returns:
        The opened graph, and the number of items that was fixed; 0 where the batch is open already,
        with the graph itself but for what is known of inputs whose items are not their first axis.
        An output that had lost the axis of a single item has it again.

    Raises:
        UnsupportedError: nodes join the items, or hold their number where it cannot be followed;
            it lists them all.
    """
    whole, ends = graph.copy(), (*outputs, target)
    fixed = fixed_batch(whole, ends)
    if fixed is None:
        whole.item_axes = dict(named_item_axes(whole))
        with naming_the_file(graph):
            _check_apart(whole, ends)
        return (whole if whole.item_axes else graph), 0
    with naming_the_file(graph):
        _rewrite(whole, fixed, ends)
        for output in outputs:
            _unfold(whole, fixed, output)
        name = _name_inputs(whole, fixed)
        shape_inference.forget_shapes(whole)
        whole.behind_bodies.clear()
        settle(whole)
        batch = _checked(whole, target, ends)
        whole.outputs = [_declared(whole, info, batch, name) for info in whole.outputs]
    return whole, fixed.count


def _check_apart(graph: Graph, ends: Sequence[str]) -> None:
    """Raises UnsupportedError for the nodes by which an open batch is one item all the same."""
    batch, needed = follow_batch(graph), graph.needed(ends)[0]
    problems = dict.fromkeys(
        of_the_file(graph, Problem(node.name, op_label(node), reason))
        for node in needed
        if batch.mixed.isdisjoint(reads(node))
        and (reason := _joined(graph, batch, node, batch.mixed))
    )
    if problems:
        raise UnsupportedError(
            f"the batch is open, but {len(problems)} of the {len(needed)} nodes join its items, or "
            "have them in places that cannot be followed",
            [*problems],
            f"Leave {parameter('open_batch')} out, and all that the graph is given is one item; or "
            f"leave out what only the model's outputs need ({parameter('outputs', False)}), or "
            "explain an earlier layer.",
        )


def _rewrite(graph: Graph, fixed: FixedBatch, ends: Sequence[str]) -> None:
    """Open every node that the ends need.

    Raises:
        UnsupportedError: some cannot be opened.
    """
    source, axis = next((n, a) for n, a in fixed.axes.items() if a is not None)
    counter = Counter(graph.fresh("batch/items"), source, axis)
    items = Items(graph, fixed.batch, fixed.count, counter)
    needed = {node.name for node in graph.needed(ends)[0]}
    problems: list[Problem] = []
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        problem, new = None, None
        if node.name in needed:
            problem, new = _opened(items, node)
        problems += [of_the_file(graph, problem)] if problem else []
        nodes += [node] if new is None else new
    if problems:
        raise _refused(problems, len(needed))
    graph.replace_nodes([*counter.nodes, *nodes])


def _opened(items: Items, node: NodeProto) -> tuple[Problem | None, list[NodeProto] | None]:
    """What is wrong with a node, or the nodes that take its place; None where it stays."""
    batch = items.batch
    sources = [name for name in reads(node) if name in batch.places]
    if not batch.mixed.isdisjoint(reads(node)):
        return None, None
    if reason := _joined(items.graph, batch, node, batch.mixed | batch.regained):
        return Problem(node.name, op_label(node), reason), None
    if not sources or not any(name in batch.places for name in node.output):
        return None, None
    try:
        return None, _open_node(items, node)
    except (CannotOpen, NoDefinition) as error:
        return Problem(node.name, op_label(node), str(error)), None


def _joined(graph: Graph, batch: Batch, node: NodeProto, lost: Collection[str]) -> str:
    """Where a node makes one of the tensors that have lost the items, in words; else ""."""
    first = next((name for name in node.output if name in lost), None)
    if first is None:
        return ""
    sources = [name for name in reads(node) if name in batch.places]
    where = " and ".join(map(str, sorted({batch.places[name].axis for name in sources})))
    branches = ", or has them elsewhere in each branch" if node.op_type == "If" else ""
    reason = f"joins the items of a batch{branches}, which it reads along axis {where}"
    folded = [one for name in sources if (one := _folded_by(graph, batch, name))]
    reason += f", into which '{folded[0].name}' has folded them" if folded else ""
    return f"{reason}, in '{first}'"


def _folded_by(graph: Graph, batch: Batch, name: str) -> NodeProto | None:
    """The node that took the axis of the items' own away; None where they have one."""
    places = batch.places
    node = graph.producer.get(name)
    if node is None or places[name].before * places[name].after == 1:
        return None
    for source in node.input:
        if source in places and places[source].before * places[source].after > 1:
            return _folded_by(graph, batch, source)
    return node


def _open_node(items: Items, node: NodeProto) -> list[NodeProto] | None:
    """What does for N items what a node does, its bodies included; None where it does so itself."""
    if has_bodies(node):
        return open_bodies(items, node, _open_node)
    if items.batch.places.keys().isdisjoint(node.output):
        return None
    return opened(items, node)


def _refused(problems: Sequence[Problem], count: int) -> UnsupportedError:
    return UnsupportedError(
        f"cannot open the batch: {len(problems)} of the {count} nodes keep it at its size",
        problems,
        "Export the model with an open batch axis; or leave out what only the model's outputs "
        f"need ({parameter('outputs', False)}), or explain an earlier layer.",
    )


def _unsupported(graph: Graph, node: NodeProto, reason: str) -> UnsupportedError:
    return _refused([of_the_file(graph, Problem(node.name, op_label(node), reason))], 1)


def _unfold(graph: Graph, fixed: FixedBatch, output: str) -> None:
    """Give an output of [N * 5] as [N, 5], where the items were folded into its leading axis.

    Raises:
        UnsupportedError: they are folded into another one.
    """
    place, tensor = fixed.batch.places.get(output), graph.tensor(output)
    if place is None or (place.before, place.after) == (1, 1):
        return
    node, sizes = graph.producer[output], () if tensor is None else tensor.shape or ()
    if tensor is None or (place.axis, place.before) != (0, 1) or not sizes:
        raise _unsupported(graph, node, f"folds the items into axis {place.axis} of '{output}'")
    steps, folded = Steps(graph, node), graph.fresh(f"{output}/folded")
    tail = [0 if d is None else d for d in sizes[1:]]
    if any(isinstance(d, str) for d in tail):
        raise _unsupported(graph, node, f"folds the items into '{output}', which has open sizes")
    _rename(graph, output, folded)
    steps.add("Reshape", folded, steps.ints([-1, place.after, *map(int, tail)]))
    steps.nodes[0].output[0] = output
    at = graph.nodes.index(graph.producer[folded]) + 1
    graph.replace_nodes([*graph.nodes[:at], *steps.nodes, *graph.nodes[at:]])


def _rename(graph: Graph, old: str, new: str) -> None:
    """Call a tensor otherwise where it is made and read."""
    nodes = []
    for node in graph.nodes:
        if old in node.input or old in node.output:
            twin = NodeProto()
            twin.CopyFrom(node)
            for names in (twin.input, twin.output):
                names[:] = [new if name == old else name for name in names]
            nodes.append(twin)
        else:
            nodes.append(node)
    graph.replace_nodes(nodes)


def _name_inputs(graph: Graph, fixed: FixedBatch) -> str:
    """Give the items' axis of every input one name, which is returned."""
    taken = {d for tensor in graph.types.values() for d in tensor.shape or () if isinstance(d, str)}
    name = next(n for n in (*NAMES, graph.fresh("N")) if n not in taken)
    graph.inputs = [_with_open_axis(v, fixed.axes.get(v.name), name) for v in graph.inputs]
    graph.entries = {
        key: replace(entry, info=_with_open_axis(entry.info, fixed.axes.get(key), name))
        for key, entry in graph.entries.items()
    }
    graph.item_places = {}
    graph.item_axes = {key: axis for key, axis in fixed.axes.items() if axis != 0}
    return name


def _with_open_axis(info: ValueInfoProto, axis: int | None, name: str) -> ValueInfoProto:
    twin = ValueInfoProto()
    twin.CopyFrom(info)
    if axis is not None:
        twin.type.tensor_type.shape.dim[axis].dim_param = name
    return twin


def _declared(graph: Graph, info: ValueInfoProto, batch: Batch, name: str) -> ValueInfoProto:
    """What is said of an output: what is inferred, and the name of the items' axis."""
    tensor, place = graph.tensor(info.name), batch.places.get(info.name)
    if tensor is None or tensor.shape is None or place is None or place.before * place.after > 1:
        return shape_inference.as_inferred(graph, info)
    dims = (name if axis == place.axis else d for axis, d in enumerate(tensor.shape))
    return shape_inference.to_info(replace(tensor, shape=tuple(dims)))


def _checked(graph: Graph, target: str, ends: Sequence[str]) -> Batch:
    """Where the items lie in the opened graph, followed anew.

    Raises:
        UnsupportedError: they are lost on the way, or lie behind others in the target.
    """
    batch = follow_batch(graph)
    for name in (output for node in graph.needed(ends)[0] for output in node.output):
        if name in batch.mixed or name in batch.regained:
            raise _unsupported(graph, graph.producer[name], f"loses the items in '{name}'")
        tensor, at = graph.tensor(name), batch.places.get(name)
        if tensor is not None and tensor.shape and at and isinstance(tensor.shape[at.axis], int):
            raise _unsupported(graph, graph.producer[name], f"keeps the size of '{name}'")
    place = batch.places.get(target, LEADING)
    if (place.axis, place.before) != (0, 1):
        reason = f"gives '{target}' with the items along axis {place.axis}, not the first"
        raise _unsupported(graph, graph.producer[target], reason)
    return batch
