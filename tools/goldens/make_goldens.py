#!/usr/bin/env python3
"""Make the golden files: small networks as ONNX, and their attributions according to PyTorch.

    python tools/goldens/make_goldens.py [--output tests/goldens/networks] [--only resnet,vgg]

For every network of `golden_models.py` this writes `<network>__<variant>.onnx` for each export and
each rewritten spelling, and one `<network>.npz` that all of them share; `index.json` lists the
variants. The attributions are computed in float64 and stored as float32. Every file is checked in
onnxruntime against torch. All seeds are fixed, so a second run writes the same bytes.

Needs torch (a CPU build), captum, onnx, onnxscript and onnxruntime.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import ModelProto
from torch import Tensor, nn

# isort: split
import golden_edits as edits
from golden_models import ARCHS, Arch, initialise
from golden_rules import (
    Golden,
    captum_attribute,
    check_first_maximum,
    difference,
    reference,
    rejection,
)

BATCH = 2
MAX_SEEDS = 400
MAX_MODEL_BYTES = 150_000
MAX_TOTAL_BYTES = 4_000_000
ROOT = Path(__file__).resolve().parents[2]
DEFAULT_OUTPUT = ROOT / "tests" / "goldens" / "networks"


@dataclass
class Variant:
    """One ONNX file: its name after the double underscore, and where it comes from."""

    name: str
    exporter: str
    note: str
    model: ModelProto


class SoftmaxOutput(nn.Module):
    """The exported form of a network that ends in a softmax."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores, features = self.model(x)
        return torch.softmax(scores, 1), features


# --- networks and inputs --------------------------------------------------------------------------


def draw(arch: Arch, batch: int, seed: int) -> Tensor:
    """Normal noise rounded to the grid of the architecture, exact in float32."""
    g = torch.Generator().manual_seed(seed)
    noise = torch.randn((batch, *arch.shape), generator=g, dtype=torch.float64)
    return (noise / arch.step).round() * arch.step


def build(arch: Arch, number: int) -> nn.Module:
    torch.manual_seed(number)
    return initialise(arch.build(), draw(arch, 32, 1000 + number), number)


def find_golden(model: nn.Module, arch: Arch, name: str) -> tuple[Golden, int]:
    """The reference for the first input seed that a float32 engine can be held to."""
    wide = copy.deepcopy(model).double()
    reasons: dict[str, int] = {}
    for seed in range(MAX_SEEDS):
        golden = reference(wide, draw(arch, BATCH, seed))
        reason = rejection(model, golden)
        if reason is None:
            return golden, seed
        reasons[reason] = reasons.get(reason, 0) + 1
    raise RuntimeError(f"{name}: no input seed will do: {reasons}")


def save_arrays(path: Path, golden: Golden, softmax: bool) -> dict[str, np.ndarray]:
    arrays: dict[str, Tensor] = {"x": golden.x.float()}
    for t, target in enumerate(("scores", "features")):
        arrays[target] = golden.outputs[t].float()
        arrays[f"unit_{target}"] = golden.units[t]
    for (method, t), values in golden.attributions.items():
        arrays[f"{method}_{('scores', 'features')[t]}"] = values.float()
    if softmax:
        arrays["probs"] = torch.softmax(golden.outputs[0], 1).float()
    plain: dict[str, Any] = {
        name: np.ascontiguousarray(tensor.numpy()) for name, tensor in arrays.items()
    }
    np.savez_compressed(path, **plain)
    return plain


# --- exports --------------------------------------------------------------------------------------


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporters, which warn about their own deprecation on every call."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def export(model: nn.Module, arch: Arch, how: str) -> ModelProto:
    """`ts<opset>`: TorchScript, which keeps each BatchNorm up to opset 11. `dynamo`: opset 18."""
    names = ["probs" if arch.softmax else "scores", "features"]
    model = SoftmaxOutput(copy.deepcopy(model)) if arch.softmax else copy.deepcopy(model)
    x = draw(arch, BATCH, 0).float()
    common: dict[str, Any] = {"input_names": ["x"], "output_names": names}
    with quiet():
        if how == "dynamo":
            program: Any = torch.onnx.export(
                model.eval(),
                (x,),
                dynamo=True,
                opset_version=18,
                external_data=False,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                **common,
            )
            proto = program.model_proto
        else:
            opset = int(how.removeprefix("ts"))
            keep = opset <= 11
            mode = torch.onnx.TrainingMode
            buffer: Any = io.BytesIO()
            torch.onnx.export(
                model.eval(),
                (x,),
                buffer,
                dynamo=False,
                opset_version=opset,
                dynamic_axes={name: {0: "batch"} for name in ["x", *names]},
                training=mode.PRESERVE if keep else mode.EVAL,
                do_constant_folding=not keep,
                **common,
            )
            proto = onnx.load_from_string(buffer.getvalue())
    edits.strip(proto)
    return proto


