#!/usr/bin/env python3
"""Make the golden attributions of every family of methods, by the tools that define them.

    python tools/goldens/make_method_goldens.py [--output tests/goldens/methods] [--only vgg,cnn1d]

For every network of `method_networks.py` this writes `<network>__<export>.onnx` for each export and
one `<network>.npz` with the input, whatever is random or free, and the attributions of two items;
`index.json` lists the files and says how each array was made. Attributions are computed in float64
and stored as float32. The input is the first whose attributions a float32 engine can be held to.

Needs an environment of its own: torch (a CPU build), captum, zennit, grad-cam with what it imports,
onnx, onnxscript and onnxruntime. All seeds are fixed, so a second run writes the same bytes.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

import argparse
import copy
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# isort: split
from golden_models import Arch
from golden_rules import check_first_maximum, difference, nudged, relu_rule
from make_goldens import build, check_no_paths, check_onnx, draw, export
from method_case import DRAWS, NOISE, STDEV, STEPS, Case, draw_case
from method_gradients import (
    Arrays,
    activation_maps,
    deeplift,
    formulas,
    gradient_family,
    guided_grad_cam,
    rectgrad,
)
from method_networks import NETWORKS, scores_of
from method_relevance import RELEVANCES, relevances

ITEMS = 2
MAX_SEEDS = 600
MAX_TOTAL_BYTES = 4_000_000
DEFAULT_OUTPUT = Path(__file__).resolve().parents[2] / "tests" / "goldens" / "methods"
Family = Callable[[nn.Module, Case], Arrays]
FAMILIES = (gradient_family, activation_maps, guided_grad_cam, deeplift, rectgrad, relevances)
TOOLS = ("torch", "captum", "zennit", "grad-cam", "onnx", "onnxruntime")


def attributions(model: nn.Module, case: Case, families: Sequence[Family] = FAMILIES) -> Arrays:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {k: v.detach() for family in families for k, v in family(model, case).items()}


# --- the input ------------------------------------------------------------------------------------


def choose(model: nn.Module, arch: Arch, seed: int) -> Case | str:
    """The case of one seed: the first item's best class, the second item's second best."""
    x = draw(arch, ITEMS, seed)
    with torch.no_grad(), relu_rule("gradient") as log:
        ranked = model(x)[0].sort(dim=1, descending=True)
    classes = torch.stack([ranked.indices[0, 0], ranked.indices[1, 1]])
    if classes[0] == classes[1]:
        return "the items share their class"
    if min(ranked.values[0, 0], ranked.values[1, 1]) < 0.1:
        return "a score is too small"
    if not all(0.03 < share < 0.97 for share in log.alive):
        return "a ReLU is dead or idle"
    if log.capped and sum(share > 0 for share in log.capped) < 2:
        return "ReLU6 hardly reaches its cap"
    return draw_case(seed, x, classes, arch.step)


def apart(a: Arrays, b: Arrays) -> tuple[float, str]:
    """The greatest relative difference, and where; a tool's known mistakes are not looked at."""
    keys = [key for key in b if not key.endswith("captum")]
    return max((difference(a[key], b[key]), key) for key in keys)


def unstable(model: nn.Module, case: Case) -> str | None:
    """Why a float32 engine could not reproduce the attributions, or None."""
    narrow, near = copy.deepcopy(model).float(), [nudged(model, 3e-7, seed) for seed in range(3)]
    for family in FAMILIES:
        exact = attributions(model, case, [family])
        gap, key = apart(attributions(narrow, case.to(torch.float32), [family]), exact)
        if not gap < 2e-5:
            return f"float32 disagrees on {key}"
        for other in near:
            gap, key = apart(attributions(other, case, [family]), exact)
            if not gap < 5e-5:
                return f"close to a kink of {key}"
    return None


def find_case(model: nn.Module, arch: Arch, name: str) -> Case:
    reasons: dict[str, int] = {}
    for seed in range(MAX_SEEDS):
        case = choose(model, arch, seed)
        reason = case if isinstance(case, str) else unstable(model, case)
        if isinstance(case, Case) and reason is None:
            return case
        reasons[str(reason)] = reasons.get(str(reason), 0) + 1
    raise RuntimeError(f"{name}: no input seed will do: {reasons}")


# --- what is said about each array ----------------------------------------------------------------


