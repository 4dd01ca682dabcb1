"""`retrograph maximize`: the picture that a neuron would like best, dreams, and perturbations."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from retrograph.cli import options, outputs
from retrograph.cli.progress import progress_bar
from retrograph.cli.terminal import complain, console, count, grid, print_notes, visible
from retrograph.errors import InputError
from retrograph.model import SCORES, save
from retrograph.output import check_free, safe_name
from retrograph.pipeline.destination import Destination, Files
from retrograph.results.base import Result, json_text
from retrograph.results.unit_names import class_name
from retrograph.synthesis import (
    Maxima,
    Progress,
    Settings,
    SynthesisRequest,
    dream,
    maximize,
    perturb,
    picture_files,
    resolve,
)
from retrograph.synthesis.context import as_pictures
from retrograph.synthesis.slope import MEASURES, PLACES


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "maximize")
    options.add_layer(parser)
    parser.add_argument("--unit", nargs="+", metavar="UNIT", default=[])
    options.add_labels(parser)
    parser.add_argument("--measure", choices=MEASURES, default=MEASURES[0])
    parser.add_argument("--place", choices=PLACES, default=PLACES[0])
    parser.add_argument("--start", default="noise", metavar="START")
    parser.add_argument("--dream", metavar="PICTURE")
    parser.add_argument("--perturb", metavar="PICTURE")
    options.add_device(parser)
    options.add_threads(parser)
    _add_generator(parser)
    _add_ascent(parser)
    _add_output(parser)
    options.add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _add_generator(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("generator")
    group.add_argument("--generator", metavar="FILE")
    group.add_argument("--generator-range", type=_pair, metavar="LOW,HIGH")
    group.add_argument("--prior", type=float, metavar="W")
    group.add_argument("--joined", metavar="FILE")


def _add_ascent(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("ascent")
    options.add_seed(group)
    group.add_argument("--size", type=_size, metavar="HxW")
    group.add_argument("--bounds", type=_pair, metavar="LOW,HIGH")
    for name, usual in vars(Settings()).items():
        group.add_argument(f"--{name.replace('_', '-')}", type=type(usual), metavar="N")


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    outputs.add_destination(group, "the page's name, or a folder")
    group.add_argument("--pictures", metavar="FOLDER")
    group.add_argument("--strip", type=count, nargs="?", const=5, default=0, metavar="N")
    outputs.add_npz(group)
    outputs.add_writing(group)


def _run(args: argparse.Namespace) -> int:
    if args.dream and args.perturb:
        raise InputError("--dream and --perturb are two things; give one of them")
    if args.generator and (args.dream or args.perturb):
        raise InputError("--generator makes pictures of its own; leave --dream and --perturb out")
    if args.joined and not args.generator:
        raise InputError("--joined keeps a model joined with a generator; give --generator, too")
    request = resolve(
        args.model,
        args.unit,
        layer=args.layer,
        labels=args.labels,
        preprocessing=options.chosen_preprocessing(args),
        pictures=as_pictures(args.perturb or args.dream or args.start),
    )
    return _perturb(args, request) if args.perturb else _ascend(args, request)


def _perturb(args: argparse.Namespace, request: SynthesisRequest) -> int:
    layer, labels = request.context.layer, request.context.labels
    if layer != SCORES:
        raise InputError(f"--perturb is about classes; leave --layer {layer} out")
    if len(request.units) != 1:
        raise InputError("--perturb takes one class; give it as --unit 3 or by its name")
    name = f"{Path(args.perturb).stem}.{class_name(max(request.units[0]), labels)}.perturb.png"
    files = _files(args, safe_name(name), [args.perturb, args.model], arrays=args.npz)
    out = console(stderr=args.json)
    print_notes(out, request.context.notes)
    with progress_bar(out, "searching") as bar:
        perturbation = perturb(
            request.model,
            args.perturb,
            request.units[0],
            progress=bar.to,
            **_keywords(args, request),
        )
    perturbation.check_success()
    perturbation = replace(perturbation, file=files.picture)
    _save(perturbation, files, force=args.force)
    for line in perturbation.describe():
        out.print(f"  {visible(line)}", soft_wrap=True)
    _print_files([files.picture, files.arrays], out)
    if args.json:
        print(json_text(perturbation.to_dict()))
    return 0


def _ascend(args: argparse.Namespace, request: SynthesisRequest) -> int:
    kind = "dream" if args.dream else "maximize"
    request = request if args.dream else request.with_some_unit()
    context = request.context
    name = safe_name(f"{Path(args.dream or args.model).stem}.{context.layer}.{kind}.png")
    inputs = [args.model, *filter(None, [args.dream, args.generator])]
    files = _files(args, name, inputs, arrays=args.npz or not context.axes.takes_pictures)
    pictures = {"prefix": f"{Path(args.model).stem}.", "force": args.force}
    if args.pictures:
        picture_files(args.pictures, request.units, context, **pictures)
    if args.joined:
        check_free(Path(args.joined), force=args.force)
    out = console(stderr=args.json)
    _announce(request, kind, out)
    with progress_bar(out, "climbing") as bar:
        maxima = _synthesize(args, request, bar.to)
    print_notes(out, maxima.generator_notes)
    if not maxima:
        complain("interrupted before the first step; nothing is written")
        return 130
    if args.joined and maxima.joined is not None:
        save(maxima.joined.model.proto, args.joined, force=args.force)
    kept = maxima.save_pictures(args.pictures, **pictures) if args.pictures else ()
    maxima = replace(maxima, file=files.picture, picture_files=kept)
    _save(maxima, files, force=args.force)
    _print_maxima(maxima, files, out)
    if not maxima.finished:
        complain(
            f"interrupted after {maxima[-1].steps} steps of picture {len(maxima)}; "
            "what was made is written"
        )
    if args.json:
        print(json_text(maxima.to_dict()))
    return 0 if maxima.finished else 130


def _synthesize(args: argparse.Namespace, request: SynthesisRequest, progress: Progress) -> Maxima:
    keywords = _keywords(args, request) | {
        "layer": args.layer,
        "seed": args.seed,
        "snapshots": args.strip,
        "progress": progress,
    }
    if args.dream:
        units = list(request.units) or None
        return dream(request.model, args.dream, unit=units, size=args.size, **keywords)
    return maximize(
        request.model,
        list(request.units),
        **options.picked(args, "measure", "place", "start", "size", "bounds"),
        **options.picked(args, "generator", "generator_range"),
        **keywords,
    )


def _keywords(args: argparse.Namespace, request: SynthesisRequest) -> dict[str, Any]:
    """What all three functions are told."""
    settings = options.picked(args, *vars(Settings()), "prior")
    return {
        "labels": request.context.labels or None,
        "preprocessing": options.chosen_preprocessing(args),
        "settings": {name: value for name, value in settings.items() if value is not None},
        "device": args.device,
        "threads": args.threads,
    }


def _files(args: argparse.Namespace, name: str, inputs: Sequence[str], *, arrays: bool) -> Files:
    """The files of the page and of the arrays, checked before any work."""
    place = Destination(args.output, inputs, single=name, arrays=arrays, force=args.force)
    return place.files("", "", "", drawable=True)


def _save(result: Result, files: Files, *, force: bool) -> None:
    for file in filter(None, (files.picture, files.arrays)):
        result.save(file, force=force)


def _announce(request: SynthesisRequest, kind: str, out: Console) -> None:
    """Say what is going to be made."""
    units = len(request.units)
    what = f"{units} unit{'s' if units > 1 else ''}" if units else "all"
    layer = (visible(request.context.layer), "bold")
    out.print(Text.assemble((kind, "bold"), f": {what} of layer ", layer), soft_wrap=True)
    print_notes(out, request.context.notes)


def _print_maxima(maxima: Maxima, files: Files, out: Console) -> None:
    for each in maxima:
        name, measured = maxima.describe(each)
        out.print(Text(visible(name), "bold"), soft_wrap=True)
        out.print(f"  {visible(measured)}", soft_wrap=True)
    _print_files([files.picture, files.arrays, *maxima.picture_files], out)


def _print_files(files: Iterable[Path | None], out: Console) -> None:
    for file in filter(None, files):
        out.print(f"  -> {visible(str(file))}", soft_wrap=True)


def _pair(text: str) -> tuple[float, float]:
    """LOW,HIGH."""
    parts = text.split(",")
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no range; write two numbers, as 0,1"
        ) from None
    if not low < high:
        raise argparse.ArgumentTypeError(f"'{text}' is no range; give the lower number first")
    return low, high


def _size(text: str) -> tuple[int, int]:
    """HxW; of a square one number."""
    return grid(text) if "x" in text.lower() else (count(text), count(text))
