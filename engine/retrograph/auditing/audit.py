"""`retrograph.audit`: two files on the same inputs, one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import axis_orders, item_shape
from retrograph.auditing.cases import region_case
from retrograph.auditing.chains import chain_of
from retrograph.auditing.clipping import clipping_sentence
from retrograph.auditing.comparison import Comparison, compare_networks
from retrograph.auditing.diagnosis import Difference, diagnose
from retrograph.auditing.feeding import AuditInputs, read_inputs
from retrograph.auditing.maps import MapPair, map_pairs, target_pair
from retrograph.auditing.network import Network
from retrograph.auditing.noise import tolerances
from retrograph.auditing.other_weights import OtherWeights, lesser_precision, other_weights
from retrograph.auditing.output_notes import broken_output, lonely_outputs, other_sizes
from retrograph.auditing.outputs import pair_outputs, worst
from retrograph.auditing.pairing import Pair, in_order
from retrograph.auditing.precision import (
    FLOAT32,
    LayerError,
    Precision,
    layer_errors,
)
from retrograph.auditing.preparation import Prepared, other_preparation, parts_at_inputs
from retrograph.auditing.regions import is_local
from retrograph.auditing.repair import Step, find_regions
from retrograph.auditing.reported import check_layers, reported
from retrograph.auditing.result import Audit, Finding
from retrograph.auditing.running import outputs_of
from retrograph.auditing.sentence import (
    another_sentence,
    equal_sentence,
    parted_sentence,
    placed_sentence,
    precision_sentence,
)
from retrograph.auditing.table_rows import TensorRow, TwoNetworks
from retrograph.auditing.told import Part, quiet
from retrograph.auditing.verdicts import Facts, verdict_of
from retrograph.errors import InputError, RetrographError, parameter
from retrograph.inputs.loader import Input, Progress, as_list
from retrograph.keywords import check_counts, checked_keywords
from retrograph.methods import method_named
from retrograph.model import Source, opened
from retrograph.pipeline.labels import model_labels
from retrograph.preprocess import Preprocessing

_INSTEAD = "gradient"
"""The method of the maps where the one that is asked for cannot be, as without any ReLU."""


@checked_keywords
def audit(
    a: Source,
    b: Source,
    inputs: Input | Iterable[Input] = (),
    *,
    method: str | None = "guided",
    preprocessing: Preprocessing | str | None = None,
    preprocessing_b: Preprocessing | str | None = None,
    tolerance: float | None = None,
    layers: str = "all",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Whether two files still compute the same and look at the same things, where they part, why.

    Both are run on the inputs, and tensors that are numerically equal under some order of axes are
    paired. The difference begins at the first nodes without partners; A's tensor put in the place
    of B's proves it.

    Args:
        a: the reference: a path to an .onnx file, or a model in memory.
        b: the file that is audited.
        inputs: pictures, folders, arrays as A takes them; for models of several inputs an array
            for each by its name. Noise if there are none.
        method: of the maps that are compared; None for no maps.
        preprocessing: how pictures become A's input.
        preprocessing_b: the same of B, where it differs. Of a preset pictures are resized and
            cropped as for A.
        tolerance: up to which relative error tensors are equal; if None 3e-5, or 20 times the
            effect of the input's last bit on a tensor where that is more.
        layers: the layers whose errors are told where the files differ: all, or relu for the
            activations alone, each from the one before.
        threads: of the runtime.
        progress: takes how many hundredths are done, and 100.

    Raises:
        InputError: a file or an input cannot be read, or the files' inputs cannot be matched.
        UnsupportedError: a file has operators that have no canonical form, or cannot be run.
    """
    check_counts(threads=threads)
    check_layers(layers)
    if tolerance is not None and not tolerance >= 0:
        raise InputError(f"{parameter('tolerance')} is {tolerance!r}; give a number from 0")
    if method is not None:
        method = method_named(method).name
    models = opened(a), opened(b)
    networks = Network(models[0]), Network(models[1])
    given = read_inputs(*models, as_list(inputs), preprocessing, preprocessing_b)
    run = (
        Activations(networks[0], given.a, threads=threads),
        Activations(networks[1], given.b, threads=threads),
    )
    auditor = _Auditor(*run, given, method, tolerance, layers, Part(progress or quiet))
    return auditor.audit()


def _label(network: Network, tensors: Sequence[str], end: str) -> str:
    """Where a region begins, as people name it."""
    return network.label(tensors[0]) if tensors else f"right behind {network.label(end)}"


