"""The bodies of If, Loop and Scan as graphs of their own.

What a body takes from outside is an input of its graph, or a constant where it is one outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto, helper

from retrograph.errors import InputError
from retrograph.ir.analysis import shape_inference
from retrograph.ir.graph import STANDARD_DOMAINS, Graph, Shape, Tensor, attributes, captured, reads
from retrograph.ir.passes import pad_axes, relu_spelling
from retrograph.ir.rename import rename
from retrograph.ir.subgraphs import subgraphs

Formals = dict[str, Tensor]
"""The inputs of a body by their names in it."""


def has_bodies(node: NodeProto) -> bool:
    return any(True for _ in subgraphs(node))


def reads_known(graph: Graph, node: NodeProto) -> bool:
    """Whether the rank of all that a node and its bodies read is known."""
    read = map(graph.tensor, reads(node))
    return all(tensor is not None and tensor.shape is not None for tensor in read)


def bodies(graph: Graph, node: NodeProto) -> dict[str, Graph]:
    """The bodies of a node by the names of their attributes, types inferred.

    A state that a Loop or Scan carries from step to step has the shape that holds in every step.
    """
    found = {}
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            formals = _formals(graph, node, attribute.g)
            body = _typed(graph, node, attribute.g, formals)
            unsteady = _unsteady(node, body)
            while (wider := _invariant(node, body, formals)) != formals:
                formals = wider
                body = _typed(graph, node, attribute.g, formals)
            body.relu_like, body.unsteady = relu_spelling.relu_like(body), unsteady
            found[attribute.name] = body
    return found


def check_branches(node: NodeProto, inner: Mapping[str, Graph]) -> None:
    """Refuse an If whose branches give different types: no runtime takes it.

    Raises:
        InputError: they do.
    """
    if not _is(node, "If"):
        return
    ends = (body.output_names() for body in inner.values())
    for name, *given in zip(node.output, *ends, strict=False):
        found = [body.tensor(end) for body, end in zip(inner.values(), given, strict=True)]
        types = list(dict.fromkeys(t.dtype.name for t in found if t is not None))
        if len(types) > 1:
            raise InputError(
                f"node '{node.name}' (If) makes '{name}' as {types[0]} or {types[1]}, by its "
                "condition; no runtime takes that: export the model with one type"
            )


def within(graph: Graph, nodes: Iterable[NodeProto]) -> Iterator[tuple[Graph, NodeProto]]:
    """Nodes and those in their bodies, however deep, each with the graph that it stands in."""
    for node in nodes:
        yield graph, node
        if has_bodies(node):
            for body in bodies(graph, node).values():
                yield from within(body, body.nodes)


def states(node: NodeProto) -> range:
    """The positions among the inputs of a Loop or Scan of what it carries from step to step."""
    if _is(node, "Loop"):
        return range(2, len(node.input))
    if _is(node, "Scan"):
        return range(len(node.input) - int(attributes(node)["num_scan_inputs"]))
    return range(0)


def _is(node: NodeProto, op: str) -> bool:
    return node.op_type == op and node.domain in STANDARD_DOMAINS


def _typed(graph: Graph, node: NodeProto, proto: GraphProto, formals: Formals) -> Graph:
    taken = dict.fromkeys(captured(node))
    model = ModelProto()
    model.opset_import.extend(graph.model.opset_import)
    model.graph.CopyFrom(proto)
    del model.graph.input[:]
    model.graph.input.extend(
        shape_inference.to_info(formals[v.name]) if v.name in formals else v for v in proto.input
    )
    for name in taken:
        if name not in graph.constants:
            tensor = graph.tensor(name)
            known = ValueInfoProto(name=name) if tensor is None else shape_inference.to_info(tensor)
            model.graph.input.append(known)
    body = Graph(model)
    body.constants |= {name: graph.constants[name] for name in taken if name in graph.constants}
    body.opset, body.captured = graph.opset, frozenset(taken)
    body.straight_through = dict(graph.straight_through)
    shape_inference.open_dimensions(body)
    shape_inference.infer_types(body)
    while type_behind(body):
        pass
    return body


def _formals(graph: Graph, node: NodeProto, proto: GraphProto) -> Formals:
    """The inputs of a body as the node's inputs and the body itself type them."""
    given: list[Tensor | None] = [graph.tensor(name) if name else None for name in node.input]
    if _is(node, "Loop"):
        number, condition = (Tensor("", np.dtype(kind), ()) for kind in (np.int64, np.bool_))
        given = [number, condition, *given[2:]]
    elif _is(node, "Scan"):
        first = len(states(node))
        axes = attributes(node).get("scan_input_axes", [0] * (len(given) - first))
        for i, axis in enumerate(axes, first):
            given[i] = _without(given[i], axis)
    else:
        given = [None] * len(proto.input)
    formals = {}
    for info, tensor in zip(proto.input, given, strict=True):
        if tensor is not None:
            formals[info.name] = Tensor(info.name, tensor.dtype, tensor.shape)
    return formals


def _without(tensor: Tensor | None, axis: int) -> Tensor | None:
    if tensor is None or tensor.shape is None:
        return tensor
    dims = list(tensor.shape)
    del dims[axis]
    return Tensor(tensor.name, tensor.dtype, tuple(dims))


