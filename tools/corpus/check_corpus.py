"""Every model of the corpus: builds it, and holds its gradient against differences in float64.

    RETROGRAPH_CORPUS=... python tools/corpus/check_corpus.py [name ...]

One line a model: the nodes of the built graph, the ReLUs that guided backpropagation treats, and

    error     of the built graph, run in float64 on onnx.reference, against central differences
              along three directions, relative to the length of the gradient
    kinks     directions given up since a ReLU or a maximum switched within the step
    rounding  from the gradient in float64 to that of ONNX Runtime, relative to its length

A ReLU whose input is smaller than its rounding falls on either side, so `rounding` is about the
square root of the precision: 1e-3 for a deep net in float32, 1e-1 in float16. Quantised models jump
by whole steps where roundings differ, so for them `error` is of ONNX Runtime's own gradient, with
optimisations off. Exits with 1 if one is off.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import onnxruntime as ort
from onnx import ModelProto

from corpus_float64 import Comparison, compare, run_in_float64
from corpus_inputs import VARIABLE, Array, Entry, entries
from retrograph import RetrographError
from retrograph.backward import Request

METHODS = ("gradient", "guided", "deconvnet")
DIRECTIONS = 3
TOLERANCE = 1e-4
ROUNDING = {"float32": 1e-2, "float16": 2e-1}


@dataclass
class Row:
    """What was found of one model; `refused` says why by method."""

    nodes: int = 0
    relus: int = 0
    notes: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    gradient: Comparison | None = None
    rounding: float | None = None


def check(entry: Entry, directions: int = DIRECTIONS, exact: bool = True) -> Row:
    """Build by all methods, run, and compare the gradient.

    Args:
        entry: the model.
        directions: how many differences to take.
        exact: run the built graph in float64 too, unless it is quantised; else ONNX Runtime's
            gradient is compared.
    """
    row, model, feeds = Row(), entry.model, entry.feeds()
    for method in METHODS:
        try:
            request = model.request(method=method, wrt=model.inputs[0].name)
            report, built = model.report(request), model.build(request)
        except RetrographError as error:
            row.refused[method] = str(error).splitlines()[0]
            continue
        row.notes = tuple(dict.fromkeys((*row.notes, *report.notes)))
        row.nodes, row.relus = len(built.graph.node), len(report.relu)
        quantised = bool(model.graph.straight_through)
        outputs = run(built, feeds, optimised=not quantised)
        if not all(np.isfinite(v).all() for v in outputs.values()):
            raise SystemExit(f"{entry.name}: {method} gives numbers that are not finite")
        if method == "gradient":
            exact = exact and not quantised
            _compare(row, request, built, feeds, outputs, directions, exact)
    return row


def _compare(
    row: Row,
    request: Request,
    built: ModelProto,
    feeds: dict[str, Array],
    outputs: dict[str, Array],
    directions: int,
    exact: bool,
) -> None:
    source = request.sources[0]
    if exact:
        in_float64 = run_in_float64(built, feeds)
        wanted = in_float64["attribution"]
        difference = np.linalg.norm(outputs["attribution"] - wanted)
        row.rounding = float(difference / np.linalg.norm(wanted))
        outputs = {**in_float64, "score": outputs["score"]}
    row.gradient = compare(request.graph, source, request.target, feeds, outputs, directions)


def run(model: ModelProto, feeds: dict[str, Array], optimised: bool) -> dict[str, Array]:
    """Attribution, score and unit of a built graph on the CPU."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = ["attribution", "score", "unit"]
    return dict(zip(names, session.run(names, feeds), strict=True))


def is_right(entry: Entry, row: Row) -> bool:
    """Whether the derivative is one, and its rounding what the precision allows."""
    if row.gradient is None:
        return True
    allowed = ROUNDING[entry.model.inputs[0].dtype.name]
    return row.gradient.worst <= TOLERANCE and (row.rounding or 0.0) <= allowed


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("names", nargs="*", help="of models; all if none is given")
    names = parser.parse_args().names
    chosen = [e for e in entries() if not names or e.name in names]
    if not chosen:
        print(f"no models: set {VARIABLE} to the folder of the corpus", file=sys.stderr)
        return 2
    print(f"{'model':<28}{'nodes':>6}{'relus':>6}{'error':>10}{'kinks':>6}{'rounding':>10}{'s':>7}")
    wrong = 0
    for entry in chosen:
        start = time.perf_counter()
        row = check(entry)
        seconds = time.perf_counter() - start
        line = f"{entry.name:<28}{row.nodes:>6}{row.relus:>6}"
        if row.gradient is not None:
            rounding = "" if row.rounding is None else f"{row.rounding:.1e}"
            line += (
                f"{row.gradient.worst:>10.1e}{row.gradient.kinks:>6}{rounding:>10}{seconds:>7.1f}"
            )
        print(line if is_right(entry, row) else f"{line}  WRONG", flush=True)
        wrong += not is_right(entry, row)
        for method, reason in row.refused.items():
            print(f"    {method}: {reason}")
        for note in row.notes:
            print(f"    {note}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
