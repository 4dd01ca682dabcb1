"""The command line: `retrograph layers | check | methods | explain | scan | build | ...`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from retrograph._version import __version__
from retrograph.cli import (
    audit,
    bench,
    build,
    check,
    compare,
    explain,
    filters,
    heads,
    help,
    layers,
    maximize,
    methods,
    patches,
    preprocess,
    sanity,
    scan,
)
from retrograph.cli.parser import Help, Parser
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import complain, join_negative_values, never_fail_to_encode
from retrograph.errors import RetrographError, UnsupportedError

_EPILOG = """\
examples:
  retrograph layers net.onnx                        what can be explained, by short names
  retrograph check net.onnx                         can it be explained, and what stands in the way
  retrograph heads net.onnx                         its outputs: boxes, maps, classes
  retrograph methods                                by which methods, with formulas and limits
  retrograph explain net.onnx dog.jpg               why this class? a picture beside its guided map
  retrograph explain net.onnx dog.jpg --layer relu3 --unit 17
  retrograph compare net.onnx dog.jpg cat.jpg       methods side by side, in one labelled picture
  retrograph preprocess net.onnx photos/            which preprocessing is right?
  retrograph sanity net.onnx photos/ -o sanity.png  do the maps depend on weights and class?
  retrograph audit net.onnx net.int8.onnx photos/   is it still the same network?
  retrograph scan net.onnx photos/ --layer relu5 -o run/   which pictures make a neuron fire?
  retrograph patches run/ -o patches/               and which parts of them?
  retrograph filters net.onnx                       the first convolution's weights, in colour
  retrograph maximize net.onnx --unit 0-9           which pictures would its classes like best?
  retrograph build net.onnx -o net.guided.onnx      the backward graph as a file of its own

exit codes:
  0 done   2 a mistake in what was given, in one line   3 operators that cannot be treated, listed
  1 audit: the files differ

Each command explains itself: retrograph explain --help, and all of it: retrograph help explain
Topics: retrograph help inputs | preprocessing | units | drawing | running
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments; those of the process if None.

    Returns:
        The exit code: 0, 1 where audited files differ, 2 for a mistake in the input, 3 for an
        unsupported operator.

    Raises:
        SystemExit: by argparse, with code 2 for a wrong option and 0 after --help.
    """
    never_fail_to_encode(sys.stdout)
    never_fail_to_encode(sys.stderr)
    arguments = _parser().parse_args(join_negative_values(sys.argv[1:] if argv is None else argv))
    try:
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
    except BrokenPipeError:
        # The reader has gone; Python must not fail again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        complain(f"{error.filename or 'a file'}: {error.strerror or error}; check the path")
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="retrograph",
        description="Guided backpropagation and its family for any CNN in an ONNX file.",
        epilog=_EPILOG,
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"retrograph {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (
        *(layers, heads, check, methods, explain, compare, sanity, audit),
        *(preprocess, scan, patches, filters, maximize, build, bench, help),
    ):
        command.add(commands)
    return parser
