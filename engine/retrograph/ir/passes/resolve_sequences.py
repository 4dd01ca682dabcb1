"""Sequences and optionals, followed to the tensors that they hold.

They do no arithmetic. Where positions, lengths and numbers of parts are known, what reads a
sequence or an optional is rewritten to plain tensor operators (Identity, Split, Squeeze, Concat,
...), and the rules never see one. What only run time tells stays in the graph, with the reason in
`graph.undefined`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes, is_static, reads
from retrograph.ir.passes.unroll_loop import unroll
from retrograph.ir.rename import rename

MOST = 4096
"""No longer sequence is followed."""


def resolve(graph: Graph) -> bool:
    """Rewrite what reads a sequence or an optional that is known, in place; True if any was."""
    follower = _Follower(graph)
    for node in graph.nodes:
        follower.follow(node)
    graph.undefined |= follower.reasons
    graph.replace_nodes(follower.without_unread())
    return follower.rewrote


class _Unknown(Exception):
    """Only run time tells what a sequence holds; the text says why."""


class _Follower:
    """One pass over the nodes.

    Attributes:
        graph: whose nodes they are.
        nodes: the nodes so far, rewritten.
        rewrote: whether any was.
        reasons: the nodes that stay though they make or read a sequence, and why.
        parts: the tensors of each known sequence.
        held: what each known optional holds, a tensor or a sequence; None where nothing.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[NodeProto] = []
        self.rewrote = False
        self.reasons: dict[str, str] = {}
        self.parts: dict[str, list[str]] = {}
        self.held: dict[str, str | None] = {}
        self._unknown: dict[str, str] = {}
        self._waiting: dict[str, list[NodeProto]] = {}

    def follow(self, node: NodeProto) -> None:
        """Note what the node's sequences hold, or rewrite it where it reads one."""
        step = STEPS.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
        made = None
        try:
            made = step(self, node) if step is not None else None
        except _Unknown as reason:
            made_blind = [name for name in node.output if self.graph.tensor(name) is None]
            self._unknown |= dict.fromkeys(made_blind, str(reason))
            self.reasons[node.name] = f"{reason}; constant positions and lengths are supported"
        for new in [node] if made is None else made:
            self._append(new)
        self.rewrote |= made is not None

    def without_unread(self) -> list[NodeProto]:
        """The nodes without those that make a sequence or an optional for nobody."""
        wanted, kept = set(self.graph.output_names()), []
        for node in reversed(self.nodes):
            unread = wanted.isdisjoint(node.output) and node.op_type in STEPS
            if unread and all(self.is_container(name) for name in node.output if name):
                continue
            kept.append(node)
            wanted.update(reads(node))
        return kept[::-1]

    def _append(self, node: NodeProto) -> None:
        """Append a node behind those that make what it reads, if they still wait."""
        for name in reads(node):
            waiting = self._waiting.pop(name, [])
            makers = list(waiting)
            waiting.clear()
            for maker in makers:
                self._append(maker)
        self.nodes.append(node)

    def wait(self, nodes: list[NodeProto]) -> None:
        """Hold back nodes until something that one of them makes is read."""
        self._waiting |= {name: nodes for node in nodes for name in node.output if name}

    def sequence(self, name: str) -> list[str]:
        """The tensors of a sequence.

        Raises:
            _Unknown: only run time tells them.
        """
        if name not in self.parts:
            raise self.unknown(name)
        return self.parts[name]

    def hold(self, node: NodeProto, parts: list[str], output: int = 0) -> None:
        """Note the tensors of a sequence that a node makes.

        Raises:
            _Unknown: there are too many.
        """
        if len(parts) > MOST:
            raise _Unknown(f"'{node.output[output]}' has {len(parts)} parts, more than {MOST}")
        self.parts[node.output[output]] = parts

    def unknown(self, name: str) -> _Unknown:
        """Why only run time tells what a sequence or an optional holds."""
        if name in self._unknown:
            return _Unknown(self._unknown[name])
        maker = self.graph.producer.get(name)
        source = "is an input of the model" if maker is None else f"comes from a {maker.op_type}"
        return _Unknown(f"'{name}' {source}, so only run time tells what it holds")

    def position(self, node: NodeProto, i: int, count: int, last: int = 0) -> int:
        """Input `i` of a node as a place among `count`, counted from the front.

        Places up to `last` behind the end are allowed.

        Raises:
            _Unknown: it is not constant, or there is no such place.
        """
        value = self.graph.value(node.input[i])
        if value is None or value.size != 1:
            raise _Unknown(f"the position of '{node.name}' ({node.op_type}) comes at run time")
        place = int(value.reshape(-1)[0])
        if not -count <= place < count + last:
            raise _Unknown(f"'{node.name}' ({node.op_type}) has the position {place} of {count}")
        return place + count if place < 0 else place

    def alias(self, node: NodeProto, source: str) -> None:
        """Note that a node's output holds what another sequence or optional holds.

        Raises:
            _Unknown: only run time tells that.
        """
        if source in self.held:
            self.held[node.output[0]] = self.held[source]
        else:
            self.parts[node.output[0]] = self.sequence(source)

    def is_container(self, name: str) -> bool:
        """Whether a name is that of a sequence or an optional."""
        known = (self.parts, self.held, self._unknown, self.graph.containers)
        return any(name in names for names in known)

    def step(self, node: NodeProto, op: str, inputs: list[str], **attrs: Any) -> NodeProto:
        """A node beside `node`, with a new output."""
        out = self.graph.fresh(f"{node.output[0]}/{op}")
        return helper.make_node(op, inputs, [out], name=out, **attrs)

    def ints(self, node: NodeProto, values: Any) -> str:
        """An int64 constant beside `node`."""
        return self.graph.add_constant(np.asarray(values, np.int64), f"{node.output[0]}/const")


