"""`retrograph layers`: what can be explained."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.text import Text

from retrograph.cli import options, outputs
from retrograph.cli.terminal import console, visible
from retrograph.errors import InputError
from retrograph.ir.op_traits import ACTIVATIONS
from retrograph.layers import Layer, Layers
from retrograph.model import SCORES, Model
from retrograph.results.base import json_text

_MAIN = {"conv", "deconv", "relu", "pool", "gap", "gmp", "fc", "add", "concat", "softmax", "bn"}
_MAIN |= {"lstm", "gru", "rnn"}
_NARROWEST = 16
_LEAST_OPERATOR = 8


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(commands, "layers")
    parser.add_argument("--all", action="store_true")
    outputs.add_json(parser, "as JSON, all tensors")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    model = Model(args.model)
    layers = model.layers()
    target = _default_target(model)
    if args.json:
        print(json_text([layer.to_dict(target) for layer in layers]))
        return 0
    shown = Layers(
        x for x in layers if args.all or x.is_relu or _kind(x) in _MAIN or x.tensor.name == target
    )
    out = console()
    cells = [tuple(map(visible, row)) for row in shown.rows()]
    headings, *rows = _fitted([Layers.headings, *cells], out.width)
    out.print(Text(headings, "bold"), soft_wrap=True)
    for row in rows:
        out.print(row, soft_wrap=True)
    for line in _summary(model, layers, len(layers) - len(shown), target):
        out.print(Text(line, "dim"))
    return 0


def _default_target(model: Model) -> str | None:
    """What is explained if no layer is given; None if the outputs are nothing to explain."""
    try:
        return model.target(None)
    except InputError:
        return None


def _fitted(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """The rows as lines of a table that fits the width.

    The tensors' names are shortened in the middle, or left out where hardly anything would be
    left of them; then the operators' names are shortened.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(Layers.headings))]
    room = width - sum(widths[:-1]) - 2 * len(widths[:-1])
    columns = len(Layers.headings)
    if room < _NARROWEST:
        columns -= 1
        widths[1] = max(_LEAST_OPERATOR, widths[1] + min(0, room + 2))
    else:
        widths[-1] = min(widths[-1], room)
    return ["  ".join(_cells(row[:columns], widths)).rstrip() for row in rows]


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = []
    for heading, cell, width in zip(Layers.headings, row, widths, strict=False):
        text = _shortened(cell, width)
        cells.append(text.rjust(width) if heading in ("sees", "step") else text.ljust(width))
    return cells


def _shortened(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    tail = (width - 1) * 2 // 3
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def _kind(layer: Layer) -> str:
    return layer.alias.rstrip("0123456789")


def _summary(model: Model, layers: Layers, hidden: int, target: str | None) -> list[str]:
    relus = sum(layer.is_relu for layer in layers)
    smooth = sorted({x.op for x in layers if x.op in ACTIVATIONS and not x.is_relu})
    nodes = "node is" if relus == 1 else "nodes are"
    parts = [f"{relus} {nodes} treated as ReLU by guided and deconvnet"]
    if smooth:
        parts.append(f"ordinary derivative: {', '.join(smooth)}")
    if hidden:
        parts.append(f"{hidden} more with --all")
    alias = next((x.alias for x in layers if x.tensor.name == target), None)
    default = [f"explained if no layer is given: {alias} ({SCORES})"] if alias else []
    contract = model.contract
    built = [] if contract is None else ["a graph that retrograph has built: layers of both passes"]
    return ["; ".join(parts), *default, *built]
