"""What a recipe is called: its preset's name, else what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrograph.errors import InputError
from retrograph.preprocess.recipe import PRESETS, Preprocessing


def recipe_name(recipe: Preprocessing) -> str:
    """The name of the preset that a recipe is, whatever its layout; else its arithmetic.

    "imagenet", or "scale 0.0039, mean 0.5, std 0.25, bgr"; what is as usual is left out.
    """
    for name, preset in PRESETS.items():
        if _alike(preset, recipe):
            return name
    parts = [
        f"scale {recipe.scale:.4g}",
        *([f"mean {_numbers(recipe.mean)}"] if any(recipe.mean) else []),
        *([f"std {_numbers(recipe.std)}"] if set(recipe.std) != {1.0} else []),
        recipe.order,
        *([recipe.resize] if recipe.resize != "crop" else []),
        *([f"crop {recipe.crop_fraction:.4g}"] if recipe.crop_fraction != 1 else []),
    ]
    return ", ".join(parts)


def _alike(preset: Preprocessing, recipe: Preprocessing) -> bool:
    """Whether a recipe is a preset; a grey one is that of its colours."""
    try:
        grey = recipe.order == "gray" and preset.order == "rgb"
        fitted = replace(preset, order="gray") if grey else preset
        return replace(fitted, layout=recipe.layout) == recipe
    except InputError:  # the preset has a mean for each colour
        return False


def _numbers(values: Sequence[float]) -> str:
    return "/".join(f"{value:.4g}" for value in values)
