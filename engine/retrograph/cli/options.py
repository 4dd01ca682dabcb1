"""Options that several commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from retrograph.cli.aim import add_aim, chosen_aim
from retrograph.cli.pages import listing, page, summaries
from retrograph.cli.parser import Help, Parser, group_named
from retrograph.cli.terminal import channels, count, share, visible
from retrograph.errors import InputError
from retrograph.inputs.loader import Input
from retrograph.ir.builder import DEVICES
from retrograph.ir.passes.to_float16 import PRECISIONS
from retrograph.labels import BUILT_IN
from retrograph.methods import METHODS, Method
from retrograph.methods.chosen import chosen_methods
from retrograph.methods.near_names import method_name
from retrograph.methods.smooth import CHOICES
from retrograph.pipeline.settings import ExplainSettings, Question, Reading, Running
from retrograph.preprocess import PRESETS, Preprocessing, parse_preprocessing
from retrograph.runtime import PROVIDERS, TF32


def add_page(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
) -> argparse.ArgumentParser:
    """A command and its help, which `pages/` tells.

    Args:
        commands: takes it.
        name: of the command; one of two words is not listed, the page of the first tells of it.
    """
    description = summaries()[name]
    examples, _, manual = page(name).partition("\n\n")
    parser = commands.add_parser(
        name,
        **listing(name, description),
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=Help,
    )
    assert isinstance(parser, Parser)
    parser.manual = manual
    return parser


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
) -> argparse.ArgumentParser:
    """A command that takes a model; the arguments are those of `add_page`."""
    parser = add_page(commands, name)
    parser.add_argument("model", metavar="MODEL")
    return parser


def picked(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The values of some options, as the keywords of a function that have their names."""
    return {name: getattr(args, name) for name in names}


def add_preprocessing(parser: argparse.ArgumentParser) -> None:
    """How a picture becomes the model's input: a preset and each part by itself."""
    text = f"how a picture becomes the input: {', '.join(PRESETS)}"
    parser.add_argument("--preprocess", metavar="PRESET", choices=[*PRESETS], help=text)
    group = group_named(parser, "preprocessing")
    group.add_argument("--scale")
    group.add_argument("--mean", metavar="M[,M,M]")
    group.add_argument("--std", metavar="S[,S,S]")
    group.add_argument("--order", choices=("rgb", "bgr", "gray"))
    group.add_argument("--resize", choices=("crop", "stretch", "pad", "none"))
    group.add_argument("--crop", metavar="FRACTION")
    group.add_argument("--interpolation", choices=("nearest", "bilinear", "bicubic", "lanczos"))


_PARTS = ("scale", "mean", "std", "order", "resize", "crop", "interpolation")


def chosen_preprocessing(args: argparse.Namespace) -> Preprocessing | None:
    """The preprocessing that the options name; None if they name none."""
    parts = {key: getattr(args, key) for key in _PARTS}
    if args.preprocess is None and all(part is None for part in parts.values()):
        return None
    return parse_preprocessing(args.preprocess or "0-1", **parts)


def add_method(
    parser: argparse.ArgumentParser, usual: str, *, metavar: str = "NAME[,NAME]", more: str = ""
) -> None:
    """By which methods; None where none is named.

    Args:
        parser: takes the option.
        usual: the methods that are taken if none is named, for the help.
        metavar: what the help calls its value.
        more: what the help says besides.
    """
    parser.add_argument(
        "--method",
        type=near_method_names,
        metavar=metavar,
        help=f"from `retrograph methods`; {usual} if left out{more}",
    )


def near_method_names(text: str) -> str:
    """The methods' own names, where near ones are given; it says so."""
    return ",".join(_near_method_name(part.strip()) for part in text.split(","))


def _near_method_name(text: str) -> str:
    try:
        name = method_name(text, METHODS)
    except InputError:
        return text  # the library says what is wrong with it
    if name != text:
        print(f"note: '{visible(text)}' is taken as the method {name}", file=sys.stderr)
    return name


def one_method(args: argparse.Namespace) -> Method:
    """The method that the options name, guided if they name none.

    Raises:
        InputError: they name several, or one cannot be.
    """
    method, *others = chosen_methods(args.method or "guided", args.param).values()
    if others:
        raise InputError("--method takes one name here; run the command for each method")
    return method


def add_param(parser: argparse.ArgumentParser) -> None:
    """Parameters of the chosen methods."""
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    group_named(parser, "methods").add_argument(
        "--activations",
        action="append",
        dest="param",
        type=_activations,
        metavar="{" + ",".join(CHOICES) + "}",
    )


def _activations(choice: str) -> str:
    """The parameter that a choice stands for."""
    if choice not in CHOICES:
        raise argparse.ArgumentTypeError(f"'{choice}' is none; give {' or '.join(CHOICES)}")
    return f"activations={choice}"


def add_explaining(parser: argparse.ArgumentParser, methods: str) -> None:
    """What is explained, by which methods and where it runs.

    Args:
        parser: takes the options.
        methods: those that are taken if none is given, for the help.
    """
    add_method(parser, methods, more="; a map each")
    add_param(parser)
    add_layer(parser)
    parser.add_argument("--unit", default="top", metavar="UNIT")
    add_labels(parser)
    add_sequences(parser)
    add_aim(parser)
    add_wrt(parser)
    add_device(parser)
    add_threads(parser)


