"""Whether a model can be explained, by which methods, and what stands in the way.

The path is walked once for each method; nothing is built and nothing is run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from onnx import ModelProto

from retrograph.backward import Request, blocked
from retrograph.errors import BlockedError, InputError, Problem, UnsupportedError
from retrograph.ir.graph import Graph, Tensor, reads
from retrograph.ir.path import ancestors, flow
from retrograph.methods import METHODS
from retrograph.model import Model
from retrograph.report import Place, Report
from retrograph.vjp.engine.obstacles import cuts


@dataclass(frozen=True)
class Verdict:
    """Whether one method can explain a target.

    Attributes:
        method: its name.
        possible: whether its graph can be built.
        reason: why not; "" where it is possible.
        notes: what is to be known of this method's result, a line each.
    """

    method: str
    possible: bool
    reason: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A node that stands in the way.

    Attributes:
        node: its name.
        op: its operator, with the domain where it is not the standard one.
        reason: why no cotangent passes it.
        mend: what can be done.
    """

    node: str
    op: str
    reason: str
    mend: str


@dataclass(frozen=True)
class Check:
    """What a model can be asked.

    Attributes:
        target: the explained tensor; None where there is none.
        alias: its short name, such as scores or relu3; "" where there is none.
        inputs: the explained inputs.
        methods: a verdict on each method.
        blocks: every node that stands in the way of all methods.
        nearest: the last layer before them that can be explained, by its short name; None where
            nothing blocks, or no layer is left.
        relu: the nodes that guided and deconvnet treat as ReLU.
        straight_through: the nodes that round, which the cotangent passes unchanged.
        smooth: the activations that keep their ordinary derivative under every method.
        notes: what is to be known of the result by any method, a line each.
    """

    target: Tensor | None
    alias: str
    inputs: tuple[Tensor, ...]
    methods: tuple[Verdict, ...]
    blocks: tuple[Block, ...] = ()
    nearest: str | None = None
    relu: tuple[Place, ...] = ()
    straight_through: tuple[Place, ...] = ()
    smooth: tuple[Place, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def explainable(self) -> bool:
        """Whether any method can explain the target."""
        return any(verdict.possible for verdict in self.methods)


def check(
    model: str | os.PathLike[str] | ModelProto | Model,
    *,
    target: str | None = None,
    wrt: str | Sequence[str] | None = None,
) -> Check:
    """Whether a model can be explained, by which methods, and what stands in the way.

    Args:
        model: a path to an .onnx file, or a model in memory.
        target: as in `build`.
        wrt: as in `build`.

    Raises:
        InputError: what was given is wrong: the file, the layer, the input.
    """
    source = model if isinstance(model, Model) else Model(model)
    try:
        inputs = source.inputs
    except UnsupportedError as error:
        return _refused(_blocking(error.problems), error.problems)
    try:
        name = source.target(target)
    except InputError as error:
        if inputs and target is not None:
            raise
        return _without_target(source, str(error))
    return _checked(source, source.request(method="gradient", layer=name, wrt=wrt))


def _checked(source: Model, request: Request) -> Check:
    reports: dict[str, Report] = {}
    reasons: dict[str, str] = {}
    found: dict[str, Sequence[Problem]] = {}
    for name, method in METHODS.items():
        try:
            reports[name] = report = source.check(replace(request, method=method))
            found[name] = report.problems
        except UnsupportedError as error:
            found[name] = error.problems
        except InputError as error:
            reasons[name] = str(error)
            found[name] = error.problems if isinstance(error, BlockedError) else ()
    plain, problems = reports.get("gradient"), found["gradient"]
    common = () if plain is None else plain.notes
    nearest = _nearest(source, [request.target], problems)
    for name in METHODS:
        reasons.setdefault(name, _blocking(problems) or _refusing(found[name]))
    return Check(
        target=source.tensor(request.target),
        alias=source.alias(request.target),
        inputs=tuple(map(source.tensor, request.sources)),
        methods=tuple(
            Verdict(
                name, not reasons[name], reasons[name], _own_notes(name, reports.get(name), common)
            )
            for name in METHODS
        ),
        blocks=_blocks(problems, nearest),
        nearest=nearest,
        relu=() if plain is None else plain.relu,
        straight_through=() if plain is None else plain.straight_through,
        smooth=() if plain is None else plain.smooth,
        notes=common,
    )


def _own_notes(method: str, report: Report | None, common: Collection[str]) -> tuple[str, ...]:
    """The notes of a method that are not those of all."""
    notes = () if report is None else report.notes
    return tuple(note.removeprefix(f"{method}: ") for note in notes if note not in common)


def _without_target(source: Model, reason: str) -> Check:
    """A model whose outputs do not depend on an input through floating-point numbers."""
    graph = source.graph
    inputs = [tensor.name for tensor in source.inputs]
    found = [p for name in graph.output_names() for p in cuts(graph, inputs, name)]
    problems = list(dict.fromkeys(found))
    return _refused(reason, problems, _nearest(source, graph.output_names(), problems))


def _refused(reason: str, problems: Sequence[Problem], nearest: str | None = None) -> Check:
    return Check(
        target=None,
        alias="",
        inputs=(),
        methods=tuple(Verdict(name, False, reason, ()) for name in METHODS),
        blocks=_blocks(problems, nearest),
        nearest=nearest,
    )


def _blocking(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    return "1 node blocks" if len(problems) == 1 else f"{len(problems)} nodes block"


def _refusing(problems: Sequence[Problem]) -> str:
    """Why a method refuses what the gradient passes."""
    counts = Counter(problem.op for problem in problems)
    listed = ", ".join(f"{count} {op}" for op, count in sorted(counts.items()))
    return f"no rule at {listed}" if problems else ""


def _blocks(problems: Iterable[Problem], nearest: str | None) -> tuple[Block, ...]:
    otherwise = "replace it in the source model" if nearest is None else "choose a layer before it"
    return tuple(_block(problem, otherwise) for problem in problems)


def _block(problem: Problem, otherwise: str) -> Block:
    """A problem, its reason and what can be done apart."""
    reason, mend = problem.reason, ""
    if reason == "no VJP rule":
        mend = f"add a rule with @defvjp (CONTRIBUTING.md), or {otherwise}"
    elif not reason.startswith("in its body"):
        reason, _, mend = reason.partition("; ")
    return Block(problem.node, problem.op, reason, mend or otherwise)


def _nearest(source: Model, targets: Iterable[str], problems: Collection[Problem]) -> str | None:
    """The last layer that can be explained of those that the blocking nodes do not touch."""
    if not problems:
        return None
    graph = source.graph
    behind = set().union(*(ancestors(graph, target) for target in targets))
    inputs = [tensor.name for tensor in source.inputs]
    free = behind & flow(graph, inputs, blocked(graph)) - _after(
        graph, {problem.node for problem in problems}
    )
    layers = (layer for layer in reversed(source.layers()) if layer.tensor.name in free)
    return next((x.alias for x in layers if _can_be_explained(source, x.tensor.name)), None)


def _can_be_explained(source: Model, target: str) -> bool:
    try:
        return not source.check(source.request(method="gradient", layer=target)).problems
    except (InputError, UnsupportedError):
        return False


def _after(graph: Graph, names: Collection[str]) -> set[str]:
    """The tensors that nodes, or what their definitions hold, have a part in."""
    found: set[str] = set()
    for node in graph.nodes:
        blocks = any(
            f"{name}/".startswith(f"{node.name}/") or node.name.startswith(f"{name}/")
            for name in names
        )
        if blocks or not found.isdisjoint(reads(node)):
            found.update(node.output)
    return found
