"""What is explained if no layer is named: the scores that the model's first output is made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from onnx import NodeProto

from retrograph.errors import BlockedError, InputError, Problem, command
from retrograph.ir.analysis.origin import is_in_file, of_the_file, origin, tensor_text
from retrograph.ir.graph import STANDARD_DOMAINS, Graph, op_label, reads
from retrograph.ir.op_traits import MOVES
from retrograph.ir.path import ancestors, flow
from retrograph.ir.patterns.order_preserving import before, taken_from, transposed_by
from retrograph.ir.patterns.squashing import SOFTMAX, Squash, changing, squashing
from retrograph.ir.patterns.unquantised import unquantised
from retrograph.vjp.registry import rule_of, why_nondifferentiable

_QUANTISING = {"QuantizeLinear", "DynamicQuantizeLinear"}
_MOST_TAKEN = 50
_CHOOSING = {"ArgMax", "ArgMin", "TopK", "Equal", "Greater", "GreaterOrEqual", "Less"}
_CHOOSING |= {"LessOrEqual", "NonZero", "NonMaxSuppression", "Hardmax"}
"""Operators that make labels, places and truth values of numbers, quantised ones too."""

_MOVING = MOVES | {"Cast"}


@dataclass(frozen=True)
class Scores:
    """What is explained if no layer is named.

    Attributes:
        target: the tensor.
        output: the output of the model that is made of it.
        exclusive: whether the classes share what they are given, as behind a Softmax, as far as
            the model tells: False where something squashes each score alone.
        notes: what lies between the target and the output, a line each; none where they are one.
    """

    target: str
    output: str
    exclusive: bool
    notes: tuple[str, ...]


def find_scores(graph: Graph, sources: Sequence[str]) -> Scores:
    """The scores that the first output is made of which depends on the sources.

    What is flat where scores are large is stepped over: a final Softmax, Sigmoid or tanh, however
    it is spelled, and a quantiser, with what only moves or scales numbers behind it. Labels, maps
    and other outputs that have no derivative are followed back to the scores they come from.

    Raises:
        InputError: no output depends on the sources.
        BlockedError: nodes that cannot be treated cut the outputs off; it names them.
    """
    reached = flow(graph, sources) - set(sources)
    refused: BlockedError | None = None
    skipped: list[str] = []
    for output in graph.output_names():
        try:
            name, cut, rounding = _float_source(graph, output, reached)
        except BlockedError as error:
            refused = refused or error
            skipped.append(str(error))
            continue
        if name is not None:
            return _stepped_back(graph, sources, name, output, cut, rounding, skipped)
    if refused is not None:
        raise refused
    raise InputError(
        f"no output depends on {' or '.join(map(repr, sources))} through floating-point numbers; "
        f"choose a layer (see {command('layers')})"
    )


def _stepped_back(
    graph: Graph,
    sources: Sequence[str],
    name: str,
    output: str,
    cut: str,
    rounding: Sequence[Squash],
    notes: Sequence[str],
) -> Scores:
    """The scores before a tensor.

    Args:
        cut: what makes the output of it without a derivative, in words; "" where nothing does.
        rounding: the quantisers between the tensor and that.
        notes: what is to be known besides.
    """
    found = squashes(graph, sources, name)
    target = _in_the_file(graph, found[-1].input) if found else name
    what = f"explained is {tensor_text(graph, target)}"
    if found or rounding:
        what += f", the scores before {_crossed(graph, [*rounding, *found])}"
    if cut:
        explained = what if found or rounding else f"{what}, which it reads"
        notes = [*notes, f"output '{output}' {cut}: {explained}"]
    elif found:
        notes = [*notes, f"{what} (output '{output}')"]
    else:
        notes = [*notes, *flat_notes(graph, sources, target)]
    alone = any(each.kind not in SOFTMAX | {"quantiser"} for each in found)
    return Scores(target, output, not alone, tuple(notes))


def flat_notes(graph: Graph, sources: Sequence[str], target: str) -> tuple[str, ...]:
    """What is to be known of a target that something squashes, a line; none where nothing does.

    A quantiser is not spoken of, which every layer of a quantised model has.
    """
    changed, reached = changing(graph, sources), flow(graph, sources) - set(sources)
    found: dict[str, str] = {}
    waiting, seen = [target], set[str]()
    while waiting and len(seen) < _MOST_TAKEN:
        name = waiting.pop(0)
        if name in seen or name not in reached:
            continue
        seen.add(name)
        squash = squashing(graph, name, changed)
        if squash is None or squash.kind == "quantiser":
            earlier = [] if squash is None else [squash.input]
            waiting += earlier or taken_from(unquantised(graph), name)
        else:
            found.setdefault(described(graph, squash), _in_the_file(graph, squash.input))
    if not found:
        return ()
    before = " or ".join(tensor_text(graph, name) for name in dict.fromkeys(found.values()))
    return (
        f"{tensor_text(graph, target)} is flat where a score is large, behind {_listed([*found])}; "
        f"where its map is 0, explain {before}",
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _crossed(graph: Graph, squashes: Sequence[Squash]) -> str:
    """Squashing functions in words, the first of the graph first.

    Of an operator that squashes and rounds, the rounding is not named.
    """
    curved = {origin(graph, each.node).name for each in squashes if each.kind != "quantiser"}
    named = [
        described(graph, each)
        for each in reversed(squashes)
        if each.kind != "quantiser" or origin(graph, each.node).name not in curved
    ]
    return _listed([*dict.fromkeys(named)])


def described(graph: Graph, squash: Squash) -> str:
    """A squashing function by the node of the file that ends it."""
    node = origin(graph, squash.node)
    label = op_label(node)
    if squash.kind in label:
        return f"{label} '{node.name}'"
    if squash.kind == "quantiser":
        return f"{'' if 'QuantizeLinear' in label else 'the rounding of '}{label} '{node.name}'"
    return f"a {squash.kind} that ends in {label} '{node.name}'"


# Back over what squashes.


def squashes(graph: Graph, sources: Sequence[str], name: str) -> list[Squash]:
    """The squashing functions before a tensor, behind which the order of the scores is kept.

    The last one of the graph comes first.
    """
    changed, reached = changing(graph, sources), flow(graph, sources) - set(sources)
    found: list[Squash] = []
    while (squash := _next_squash(graph, changed, reached, name)) is not None:
        found.append(squash)
        name = squash.input
    return found


def _next_squash(
    graph: Graph, changed: Collection[str], reached: Collection[str], name: str
) -> Squash | None:
    """The nearest squashing function, behind which nothing changes the order of the scores."""
    perm: Sequence[int] | None = ()
    smooth = unquantised(graph)
    while name in reached:
        squash = squashing(graph, name, changed)
        if squash is not None and squash.input in reached:
            return _turned(graph, squash, perm)
        earlier = before(smooth, name)
        if earlier is None:
            return None
        perm = transposed_by(smooth.producer[name], perm)
        name = earlier
    return None


def _turned(graph: Graph, squash: Squash, perm: Sequence[int] | None) -> Squash:
    """Before the Transpose that is taken back behind it, so that the axes are the output's."""
    node = graph.producer.get(squash.input)
    if not perm or node is None or node.op_type != "Transpose":
        return squash
    whole = transposed_by(node, perm)
    if whole is None or list(whole) != sorted(whole):
        return squash
    return Squash(squash.kind, squash.node, str(node.input[0]))


