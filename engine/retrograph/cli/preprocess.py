"""`retrograph preprocess`: what a model says of pictures under each preset."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from retrograph.cli.explain_report import print_preprocessing
from retrograph.cli.options import (
    add_command,
    add_device,
    add_labels,
    add_preprocessing,
    add_threads,
    add_wrt,
    chosen_preprocessing,
)
from retrograph.cli.terminal import console, print_table, visible
from retrograph.pipeline.destination import Destination
from retrograph.pipeline.trying_preprocessing import find_preprocessing
from retrograph.results.base import json_text
from retrograph.results.tried_preprocessing import HEADINGS, TriedPreprocessing

_EXAMPLES = """\
  retrograph preprocess net.onnx photos/
  retrograph preprocess net.onnx photos/ --labels imagenet -o presets.png
  retrograph preprocess net.onnx photos/ --preprocess imagenet     is this one right?

The presets are tried on the first 24 pictures, those far from the best on 6 of them. Each preset is
a row, the best first: the class of the first picture and its probability, the mean probability, how
many classes there are, and how much a picture tells of its class, in nats: the log of the class's
probability, meant over the picture, its mirror image, its centre and a darker copy, over that of
the same class for all pictures and blank ones. Right preprocessing tells most; wrong one gives one
class to everything, or another one to each copy. A spread of scores (the highest above the mean)
beyond 50 is implausible: numbers far too large saturate a classifier and look sure.

The page, MODEL.preprocessing.png, shows the pictures as the model takes them under each preset, if
the best of them is right, over the classes.

--json prints an object: model, input, recipe, name, source (stored | declared | given | probed |
assumed), sure, pictures, note, warning and tried, a list of {name, information, entropy, spread,
plausible, pictures, distinct_classes, top: [{class, name, probability}]}.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "preprocess", "which preprocessing is right?", _EXAMPLES)
    parser.add_argument("inputs", metavar="PICTURES", nargs="+", help="files, folders, archives")
    add_labels(parser)
    add_wrt(parser)
    add_device(parser)
    add_threads(parser)
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", metavar="PATH", help="a picture's name, or a folder")
    output.add_argument("--force", action="store_true", help="replace files that exist")
    output.add_argument("--json", action="store_true", help="print what was found as JSON")
    add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    destination = Destination(
        args.output,
        [*args.inputs, args.model],
        single=f"{Path(args.model).stem}.preprocessing.png",
        arrays=False,
        force=args.force,
    )
    out = console(stderr=args.json)
    with out.status("trying presets"):
        tried = find_preprocessing(
            args.model,
            args.inputs,
            preprocessing=chosen_preprocessing(args),
            labels=args.labels,
            wrt=args.wrt,
            device=args.device,
            threads=args.threads,
        )
    assert destination.file is not None
    file = tried.save(destination.file, force=args.force)
    _print(tried, file, out)
    if args.json:
        print(json_text(tried.to_dict()))
    return 0


def _print(tried: TriedPreprocessing, file: Path, out: Console) -> None:
    out.print(Text(visible(tried.summary()), "bold"), soft_wrap=True)
    if tried.choice.trials:
        print_table(out, HEADINGS, tried.rows())
    print_preprocessing(tried.choice, tried.choice.reasons, tried.labels, out)
    out.print(f"-> {visible(str(file))}", soft_wrap=True)
