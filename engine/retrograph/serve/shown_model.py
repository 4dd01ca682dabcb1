"""A model that a page shows: what is ready of it, by what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from PIL import Image

from retrograph.benchmarks.work import multiply_adds
from retrograph.errors import InputError, RetrographError
from retrograph.inputs import InputKind, PreprocessingChoice, choose_kind
from retrograph.inputs.loader import Batch
from retrograph.methods import METHODS, describe
from retrograph.model import Source, opened
from retrograph.outline import Outline, outline
from retrograph.pipeline.activations import Activations, LayerForward
from retrograph.pipeline.cache import Cache, SessionCache
from retrograph.pipeline.known_preprocessing import choice_for, with_alphabet
from retrograph.pipeline.session import ExplainSession
from retrograph.pipeline.together import ReadInput
from retrograph.render import STYLES
from retrograph.results.attribution import Attribution
from retrograph.runtime import Array
from retrograph.sanity_checks import Sanity, sanity
from retrograph.scans import Scan
from retrograph.serve.inputs import PageInput
from retrograph.serving.hosted import Hosted, Setup
from retrograph.serving.limits import Limits
from retrograph.serving.questions import Ask

_QUICK: Final = 20 * 10**9
"""The multiply-adds of a model that runs quickly."""
_RUNNERS: Final = 2
_BATCHES: Final = 12
"""Inputs that stay read."""
_ANSWERS: Final = 8
"""Attributions that stay, for their other forms: numbers, map, figure."""
_FORWARDS: Final = 6
"""Layers whose forward pass stays ready."""
_DRAWN: Final = 16
"""Sheets of patches, and sanity checks, that stay."""
_MAPS: Final = 8
"""Layers of an input whose activations stay."""


class ShownModel:
    """A model that a page shows; any thread may ask it.

    Args:
        name: what it is called.
        source: a source model, or a built graph.
        setup: how it is explained.
        limits: of what is taken.
        sessions: keep its graphs ready.

    Attributes:
        name: what it is called.
        hosted: it, as a service explains it.
        model: it, read.
        pool: its own threads: a model whose runs are slow keeps no other one waiting.

    Raises:
        InputError: the file cannot be read, or labels or preprocessing do not go with it.
    """

    def __init__(
        self, name: str, source: Source, setup: Setup, limits: Limits, sessions: SessionCache
    ) -> None:
        self.name, self.model = name, opened(source)
        self.hosted = Hosted(name, self.model, setup, limits, sessions)
        self.pool = ThreadPoolExecutor(_RUNNERS, f"retrograph-{name}")
        self._setup = setup
        self._batches, self._answers = Cache(_BATCHES), Cache(_ANSWERS)
        self._forwards, self._maps = Cache(_FORWARDS), Cache(_MAPS)
        self._drawn = Cache(_DRAWN)

    def kind_for(self, paths: Sequence[str]) -> InputKind | None:
        """What its explained input is; None where it has none, or several.

        Args:
            paths: of inputs, which tell whether it takes letters.
        """
        names = [tensor.name for tensor in self.model.inputs]
        if len(names) != 1:
            return None
        settings = self.hosted.settings(Ask.of_nothing())
        with self.model.lock:
            settings = with_alphabet(self.model, settings, names[0], paths)
            choice = choice_for(self.model, settings, names[0])
            reading = settings.reading
            kind, _ = choose_kind(
                self.model, names[0], choice, reading.alphabet, reading.sample_rate
            )
        return kind

    def refusal(self, shown: PageInput) -> InputError | None:
        """Why the model cannot take an input; None where it can, or where nothing tells."""
        try:
            kind = self.kind_for(self.hosted.examples or [str(shown.path)])
            signature = None if kind else self.usual_session(Ask.of_nothing()).signature
        except RetrographError:
            return None
        try:
            if kind:
                shown.item(kind)
            elif signature:
                shown.batch(signature)
        except InputError as error:
            return error
        return None

    def learn_from(self, examples: Sequence[str]) -> None:
        """As `Hosted.learn_from`; nothing is tried where that would take minutes."""
        if self._is_quick:
            self.hosted.learn_from(examples)

    @cached_property
    def _is_quick(self) -> bool:
        """Whether a run takes a second or less; that of a graph of open sizes is taken for it."""
        with self.model.lock:
            try:
                work = multiply_adds(self.model.graph, self.model.target(None), 1)
            except InputError:
                return True
        return work is None or work <= _QUICK

    @cached_property
    def outline(self) -> Outline:
        """It, as it is drawn."""
        with self.model.lock:
            return outline(self.model.graph, self.model.layers())

    @cached_property
    def record(self) -> dict[str, Any]:
        """What is to be known of it before anything is asked."""
        record = self.hosted.record
        methods = [
            {"name": name, "words": describe(METHODS[name]).summary} for name in record["methods"]
        ]
        return {
            **record,
            "layers": self.hosted.layers,
            "kind": next((each["kind"] for each in record["inputs"] if each["kind"]), "array"),
            "methods": methods,
            "styles": [*STYLES],
        }

    def attribution(self, ask: Ask, shown: PageInput) -> Attribution:
        """What is asked of an input; remembered for a while.

        Raises:
            RetrographError: it cannot be read, or explained.
        """
        key = replace(ask, model=None, style=None, format="json"), shown.id
        attribution: Attribution = self._answers.get(key, lambda: self.read(ask, shown).explain())
        return attribution

    def read(self, ask: Ask, shown: PageInput) -> ReadInput:
        """An input, read for the session that answers.

        Raises:
            RetrographError: it cannot be read, or no graph can be built.
        """
        session = self.hosted.session(ask)
        return ReadInput(session, [self.batch(ask, session, shown)])

    def batch(self, ask: Ask, session: ExplainSession, shown: PageInput) -> Batch:
        """The run with an input; read once for all layers.

        Raises:
            InputError: it cannot be read, or does not fit the model.
        """
        signature = session.signature
        names = tuple(spec.name for spec in signature.specs)
        key = shown.id, signature.kind, signature.explained.name, names, signature.batch
        batch: Batch = self._batches.get(key, lambda: shown.batch(signature))
        return batch

    def activations(self, ask: Ask, shown: PageInput) -> Activations:
        """What the asked layer computes for an input; remembered for a while.

        Raises:
            RetrographError: there is no such layer, or the input cannot be read.
        """
        key = ask.question.layer, ask.preprocessing, shown.id

        def make() -> Activations:
            forward = self.forward(ask.question.layer)
            return forward.run(self.batch(ask, self.usual_session(ask), shown).feeds)

        activations: Activations = self._maps.get(key, make)
        return activations

    def forward(self, layer: str | None) -> LayerForward:
        """The forward pass to a layer, ready to run.

        Raises:
            InputError: there is no such layer.
        """
        running = self._setup.running

        def make() -> LayerForward:
            with self.model.lock:
                return LayerForward(self.model, layer, running.device, running.threads)

        forward: LayerForward = self._forwards.get(layer, make)
        return forward

    def usual_session(self, ask: Ask) -> ExplainSession:
        """The session that reads inputs: of the usual question, by the asked preprocessing.

        Raises:
            RetrographError: no graph can be built for it.
        """
        return self.hosted.session(replace(Ask.of_nothing(), preprocessing=ask.preprocessing))

    def patches(self, scan: Scan, layer: str, channel: int) -> Image.Image:
        """The strongest patches of a scanned channel with their maps; remembered for a while.

        Raises:
            RetrographError: no picture is there any more, or the method cannot treat the model.
        """
        running = self._setup.running

        def make() -> Image.Image:
            patches = scan.patches(
                [layer],
                [channel],
                model=self.model,
                device=running.device,
                threads=running.threads,
            )
            return patches.image()

        drawn: Image.Image = self._drawn.get((str(scan.path), layer, channel), make)
        return drawn

    def sanity(self, ask: Ask, shown: PageInput) -> Sanity:
        """The sanity checks of what is asked; remembered for a while.

        Raises:
            RetrographError: they cannot be made; of a box or a region there are none.
        """
        question = ask.question
        if not question.aim.is_open:
            raise InputError(f"checks are made of a unit; leave {question.aim.asked} out")
        preprocessing = {} if ask.preprocessing is None else {"preprocessing": ask.preprocessing}

        def make() -> Sanity:
            return sanity(
                self.model,
                [self._value(ask, shown)],
                method=question.method or self.usual_method(ask),
                layer=question.layer,
                unit=question.unit,
                wrt=question.wrt if isinstance(question.wrt, str) else None,
                **self.scan_keywords | preprocessing,
            )

        checked: Sanity = self._drawn.get((replace(ask, style=None), shown.id, "sanity"), make)
        return checked

    def _value(self, ask: Ask, shown: PageInput) -> str | Array:
        """An input as functions take it: a picture's file, else the array that the model takes."""
        if shown.picture_size is not None:
            return str(shown.path)
        return self.batch(ask, self.usual_session(ask), shown).items[0].array

    @property
    def scan_keywords(self) -> dict[str, Any]:
        """How it is scanned, as keywords of `scan`."""
        setup = self._setup
        return {
            "labels": setup.labels,
            "alphabet": setup.alphabet,
            "sample_rate": setup.sample_rate,
            "preprocessing": setup.preprocessing,
            "device": setup.running.device,
            "threads": setup.running.threads,
        }

    def synthesis_keywords(self, choice: PreprocessingChoice | None) -> dict[str, Any]:
        """How inputs are made for it, as keywords of `maximize`.

        Args:
            choice: how the page's pictures become the input; None where it takes none.
        """
        taken = {name: self.scan_keywords[name] for name in ("labels", "device", "threads")}
        return {**taken, "preprocessing": None if choice is None else choice.recipe}

    def usual_method(self, ask: Ask) -> str:
        """The method by which a layer is explained if none is asked for."""
        asked = replace(ask, question=replace(ask.question, method=None))
        return self.hosted.session(asked).context.methods[0]

    def close(self) -> None:
        """End its threads; what waits is dropped."""
        self.pool.shutdown(wait=False, cancel_futures=True)
