"""Sessions opened: graphs built for what is asked, or a built graph taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from retrograph.blank import Blanks
from retrograph.contract import Contract
from retrograph.errors import DeviceError, InputError, RetrographError, UnsupportedError, parameter
from retrograph.explainer import Explainer
from retrograph.inputs import choose_kind
from retrograph.inputs.assumed_alphabet import ASSUMED_NOTE
from retrograph.inputs.choice import kinds_of
from retrograph.inputs.loader import Input
from retrograph.methods import Method
from retrograph.methods.chosen import MethodChoice
from retrograph.model import Model
from retrograph.pipeline.aim import ANYTHING
from retrograph.pipeline.completed_names import completed_names
from retrograph.pipeline.finder import Finder
from retrograph.pipeline.known_preprocessing import (
    choice_for,
    with_alphabet,
    with_preprocessing,
)
from retrograph.pipeline.labels import label_note, model_labels
from retrograph.pipeline.layer_facts import LayerFacts, choose_unit, layer_facts
from retrograph.pipeline.objective_opening import finder_for, open_objectives, output_notes
from retrograph.pipeline.session import ExplainSession, Reference
from retrograph.pipeline.settings import (
    COMPARED,
    USUAL,
    WITHOUT_RELU,
    ExplainSettings,
    Question,
)
from retrograph.pipeline.units import UnitChoice, how_to_name
from retrograph.results.context import ExplainContext
from retrograph.results.seen import seen_field


def open_session(
    model: Model, settings: ExplainSettings, inputs: Sequence[Input] = ()
) -> ExplainSession:
    """Build a graph for each method, or take the graph that is built already.

    What is explained is found in the outputs for each input where boxes, regions or channels are
    asked for, and where nothing is asked of a detector.

    Args:
        model: a source model, or a built graph.
        settings: what is asked.
        inputs: what is going to be explained, on which presets are tried where nothing says how
            pictures become the input.

    Raises:
        InputError: there is no such method, layer, unit or input, or what is asked does not go
            together.
        DeviceError: ONNX Runtime or the device is not there.
        UnsupportedError: a graph cannot be built.
    """
    labels, facts = _checked(model, settings)
    settings = _known(model, settings, facts, inputs)
    finder = finder_for(model, settings.question, labels, facts)
    if finder is not None:
        session = open_finding(model, settings, labels, finder, open_for)
        return _with_named(session, settings.question)
    choice = choose_unit(facts, settings.question, labels)
    session = _with_named(open_for(model, settings, labels, facts, choice), settings.question)
    notes = output_notes(model, settings.question, labels)
    return replace(session, input_notes=(*session.input_notes, *notes))


@contextmanager
def question_first(model: Model | str, settings: ExplainSettings) -> Iterator[None]:
    """Where the place of an answer is refused, what is wrong with the question comes first.

    Raises:
        RetrographError: of the question, if it has a mistake; else of the place.
    """
    try:
        yield
    except InputError:
        asked = model if isinstance(model, Model) else Model(model)
        labels, facts = _checked(asked, settings)
        if finder_for(asked, settings.question, labels, facts) is None:
            choose_unit(facts, settings.question, labels)
        raise


def open_units(
    model: Model, settings: ExplainSettings, inputs: Sequence[Input] = ()
) -> ExplainSession:
    """As `open_session`, of units by their indices alone: the most active one if none is named."""
    labels, facts = _checked(model, settings)
    settings = _known(model, settings, facts, inputs)
    return open_for(model, settings, labels, facts, choose_unit(facts, settings.question, labels))


def _known(
    model: Model, settings: ExplainSettings, facts: LayerFacts, inputs: Sequence[Input]
) -> ExplainSettings:
    settings = with_alphabet(model, settings, facts.shown, inputs)
    return with_preprocessing(settings, choice_for(model, settings, facts.shown, inputs))


def _checked(model: Model, settings: ExplainSettings) -> tuple[tuple[str, ...], LayerFacts]:
    """The class names and what is known of the layer, where the methods can be asked for."""
    labels = model_labels(model, settings.reading.labels)
    if model.contract is not None:
        _check_takes(model.contract, settings)
    else:
        settings.question.methods(USUAL)
    return labels, layer_facts(model, settings)


def open_finding(
    model: Model,
    settings: ExplainSettings,
    labels: tuple[str, ...],
    finder: Finder,
    open_layer: Callable[..., ExplainSession],
) -> ExplainSession:
    """The session that explains what a finder finds.

    Args:
        model, settings: as in `open_session`.
        labels: the class names.
        finder: of what is asked.
        open_layer: `open_for`, or what takes the same.
    """

    def at(layer: str, select: str, many: bool) -> ExplainSession:
        top = 1 + int(many)
        question = replace(settings.question, layer=layer, unit=None, top=top, aim=ANYTHING)
        asked = replace(settings, question=question)
        facts = layer_facts(model, asked)
        return open_layer(model, asked, labels, facts, UnitChoice(select, (0,) * len(facts.shape)))

    return open_objectives(finder, at, settings.running)


def open_for(
    model: Model,
    settings: ExplainSettings,
    labels: tuple[str, ...],
    facts: LayerFacts,
    choice: UnitChoice,
) -> ExplainSession:
    """The same, where the layer and the unit are known."""
    if model.contract is not None:
        return _take(model, model.contract, settings, labels, choice)
    named = settings.question.method
    methods = settings.question.methods(facts.usual)
    explainer = _maker(model, settings, facts, choice)
    explainers = {title: explainer(method=method) for title, method in methods.items()}
    session = _opened(model, settings, labels, choice, _Graphs(explainer, methods, explainers))
    if named is not None or facts.has_relu:
        return session
    context = replace(session.context, notes=(*session.context.notes, _NO_RELU))
    return replace(session, context=context)


_NO_RELU = (
    f"no {parameter('method')} is named, and there is no ReLU between the layer and the input: "
    f"explained by {WITHOUT_RELU}"
)


def open_comparison(
    model: Model, settings: ExplainSettings, inputs: Sequence[Input] = ()
) -> ExplainSession:
    """Build a graph for each method that can be built for the model; the others are left out.

    The arguments are those of `open_session`.

    Raises:
        InputError: there is no such method, parameter, layer, unit or input.
        RetrographError: no graph can be built; the reason of the first.
    """
    labels = model_labels(model, settings.reading.labels)
    methods = settings.question.methods(COMPARED)
    if model.contract is not None:
        model.request(method="gradient")  # raises: a built graph has one method
    facts = layer_facts(model, settings)
    settings = _known(model, settings, facts, inputs)
    for method in methods.values():
        model.request(method=method, layer=settings.question.layer, wrt=settings.question.wrt)
    finder = finder_for(model, settings.question, labels, facts)
    if finder is not None:
        session = open_finding(model, settings, labels, finder, _open_tolerant)
        return _with_named(session, settings.question)
    choice = choose_unit(facts, settings.question, labels)
    session = _open_tolerant(model, settings, labels, facts, choice)
    return _with_named(session, settings.question)


def _with_named(session: ExplainSession, question: Question) -> ExplainSession:
    """The session with a note for each class that was named by a part of its name."""
    context = session.context
    notes = (*context.notes, *completed_names(question, context.labels))
    return replace(session, context=replace(context, notes=notes))


def _open_tolerant(
    model: Model,
    settings: ExplainSettings,
    labels: tuple[str, ...],
    facts: LayerFacts,
    choice: UnitChoice,
) -> ExplainSession:
    """As `open_for`, without the methods that cannot be built.

    Raises:
        RetrographError: no graph can be built; the reason of the first.
    """
    methods = settings.question.methods(COMPARED)
    explainer = _maker(model, settings, facts, choice)
    explainers: dict[str, Explainer] = {}
    left_out: dict[str, RetrographError] = {}
    for title, method in methods.items():
        try:
            explainers[title] = explainer(method=method)
        except DeviceError:
            raise
        except (InputError, UnsupportedError) as error:
            left_out[title] = error
    if not explainers:
        raise next(iter(left_out.values()))
    session = _opened(model, settings, labels, choice, _Graphs(explainer, methods, explainers))
    return replace(session, left_out=left_out)


@dataclass(frozen=True)
class _Graphs:
    """What the graphs of a session are made by, and are.

    Attributes:
        explainer: makes one by a method, and possibly another device or precision.
        methods: by their titles; None for what the built graph has.
        explainers: by the same titles, those that could be made.
    """

    explainer: Callable[..., Explainer]
    methods: Mapping[str, Method | str | None]
    explainers: Mapping[str, Explainer]


def _maker(
    model: Model, settings: ExplainSettings, facts: LayerFacts, choice: UnitChoice
) -> Callable[..., Explainer]:
    """What makes an explainer of a source model by a method."""
    sources = facts.sources[:1] if settings.question.wrt is None else facts.sources
    takes_pictures = model.axes(sources[0]).frame is not None
    return partial(
        Explainer,
        model,
        layer=facts.target,
        select=choice.select,
        many=settings.question.top > 1,
        wrt=sources,
        preprocessing=settings.reading.preprocessing if takes_pictures else None,
        outputs=settings.outputs,
        **settings.running.keywords,
    )


def _check_takes(contract: Contract, settings: ExplainSettings) -> None:
    """Raises InputError where a built graph cannot be asked for that by a person."""
    if contract.select == "cotangent":
        raise InputError(
            "the graph was built for select 'cotangent', which only a program can give; "
            f"build another with {parameter('select')} top, channel or unit"
        )
    if settings.question.parameters:
        raise InputError(
            f"{parameter('parameters')} is for building, and the graph is built already; build "
            "another with it"
        )


def _take(
    model: Model,
    contract: Contract,
    settings: ExplainSettings,
    labels: tuple[str, ...],
    choice: UnitChoice,
) -> ExplainSession:
    """With a graph that is built already: it answers for what it was built for, and no more."""
    _check_takes(contract, settings)
    if choice.select != contract.select:
        raise InputError(
            f"the graph was built for select '{contract.select}' and "
            f"{parameter('unit', settings.question.unit or 'top')} is a '{choice.select}'; "
            f"{how_to_name(contract)}, or build another"
        )
    if settings.question.top > 1 and not contract.many:
        raise InputError(
            f"{parameter('top', 'N')} needs a graph that was built with {parameter('many', True)}; "
            "build another"
        )
    explainer = partial(
        Explainer,
        model,
        layer=settings.question.layer,
        wrt=settings.question.wrt,
        **settings.running.keywords,
    )
    method = _of_built(settings.question.method)
    explainers = {contract.method: explainer(method=method)}
    graphs = _Graphs(explainer, {contract.method: method}, explainers)
    if settings.running.precision == contract.precision:
        settings = replace(settings, running=replace(settings.running, precision=None))
    return _opened(model, settings, labels, choice, graphs)


def _of_built(method: MethodChoice | None) -> str | Method | None:
    """The method that is asked of a built graph, which has one."""
    if method is None or isinstance(method, (str, Method)):
        return method
    titles = [each.name if isinstance(each, Method) else each for each in method]
    return method[0] if len(titles) == 1 else ",".join(titles)


def _opened(
    model: Model,
    settings: ExplainSettings,
    labels: tuple[str, ...],
    choice: UnitChoice,
    graphs: _Graphs,
) -> ExplainSession:
    """The session of these graphs, with its reference where they have one."""
    lead = next(iter(graphs.explainers.values()))
    contract, reading = lead.contract, settings.reading
    known = reading.known or choice_for(model, settings, contract.shown)
    kind, notes = choose_kind(model, contract.shown, known, reading.alphabet, reading.sample_rate)
    letters = ASSUMED_NOTE if reading.is_alphabet_assumed else ""
    context = ExplainContext(
        field=seen_field(model, contract),
        contracts={title: each.contract for title, each in graphs.explainers.items()},
        kind=kind,
        labels=labels,
        device=lead.device,
        style=settings.style,
        preprocessing=known,
        notes=tuple(filter(None, [label_note(model, reading.labels, labels), letters])),
    )
    blanks = Blanks(model, settings.running.threads)
    session = ExplainSession(
        graphs.explainers, context, choice, blanks, top=settings.question.top, input_notes=notes
    )
    if len(lead.inputs) > 1:
        session = _of_several_inputs(session, model, settings)
    if settings.batch != 1:
        apart = model.keeps_rows_apart(lead.contract.target)
        session = replace(session, batch=settings.batch, apart=apart)
    return replace(session, reference=_reference(session, settings.running.precision, graphs))


def _of_several_inputs(
    session: ExplainSession, model: Model, settings: ExplainSettings
) -> ExplainSession:
    """The session of a model of several inputs, each of which may be read from a file."""
    reading = settings.reading
    kinds, notes = kinds_of(model, session.lead.inputs, reading.preprocessing, reading.sample_rate)
    shown = session.lead.contract.shown
    others = [name for name in kinds if name != shown]
    if settings.question.wrt is None and others:
        more = " or ".join(str(parameter("wrt", name)) for name in others)
        notes = (f"explained by input '{shown}' alone; {more} explains by another", *notes)
    context = replace(session.context, notes=(*session.context.notes, *notes), several_inputs=True)
    return replace(session, kinds=kinds, context=context)


def _reference(session: ExplainSession, precision: str | None, graphs: _Graphs) -> Reference | None:
    """What the session's explanations are held against; None where there is no need."""
    device = session.lead.device
    less = precision not in (None, "float32")
    foreign = device not in ("cpu", "cuda")
    if not (less or foreign):
        return None
    instead = {"precision": "float32"} if less else {}
    instead |= {"device": "cpu"} if foreign else {}

    def exact() -> ExplainSession:
        same = {
            title: graphs.explainer(method=graphs.methods[title], **instead)
            for title in graphs.explainers
        }
        return replace(session, explainers=same)

    of = " on ".join([str(precision)] * less + [device] * foreign)
    where = " ".join(["in float32"] * less + ["on the CPU"] * foreign)
    return Reference(of, where, exact)
