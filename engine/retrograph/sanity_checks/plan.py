"""The sanity checks of a model on inputs of every kind: opened, read, run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs import Reader
from retrograph.inputs.loader import as_list, load_items
from retrograph.inputs.single_input import OneInput
from retrograph.keywords import check_counts, checked_keywords
from retrograph.methods import Method
from retrograph.methods.chosen import MethodChoice
from retrograph.model import Model, Source
from retrograph.pipeline.labels import Labels
from retrograph.pipeline.opening import open_units
from retrograph.pipeline.session import ExplainSession
from retrograph.pipeline.settings import ExplainSettings, Question, Reading, Running
from retrograph.pipeline.units import Unit
from retrograph.preprocess import BadInput, Item, Preprocessing
from retrograph.runtime import Array
from retrograph.sanity_checks.extra import check_installed
from retrograph.sanity_checks.faithfulness_curves import Rank, delete_and_insert
from retrograph.sanity_checks.findings import Findings
from retrograph.sanity_checks.layer_randomisation import Order, randomise
from retrograph.sanity_checks.logit import other_classes
from retrograph.sanity_checks.result import Sanity
from retrograph.sanity_checks.subject import DEFAULT_METHODS, Subject

CHECKS = ("randomisation", "logit", "faithfulness")
"""The names of the checks."""

Inputs: TypeAlias = OneInput | Sequence[OneInput]
"""A path, a picture of Pillow or an array, with or without a batch axis; or several."""


@dataclass(frozen=True)
class CheckSettings:
    """Which checks are made, and how.

    Attributes:
        checks: names of `CHECKS`, in a text with commas.
        order, stages: as in `randomisation`.
        draws: as in `random_logit`.
        steps, baseline, rank: as in `faithfulness`.
        seed: of everything that is drawn.
    """

    checks: Sequence[str] = CHECKS
    order: Order = "cascading"
    stages: int = 8
    draws: int = 5
    steps: int = 20
    baseline: float | None = None
    rank: Rank = "magnitude"
    seed: int = 0

    def __post_init__(self) -> None:
        check_counts(stages=self.stages, draws=self.draws, steps=self.steps)
        if isinstance(self.checks, str):
            object.__setattr__(self, "checks", tuple(self.checks.split(",")))
        for name in self.checks:
            if name not in CHECKS:
                raise InputError(f"no check '{name}'; choose from {', '.join(CHECKS)}")


@dataclass(frozen=True)
class SanityPlan:
    """A model that is ready to be checked.

    Attributes:
        model: the source model.
        methods: those that are compared.
        layer: alias or tensor; the class scores if None.
        session: what the inputs are explained with.
        device, threads: as in `Explainer`.
    """

    model: Model
    methods: tuple[Method, ...]
    layer: str | None
    session: ExplainSession
    device: str
    threads: int | None

    def read(self, inputs: Inputs) -> Iterator[Item | BadInput]:
        """The inputs in order; what cannot be read as a BadInput."""
        reader = Reader(self.session.context.kind)
        rank = len(self.session.signature.explained.shape)
        for number, each in enumerate(_listed(inputs, rank)):
            if isinstance(each, (str, os.PathLike)):
                yield from load_items([os.fspath(each)], reader.kind)
            else:
                value = each if isinstance(each, Image.Image) else np.asarray(each)
                yield reader.from_memory(value, f"input {number}")

    def run(
        self, items: Sequence[Item], settings: CheckSettings, tell: Callable[[str], None]
    ) -> Sanity:
        """The checks on these inputs.

        Args:
            items: from `read`.
            settings: of the checks.
            tell: takes in words what is being done.

        Raises:
            InputError: there is no input, or a check cannot be made of this layer.
            UnsupportedError: the backward graph of a method cannot be built.
        """
        subject = Subject.of(
            self.model,
            [item.array for item in items],
            self.methods,
            self.layer,
            self.session.choice.index,
            self.device,
            self.threads,
        )
        findings = _findings(subject, settings, tell)
        return Sanity(self.session.context, tuple(i.name for i in items), subject, findings)


def plan_sanity(model: Source, explained: ExplainSettings, inputs: Inputs = ()) -> SanityPlan:
    """Build the graphs that the checks compare.

    Args:
        model: a path to an .onnx file of one input, or a model in memory.
        explained: what is explained, by which methods, and where that runs.
        inputs: what is going to be explained, on which presets are tried.

    Raises:
        InputError: there is no such method, layer, unit or input, the model is a built graph, or
            a library of the extra `sanity` is missing.
        UnsupportedError: the backward graph of a method cannot be built.
    """
    check_installed()
    question, running = explained.question, explained.running
    opened = model if isinstance(model, Model) else Model(model)
    opened.request(method="gradient", layer=question.layer, wrt=question.wrt)
    session = open_units(opened, explained, as_list(inputs))  # type: ignore[arg-type]
    methods = question.methods(DEFAULT_METHODS)
    return SanityPlan(
        opened,
        tuple(methods.values()),
        question.layer,
        session,
        running.device,
        running.threads,
    )


@checked_keywords
def sanity(
    model: Source,
    inputs: Inputs,
    *,
    method: MethodChoice = DEFAULT_METHODS,
    parameters: Sequence[str] = (),
    layer: str | None = None,
    unit: Unit | None = None,
    labels: Labels | None = None,
    alphabet: str | None = None,
    sample_rate: int | None = None,
    wrt: str | None = None,
    preprocessing: Preprocessing | str | None = None,
    device: str = "auto",
    threads: int | None = None,
    checks: Sequence[str] = CHECKS,
    order: Order = "cascading",
    stages: int = 8,
    draws: int = 5,
    steps: int = 20,
    baseline: float | None = None,
    rank: Rank = "magnitude",
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Sanity:
    """The published sanity checks of attribution methods.

    Args:
        model: a path to an .onnx file of one input, or a model in memory.
        inputs: paths of pictures, folders or arrays, pictures of Pillow, or arrays; one or
            several. Bytes (uint8) are a picture, floats the input as it is.
        method, parameters: as in `Question`.
        layer, unit, wrt, labels, preprocessing, alphabet, sample_rate, device,
            threads: in `SHARED`.
        checks, order, stages, draws, steps, baseline, rank, seed: as in `CheckSettings`.
        tell: takes in words what is being done.

    Returns:
        What each check finds of each method, as numbers, a plot and words.

    Raises:
        InputError: an input cannot be read, there is no such method, layer, unit or check, or a
            library of the extra `sanity` is missing.
        UnsupportedError: the backward graph of a method cannot be built.
    """
    settings = CheckSettings(checks, order, stages, draws, steps, baseline, rank, seed)
    question = Question(method=method, parameters=parameters, unit=unit, layer=layer, wrt=wrt)
    reading = Reading(labels, preprocessing, alphabet, sample_rate)
    explained = ExplainSettings(question, reading, Running(device, threads))
    plan = plan_sanity(model, explained, inputs)
    return plan.run([*_good(plan.read(inputs))], settings, tell or _quiet)


def _good(items: Iterable[Item | BadInput]) -> Iterator[Item]:
    """The same items; raises InputError at one that cannot be read."""
    for item in items:
        if isinstance(item, BadInput):
            raise item.error
        yield item


def _quiet(doing: str) -> None:
    """Tell nobody."""


def _listed(inputs: Inputs, rank: int) -> Iterable[OneInput]:
    """Several inputs one by one; an array [N, *item] of that rank by its rows."""
    if isinstance(inputs, (str, os.PathLike, Image.Image)):
        return [inputs]
    if isinstance(inputs, np.ndarray):
        rows: Array = inputs if inputs.ndim == rank else inputs[np.newaxis]
        return [*rows]
    return inputs  # type: ignore[return-value]


def _findings(subject: Subject, settings: CheckSettings, tell: Callable[[str], None]) -> Findings:
    randomisation = logit = faithfulness = None
    seed = settings.seed
    if "randomisation" in settings.checks:
        randomisation = randomise(subject, settings.order, settings.stages, seed, tell)
    if "logit" in settings.checks:
        logit = other_classes(subject, settings.draws, seed, tell)
    if "faithfulness" in settings.checks:
        faithfulness = delete_and_insert(
            subject, settings.steps, settings.baseline, settings.rank, seed, tell
        )
    return Findings(randomisation, logit, faithfulness)
