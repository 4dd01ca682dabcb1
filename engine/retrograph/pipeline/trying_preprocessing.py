"""`find_preprocessing`: the presets tried on pictures, whatever is known already."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from retrograph.errors import InputError
from retrograph.inputs import PreprocessingChoice, choose_preprocessing
from retrograph.inputs.choice import MOST_PICTURES
from retrograph.inputs.loader import Input, as_list
from retrograph.inputs.pixels import Pixels, first_pixels
from retrograph.inputs.trials import candidates, trial_session
from retrograph.keywords import checked_keywords
from retrograph.model import Model, Source, opened
from retrograph.pipeline.labels import Labels, model_labels
from retrograph.preprocess import Preprocessing
from retrograph.results.tried_preprocessing import TriedPreprocessing


@checked_keywords
def find_preprocessing(
    model: Source,
    inputs: Input | Iterable[Input],
    *,
    preprocessing: Preprocessing | str | None = None,
    labels: Labels | None = None,
    wrt: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> TriedPreprocessing:
    """How pictures become a model's input, and what the model says of them under each preset.

    Args:
        model: a path to an .onnx file, a model in memory, or a graph that retrograph has built.
        inputs: paths of pictures, folders and archives, pictures of Pillow, arrays of bytes; the
            first 24 are tried. More tell more surely.
        preprocessing: a preset's name or a recipe, to be held against the presets; as the model's
            file says if None, else that which the pictures show to be right.
        wrt: the input that the pictures become; the first that takes some if None.
        labels, device, threads: in `SHARED`.

    Returns:
        What is taken, how that is known and how surely, and each preset's classes.

    Raises:
        InputError: the model takes no pictures, there is no such preset or input, a path does not
            exist, or none of the inputs is a picture that can be read.
        DeviceError: ONNX Runtime or the device is not there.
    """
    source, values = opened(model), as_list(inputs)
    _check_exist(values)
    name = _picture_input(source, wrt)
    names = model_labels(source, labels)
    choice = choose_preprocessing(source, name, preprocessing, values, device=device)
    if choice is None:
        raise InputError(f"the model's input '{name}' takes letters, which no recipe prepares")
    pixels = first_pixels(values, source.axes(name), MOST_PICTURES)
    if not pixels:
        raise InputError(
            "none of the inputs is a picture that can be read; floats are taken as they are"
        )
    tried = _tried(choice, source, name, pixels, device, threads)
    axes = source.axes(name)
    return TriedPreprocessing(source.name, name, tried, names, tuple(pixels), axes)


def _check_exist(inputs: Iterable[Input]) -> None:
    """Raises InputError for a path of nothing."""
    for each in inputs:
        if isinstance(each, (str, os.PathLike)) and not Path(each).exists():
            raise InputError(f"{each} does not exist; check the path")


def _picture_input(model: Model, wrt: str | None) -> str:
    """The input that takes pictures.

    Raises:
        InputError: there is none, or none of that name.
    """
    names = [tensor.name for tensor in model.inputs if model.axes(tensor.name).frame is not None]
    if wrt is None and names:
        return names[0]
    if wrt in names:
        return str(wrt)
    which = f"'{wrt}' is no input of the model that takes pictures" if wrt else "it has no such"
    raise InputError(
        f"preprocessing is for models of pictures, and {which}; "
        f"{'choose one of: ' + ', '.join(names) if names else 'give arrays as they are'}"
    )


def _tried(
    choice: PreprocessingChoice,
    model: Model,
    name: str,
    pixels: Sequence[Pixels],
    device: str,
    threads: int | None,
) -> PreprocessingChoice:
    """The choice with its trials, where they can be made."""
    if choice.trials:
        return choice
    session = trial_session(model, name, device, threads)
    if isinstance(session, str):
        reason = choice.reason or f"{session}, so presets cannot be tried"
        return replace(choice, reason=reason)
    recipes = {choice.name: choice.recipe, **candidates(model, name)}
    return replace(choice, trials=tuple(session.trials(pixels, recipes)))
