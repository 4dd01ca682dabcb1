"""How the pictures of an audit become the inputs of both files: of one geometry, and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from retrograph.inputs import PreprocessingChoice
from retrograph.preprocess import PRESETS, Preprocessing
from retrograph.preprocess.described import recipe_name


def with_geometry_of(a: PreprocessingChoice, b: PreprocessingChoice) -> PreprocessingChoice:
    """B's preprocessing on the pixels that A sees; as it is where B's file says its own."""
    if b.source == "stored":
        return b
    return replace(b, recipe=_with_geometry(b.recipe, a.recipe))


def preparation_notes(a: PreprocessingChoice, b: PreprocessingChoice | None) -> Iterator[str]:
    """What pictures become for A and for B; of B None where it takes what A takes."""
    if b is None or replace(b.recipe, layout=a.recipe.layout) == a.recipe:
        yield a.line
    else:
        yield f"preprocessing of A: {a.name} ({a.found})"
        yield f"preprocessing of B: {_name(b.recipe)} ({b.found}), {_compared(a.recipe, b.recipe)}"
    if a.warning():
        yield a.warning()


def _name(recipe: Preprocessing) -> str:
    """The preset that scales values so, whatever its geometry; else the recipe's arithmetic."""
    names = (recipe_name(_with_geometry(recipe, preset)) for preset in PRESETS.values())
    return next((name for name in names if name in PRESETS), recipe_name(recipe))


def _compared(a: Preprocessing, b: Preprocessing) -> str:
    if _with_geometry(b, a) == b:
        return "its pictures resized and cropped as for A"
    return (
        f"its pictures resized and cropped otherwise: {_words(b)} for B, {_words(a)} for A, so "
        "that the two files see different pixels"
    )


def _words(recipe: Preprocessing) -> str:
    return f"{recipe.resize} {recipe.crop_fraction:g} {recipe.interpolation}"


def _with_geometry(recipe: Preprocessing, like: Preprocessing) -> Preprocessing:
    """A recipe that resizes and crops as another one does."""
    return replace(
        recipe,
        resize=like.resize,
        crop_fraction=like.crop_fraction,
        interpolation=like.interpolation,
    )
