"""Which node and tensor of the file a node and a tensor of the canonical graph have come of."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from onnx import NodeProto

from retrograph.errors import Problem, RetrographError
from retrograph.ir.graph import Graph, op_label


def origin(graph: Graph, node: NodeProto) -> NodeProto:
    """The node of the file that a node is, or has come of: q of q/Round."""
    return among({n.name: n for n in graph.model.graph.node}, node)


def among(file: Mapping[str, NodeProto], node: NodeProto) -> NodeProto:
    """The same among the nodes of a file by their names."""
    return file.get(_longest_prefix(node.name, file), node)


def is_in_file(graph: Graph, name: str) -> bool:
    """Whether a tensor of the canonical graph is one of the file, by its name."""
    return name in _tensors_of_the_file(graph)


def _tensors_of_the_file(graph: Graph) -> set[str]:
    file = graph.model.graph
    values = {value.name for value in (*file.input, *file.initializer)}
    return values | {name for node in file.node for name in node.output}


def tensor_text(graph: Graph, name: str) -> str:
    """A tensor in words: "'conv1'", or "the Gemm inside com.microsoft.QGemm 'fc'"."""
    return in_words_of_the_file(graph, f"'{name}'")


def in_words_of_the_file(graph: Graph, text: str) -> str:
    """A text in which what operators of the file became, in quotation marks, is told by these.

    'fc/Gemm/12' becomes: the Gemm inside com.microsoft.QGemm 'fc'.
    """
    file = {node.name: node for node in graph.model.graph.node if node.name}
    known = {*file, *_tensors_of_the_file(graph)}

    def told(quoted: re.Match[str]) -> str:
        name = quoted[1]
        whole = None if name in known else file.get(_longest_prefix(name, file))
        if whole is None:
            return quoted[0]
        part = graph.producer.get(name)
        op = "a part" if part is None else f"the {part.op_type}"
        return f"{op} inside {op_label(whole)} '{whole.name}'"

    return _QUOTED.sub(told, text)


_QUOTED = re.compile("'([^'\n]+)'")


def _longest_prefix(name: str, among: Collection[str]) -> str:
    """The longest beginning of a name, up to a stroke, that is one of others; "" for none."""
    while name and name not in among:
        name = name.rpartition("/")[0]
    return name


@contextmanager
def naming_the_file(graph: Graph) -> Iterator[None]:
    """Let errors speak of the nodes and tensors of the file, and of nothing that came of them."""
    try:
        yield
    except RetrographError as error:
        error.message = in_words_of_the_file(graph, error.message)
        raise


def layer_text(graph: Graph, name: str, alias: str) -> str:
    """A layer as a user can name it: its alias; one before a node where it is inside of that."""
    if alias != name or is_in_file(graph, name):
        return f"'{alias}'"
    node = origin(graph, graph.producer[name])
    return f"a layer before {op_label(node)} '{node.name}'"


def of_the_file(graph: Graph, problem: Problem) -> Problem:
    """A problem at a node of the canonical graph as one at the node of the file that it came of."""
    file = {n.name: n for n in graph.model.graph.node}
    reason = in_words_of_the_file(graph, problem.reason)
    name = _longest_prefix(problem.node, file)
    if name in ("", problem.node):
        return replace(problem, reason=reason)
    return Problem(name, op_label(file[name]), f"its {problem.op}: {reason}")
