"""`retrograph filters`: a convolution's weights as pictures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.text import Text

from retrograph.cli.filter_page import COLOUR, Shown, kind_of, page
from retrograph.cli.options import (
    add_command,
    add_preprocessing,
    chosen_preprocessing,
)
from retrograph.cli.terminal import channels, console, shape_text, visible
from retrograph.errors import InputError
from retrograph.filter_views import Filters, read_filters
from retrograph.model import Model
from retrograph.output import make_folder, save_arrays
from retrograph.pipeline.destination import Destination
from retrograph.preprocess import Preprocessing
from retrograph.render import save_picture

_EXAMPLES = """\
  retrograph filters net.onnx                            the first convolution, in colour
  retrograph filters net.onnx --preprocess imagenet      its std undone
  retrograph filters net.onnx --layer conv2              a row for each of the first filters
  retrograph filters net.onnx --layer conv2 --channels 0-31 --inputs 0-7 -o conv2.png
  retrograph filters net.onnx --npz --json

The first convolution of a model of colour pictures is drawn in colour: grey is 0, a channel that
is brighter speaks for the filter, a darker one against it. A scale of the input's channels before
it, in the graph or in the preprocessing, is undone and named: what is drawn are weights of the
picture's own values. Of other layers each filter is a row of grey tiles, one for each input
channel; depthwise convolutions are a tile each, 1x1 convolutions one picture, a row for each
filter, sequences' filters a tile of channels by positions. Quantised weights are dequantised.

A batch normalisation that an exporter has folded in multiplies a filter as a whole; with a scale
for each filter, the default, that does not show.

Outputs: MODEL.LAYER.filters.png; with --npz also the arrays weights [M, C, *K] (as the convolution
uses them, C the input channels of a group), shown (scales undone), channels and inputs.

--json prints an object: layer, tensor, operator, shape, groups, drawn_as, notes (what is
undone among them), largest, file, shown and shown_inputs (what is drawn).
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "filters", "a convolution's weights as pictures", _EXAMPLES)
    parser.add_argument(
        "--layer", metavar="NAME", help="alias or tensor; the first convolution if left out"
    )
    parser.add_argument(
        "--channels", type=channels, metavar="LIST", help="which filters, such as 0-15,70"
    )
    parser.add_argument(
        "--inputs", type=channels, metavar="LIST", help="which input channels, likewise"
    )
    parser.add_argument(
        "--scale-of",
        choices=("each", "all"),
        default="each",
        help="whether each filter has a scale of its own (default), or all have one",
    )
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", metavar="PATH", help="a picture's name, or a folder")
    output.add_argument("--npz", action="store_true", help="keep the arrays beside the picture")
    output.add_argument("--force", action="store_true", help="replace files that exist")
    output.add_argument("--json", action="store_true", help="print what was drawn as JSON")
    add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    out = console(stderr=args.json)
    recipe = chosen_preprocessing(args)
    model = Model(args.model)
    found = read_filters(model, args.layer)
    tag = "".join(c if c.isalnum() or c in "._-" else "_" for c in found.alias)
    destination = Destination(
        args.output,
        [args.model],
        single=f"{Path(args.model).stem}.{tag}.filters.png",
        arrays=args.npz,
        force=args.force,
    )
    prepared = _prepared(recipe or model.preprocessing(model.inputs[0].name), model, found)
    shown = _shown(args, found, prepared)
    drawn = page(shown, Path(args.model).name)
    assert destination.file is not None
    make_folder(destination.file.parent)
    save_picture(drawn, destination.file, force=args.force)
    if args.npz:
        chosen = {"channels": np.array(shown.channels), "inputs": np.array(shown.inputs)}
        arrays = {"weights": found.weights, "shown": shown.values, **chosen}
        save_arrays(arrays, destination.file.with_suffix(".npz"))
    size = shape_text(found.weights.shape)
    head = Text.assemble((visible(found.alias), "bold"), f" ({found.op} {size})")
    out.print(head, soft_wrap=True)
    for line in shown.notes:
        out.print(f"  {visible(line)}", soft_wrap=True)
    out.print(f"  -> {visible(str(destination.file))}", soft_wrap=True)
    if args.json:
        print(json.dumps(_record(found, shown, str(destination.file)), indent=1))
    return 0


def _prepared(recipe: Preprocessing | None, model: Model, found: Filters) -> Preprocessing | None:
    """How the picture becomes the input that the filters see; None where that is not known."""
    if recipe is None or not found.on_input:
        return None
    shape = model.inputs[0].shape
    try:
        return None if shape is None else recipe.for_shape(shape)
    except InputError:
        return None  # not a picture, or not of that recipe


def _shown(args: argparse.Namespace, found: Filters, recipe: Preprocessing | None) -> Shown:
    """What is drawn of the filters, as the options say.

    Raises:
        InputError: there is no such channel.
    """
    undone = list(found.undone)
    factors = np.ones(1)
    if recipe is not None and any(value != 1 for value in recipe.std):
        factors = 1 / np.array(recipe.std)
        undone.append(f"the preprocessing's std ({', '.join(f'{s:.4g}' for s in recipe.std)})")
    values = found.scaled(factors)
    kind = kind_of(found)
    outputs = _chosen(args.channels, values.shape[0], kind.most_filters, "filter", found.alias)
    inputs = _chosen(args.inputs, values.shape[1], kind.most_inputs, "input channel", found.alias)
    if kind is COLOUR and recipe is not None and recipe.order == "bgr":
        undone.append("the order of the channels, blue first")
    notes = [f"undone: {', '.join(undone)}"] if undone else []
    return Shown(
        found,
        values,
        kind,
        outputs,
        inputs,
        args.scale_of,
        "rgb" if recipe is None else recipe.order,
        [*notes, *found.notes],
    )


def _chosen(
    wanted: Sequence[int] | None, count: int, most: int, what: str, layer: str
) -> tuple[int, ...]:
    if wanted is None:
        return tuple(range(min(count, most)))
    if wanted[-1] >= count:
        raise InputError(
            f"{what} {wanted[-1]} is out of range: '{layer}' has {count}; count from 0"
        )
    return tuple(wanted)


def _record(found: Filters, shown: Shown, file: str) -> dict[str, object]:
    return {
        "layer": found.alias,
        "tensor": found.tensor,
        "operator": found.op,
        "shape": list(found.weights.shape),
        "groups": found.groups,
        "drawn_as": shown.kind.name,
        "notes": shown.notes,
        "largest": float(np.abs(shown.values).max()),
        "file": file,
        "shown": list(shown.channels),
        "shown_inputs": list(shown.inputs),
    }
