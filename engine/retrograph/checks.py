"""Whether a model can be explained, by which methods, and what stands in the way.

The path is walked once for each method; nothing is built and nothing is run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from retrograph.backward import Request, blocked
from retrograph.errors import (
    BlockedError,
    InputError,
    Problem,
    UnsupportedError,
    marked_parameters,
)
from retrograph.ir.graph import Graph, reads
from retrograph.ir.path import ancestors, flow
from retrograph.keywords import checked_keywords
from retrograph.methods import METHODS
from retrograph.model import Model, Source
from retrograph.report import Report
from retrograph.results.check import Check
from retrograph.results.verdicts import Block, Verdict
from retrograph.vjp.engine.obstacles import cuts


@checked_keywords
def check(
    model: Source, layer: str | None = None, *, wrt: str | Sequence[str] | None = None
) -> Check:
    """Whether a model can be explained, by which methods, and what stands in the way.

    Args:
        model: a path to an .onnx file, or a model in memory.
        layer: as in `build`.
        wrt: as in `build`.

    Returns:
        A verdict on each method, the nodes that block, those that are treated apart, and notes.

    Raises:
        InputError: what was given is wrong: the file, the layer, the input.
    """
    source = model if isinstance(model, Model) else Model(model)
    name = os.fspath(model) if isinstance(model, (str, os.PathLike)) else source.name
    return replace(_check(source, layer, wrt), model=name)


def _check(source: Model, layer: str | None, wrt: str | Sequence[str] | None) -> Check:
    try:
        inputs = source.inputs
    except UnsupportedError as error:
        return _refused(_blocking(error.problems), error.problems)
    try:
        target = source.target(layer)
    except InputError as error:
        if inputs and layer is not None:
            raise
        return _without_target(source, error.message)
    return _checked(source, source.request(method="gradient", layer=target, wrt=wrt))


def _checked(source: Model, request: Request) -> Check:
    reports: dict[str, Report] = {}
    reasons: dict[str, str] = {}
    problems_of: dict[str, Sequence[Problem]] = {}
    for name, method in METHODS.items():
        try:
            reports[name] = report = source.report(replace(request, method=method))
            problems_of[name] = report.problems
        except UnsupportedError as error:
            problems_of[name] = error.problems
        except InputError as error:
            reasons[name] = error.message
            problems_of[name] = error.problems if isinstance(error, BlockedError) else ()
    plain, problems = reports.get("gradient"), problems_of["gradient"]
    common = () if plain is None else plain.notes
    nearest = _nearest(source, [request.target], problems)
    for name in METHODS:
        reasons.setdefault(name, _blocking(problems) or _refusing(problems_of[name]))
    return Check(
        model=source.name,
        layer=source.tensor(request.target),
        alias=source.alias(request.target),
        inputs=tuple(map(source.tensor, request.sources)),
        methods=tuple(
            Verdict(
                name,
                reasons[name],
                _own_notes(name, reports.get(name), common),
                () if plain is None or problems else _needs(name, reasons[name]),
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


def _needs(method: str, reason: str) -> tuple[str, ...]:
    """The parameters of a method that would mend why its graph cannot be built."""
    own = METHODS[method].parameters
    return tuple(name for name in marked_parameters(reason) if name in own)


def _own_notes(method: str, report: Report | None, common: Collection[str]) -> tuple[str, ...]:
    """The notes of a method that are not those of all."""
    notes = () if report is None else report.notes
    return tuple(note.removeprefix(f"{method}: ") for note in notes if note not in common)


def _without_target(source: Model, reason: str) -> Check:
    """A model whose outputs do not depend on an input through floating-point numbers."""
    graph = source.graph
    inputs = [tensor.name for tensor in source.inputs]
    outputs = graph.output_names()
    problems = list(dict.fromkeys(p for name in outputs for p in cuts(graph, inputs, name)))
    return _refused(reason, problems, _nearest(source, outputs, problems))


def _refused(reason: str, problems: Sequence[Problem], nearest: str | None = None) -> Check:
    return Check(
        model="",
        layer=None,
        alias="",
        inputs=(),
        methods=tuple(Verdict(name, reason, ()) for name in METHODS),
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
        return not source.report(source.request(method="gradient", layer=target)).problems
    except (InputError, UnsupportedError):
        return False


def _after(graph: Graph, names: Collection[str]) -> set[str]:
    """The tensors that nodes, or what their definitions hold, have a part in."""
    affected: set[str] = set()
    for node in graph.nodes:
        blocks = any(
            f"{name}/".startswith(f"{node.name}/") or node.name.startswith(f"{name}/")
            for name in names
        )
        if blocks or not affected.isdisjoint(reads(node)):
            affected.update(node.output)
    return affected
