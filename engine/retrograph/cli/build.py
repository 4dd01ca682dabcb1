"""`retrograph build`: the forward and backward graph as a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from retrograph.cli.options import (
    add_command,
    add_param,
    add_preprocessing,
    add_straight_through,
    chosen_preprocessing,
)
from retrograph.cli.terminal import console, visible
from retrograph.contract import Contract
from retrograph.errors import InputError
from retrograph.explainer import build
from retrograph.ir.builder import DEVICES
from retrograph.ir.passes.to_float16 import PRECISIONS
from retrograph.methods import METHODS
from retrograph.methods.chosen import chosen_methods
from retrograph.model import Model, save
from retrograph.optimized import save_optimized
from retrograph.output import check_folder, check_free
from retrograph.selector import KINDS

_EXAMPLES = """\
  retrograph build net.onnx -o net.guided.onnx
  retrograph build net.onnx -o net.relu3.onnx --layer relu3 --select unit --preprocess imagenet
  retrograph build net.onnx -o net.many.onnx --select unit --many
  retrograph build net.onnx -o net.relu3.gpu.onnx --layer relu3 --no-outputs --device cuda
  retrograph build net.onnx -o net.rect.onnx --method rectgrad --param quantile=0.9

The file needs ONNX Runtime alone. Its inputs are the model's and, by --select:
  top        none: the most active unit of each item is explained
  channel    select int64 [N, 1]: that channel's most active position
  unit       select int64 [N, r]: the unit's index in the layer, without the batch axis
  cotangent  cotangent, of the layer's shape: any weighting of its units
With --many, K units of each item: select [N, K, 1] or [N, K, r], for top select [1], which is K.
Its outputs are the model's (not with --no-outputs) and attribution, score, unit. Its metadata tell
all of this, and how a picture becomes the input. --json prints them: file, nodes, and each property
"retrograph.*".
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "build", "write the backward graph as an ONNX file", _EXAMPLES)
    parser.add_argument("-o", "--output", required=True, metavar="OUT.onnx", help="the new file")
    parser.add_argument(
        "--method",
        metavar="NAME",
        default="guided",
        choices=[*METHODS],
        help="one of `retrograph methods`, guided if left out",
    )
    add_param(parser)
    parser.add_argument("--layer", metavar="NAME", help="the layer to explain (class scores)")
    parser.add_argument("--select", default="top", choices=KINDS, help="how a unit is chosen")
    parser.add_argument("--many", action="store_true", help="K units of an item at once")
    parser.add_argument("--wrt", action="append", metavar="INPUT", help="the input to explain")
    parser.add_argument(
        "--no-outputs",
        dest="outputs",
        action="store_false",
        help="leave out the model's own outputs: nothing behind the layer runs",
    )
    parser.add_argument(
        "--device", default="cpu", choices=DEVICES, help="what the file suits best; it runs on any"
    )
    parser.add_argument(
        "--optimized",
        metavar="OUT.onnx",
        help="also as ONNX Runtime optimises it: starts faster, on this kind of machine alone",
    )
    parser.add_argument(
        "--precision",
        default="float32",
        choices=PRECISIONS,
        help="what is computed in: the model's own types (float32), or float16",
    )
    add_straight_through(parser)
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.add_argument("--json", action="store_true", help="print what was built as JSON")
    add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    out_file = Path(args.output)
    _check_output("-o", out_file, args)
    if args.optimized is not None:
        _check_output("--optimized", Path(args.optimized), args)
        if Path(args.optimized).absolute() == out_file.absolute():
            raise InputError("-o and --optimized name the same file; give each its own name")
    (method,) = chosen_methods(args.method, args.param).values()
    model = Model(args.model)
    with console(stderr=True).status("building"):
        built = build(
            model,
            method=method,
            layer=args.layer,
            select=args.select,
            many=args.many,
            wrt=args.wrt,
            device=args.device,
            outputs=args.outputs,
            precision=args.precision,
            straight_through=args.straight_through is not False,
            preprocessing=chosen_preprocessing(args),
        )
    files = save(built, out_file, force=args.force)
    if args.optimized is not None:
        save_optimized(built, args.optimized, force=args.force)
    contract = Contract.from_properties({p.key: p.value for p in built.metadata_props})
    assert contract is not None
    if args.json:
        properties = contract.to_properties()
        print(json.dumps({"file": args.output, "nodes": len(built.graph.node), **properties}))
        return 0
    out = console()
    size = sum(file.stat().st_size for file in files) / 1e6
    apart = f", its weights in {files[1].name} beside it" if files[1:] else ""
    lines = [
        f"wrote {args.output} ({size:.1f} MB, {len(built.graph.node)} operators){apart}",
        f"{contract.method} from {contract.alias} ('{contract.target}') to "
        f"{', '.join(contract.explained)}, unit by {contract.select}",
        *(f"note: {note}" for note in contract.notes),
    ]
    if args.optimized is not None:
        lines.insert(1, f"wrote {args.optimized}, optimised for this machine's CPU; not portable")
    for line in lines:
        out.print(visible(line), soft_wrap=True)
    return 0


def _check_output(option: str, out: Path, args: argparse.Namespace) -> None:
    """Raises InputError where the file cannot be written, before any work is done."""
    if out.suffix != ".onnx":
        raise InputError(f"{option} {out}: a built graph is an ONNX file; give it the suffix .onnx")
    check_free(out, force=args.force)
    if out.exists() and Path(args.model).exists() and out.samefile(args.model):
        raise InputError(f"{option} {out} would replace the model itself; choose another name")
    check_folder(out.parent)
