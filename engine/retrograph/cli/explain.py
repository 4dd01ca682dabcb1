"""`retrograph explain`: pictures in, pictures beside their attributions out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from retrograph.api import Explainer
from retrograph.cli import results
from retrograph.cli.options import (
    add_command,
    add_preprocessing,
    chosen_preprocessing,
    console,
    methods,
    stored_preprocessing,
)
from retrograph.cli.results import Explanation, Scene
from retrograph.cli.units import Choice, parse_unit, read_labels
from retrograph.errors import InputError
from retrograph.model import Model
from retrograph.preprocess import (
    PRESETS,
    BadItem,
    Item,
    Preprocessing,
    count_inputs,
    infer_layout,
    iter_inputs,
)
from retrograph.runtime import Array

_EXAMPLES = """\
  retrograph explain net.onnx dog.jpg --preprocess imagenet --labels imagenet.txt
  retrograph explain net.onnx dog.jpg --method gradient,deconvnet,guided
  retrograph explain net.onnx dog.jpg --unit "golden retriever" --labels imagenet.txt
  retrograph explain net.onnx dog.jpg --layer relu3 --unit 17          channel 17, where it fires most
  retrograph explain net.onnx dog.jpg --layer relu3 --unit 17,4,5      the unit at row 4, column 5
  retrograph explain net.onnx photos/ --top 3 -o maps/                 a folder, three classes each
  retrograph explain net.onnx test.npz --layer relu3 --sheet 5x5 -o sheet.png
  retrograph explain net.guided.onnx dog.jpg                           a graph that build has made
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "explain", "what in a picture drives a unit?", _EXAMPLES)
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", help="pictures, folders, .npy, .npz, .csv"
    )
    parser.add_argument(
        "--method",
        metavar="NAME[,NAME]",
        help="gradient, deconvnet, guided (default); a column each",
    )
    parser.add_argument(
        "--layer", metavar="NAME", help="alias or tensor; the class scores if left out"
    )
    parser.add_argument(
        "--unit", default="top", metavar="UNIT", help="top (default), channel, index or class name"
    )
    parser.add_argument(
        "--top", type=_count, default=1, metavar="N", help="the N most active units"
    )
    parser.add_argument("--labels", metavar="FILE", help="class names, a line each")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda")
    parser.add_argument("--threads", type=_count, help="threads of the runtime")
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", metavar="PATH", help="a picture's name, or a folder")
    output.add_argument("--style", default="signed", choices=("signed", "heat", "overlay"))
    output.add_argument(
        "--sheet", type=_grid, metavar="RxC", help="one sheet of the strongest, such as 5x5"
    )
    output.add_argument("--npz", action="store_true", help="keep the arrays beside the pictures")
    output.add_argument("--force", action="store_true", help="replace files that exist")
    output.add_argument("--json", action="store_true", help="print what was explained as JSON")
    add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _grid(text: str) -> tuple[int, int]:
    rows, _, columns = text.lower().partition("x")
    return _count(rows), _count(columns)


@dataclass(frozen=True)
class _Session:
    """What the inputs are explained with: a built graph for each method, and the chosen unit."""

    explainers: dict[str, Explainer]
    choice: Choice
    top: int


def _run(args: argparse.Namespace) -> int:
    out = console(stderr=args.json)
    model = Model(args.model)
    preprocessing = _preprocessing(args, model, out)
    labels = _labels(args, model)
    session = _session(args, model, preprocessing, labels)
    scene = _scene(args, session, preprocessing, labels)
    results.announce(scene, out)
    found: list[Explanation] = []
    bad = 0
    items = iter_inputs(args.inputs, scene.shape, preprocessing)
    for item in _with_progress(items, args.inputs, out):
        try:
            if isinstance(item, BadItem):
                raise item.error
            explanation = _explain(session, item)
        except InputError as error:
            print(f"retrograph: {error}", file=sys.stderr)
            bad += 1
            continue
        if args.sheet is None:
            explanation = results.write(explanation, scene, args)
            results.report(explanation, scene, out)
        found = results.keep(found, explanation, args.sheet)
    if not found:
        return 2
    if args.sheet is not None:
        results.write_sheet(found, scene, args, out)
    if args.json:
        print(results.as_json(found, scene))
    return 2 if bad else 0


def _preprocessing(args: argparse.Namespace, model: Model, out: Console) -> Preprocessing:
    """What the options say, or the file, or 0-1."""
    shape = model.tensor(_first_input(model)).shape or ()
    chosen = chosen_preprocessing(args) or stored_preprocessing(model)
    if chosen is None:
        chosen = PRESETS["0-1"]
        if len(shape) == 4:
            out.print("note: no --preprocess given and none stored: pictures are scaled to 0-1")
    try:
        infer_layout(shape)
    except InputError:
        return chosen
    return chosen.for_shape(shape)


