"""A file's canonical graph as tensors that are compared: which there are, and who computes whom."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import cached_property

from retrograph.errors import InputError, Problem, UnsupportedError
from retrograph.ir.analysis.origin import among, origin
from retrograph.ir.graph import Array, Graph, NodeProto, is_float, op_label, reads
from retrograph.ir.op_traits import MOVES
from retrograph.ir.passes.canonicalize import sort_nodes
from retrograph.ir.path import flow
from retrograph.model import Model

_LONGEST_NAME = 60

_ONLY_MOVE = MOVES | {
    *("Cast", "DepthToSpace", "Dropout", "Expand", "Slice", "SpaceToDepth", "Split"),
}
"""Operators that move numbers and compute none: the tensors they give are not compared."""


class Network:
    """The floating-point tensors of a model that change with its inputs and lead to an output.

    Attributes:
        model, graph: the model, and its canonical graph.
        outputs: its outputs among them, in order; of one of whole numbers or yes and no what it is
            computed from.
        nodes: by each tensor the node that computes it, in forward order.
        parents: by each tensor those that its node reads.
        children: by each tensor those that are computed from it.
        points: the tensors that are compared: those of nodes that compute numbers.

    Raises:
        InputError: no output depends on an input.
        UnsupportedError: the graph has no canonical form.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.graph: Graph = model.graph
        self.inputs = tuple(tensor.name for tensor in model.inputs)
        reached = flow(self.graph, self.inputs)
        floats = (each for name in self.graph.output_names() for each in self._floats(name))
        self.outputs = tuple(dict.fromkeys(name for name in floats if name in reached))
        if not self.outputs:
            self._refuse_unknown()
            raise InputError(
                f"{model.name}: no output of floating-point numbers depends on an input; "
                "export it with its scores as an output"
            )
        made = {
            name: node
            for node in self.graph.nodes
            for name in node.output
            if name in reached and self._is_float(name)
        }
        live = self._live(made, reached)
        self.nodes: dict[str, NodeProto] = {n: made[n] for n in made if n in live}
        self.parents = {
            name: tuple(dict.fromkeys(r for r in reads(node) if r in reached))
            for name, node in self.nodes.items()
        }
        self.children: dict[str, list[str]] = {}
        for name, parents in self.parents.items():
            for parent in parents:
                self.children.setdefault(parent, []).append(name)
        self.points = tuple(name for name in self.nodes if not self.only_moves(name))
        self.place = {name: place for place, name in enumerate(self.nodes)}

    def as_in_file(self) -> Network:
        """The same tensors over the nodes as the file has them, for those that it has too."""
        twin = copy.copy(self)
        twin.graph = Graph(self.model.proto)
        sort_nodes(twin.graph)
        twin.graph.types = {**self.graph.types}
        return twin

    def _refuse_unknown(self) -> None:
        """Raises UnsupportedError where nothing can be told of what a node gives."""
        for node in self.graph.nodes:
            if any(name and self.graph.tensor(name) is None for name in node.output):
                reason = "nothing can be told of its output: its inputs' sizes may not fit"
                raise UnsupportedError(
                    f"{self.model.name} cannot be audited for a node:",
                    [Problem(node.name or node.output[0], str(node.op_type), reason)],
                    "give a file that ONNX Runtime loads",
                )

    def op(self, name: str) -> str:
        """The operator that computes a tensor; "input" for an input."""
        return str(self.nodes[name].op_type) if name in self.nodes else "input"

    def only_moves(self, name: str) -> bool:
        """Whether the node of a tensor moves numbers and computes none."""
        return self.op(name) in _ONLY_MOVE

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The short names of tensors that have one."""
        return {layer.tensor.name: layer.alias for layer in self.model.layers()}

    def label(self, name: str) -> str:
        """A tensor as people name it: its alias, and the file's node that computes it."""
        if name not in self.nodes:
            return name
        alias, node = self.aliases.get(name, name), self.nodes[name]
        whole = among(self._file_nodes, node)
        if whole.op_type != node.op_type:
            return f"{alias} (in `{_short(whole.name)}`)"
        if alias == whole.name or not whole.name:
            return alias
        return f"{alias} (`{_short(whole.name)}`)"

    def op_in_file(self, name: str) -> str:
        """The operator by which the file itself computes a tensor; ours where it has none such."""
        return self._file_ops.get(name, self.op(name))

    def is_in_file(self, name: str) -> bool:
        """Whether the file has a tensor of that name."""
        return name in self._file_ops

    def name_in_file(self, name: str) -> str:
        """A tensor by its alias, or as the file has it where that is another operator there."""
        if self._file_ops.get(name) == self.op(name):
            return self.aliases.get(name, name)
        if name in self._file_ops or name not in self.nodes:
            return name
        node = origin(self.graph, self.nodes[name])
        return f"inside {op_label(node)} '{node.name}'"

    @cached_property
    def _file_nodes(self) -> dict[str, NodeProto]:
        return {node.name: node for node in self.model.proto.graph.node if node.name}

    @cached_property
    def _file_ops(self) -> dict[str, str]:
        nodes = self.model.proto.graph.node
        return {name: str(node.op_type) for node in nodes for name in node.output}

    def downstream(self, starts: Iterable[str], most: int) -> list[str]:
        """The compared tensors and outputs from some on, themselves included, the nearest first."""
        seen, waiting, found = set(starts), list(starts), list[str]()
        while waiting and len(found) < most:
            name = min(waiting, key=lambda n: self.place.get(n, -1))
            waiting.remove(name)
            if name in self.nodes and (not self.only_moves(name) or name in self.outputs):
                found.append(name)
            fresh = [c for c in self.children.get(name, ()) if c not in seen]
            seen.update(fresh)
            waiting.extend(fresh)
        return found

    def before(self, names: Iterable[str]) -> list[str]:
        """The compared tensors right before some, the nodes between which only move numbers."""
        found: dict[str, None] = {}
        waiting = [parent for name in names for parent in self.parents[name]]
        while waiting:
            name = waiting.pop()
            if name in self.nodes and self.only_moves(name):
                waiting.extend(self.parents[name])
            elif name in self.nodes:
                found[name] = None
        return [*found]

    def dependents(self, name: str) -> set[str]:
        """The tensors that are computed from one, itself excluded."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            fresh = [c for c in self.children.get(waiting.pop(), ()) if c not in found]
            found.update(fresh)
            waiting.extend(fresh)
        return found

    def between(self, starts: Iterable[str], end: str) -> list[str]:
        """The tensors on the ways from some to one, ends included, in forward order."""
        above = {end}
        for name in reversed(self.nodes):
            if name in above:
                above.update(self.parents[name])
        below = set(starts)
        for name in self.nodes:
            if not below.isdisjoint(self.parents[name]):
                below.add(name)
        return [name for name in self.nodes if name in above and name in below]

    def moves_before(self, names: Sequence[str]) -> list[str]:
        """The tensors right before some whose nodes only move numbers, in forward order."""
        found: set[str] = set()
        waiting = [p for name in names for p in self.parents[name]]
        while waiting:
            name = waiting.pop()
            if name not in found and name not in names and self.only_moves(name):
                found.add(name)
                waiting.extend(self.parents[name])
        return sorted(found, key=self.place.__getitem__)

    def moves_to(self, name: str) -> list[str]:
        """A tensor and those before it whose nodes only move numbers, in forward order."""
        return [*self.moves_before([name]), name] if self.only_moves(name) else []

    def value(self, name: str) -> Array | None:
        """The value of a constant; None for any other tensor."""
        return self.graph.value(name) if name else None

    def _floats(self, output: str) -> list[str]:
        """An output of floating point; of another the nearest such tensors that it is made of."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = [output]
        while waiting:
            name = waiting.pop()
            if self._is_float(name):
                found[name] = None
            elif name in self.graph.producer and name not in seen:
                seen.add(name)
                waiting.extend(reads(self.graph.producer[name]))
        return [*found]

    def _is_float(self, name: str) -> bool:
        tensor = self.graph.tensor(name) if name else None
        return tensor is not None and is_float(tensor.dtype)

    def _live(self, made: dict[str, NodeProto], reached: set[str]) -> set[str]:
        """The tensors that lead to an output."""
        live: set[str] = set()
        waiting = list(self.outputs)
        while waiting:
            name = waiting.pop()
            if name not in live:
                live.add(name)
                if name in made:
                    waiting.extend(r for r in reads(made[name]) if r in reached)
        return live


def _short(name: str) -> str:
    """The name of a node as far as a sentence bears it: converters join those of all they fuse."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
