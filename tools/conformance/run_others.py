"""The graphs of the conformance cases in runtimes other than ONNX Runtime.

    python tools/conformance/run_others.py OUT openvino
    python tools/conformance/run_others.py OUT opencv

Needs that runtime, NumPy and what make_conformance.py wrote to OUT; no retrograph.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from case_files import Array, case_folders, read_array, read_case
from outcomes import Outcome, case_name, graph_outcome, summary


def openvino(model: Path, feeds: Mapping[str, Array], names: Sequence[str]) -> dict[str, Any]:
    """By OpenVINO on the CPU, in the precision of the graph."""
    from openvino import Core

    compiled = Core().compile_model(str(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(dict(feeds))
    return {name: results[out] for out in compiled.outputs for name in out.get_names()}


def opencv(model: Path, feeds: Mapping[str, Array], names: Sequence[str]) -> dict[str, Any]:
    """By OpenCV's dnn module."""
    import cv2

    net = cv2.dnn.readNetFromONNX(str(model))
    for name, values in feeds.items():
        net.setInput(values, name)
    return dict(zip(names, net.forward(list(names)), strict=True))


RUNTIMES = {"openvino": openvino, "opencv": opencv}


def graph(folder: Path, runtime: str) -> Outcome:
    """A graph as one of the runtimes computes it; one that it cannot run is infinitely far off."""
    case = read_case(folder)
    feeds = {each["name"]: read_array(folder, each) for each in case["inputs"]}
    names = [output["name"] for output in case["outputs"]]
    try:
        computed = RUNTIMES[runtime](folder / case["model"], feeds, names)
    except Exception as error:  # whatever a runtime raises, the others are to be run
        print(f"{case_name(folder)}: {' '.join(str(error).split())[:200]}")
        return Outcome(case_name(folder), np.inf, 0)
    return graph_outcome(folder, case, computed)


def main(argv: Sequence[str] | None = None) -> int:
    """Run all graphs; 1 if one is not met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", type=Path, metavar="OUT", help="what make_conformance.py wrote")
    parser.add_argument("runtime", choices=sorted(RUNTIMES))
    args = parser.parse_args(argv)
    results = [graph(folder, args.runtime) for folder in case_folders(args.cases, "graphs")]
    for outcome in results:
        print(outcome, "" if outcome.is_right else "  NOT MET")
    print(f"{args.runtime}: {summary(results)}")
    return int(not all(each.is_right for each in results))


if __name__ == "__main__":
    raise SystemExit(main())