def _fit(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two tensors of these shapes may be the same numbers."""
    return bool(axis_orders(item_shape(a), item_shape(b)))


@dataclass(frozen=True)
class _Auditor:
    """An audit that is under way.

    Attributes:
        a, b: what both files compute.
        inputs: what they are run on.
        method: of the maps; None for none.
        tolerance: as it was given.
        layers: which layers' errors are told: all, or relu.
        told: takes how far the audit is.
    """

    a: Activations
    b: Activations
    inputs: AuditInputs
    method: str | None
    tolerance: float | None
    layers: str
    told: Part

    def audit(self) -> Audit:
        """The verdict and what it rests on."""
        self.told(0, 1)
        ours, theirs = outputs_of(self.a), outputs_of(self.b)
        outputs = pair_outputs(self.a.network, self.b.network, ours, theirs)
        names = [*self.a.network.points, *self.a.network.outputs]
        tolerance = tolerances(self.a, names, self.tolerance, self.told.part(0, 20))
        told = self.told.part(20, 60)
        comparison = compare_networks(self.a, self.b, outputs, tolerance, told)
        precision = lesser_precision(self.a.network, self.b.network)
        low = precision is not FLOAT32 and not (comparison.outputs and comparison.agrees)
        prepared = None if low else self._preparation(comparison)
        steps = [] if low else self._steps(comparison, prepared, tolerance)
        findings = [self._finding(step) for step in steps]
        if prepared is not None and steps and steps[0].before is comparison:
            findings = [found for found in findings if found.causes]
        chain = self._chain(comparison, precision, steps) if low or prepared is None else []
        layers = self._layers(comparison, chain, precision)
        self.told(80, 100)
        for run in (self.a, self.b, *(step.after.b for step in steps)):
            run.forget()  # maps need the memory
        method, maps, notes = self._maps(comparison)
        weights = None if low or comparison.agrees else other_weights(self.a, self.b)
        facts = self._facts(comparison, precision, layers, findings, prepared, maps, weights)
        sentence = self._sentence(facts, comparison, layers, findings, prepared, weights)
        broken = f"{facts.broken}." if facts.broken else ""
        sentence = " ".join(filter(None, [broken, *other_sizes(comparison), sentence]))
        self.told(1, 1)
        return Audit(
            a=self.a.network.model.name,
            b=self.b.network.model.name,
            verdict=verdict_of(facts),
            sentence=sentence,
            precision=facts.precision,
            inputs=self.inputs.names,
            outputs=tuple(outputs),
            tolerance=comparison.output_tolerance,
            points=(len(self.a.network.points), len(self.b.network.points)),
            pairs=comparison.pairs,
            findings=tuple(findings),
            layers=tuple(layers),
            preparation=prepared.name if prepared is not None else "",
            method=method,
            maps=tuple(maps),
            rows=tuple(self._rows(comparison, chain, layers, findings)),
            names=(
                {each.a: self.a.network.name_in_file(each.a) for each in layers},
                {each.b: self.b.network.name_in_file(each.b) for each in layers},
            ),
            labels=model_labels(self.a.network.model),
            items=self.inputs.items,
            kind=self.inputs.kind,
            notes=(*self.inputs.notes, *lonely_outputs(comparison), *notes),
        )

    def _rows(
        self,
        comparison: Comparison,
        chain: Sequence[Pair],
        layers: Sequence[LayerError],
        findings: Sequence[Finding],
    ) -> list[TensorRow]:
        """The tensors of both files beside each other, the regions' marked."""
        regions = [found.region for found in findings]
        held_a = {t: i for i, r in enumerate(regions, 1) for t in r.a_tensors}
        held_b = {t: i for i, r in enumerate(regions, 1) for t in r.b_tensors}
        both = TwoNetworks(self.a.network, self.b.network, held_a, held_b)
        return both.rows(chain or comparison.pairs, layers)

    def _chain(
        self, comparison: Comparison, precision: Precision, steps: Sequence[Step]
    ) -> list[Pair]:
        """The tensors that stand for each other: equal ones once B is repaired, or alike ones."""
        if not comparison.outputs:
            return []
        if precision is not FLOAT32 and not comparison.agrees:
            outputs = [Pair(p.a, p.b, p.order, p.error) for p in comparison.outputs]
            prints = comparison.prints_a, comparison.prints_b
            return chain_of(self.a, self.b, *prints, outputs)
        if not steps:
            return []
        ends = [(step.region, step.region.order) for step in steps]
        put = [Pair(r.a_end, r.b_end, order, 0.0) for r, order in ends if order is not None]
        return in_order(self.a.network, self.b.network, [*steps[-1].after.pairs, *put])

    def _layers(
        self, comparison: Comparison, chain: Sequence[Pair], precision: Precision
    ) -> list[LayerError]:
        shapes = {name: each.shape for name, each in comparison.prints_b.items()}
        shapes |= {pair.b: self.b[pair.b].shape for pair in comparison.outputs}
        ours = {name: each.shape for name, each in comparison.prints_a.items()}
        ours |= {pair.a: self.a[pair.a].shape for pair in comparison.outputs}
        names = set(reported(self.a.network, self.layers)) & ours.keys()
        chosen = [p for p in chain if p.a in names and _fit(ours[p.a], shapes[p.b])]
        return layer_errors(self.a, self.b, chosen, shapes, precision, self.told.part(60, 80))

    def _preparation(self, comparison: Comparison) -> Prepared | None:
        """How B wants its inputs; None where it parts from A elsewhere, or not at all."""
        outputs, model = comparison.outputs, self.b.network.model
        if not outputs or comparison.agrees or comparison.resized:
            return None
        if not parts_at_inputs(comparison):
            return None
        return other_preparation(self.a, self.b, outputs, model.axes(model.inputs[0].name))

    def _steps(
        self, comparison: Comparison, prepared: Prepared | None, tolerance: dict[str, float]
    ) -> list[Step]:
        """The regions, with B's inputs as it wants them; where that leaves none, as they are."""
        if prepared is None:
            return [*find_regions(comparison)]
        b = Activations(self.b.network, prepared.feeds, threads=self.b.threads)
        theirs = b.values(b.network.outputs)
        ours = self.a.values(self.a.network.outputs)
        outputs = pair_outputs(self.a.network, b.network, ours, theirs)
        fitted = compare_networks(self.a, b, outputs, tolerance)
        return [*find_regions(fitted)] or [*find_regions(comparison)]

    def _finding(self, step: Step) -> Finding:
        region, before = step.region, step.before
        causes = diagnose(Difference.of(region, before.a, before.b, before.pairs))
        label_a = _label(self.a.network, region.a_tensors, region.a_end)
        label_b = _label(self.b.network, region.b_tensors, region.b_end)
        if causes and causes[0].b:
            label_b = self.b.network.label(causes[0].b)
            label_a = self.a.network.label(causes[0].a) if causes[0].a else label_b
        return Finding(region, label_a, label_b, causes, region_case(step))

    def _maps(self, comparison: Comparison) -> tuple[str, list[MapPair], list[str]]:
        """The method and the maps of both files, or a note why there are none."""
        notes: list[str] = []
        asked = [] if self.method is None or not comparison.outputs else [self.method, _INSTEAD]
        for method in dict.fromkeys(asked):
            try:
                target = target_pair(self.a, self.b, comparison.pairs, comparison.outputs)
                names, count = self.inputs.names, self.inputs.count
                maps = map_pairs(self.a, self.b, target, method, names, count)
            except RetrographError as error:
                first = error.message.splitlines()[0]
                notes.append(f"maps by {method} cannot be compared: {first}")
            else:
                return method, maps, notes
        return "", [], notes

    def _facts(
        self,
        comparison: Comparison,
        precision: Precision,
        layers: Sequence[LayerError],
        findings: Sequence[Finding],
        prepared: Prepared | None,
        maps: Sequence[MapPair],
        weights: OtherWeights | None,
    ) -> Facts:
        related = self._is_placed(comparison, findings, prepared)
        related |= precision is not FLOAT32 and bool(layers)
        related |= weights is not None and weights.corresponds
        return Facts(
            broken=broken_output(comparison),
            output_error=worst(comparison.outputs),
            agrees=bool(comparison.outputs) and comparison.agrees,
            precision="" if precision is FLOAT32 else precision.name,
            sound=bool(layers)
            and not comparison.resized
            and worst(comparison.outputs) <= precision.outputs
            and not any(layer.suspect for layer in layers),
            related=related,
            cosine=float(np.mean([m.cosine for m in maps])) if maps else None,
        )

    def _sentence(
        self,
        facts: Facts,
        comparison: Comparison,
        layers: Sequence[LayerError],
        findings: Sequence[Finding],
        prepared: Prepared | None,
        weights: OtherWeights | None,
    ) -> str:
        a = self.a.network
        points = len(a.points), len(self.b.network.points)
        count = len({pair.a for pair in comparison.pairs})
        if not comparison.outputs:
            return placed_sentence(a, findings if self._may_place(facts, findings) else ())
        if facts.agrees:
            return equal_sentence(facts, count, points, is_all=not [*lonely_outputs(comparison)])
        if facts.precision and not findings:
            suspects = [layer for layer in layers if layer.suspect]
            clipped = clipping_sentence(self.a, self.b, layers) if suspects else ""
            return " ".join(filter(None, [precision_sentence(a, layers, facts), clipped]))
        is_repaired = bool(findings) and findings[-1].region.repaired
        is_named = is_repaired or prepared is not None
        moved = weights is not None and weights.is_everywhere and not is_named
        if moved or not self._is_placed(comparison, findings, prepared):
            return another_sentence(points, count, weights)
        name = prepared.name if prepared is not None else ""
        return parted_sentence(a, findings, comparison.outputs, name)

    def _is_placed(
        self, comparison: Comparison, findings: Sequence[Finding], prepared: Prepared | None
    ) -> bool:
        """Whether inner tensors agree, or a repair or another input proves where they part."""
        inner = set(self.a.network.points) - set(self.a.network.outputs)
        has_pairs = any(pair.a in inner for pair in comparison.pairs)
        repaired = is_local(self.a.network, [found.region for found in findings])
        return has_pairs or repaired or prepared is not None

    def _may_place(self, facts: Facts, findings: Sequence[Finding]) -> bool:
        """Whether two files without a common output part at a place rather than everywhere."""
        ends = [(found.region.a_end, found.region.b_end) for found in findings]
        alike = (self.a.network.op(a) == self.b.network.op(b) for a, b in ends)
        return facts.related or any(alike)
