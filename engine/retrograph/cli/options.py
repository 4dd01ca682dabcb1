"""Options that several commands share."""

from __future__ import annotations

import argparse
import difflib

from retrograph.errors import InputError
from retrograph.methods import METHODS
from retrograph.model import Model
from retrograph.preprocess import PRESETS, Preprocessing, parse_preprocessing


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
        help=f"one of {', '.join(PRESETS)}",
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
    group.add_argument(
        "--interpolation",
        choices=("nearest", "bilinear", "bicubic", "lanczos"),
        help="how pixels are averaged (bilinear)",
    )


_PARTS = ("scale", "mean", "std", "order", "resize", "crop", "interpolation")


def chosen_preprocessing(args: argparse.Namespace) -> Preprocessing | None:
    """The preprocessing that the options name; None if they name none."""
    parts = {key: getattr(args, key) for key in _PARTS}
    if args.preprocess is None and all(part is None for part in parts.values()):
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
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in METHODS:
            near = difflib.get_close_matches(name, METHODS, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise InputError(f"unknown method '{name}'; {hint}choose from: {', '.join(METHODS)}")
    return names
