"""`retrograph sanity`: do the attributions depend on the weights and on the class?"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

from retrograph.cli import options, outputs
from retrograph.cli.explain_report import announce
from retrograph.cli.progress import Mistakes, waiting
from retrograph.cli.sanity_report import print_report
from retrograph.cli.terminal import console, count
from retrograph.pipeline.destination import Destination
from retrograph.results.base import json_text
from retrograph.sanity_checks import CHECKS, DEFAULT_METHODS, CheckSettings, plan_sanity
from retrograph.sanity_checks.faithfulness_curves import RANKS
from retrograph.sanity_checks.layer_randomisation import ORDERS


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "sanity")
    options.add_files(parser)
    options.add_explaining(parser, ",".join(DEFAULT_METHODS))
    checks = parser.add_argument_group("checks")
    checks.add_argument(
        "--checks", type=_checks, default=CHECKS, metavar="NAME[,NAME]", help=", ".join(CHECKS)
    )
    checks.add_argument("--randomise", choices=ORDERS, default=ORDERS[0])
    checks.add_argument("--stages", type=count, default=8, metavar="N")
    checks.add_argument("--draws", type=count, default=5, metavar="N")
    checks.add_argument("--steps", type=count, default=20, metavar="N")
    checks.add_argument("--baseline", type=_value, metavar="VALUE")
    checks.add_argument("--rank", choices=[*RANKS], default="magnitude")
    options.add_seed(checks)
    output = parser.add_argument_group("output")
    outputs.add_destination(output, "a plot: a picture's name, or a folder")
    outputs.add_writing(output, "replace a file that exists", "print the numbers as JSON")
    options.add_preprocessing(parser)
    defaults = {
        "batch": 1,
        "method": ",".join(DEFAULT_METHODS),
        "top": 1,
        "style": None,
        "precision": None,
        "straight_through": None,
    }
    parser.set_defaults(run=_run, **defaults)


def _checks(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in CHECKS:
            raise argparse.ArgumentTypeError(f"no check '{name}'; choose from {', '.join(CHECKS)}")
    return names


def _value(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text}' is no finite number")
    return value


def _run(args: argparse.Namespace) -> int:
    file = _plot_file(args)
    settings = options.explain_settings(args)
    out = console(stderr=args.json)
    with waiting(out, "building"):
        plan = plan_sanity(args.model, settings, args.inputs)
    announce(plan.session, out)
    mistakes = Mistakes()
    items = list(mistakes.sieve(plan.read(args.inputs)))
    if not items:
        return 2
    with waiting(out, "choosing units") as say:
        checked = plan.run(items, _check_settings(args), say)
    if file is not None:
        checked = replace(checked, file=str(checked.save(file, force=args.force)))
    print_report(checked, out)
    if args.json:
        print(json_text(checked.to_dict()))
    return 2 if mistakes.count else 0


def _check_settings(args: argparse.Namespace) -> CheckSettings:
    names = ("checks", "stages", "draws", "steps", "baseline", "rank", "seed")
    return CheckSettings(order=args.randomise, **options.picked(args, *names))


def _plot_file(args: argparse.Namespace) -> Path | None:
    """Where the plot goes, checked before any work."""
    if args.output is None:
        return None
    paths = [*args.inputs, args.model]
    return Destination(args.output, paths, single="sanity.png", arrays=False, force=args.force).file
