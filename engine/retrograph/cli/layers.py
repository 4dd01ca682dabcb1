"""`retrograph layers`: what can be explained."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.table import Table

from retrograph.cli.options import add_command, console
from retrograph.layers import Layer
from retrograph.model import Model

_EXAMPLES = """\
  retrograph layers net.onnx
  retrograph layers net.onnx --all           every tensor, not only the main kinds
  retrograph layers net.onnx --json          for a program
"""

_MAIN = ("conv", "deconv", "relu", "pool", "gap", "gmp", "fc", "add", "concat", "softmax", "bn")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "layers", "list what can be explained, by name", _EXAMPLES)
    parser.add_argument("--all", action="store_true", help="every tensor, reshapes included")
    parser.add_argument("--json", action="store_true", help="as JSON, all tensors")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    model = Model(args.model)
    found = model.layers()
    target = model.target(None)
    if args.json:
        print(json.dumps([_record(layer, target) for layer in found], indent=1))
        return 0
    shown = [
        x for x in found if args.all or x.is_relu or _kind(x) in _MAIN or x.tensor.name == target
    ]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("alias", "operator", "shape"):
        table.add_column(heading, no_wrap=True)
    table.add_column("sees", justify="right", no_wrap=True)
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("ReLU", no_wrap=True)
    table.add_column("tensor", overflow="ellipsis", no_wrap=True)
    for layer in shown:
        sees, step = _field(layer)
        name = f"[bold]{layer.tensor.name}[/] (default: scores)"
        table.add_row(
            layer.alias,
            layer.op,
            _shape(layer),
            sees,
            step,
            "yes" if layer.is_relu else "",
            name if layer.tensor.name == target else layer.tensor.name,
        )
    out = console()
    out.print(table)
    out.print(_summary(found, len(found) - len(shown)))
    return 0


def _kind(layer: Layer) -> str:
    return layer.alias.rstrip("0123456789")


def _shape(layer: Layer) -> str:
    shape = layer.tensor.shape
    if shape is None:
        return "?"
    return " x ".join("?" if d is None else str(d) for d in shape)


def _field(layer: Layer) -> tuple[str, str]:
    """The receptive field's size and stride."""
    if layer.field is None:
        return "all", ""
    size, _, step = str(layer.field).partition(" / ")
    return size, step


def _summary(found: list[Layer], hidden: int) -> str:
    relus = sum(layer.is_relu for layer in found)
    smooth = sorted({x.op for x in found if x.op in _SMOOTH and not x.is_relu})
    parts = [f"{relus} nodes are treated as ReLU by guided and deconvnet"]
    if smooth:
        parts.append(f"{', '.join(smooth)} take their ordinary derivative")
    if hidden:
        parts.append(f"{hidden} more tensors with --all")
    return "[dim]" + "; ".join(parts) + "[/]"


_SMOOTH = {"LeakyRelu", "PRelu", "Elu", "Selu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish"}
_SMOOTH |= {"Softplus", "Mish", "Gelu", "Celu", "Softsign", "ThresholdedRelu"}


def _record(layer: Layer, target: str) -> dict[str, Any]:
    sees, step = _field(layer)
    return {
        "alias": layer.alias,
        "tensor": layer.tensor.name,
        "operator": layer.op,
        "dtype": layer.tensor.dtype.name,
        "shape": None if layer.tensor.shape is None else list(layer.tensor.shape),
        "receptive_field": sees,
        "stride": step or None,
        "relu": layer.is_relu,
        "default_target": layer.tensor.name == target,
    }
