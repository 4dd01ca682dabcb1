"""The corpus of real models: what its manifest says, and an input for each model.

The corpus is no part of the project; the environment variable RETROGRAPH_CORPUS says where it is.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retrograph import Model, Preprocessing
from retrograph.ir.graph import Tensor
from retrograph.preprocess import PRESETS, load_picture, prepare

Array = np.ndarray[Any, Any]

VARIABLE = "RETROGRAPH_CORPUS"
PICTURE_CLASSIFIERS = ("imagenet", "cifar10", "mnist", "classifier")
CLASSIFIERS = (*PICTURE_CLASSIFIERS, "audio", "timeseries", "proteomics1d", "dna1d")

_CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_RECIPES = {
    "0-1": PRESETS["0-1"],
    "pm1": PRESETS["-1-1"],
    "cifar_meanstd": Preprocessing(mean=_CIFAR_MEAN, std=(0.2023, 0.1994, 0.2010)),
    "cifar_mean_std247": Preprocessing(mean=_CIFAR_MEAN, std=(0.2470, 0.2435, 0.2616)),
    "imagenet_mean_std225": Preprocessing(mean=_IMAGENET_MEAN, std=(0.225,) * 3),
    "rgb01_imagenet_meanstd": PRESETS["imagenet"],
    "bgr_caffe_mean": PRESETS["caffe-bgr"],
    "meanstd": Preprocessing(mean=(0.1307,), std=(0.3081,), order="gray"),
}
_CROP = re.compile(r"float 0-255 .*crop (\d+) of shorter side (\d+)")


@dataclass(frozen=True)
class Entry:
    """A model of the corpus: its name, file, task, and what was checked of it."""

    name: str
    file: Path
    task: str
    verified: dict[str, Any]

    @cached_property
    def model(self) -> Model:
        return Model(self.file)

    @property
    def is_classifier(self) -> bool:
        return self.task in CLASSIFIERS

    @property
    def recipe(self) -> Preprocessing | None:
        """The preprocessing that the manifest found to work."""
        words = self.verified.get("preprocessing", self.verified.get("best_preproc", ""))
        crop = _CROP.search(words)
        if crop:
            part, side = (int(text) for text in crop.groups())
            recipe = replace(PRESETS["0-255"], crop_fraction=part / side)
        else:
            known = _RECIPES.get(re.sub(r"^N(HWC|CHW) ", "", words))
            if known is None:
                return None
            recipe = known
        return recipe.for_shape(self._picture_shape)

    @property
    def _picture_shape(self) -> tuple[int | str | None, ...]:
        shape = self.model.inputs[0].shape
        assert shape is not None
        return shape

    def picture(self, image: Image.Image) -> Array:
        """A picture as the model's input, a batch of one."""
        recipe, tensor = self.recipe, self.model.inputs[0]
        assert recipe is not None
        return prepare(image, recipe, self._picture_shape)[0][None].astype(tensor.dtype)

    def feeds(self) -> dict[str, Array]:
        """An input: a picture or digit where the manifest says how, else noise.

        Whole numbers, such as a sampling rate, are 1.
        A little noise lies on the picture: where it is flat, windows of a MaxPool have equal
        maxima, and the model has no derivative.
        """
        rng = np.random.default_rng(1)
        inputs = [self.model.graph.tensor(v.name) for v in self.model.graph.inputs]
        feeds = {i.name: self._noise(rng, i) for i in inputs if i is not None}
        if self.recipe is not None:
            x = self.picture(example(self.task))
            spread = 0.01 * float(x.astype(np.float64).std())
            name = self.model.inputs[0].name
            feeds[name] = (x + spread * rng.standard_normal(x.shape)).astype(x.dtype)
        return feeds

    def _noise(self, rng: np.random.Generator, tensor: Tensor) -> Array:
        sizes = [self._size(tensor, axis) for axis in range(tensor.rank or 0)]
        if not tensor.is_float:
            return np.ones(sizes, tensor.dtype)
        return rng.standard_normal(sizes).astype(tensor.dtype)

    def _size(self, tensor: Tensor, axis: int) -> int:
        """A dimension, an open one as 1 of the batch, 64 of a picture or 576 of a signal."""
        shape, (batch, *_) = tensor.shape, self._picture_shape
        assert shape is not None
        if isinstance(size := shape[axis], int) and size > 0:
            return size
        if axis == 0 or (batch is not None and size == batch):
            return 1
        return 576 if len(shape) == 2 else 64


def root() -> Path | None:
    """Where the corpus lies, if it is there."""
    place = os.environ.get(VARIABLE)
    return Path(place) if place else None


@cache
def entries() -> tuple[Entry, ...]:
    """Every model of the corpus; none without a corpus."""
    folder = root()
    if folder is None:
        return ()
    models = json.loads((folder / "MANIFEST.json").read_text())["models"]
    return tuple(Entry(e["name"], folder / e["file"], e["task"], e["verified"]) for e in models)


def example(task: str) -> Image.Image:
    """A real picture for a model of this task."""
    if task == "cifar10":
        return cifar10()[0][0]
    if task == "mnist":
        return mnist()[0][0]
    folder = root()
    assert folder is not None
    return load_picture(sorted((folder / "photos").glob("*cat*"))[0])


def cifar10() -> list[tuple[Image.Image, int]]:
    """The hundred exact CIFAR-10 pictures, each with its class."""
    folder = root()
    assert folder is not None
    rows = np.loadtxt(folder / "cifar10_first100.csv", delimiter=",", dtype=np.int64)
    return [
        (Image.fromarray(row[1:].reshape(32, 32, 3).astype(np.uint8)), int(row[0])) for row in rows
    ]


def mnist(count: int = 100) -> list[tuple[Image.Image, int]]:
    """Digits 0 and 1, each with its class."""
    folder = root()
    assert folder is not None
    with np.load(folder / "mnist01.npz") as data:
        digits, classes = data["X_test"][:count], data["y_test"][:count]
    return [
        (Image.fromarray(digit.reshape(28, 28)), int(label))
        for digit, label in zip(digits, classes, strict=True)
    ]


def photos() -> dict[str, str]:
    """What is on each photograph, by file."""
    folder = root()
    assert folder is not None
    return {e["file"]: e["expected"] for e in json.loads((folder / "photos.json").read_text())}


def imagenet_classes(offset: int) -> list[str]:
    """The ImageNet class names; with an offset of 1 the background stands first."""
    folder = root()
    assert folder is not None
    names = "imagenet_labels_coral_1001.txt" if offset else "imagenet_synset_labels.txt"
    lines = (folder / "labels" / names).read_text().splitlines()
    return lines if offset else [line.split(" ", 1)[1] for line in lines]
