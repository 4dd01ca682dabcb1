"""The command line: `retrograph layers | check | methods | explain | scan | build | ...`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import Final

from retrograph._version import __version__
from retrograph.cli.pages import listing, option_words, page, summaries
from retrograph.cli.parser import Commands, Help, Parser, explain_options
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import (
    CutShort,
    complain,
    join_command,
    join_negative_values,
    never_fail_to_encode,
)
from retrograph.errors import RetrographError, UnsupportedError
from retrograph.starting import loading


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments; those of the process if None.

    Returns:
        The exit code: 0, 1 where audited files differ, the doctor finds a problem or the reader of
        what is printed leaves before all is done, 2 for a mistake in the input, 3 for an
        unsupported operator.

    Raises:
        SystemExit: by argparse, with code 2 for a wrong option and 0 after --help.
    """
    never_fail_to_encode(sys.stdout)
    never_fail_to_encode(sys.stderr)
    words = join_command(join_negative_values(sys.argv[1:] if argv is None else argv))
    try:
        with loading() if argv is None else nullcontext():
            parser = _parser(_wanted(words))
        arguments = parser.parse_args(words)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except UnsupportedError as error:
        print(f"retrograph: {error.spelled(as_option)}", file=sys.stderr)
        return error.exit_code
    except RetrographError as error:
        complain(error.spelled(as_option))
        return error.exit_code
    except MemoryError:
        complain("out of memory; explain fewer methods at once, or a smaller picture")
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except BrokenPipeError as error:
        # The reader has gone; Python must not fail again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(isinstance(error, CutShort))
    except OSError as error:
        complain(f"{error.filename or 'a file'}: {error.strerror or error}; check the path")
        return 2
    return code


_OF_ALL: Final = ("help", "completion")
"""The commands that tell of the others."""


def _parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """The parser of all commands.

    Args:
        wanted: the command whose arguments are parsed; the modules of others are not imported.
            All of them if None.
    """
    parser = Parser(
        prog="retrograph",
        description="Guided backpropagation and its family for any CNN in an ONNX file.",
        epilog=page("retrograph"),
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"retrograph {__version__}")
    commands = parser.add_subparsers(action=Commands, title="commands", metavar="COMMAND")
    commands.required = True
    for name, words in summaries().items():
        if wanted in (None, name):
            import_module(f"retrograph.cli.{name.replace(' ', '_')}").add(commands)
            explain_options(commands.choices[name], option_words(name))
        else:
            commands.add_parser(name, **listing(name, words))
    return parser


def _wanted(argv: Sequence[str]) -> str | None:
    """The only command that is needed; None for all, "" for no command at all."""
    name = next((each for each in argv if not each.startswith("-")), "")
    return None if name in _OF_ALL else name
