"""The parser of the command line: errors in one line, help on a page, all of it on request."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from retrograph.cli.terminal import complain
from retrograph.errors import did_you_mean

RARE: Final = {
    "methods": "what methods take besides --param",
    "boxes": "of detectors and segmentation",
    "inputs": "how inputs are read besides",
    "preprocessing": "each part overrides the preset",
    "running": "where and how it runs",
    "generator": "the pictures of a decoder alone",
    "service": "with --api: what it takes, and no more",
    "ascent": "steps, sizes and what keeps a picture from noise",
}
"""The groups of options that `--help` names without explaining them, and what they are about."""

_WIDEST: Final = 100


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like those of the rest of the program.

    Attributes:
        manual: what `retrograph help COMMAND` says below the options and examples.
    """

    manual: str = ""

    def error(self, message: str) -> NoReturn:
        """Print the mistake and where help is, and leave with exit code 2."""
        complain(f"{message}{'' if message.endswith('?') else ';'} see {self.prog} --help")
        sys.exit(2)

    def parse_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse, but in the usual order first, which tells all that is missing at once."""
        known, unknown = self.parse_known_args(args)
        if unknown:
            known, unknown = self.parse_known_intermixed_args(args)
        if unknown:
            near = did_you_mean(unknown[0].partition("=")[0], self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
        return known

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = [str(each) for each in action.choices or ()]
        if str(value) not in choices and (near := did_you_mean(str(value), choices)):
            raise argparse.ArgumentError(action, f"invalid choice: '{value}'{near}")
        super()._check_value(action, value)

    def format_usage(self) -> str:
        """In one line: what has to be given."""
        needed = [a for a in self._actions if a.required or not a.option_strings]
        options = [a for a in needed if a.option_strings]
        parts = [self.prog, *(_needed(a) for a in needed if not a.option_strings)]
        parts += [f"{a.option_strings[0]} {a.metavar}" for a in options]
        return f"usage: {' '.join(parts)} [options]\n"

    def format_help(self) -> str:
        """One page: the options that are often needed, the others by their names, examples."""
        groups = [group for group in self._action_groups if group._group_actions]
        page = self._page(group for group in groups if group.title not in RARE)
        rare = [_names(group) for group in groups if group.title in RARE]
        formatter = self._get_formatter()
        formatter.add_text("\n".join(["and, for rarer needs:", *rare]) if rare else None)
        formatter.add_text(self.epilog)
        all_of_it = self.prog.replace(" ", " help ", 1)
        formatter.add_text(f"all of it: {all_of_it}" if self.manual or rare else None)
        return page + formatter.format_help()

    def format_manual(self) -> str:
        """Everything: all options, examples, what goes in and what comes out."""
        formatter = self._get_formatter()
        formatter.add_text(self.epilog)
        page = self._page(self._action_groups) + formatter.format_help()
        return f"{page}\n{self.manual}" if self.manual else page

    def _page(self, groups: Iterable[argparse._ArgumentGroup]) -> str:
        formatter = self._get_formatter()
        formatter.add_text(self.description)
        for group in groups:
            add_section(formatter, group)
        return f"{self.format_usage()}\n{formatter.format_help()}\n"

    def _get_formatter(self) -> argparse.HelpFormatter:
        return self.formatter_class(prog=self.prog)


class Commands(argparse._SubParsersAction):  # type: ignore[type-arg]  # no generic when it runs
    """Commands whose options may stand anywhere among their files."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        """Parse the words of a command, its name first, into the namespace."""
        name, *words = values
        vars(namespace).update(vars(self.choices[name].parse_intermixed_args(words)))


class Help(argparse.RawDescriptionHelpFormatter):
    """Options close together: `-o, --output PATH` and their words beside it."""

    def __init__(self, prog: str, **more: Any) -> None:
        super().__init__(prog, **{"max_help_position": 27, **more})
        self._width = min(self._width, _WIDEST)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        values = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {values}"


def group_named(parser: argparse.ArgumentParser, title: str) -> argparse._ArgumentGroup:
    """The group of options of a title; a new one where there is none."""
    for group in parser._action_groups:
        if group.title == title:
            return group
    return parser.add_argument_group(title, RARE.get(title))


def explain_options(parser: argparse.ArgumentParser, words: Mapping[str, str]) -> None:
    """Give each option and argument that says nothing of itself its words, by its name."""
    for action in parser._actions:
        if action.help is None:
            action.help = words[(action.option_strings or [action.dest])[-1]]


def add_section(formatter: argparse.HelpFormatter, group: argparse._ArgumentGroup) -> None:
    """A group of options with all that is said of them."""
    formatter.start_section(group.title)
    formatter.add_text(group.description)
    formatter.add_arguments(group._group_actions)
    formatter.end_section()


def _names(group: argparse._ArgumentGroup) -> str:
    """The options of a group, which are told elsewhere."""
    names = " ".join(action.option_strings[-1] for action in group._group_actions)
    return textwrap.fill(
        names,
        79,
        initial_indent=f"  {group.title}: ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )


def _needed(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    shapes = {"+": f"{name} ...", "*": f"[{name} ...]", "?": f"[{name}]"}
    return shapes.get(str(action.nargs), name)
