"""What inputs are explained with: a graph for each method, the unit, the preprocessing."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from retrograph.blank import Blanks
from retrograph.cli.options import chosen_preprocessing, methods
from retrograph.errors import DeviceError, InputError, RetrographError, UnsupportedError
from retrograph.explainer import Explainer
from retrograph.methods import Method
from retrograph.model import Model
from retrograph.pipeline.alphabet import choose_coding
from retrograph.pipeline.blanks import with_blanks
from retrograph.pipeline.loader import Job, Signature, job_of
from retrograph.pipeline.recipe import recipe_for, stored_preprocessing
from retrograph.pipeline.rows import explanations
from retrograph.pipeline.units import UnitChoice, parse_unit
from retrograph.preprocess import BadItem, InputAxes, Preprocessing
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation


@dataclass(frozen=True)
class Reference:
    """What explanations are held against that are less precise, or made where little is proved.

    Attributes:
        of: the precision or the device of the explanations.
        where: the reference, as in "in float32".
        open: makes it ready.
    """

    of: str
    where: str
    open: Callable[[], Session]


@dataclass(frozen=True)
class Session:
    """What the inputs are explained with.

    Attributes:
        explainers: a built graph for each method.
        axes: what the axes of the explained input count.
        choice: the unit.
        top: how many of the most active units.
        blanks: tells why attributions are 0 everywhere.
        batch: how many inputs a run is to take where the model leaves that open.
        apart: whether an input gives the same whatever the others of its batch are.
        reference: what the first explanation is held against; None where there is no need.
    """

    explainers: dict[str, Explainer]
    axes: InputAxes
    choice: UnitChoice
    top: int
    blanks: Blanks
    batch: int = 1
    apart: bool = True
    reference: Reference | None = None

    @property
    def lead(self) -> Explainer:
        """The first method's, for what all have in common."""
        return next(iter(self.explainers.values()))

    @property
    def signature(self) -> Signature:
        """What the graphs take."""
        specs, name = self.lead.inputs, self.lead.contract.explained[0]
        explained = next(spec for spec in specs if spec.name == name)
        return Signature(specs, explained, self.axes, self.batch, self.apart)

    def explained(self, job: Job) -> Iterator[Explanation | BadItem]:
        """The same as `explain`; inputs that cannot be run together are run one by one."""
        try:
            found = self.explain(job)
        except InputError as error:
            signature = self.signature
            if len(job.sources) == 1 or signature.fixed_batch or len(signature.specs) > 1:
                yield BadItem(job.sources[0].item.name, error)
                return
            for source in job.sources:
                yield from self.explained(job_of([source], signature))
        else:
            yield from found

    def explain(self, job: Job) -> list[Explanation]:
        """The explanations of a job's inputs; a single one where the layer has no batch axis.

        Raises:
            InputError: the graph cannot be run on them.
        """
        contract = self.lead.contract
        by_count = contract.many and contract.select == "top"
        select = self.top if by_count else self.choice.index
        found = {name: each.attribute(job.feeds, select) for name, each in self.explainers.items()}
        weights = self.blanks.nonfinite_weights
        made = explanations(job, found, contract, self.axes, weights)
        return [
            with_blanks(each, row, job.feeds, self.explainers, self.blanks)
            for row, each in enumerate(made)
        ]


def open_session(args: argparse.Namespace, model: Model, labels: Sequence[str]) -> Session:
    """Build what the options ask for, or take the graph that is built already.

    Raises:
        InputError: there is no such method, layer, unit or input.
        UnsupportedError: the graph cannot be built.
    """
    opened = _build if model.contract is None else _take
    session = opened(args, model, labels)
    if args.batch == 1:
        return session
    apart = model.keeps_rows_apart(session.lead.contract.target)
    return replace(session, batch=args.batch, apart=apart)


def _build(args: argparse.Namespace, model: Model, labels: Sequence[str]) -> Session:
    chosen = methods(args.method or "guided", args.param)
    choice, explainer = _question(args, model, labels)
    explainers = {name: explainer(method=method) for name, method in chosen.items()}
    return _opened(args, model, choice, explainer, explainers, chosen, args.precision)


def open_comparison(
    args: argparse.Namespace, model: Model, labels: Sequence[str]
) -> tuple[Session, dict[str, RetrographError]]:
    """A graph for each method that can be built for the model, and why the others cannot.

    Raises:
        InputError: there is no such method, parameter, layer, unit or input.
        RetrographError: no graph can be built; the reason of the first.
    """
    chosen = methods(args.method or "gradient,deconvnet,guided", args.param)
    choice, explainer = _question(args, model, labels)
    for method in chosen.values():
        model.request(method=method, layer=args.layer, wrt=args.wrt)
    explainers: dict[str, Explainer] = {}
    refused: dict[str, RetrographError] = {}
    for name, method in chosen.items():
        try:
            explainers[name] = explainer(method=method)
        except DeviceError:
            raise
        except (InputError, UnsupportedError) as error:
            refused[name] = error
    if not explainers:
        raise next(iter(refused.values()))
    return _opened(args, model, choice, explainer, explainers, chosen, args.precision), refused


