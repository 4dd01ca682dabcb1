"""The command line: `retrograph layers | explain | build`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from retrograph._version import __version__
from retrograph.cli import build, explain, layers
from retrograph.errors import RetrographError

_EPILOG = """\
examples:
  retrograph layers net.onnx                        what can be explained, by short names
  retrograph explain net.onnx dog.jpg               why this class? a picture beside its guided map
  retrograph explain net.onnx dog.jpg --layer relu3 --unit 17
  retrograph build net.onnx -o net.guided.onnx      the backward graph as a file of its own

Each command explains itself: retrograph explain --help
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments; those of the process if None.

    Returns:
        The exit code: 0, 2 for a mistake in the input, 3 for an unsupported operator.
    """
    parser = argparse.ArgumentParser(
        prog="retrograph",
        description="Guided backpropagation and its family for any CNN in an ONNX file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"retrograph {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (layers, explain, build):
        command.add(commands)
    arguments = parser.parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except RetrographError as error:
        print(f"retrograph: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("retrograph: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return code