def add_labels(parser: argparse.ArgumentParser) -> None:
    """The names of the classes."""
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help=f"class names: a line each, JSON, YAML; or {', '.join(BUILT_IN)}, none",
    )


def add_sequences(parser: argparse.ArgumentParser) -> None:
    """What the numbers of a sequence are: letters, or samples; None as the model says."""
    group = group_named(parser, "inputs")
    group.add_argument("--alphabet", metavar="LETTERS")
    group.add_argument("--sample-rate", type=count, metavar="HZ")


def add_threads(parser: argparse.ArgumentParser, **more: Any) -> None:
    """How many threads run an operator."""
    group_named(parser, "running").add_argument("--threads", type=count, metavar="N", **more)


def add_files(parser: argparse.ArgumentParser, least: str = "+") -> None:
    """What is explained: files and folders."""
    parser.add_argument("inputs", metavar="INPUT", nargs=least)


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """What is explained: files and folders, or a value for each input of a model of several."""
    add_files(parser, least="*")
    parser.add_argument(
        "--input",
        dest="named",
        nargs="+",
        action="append",
        default=[],
        type=named_value,
        metavar="NAME=VALUE",
    )


def named_value(text: str) -> tuple[str, str | float]:
    """A model's input and what it takes: `left=a.jpg`, `scale=0.5`."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"'{text}' is no NAME=VALUE, such as left=a.jpg")
    try:
        return name, float(value)
    except ValueError:
        return name, value


def given_inputs(args: argparse.Namespace) -> list[Input]:
    """What the options give to be explained.

    Raises:
        InputError: they give nothing, or a name twice.
    """
    named = [dict(pairs) for pairs in args.named]
    for pairs, found in zip(args.named, named, strict=True):
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"--input names '{twice}' twice; give each input one value")
    if not args.inputs and not named:
        raise InputError("nothing is given to be explained; name a picture, a folder or an array")
    return [*args.inputs, *named]


def input_files(args: argparse.Namespace) -> list[str]:
    """The files among them, none of which may be replaced."""
    values = [value for pairs in args.named for _, value in pairs]
    return [*args.inputs, *(value for value in values if isinstance(value, str))]


def add_wrt(parser: argparse.ArgumentParser, **more: Any) -> None:
    """What is explained."""
    parser.add_argument("--wrt", metavar="TENSOR", **more)


def add_device(parser: argparse.ArgumentParser, usual: str = "auto") -> None:
    """Where it runs."""
    names = ", ".join(PROVIDERS)
    group_named(parser, "running").add_argument(
        "--device",
        default=usual,
        metavar="NAME",
        help=f"{usual} (default), {names}, or a provider's own name; its options behind it, as in "
        "cuda,device_id=1",
    )


def add_suited_device(
    parser: argparse.ArgumentParser, about: str, choices: Sequence[str] = DEVICES
) -> None:
    """For which kind of device a file is written."""
    parser.add_argument("--device", default="cpu", choices=choices, help=about)


def add_straight_through(parser: argparse.ArgumentParser) -> None:
    """What rounding passes; None where it is not said."""
    group_named(parser, "running").add_argument(
        "--straight-through", type=_yes_or_no, metavar="{yes,no}"
    )


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise argparse.ArgumentTypeError(f"'{text}' is neither; give yes or no")
    return text == "yes"


def add_precision(parser: argparse.ArgumentParser) -> None:
    """What is computed in; None where it is left to the model."""
    group_named(parser, "running").add_argument("--precision", choices=(*PRECISIONS, TF32))


def add_layer(
    parser: argparse.ArgumentParser, usual: str = "the class scores if left out", **more: Any
) -> None:
    """Which layer."""
    parser.add_argument("--layer", **{"metavar": "NAME", **more}, help=f"alias or tensor; {usual}")


def add_channels(parser: argparse.ArgumentParser) -> None:
    """Which channels; None for all."""
    parser.add_argument("--channels", type=channels, metavar="LIST")


def add_batch(parser: argparse.ArgumentParser, usual: int, things: str = "inputs") -> None:
    """How many are run at once."""
    group_named(parser, "running").add_argument(
        "--batch",
        type=count,
        default=usual,
        metavar="N",
        help=f"{things} a run, where that is open ({usual})",
    )


def add_part(parser: argparse.ArgumentParser) -> None:
    """Which part of the inputs is looked at; None for all."""
    group_named(parser, "running").add_argument("--part", type=share, metavar="I/N")


def add_seed(group: argparse._ActionsContainer) -> None:
    """What random numbers begin with."""
    group.add_argument("--seed", type=_seed, default=0)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0")
    return int(text)


def explain_settings(args: argparse.Namespace) -> ExplainSettings:
    """What the options ask of a model.

    Raises:
        InputError: the preprocessing cannot be read.
    """
    question = Question(
        method=args.method,
        parameters=tuple(args.param),
        unit=args.unit,
        layer=args.layer,
        top=args.top,
        aim=chosen_aim(args),
        wrt=args.wrt,
    )
    preprocessing = chosen_preprocessing(args)
    reading = Reading(args.labels or None, preprocessing, args.alphabet, args.sample_rate)
    running = Running(args.device, args.threads, args.precision, args.straight_through)
    return ExplainSettings(question, reading, running, batch=args.batch, style=args.style)
