"""A file against itself: as its runtime runs it, and as it stands, node by node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.amounts import amount
from retrograph.auditing.axes import axis_orders, item_shape
from retrograph.auditing.cases import runtime_case
from retrograph.auditing.diagnosis import Cause, Difference, Side, diagnose
from retrograph.auditing.feeding import AuditInputs
from retrograph.auditing.network import Network
from retrograph.auditing.noise import LEAST, moved_by_half_a_step, tolerances
from retrograph.auditing.outputs import OutputPair, compare_output, worst
from retrograph.auditing.precision import FLOAT32, Precision, precision_of
from retrograph.auditing.regions import Region
from retrograph.auditing.result import Audit, Finding
from retrograph.auditing.runtime_places import RuntimePlace, RuntimeSearch
from retrograph.auditing.sentence import places
from retrograph.auditing.verdicts import Facts, verdict_of
from retrograph.auditing.ways import OPTIMISED, PLAIN, Way
from retrograph.errors import InputError, RetrographError
from retrograph.ir.io.store import runnable
from retrograph.model import Model
from retrograph.pipeline.labels import model_labels
from retrograph.runtime import Array, write_optimized

_PORTABLE = "ORT_ENABLE_EXTENDED"
"""The level of optimisation whose nodes are written in operators that are known elsewhere."""

_TIMES = 2.0
"""So many times what inputs moved by half a step do to the outputs may a runtime do."""


@dataclass(frozen=True)
class RuntimeAudit:
    """A file that is run in two ways on the same inputs.

    Attributes:
        plain: what it computes node by node.
        inputs: what it is run on.
        given_tolerance: up to which relative error outputs are equal; None for their noise.
    """

    plain: Activations
    inputs: AuditInputs
    given_tolerance: float | None

    @property
    def network(self) -> Network:
        return self.plain.network

    @property
    def precision(self) -> Precision:
        return precision_of(self.network)

    def audit(self, way: Way) -> Audit:
        """The file run in a way held against the file run node by node.

        Raises:
            InputError: it cannot be run so.
            DeviceError: the device is not there.
        """
        model = self.network.model
        expected, computed = (file_outputs(model, self.plain, each) for each in (PLAIN, way))
        outputs = [
            compare_output(name, name, expected[name], computed[name])
            for name in expected
            if expected[name].shape == computed[name].shape
        ]
        resized = [name for name in expected if expected[name].shape != computed[name].shape]
        named = [name for name in expected if name in self.network.outputs]
        noise = tolerances(self.plain, named, self.given_tolerance)
        limit = max(noise.values(), default=self.given_tolerance or LEAST)
        explained = self._explained(outputs, expected)
        findings = []
        if resized or worst(outputs) > max(limit, explained):
            findings = [*self._findings(way)]
        facts = self._facts(outputs, resized, (limit, explained), expected, computed)
        return Audit(
            a=f"{model.name} {PLAIN.name}",
            b=f"{model.name} {way.name}",
            verdict=verdict_of(facts),
            sentence=self._sentence(way, facts, outputs, findings, explained),
            precision=facts.precision,
            inputs=self.inputs.names,
            outputs=tuple(outputs),
            tolerance=limit,
            points=(0, 0),
            names=({}, {}),
            pairs=(),
            findings=tuple(findings),
            layers=(),
            preparation="",
            method="",
            maps=(),
            rows=(),
            labels=model_labels(model),
            items=self.inputs.items,
            kind=self.inputs.kind,
            notes=self.inputs.notes,
        )

    def _facts(
        self,
        outputs: Sequence[OutputPair],
        resized: Sequence[str],
        limits: tuple[float, float],
        expected: Mapping[str, Array],
        computed: Mapping[str, Array],
    ) -> Facts:
        """What the verdict rests on; `limits` are noise, and what the precision explains."""
        lost = [n for n in expected if _is_finite(expected[n]) and not _is_finite(computed[n])]
        error, low = worst(outputs), self.precision
        limit, explained = limits
        return Facts(
            broken=f"output {lost[0]} has inf or NaN" if lost else "",
            output_error=error,
            agrees=not resized and error <= limit,
            precision="" if low is FLOAT32 or error <= limit else low.name,
            sound=not resized and error <= explained,
            related=True,
            cosine=None,
        )

    def _explained(self, outputs: Sequence[OutputPair], expected: Mapping[str, Array]) -> float:
        """How far outputs may be off by the rounding of less precision alone.

        Its layer's tolerance, or what the file itself makes of inputs that are moved by half a
        step, twice, where that is more: a rounding that falls otherwise comes to as much.
        """
        low = self.precision
        if low is FLOAT32 or worst(outputs) <= low.tolerance:
            return low.tolerance
        feeds = moved_by_half_a_step(self.plain.feeds, low.step)
        moved = file_outputs(self.network.model, replace(self.plain, feeds=feeds), PLAIN)
        pairs = [compare_output(p.a, p.b, expected[p.a], moved[p.a]) for p in outputs]
        return max(low.tolerance, min(_TIMES * worst(pairs), low.outputs))

    def _sentence(
        self,
        way: Way,
        facts: Facts,
        outputs: Sequence[OutputPair],
        findings: Sequence[Finding],
        explained: float,
    ) -> str:
        if facts.agrees and not facts.output_error:
            return f"All outputs are the same, bit by bit, {way.name}."
        if facts.agrees:
            return f"All outputs agree to {facts.output_error:.0e} {way.name}."
        if facts.sound:
            said = f"Outputs differ by {amount(facts.output_error)} {way.name}"
            if explained <= self.precision.tolerance:
                return f"{said}, which {facts.precision} explains."
            return (
                f"{said}, which {facts.precision} explains: inputs that are moved by half a step "
                f"of it move them by {amount(explained / _TIMES)}.{self._instead(way)}"
            )
        said = " ".join(places(self.network, findings))
        far = max(outputs, key=lambda pair: pair.error, default=None)
        by = "in size" if far is None else f"by {amount(far.error)} ({far.b})"
        if facts.precision:
            why = f"more than {facts.precision} explains"
        else:
            why = "and no node was found where that begins"
        return f"B is the same file {way.name}. {said or f'Outputs differ {by}, {why}.'}"

    def _instead(self, way: Way) -> str:
        """The operators that the runtime runs in place of the file's, as a sentence."""
        model = self._optimised_model() if way == OPTIMISED else None
        if model is None:
            return ""
        ours, theirs = (
            {n.op_type for n in m.proto.graph.node} for m in (self.network.model, model)
        )
        fresh = ", ".join(sorted(theirs - ours))
        return f" ONNX Runtime runs {fresh} in place of nodes of the file." if fresh else ""

    def _findings(self, way: Way) -> Iterator[Finding]:
        if self.precision is not FLOAT32:
            return  # everything is a little off
        network = self.network.as_in_file()
        other = Activations(network, self.plain.feeds, threads=self.plain.threads, way=way)
        noise = tolerances(self.plain, [*self.network.nodes], self.given_tolerance)
        search = RuntimeSearch(self.plain, other, noise)
        optimised = self._optimised() if way == OPTIMISED else None
        for place in search.places():
            yield self._finding(way, place, optimised)

    def _finding(self, way: Way, place: RuntimePlace, optimised: Activations | None) -> Finding:
        tensors = self._fused(place.tensor, optimised)
        moves = self.network.moves_before(tensors)
        item = item_shape(place.expected.shape)
        fits = place.expected.shape == place.computed.shape
        order = axis_orders(item, item)[0] if fits else None
        region = Region(
            a_tensors=tuple(tensors),
            b_tensors=tuple(tensors),
            a_moves=tuple(moves),
            b_moves=tuple(moves),
            a_end=place.tensor,
            b_end=place.tensor,
            order=order,
            local_error=compare_output("", "", place.expected, place.computed).error,
            error_after=place.error_after,
            repaired=place.repaired,
            next_agree=not place.repaired,
        )
        label = self.network.label(tensors[0])
        case = runtime_case(self.plain, [*moves, *tensors], place.tensor, place.computed)
        return Finding(region, label, label, self._causes(way, place, tensors, optimised), case)

    def _causes(
        self, way: Way, place: RuntimePlace, tensors: Sequence[str], optimised: Activations | None
    ) -> tuple[Cause, ...]:
        """What the optimised file says of the nodes, and what the values say."""
        operators = ", ".join(dict.fromkeys(self.network.op(name) for name in tensors))
        cause = Cause("runtime", f"the runtime computes {operators} otherwise {way.name}")
        fits = place.expected.shape == place.computed.shape
        own = theirs = Side(self.plain, tuple(tensors), ())
        if optimised is not None and place.tensor in optimised.network.nodes:
            theirs = Side(optimised, (place.tensor,), ())
        difference = Difference(
            a=own,
            b=theirs,
            value_a=place.expected if fits else None,
            value_b=place.computed if fits else None,
            shape_a=place.expected.shape,
            shape_b=place.computed.shape,
        )
        return (cause, *diagnose(difference))

    def _fused(self, tensor: str, optimised: Activations | None) -> list[str]:
        """The tensors that the optimised file computes in one node with one, in forward order."""
        known = optimised.network if optimised is not None else self.network
        reads = [name for name in known.parents.get(tensor, ()) if name in self.network.children]
        starts = [child for name in reads for child in self.network.children[name]]
        return self.network.between(starts, tensor) or [tensor]

    def _optimised(self) -> Activations | None:
        """What the file computes as ONNX Runtime optimises it; None where that cannot be read."""
        model = self._optimised_model()
        try:
            network = None if model is None else Network(model)
        except (RetrographError, ValueError):
            return None
        if network is None:
            return None
        return Activations(network, self.plain.feeds, threads=self.plain.threads)

    def _optimised_model(self) -> Model | None:
        """The file as ONNX Runtime writes it once it is optimised; None where it cannot be read."""
        try:
            with TemporaryDirectory(prefix="retrograph-", ignore_cleanup_errors=True) as folder:
                file = Path(folder, "optimised.onnx")
                with runnable(self.network.model.proto) as (source, weights, needed):
                    write_optimized(source, file, None, weights, needed, _PORTABLE)
                return Model(file)
        except (RetrographError, ValueError):
            return None


def file_outputs(model: Model, run: Activations, way: Way) -> dict[str, Array]:
    """The outputs of a file in a way, by name, as float32; of numbers and yes or no alone.

    Raises:
        InputError: it cannot be run so, or its outputs hold no numbers.
    """
    session = way.session(model.proto, run.threads)
    runs = [session.run(feeds) for feeds in run.feeds]
    names = [n for n, value in runs[0].items() if getattr(value, "dtype", None) is not None]
    numeric = [
        n for n in names if runs[0][n].dtype.kind in "fiub" or runs[0][n].dtype.itemsize == 2
    ]
    if not numeric:
        raise InputError(f"{model.name}: its outputs hold no numbers that could be compared")
    return {
        name: np.concatenate([np.atleast_1d(each[name]).astype(np.float32) for each in runs])
        for name in numeric
    }


def _is_finite(values: Array) -> bool:
    return bool(np.isfinite(values).all())
