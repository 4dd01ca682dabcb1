"""Attributions and the pictures that they are drawn as, by NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from case_files import CASE, Array, write_array, write_json
from graph_nets import noise, pixels

LEVELS = 1
PERCENTILE = 99.5
MAGMA = (
    "000004 0b0924 20114b 3b0f70 57157e 721f81 8c2981 a8327d"
    " c43c75 de4968 f1605d fa7f5e fe9f6d febf84 fddea0 fcfdbf"
)
"""Every 17th colour of matplotlib's "magma"."""


@dataclass(frozen=True)
class DrawingCase:
    """An attribution that is drawn.

    Attributes:
        name: of the case's folder.
        attribution: [C, H, W], or [H, W, C] by `layout`.
        layout: nchw or nhwc.
        order: of the channels: rgb, bgr or gray.
    """

    name: str
    attribution: Array
    layout: str = "nchw"
    order: str = "rgb"


def write_case(case: DrawingCase, folder: Path) -> None:
    """Write an attribution, the picture that it is of, and both drawn in each style."""
    folder.mkdir(parents=True)
    last = case.attribution.transpose(1, 2, 0) if case.layout == "nchw" else case.attribution
    values = last.astype(np.float64)
    picture = pixels(*values.shape[:2], 3, seed=5)
    heat = _magma(_shares(np.abs(values).max(axis=2)))
    grey = 0.55 * (picture @ np.array([0.299, 0.587, 0.114]))[..., np.newaxis]
    drawn = {
        "signed": _signed(values, case.order),
        "heat": heat,
        "overlay": 255 - (255 - grey) * (255 - heat) / 255,
    }
    styles = {
        k: write_array(folder, f"{k}.bin", v.round().astype(np.uint8)) for k, v in drawn.items()
    }
    about = {
        "case": case.name,
        "expected": "NumPy, in float64",
        "layout": case.layout,
        "order": case.order,
        "attribution": write_array(folder, "attribution.bin", case.attribution),
        "picture": write_array(folder, "picture.bin", picture),
        "styles": styles,
        "levels": LEVELS,
    }
    write_json(folder / CASE, about)


def _signed(values: Array, order: str) -> Array:
    if values.shape[2] not in (1, 3):
        values = values.sum(axis=2, keepdims=True)
    colours = values[..., ::-1] if order == "bgr" else values
    grey: Array = 128 + 127 * np.repeat(_shares(colours), 3 // colours.shape[2], axis=2)
    return grey


def _shares(values: Array) -> Array:
    """From -1 to 1: by the percentile of the magnitudes other than 0."""
    sizes = np.abs(values[values != 0])
    return np.clip(values / np.percentile(sizes, PERCENTILE), -1, 1) if sizes.size else values


def _magma(shares: Array) -> Array:
    controls = np.frombuffer(bytes.fromhex(MAGMA), np.uint8).reshape(-1, 3).astype(float)
    place = shares * (len(controls) - 1)
    below = np.minimum(place.astype(int), len(controls) - 2)
    part = (place - below)[..., np.newaxis]
    colours: Array = controls[below] * (1 - part) + controls[below + 1] * part
    return colours


def _single_unit() -> Array:
    """What a single unit sees: zeros but for a window."""
    values = np.zeros((3, 40, 50), np.float32)
    values[:, 11:18, 20:27] = noise(3, 7, 7, seed=4)
    return values


CASES = (
    DrawingCase("colours", noise(3, 33, 47, seed=1)),
    DrawingCase("bgr-last", noise(24, 31, 3, seed=2), "nhwc", "bgr"),
    DrawingCase("one-channel", noise(1, 28, 28, seed=3), order="gray"),
    DrawingCase("window", _single_unit()),
    DrawingCase("five-channels", noise(5, 16, 16, seed=6)),
    DrawingCase("zeros", np.zeros((3, 6, 7), np.float32)),
)
