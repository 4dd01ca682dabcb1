"""A model that a service explains: its sessions, its inputs, what is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from retrograph.errors import InputError, RetrographError, Spelling, parameter, spelled
from retrograph.inputs.choice import choose_preprocessing, fitted_preprocessing
from retrograph.inputs.loader import Input
from retrograph.inputs.pixels import first_pixels
from retrograph.methods import METHODS
from retrograph.model import Model, Source, opened
from retrograph.pipeline.cache import SessionCache
from retrograph.pipeline.known_preprocessing import choice_for
from retrograph.pipeline.labels import Labels, model_labels
from retrograph.pipeline.session import ExplainSession
from retrograph.pipeline.settings import ExplainSettings, Reading, Running
from retrograph.pipeline.together import ReadInput, read_input
from retrograph.preprocess import Preprocessing
from retrograph.preprocess.opening import picture_size
from retrograph.preprocess.recipe import describe, known
from retrograph.results.notes import gather_notes
from retrograph.runtime import Spec
from retrograph.serving.limits import Limits
from retrograph.serving.questions import Ask
from retrograph.serving.refusals import Refused, error_record
from retrograph.serving.spelling import as_field, in_service

_BODY = "input[0]"

_EACH_BY_ITSELF = (
    "nothing says how pictures become the input, so presets are tried on each picture by itself, "
    f"and answers may differ in that; give {parameter('preprocessing', 'NAME')}, or "
    f"{parameter('examples', 'FOLDER')}"
)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How the models of a service are explained.

    Attributes:
        running: where graphs run.
        labels: the class names; those of the model's file if None.
        preprocessing: how pictures become the input; as the model's file or graph says if None.
        examples: pictures on which presets are tried where neither says it.
        batch: how many inputs a run takes at most.
        alphabet: the letters of a sequence's channels; as the model's file says if None.
        sample_rate: of a waveform, samples a second; as the model's file says if None.
        spelling: of parameters in what is told of a model.
    """

    running: Running
    labels: Labels | None = None
    preprocessing: Preprocessing | str | None = None
    examples: tuple[str, ...] = ()
    batch: int = 8
    alphabet: str | None = None
    sample_rate: int | None = None
    spelling: Spelling = as_field


