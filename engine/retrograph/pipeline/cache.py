"""The session cache: graphs that stay ready for the next call that explains."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from retrograph.blank import Blanks
from retrograph.errors import InputError
from retrograph.inputs import PreprocessingChoice
from retrograph.inputs.loader import Input, is_floats
from retrograph.model import Model, Source
from retrograph.pipeline.aim import ANYTHING
from retrograph.pipeline.completed_names import completed_names
from retrograph.pipeline.finder import Finder
from retrograph.pipeline.known_preprocessing import (
    choice_for,
    with_alphabet,
    with_preprocessing,
)
from retrograph.pipeline.labels import (
    ClassCounts,
    check_labels,
    class_counts,
    label_note,
    model_labels,
    named_labels,
)
from retrograph.pipeline.layer_facts import LayerFacts, choose_unit, layer_facts
from retrograph.pipeline.objective_opening import finder_for
from retrograph.pipeline.objective_session import ObjectiveSession
from retrograph.pipeline.opening import open_finding, open_for
from retrograph.pipeline.session import ExplainSession
from retrograph.pipeline.settings import ExplainSettings, Question
from retrograph.pipeline.several_units import several_units
from retrograph.preprocess.sequences import is_fasta
from retrograph.results.context import ExplainContext

T = TypeVar("T")

READY = 4
"""How many sessions stay ready; the one unused for longest gives way."""


class _File(NamedTuple):
    """A file as it is now."""

    path: Path
    size: int
    written: int


@dataclass(frozen=True)
class _Held:
    """A model in memory, as it is now: what it holds says whether it is the same."""

    digest: str
    model: Model = field(compare=False)


Key: TypeAlias = _File | _Held | Model


@dataclass(frozen=True)
class _Known:
    """What is remembered of a layer, so that the model need not be read again.

    Attributes:
        facts: of the layer.
        labels: the class names where none are given.
        label_note: what is to be known of these.
        counts: how many names its classes take; None where that is not known.
    """

    facts: LayerFacts
    labels: tuple[str, ...]
    label_note: str
    counts: ClassCounts | None


class _Opener:
    """A model that is read once for a call, if at all."""

    def __init__(self, source: Source) -> None:
        self.key: Key = _key(source)
        self.source: Source = source if isinstance(self.key, _File) else self.model

    @cached_property
    def model(self) -> Model:
        """The model."""
        match self.key:
            case _File():
                return Model(self.key.path)
            case _Held():
                return self.key.model
        return self.key

    def alone(self, make: Callable[[], T]) -> T:
        """What is made of the model while no other thread makes something of it."""
        with self.model.lock:
            return make()


class Cache:
    """The values made last, by what they are made of; any thread may ask for one.

    A value is made once, whoever asks for it meanwhile waits; other keys do not.

    Attributes:
        made: how many values were made so far.
    """

    def __init__(self, size: int) -> None:
        self.made = 0
        self._size = size
        self._lock = Lock()
        self._making: dict[Hashable, Lock] = {}
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of a key, made if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, Lock())
        with making:
            return self._made_once(key, make)

    def _made_once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._values:
                return self._values[key]
        try:
            value = make()
        finally:
            with self._lock:
                self._making.pop(key, None)
        with self._lock:
            self._values[key] = value
            self.made += 1
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values.clear()
            self.made = 0


class SessionCache:
    """Sessions that stay ready for the next call, and what is remembered of their models.

    Any thread may ask for one.

    Args:
        size: how many sessions stay ready; the one unused for longest gives way.

    Attributes:
        sessions: by what is asked.
    """

    def __init__(self, size: int = READY) -> None:
        self.sessions = Cache(size)
        self.known = Cache(size)
        self.finders = Cache(size)
        self.preprocessings = Cache(size)

    def open(
        self, source: Source, settings: ExplainSettings, inputs: Sequence[Input] = ()
    ) -> ExplainSession:
        """The session for what is asked of a model; it stays ready for the next call.

        A file that has changed is read again.

        Args:
            source: a path to an .onnx file, or a model in memory; one that is no `Model` is copied
                and digested by each call.
            settings: what is asked, all of it hashable but the labels; where it names no inputs,
                all are explained.
            inputs: what is explained. Where the settings do not say how pictures become the
                model's input, it is looked for on the first call with pictures, and once more on
                the first with several, and then remembered.

        Raises:
            InputError: what is asked is wrong: the file, the layer, the method, the unit.
            DeviceError: ONNX Runtime or the device is not there.
            UnsupportedError: the graph cannot be built.
        """
        opener, question = _Opener(source), settings.question
        known: _Known = self.known.get(
            (opener.key, question.layer, question.wrt),
            lambda: opener.alone(lambda: _learn(opener.model, settings)),
        )
        labels = known.labels
        if settings.reading.labels is not None:
            labels, where = named_labels(settings.reading.labels, known.counts)
            check_labels(labels, known.counts, where)
        note = known.label_note if settings.reading.labels is None else ""
        if any(map(_is_fasta_file, inputs)):
            settings = with_alphabet(opener.model, settings, known.facts.shown, inputs)
        settings = self._with_remembered(opener, settings, known.facts, inputs)
        finder = self._finder(opener, question, labels, known.facts)
        if finder is not None:
            finding = self._ready_objectives(opener, settings, labels, finder)
            return replace(finding, context=_told(finding, settings, note))
        choice = choose_unit(known.facts, question, labels)
        asked = replace(
            settings,
            question=replace(question, unit=None, wrt=known.facts.sources),
            reading=replace(settings.reading, labels=labels),
        )

        def make() -> ExplainSession:
            named = replace(asked, question=replace(asked.question, unit=question.unit))
            session = open_for(opener.model, named, labels, known.facts, choice)
            blanks = Blanks(opener.source, settings.running.threads)
            return replace(session, blanks=blanks, reference=None)

        session: ExplainSession = self.sessions.get(
            (opener.key, asked, choice.select), lambda: opener.alone(make)
        )
        return replace(session, choice=choice, context=_told(session, settings, note))

    def _with_remembered(
        self,
        opener: _Opener,
        settings: ExplainSettings,
        facts: LayerFacts,
        inputs: Sequence[Input],
    ) -> ExplainSettings:
        """The settings with the preprocessing that was chosen for the first pictures."""
        if settings.reading.known is not None:
            return with_preprocessing(settings, settings.reading.known)
        pictures = [each for each in inputs if not is_floats(each)]
        is_several = len(pictures) > 1 or any(map(_is_folder, pictures))
        key = opener.key, facts.shown, settings.reading.preprocessing, settings.reading.alphabet
        choice: PreprocessingChoice | None = self.preprocessings.get(
            (*key, bool(pictures), is_several),
            lambda: opener.alone(lambda: choice_for(opener.model, settings, facts.shown, pictures)),
        )
        return with_preprocessing(settings, choice)

    def _finder(
        self, opener: _Opener, question: Question, labels: tuple[str, ...], facts: LayerFacts
    ) -> Finder | None:
        """What finds the numbers that are asked for; of a layer and a unit that are named none."""
        is_named = question.unit not in (None, "top") and question.aim.is_open
        if is_named and several_units(question.unit, facts, labels) is None:
            return None
        key = (opener.key, replace(question, method=None, parameters=()), labels)
        finder: Finder | None = self.finders.get(
            key,
            lambda: opener.alone(lambda: finder_for(opener.model, question, labels, facts)),
        )
        return finder

    def _ready_objectives(
        self,
        opener: _Opener,
        settings: ExplainSettings,
        labels: tuple[str, ...],
        finder: Finder,
    ) -> ExplainSession:
        """The session that explains what a finder finds; its graphs serve other finders, too."""
        question = replace(settings.question, unit=None, top=1, aim=ANYTHING)
        reading = replace(settings.reading, labels=labels)
        asked = replace(settings, question=question, reading=reading)

        def make() -> ExplainSession:
            session = open_finding(opener.model, asked, labels, finder, open_for)
            return replace(session, blanks=Blanks(opener.source, settings.running.threads))

        session = self.sessions.get(
            (opener.key, asked, type(finder), finder.usual), lambda: opener.alone(make)
        )
        assert isinstance(session, ObjectiveSession)
        return replace(session, finder=finder)


READY_SESSIONS: Final = SessionCache()
"""Those of `explain`."""


def _told(session: ExplainSession, settings: ExplainSettings, note: str) -> ExplainContext:
    """What a session knows, with how preprocessing and class names of this call were chosen."""
    completed = completed_names(settings.question, session.context.labels)
    notes = tuple(filter(None, (note, *session.context.notes, *completed)))
    return replace(session.context, preprocessing=settings.reading.known, notes=notes)


def _is_fasta_file(value: Input) -> bool:
    return isinstance(value, (str, os.PathLike)) and is_fasta(Path(value))


def _is_folder(value: Input) -> bool:
    return isinstance(value, (str, os.PathLike)) and Path(value).is_dir()


def _learn(model: Model, settings: ExplainSettings) -> _Known:
    labels = model_labels(model)
    note = label_note(model, None, labels)
    return _Known(layer_facts(model, settings), labels, note, class_counts(model))


def _key(source: Source) -> Key:
    if isinstance(source, Model):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _file(source)
    model = Model(source)
    return _Held(model.sha256, model)


def _file(source: str | os.PathLike[str]) -> _File:
    path = Path(source).absolute()
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{source}: {error.strerror}; check the path") from None
    return _File(path, status.st_size, status.st_mtime_ns)