def describe(key: str) -> dict[str, Any]:
    """The method, the tool and the parameters of one array."""
    method, _, variant = key.partition("__")
    tool, parameters = "captum", {}
    if method == "gradient":
        tool = "torch"
    elif method == "integrated-gradients":
        scheme, _, baseline = variant.rpartition("_")
        parameters = {"scheme": scheme, "steps": STEPS, "baseline": baseline}
    elif method in ("smoothgrad", "vargrad"):
        parameters = {"samples": NOISE, "stdev": STDEV}
    elif method == "expected-gradients":
        parameters = {"samples": DRAWS}
    elif method in ("grad-cam", "grad-cam-plus-plus", "layer-cam"):
        tool, parameters = "grad-cam", {"layer": "features", "map": variant or "raw"}
    elif method == "guided-grad-cam":
        tool = "captum" if variant else "captum, relu_rule"
        parameters = {"layer": "features", "enlarge": "nearest"}
    elif method == "deeplift-rescale":
        baseline, _, as_it_stands = variant.partition("_")
        tool = "captum" if as_it_stands else "captum, mended"
        parameters = {"baseline": baseline}
    elif method == "rectgrad":
        percentile, _, closed = variant.partition("_")
        plateau = "closed" if closed else "open"
        tool, parameters = "torch", {"percentile": int(percentile[1:]), "relu6_plateau": plateau}
    elif key in RELEVANCES:
        relevance = RELEVANCES[key]
        tool = "zennit"
        parameters = {**relevance.options, "stabilizer": 1e-6, "start": relevance.start}
    return {"key": key, "method": method, "tool": tool, "parameters": parameters}


def report(model: nn.Module, case: Case, arrays: Arrays) -> None:
    """Print what sums to what: relevance to its start, completeness to a difference of scores."""
    with torch.no_grad():
        scores = scores_of(model, case.x, case.classes)
        at = {
            "zero": scores_of(model, 0 * case.x, case.classes),
            "baseline": scores_of(model, case.baseline.expand_as(case.x), case.classes),
        }
    for key, array in formulas(model, case).items():
        print(f"  {key:42} formula differs by {difference(array, arrays[key]):.1e}")
    for key, array in arrays.items():
        sums, said = array.flatten(1).sum(1), describe(key)
        if said["tool"] == "zennit":
            goal = torch.ones(ITEMS) if said["parameters"]["start"] == "one" else scores
        elif "baseline" in said["parameters"]:
            goal = scores - at[said["parameters"]["baseline"]]
        else:
            continue
        shares = " ".join(f"{a:9.5f} of {b:9.5f}" for a, b in zip(sums, goal, strict=True))
        print(f"  {key:42} sums to {shares}")


# --- files ----------------------------------------------------------------------------------------


def save(path: Path, model: nn.Module, case: Case, arrays: Arrays) -> dict[str, np.ndarray]:
    with torch.no_grad():
        scores, features = model(case.x)
    free = {name: getattr(case, name) for name in Case.__dataclass_fields__ if name != "seed"}
    tensors: dict[str, Tensor] = {**free, "scores": scores, "features": features, **arrays}
    plain: dict[str, Any] = {
        name: np.ascontiguousarray((t.float() if t.is_floating_point() else t).numpy())
        for name, t in tensors.items()
    }
    np.savez_compressed(path, **plain)
    return plain


def make(name: str, output: Path) -> dict[str, Any]:
    arch = NETWORKS[name]
    model = build(arch, list(NETWORKS).index(name)).double()
    case = find_case(model, arch, name)
    arrays = attributions(model, case)
    stored = save(output / f"{name}.npz", model, case, arrays)
    size = (output / f"{name}.npz").stat().st_size
    print(f"\n{name}: input seed {case.seed}, npz {size:,} bytes, {len(arrays)} attributions")
    report(model, case, arrays)
    files = []
    for how in arch.exports:
        proto = export(copy.deepcopy(model).float(), arch, how)
        worst, any_batch = check_onnx(proto, stored)
        data = proto.SerializeToString(deterministic=True)
        check_no_paths(data)
        path = output / f"{name}__{how}.onnx"
        path.write_bytes(data)
        kinds = {node.op_type for node in proto.graph.node}
        print(f"  {path.name:42} {len(data):,} bytes, onnxruntime differs by {worst:.1e}")
        files.append(
            {
                "file": path.name,
                "opset": next(o.version for o in proto.opset_import if not o.domain),
                "batch": "symbolic" if any_batch else ITEMS,
                "batchnorm": "kept" if "BatchNormalization" in kinds else "none",
            }
        )
    keys = [describe(key) for key in arrays]
    return {"arch": name, "arrays": f"{name}.npz", "files": files, "attributions": keys}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    parser.add_argument("--only", default="", help="networks, separated by commas")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)  # Captum unpools
    check_first_maximum()

    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    names = arguments.only.split(",") if arguments.only else list(NETWORKS)
    index = output / "index.json"
    networks = json.loads(index.read_text())["networks"] if index.exists() else []
    networks = [entry for entry in networks if entry["arch"] not in names]
    for name in names:
        for old in [*output.glob(f"{name}__*.onnx"), output / f"{name}.npz"]:
            old.unlink(missing_ok=True)
        networks.append(make(name, output))
    networks.sort(key=lambda entry: list(NETWORKS).index(entry["arch"]))
    tools = {tool: version(tool) for tool in TOOLS}
    index.write_text(json.dumps({"tools": tools, "networks": networks}, indent=1) + "\n")
    total = sum(path.stat().st_size for path in output.iterdir())
    print(f"\n{total:,} bytes in all")
    if total > MAX_TOTAL_BYTES:
        print(f"error: more than {MAX_TOTAL_BYTES:,} bytes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
