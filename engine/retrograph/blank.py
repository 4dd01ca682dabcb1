"""Why an attribution is 0 everywhere, and what to do: the node through which nothing comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from retrograph.backward import Request
from retrograph.errors import RetrographError
from retrograph.ir.analysis.origin import layer_text, origin
from retrograph.ir.compose.truncate import forward
from retrograph.ir.graph import Graph, NodeProto, op_label, reads, value_info
from retrograph.ir.path import flow, path
from retrograph.methods import GRADIENT, MapMethod, Method
from retrograph.methods.map_layer import to_try
from retrograph.model import Model, Source, opened, runnable
from retrograph.runtime import Array, Session
from retrograph.scores import described, squashes
from retrograph.trace import Trace, build_trace
from retrograph.vjp.engine.walk import blocked

_KEPT = 4
_CONTROL = {"If", "Loop", "Scan"}
_WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


@dataclass(frozen=True)
class Asked:
    """What gave an attribution that is 0 everywhere.

    Attributes:
        target: the explained tensor.
        sources: the explained inputs.
        method: by which it was made.
        unit: the unit's index in an item of the target, or a channel's number alone; none for the
            whole item.
        rank: how many axes an item of the target has.
        channel_axis: which of them counts channels.
        row: which item of the batch.
        precision: what it was computed in.
    """

    target: str
    sources: tuple[str, ...]
    method: Method
    unit: tuple[int, ...]
    rank: int
    channel_axis: int = 0
    row: int = 0
    precision: str = "float32"


class Blanks:
    """Finds why attributions by a model are 0 everywhere; the model is read when that is asked.

    Args:
        model: the source model, or a graph that retrograph has built.
        threads: how many threads an operator may use.
        graph: the model's graph as it is run; that of its file if None.
    """

    def __init__(
        self, model: Source, threads: int | None = None, graph: Graph | None = None
    ) -> None:
        self._source, self._threads, self._run_graph = model, threads, graph
        self._forward = lru_cache(maxsize=_KEPT)(self._made_forward)
        self._traced = lru_cache(maxsize=_KEPT)(self._made_trace)

    @cached_property
    def _model(self) -> Model:
        return opened(self._source)

    @cached_property
    def _graph(self) -> Graph:
        """The graph without outputs, and without the input by which a built graph chooses."""
        graph = (self._run_graph or self._model.graph).copy()
        graph.outputs = []
        if self._model.contract is not None:
            chooser = self._model.contract.chooser
            graph.inputs = [v for v in graph.inputs if v.name != chooser]
        return graph

    def why(self, asked: Asked, feeds: Mapping[str, Array]) -> str:
        """The reason and what to do, in words; "" where none is found.

        Args:
            asked: what gave the attribution.
            feeds: the model's inputs, as they were run.
        """
        try:
            with self._model.lock:
                return self._why(asked, feeds)
        except RetrographError:  # what cannot be walked has no reason that could be told
            return ""

    def nonfinite_weights(self, target: str) -> str:
        """Which weights that a tensor is computed of are no numbers, in words; "" for none."""
        with self._model.lock:
            return self._model.nonfinite_weights(target)

    def _why(self, asked: Asked, feeds: Mapping[str, Array]) -> str:
        (y,) = _run(self._forward(asked.target), feeds).values()
        cotangent, score = self._cotangent(asked, y)
        plain = replace(asked, method=GRADIENT)
        trace, peaks = self._peaks(plain, feeds, cotangent)
        if any(peaks.get(source, 0.0) for source in asked.sources):
            return self._of_the_method(asked, feeds, cotangent, score)
        crossed = squashes(trace.graph, asked.sources, asked.target)
        for squash in crossed:
            if not peaks.get(squash.input, 1.0):
                what = described(trace.graph, squash)
                before = self._named(crossed[-1].input)
                return (
                    f"{what} gives {score:.6g} there and is flat; explain {before}, the scores "
                    "before it"
                )
        node = _end(trace, peaks)
        return "" if node is None else self._through(node, plain, feeds, cotangent)

    def _of_the_method(
        self, asked: Asked, feeds: Mapping[str, Array], cotangent: Array, score: float
    ) -> str:
        """Why nothing is left where the gradient is not 0."""
        name = asked.method.name
        if asked.precision == "float16":
            return "the numbers vanish in float16; explain in float32"
        if isinstance(asked.method, MapMethod):
            return self._of_a_map(asked, asked.method.layer, feeds, cotangent)
        trace, peaks = self._peaks(asked, feeds, cotangent)
        node = _end(trace, peaks) if trace.walks else None
        if node is not None:
            made = origin(trace.graph, node)
            return (
                f"the gradient is not 0, but {name} passes nothing through {op_label(made)} "
                f"'{made.name}'; try gradient"
            )
        if score == 0:
            return f"the activation is 0, and {name} shares it out; choose an active unit"
        return f"the gradient is not 0, and {name} keeps nothing of it; try gradient"

    def _of_a_map(
        self, asked: Asked, layer: str, feeds: Mapping[str, Array], cotangent: Array
    ) -> str:
        """Why the map of a layer is 0 where the gradient at the input is not."""
        plain, (source,), name = replace(asked, method=GRADIENT), asked.sources, asked.method.name
        trace, session = self._traced(plain.sources, plain.target, plain.method, (layer,))
        found = _run(session, {**feeds, trace.cotangent: cotangent})
        a, what = found[trace.values[layer]], self._named(layer)
        g = found[trace.cotangents[layer]] if layer in trace.cotangents else np.zeros_like(a)
        way = path(trace.graph, [source], [asked.target], blocked(trace.graph).keys())
        others = [n for n in to_try(trace.graph, way, source, asked.target) if n != layer]
        names = ", ".join(map(self._named, others))
        mend = f"try another layer, such as {names}" if names else "try gradient"
        if not g.any():
            return f"nothing of the unit passes layer {what}, only beside it; {mend}"
        if not a[g.reshape(len(g), -1).any(axis=1)].any():
            return f"layer {what} is 0 everywhere there; {mend}"
        if name == "guided-grad-cam":
            return (
                f"what layer {what} shows speaks against the unit, or lies where guided "
                f"backpropagation shows nothing; {mend}"
            )
        return (
            f"what layer {what} shows speaks against the unit wherever it is: its channels, as "
            f"{name} weighs them, sum to 0 or less; choose an active unit, or {mend}"
        )

    def _through(
        self, node: NodeProto, asked: Asked, feeds: Mapping[str, Array], cotangent: Array
    ) -> str:
        """Why nothing comes through a node."""
        graph = self._graph
        made = origin(graph, node)
        what, y = f"{op_label(made)} '{made.name}'", str(node.output[0])
        x = next((n for n in node.input if n and n not in graph.constants), "")
        if node.op_type in _CONTROL:
            return f"nothing comes through {what}; {self._instead_of(node, asked.sources)}"
        trace, session = self._traced(asked.sources, asked.target, asked.method, (x, y))
        found = _run(session, {**feeds, trace.cotangent: cotangent})
        reached = found[trace.cotangents[y]] != 0 if y in trace.cotangents else None
        seen = found[trace.values[x]] if x in trace.values else None
        before = self._named(x)
        if node.name in graph.relu_like and seen is not None and reached is not None:
            return _off(what, seen, reached, before, is_target=y == asked.target)
        if node.op_type == "Clip":
            return f"{what} is at its limit there; explain {before}, which it reads"
        if node.op_type in _WEIGHTED:
            return f"the weights of {what} on the way are 0; choose another unit"
        return f"the derivative of {what} is 0 there; explain {before}, which it reads"

    def _instead_of(self, node: NodeProto, sources: Sequence[str]) -> str:
        """What to explain instead of what an If, Loop or Scan makes: a layer that it reads."""
        flowing = flow(self._graph, sources)
        tensors = [name for name in dict.fromkeys(reads(node)) if name in flowing]
        known = [name for name in tensors if self._model.tensor(name).rank is not None]
        layers = f", or explain {self._named(known[0])}, which it reads" if known else ""
        return f"choose another input or unit{layers}"

    def _named(self, tensor: str) -> str:
        """A layer in words that a user can give as one."""
        return layer_text(self._graph, tensor, self._model.alias(tensor))

    def _cotangent(self, asked: Asked, y: Array) -> tuple[Array, float]:
        """1 for the unit, or all units of the channel, of one item; and its activation."""
        cotangent = np.zeros_like(y)
        row = (asked.row,) if y.ndim > asked.rank else ()
        unit: tuple[slice | int, ...] = asked.unit if y.ndim else ()
        if unit and len(unit) < asked.rank:
            unit = (*[slice(None)] * asked.channel_axis, *unit)
        cotangent[(*row, *unit)] = 1
        return cotangent, float(np.max(y[(*row, *unit)]))

    # Graphs, made ready once.

    def _peaks(
        self, asked: Asked, feeds: Mapping[str, Array], cotangent: Array
    ) -> tuple[Trace, dict[str, float]]:
        """The largest size of what comes down to each tensor."""
        trace, session = self._traced(asked.sources, asked.target, asked.method, ())
        found = _run(session, {**feeds, trace.cotangent: cotangent})
        return trace, {name: float(found[output]) for name, output in trace.peaks.items()}

    def _made_forward(self, target: str) -> Session:
        with runnable(forward(self._graph, target)) as (model, folder, needed):
            return Session(model, "cpu", self._threads, folder, needed)

    def _made_trace(
        self, sources: tuple[str, ...], target: str, method: Method, shown: tuple[str, ...]
    ) -> tuple[Trace, Session]:
        graph = self._graph.copy()
        graph.outputs = [value_info(self._model.tensor(target))]
        trace = build_trace(Request(graph, sources, target, method), shown)
        with runnable(trace.model) as (model, folder, needed):
            return trace, Session(model, "cpu", self._threads, folder, needed)


def _run(session: Session, feeds: Mapping[str, Array]) -> dict[str, Array]:
    names = {spec.name for spec in session.inputs}
    return session.run({name: value for name, value in feeds.items() if name in names})


def _end(trace: Trace, peaks: Mapping[str, float]) -> NodeProto | None:
    """The last node of the graph to which something comes down, and from which nothing does."""
    for node in reversed(trace.nodes):
        read = [name for name in reads(node) if name in peaks]
        if any(peaks.get(name) for name in node.output) and not any(peaks[n] for n in read):
            return node
    return None


def _off(what: str, x: Array, reached: Array, before: str, *, is_target: bool) -> str:
    """Of a ReLU, which reads x and is reached by a cotangent where it says so."""
    most = float(x[reached].max()) if x.shape == reached.shape else float(x.max())
    if most > 0:
        return f"{what} is at its upper limit there; explain {before}, which it reads"
    if is_target:
        return (
            f"the unit is off: {what} reads {most:.4g} there, so no gradient passes; choose a unit "
            f"that is active, another input, or {before}, the layer before it"
        )
    return (
        f"{what} is off wherever the unit depends on it: it reads {most:.4g} there at most; choose "
        "another unit or input, or a layer before it"
    )
