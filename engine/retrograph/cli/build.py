"""`retrograph build`: the forward and backward graph as a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from retrograph.cli.options import (
    add_command,
    add_preprocessing,
    chosen_preprocessing,
    console,
    stored_preprocessing,
)
from retrograph.contract import Contract
from retrograph.methods import METHODS
from retrograph.model import Model, save
from retrograph.selector import KINDS

_EXAMPLES = """\
  retrograph build net.onnx -o net.guided.onnx
  retrograph build net.onnx -o net.relu3.onnx --layer relu3 --select unit --preprocess imagenet
  retrograph build net.onnx -o net.many.onnx --select unit --many

The file needs ONNX Runtime alone. Its inputs are the model's and, by --select:
  top        none: the most active unit of each item is explained
  channel    select int64 [N, 1]: that channel's most active position
  unit       select int64 [N, r]: the unit's index in the layer, without the batch axis
  cotangent  cotangent, of the layer's shape: any weighting of its units
Its outputs are the model's and attribution, score, unit.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = add_command(commands, "build", "write the backward graph as an ONNX file", _EXAMPLES)
    parser.add_argument("-o", "--output", required=True, metavar="OUT.onnx", help="the new file")
    parser.add_argument("--method", default="guided", choices=[*METHODS])
    parser.add_argument("--layer", metavar="NAME", help="the layer to explain (class scores)")
    parser.add_argument("--select", default="top", choices=KINDS, help="how a unit is chosen")
    parser.add_argument("--many", action="store_true", help="K units of an item at once")
    parser.add_argument("--wrt", action="append", metavar="INPUT", help="the input to explain")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.add_argument("--json", action="store_true", help="print what was built as JSON")
    add_preprocessing(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    model = Model(args.model)
    request = model.request(
        method=args.method,
        target=args.layer,
        select=args.select,
        many=args.many,
        wrt=args.wrt,
    )
    preprocessing = chosen_preprocessing(args) or stored_preprocessing(model)
    if preprocessing is not None:
        shape = model.tensor(request.sources[0]).shape
        preprocessing = preprocessing if shape is None else preprocessing.for_shape(shape)
    built = model.build(request, preprocessing.to_json() if preprocessing else "")
    save(built, args.output, force=args.force)
    contract = Contract.from_properties({p.key: p.value for p in built.metadata_props})
    assert contract is not None
    if args.json:
        properties = contract.to_properties()
        print(json.dumps({"file": args.output, "nodes": len(built.graph.node), **properties}))
        return 0
    out = console()
    size = Path(args.output).stat().st_size / 1e6
    out.print(
        f"wrote {args.output} ({size:.1f} MB, {len(built.graph.node)} operators)\n"
        f"{contract.method} from {contract.alias} ('{contract.target}') to "
        f"{', '.join(contract.explained)}, unit by {contract.select}"
    )
    for note in contract.notes:
        out.print(f"note: {note}")
    return 0
