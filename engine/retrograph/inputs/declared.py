"""Which pictures a graph's first arithmetic suits: of 0-1 or of 0-255, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from retrograph.ir.analysis.input_scaling import Scaling, input_scaling
from retrograph.model import Model
from retrograph.preprocess import PRESETS, Preprocessing
from retrograph.preprocess.recipe import Order, known

_NARROWEST: Final = 0.4
_WIDEST: Final = 12.0
"""How wide numbers spread that a network is trained on."""
_LARGEST: Final = 10.0
_BYTES: Final = 255.0
_MIDDLE: Final = (0.2, 0.8)
"""Where the mean of a picture lies in its range."""
_APART: Final = 5.0
"""How far ImageNet's means of red and blue are apart at least, of 255."""


def declared_preprocessing(model: Model, name: str) -> tuple[Preprocessing, str] | None:
    """The preprocessing that the graph's first arithmetic suits, and what that is, in words.

    A graph that divides its input by 255, or subtracts a mean of 120, takes 0-255; one that
    subtracts 0.485 takes 0-1. Where the means of red and blue are ImageNet's the order of colours
    is told, too; else RGB is assumed. None where there is no such arithmetic, or both would suit.
    """
    axes = model.axes(name)
    if axes.frame is None or axes.time is not None:
        return None
    channels = 1 if axes.channel is None else known(axes.item[axes.channel])
    if channels is None:
        return None
    axis = None if axes.channel is None else axes.channel + int(axes.batched)
    scaling = input_scaling(model.graph, name, axis, channels)
    if scaling.is_none:
        return None
    suited = [most for most in (1.0, _BYTES) if _suits(scaling, most)]
    if len(suited) != 1:
        return None
    recipe = PRESETS["0-1" if suited[0] == 1 else "0-255"].for_shape(axes.frame)
    order = _order(scaling, suited[0])
    if order is not None and recipe.order != "gray":
        recipe = replace(recipe, order=order)
    return recipe, f"the graph first computes {_text(scaling)}"


def _suits(scaling: Scaling, most: float) -> bool:
    """Whether numbers from 0 to `most` become such as networks are trained on."""
    ends = np.stack([scaling.offsets, scaling.factors * most + scaling.offsets])
    width, largest = float(np.ptp(ends, axis=0).mean()), float(np.abs(ends).max())
    if _NARROWEST <= width <= _WIDEST and largest <= _LARGEST:
        return True
    middle = -scaling.offsets / scaling.factors / most
    is_centred = bool((middle > _MIDDLE[0]).all() and (middle < _MIDDLE[1]).all())
    return bool(abs(width - _BYTES) < 1) and (is_centred or not scaling.offsets.any())


def _order(scaling: Scaling, most: float) -> Order | None:
    """The order of colours that the means tell; None where they do not."""
    means = -scaling.offsets / scaling.factors / most * _BYTES
    if len(means) != 3 or abs(means[0] - means[2]) < _APART:
        return None
    return "rgb" if means[0] > means[1] > means[2] else "bgr" if means[0] < means[1] else None


def _text(scaling: Scaling) -> str:
    """As an expression: `0.007812 x input - 1`, each number once where all channels have it."""
    factors = [f"{v:.4g}" for v in dict.fromkeys(scaling.factors.round(6).tolist())]
    offsets = [*dict.fromkeys(scaling.offsets.round(4).tolist())]
    scaled = "input" if factors == ["1"] else f"{'/'.join(factors)} x input"
    if offsets == [0]:
        return scaled
    sign = "-" if max(offsets) <= 0 else "+"
    added = [f"{-v if sign == '-' else v:.4g}" for v in offsets]
    return f"{scaled} {sign} {'/'.join(added)}"