def _given(node: NodeProto, i: int) -> bool:
    return len(node.input) > i and bool(node.input[i])


def _in_place(node: NodeProto, op: str, inputs: list[str], **attrs: Any) -> NodeProto:
    return helper.make_node(op, inputs, list(node.output), name=node.name, **attrs)


# Each step notes what a sequence or an optional holds, and returns None: its node stays while it is
# read. One that reads gives the nodes that take its place.


def _construct(f: _Follower, node: NodeProto) -> None:
    """SequenceEmpty, SequenceConstruct"""
    f.hold(node, list(node.input))


def _insert(f: _Follower, node: NodeProto) -> None:
    before = f.sequence(node.input[0])
    place = f.position(node, 2, len(before), last=1) if _given(node, 2) else len(before)
    f.hold(node, [*before[:place], node.input[1], *before[place:]])


def _erase(f: _Follower, node: NodeProto) -> None:
    before = f.sequence(node.input[0])
    place = f.position(node, 1, len(before)) if _given(node, 1) else len(before) - 1
    f.hold(node, [*before[:place], *before[place + 1 :]])


def _split(f: _Follower, node: NodeProto) -> None:
    """A Split, and a Squeeze of each part where `keepdims` is 0

    The standard heeds keepdims only without `split`; ONNX Runtime also where it is the scalar 1,
    which is how PyTorch exports unbind.
    """
    attrs = attributes(node)
    axis = attrs.get("axis", 0)
    lengths = _lengths(f, node, axis)
    parts = [f.graph.fresh(f"{node.output[0]}/part") for _ in lengths]
    f.hold(node, parts)
    if not parts:
        return
    inputs = [node.input[0], f.ints(node, lengths)]
    nodes = [helper.make_node("Split", inputs, parts, name=parts[0], axis=axis)]
    value = f.graph.value(node.input[1]) if _given(node, 1) else np.asarray(1)
    single = value is not None and np.array_equal(value, 1)
    if single and not attrs.get("keepdims", 1):
        squeezes = [f.step(node, "Squeeze", [part, f.ints(node, [axis])]) for part in parts]
        nodes += squeezes
        f.hold(node, [step.output[0] for step in squeezes])
    f.wait(nodes)


def _lengths(f: _Follower, node: NodeProto, axis: int) -> list[int]:
    """How long each part of a SplitToSequence is."""
    length = 1
    if _given(node, 1):
        value = f.graph.value(node.input[1])
        if value is None:
            raise _Unknown(f"the lengths of '{node.name}' ({node.op_type}) come at run time")
        if value.ndim:
            return [int(v) for v in value]
        length = int(value)
    x = f.graph.tensor(node.input[0])
    rank = 0 if x is None or x.shape is None else len(x.shape)
    size = x.shape[axis] if x is not None and x.shape and -rank <= axis < rank else None
    if not isinstance(size, int) or length < 1:
        raise _Unknown(f"only run time tells how many parts '{node.name}' ({node.op_type}) gives")
    if size > MOST * length:
        raise _Unknown(f"'{node.name}' ({node.op_type}) gives more than {MOST} parts")
    return [min(length, size - start) for start in range(0, size, length)]


def _map(f: _Follower, node: NodeProto) -> None:
    """SequenceMap: its body once for each element"""
    count = len(f.sequence(node.input[0]))
    columns = [f.sequence(s) if f.is_container(s) else [s] * count for s in node.input]
    if any(len(column) != count for column in columns):
        raise _Unknown(f"the sequences that '{node.name}' (SequenceMap) reads differ in length")
    results = [_applied(f, node, [column[i] for column in columns]) for i in range(count)]
    for place, name in enumerate(node.output):
        if name:
            f.hold(node, [row[place] for row in results], place)


def _applied(f: _Follower, node: NodeProto, elements: list[str]) -> list[str]:
    """The results of a SequenceMap's body for the elements of one place."""
    body = onnx.ModelProto()
    body.graph.CopyFrom(attributes(node)["body"])
    inner = [t.name for t in body.graph.initializer]
    inner += [o for n in body.graph.node for o in n.output if o]
    names = {name: f.graph.fresh(f"{node.name}/{name}") for name in inner}
    formal = [v.name for v in body.graph.input]
    rename(body, names | dict(zip(formal, elements, strict=True)))
    f.graph.constants |= {t.name: t for t in body.graph.initializer}
    for step in body.graph.node:
        step.name = f.graph.fresh(f"{node.name}/{step.op_type}")
    f.wait(list(body.graph.node))
    return [v.name for v in body.graph.output]


