"""The graphs of the conformance cases in OpenVINO on the CPU.

    python tools/conformance/make_conformance.py OUT
    python tools/conformance/run_openvino.py OUT        (pip install openvino)

A line a case with its largest difference, or why OpenVINO does not take it; exits with 1 if one is
too far off.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from case_files import case_folders, largest_difference, read_array, read_case
from run_python import Outcome, summary

_FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}
"""Else bfloat16 and float16 are computed in where the CPU has them."""


def graph(core: Any, folder: Path) -> Outcome:
    """A graph is run as it lies in its file; the farthest of its outputs counts."""
    case = read_case(folder)
    compiled = core.compile_model(core.read_model(folder / case["model"]), "CPU", _FLOAT32)
    computed = compiled({each["name"]: read_array(folder, each) for each in case["inputs"]})
    outcomes = []
    for output in case["outputs"]:
        values = np.asarray(computed[output["name"]])
        difference = largest_difference(values, read_array(folder, output))
        outcomes.append(Outcome(f"graphs/{folder.name}", difference, output["tolerance"]))
    return max(outcomes, key=lambda each: (not each.is_right, each.difference, each.allowed))


def main(argv: Sequence[str] | None = None) -> int:
    """Run all graphs; 1 if one is not met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", type=Path, metavar="OUT", help="what make_conformance.py wrote")
    core, results = openvino.Core(), []
    for folder in case_folders(parser.parse_args(argv).cases, "graphs"):
        try:
            outcome = graph(core, folder)
        except RuntimeError as error:
            print(f"graphs/{folder.name:21} NOT TAKEN: {' '.join(str(error).split())}")
            outcome = Outcome(f"graphs/{folder.name}", np.inf, 0)
        else:
            print(outcome, "" if outcome.is_right else "  NOT MET", flush=True)
        results.append(outcome)
    print(f"OpenVINO {openvino.__version__}: {summary(results)}")
    return int(not all(each.is_right for each in results))


if __name__ == "__main__":
    raise SystemExit(main())