def _opened(
    args: argparse.Namespace,
    model: Model,
    choice: UnitChoice,
    explainer: Callable[..., Explainer],
    explainers: dict[str, Explainer],
    chosen: Mapping[str, Method | None],
    precision: str | None,
) -> Session:
    """The session of these graphs, with its reference where they have one."""
    device = next(iter(explainers.values())).device
    less = precision not in (None, "float32")
    foreign = device not in ("cpu", "cuda")
    name = next(iter(explainers.values())).contract.explained[0]
    axes = model.axes(name)
    session = Session(explainers, axes, choice, args.top, Blanks(model, args.threads))
    if not (less or foreign):
        return session
    instead = {"precision": "float32"} if less else {}
    instead |= {"device": "cpu"} if foreign else {}

    def exact() -> Session:
        same = {name: explainer(method=chosen[name], **instead) for name in explainers}
        return replace(session, explainers=same)

    of = " on ".join([str(precision)] * less + [device] * foreign)
    where = " ".join(["in float32"] * less + ["on the CPU"] * foreign)
    return replace(session, reference=Reference(of, where, exact))


def _question(
    args: argparse.Namespace, model: Model, labels: Sequence[str]
) -> tuple[UnitChoice, Callable[..., Explainer]]:
    """The unit that is asked about, and what makes an explainer of it by a method."""
    request = model.request(method="gradient", layer=args.layer, wrt=args.wrt)
    report = model.check(request)
    alias = model.alias(request.target)
    choice = parse_unit(args.unit, report.item, labels, alias, report.channel_axis)
    _check_top(args.top, choice, report.item)
    return choice, partial(
        Explainer,
        model,
        layer=request.target,
        select=choice.select,
        many=args.top > 1,
        wrt=request.sources[:1],
        preprocessing=_picture_recipe(args, model.axes(request.sources[0]), model),
        device=args.device,
        threads=args.threads,
        precision=args.precision,
        straight_through=args.straight_through,
    )


def _picture_recipe(
    args: argparse.Namespace, axes: InputAxes, model: Model
) -> Preprocessing | None:
    """How pictures are preprocessed, where the input takes some and it is said how."""
    if axes.frame is None:
        return None
    return chosen_preprocessing(args) or stored_preprocessing(model)


def _take(args: argparse.Namespace, model: Model, labels: Sequence[str]) -> Session:
    """With a graph that is built already: it answers for what it was built for, and no more."""
    contract = model.contract
    assert contract is not None
    if contract.select == "cotangent":
        raise InputError(
            "the graph was built for select 'cotangent', which only a program can give; "
            "build another with --select top, channel or unit"
        )
    if args.param:
        raise InputError(
            "--param is for building, and the graph is built already; build another with it"
        )
    choice = parse_unit(args.unit, contract.shape, labels, contract.alias, contract.channel_axis)
    _check_top(args.top, choice, contract.shape)
    if choice.select != contract.select:
        raise InputError(
            f"the graph was built for select '{contract.select}' and --unit {args.unit} is a "
            f"'{choice.select}'; give --unit accordingly, or build another"
        )
    if args.top > 1 and not contract.many:
        raise InputError("--top N needs a graph that was built with --many; build another")
    explainer = partial(
        Explainer,
        model,
        layer=args.layer,
        wrt=args.wrt,
        device=args.device,
        threads=args.threads,
        precision=args.precision,
        straight_through=args.straight_through,
    )
    explainers = {contract.method: explainer(method=args.method)}
    chosen = {contract.method: args.method}
    precision = None if args.precision == contract.precision else args.precision
    return _opened(args, model, choice, explainer, explainers, chosen, precision)


def _check_top(top: int, choice: UnitChoice, item: Sequence[int | None]) -> None:
    if top > 1 and choice.select != "top":
        raise InputError("--top N explains the N most active units; leave --unit out")
    sizes = [size for size in item if size is not None]
    if len(sizes) == len(item) and top > math.prod(sizes):
        raise InputError(
            f"--top {top} is more than the layer's {math.prod(sizes)} units; give a smaller number"
        )


def set_context(
    args: argparse.Namespace,
    chosen: Preprocessing | None,
    model: Model,
    session: Session,
    labels: tuple[str, ...],
) -> tuple[ExplainContext, list[str]]:
    """What is the same for every input, and what is to be known of how inputs are read.

    Raises:
        InputError: the preprocessing or the alphabet does not go with the model's input.
    """
    coding, unlettered = choose_coding(model, session.signature.explained.shape, args.alphabet)
    recipe, note = recipe_for(chosen, model, session.signature)
    context = ExplainContext(
        axes=session.axes,
        contracts={name: each.contract for name, each in session.explainers.items()},
        preprocessing=recipe,
        labels=labels,
        device=session.lead.device,
        style=args.style,
        coding=coding,
    )
    return context, [note if coding is None else "", unlettered, session.signature.note]