def _optional(f: _Follower, node: NodeProto) -> None:
    f.held[node.output[0]] = node.input[0] if _given(node, 0) else None


def _identity(f: _Follower, node: NodeProto) -> None:
    if f.is_container(node.input[0]):
        f.alias(node, node.input[0])


def _get_element(f: _Follower, node: NodeProto) -> list[NodeProto] | None:
    """OptionalGetElement: a tensor or a sequence is its own element"""
    source = node.input[0]
    if source in f.held:
        inner = f.held[source]
        if inner is None:
            raise _Unknown(f"'{node.name}' (OptionalGetElement) reads an empty optional")
        source = inner
    if f.is_container(source):
        f.alias(node, source)
        return None
    return [_in_place(node, "Identity", [source])]


def _has_element(f: _Follower, node: NodeProto) -> list[NodeProto] | None:
    """OptionalHasElement: a tensor or a sequence is there"""
    source = node.input[0] if _given(node, 0) else None
    if source in f.held:
        source = f.held[source]
    elif source is not None and f.is_container(source) and source not in f.parts:
        raise f.unknown(source)
    there = f.graph.add_constant(np.asarray(source is not None), f"{node.output[0]}/const")
    return [_in_place(node, "Identity", [there])]


def _length(f: _Follower, node: NodeProto) -> list[NodeProto]:
    count = f.ints(node, len(f.sequence(node.input[0])))
    return [_in_place(node, "Identity", [count])]


def _at(f: _Follower, node: NodeProto) -> list[NodeProto]:
    parts = f.sequence(node.input[0])
    if f.graph.value(node.input[1]) is None and _are_alike(f.graph, parts):
        return _picked(f, node, parts)
    return [_in_place(node, "Identity", [parts[f.position(node, 1, len(parts))]])]


def _are_alike(graph: Graph, parts: list[str]) -> bool:
    """Whether the parts have one static shape, so that they can be stacked."""
    shapes = {t.shape if (t := graph.tensor(name)) is not None else None for name in parts}
    return len(shapes) == 1 and is_static(shapes.pop())


def _picked(f: _Follower, node: NodeProto, parts: list[str]) -> list[NodeProto]:
    """SequenceAt at a position that run time gives: a Gather from the stack of all parts"""
    first = f.graph.tensor(parts[0])
    assert first is not None
    axis = 1 if first.rank else 0  # the batch stays in front
    lifted = _unsqueezed(f, node, parts, axis)
    stack = f.step(node, "Concat", [step.output[0] for step in lifted], axis=axis)
    scalar = f.step(node, "Reshape", [node.input[1], f.ints(node, [])])
    inputs = [stack.output[0], scalar.output[0]]
    return [*lifted, stack, scalar, _in_place(node, "Gather", inputs, axis=axis)]


def _concat(f: _Follower, node: NodeProto) -> list[NodeProto]:
    """Concat, of the parts with a new axis where `new_axis` is 1"""
    parts, attrs = f.sequence(node.input[0]), attributes(node)
    if not parts:
        raise _Unknown(f"'{node.name}' (ConcatFromSequence) joins an empty sequence")
    steps: list[NodeProto] = []
    if attrs.get("new_axis", 0):
        steps = _unsqueezed(f, node, parts, attrs["axis"])
        parts = [step.output[0] for step in steps]
    return [*steps, _in_place(node, "Concat", parts, axis=attrs["axis"])]


def _unsqueezed(f: _Follower, node: NodeProto, parts: list[str], axis: int) -> list[NodeProto]:
    axes = f.ints(node, [axis])
    return [f.step(node, "Unsqueeze", [part, axes]) for part in parts]


def _loop(f: _Follower, node: NodeProto) -> list[NodeProto] | None:
    """A Loop over sequences: its body once for each time, where their number is known"""
    if not any(f.is_container(name) for name in (*reads(node), *node.output)):
        return None
    nodes = unroll(f.graph, node)
    if nodes is None:
        raise _Unknown(f"only run time tells how often '{node.name}' (Loop) runs")
    return nodes


STEPS: dict[str, Callable[[_Follower, NodeProto], list[NodeProto] | None]] = {
    "SequenceEmpty": _construct,
    "SequenceConstruct": _construct,
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SplitToSequence": _split,
    "SequenceMap": _map,
    "Optional": _optional,
    "Identity": _identity,
    "OptionalGetElement": _get_element,
    "OptionalHasElement": _has_element,
    "SequenceLength": _length,
    "SequenceAt": _at,
    "ConcatFromSequence": _concat,
    "Loop": _loop,
}
"""How each operator is followed."""
