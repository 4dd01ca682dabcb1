"""Photographs and the numbers that they are to become, spelled by Pillow's resizing alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, __version__

from case_files import CASE, Array, write_array, write_json
from photographs import Saved, deep, jpeg, photograph, png, transparent, turned
from retrograph.preprocess import PRESETS
from retrograph.preprocess import Preprocessing as Recipe

TOLERANCE = 1e-5
Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class PictureCase:
    """A photograph, and what input it becomes.

    Attributes:
        name: of the case's folder.
        image: makes the photograph.
        saved: as what it lies in a file.
        preprocessing: how it becomes the input.
        shape: of the input; None where a size is open.
    """

    name: str
    image: Callable[[], Image.Image]
    saved: Saved
    preprocessing: Recipe
    shape: Shape


def write_case(case: PictureCase, folder: Path) -> None:
    """Write a photograph, its upright RGB pixels, and the input that it becomes."""
    folder.mkdir(parents=True)
    file = f"photograph{case.saved.suffix}"
    case.saved.write(case.image(), folder / file)
    with Image.open(folder / file) as opened:
        picture = case.saved.seen(opened)
    recipe = case.preprocessing
    about = {
        "case": case.name,
        "expected": f"Pillow {__version__}, then float64",
        "photograph": file,
        "lossless": case.saved.suffix == ".png",
        "pixels": write_array(folder, "pixels.bin", np.asarray(picture)),
        "preprocessing": recipe.to_json(),
        "input_shape": case.shape,
        "prepared": write_array(folder, "prepared.bin", _prepared(picture, recipe, case.shape)),
        "tolerance": TOLERANCE,
    }
    write_json(folder / CASE, about)


def _prepared(picture: Image.Image, recipe: Recipe, shape: Shape) -> Array:
    """The input of one picture, by docs/CONTRACT.md, float32."""
    sides = shape[2:] if recipe.layout == "nchw" else shape[1:3]
    sized = _sized(picture, recipe, sides)
    colours = np.asarray(sized.convert("L") if recipe.order == "gray" else sized, np.float64)
    planes = np.atleast_3d(colours).transpose(2, 0, 1)
    if recipe.order == "bgr":
        planes = planes[::-1]
    mean, std = (np.broadcast_to(v, len(planes)) for v in (recipe.mean, recipe.std))
    numbers = [(p * recipe.scale - m) / s for p, m, s in zip(planes, mean, std, strict=True)]
    axis = 0 if recipe.layout == "nchw" else -1
    return np.stack(numbers, axis).astype(np.float32)[np.newaxis]


def _sized(picture: Image.Image, recipe: Recipe, sides: Shape) -> Image.Image:
    height, width = sides
    by = Image.Resampling[recipe.interpolation.upper()]
    if height is None and width is None:
        return picture
    height = height or max(1, round(picture.height * (width or 0) / picture.width))
    width = width or max(1, round(picture.width * height / picture.height))
    if recipe.resize == "stretch":
        return picture.resize((width, height), by)
    if recipe.resize == "pad":
        share = min(width / picture.width, height / picture.height)
        inner = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
        page = Image.new("RGB", (width, height), "black")
        page.paste(picture.resize(inner, by), ((width - inner[0]) // 2, (height - inner[1]) // 2))
        return page
    if recipe.resize == "none":
        assert picture.size == (width, height)
        return picture
    wide, high = round(width / recipe.crop_fraction), round(height / recipe.crop_fraction)
    if wide / picture.width >= high / picture.height:
        high = wide * picture.height // picture.width
    else:
        wide = high * picture.width // picture.height
    left, top = (wide - width) // 2, (high - height) // 2
    return picture.resize((wide, high), by).crop((left, top, left + width, top + height))


def _of(name: str, left: int, top: int, width: int, height: int) -> Callable[[], Image.Image]:
    return lambda: photograph(name, left, top, width, height)


_IMAGENET, _CAFFE = PRESETS["imagenet"], PRESETS["caffe-bgr"]
_SIGNED = PRESETS["-1-1"]
_EYE = _of("astronaut.png", 150, 20, 187, 193)

CASES = (
    PictureCase("wide", _of("coffee.png", 31, 17, 533, 351), jpeg(), _IMAGENET, (1, 3, 224, 224)),
    PictureCase("high", _of("astronaut.png", 100, 3, 211, 389), jpeg(), _CAFFE, (1, 3, 127, 127)),
    PictureCase("small", _of("chelsea.png", 120, 60, 43, 31), png(), _IMAGENET, (1, 3, 64, 64)),
    PictureCase(
        "one-pixel", _of("chelsea.png", 150, 99, 1, 1), png(), PRESETS["0-1"], (1, 3, 8, 8)
    ),
    PictureCase("grey", _of("camera.png", 11, 40, 301, 299), png("L"), _SIGNED, (1, 3, 96, 96)),
    PictureCase(
        "grey-model",
        _of("coins.png", 5, 9, 257, 201),
        jpeg("L"),
        Recipe(order="gray", mean=(0.1307,), std=(0.3081,)),
        (1, 1, 28, 28),
    ),
    PictureCase("colours-to-grey", _EYE, png(), Recipe(order="gray", scale=1.0), (1, 1, 40, 40)),
    PictureCase("exif-3", _EYE, turned(3), Recipe(), (1, 3, 48, 80)),
    PictureCase("exif-5", _EYE, turned(5, ".png"), Recipe(resize="pad"), (1, 3, 80, 48)),
    PictureCase("exif-6", _EYE, turned(6), _IMAGENET, (1, 3, 72, 72)),
    PictureCase("exif-8", _EYE, turned(8, ".png"), Recipe(resize="stretch"), (1, 3, 51, 33)),
    PictureCase("alpha", _EYE, transparent(), _IMAGENET, (1, 3, 64, 64)),
    PictureCase("grey-alpha", _EYE, transparent("LA"), _SIGNED, (1, 3, 64, 64)),
    PictureCase("palette", _EYE, png("P"), PRESETS["0-255"], (1, 3, 64, 64)),
    PictureCase("palette-alpha", _EYE, transparent("P"), PRESETS["0-255"], (1, 3, 64, 64)),
    PictureCase("16-bit", _of("moon.png", 60, 60, 203, 107), deep(), Recipe(), (1, 3, 32, 32)),
    PictureCase(
        "black-and-white", _of("horse.png", 20, 20, 299, 277), png("1"), Recipe(), (1, 3, 61, 61)
    ),
    PictureCase(
        "bicubic",
        _of("rocket.jpg", 100, 30, 331, 377),
        png(),
        Recipe(interpolation="bicubic", resize="stretch", layout="nhwc", order="bgr"),
        (1, 90, 51, 3),
    ),
    PictureCase(
        "bicubic-larger",
        _of("rocket.jpg", 310, 120, 37, 53),
        png(),
        Recipe(interpolation="bicubic", scale=1.0, layout="nhwc"),
        (1, 99, 101, 3),
    ),
    PictureCase(
        "lanczos",
        _of("chelsea.png", 0, 0, 451, 300),
        jpeg(),
        Recipe(interpolation="lanczos", crop_fraction=0.9, scale=1 / 127.5, mean=(1.0,)),
        (1, 3, 131, 99),
    ),
    PictureCase(
        "nearest",
        _of("coffee.png", 200, 90, 213, 155),
        png(),
        Recipe(interpolation="nearest", resize="pad", scale=1.0),
        (1, 3, 64, 97),
    ),
    PictureCase(
        "open-size", _of("chelsea.png", 90, 50, 83, 57), png(), Recipe(), (1, 3, None, None)
    ),
    PictureCase(
        "open-width", _of("chelsea.png", 90, 50, 45, 60), jpeg(), Recipe(), (1, 3, 30, None)
    ),
    PictureCase(
        "elongated",
        _of("motorcycle_left.png", 3, 200, 720, 19),
        png(),
        Recipe(resize="pad"),
        (1, 3, 48, 48),
    ),
    PictureCase(
        "unchanged",
        _of("cell.png", 100, 100, 50, 60),
        png(),
        Recipe(resize="none"),
        (1, 3, 60, 50),
    ),
)
