"""Recurrent layers as a Scan over time for each direction.

T steps, N items, I inputs, H hidden units. The input is multiplied by W for all steps at once;
what depends on the step before it is the body of the Scan. A state stays as it is, and Y is 0,
beyond an item's own length; run backwards, an item therefore starts at its own last step. An item
of length 0 ends with zeros, as in ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from onnx import GraphProto, NodeProto, TensorProto, helper

from retrograph.ir.graph import Graph
from retrograph.ir.passes.expand.activations import Activation, activations
from retrograph.ir.passes.expand.cells import (
    Cell,
    Step,
    gru,
    gru_linear_before_reset,
    lstm,
    rnn,
    split,
)
from retrograph.ir.passes.expand.registry import defines
from retrograph.ir.passes.expand.steps import Steps

Weights = Callable[[Steps, int], tuple[dict[str, str], str]]
"""(steps, direction) -> the weights that a cell reads, and the bias of the projected input"""


@dataclass(frozen=True)
class _Kind:
    """What one recurrent operator has of its own.

    Attributes:
        step: its equations.
        weights: how they read its weights.
        initial: the inputs that hold the initial states.
        activations: its default activations.
    """

    step: Step
    weights: Weights
    initial: tuple[int, ...]
    activations: tuple[str, ...]


@defines("RNN")
def _rnn(graph: Graph, node: NodeProto) -> list[NodeProto]:
    kind = _Kind(rnn, _one_weight, (5,), ("Tanh",))
    return _layer(Steps(graph, node), kind)


@defines("GRU")
def _gru(graph: Graph, node: NodeProto) -> list[NodeProto]:
    steps = Steps(graph, node)
    linear = bool(steps.attrs["linear_before_reset"])
    kind = _Kind(
        gru_linear_before_reset if linear else gru,
        _weight_a_gate_and_bias if linear else _weight_a_gate,
        (5,),
        ("Sigmoid", "Tanh"),
    )
    return _layer(steps, kind)


@defines("LSTM")
def _lstm(graph: Graph, node: NodeProto) -> list[NodeProto]:
    kind = _Kind(lstm, _one_weight_and_peepholes, (5, 6), ("Sigmoid", "Tanh", "Tanh"))
    return _layer(Steps(graph, node), kind)


# The weights of one direction: R [G * H, H], B [2 * G * H], P [3 * H].


def _one_weight(steps: Steps, direction: int) -> tuple[dict[str, str], str]:
    return {"R": _of(steps, 2, direction)}, _whole_bias(steps, direction)


def _one_weight_and_peepholes(steps: Steps, direction: int) -> tuple[dict[str, str], str]:
    weights, bias = _one_weight(steps, direction)
    if steps.has(7):
        parts = split(steps, _of(steps, 7, direction), 3)
        weights |= dict(zip(("Pi", "Po", "Pf"), parts, strict=True))
    return weights, bias


def _weight_a_gate(steps: Steps, direction: int) -> tuple[dict[str, str], str]:
    parts = steps.add_many("Split", _of(steps, 2, direction), count=3, axis=0, num_outputs=3)
    weights = dict(zip(("Rz", "Rr", "Rh"), parts, strict=True))
    return weights, _whole_bias(steps, direction)


def _weight_a_gate_and_bias(steps: Steps, direction: int) -> tuple[dict[str, str], str]:
    """The recurrent bias of the candidate is reset with the rest: it stays in the cell."""
    weights, _ = _weight_a_gate(steps, direction)
    if not steps.has(3):
        return weights, ""
    wz, wr, wh, rz, rr, rh = split(steps, _of(steps, 3, direction), 6)
    sums = [steps.add("Add", wz, rz), steps.add("Add", wr, rr), wh]
    return weights | {"b": rh}, steps.add("Concat", *sums, axis=0)


def _whole_bias(steps: Steps, direction: int) -> str:
    """Wb + Rb; "" where there is no bias."""
    return steps.add("Add", *split(steps, _of(steps, 3, direction), 2)) if steps.has(3) else ""


def _of(steps: Steps, i: int, direction: int) -> str:
    """Input `i` for one direction."""
    return steps.add("Gather", steps.input(i), steps.ints(direction), axis=0)


# The layer around the cells.


@dataclass(frozen=True)
class _Sequences:
    """What the directions share.

    Attributes:
        x: [T, N, I].
        initial: for each state its start [directions, N, H]; "" where it is 0.
        valid: whether a step lies within an item's length, bool [T, N, 1]; "" where all do.
    """

    x: str
    initial: Sequence[str]
    valid: str


def _layer(steps: Steps, kind: _Kind) -> list[NodeProto]:
    directions = 2 if steps.attrs["direction"] == "bidirectional" else 1
    functions = activations(steps, kind.activations, directions * len(kind.activations))
    per = len(kind.activations)
    sequences = _sequences(steps, kind)
    runs = [
        _run(steps, kind, sequences, d, functions[d * per : (d + 1) * per])
        for d in range(directions)
    ]
    batch_first = bool(steps.attrs.get("layout", 0))
    outputs = []
    for i, parts in enumerate(zip(*runs, strict=True)):
        if not steps.wants(i):
            outputs.append("")
            continue
        axis = 1 if i == 0 else 0
        apart = [steps.add("Unsqueeze", part, steps.ints([axis])) for part in parts]
        whole = steps.add("Concat", *apart, axis=axis)
        if batch_first:
            whole = steps.add("Transpose", whole, perm=[2, 0, 1, 3] if i == 0 else [1, 0, 2])
        outputs.append(whole)
    return steps.finish(*outputs)


def _sequences(steps: Steps, kind: _Kind) -> _Sequences:
    x, *initial = (_of_rank_3(steps, i) for i in (0, *kind.initial))
    if steps.attrs.get("layout", 0):
        x, *initial = (
            steps.add("Transpose", name, perm=[1, 0, 2]) if name else "" for name in (x, *initial)
        )
    if not steps.has(4):
        return _Sequences(x, initial, "")
    lengths = steps.add("Cast", steps.input(4), to=TensorProto.INT64)
    lengths = steps.add("Unsqueeze", lengths, steps.ints([0, 2]))
    count = steps.add("Squeeze", steps.add("Shape", x, start=0, end=1), steps.ints([0]))
    times = steps.add("Range", steps.ints(0), count, steps.ints(1))
    valid = steps.add("Less", steps.add("Unsqueeze", times, steps.ints([1, 2])), lengths)
    some = steps.add("Greater", lengths, steps.ints(0))
    initial = [steps.add("Where", some, s, steps.number(0.0)) if s else "" for s in initial]
    return _Sequences(x, initial, valid)


def _of_rank_3(steps: Steps, i: int) -> str:
    """Input `i`, made to say its rank where that is not known, as behind an If; "" if left out."""
    tensor = steps.graph.tensor(steps.input(i))
    if tensor is None or tensor.shape is not None:
        return steps.input(i)
    return steps.add("Reshape", steps.input(i), steps.ints([0, 0, -1]))


def _run(
    steps: Steps,
    kind: _Kind,
    sequences: _Sequences,
    direction: int,
    functions: Sequence[Activation],
) -> list[str]:
    """Y [T, N, H] of one direction, then its last states [N, H]."""
    weights, bias = kind.weights(steps, direction)
    w = steps.add("Transpose", _of(steps, 1, direction), perm=[1, 0])
    projected = steps.add("MatMul", sequences.x, w)
    if bias:
        projected = steps.add("Add", projected, bias)
    states = [
        steps.add("Gather", start, steps.ints(direction), axis=0)
        if start
        else _zeros(steps, sequences.x)
        for start in sequences.initial
    ]
    cell = Cell(
        weights, functions, steps.attrs.get("clip"), bool(steps.attrs.get("input_forget", 0))
    )
    body = _body(
        Steps(steps.graph, steps.node), kind.step, cell, len(states), bool(sequences.valid)
    )
    scanned = [projected, sequences.valid] if sequences.valid else [projected]
    backwards = int(direction == 1 or steps.attrs["direction"] == "reverse")
    *last, y = steps.add_many(
        "Scan",
        *states,
        *scanned,
        count=len(states) + 1,
        body=body,
        num_scan_inputs=len(scanned),
        scan_input_directions=[backwards] * len(scanned),
        scan_output_directions=[backwards],
    )
    return [y, *last]


def _zeros(steps: Steps, x: str) -> str:
    """Zeros [N, H]"""
    sizes = [
        steps.add("Shape", x, start=1, end=2),
        steps.add("Shape", steps.input(2), start=2, end=3),
    ]
    return steps.add("Expand", steps.number(0.0), steps.add("Concat", *sizes, axis=0))


def _body(steps: Steps, step: Step, cell: Cell, count: int, masked: bool) -> GraphProto:
    """(`count` states, projected input, mask where there is one) -> (the next states, Y's row)"""
    element = helper.np_dtype_to_tensor_dtype(steps.dtype)
    names = [steps.graph.fresh(f"{steps.node.name}/state") for _ in range(count)]
    x, mask = (steps.graph.fresh(f"{steps.node.name}/{hint}") for hint in ("x", "mask"))
    after = step(steps, cell, x, names)
    if masked:
        y = steps.add("Where", mask, after[0], steps.number(0.0))
        after = [steps.add("Where", mask, a, b) for a, b in zip(after, names, strict=True)]
    else:
        y = steps.add("Identity", after[0])
    inputs = [helper.make_tensor_value_info(n, element, [None, None]) for n in (*names, x)]
    if masked:
        inputs.append(helper.make_tensor_value_info(mask, TensorProto.BOOL, [None, 1]))
    outputs = [helper.make_tensor_value_info(n, element, [None, None]) for n in (*after, y)]
    return helper.make_graph(steps.nodes, f"{steps.node.name}/step", inputs, outputs)