def _invariant(node: NodeProto, body: Graph, formals: Formals) -> Formals:
    """The formals, those of the states open where a step changes their shape."""
    wider = dict(formals)
    names = body.input_names()
    for place, end in zip(states(node), next_states(node, body), strict=True):
        before, after = formals.get(names[place]), body.tensor(end)
        if before is not None:
            shape = join(before.shape, None if after is None else after.shape)
            wider[before.name] = Tensor(before.name, before.dtype, shape)
    return wider


def _unsteady(node: NodeProto, body: Graph) -> set[str]:
    """The states of a body whose shape a step surely changes."""
    places = zip(states(node), next_states(node, body), strict=True)
    pairs = [(body.tensor(body.input_names()[i]), body.tensor(end)) for i, end in places]
    return {a.name for a, b in pairs if a is not None and b is not None and differ(a, b)}


def differ(a: Tensor, b: Tensor) -> bool:
    """Whether two shapes are known to be different; no size 0 stays from step to step."""
    if a.shape is None or b.shape is None:
        return False
    if len(a.shape) != len(b.shape):
        return True
    return any(
        isinstance(x, int) and (x == 0 or (isinstance(y, int) and x != y))
        for x, y in zip(a.shape, b.shape, strict=True)
    )


def next_states(node: NodeProto, body: Graph) -> list[str]:
    """The outputs of a body that are the states of the next step."""
    first = 1 if node.op_type == "Loop" else 0
    return body.output_names()[first : first + len(states(node))]


def join(a: Shape | None, b: Shape | None) -> Shape | None:
    """What two shapes agree on."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


def type_behind(graph: Graph) -> bool:
    """Type what a Loop gives out, which ONNX's shape inference leaves open; True if any was.

    What it counts on is that a state has the shape that `bodies` finds to hold in every step.
    """
    for node in graph.nodes:
        if _is(node, "Loop"):
            known = [t for t in _behind_loop(graph, node) if t.shape is not None]
            new = [t for t in known if t.name not in graph.behind_bodies]
            graph.behind_bodies |= {tensor.name: tensor for tensor in new}
            if new:
                shape_inference.infer_types(graph)
                return True
    return False


def _behind_loop(graph: Graph, node: NodeProto) -> list[Tensor]:
    """The typed outputs of a Loop."""
    outer = {d for t in map(graph.tensor, reads(node)) if t is not None for d in t.shape or ()}
    (body,) = bodies(graph, node).values()
    carried = len(states(node))
    found = []
    for i, (name, end) in enumerate(zip(node.output, body.outputs[1:], strict=True)):
        tensor = body.tensor(end.name)
        if not name or tensor is None:
            continue
        shape = tensor.shape
        if i < carried:
            first = graph.tensor(node.input[2 + i])
            shape = join(shape, None if first is None else first.shape)
        elif shape is not None:
            shape = (None, *shape)
        if shape is not None:
            shape = tuple(d if isinstance(d, int) or d in outer else None for d in shape)
        found.append(Tensor(name, tensor.dtype, shape))
    return found


def written(graph: Graph, node: NodeProto, inner: Mapping[str, Graph]) -> NodeProto:
    """A node with these bodies; their constants go to the graph."""
    whole = NodeProto()
    whole.CopyFrom(node)
    for attribute in whole.attribute:
        if attribute.name in inner:
            prefix = f"{node.name}/{attribute.name}"
            attribute.g.CopyFrom(_written(graph, attribute.g, inner[attribute.name], prefix))
    return whole


def _typed_info(body: Graph, info: ValueInfoProto) -> ValueInfoProto:
    """A tensor of a body with its type, as far as that is known."""
    tensor = body.tensor(info.name)
    return info if tensor is None else shape_inference.to_info(tensor)


def _written(graph: Graph, source: GraphProto, body: Graph, prefix: str) -> GraphProto:
    model = ModelProto()
    model.graph.name = source.name
    model.graph.input.extend(_typed_info(body, info) for info in source.input)
    model.graph.output.extend(_typed_info(body, info) for info in source.output)
    model.graph.sparse_initializer.extend(source.sparse_initializer)
    nodes, constants = body.needed(body.output_names())
    model.graph.node.extend(nodes)
    names = {}
    for proto in constants:
        if proto.name in body.captured:
            continue
        names[proto.name] = graph.fresh(f"{prefix}/{proto.name}")
        own = graph.constants[names[proto.name]] = type(proto)()
        own.CopyFrom(proto)
        own.name = names[proto.name]
    for i, end in enumerate(body.output_names()):
        if end in body.constants:
            out = graph.fresh(f"{prefix}/{end}/out")
            model.graph.node.append(helper.make_node("Identity", [end], [out], name=out))
            model.graph.output[i].name = out
    rename(model, names)
    pad_axes.name_all(model.graph, body)
    places = {step.name: f"{prefix}/{step.name}" for step in model.graph.node}
    for step in model.graph.node:
        step.name = places[step.name]
    passed = body.straight_through.items()
    graph.straight_through |= {places.get(name, name): bound for name, bound in passed}
    return model.graph