class Hosted:
    """A model that a service explains, read once.

    Args:
        name: what requests call it.
        model: a source model, or a built graph.
        setup: how it is explained.
        limits: of what is taken.
        sessions: keep its graphs ready.

    Raises:
        InputError: the file cannot be read, or labels or preprocessing do not go with it.
    """

    def __init__(
        self, name: str, model: Source, setup: Setup, limits: Limits, sessions: SessionCache
    ) -> None:
        self.name = name
        self._model: Model = opened(model)
        self._setup, self._limits, self._sessions = setup, limits, sessions
        try:
            model_labels(self._model, setup.labels)
            for tensor in self._model.inputs[:1]:
                fitted_preprocessing(self._model, tensor.name, setup.preprocessing)
        except InputError as error:
            raise InputError(f"{name}: {error.message}") from None

    def check_examples(self) -> None:
        """Raises InputError where none of the examples is a picture for an input of pictures."""
        examples = self._setup.examples
        for tensor in self._model.inputs[:1]:
            axes = self._model.axes(tensor.name)
            if examples and axes.frame is not None and not first_pixels(examples, axes, 1):
                raise InputError(
                    f"{parameter('examples')} has no picture that can be read: {examples[0]}; "
                    "name files or folders of pictures"
                )

    @property
    def examples(self) -> tuple[str, ...]:
        """The inputs on which presets are tried."""
        return self._setup.examples

    def learn_from(self, examples: Sequence[str]) -> None:
        """Try presets on some inputs where nothing says the preprocessing and none were named."""
        if not self._setup.examples:
            self._setup = replace(self._setup, examples=tuple(examples))

    def warm(self) -> str:
        """Make ready what is explained if nothing is asked; why it cannot be, or ""."""
        try:
            self.session(self._first_ask())
        except RetrographError as error:
            return str(error)
        return ""

    def guess(self) -> str:
        """That presets are tried on each picture by itself, where that is so; else ""."""
        if self._setup.examples or self._setup.preprocessing is not None:
            return ""
        for tensor in self._model.inputs[:1]:
            choice = choose_preprocessing(self._model, tensor.name)
            if choice is not None and choice.source == "assumed":
                return spelled(_EACH_BY_ITSELF, in_service)
        return ""

    def _first_ask(self) -> Ask:
        """Nothing, but of a built graph that is told its unit some unit."""
        ask, contract = Ask.of_nothing(), self._model.contract
        if contract is None or contract.select not in ("channel", "unit"):
            return ask
        unit = ",".join("0" for _ in (contract.shape if contract.select == "unit" else (1,)))
        return replace(ask, question=replace(ask.question, unit=unit))

    def settings(self, ask: Ask) -> ExplainSettings:
        """What is asked, and how it is answered."""
        setup = self._setup
        preprocessing = ask.preprocessing or setup.preprocessing
        return ExplainSettings(
            ask.question,
            Reading(setup.labels, preprocessing, setup.alphabet, setup.sample_rate),
            setup.running,
            batch=setup.batch,
            outputs=ask.outputs,
        )

    def session(self, ask: Ask) -> ExplainSession:
        """The session that answers; made if it is not ready.

        Raises:
            InputError, UnsupportedError: what is asked is wrong, or no graph can be built for it.
        """
        return self._sessions.open(self._model, self.settings(ask), self._setup.examples)

    def read(self, ask: Ask, session: ExplainSession, x: Input) -> ReadInput:
        """An input, ready to run.

        Where nothing says how pictures become the input, presets are tried on this one, so that
        an answer does not depend on what was asked before.

        Raises:
            InputError: it cannot be read, or does not fit the model.
            Refused: it is too large.
        """
        _check_form(session, x)
        self._check_pixels(session, x)
        choice = session.context.preprocessing
        is_unknown = choice is not None and choice.source == "assumed"
        if is_unknown and not self._setup.examples and _has_pixels(x):
            session = self._probed(ask, session, x)
        read = read_input(session, x)
        self._check_values(read)
        return read

    def _probed(self, ask: Ask, session: ExplainSession, x: Input) -> ExplainSession:
        """The session under the preset that this picture shows to be right."""
        settings = self.settings(ask)
        with self._model.lock:
            choice = choice_for(self._model, settings, session.context.contract.shown, [x])
        reading = replace(settings.reading, known=choice)
        return self._sessions.open(self._model, replace(settings, reading=reading))

    def _check_pixels(self, session: ExplainSession, x: Input) -> None:
        """Raises Refused for a picture that is too large, before it is decoded."""
        for value in x.values() if isinstance(x, Mapping) else [x]:
            if not isinstance(value, bytes):
                continue
            axes = session.context.kind.axes
            is_open = any(known(axes.item[axis]) is None for axis in axes.spatial)
            most = min(self._limits.pixels, self._limits.values // 3 if is_open else 2**62)
            width, height = picture_size(_BODY, value)
            if width * height > most:
                raise Refused(
                    413,
                    f"the picture has {width} x {height} pixels, and at most {most} are taken; "
                    "scale it down",
                )

    def _check_values(self, read: ReadInput) -> None:
        """Raises Refused for an input that is too large, of those whose size the model leaves."""
        signature = read.session.signature
        if all(None not in map(known, spec.shape[1:]) for spec in signature.specs):
            return
        size = sum(feed.size for batch in read.batches for feed in batch.feeds.values())
        if size > self._limits.values:
            raise Refused(
                413,
                f"the input has {size} numbers, and at most {self._limits.values} are taken; "
                "scale it down",
            )

    @cached_property
    def layers(self) -> list[dict[str, Any]]:
        """Every tensor that can be explained."""
        with self._model.lock:
            try:
                target = self._model.target(None)
            except InputError:
                target = None
            return [layer.to_dict(target) for layer in self._model.layers()]

    @cached_property
    def record(self) -> dict[str, Any]:
        """What is to be known of the model; `default` is what is explained if nothing is asked."""
        contract = self._model.contract
        methods = [*METHODS] if contract is None else [contract.method]
        head: dict[str, Any] = {"name": self.name, "file": self._model.name}
        spelling = self._setup.spelling
        head |= {"sha256": self._model.sha256, "built": contract is not None, "methods": methods}
        try:
            session = self.session(Ask.of_nothing())
        except RetrographError as error:
            told = error_record(error, spelling)
            return {**head, "inputs": [], "labels": [], "default": told}
        context, shown = session.context, session.signature.explained.name
        choice = context.preprocessing
        return {
            **head,
            "inputs": [
                _input_record(spec, context.kind.name if spec.name == shown else None)
                for spec in session.lead.inputs
            ],
            "labels": [*context.labels],
            "default": {
                "layer": context.contract.alias,
                "tensor": context.contract.target,
                "shape": [*context.contract.shape],
                "method": context.contract.method,
                "select": context.contract.select,
                "question": session.question,
                "device": context.device,
                "preprocessing": None
                if choice is None
                else choice.to_dict(context.labels, spelling),
                "notes": [
                    spelled(text, spelling)
                    for text in (*map(str, gather_notes(context.contracts)), *session.notes)
                ],
            },
        }


def _check_form(session: ExplainSession, x: Input) -> None:
    """Raises InputError for a file, where the only input is nothing that a picture becomes."""
    axes, name = session.context.kind.axes, session.context.kind.name
    takes_files = axes.frame is not None or axes.takes_volumes or len(session.signature.specs) > 1
    if isinstance(x, bytes) and not takes_files:
        raise InputError(
            "the body is neither an .npy, an .npz nor JSON, and the model takes no pictures (its "
            f"input is of the kind {name}, {describe(axes.shape)}); send its numbers so"
        )


def _input_record(spec: Spec, kind: str | None) -> dict[str, Any]:
    """An input of a model, and what kind it is where it is the explained one."""
    dtype = None if spec.dtype is None else spec.dtype.name
    return {"name": spec.name, "dtype": dtype, "shape": [*spec.shape], "kind": kind}


def _has_pixels(x: Input) -> bool:
    """Whether an input is a picture, whose preprocessing matters."""
    return isinstance(x, bytes) or (isinstance(x, np.ndarray) and x.dtype == np.uint8)


def names_of(models: Source | Mapping[str, Source] | Sequence[Source]) -> dict[str, Source]:
    """Models by their names: those that are given, else of files.

    Raises:
        InputError: there is none, or two are called alike.
    """
    if isinstance(models, Mapping):
        named = dict(models)
    else:
        listed = models if isinstance(models, (list, tuple)) else [models]
        named = {}
        for source in map(opened, listed):
            name = source.name.removesuffix(".onnx")
            if name in named:
                raise InputError(f"two models are called '{name}'; give them by names of yours")
            named[name] = source
    if not named:
        raise InputError("there is no model; give at least one")
    return named


def named_files(texts: Sequence[str]) -> list[Source] | dict[str, Source]:
    """The models by the names that are given; files alone are called after themselves.

    Args:
        texts: a path each, or NAME=PATH each.

    Raises:
        InputError: some have a name and some none, or a name is given twice.
    """
    if not any("=" in text for text in texts):
        return [*texts]
    pairs = [text.partition("=")[::2] for text in texts]
    unnamed = next((name for name, path in pairs if not name or not path), None)
    if unnamed is not None:
        raise InputError(f"'{unnamed}' has no name; give NAME=NET.onnx for each, or for none")
    if len(dict(pairs)) < len(pairs):
        raise InputError("a name is given twice; give each model one of its own")
    return dict(pairs)
