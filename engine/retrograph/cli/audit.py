"""`retrograph audit`: do two files still compute the same, and where and why do they part?"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from rich.console import Console

from retrograph import auditing
from retrograph.auditing import Audit, FileAudits
from retrograph.auditing.reported import LAYERS
from retrograph.auditing.tables import audit_tables
from retrograph.auditing.verdicts import FAIL_ON
from retrograph.cli import options, outputs
from retrograph.cli.progress import progress_bar
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import console, print_notes, print_table, visible
from retrograph.errors import InputError, spelled
from retrograph.preprocess import PRESETS
from retrograph.results.base import json_text


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "audit")
    parser.add_argument("others", metavar="OTHER", nargs="*")
    parser.add_argument(
        "--method", type=options.near_method_names, default="guided", metavar="NAME"
    )
    parser.add_argument("--tolerance", type=_tolerance, metavar="{auto,X}")
    parser.add_argument("--layers", choices=[*LAYERS], default="all")
    parser.add_argument("--runtime", action="store_true")
    parser.add_argument("--fail-on", choices=[*FAIL_ON], default="differs")
    options.add_threads(parser)
    output = parser.add_argument_group("output")
    outputs.add_destination(output, "a page with the maps, the record, the regions", "FOLDER")
    outputs.add_writing(output, "replace an audit that is there", "print everything as JSON")
    output.add_argument("--junit", metavar="FILE", type=Path)
    options.add_preprocessing(parser)
    parser.add_argument("--preprocess-b", metavar="PRESET", choices=[*PRESETS])
    parser.set_defaults(run=_run)


def _tolerance(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"'{text}' is no tolerance; give auto or a number from 0")
    return value


def _run(args: argparse.Namespace) -> int:
    others = [name for name in args.others if name.lower().endswith(".onnx")]
    if not (others or args.runtime):
        given = f"'{args.others[0]}' is no .onnx file" if args.others else "there is one file"
        raise InputError(f"{given}; name two files to be compared, or add --runtime")
    if args.output is not None:
        auditing.check_audit_folder(args.output, force=args.force)
    if args.junit is not None:
        auditing.check_junit(args.junit, force=args.force)
    out = console(stderr=args.json)
    with progress_bar(out, "auditing") as bar:
        found = auditing.audit_files(
            [args.model, *others],
            [name for name in args.others if name not in others],
            runtime=args.runtime,
            method=None if args.method == "none" else args.method,
            preprocessing=options.chosen_preprocessing(args),
            preprocessing_b=args.preprocess_b,
            tolerance=args.tolerance,
            layers=args.layers,
            threads=args.threads,
            progress=bar.to,
        )
    for number, each in enumerate(found.told):
        out.print("\n" * bool(number), end="")
        _print(each, out)
    _print_all(found, out)
    if args.output is not None:
        page = auditing.save_files(found, args.output, force=args.force)
        out.print(f"\nwrote {visible(str(page))}", soft_wrap=True)
    if args.junit is not None:
        auditing.save_junit(found.told, args.junit, args.fail_on)
    if args.json:
        print(json_text(found.to_dict()))
    return int(found.fails(args.fail_on))


def _print_all(found: FileAudits, out: Console) -> None:
    """The verdicts on each two files, where there are more than two, and notes."""
    print_notes(out, found.notes)
    if len(found.names) > 2:
        out.print()
        rows = [(name, *row) for name, row in zip(found.names, found.matrix(), strict=True)]
        print_table(out, ("", *found.names), rows)


def _print(found: Audit, out: Console) -> None:
    """The verdict, the sentence, and tables of what they rest on."""
    out.print(visible(found.summary()), style="bold", soft_wrap=True)
    out.print(visible(spelled(found.sentence, as_option)), soft_wrap=True)
    print_notes(out, found.notes)
    for table in audit_tables(found):
        out.print()
        print_table(out, table.headings, table.rows)
