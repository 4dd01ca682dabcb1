"""`retrograph help`: all of a command, or what several commands have in common."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping
from functools import partial

from retrograph.cli.options import add_page
from retrograph.cli.pages import TOPICS, topic
from retrograph.cli.parser import Help, Parser, add_section
from retrograph.errors import InputError


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command; the others are there already."""
    parser = add_page(commands, "help")
    parser.add_argument("name", metavar="NAME", nargs="?")
    parser.set_defaults(run=partial(_run, commands.choices))


def _run(commands: Mapping[str, argparse.ArgumentParser], args: argparse.Namespace) -> int:
    print(_told(commands, args.name), end="")
    return 0


def _told(commands: Mapping[str, argparse.ArgumentParser], name: str | None) -> str:
    if name is None:
        return (
            f"commands: {', '.join(commands)}\ntopics: {', '.join(TOPICS)}\n"
            "retrograph help NAME tells all of one\n"
        )
    if name in TOPICS:
        return f"{topic(name)}{_options(commands, name)}"
    parser = commands.get(name)
    if isinstance(parser, Parser):
        return parser.format_manual()
    near = difflib.get_close_matches(name, [*commands, *TOPICS], n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise InputError(
        f"nothing is told of '{name}'; {hint}choose from: {', '.join([*commands, *TOPICS])}"
    )


def _options(commands: Mapping[str, argparse.ArgumentParser], title: str) -> str:
    """The options of the groups of a title, each once."""
    groups = [g for p in commands.values() for g in p._action_groups if g.title == title]
    if not groups:
        return ""
    together = argparse.ArgumentParser(add_help=False).add_argument_group("options")
    named: set[str] = set()
    for action in (action for group in groups for action in group._group_actions):
        if named.isdisjoint(action.option_strings):
            together._group_actions.append(action)
            named.update(action.option_strings)
    formatter = Help("retrograph")
    add_section(formatter, together)
    return f"\n{formatter.format_help()}"
