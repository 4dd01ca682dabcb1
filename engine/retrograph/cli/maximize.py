"""`retrograph maximize`: the picture that a neuron would like best, dreams, and fooled models."""

from __future__ import annotations

import argparse

from retrograph.cli.ascending import run_ascent
from retrograph.cli.fooling import run_fool
from retrograph.cli.options import add_command, add_device, add_preprocessing
from retrograph.cli.terminal import count, grid
from retrograph.errors import InputError
from retrograph.synthesis.settings import Settings
from retrograph.synthesis.slope import MEASURES, PLACES

_EXAMPLES = """\
  retrograph maximize net.onnx --unit 3 --preprocess imagenet           one class, from noise
  retrograph maximize net.onnx --unit 0-9 --labels names.txt -o all.png a sheet of ten classes
  retrograph maximize net.onnx --unit cat dog --labels names.txt --strip
  retrograph maximize net.onnx --layer relu3 --unit 17                  a channel, its mean
  retrograph maximize net.onnx --layer relu3 --unit 17 --place strongest
  retrograph maximize net.onnx --layer relu3 --unit 17,4,5              one unit of it
  retrograph maximize net.onnx --unit 3 --generator decoder.onnx        among what a decoder makes
  retrograph maximize net.onnx --dream beach.jpg --layer relu7
  retrograph maximize net.onnx --fool dog.jpg --unit cat --labels names.txt

Pictures are climbed to by steps of a fixed length along the gradient, from a coarse canvas to a
fine one, while the model's view is shifted and zoomed a little at every step. The model always
sees its own size: a coarse canvas enlarged, a dream that is larger than it in tiles. Only a dream
under a model that takes any size runs it at each size. Lengths and rates are those of a picture
from 0 (black) to 1 (white), so that they hold for any preprocessing. Printed activations and
probabilities are those of the picture as it is saved, with its 256 grey levels.

What is no picture is made without octaves, shifts and smoothing, drawn as a strip and kept as .npz.

--fool finds a small change, not the smallest there is: no method is known that does.

Outputs: one page, MODEL.LAYER.maximize.png if -o names none; with --npz also the arrays input,
activation, probability, unit, history, and code; --pictures keeps each picture as it is. An
ascent that is interrupted (Ctrl-C) writes what it has come to, and the exit code is 130.

--json prints an object: layer, notes, file, made: [{unit, name, before, activation,
probability, class, steps, finished, silent, why, picture}]; with --fool: was, wanted, found, norms
{l2, linf, relative}, before, after, saved {l2, linf, relative} (with 256 grey levels), file.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    summary = "the picture that a neuron would like best"
    parser = add_command(commands, "maximize", summary, _EXAMPLES)
    parser.add_argument(
        "--layer", metavar="NAME", help="alias or tensor; the class scores if left out"
    )
    parser.add_argument(
        "--unit",
        nargs="+",
        metavar="UNIT",
        default=[],
        help="channels, indices (17,4,5), class names, ranges (0-9) or all; a picture each",
    )
    parser.add_argument("--labels", metavar="FILE", help="class names: a line each, JSON, YAML")
    parser.add_argument(
        "--measure",
        choices=MEASURES,
        default=MEASURES[0],
        help="what grows: the activation (default), or its log-softmax against the other classes",
    )
    parser.add_argument(
        "--place",
        choices=PLACES,
        default=PLACES[0],
        help="of a channel its mean, or strongest place",
    )
    parser.add_argument(
        "--start", default="noise", metavar="START", help="noise (default), grey, or a picture"
    )
    parser.add_argument("--dream", metavar="PICTURE", help="the whole layer, on a photograph")
    parser.add_argument("--fool", metavar="PICTURE", help="the change that makes it class --unit")
    add_device(parser)
    parser.add_argument("--threads", type=count, help="threads of the runtime")
    _add_generator(parser)
    _add_ascent(parser)
    _add_output(parser)
    add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _add_generator(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("generator")
    group.add_argument("--generator", metavar="FILE", help="an .onnx file from codes to pictures")
    group.add_argument(
        "--generator-range",
        dest="output_range",
        type=_pair,
        metavar="LOW,HIGH",
        help="what it gives for black and white; else as its metadata or last operator say",
    )
    group.add_argument(
        "--prior", type=float, default=1.0, metavar="W", help="weight of the penalty |z|^2 / 2 (1)"
    )
    group.add_argument("--joined", metavar="FILE", help="keep the two models as one, here")


def _add_ascent(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("ascent")
    group.add_argument("--seed", type=int, default=0, help="of all random numbers (0)")
    group.add_argument(
        "--size", type=_size, metavar="HxW", help="of the picture, where the model leaves it open"
    )
    group.add_argument(
        "--bounds", type=_pair, metavar="LOW,HIGH", help="of the values of what is no picture"
    )
    for name, text in _SETTINGS.items():
        kind = type(getattr(Settings(), name))
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=text)


_SETTINGS = {
    "steps": "how many, of all octaves together (192; of a dream 60)",
    "rate": "length of a step (0.03; of a dream 0.02, among codes 0.05)",
    "octaves": "how many sizes of the canvas (5; of a dream 3)",
    "ratio": "from one size to the next (1.5; of a dream 1.4)",
    "smooth": "exponent by which high frequencies are held back (1; of a dream 0.5)",
    "jitter": "greatest shift of the view, as a share of it (0.1; of a dream 0.25)",
    "zoom": "greatest change of its scale, as a share (0.2; of a dream 0)",
    "decay": "share towards mid-grey at each step (0.03; of a dream 0)",
    "variation": "rate down the total variation (0.008, at most 0.01; of a dream 0)",
    "blur": "sigma of a Gaussian blur, in pixels (0)",
    "blur_every": "steps from one blur to the next (4)",
    "clip_norm": "percentile of pixels of small norm that become grey (0)",
    "clip_contribution": "percentile of pixels of small contribution that become grey (0)",
}


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="PATH", help="the page's name, or a folder")
    group.add_argument("--pictures", metavar="FOLDER", help="keep each picture by itself, here")
    group.add_argument(
        "--strip",
        type=count,
        nargs="?",
        const=5,
        default=0,
        metavar="N",
        help="show N states on the way, too (5)",
    )
    group.add_argument("--npz", action="store_true", help="keep the arrays beside the page")
    group.add_argument("--force", action="store_true", help="replace files that exist")
    group.add_argument("--json", action="store_true", help="print what was made as JSON")


def _run(args: argparse.Namespace) -> int:
    if args.dream and args.fool:
        raise InputError("--dream and --fool are two things; give one of them")
    if args.generator and (args.dream or args.fool):
        raise InputError("--generator makes pictures of its own; leave --dream and --fool out")
    if args.joined and not args.generator:
        raise InputError("--joined keeps a model joined with a generator; give --generator, too")
    if args.fool:
        return run_fool(args)
    return run_ascent(args)


def _pair(text: str) -> tuple[float, float]:
    """LOW,HIGH."""
    parts = text.split(",")
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no range; write two numbers, as 0,1"
        ) from None
    if not low < high:
        raise argparse.ArgumentTypeError(f"'{text}' is no range; give the lower number first")
    return low, high


def _size(text: str) -> tuple[int, int]:
    """HxW; of a square one number."""
    return grid(text) if "x" in text.lower() else (count(text), count(text))
