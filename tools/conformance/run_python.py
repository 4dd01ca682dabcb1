"""The conformance cases in Python, by retrograph and the installed ONNX Runtime.

    python tools/conformance/make_conformance.py OUT
    python tools/conformance/run_python.py OUT

A line a case with its largest difference, and the largest of all; exits with 1 if one is too far
off.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from case_files import Array, case_folders, largest_difference, read_array, read_case
from outcomes import Outcome, case_name, farthest, graph_outcome, summary
from retrograph import Explainer
from retrograph.contract import Contract
from retrograph.preprocess import Preprocessing, load_picture, prepare
from retrograph.render import STYLES
from retrograph.runtime import Session
from retrograph.runtime.providers import import_runtime


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
    feeds = {each["name"]: read_array(folder, each) for each in case["inputs"]}
    outcomes = [graph_outcome(folder, case, session.run(feeds))]
    if "unit" in case:
        del feeds[contract.chooser]
        computed = _explained(folder / case["model"], feeds, read_array(folder, case["unit"]))
        outcomes.append(graph_outcome(folder, case, computed))
    return farthest(outcomes)


def _explained(file: Path, feeds: dict[str, Array], unit: Array) -> dict[str, Array]:
    """What an Explainer gives, by the names of outputs, of a graph that explains one input."""
    explainer = Explainer(str(file), device="cpu", threads=1)
    found, called = explainer.attribute(feeds, unit), explainer.contract.called
    ours = {"attribution": found.attribution, "score": found.score, "unit": found.unit}
    return {**found.outputs, **{called(name): values for name, values in ours.items()}}


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
    return Outcome(case_name(folder), max(differences), case["tolerance"])


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
    return Outcome(case_name(folder), levels, case["levels"])


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
