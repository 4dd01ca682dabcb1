"""The recipe that turns a picture into a model's input, and the text and JSON it is written in."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from retrograph.errors import InputError
from retrograph.keywords import chosen

Order: TypeAlias = Literal["rgb", "bgr", "gray"]
Resize: TypeAlias = Literal["stretch", "crop", "pad", "none"]
Layout: TypeAlias = Literal["nchw", "nhwc"]
Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos"]

Dim: TypeAlias = int | str | None
"""One extent of a model's input: a number, or a name or None where it is not fixed."""
Shape: TypeAlias = Sequence[Dim]

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "order": get_args(Order),
    "resize": get_args(Resize),
    "layout": get_args(Layout),
    "interpolation": get_args(Interpolation),
}
CHANNELS: Final[dict[str, int]] = {"rgb": 3, "bgr": 3, "gray": 1}
USE_NPY: Final = "give the input as a .npy array"


@dataclass(frozen=True)
class Preprocessing:
    """How an 8-bit RGB picture becomes a model's input; the fields determine the arithmetic.

    1. The picture is brought to the model's height H and width W (see `resize`), with Pillow's
       resampling, which averages over all source pixels that shrink into one.
    2. Channels are put in `order`; "gray" is ITU-R 601 luma, 0.299 R + 0.587 G + 0.114 B, rounded.
    3. Each value p (0 to 255) becomes `(p * scale - mean[channel]) / std[channel]`, computed in
       double precision and rounded once to float32.
    4. Axes are put in `layout`. An input without a channel axis has the same numbers without it,
       one without a batch axis is a single picture, and a video has such a picture for each frame.

    `resize` is one of

    - "crop": scaled, proportions kept, until it just covers round(H / crop_fraction) by
      round(W / crop_fraction) (the longer side is rounded down), then the H by W centre is cut
      out (an odd margin leaves the larger half at the right and at the bottom);
    - "pad": scaled, proportions kept, until it just fits in, centred, the rest black;
    - "stretch": scaled to H by W whatever its proportions;
    - "none": refused unless it is H by W already.

    Where the model fixes neither height nor width, the picture keeps its own size.

    `mean` and `std` hold one value a channel in the model's order, or a single one for all.
    Raises InputError when a field's value is impossible.
    """

    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    order: Order = "rgb"
    resize: Resize = "crop"
    crop_fraction: float = 1.0
    interpolation: Interpolation = "bilinear"
    layout: Layout = "nchw"

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}; choose one of {', '.join(allowed)}"
                )
        if not math.isfinite(self.scale) or self.scale == 0:
            raise InputError(f"scale is {self.scale}; give a number other than 0, such as 1/255")
        if not 0 < self.crop_fraction <= 1:
            raise InputError(f"crop is {self.crop_fraction}; give a fraction above 0, at most 1")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if not isinstance(values, Sequence):
                raise InputError(f"{name} is {values}; give a value a channel, such as ({values},)")
            if len(values) not in (1, self.channels):
                raise InputError(
                    f"{name} has {len(values)} values for {self.order} input; "
                    f"give {_one_or(self.channels)}"
                )
            if not all(map(math.isfinite, values)):
                raise InputError(f"{name} has a value that is not finite; give plain numbers")
        if 0 in self.std:
            raise InputError("std has a 0, which would divide by zero; give other values")

    @property
    def channels(self) -> int:
        """Number of channels the model takes: 3, or 1 for gray."""
        return CHANNELS[self.order]

    def for_shape(self, shape: Shape) -> Preprocessing:
        """This recipe with the layout of `shape` (batch first), and gray where that has 1 channel.

        Raises InputError when the input is not a picture or the channels cannot be made to match.
        """
        layout = infer_layout(shape)
        channels = known(shape[1 if layout == "nchw" else 3])
        order: Order = "gray" if channels == 1 else self.order
        if channels == 3 and order == "gray":
            raise InputError("the model takes 3 channels, not gray; choose the order rgb or bgr")
        return replace(self, layout=layout, order=order)

    def limits(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The least and the largest that a picture can become, [C, 1, 1] or [1, 1, C] each."""
        shape = (-1, 1, 1) if self.layout == "nchw" else (1, 1, -1)
        mean, std = (np.broadcast_to(v, self.channels) for v in (self.mean, self.std))
        ends = [((p * self.scale - mean) / std).reshape(shape) for p in (0.0, 255.0)]
        return np.minimum(*ends), np.maximum(*ends)

    def to_json(self) -> str:
        """One line of JSON with every field by its name, in a fixed order."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Reads what `to_json` wrote; a missing field takes its default.

        Raises InputError when the text is no such JSON, or has a field this version does not know.
        """
        try:
            values: dict[str, Any] = dict(json.loads(text))
            for name in values.keys() & {"mean", "std"}:
                values[name] = tuple(map(float, values[name]))
            for name in values.keys() & {"scale", "crop_fraction"}:
                values[name] = float(values[name])
        except (ValueError, TypeError) as error:
            raise InputError(
                f"preprocessing is not readable JSON ({error}); give it anew"
            ) from None
        unknown = values.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise InputError(
                f"preprocessing has unknown fields {', '.join(sorted(unknown))}; "
                "it may come from a newer retrograph: update this one"
            )
        return cls(**values)


PRESETS: Final[dict[str, Preprocessing]] = {
    "0-1": Preprocessing(),
    "0-255": Preprocessing(scale=1.0),
    "-1-1": Preprocessing(scale=1 / 127.5, mean=(1.0,)),
    "imagenet": Preprocessing(
        mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), crop_fraction=0.875
    ),
    "caffe-bgr": Preprocessing(
        scale=1.0, mean=(104.00698793, 116.66876762, 122.67891434), order="bgr"
    ),
    "cifar10": Preprocessing(mean=(0.4914, 0.4822, 0.4465), std=(0.247, 0.2435, 0.2616)),
    "mnist": Preprocessing(mean=(0.1307,), std=(0.3081,)),
}
"""Preprocessings by name. All crop, so that proportions are kept; only "imagenet" crops inside the
scaled picture (shorter side 256, centre 224), as ImageNet models are evaluated."""


def named_preprocessing(preprocessing: Preprocessing | str | None) -> Preprocessing | None:
    """The preset of that name; a recipe, or None, is itself.

    Raises:
        InputError: there is no such preset.
    """
    if not isinstance(preprocessing, str):
        return preprocessing
    return PRESETS[chosen("preprocessing", preprocessing, PRESETS)]


def parse_preprocessing(
    preset: str,
    *,
    scale: str | None = None,
    mean: str | None = None,
    std: str | None = None,
    order: str | None = None,
    resize: str | None = None,
    crop: str | None = None,
    interpolation: str | None = None,
) -> Preprocessing:
    """The preset of that name with some pieces replaced, each in the words of a command line.

    Numbers may be fractions ("1/255"); `mean` and `std` are numbers separated by commas.
    Raises InputError when a piece cannot be read or does not go with the others.
    """
    base = PRESETS[chosen("preprocessing", preset, PRESETS)]
    pieces: dict[str, Any] = {
        "scale": None if scale is None else _number("scale", scale),
        "mean": None if mean is None else _numbers("mean", mean),
        "std": None if std is None else _numbers("std", std),
        "order": order,
        "resize": resize,
        "crop_fraction": None if crop is None else _number("crop", crop),
        "interpolation": interpolation,
    }
    replaced = {name: value for name, value in pieces.items() if value is not None}
    return replace(base, **replaced)


def of_bytes(dtype: np.dtype[Any] | None) -> Preprocessing | None:
    """How a picture becomes an input of bytes (uint8): as it is. None for other types."""
    return PRESETS["0-255"] if dtype == np.uint8 else None


def check_whole(preprocessing: Preprocessing, dtype: np.dtype[Any] | None) -> None:
    """Raises InputError when an input of whole numbers cannot hold what `preprocessing` makes."""
    if dtype is None or dtype.kind not in "iu":
        return
    pixels = np.arange(256.0)[:, np.newaxis]
    numbers = (pixels * preprocessing.scale - preprocessing.mean) / preprocessing.std
    ends = np.iinfo(dtype)
    if (numbers != numbers.round()).any() or numbers.min() < ends.min or numbers.max() > ends.max:
        mend = "scale 1 and mean 128" if dtype == np.int8 else "0-255"
        raise InputError(
            f"the model's input holds {dtype}, and the preprocessing makes of pictures numbers "
            f"from {numbers.min():g} to {numbers.max():g} that are not whole or out of its range; "
            f"give another, such as {mend}"
        )


def infer_layout(shape: Shape) -> Layout:
    """Where a picture model's input of `shape` (batch first) has its channels.

    The channel axis is the one of 1 or 3; where both ends could be it, the input is "nchw".
    Raises InputError when `shape` cannot be a batch of pictures of 1 or 3 channels.
    """
    if len(shape) != 4:
        raise InputError(
            f"the model's input {describe(shape)} is not a batch of pictures; {USE_NPY}"
        )
    first, last = known(shape[1]), known(shape[3])
    for likely in ((1, 3), (None,)):
        if first in likely:
            return "nchw"
        if last in likely:
            return "nhwc"
    raise InputError(f"the model's input {describe(shape)} has neither 1 nor 3 channels; {USE_NPY}")


def known(dim: Dim) -> int | None:
    """The extent where the model fixes it, else None."""
    return dim if isinstance(dim, int) and dim > 0 else None


def spatial(shape: Shape, layout: Layout) -> tuple[int | None, int | None]:
    """Height and width of a picture input of `shape` (batch first); None where not fixed."""
    height, width = shape[2:4] if layout == "nchw" else shape[1:3]
    return known(height), known(width)


def describe(shape: Shape) -> str:
    """The shape for people: "?x3x224x224"."""
    return "x".join("?" if known(dim) is None else str(dim) for dim in shape) or "(a single number)"


def _number(name: str, text: str) -> float:
    try:
        over, slash, under = text.partition("/")
        return float(over) / float(under) if slash else float(over)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{name} has {text.strip()!r}, not a number; write 0.5 or 1/255") from None


def _numbers(name: str, text: str) -> tuple[float, ...]:
    return tuple(_number(name, piece) for piece in text.split(","))


def _one_or(count: int) -> str:
    return "1" if count == 1 else f"1 or {count}"
