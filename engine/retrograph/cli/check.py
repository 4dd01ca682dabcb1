"""`retrograph check`: can a model be explained, by which method, and what stands in the way."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from retrograph.checks import Block, Check, Verdict, check
from retrograph.cli.options import add_command
from retrograph.cli.terminal import console, print_table, shape_text, visible
from retrograph.ir.graph import Tensor
from retrograph.report import Place

_EXAMPLES = """\
  retrograph check net.onnx
  retrograph check net.onnx --layer relu3
  retrograph check net.onnx --json           for a program

The exit code is 0 if at least the gradient can be built, 3 if not, 2 for a mistake in what was
given. Nothing is built and nothing is run.

--json prints an object:
  model             the file                             "net.onnx"
  explainable       whether any method can explain it    true
  target            {tensor, alias, shape}, or null      {"tensor": "y", "alias": "scores", ...}
  inputs            the explained ones, {tensor, shape}  [{"tensor": "x", "shape": ["N", 3, 8, 8]}]
  methods           {name: {possible, reason, notes}}    reason is null where it is possible
  blocked           {node, operator, reason, mend}       every node that stands in the way
  nearest           the last layer before them that can be explained, or null
  relu              {node, operator, tensor}             what guided and deconvnet treat as ReLU
  straight_through  {node, operator, tensor}             what rounds: the cotangent passes unchanged
  smooth            {node, operator, tensor}             activations with their ordinary derivative
  notes             what is to be known of the result by any method, a line each
"""

_SHOWN = 3


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "check", "tell whether a model can be explained", _EXAMPLES)
    parser.add_argument(
        "--layer",
        "--target",
        dest="target",
        metavar="NAME",
        help="the layer to explain (class scores)",
    )
    parser.add_argument(
        "--input", "--wrt", action="append", metavar="INPUT", help="the input to explain"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, all nodes")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    found = check(args.model, target=args.target, wrt=args.input)
    if args.json:
        print(json.dumps(_record(args.model, found), indent=1))
    else:
        _print(args.model, found, console())
    return 0 if found.explainable else 3


def _print(model: str, found: Check, out: Console) -> None:
    possible = [verdict.method for verdict in found.methods if verdict.possible]
    if not possible:
        can = "cannot be explained"
    elif len(possible) == len(found.methods):
        can = "can be explained by every method"
    else:
        can = f"can be explained by {_listed(possible)}"
    out.print(Text(visible(f"{model} {can}"), "bold"), soft_wrap=True)
    out.print()
    print_table(out, (), _facts(found))
    out.print()
    print_table(out, ("method", "possible", "note"), _verdicts(found.methods))
    if found.blocks:
        out.print()
        print_table(out, ("blocks", "node", "why", "mend"), map(_block_row, found.blocks))
    if found.nearest:
        hint = f"the last layer that can be explained is {found.nearest}: --layer {found.nearest}"
        out.print(Text(visible(hint), "dim"), soft_wrap=True)
    kinds = _kinds(found)
    if kinds:
        out.print()
        print_table(out, ("treated as", "operator", "nodes", ""), kinds)
    for note in found.notes:
        out.print(Text(visible(f"note: {note}"), "dim"), soft_wrap=True)


def _facts(found: Check) -> list[tuple[str, ...]]:
    """What was chosen."""
    if found.target is None:
        return [("target", "none")]
    inputs = [("input", *_described(tensor)) for tensor in found.inputs]
    name, shape = _described(found.target)
    alias = "" if found.alias == found.target.name else f"{found.alias} "
    return [("target", f"{alias}{name}", shape), *inputs]


def _described(tensor: Tensor) -> tuple[str, str]:
    return f"'{tensor.name}'", shape_text(tensor.shape)


def _verdicts(verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    last = ""
    for verdict in verdicts:
        text = verdict.reason or "; ".join(verdict.notes)
        again = bool(text) and text == last
        answer = "yes" if verdict.possible else "no"
        rows.append((verdict.method, answer, "likewise" if again else text))
        last = text
    return rows if any(note for *_, note in rows) else [row[:-1] for row in rows]


def _block_row(block: Block) -> tuple[str, ...]:
    return (block.op, block.node, block.reason, block.mend)


def _kinds(found: Check) -> list[tuple[str, ...]]:
    """The nodes that are not treated as every other, by treatment and operator."""
    treatments = {
        "ReLU": found.relu,
        "straight-through": found.straight_through,
        "smooth": found.smooth,
    }
    return [
        (treatment, op, str(len(names)), _shortlist(names))
        for treatment, places in treatments.items()
        for op, names in _by_operator(places).items()
    ]


def _by_operator(places: Iterable[Place]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place in places:
        found.setdefault(place.op, []).append(place.node)
    return found


def _shortlist(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _record(model: str, found: Check) -> dict[str, Any]:
    target = found.target
    return {
        "model": model,
        "explainable": found.explainable,
        "target": None if target is None else _tensor(target, alias=found.alias),
        "inputs": [_tensor(tensor) for tensor in found.inputs],
        "methods": {
            verdict.method: {
                "possible": verdict.possible,
                "reason": verdict.reason or None,
                "notes": list(verdict.notes),
            }
            for verdict in found.methods
        },
        "blocked": [
            {"node": b.node, "operator": b.op, "reason": b.reason, "mend": b.mend}
            for b in found.blocks
        ],
        "nearest": found.nearest,
        "relu": _places(found.relu),
        "straight_through": _places(found.straight_through),
        "smooth": _places(found.smooth),
        "notes": list(found.notes),
    }


def _tensor(tensor: Tensor, **more: str) -> dict[str, Any]:
    shape = None if tensor.shape is None else list(tensor.shape)
    return {"tensor": tensor.name, **more, "shape": shape}


def _places(places: Iterable[Place]) -> list[dict[str, str]]:
    return [{"node": p.node, "operator": p.op, "tensor": p.tensor} for p in places]
