"""How pictures become an input, as a model's metadata say it: ours, and those of other tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from retrograph.errors import InputError
from retrograph.preprocess.recipe import CHOICES, PRESETS, Order, Preprocessing

_CONFIGS: Final = ("pretrained_cfg", "preprocessor_config", "config", "preprocessing")
"""The properties that hold an object of JSON: of timm, of Transformers, of others."""
_RANGES: Final = {
    "NominalRange_0_255": "0-255",
    "Normalized_0_1": "0-1",
    "Normalized_1_1": "-1-1",
}
"""The ranges of ONNX's image metadata."""
_ORDERS: Final[dict[str, Order]] = {
    "Bgr8": "bgr",
    "Rgb8": "rgb",
    "Gray8": "gray",
    "Bgra8": "bgr",
    "Rgba8": "rgb",
}


def recipe_in_metadata(properties: Mapping[str, str]) -> Preprocessing | None:
    """How pictures become the input; None where the metadata do not say it, or say it unreadably.

    A preset's name as "preprocessing"; ONNX's own Image.BitmapPixelFormat and
    Image.NominalPixelRange; the mean and deviation of timm, Transformers and others; what
    Ultralytics exports takes pictures as 0-1, fitted in.
    """
    named = PRESETS.get(properties.get("preprocessing", ""))
    if named is not None:
        return named
    try:
        return _of_image_format(properties) or _of_means(properties) or _of_ultralytics(properties)
    except (InputError, ValueError, TypeError, RecursionError):
        return None


def _of_image_format(properties: Mapping[str, str]) -> Preprocessing | None:
    order = _ORDERS.get(properties.get("Image.BitmapPixelFormat", ""))
    preset = _RANGES.get(properties.get("Image.NominalPixelRange", "NominalRange_0_255"))
    if order is None or preset is None:
        return None
    return Preprocessing(PRESETS[preset].scale, PRESETS[preset].mean, order=order)


def _of_means(properties: Mapping[str, str]) -> Preprocessing | None:
    for key in _CONFIGS:
        text = properties.get(key, "")
        if text.lstrip().startswith("{"):
            recipe = _of_config(json.loads(text))
            if recipe is not None:
                return recipe
    flat = {key: _parsed(properties[key]) for key in ("mean", "std") if key in properties}
    return _of_config(flat)


def _of_config(config: Mapping[str, Any]) -> Preprocessing | None:
    """Of an object with a mean for each channel: of values from 0 to 1, or to 255."""
    mean, std = (config.get(f"image_{key}", config.get(key)) for key in ("mean", "std"))
    if not isinstance(mean, list) or not isinstance(std, list) or not mean:
        return None
    scale = float(config.get("rescale_factor") or (1.0 if max(mean) > 1 else 1 / 255))
    interpolation = str(config.get("interpolation", "bilinear"))
    known = interpolation in CHOICES["interpolation"]
    return Preprocessing(
        scale,
        tuple(map(float, mean)),
        tuple(map(float, std)),
        crop_fraction=float(config.get("crop_pct") or 1.0),
        interpolation=interpolation if known else "bilinear",  # type: ignore[arg-type]
    )


def _of_ultralytics(properties: Mapping[str, str]) -> Preprocessing | None:
    is_export = properties.get("author") == "Ultralytics" and "stride" in properties
    if not is_export:
        return None
    is_classifier = properties.get("task") == "classify"
    return Preprocessing(resize="crop" if is_classifier else "pad")


def _parsed(text: str) -> Any:
    bare = text.strip()
    if bare.startswith(("[", "{")):
        return json.loads(bare)
    return [float(part) for part in bare.strip("()").split(",")]
