"""The conformance cases in Python, by retrograph and the installed ONNX Runtime.

    python tools/conformance/make_conformance.py OUT
    python tools/conformance/run_python.py OUT

A line a case with its largest difference, and the largest of all; exits with 1 if one is too far
off.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from case_files import Array, case_folders, largest_difference, read_array, read_case
from retrograph.contract import Contract
from retrograph.preprocess import Preprocessing, load_picture, prepare
from retrograph.render import STYLES
from retrograph.runtime import Session
from retrograph.runtime.providers import import_runtime


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Attributes:
        case: its kind and name.
        difference: the largest; a share of the largest magnitude, of drawings levels.
        allowed: how large it may be.
    """

    case: str
    difference: float
    allowed: float

    @property
    def is_right(self) -> bool:
        """Whether the case is met."""
        return self.difference <= self.allowed

    def __str__(self) -> str:
        return f"{self.case:28} {self.difference:.1e} of {self.allowed:.0e}"


def run_all(root: Path) -> Iterator[Outcome]:
    """Run all cases of a folder that make_conformance.py has written."""
    for kind, outcome in (("graphs", graph), ("pictures", picture), ("drawings", drawing)):
        for folder in case_folders(root, kind):
            yield outcome(folder)


def graph(folder: Path) -> Outcome:
    """A graph is run as it lies in its file; the farthest of its outputs counts."""
    case = read_case(folder)
    session = Session(folder / case["model"], "cpu", threads=1)
    assert session.metadata == case["metadata"]
    contract = Contract.from_properties(session.metadata)
    assert contract is not None
    roles = {output["name"]: output["role"] for output in case["outputs"]}
    assert [*roles] == list(session.outputs)
    assert [k for k, role in roles.items() if role == "attribution"] == [*contract.attributions]
    computed = session.run({each["name"]: read_array(folder, each) for each in case["inputs"]})
    outcomes = []
    for output in case["outputs"]:
        values = np.asarray(computed[output["name"]])
        difference = largest_difference(values, read_array(folder, output))
        if values.dtype.name != output["dtype"]:
            difference = np.inf
        outcomes.append(Outcome(_name(folder), difference, output["tolerance"]))
    return max(outcomes, key=lambda each: (not each.is_right, each.difference, each.allowed))


def picture(folder: Path) -> Outcome:
    """A picture is prepared from its pixels and from its file; the farther one counts."""
    case = read_case(folder)
    recipe = Preprocessing.from_json(case["preprocessing"])
    expected = read_array(folder, case["prepared"])
    decoded = load_picture(folder / case["photograph"])
    pixels = read_array(folder, case["pixels"])
    differences = [
        largest_difference(_prepared(each, recipe, case["input_shape"]), expected)
        for each in (decoded, Image.fromarray(pixels))
    ]
    return Outcome(_name(folder), max(differences), case["tolerance"])


def _prepared(image: Image.Image, recipe: Preprocessing, shape: Sequence[int | None]) -> Array:
    return prepare(image, recipe, shape)[0][np.newaxis]


def drawing(folder: Path) -> Outcome:
    """An attribution is drawn in every style; the farthest level counts."""
    case = read_case(folder)
    values, shown = (read_array(folder, case[key]) for key in ("attribution", "picture"))
    levels = 0
    for name, entry in case["styles"].items():
        drawn = STYLES[name].draw(values, layout=case["layout"], order=case["order"], picture=shown)
        expected = read_array(folder, entry).astype(int)
        levels = max(levels, int(np.abs(drawn.astype(int) - expected).max()))
    return Outcome(_name(folder), levels, case["levels"])


def _name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def summary(results: Sequence[Outcome]) -> str:
    """How many cases of each kind are met, and their largest difference by what is allowed."""
    parts = []
    for kind in ("graphs", "pictures", "drawings"):
        own = [each for each in results if each.case.startswith(kind)]
        largest: dict[float, float] = {}
        for each in own:
            largest[each.allowed] = max(each.difference, largest.get(each.allowed, 0))
        told = ", ".join(f"{v:.1e} of {k:.0e}" for k, v in sorted(largest.items()))
        parts.append(f"{sum(e.is_right for e in own)} of {len(own)} {kind} ({told})")
    return "; ".join(parts)


def main(argv: Sequence[str] | None = None) -> int:
    """Run all cases; 1 if one is not met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", type=Path, metavar="OUT", help="what make_conformance.py wrote")
    results = []
    for outcome in run_all(parser.parse_args(argv).cases):
        print(outcome, "" if outcome.is_right else "  NOT MET", flush=True)
        results.append(outcome)
    print(f"ONNX Runtime {import_runtime().__version__}: {summary(results)}")
    return int(not all(each.is_right for each in results))


if __name__ == "__main__":
    raise SystemExit(main())
