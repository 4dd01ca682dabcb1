"""Options that several commands share."""

from __future__ import annotations

import argparse

from rich.console import Console

from retrograph.errors import InputError
from retrograph.methods import METHODS
from retrograph.model import Model
from retrograph.preprocess import PRESETS, Preprocessing, parse_preprocessing


def console(stderr: bool = False) -> Console:
    """Where a command prints: as wide as the terminal, and never folded in a file or a pipe."""
    plain = Console(stderr=stderr, highlight=False)
    if not plain.is_terminal:
        plain.width = 10_000
    return plain


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    """A command with its description and examples."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=description,
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="an .onnx file")
    return parser


def add_preprocessing(parser: argparse.ArgumentParser) -> None:
    """How a picture becomes the model's input: a preset and each part by itself."""
    group = parser.add_argument_group(
        "preprocessing", "how a picture becomes the input; each part overrides the preset"
    )
    group.add_argument(
        "--preprocess",
        metavar="PRESET",
        choices=[*PRESETS],
        help=f"one of {', '.join(PRESETS)} (write --preprocess=-1-1)",
    )
    group.add_argument("--scale", help="factor on the values 0-255, such as 1/255")
    group.add_argument("--mean", metavar="M[,M,M]", help="subtracted after scaling, per channel")
    group.add_argument("--std", metavar="S[,S,S]", help="divided by after the mean, per channel")
    group.add_argument("--order", choices=("rgb", "bgr", "gray"), help="order of the channels")
    group.add_argument(
        "--resize", choices=("crop", "stretch", "pad", "none"), help="how a picture is fitted"
    )
    group.add_argument(
        "--crop", metavar="FRACTION", help="kept part of the shorter side, such as 0.875"
    )


def chosen_preprocessing(args: argparse.Namespace) -> Preprocessing | None:
    """The preprocessing that the options name; None if they name none."""
    parts = {key: getattr(args, key) for key in ("scale", "mean", "std", "order", "resize", "crop")}
    if args.preprocess is None and not any(parts.values()):
        return None
    return parse_preprocessing(args.preprocess or "0-1", **parts)


def stored_preprocessing(model: Model) -> Preprocessing | None:
    """The preprocessing that a model's metadata name, if they do."""
    if model.contract is not None:
        text = model.contract.preprocessing
        return Preprocessing.from_json(text) if text else None
    return PRESETS.get(model.properties.get("preprocessing", ""))


def methods(text: str) -> list[str]:
    """Method names from "guided,gradient".

    Raises:
        InputError: one is unknown.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names or [text]:
        if name not in METHODS:
            raise InputError(f"unknown method '{name}'; choose from: {', '.join(METHODS)}")
    return names
