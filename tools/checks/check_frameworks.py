"""Does retrograph agree with the framework that a model comes from? One row for each model.

    python tools/zoo/zoo_tf.py OUT   # in TensorFlow's environment; zoo_torch, zoo_paddle, zoo_jax
    python tools/checks/check_frameworks.py OUT [--only NAME] [--failed] [--json FILE]

For each NAME.onnx with a NAME.npz in the folder: the layers are listed, the three methods built and
run with ONNX Runtime's default optimisations and with none, the forward outputs compared with those
of the source file, the attributions with the framework's own; then K = 3 units in one run, and the
items of a batch alone. Differences are relative to the largest value. "exporter" says that the file
itself does not run or is not what its framework computes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from rich.console import Console
from rich.table import Table

from retrograph.errors import RetrographError, UnsupportedError
from retrograph.model import Model

METHODS = ("gradient", "deconvnet", "guided")
LIMIT = 1e-3
UNITS = 3

Array = np.ndarray[Any, Any]
Feeds = Mapping[str, Array]


@dataclass
class Row:
    """What was seen of one model; differences relative to the largest value."""

    model: str
    opset: str = ""
    layers: int = 0
    exported: float = 0.0
    forward: float = 0.0
    methods: dict[str, float] = field(default_factory=dict)
    plain: float = 0.0
    many: float | None = None
    alone: float | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def worst(self) -> float:
        differences = [self.forward, self.plain, *self.methods.values()]
        return max(differences + [v for v in (self.many, self.alone) if v is not None])

    @property
    def result(self) -> str:
        if self.exported > LIMIT:
            return "exporter"
        if self.problems:
            return "refused" if all(p.startswith("refused") for p in self.problems) else "error"
        return "ok" if self.worst <= LIMIT else "differs"


def main() -> int:
    """Check every model of a folder, print the table, and fail where one is not right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--failed", action="store_true", help="print only what is not right")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    args = parser.parse_args()
    rows = []
    for reference in sorted(args.folder.rglob("*.npz")):
        if args.only in reference.stem and reference.with_suffix(".onnx").exists():
            rows.append(check(reference))
            print(_line(rows[-1]), file=sys.stderr, flush=True)
    if args.json:
        args.json.write_text(json.dumps([asdict(r) | {"result": r.result} for r in rows], indent=1))
    _print([row for row in rows if not args.failed or row.result != "ok"])
    return 0 if all(row.result == "ok" for row in rows) else 1


def check(reference: Path) -> Row:
    """All that is checked of one model."""
    row = Row(reference.stem)
    with np.load(reference) as file:
        said = dict(file)
    row.opset = str(said["opset"])
    try:
        row.exported = _exported(onnx.load(reference.with_suffix(".onnx")), said)
        if row.exported > LIMIT:
            return row
        source = Model(reference.with_suffix(".onnx"))
        row.layers = len(source.layers())
        feeds = {source.inputs[0].name: said["x"]}
        for method in METHODS:
            if method == "gradient" or source.graph.relu_like:
                _check_method(row, source, method, feeds, said)
        _check_many(row, source, feeds)
        _check_alone(row, source, feeds)
    except RetrographError as error:
        row.problems.append(f"refused: {_reason(error)}")
    except Exception as error:  # whatever breaks is what this tool is for
        row.problems.append(f"{type(error).__name__}: {str(error)[:400]}")
    return row


def _exported(model: onnx.ModelProto, said: Feeds) -> float:
    """How far the file itself is from its framework; infinite where it does not run.

    A softmax behind the scores is undone.
    """
    names = {t.name for t in model.graph.initializer}
    name = next(v.name for v in model.graph.input if v.name not in names)
    try:
        exported = next(iter(_run(model, {name: said["x"]}, optimised=False).values()))
    except Exception:  # an invalid model, or a kernel that ONNX Runtime lacks
        return float("inf")
    scores = said["scores"].astype(np.float64).reshape(len(said["x"]), -1)
    if exported.size == scores.size and np.allclose(exported.reshape(len(scores), -1).sum(1), 1):
        powers = np.exp(scores - scores.max(1, keepdims=True))
        scores = powers / powers.sum(1, keepdims=True)
    exported = exported.reshape(len(scores), -1)
    if exported.shape == scores.shape:
        return difference(np.sort(exported, 1), np.sort(scores, 1))
    return 0.0


