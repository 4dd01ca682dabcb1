"""`retrograph completion`: a shell's script that completes commands, options and files."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Final

from retrograph.cli.options import add_page
from retrograph.cli.parser import Parser
from retrograph.errors import InputError
from retrograph.methods import METHODS

_FILES: Final = {"MODEL", "INPUT", "FILE", "PATH", "RUN", "DIR"}
"""What options and arguments are called that take a file or a folder."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command; the others are there already."""
    parser = add_page(commands, "completion")
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh"), help="bash, zsh")
    parser.set_defaults(run=partial(_run, commands))


def _run(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], args: argparse.Namespace
) -> int:
    try:
        import shtab
    except ImportError:
        raise InputError("completion needs shtab; pip install 'retrograph[completion]'") from None
    for action in (each for command in commands.choices.values() for each in command._actions):
        if str(action.metavar).partition("[")[0] in _FILES and not action.choices:
            setattr(action, "complete", shtab.FILE)  # noqa: B010, where shtab looks for it
        elif "--method" in action.option_strings:
            action.choices = METHODS
    program = Parser(prog="retrograph")
    program._add_action(commands)
    print(shtab.complete(program, args.shell))
    return 0