def _first_input(model: Model) -> str:
    if model.contract is not None:
        return model.contract.explained[0]
    if not model.inputs:
        raise InputError("the model has no floating-point input, so there is no gradient")
    return model.inputs[0].name


def _session(
    args: argparse.Namespace, model: Model, preprocessing: Preprocessing, labels: Sequence[str]
) -> _Session:
    if model.contract is not None:
        return _built_session(args, model, labels)
    target = model.target(args.layer)
    shape = tuple(d if isinstance(d, int) else None for d in (model.tensor(target).shape or ())[1:])
    choice = parse_unit(args.unit, shape or (1,), labels, args.layer or model.alias(target))
    if args.top > 1 and choice.select != "top":
        raise InputError("--top N explains the N most active units: leave --unit out")
    explainers = {
        name: Explainer(
            model,
            method=name,
            target=target,
            select=choice.select,
            many=args.top > 1,
            wrt=_first_input(model),
            preprocessing=preprocessing,
            device=args.device,
            threads=args.threads,
        )
        for name in methods(args.method or "guided")
    }
    return _Session(explainers, choice, args.top)


def _built_session(args: argparse.Namespace, model: Model, labels: Sequence[str]) -> _Session:
    """With a graph that is built already: it answers for what it was built for, and no more."""
    contract = model.contract
    assert contract is not None
    if contract.select == "cotangent":
        raise InputError(
            "the graph was built for select 'cotangent', which only a program can give"
        )
    explainer = Explainer(
        model, method=args.method, target=args.layer, device=args.device, threads=args.threads
    )
    choice = parse_unit(args.unit, contract.shape, labels, contract.alias)
    if choice.select != contract.select:
        raise InputError(
            f"the graph was built for select '{contract.select}' and --unit {args.unit} is a "
            f"'{choice.select}'; give --unit accordingly, or build another"
        )
    if contract.many != (args.top > 1):
        raise InputError(
            "the graph was built for many units: give --top N"
            if contract.many
            else "--top N needs a graph that was built with --many"
        )
    return _Session({contract.method: explainer}, choice, args.top)


def _labels(args: argparse.Namespace, model: Model) -> tuple[str, ...]:
    if args.labels:
        return read_labels(args.labels)
    return model.contract.labels if model.contract is not None else model.labels


def _scene(
    args: argparse.Namespace,
    session: _Session,
    preprocessing: Preprocessing,
    labels: tuple[str, ...],
) -> Scene:
    explainer = next(iter(session.explainers.values()))
    return Scene(
        contract=explainer.contract,
        shape=explainer.inputs[0].shape,
        preprocessing=preprocessing,
        labels=labels,
        methods=tuple(session.explainers),
        device=explainer.device,
        style=args.style,
    )


def _explain(session: _Session, item: Item) -> Explanation:
    """One input, by every method."""
    explainers = session.explainers
    first = next(iter(explainers.values()))
    select = session.top if session.top > 1 else session.choice.index
    found = {
        name: explainer.attribute(item.array[None], select)
        for name, explainer in explainers.items()
    }
    lead = found[next(iter(found))]
    many = first.contract.many
    return Explanation(
        name=item.name,
        shown=item.shown,
        array=item.array,
        label=item.label,
        attributions={k: v.attribution[0] if many else v.attribution for k, v in found.items()},
        scores=lead.score.reshape(-1),
        units=lead.unit.reshape(-1, lead.unit.shape[-1]),
        classes=_class_scores(lead.outputs),
    )


def _class_scores(outputs: Mapping[str, Any]) -> Array | None:
    """The model's class scores [classes], if its first output looks like them."""
    value: Array | None = next(iter(outputs.values()), None)
    if not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, np.floating):
        return None
    if value.ndim < 2 or value[0].size != value.shape[1] or value.shape[1] < 2:
        return None
    scores: Array = value[0].reshape(-1).astype(np.float32)
    return scores


def _with_progress(
    items: Iterable[Item | BadItem], paths: Sequence[str], out: Console
) -> Iterator[Item | BadItem]:
    """The same, with a bar on a terminal."""
    columns = (
        TextColumn("explaining"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    hidden = not out.is_terminal
    with Progress(*columns, console=out, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=count_inputs(paths))
        for item in items:
            yield item
            progress.advance(task)
