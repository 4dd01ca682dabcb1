"""Names in bodies that hide a name around them, which ONNX forbids.

ONNX Runtime writes such graphs: it numbers what it inserts in each body anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from onnx import GraphProto, NodeProto


def unshadow(graph: GraphProto) -> None:
    """Rename what a body makes and a graph around it, or another body there, has by that name."""
    _unshadow(graph, {*_made(graph)}, {})


def _unshadow(graph: GraphProto, taken: set[str], names: Mapping[str, str]) -> None:
    for node in graph.node:
        _rename(node.input, names)
        _rename(node.output, names)
        for body in _bodies(node):
            own: dict[str, str] = {}
            for name in _made(body):
                own[name] = _fresh(name, taken)
                taken.add(own[name])
            for value in (*body.input, *body.output, *body.initializer, *body.value_info):
                value.name = {**names, **own}.get(value.name, value.name)
            _unshadow(body, taken, {**names, **own})


def _made(graph: GraphProto) -> Iterator[str]:
    """What a graph gives a name to."""
    yield from (value.name for value in (*graph.input, *graph.initializer))
    yield from (name for node in graph.node for name in node.output if name)


def _bodies(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        yield from (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs


def _fresh(name: str, taken: set[str]) -> str:
    tries = (name if i == 0 else f"{name}_{i}" for i in count())
    return next(each for each in tries if each not in taken)


def _rename(given: list[str], names: Mapping[str, str]) -> None:
    given[:] = [names.get(name, name) for name in given]