def variants(model: nn.Module, arch: Arch, name: str) -> list[Variant]:
    exporters = {how: "dynamo" if how == "dynamo" else "torchscript" for how in arch.exports}
    exports = [Variant(how, exporters[how], "", export(model, arch, how)) for how in arch.exports]
    by_name = {variant.name: variant.model for variant in exports}

    def add(variant: str, note: str, proto: ModelProto) -> None:
        exports.append(Variant(variant, "torchscript", f"rewritten by hand: {note}", proto))

    if name == "vgg":
        note = "Relu as Max, Where, x*Cast(x>0), ThresholdedRelu(0), Clip(0,), Relu, Max(0,x)"
        add("relu_forms", note, edits.respell(by_name["ts17"], "Relu", edits.RELU))
    elif name == "mobilenetv2":
        proto = edits.respell(by_name["ts17"], "Clip", [edits.relu6_min_max])
        add("relu6_min_max", "ReLU6 as Min(Max(x,0),6)", proto)
        note = "ReLU6 as Min(Relu(x),6), Max(0,Min(6,x)), Clip(Relu(x),,6), Min(Max(x,0),6)"
        add("relu6_forms", note, edits.respell(by_name["ts17"], "Clip", edits.RELU6))
    elif name == "se_hardswish":
        proto = edits.respell(by_name["ts17"], "HardSwish", [edits.hard_swish_clip])
        proto = edits.respell(proto, "HardSigmoid", [edits.hard_sigmoid_clip])
        add("clip", "hard swish x*Clip(x+3,0,6)/6, hard sigmoid Clip(x+3,0,6)/6", proto)
        proto = edits.respell(by_name["ts17"], "HardSwish", [edits.hard_swish_min_max])
        proto = edits.respell(proto, "HardSigmoid", [edits.hard_sigmoid_min_max])
        add("min_max", "hard sigmoid Min(Max(3+x,0),6)*(1/6), hard swish x times that", proto)
    elif name == "asym_stride":
        lrn: Any = model.lrn
        proto = export(model, arch, "ts9")
        options: dict[str, float] = {"alpha": lrn.alpha, "beta": lrn.beta, "bias": lrn.k}
        proto = edits.fold_lrn(proto, "/lrn/", lrn.size, **options)
        add("ts9_lrn", "local response normalisation folded into one LRN", proto)
    return exports


# --- checks ---------------------------------------------------------------------------------------


def check_onnx(proto: ModelProto, arrays: dict[str, np.ndarray]) -> tuple[float, bool]:
    """Run without graph optimisation; the greatest difference, and whether one item runs too."""
    onnx.checker.check_model(proto, full_check=True)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers)
    names = [output.name for output in session.get_outputs()]
    any_batch = not isinstance(session.get_inputs()[0].shape[0], int)
    worst = 0.0
    for items in (BATCH, 1) if any_batch else (BATCH,):
        outputs = session.run(names, {"x": arrays["x"][:items]})
        for name, output in zip(names, outputs, strict=True):
            expected = arrays[name][:items]
            if output.shape != expected.shape:
                raise RuntimeError(f"{name} has shape {output.shape}, not {expected.shape}")
            worst = max(worst, float(np.abs(output - expected).max()))
    if not worst < 1e-4:
        raise RuntimeError(f"onnxruntime differs from torch by {worst:.2e}")
    return worst, any_batch


