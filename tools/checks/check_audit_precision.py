"""Files of less precision, audited: docs/AUDIT.md's table of verdicts and of bad calibrations.

    RETROGRAPH_CORPUS=... python tools/checks/check_audit_precision.py [NAME ...]
        [--rows FILE ...] [--json FILE] [--write]

Five classifiers as float16, as bfloat16 weights and as int8 by ONNX Runtime's own tool. Of each
int8 file the scale of one activation is then made wrong, of several layers, one at a time: that
layer has to be ranked first.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

import retrograph

sys.path.append(str(Path(__file__).resolve().parents[1]))

from checkout import SHARED

sys.path.extend(SHARED)

from check_audit import PAGE, written
from check_quantised import Subject, Way, subjects

Array = np.ndarray[Any, Any]

MODELS = (
    "cifar10_cnn",
    "winml_pytorch_cifar",
    "cifar10_resnet_4b",
    "squeezenet_imagenet_fp32",
    "cifar10_sri_resnet_a",
)
WAYS = {
    f"int8 {form}, {'channel' if per_channel else 'tensor'}": Way(form, per_channel, "u8", 13)
    for form in ("QDQ", "QOperator")
    for per_channel in (False, True)
}
FACTORS = (0.15, 25.0)
"""What a scale is multiplied by: values are cut off, or rounded too coarsely."""

PLACES = 3
SPOILT_SHOWN = 1


def in_float16(model: ModelProto) -> ModelProto:
    """By ONNX Runtime's own converter, which leaves inputs and outputs in float32."""
    half: ModelProto = convert_float_to_float16(model, keep_io_types=True)
    return half


def with_bfloat16_weights(model: ModelProto) -> ModelProto:
    """The weights stored as bfloat16 and cast, as ONNX Runtime's CPU has no such convolutions.

    Args:
        model: of opset 13 or later, from which Cast knows bfloat16.
    """
    twin = ModelProto()
    twin.CopyFrom(model)
    casts = []
    for tensor in twin.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            values = numpy_helper.to_array(tensor).astype(ml_dtypes.bfloat16)
            name, tensor.name = tensor.name, f"{tensor.name}_bfloat16"
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *twin.graph.node]
    kept = [v for v in twin.graph.input if v.name not in {c.output[0] for c in casts}]
    del twin.graph.node[:], twin.graph.input[:]
    twin.graph.node.extend(nodes)
    twin.graph.input.extend(kept)
    return twin


@dataclass(frozen=True)
class Row:
    """One audit.

    Attributes:
        model, way: what was audited.
        spoilt: the tensor whose scale is wrong, and how often it is what it should be; "" for none.
        verdict: its name.
        error: the largest relative error of an output.
        cosine: the mean cosine of the guided maps; None where they were not made.
        ranked: the layers that lose the most, of A and of B, with what they lose.
        first: whether the spoilt tensor is ranked first; None without one.
        suspects: how many layers lose more than is explained.
    """

    model: str
    way: str
    spoilt: str
    verdict: str
    error: float
    cosine: float | None
    ranked: list[tuple[str, str, float]]
    first: bool | None
    suspects: int


def audited(
    subject: Subject, way: str, model: ModelProto, spoilt: str = "", factor: float = 1.0
) -> Row:
    """An audit of a file against its source, with maps where nothing is spoilt."""
    source = subject.at(WAYS[way].opset) if way in WAYS else onnx.load(subject.file)
    method = None if spoilt else "guided"
    shown = np.concatenate(subject.shown[: SPOILT_SHOWN if spoilt else None])
    found = retrograph.audit(source, model, shown, method=method)
    ranked = [(each.a, each.b, each.own) for each in found.ranked_layers()[:3]]
    return Row(
        subject.name,
        way,
        f"{spoilt} x {factor:g}" if spoilt else "",
        found.verdict.name,
        max((pair.error for pair in found.outputs), default=float("inf")),
        found.cosine,
        ranked,
        bool(ranked) and _is(ranked[0], spoilt, model) if spoilt else None,
        sum(each.suspect for each in found.layers),
    )


