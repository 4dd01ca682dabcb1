"""`retrograph methods`: by which methods a unit can be explained."""

from __future__ import annotations

import argparse
import json

from rich.text import Text

from retrograph.cli import options, outputs
from retrograph.cli.terminal import console, print_table
from retrograph.methods import METHODS, Page, describe


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_page(commands, "methods")
    parser.add_argument("name", metavar="NAME", nargs="?", type=options.near_method_names)
    outputs.add_json(parser, "as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    pages = [describe(name) for name in ([*METHODS] if args.name is None else [args.name])]
    if args.json:
        print(json.dumps([page.to_dict() for page in pages], indent=1, ensure_ascii=False))
    elif args.name is None:
        rows = [(page.name, page.summary) for page in pages]
        print_table(console(), ("method", "what it shows"), rows)
    else:
        _print_page(pages[0])
    return 0


def _print_page(page: Page) -> None:
    out = console()
    out.print(Text(f"{page.name}: {page.summary}", "bold"))
    rows = [(heading.lower(), words) for heading, words in page.sections.items()]
    rows += [
        (name, f"{words} Set by --param {name}=VALUE{_default(page.defaults[name])}.")
        for name, words in page.parameters.items()
    ]
    print_table(out, (), rows)


def _default(value: object) -> str:
    return "" if value == "" else f", {value} by default"