def check_relus(proto: ModelProto, golden: Golden) -> None:
    """The replaced functions saw as many ReLUs as the exported graph has."""
    nodes = sum(node.op_type in ("Relu", "Clip") for node in proto.graph.node)
    if nodes != len(golden.log.alive):
        raise RuntimeError(f"{len(golden.log.alive)} ReLUs ran, {nodes} were exported")


def check_no_paths(data: bytes) -> None:
    here = [
        sys.prefix,
        str(ROOT),
        str(Path.cwd()),
        tempfile.gettempdir(),
    ]
    for word in [*here, str(Path.home()), "site-packages", ".py"]:
        if len(word) > 1 and word.encode() in data:
            raise RuntimeError(f"the file contains {word!r}")


def captum_cell(model: nn.Module, golden: Golden, which: int, method: str) -> str:
    wide = copy.deepcopy(model).double()
    try:
        theirs = captum_attribute(wide, which, golden.x, golden.units[which], method)
    except RuntimeError as error:
        return "fails: " + str(error).split(".")[0].split(" is ")[0][:40]
    return f"{difference(theirs, golden.attributions[method, which]):.1e}"


# --- the run --------------------------------------------------------------------------------------


def make(name: str, output: Path) -> list[dict[str, Any]]:
    arch = ARCHS[name]
    model = build(arch, list(ARCHS).index(name))
    golden, seed = find_golden(model, arch, name)
    arrays = save_arrays(output / f"{name}.npz", golden, arch.softmax)
    size = (output / f"{name}.npz").stat().st_size
    log = golden.log
    print(f"\n{name}: input seed {seed}, npz {size:,} bytes, {len(log.alive)} ReLUs alive ", end="")
    print(" ".join(f"{share:.2f}" for share in log.alive))
    if log.capped:
        print("  at the cap", " ".join(f"{share:.2f}" for share in log.capped))
    for which, target in enumerate(("scores", "features")):
        guided, deconvnet = (captum_cell(model, golden, which, m) for m in ("guided", "deconvnet"))
        print(f"  captum on {target:8}  guided {guided:10}  deconvnet {deconvnet}")

    entries = []
    for variant in variants(model, arch, name):
        proto = variant.model
        worst, any_batch = check_onnx(proto, arrays)
        if not variant.note:
            check_relus(proto, golden)
        data = proto.SerializeToString(deterministic=True)
        check_no_paths(data)
        if len(data) > MAX_MODEL_BYTES:
            raise RuntimeError(f"{name} {variant.name} has {len(data):,} bytes")
        path = output / f"{name}__{variant.name}.onnx"
        path.write_bytes(data)
        ops = len({node.op_type for node in proto.graph.node})
        print(f"  {path.name:38} {len(data):7,} bytes  {ops:2} kinds of node  ort {worst:.1e}")
        explained = next(
            (node.input[0] for node in proto.graph.node if node.op_type == "Softmax"), "scores"
        )
        entries.append(
            {
                "file": path.name,
                "arrays": f"{name}.npz",
                "arch": name,
                "variant": variant.name,
                "exporter": variant.exporter,
                "opset": next(o.version for o in proto.opset_import if not o.domain),
                "batch": "symbolic" if any_batch else BATCH,
                "scores_tensor": explained,
                "features_tensor": "features",
                "note": variant.note,
                "torch": torch.__version__,
            }
        )
    return entries


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    parser.add_argument("--only", default="", help="networks, separated by commas")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    check_first_maximum()

    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    names = arguments.only.split(",") if arguments.only else list(ARCHS)
    for name in names:
        for old in [*output.glob(f"{name}__*.onnx"), output / f"{name}.npz"]:
            old.unlink(missing_ok=True)
    entries = [entry for name in names for entry in make(name, output)]
    index = output / "index.json"
    if arguments.only and index.exists():
        entries += [e for e in json.loads(index.read_text()) if e["arch"] not in names]
    entries.sort(key=lambda entry: (list(ARCHS).index(entry["arch"]), entry["file"]))
    index.write_text(json.dumps(entries, indent=1) + "\n")
    total = sum(path.stat().st_size for path in output.iterdir())
    print(f"\n{len(entries)} ONNX files, {total:,} bytes in all")
    if total > MAX_TOTAL_BYTES:
        print(f"error: more than {MAX_TOTAL_BYTES:,} bytes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