def _is(layer: tuple[str, str, float], spoilt: str, model: ModelProto) -> bool:
    """Whether a layer is what a quantiser gives whose scale was spoilt, or takes by that scale."""
    scale = f"{spoilt}_scale"
    read_by = {
        name
        for number, node in enumerate(model.graph.node)
        if scale in node.input
        for name in (node.name or f"{node.op_type}_{number}", *node.output)
    }
    return layer[1] in read_by or layer[1].split("/")[0] in read_by


def spoilt_files(model: ModelProto) -> Iterator[tuple[str, float, ModelProto]]:
    """The file with the scale of one activation wrong: first, middle and last ones."""
    weights = {t.name: t for t in model.graph.initializer}
    written_by = [name for node in model.graph.node for name in _written_scales(node)]
    scales = [name for name in dict.fromkeys(written_by) if name in weights]
    inner = scales[1:-1]
    for place in range(PLACES):
        name = inner[(len(inner) - 1) * place // (PLACES - 1)]
        for factor in FACTORS:
            changed = ModelProto()
            changed.CopyFrom(model)
            (tensor,) = (t for t in changed.graph.initializer if t.name == name)
            value = numpy_helper.to_array(tensor) * np.float32(factor)
            tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))
            yield name.removesuffix("_scale"), factor, changed


def _written_scales(node: onnx.NodeProto) -> Iterator[str]:
    """The scales of what a node quantises."""
    if node.op_type == "QuantizeLinear":
        yield node.input[1]
    elif node.op_type in ("QLinearConv", "QLinearMatMul"):
        yield node.input[6]


def rows(names: Sequence[str]) -> Iterator[Row]:
    """Every audit of every model."""
    for subject in subjects([*names]) if names else ():
        source = onnx.load(subject.file)
        yield audited(subject, "float16", in_float16(source))
        yield audited(subject, "bfloat16 weights", with_bfloat16_weights(subject.at(13)))
        for way, kind in WAYS.items():
            model = subject.quantised(kind)
            yield audited(subject, way, model)
            for name, factor, changed in spoilt_files(model):
                yield audited(subject, way, changed, name, factor)


def verdict_table(found: Sequence[Row]) -> str:
    """The files as their tools write them."""
    lines = [
        "| model | file | verdict | output off by | mean cosine | loses the most by itself |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        if row.spoilt:
            continue
        cosine = "" if row.cosine is None else f"{row.cosine:.3f}"
        layers = ", ".join(f"{a} {100 * own:.2g} %" for a, _, own in row.ranked)
        lines.append(
            f"| {row.model} | {row.way} | {row.verdict} | {100 * row.error:.2g} % | {cosine} "
            f"| {layers} |"
        )
    return "\n".join(lines)


def spoilt_table(found: Sequence[Row]) -> str:
    """How often a spoilt layer is ranked first, and called more than is explained."""
    counts: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in found:
        if row.spoilt:
            counts[row.model, row.way].append(row)
    lines = ["| model | file | spoilt | ranked first | with a suspect |", "|---|---|---|---|---|"]
    for (model, way), each in counts.items():
        first = sum(bool(row.first) for row in each)
        told = sum(bool(row.suspects) for row in each)
        lines.append(f"| {model} | {way} | {len(each)} | {first} | {told} |")
    return "\n".join(lines)


def main() -> int:
    """Audit everything, print what is not ranked first, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="without any, all; with --rows none")
    parser.add_argument("--rows", type=Path, nargs="*", default=[], help="of runs before, besides")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", action="store_true", help="the tables, into docs/AUDIT.md")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    found = [Row(**row) for file in args.rows for row in json.loads(file.read_text())]
    for row in rows(args.models or ([] if args.rows else MODELS)):
        found.append(row)
        if row.first is False or not row.spoilt:
            print(row, flush=True)
        if args.json:
            args.json.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    parts = {"precision": verdict_table(found), "spoilt": spoilt_table(found)}
    print("\n\n".join(parts.values()))
    if args.write:
        PAGE.write_text(written(PAGE.read_text(), parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
