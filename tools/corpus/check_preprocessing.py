"""How often the preprocessing of the corpus's classifiers is found by trying the presets.

For each classifier with a known preprocessing in MANIFEST.json: what is found on draws of one
picture and of 24, and how often the tool itself is sure. Prints a table in Markdown, which
docs/PREPROCESSING.md records.

    RETROGRAPH_CORPUS=... python tools/corpus/check_preprocessing.py
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

import retrograph as rg
from retrograph.inputs.choice import choose_preprocessing
from retrograph.inputs.preprocessing_choice import tells

PRESETS: Final = {
    "bgr_caffe_mean": "caffe-bgr",
    "rgb01_imagenet_meanstd": "imagenet",
    "imagenet_mean_std225": "imagenet",
    "cifar_meanstd": "cifar10",
    "cifar_mean_std247": "cifar10",
    "pm1": "-1-1",
    "meanstd": "mnist",
    "NHWC 0-1": "0-1",
    "NCHW 0-1": "0-1",
    "0-1": "0-1",
    "0-255": "0-255",
}
"""What the manifest calls the presets."""
MEASURED: Final = {
    "cifar_meanstd": "cifar10",
    "imagenet_mean_std225": "imagenet",
    "pm1": "-1-1",
    "meanstd": "mnist",
}
"""The same of its measured accuracies, where the name is another."""
CLOSE: Final = 0.03
"""A preset is as good as another whose accuracy is so near."""


@dataclass(frozen=True)
class Classifier:
    """A classifier of the corpus.

    Attributes:
        name: of the model.
        file: of the model.
        task: what pictures it is for.
        preset: that of the manifest.
        good: the presets under which it is about as accurate as under that.
    """

    name: str
    file: Path
    task: str
    preset: str
    good: frozenset[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=12, help="of one picture (12)")
    parser.add_argument("--large-draws", type=int, default=3, help="of 24 pictures (3)")
    parser.add_argument("--only", metavar="TEXT", default="", help="models whose name has this")
    args = parser.parse_args(argv)
    corpus = Path(os.environ["RETROGRAPH_CORPUS"])
    print("| model | manifest | declared | found on 24 pictures | sure | found on 1 picture |")
    print("|---|---|---|---|---|---|")
    for each in (model for model in classifiers(corpus) if args.only in model.name):
        pictures = pictures_of(corpus, each.task)
        large = draws(each, pictures, 24, args.large_draws)
        small = draws(each, pictures, 1, args.draws)
        sure = sum(is_sure for _, is_sure in large)
        cells = [told(large, each.good), f"{sure} of {len(large)}", told(small, each.good)]
        manifest = " = ".join([each.preset, *sorted(each.good - {each.preset})])
        cells = [each.name, manifest, declared(each), *cells]
        print(f"| {' | '.join(cells)} |", flush=True)
    return 0


def classifiers(corpus: Path) -> list[Classifier]:
    """The classifiers of which the manifest tells the preprocessing."""
    models = json.loads((corpus / "MANIFEST.json").read_text())["models"]
    found = []
    for model in models:
        verified = model.get("verified", {})
        text = verified.get("best_preproc") or verified.get("preprocessing", "")
        preset = PRESETS.get(text) or ("0-255" if "0-255" in text else None)
        if preset is not None:
            good = frozenset({preset, *as_good(verified.get("all", {}), preset)})
            file = corpus / model["file"]
            found.append(Classifier(model["name"], file, model["task"], preset, good))
    return found


def as_good(accuracies: dict[str, float], preset: str) -> set[str]:
    """The presets of nearly the accuracy of one."""
    named = {MEASURED.get(name, name): value for name, value in accuracies.items()}
    known = {name: value for name, value in named.items() if name in rg.PRESETS}
    best = max([value for name, value in known.items() if name == preset], default=2.0)
    return {name for name, value in known.items() if value >= best - CLOSE}


def declared(classifier: Classifier) -> str:
    """What the file stores or its graph declares; "" where neither does."""
    model = rg.Model(classifier.file)
    choice = choose_preprocessing(model, model.inputs[0].name)
    return choice.name if choice is not None and choice.source != "assumed" else ""


def pictures_of(corpus: Path, task: str) -> list[Any]:
    """Pictures of what a classifier is for."""
    if task == "mnist":
        digits = np.load(corpus / "mnist01.npz")["X_test"].reshape(-1, 28, 28)
        return list(digits[:: len(digits) // 48])
    if task == "cifar10":
        rows = np.loadtxt(corpus / "cifar10_first100.csv", dtype=int, delimiter=",")
        return [Image.fromarray(row[1:].astype(np.uint8).reshape(32, 32, 3)) for row in rows]
    return [Image.open(path) for path in sorted((corpus / "photos").glob("*.jpg"))]


def draws(
    classifier: Classifier, pictures: Sequence[Any], size: int, count: int
) -> list[tuple[str, bool]]:
    """The preset that is found on each draw of so many pictures, and whether that is sure."""
    random, model = np.random.default_rng(0), rg.Model(classifier.file)
    found = []
    for _ in range(count):
        drawn = [pictures[i] for i in random.choice(len(pictures), size, replace=False)]
        choice = rg.find_preprocessing(model, drawn, labels="none", device="cpu").choice
        if not tells(choice.trials):
            found.append(("none", False))
            continue
        best = replace(choice, source="probed", recipe=choice.trials[0].recipe)
        found.append((best.name, best.is_sure))
    return found


def told(found: Sequence[tuple[str, bool]], good: frozenset[str]) -> str:
    """How often what was found is right, and what else was found."""
    names = Counter(name for name, _ in found)
    right = sum(count for name, count in names.items() if name in good)
    wrong = ", ".join(f"{name} {n}" for name, n in names.most_common() if name not in good)
    return f"{right} of {len(found)}" + (f" ({wrong})" if wrong else "")


if __name__ == "__main__":
    raise SystemExit(main())