def _check_method(row: Row, source: Model, method: str, feeds: Feeds, said: Feeds) -> None:
    try:
        built = source.build(source.request(method=method))
    except RetrographError as error:
        row.problems.append(f"refused {method}: {_reason(error)}")
        return
    onnx.checker.check_model(built)
    optimised, plain = _run(built, feeds), _run(built, feeds, optimised=False)
    row.plain = max(row.plain, difference(plain["attribution"], optimised["attribution"]))
    if method == "gradient":
        source_outputs = _run(source.proto, feeds, optimised=False)
        row.forward = max(difference(plain[name], value) for name, value in source_outputs.items())
        highest = said["scores"].reshape(len(said["x"]), -1).max(axis=1)
        row.forward = max(row.forward, difference(optimised["score"], highest))
    if method in said:
        row.methods[method] = difference(optimised["attribution"], said[method])


def _check_many(row: Row, source: Model, feeds: Feeds) -> None:
    one = _run(source.build(source.request(method="gradient")), feeds)
    try:
        built = source.build(source.request(method="gradient", many=True))
    except RetrographError as error:
        row.problems.append(f"refused many: {_reason(error)}")
        return
    together = _run(built, {**feeds, "select": np.array([UNITS])})
    row.many = difference(together["attribution"][:, 0], one["attribution"])


def _check_alone(row: Row, source: Model, feeds: Feeds) -> None:
    """Compare a batch with its last item alone and twice; only if the batch size is open."""
    (name, x), *_ = feeds.items()
    shape = source.inputs[0].shape or ()
    if isinstance(shape[0] if shape else 1, int):
        return
    built = source.build(source.request(method="gradient"))
    batch = _run(built, feeds)["attribution"]
    for last in (x[-1:], np.repeat(x[-1:], 3, axis=0)):
        alone = _run(built, {name: last})["attribution"]
        row.alone = max(row.alone or 0.0, difference(alone[-1], batch[-1]))


def _run(model: onnx.ModelProto, feeds: Feeds, optimised: bool = True) -> dict[str, Array]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, dict(feeds)), strict=True))


def difference(actual: Array, expected: Array) -> float:
    """The largest difference, relative to the largest value."""
    if actual.size != expected.size:
        return float("inf")
    actual, expected = (np.asarray(a, np.float64).reshape(-1) for a in (actual, expected))
    scale = np.abs(expected).max(initial=0.0)
    apart = np.abs(actual - expected).max(initial=0.0)
    return float(apart / scale) if scale else float(apart)


def _reason(error: RetrographError) -> str:
    if not isinstance(error, UnsupportedError):
        return str(error)
    counted = Counter((p.op, p.reason) for p in error.problems)
    return "; ".join(f"{n} {op}: {why}" for (op, why), n in list(counted.items())[:6])


def _line(row: Row) -> str:
    seen = {"forward": row.forward, **row.methods, "plain": row.plain}
    seen |= {k: v for k, v in (("many", row.many), ("alone", row.alone)) if v is not None}
    numbers = " ".join(f"{name} {value:.0e}" for name, value in seen.items())
    return " | ".join([f"{row.model}: {row.result}", numbers, *row.problems])


def _print(rows: list[Row]) -> None:
    table = Table(box=None, header_style="bold")
    for heading in ("model", "opset", "result", "layers", "forward", *METHODS):
        table.add_column(heading)
    for heading in ("no optimiser", f"K={UNITS}", "batch", "why"):
        table.add_column(heading)
    for row in rows:
        numbers = [row.forward, *(row.methods.get(m) for m in METHODS)]
        numbers += [row.plain, row.many, row.alone]
        shown = ["" if v is None else f"{v:.0e}" for v in numbers]
        why = "\n".join(row.problems)
        table.add_row(row.model, row.opset, row.result, str(row.layers), *shown, why)
    Console(width=200).print(table)


if __name__ == "__main__":
    sys.exit(main())
