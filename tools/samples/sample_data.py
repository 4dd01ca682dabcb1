"""The sample model's pictures: CIFAR-10's test pictures, split into those to train on and held out.

In each class 200 of the 1,000 pictures are held out and 800 are trained on, by a pseudo-random draw
that depends on ``SPLIT_SEED`` alone.
"""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

SPLIT_SEED = 2009
HELD_OUT_PER_CLASS = 200
SIZE = 32

ByteArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pictures:
    """Pictures as bytes, [N, 3, 32, 32] in RGB order, with their class numbers."""

    images: ByteArray
    targets: IntArray


@dataclass(frozen=True)
class Dataset:
    """The two parts of the split and the class names in the order of the class numbers."""

    classes: tuple[str, ...]
    train: Pictures
    held_out: Pictures


def split_names(
    names: Sequence[str], seed: int = SPLIT_SEED, held_out_per_class: int = HELD_OUT_PER_CLASS
) -> tuple[list[str], list[str]]:
    """Split picture names ("class/number.jpg") into those to train on and those held out."""
    by_class: dict[str, list[str]] = {}
    for name in sorted(names):
        by_class.setdefault(name.split("/")[0], []).append(name)
    draw = random.Random(seed)
    train: list[str] = []
    held_out: list[str] = []
    for label in sorted(by_class):
        chosen = set(draw.sample(by_class[label], held_out_per_class))
        train += [name for name in by_class[label] if name not in chosen]
        held_out += sorted(chosen)
    return train, held_out


def picture_names(archive: zipfile.ZipFile) -> list[str]:
    """Names of the pictures in the archive, sorted."""
    return sorted(name for name in archive.namelist() if name.endswith(".jpg"))


def load_pictures(
    archive: zipfile.ZipFile, names: Sequence[str], classes: Sequence[str]
) -> Pictures:
    """Decode the named pictures into one array."""
    images = np.empty((len(names), 3, SIZE, SIZE), dtype=np.uint8)
    for row, name in enumerate(names):
        with Image.open(io.BytesIO(archive.read(name))) as picture:
            images[row] = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    number = {label: index for index, label in enumerate(classes)}
    targets = np.array([number[name.split("/")[0]] for name in names], dtype=np.int64)
    return Pictures(images, targets)


def load_dataset(path: Path) -> Dataset:
    """Read the archive and split it."""
    with zipfile.ZipFile(path) as archive:
        names = picture_names(archive)
        classes = tuple(sorted({name.split("/")[0] for name in names}))
        train, held_out = split_names(names)
        return Dataset(
            classes,
            load_pictures(archive, train, classes),
            load_pictures(archive, held_out, classes),
        )


def to_unit(images: ByteArray) -> FloatArray:
    """The model's preprocessing: bytes to the range 0 to 1."""
    return images.astype(np.float32) / np.float32(255)