def _in_the_file(graph: Graph, name: str) -> str:
    """The tensor itself, or the one before it where canonicalisation has only moved that."""
    earlier = name
    while not is_in_file(graph, earlier):
        node = graph.producer.get(earlier)
        if node is None or node.op_type not in _MOVING:
            return name
        earlier = str(node.input[0])
    return earlier


# Outputs without a derivative.


def _float_source(
    graph: Graph, output: str, reached: Collection[str]
) -> tuple[str | None, str, Sequence[Squash]]:
    """The output itself, or what lies deepest before it of the tensors that the input reaches.

    Returns:
        The tensor, None where there is none; what makes the output of it, in words; and the
        quantisers between the two, the last one first.

    Raises:
        BlockedError: a node that cannot be treated lies between.
    """
    if output in reached:
        return output, "", ()
    behind = ancestors(graph, output) & set(reached)
    depth: dict[str, int] = {}
    for node in graph.nodes:
        below = 1 + max((depth.get(name, 0) for name in reads(node)), default=0)
        depth |= dict.fromkeys(behind.intersection(node.output), below)
    name = max(reversed(depth), key=depth.__getitem__, default=None)
    if name is None:
        return None, "", ()
    _check_treated(graph, output, reached)
    node, rounding = _reader(graph, name, output)
    verb = "is made by" if output in node.output else "comes of"
    return name, f"{verb} {op_label(node)} '{node.name}', which has no derivative", rounding


def _reader(graph: Graph, name: str, output: str) -> tuple[NodeProto, list[Squash]]:
    """The node through which an output depends on a tensor without a derivative.

    Quantisers before it, with what only moves their numbers, are passed and given too, the last
    one first.
    """
    behind = ancestors(graph, output)
    rounding: list[Squash] = []
    while True:
        node = [n for n in graph.consumers[name] if not behind.isdisjoint(n.output)][-1]
        if output in node.output or node.op_type not in _QUANTISING | _MOVING:
            return origin(graph, node), rounding
        if node.op_type in _QUANTISING:
            rounding.insert(0, Squash("quantiser", node, name))
        name = next(o for o in node.output if o in behind)


def _check_treated(graph: Graph, output: str, reached: Collection[str]) -> None:
    """Raises BlockedError where an output is cut off by what has a derivative, and no rule."""
    behind = ancestors(graph, output)
    between = [n for n in graph.nodes if not behind.isdisjoint(n.output)]
    cut = [n for n in between if _cuts(n, reached)]
    culprits = [n for n in cut if _is_unknown(n)]
    quantised = {o for n in cut if n.op_type in _QUANTISING for o in n.output}
    for node in between:
        if quantised.isdisjoint(node.input):
            continue
        if node.op_type in _MOVING:
            quantised.update(node.output)
        elif node.op_type not in _CHOOSING:
            culprits.append(node)
    if culprits:
        first = origin(graph, culprits[0])
        problems = [of_the_file(graph, Problem(n.name, op_label(n), _why(n))) for n in culprits]
        raise BlockedError(
            f"output '{output}' cannot be explained: '{first.name}' ({op_label(first)}) on the way "
            f"to it cannot be treated: {_why(culprits[0])}; choose a layer (see "
            f"{command('layers')})",
            problems,
        )


def _cuts(node: NodeProto, reached: Collection[str]) -> bool:
    inputs = [name in reached for name in reads(node)]
    return any(inputs) and not any(name in reached for name in node.output)


def _is_unknown(node: NodeProto) -> bool:
    """Whether an operator is neither of the standard nor said to have no derivative."""
    if node.domain in (*STANDARD_DOMAINS, "ai.onnx.ml"):
        return False
    return why_nondifferentiable(node.domain, node.op_type) is None


def _why(node: NodeProto) -> str:
    if rule_of(node.domain, node.op_type) is None:
        return "no VJP rule"
    return "it computes with whole numbers"
