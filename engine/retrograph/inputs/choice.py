"""What a model's input is, and how pictures become it: the one place that chooses either.

What is known comes first: what is given, else what the model's file stores, else what its graph
declares. Where nothing says it the presets are tried on the first pictures, and where that shows
nothing either, pictures are scaled to 0-1; each time it is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.inputs.declared import declared_preprocessing
from retrograph.inputs.kinds import InputKind, input_kind
from retrograph.inputs.loader import Input
from retrograph.inputs.pixels import Pixels, first_pixels
from retrograph.inputs.preprocessing_choice import PreprocessingChoice, tells
from retrograph.inputs.trials import Trial, TrialSession, candidates, trial_session
from retrograph.model import Model
from retrograph.preprocess import (
    PRESETS,
    InputAxes,
    Preprocessing,
    check_whole,
    choose_coding,
    choose_sample_rate,
    named_preprocessing,
)
from retrograph.runtime import Spec

MOST_PICTURES: Final = 24
"""So many pictures the presets are tried on."""
_SUSPICIOUS: Final = 0.5
"""Nats: where a preprocessing gives less, the presets are tried beside it."""
_BETTER: Final = 1.0
"""Nats, by which another is better that is named in a warning."""

UNSCALED: Final = (
    f"no {parameter('preprocessing')} given and none stored: pictures are scaled to 0-1, arrays of "
    "floats taken as they are"
)
"""The note where nothing says how pictures are preprocessed."""


def choose_kind(
    model: Model,
    name: str,
    choice: PreprocessingChoice | None,
    alphabet: str | None = None,
    sample_rate: int | None = None,
) -> tuple[InputKind, tuple[str, ...]]:
    """The kind of an input of a model.

    Args:
        model: its file may say how letters become the input.
        name: of the input.
        choice: how pictures become it: see `choose_preprocessing`.
        alphabet: see `parse_alphabet`; None where nothing is said.
        sample_rate: of a waveform, samples a second; None where nothing is said.

    Returns:
        The kind, and what is to be known of how it was chosen.

    Raises:
        InputError: the alphabet or the rate does not go with the input.
    """
    properties = model.properties
    rate, axes, unrated = choose_sample_rate(sample_rate, properties, model.axes(name))
    coding, unlettered = choose_coding(alphabet, properties.get("alphabet"), axes.shape)
    recipe = usual_preprocessing(axes) if choice is None else choice.recipe
    return input_kind(axes, recipe, coding, rate), tuple(filter(None, [unlettered, unrated]))


def kinds_of(
    model: Model,
    specs: tuple[Spec, ...],
    preprocessing: Preprocessing | str | None = None,
    sample_rate: int | None = None,
) -> tuple[dict[str, InputKind], tuple[str, ...]]:
    """The kinds of a model's floating-point inputs, by their names, and what is to be known.

    Args:
        model: the source model, or a built graph.
        specs: the inputs that a run takes.
        preprocessing: how pictures become them; where it does not go with one, such as a depth
            map of a single channel, that one's pictures are scaled to 0-1.
        sample_rate: of those that are waveforms, samples a second.
    """
    found, notes = {}, []
    floats = {tensor.name for tensor in model.inputs}
    for spec in specs:
        if spec.name not in floats:
            continue
        try:
            found[spec.name] = _kind_by(model, spec.name, preprocessing, sample_rate)
        except InputError:
            found[spec.name] = _kind_by(model, spec.name, "0-1", None)
            notes.append(f"pictures for '{spec.name}' are scaled to 0-1")
    return found, tuple(notes)


def _kind_by(
    model: Model, name: str, preprocessing: Preprocessing | str | None, sample_rate: int | None
) -> InputKind:
    rate = sample_rate if model.axes(name).takes_waveforms else None
    choice = choose_preprocessing(model, name, preprocessing)
    return choose_kind(model, name, choice, sample_rate=rate)[0]


def choose_preprocessing(
    model: Model,
    name: str,
    preprocessing: Preprocessing | str | None = None,
    inputs: Sequence[Input] = (),
    *,
    alphabet: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> PreprocessingChoice | None:
    """How pictures become an input, and how that is known; None where it takes none.

    Args:
        model: its file may say how pictures become the input.
        name: of the input.
        preprocessing: a recipe, or a preset's name; None where nothing is said.
        inputs: what is going to be run: the first pictures among them are tried with the presets
            where nothing says it, and where what is given looks wrong.
        alphabet: see `parse_alphabet`; where it or the model says one, the input takes letters.
        device, threads: as in `Explainer`.

    Raises:
        InputError: there is no such preset, or it does not go with the input.
        DeviceError: ONNX Runtime or the device is not there.
    """
    axes = model.axes(name)
    coding, _ = choose_coding(alphabet, model.properties.get("alphabet"), axes.shape)
    if axes.frame is None or coding is not None:
        return None
    known = _known(model, name, preprocessing)
    if known is not None:
        is_certain = known.source == "stored" or model.taken(name) == np.uint8
        return known if is_certain else _doubted(known, model, name, inputs, device, threads)
    pixels = first_pixels(inputs, axes, MOST_PICTURES)
    if not pixels:
        return PreprocessingChoice(usual_preprocessing(axes), "assumed", UNSCALED)
    return _probed(model, name, pixels, device, threads)


def _known(
    model: Model, name: str, preprocessing: Preprocessing | str | None
) -> PreprocessingChoice | None:
    """What is given, stored in the file or declared by the graph; None where none of it is."""
    fitted = fitted_preprocessing(model, name, preprocessing)
    if fitted is not None:
        if preprocessing is not None:
            return PreprocessingChoice(fitted, "given")
        if model.stores_preprocessing:
            return PreprocessingChoice(fitted, "stored")
        return PreprocessingChoice(fitted, "declared", "the input holds bytes")
    declared = None if model.contract is not None else declared_preprocessing(model, name)
    return None if declared is None else PreprocessingChoice(declared[0], "declared", declared[1])


def _probed(
    model: Model, name: str, pixels: Sequence[Pixels], device: str, threads: int | None
) -> PreprocessingChoice:
    """The preset under which the pictures decide their class most clearly."""
    usual = usual_preprocessing(model.axes(name))
    session = trial_session(model, name, device, threads)
    if isinstance(session, str):
        reason = f"{session}, so presets cannot be tried: {UNSCALED}"
        return PreprocessingChoice(usual, "assumed", reason)
    trials = tuple(session.trials(pixels, candidates(model, name)))
    if not tells(trials):
        reason = f"under no preset do the pictures decide their class: {UNSCALED}"
        return PreprocessingChoice(usual, "assumed", reason, trials)
    return PreprocessingChoice(trials[0].recipe, "probed", trials=trials)


def _doubted(
    choice: PreprocessingChoice,
    model: Model,
    name: str,
    inputs: Sequence[Input],
    device: str,
    threads: int | None,
) -> PreprocessingChoice:
    """The same, contested where it looks wrong on the first pictures and a preset does not."""
    pixels = first_pixels(inputs, model.axes(name), MOST_PICTURES)
    session = trial_session(model, name, device, threads) if pixels else ""
    if isinstance(session, str):
        return choice
    own = session.trial(choice.recipe, pixels)
    if own is None or not _is_suspicious(own):
        return choice
    return _contested(choice, own, session, pixels, candidates(model, name))


def _is_suspicious(trial: Trial) -> bool:
    return trial.is_constant or trial.worth < _SUSPICIOUS


def _contested(
    choice: PreprocessingChoice,
    own: Trial,
    session: TrialSession,
    pixels: Sequence[Pixels],
    presets: dict[str, Preprocessing],
) -> PreprocessingChoice:
    trials = tuple(session.trials(pixels, presets))
    is_better = tells(trials) and trials[0].worth - own.worth > _BETTER
    if not is_better:
        return choice
    return PreprocessingChoice(choice.recipe, choice.source, "", trials, own)


def fitted_preprocessing(
    model: Model, name: str, preprocessing: Preprocessing | str | None
) -> Preprocessing | None:
    """How pictures become an input: as is said, else as the file says; None where neither does.

    Where the input takes pictures its layout and number of channels are the input's.

    Raises:
        InputError: there is no such preset, or it does not go with the input.
    """
    recipe = named_preprocessing(preprocessing) or model.preprocessing(name)
    frame = model.axes(name).frame
    if recipe is None or frame is None:
        return recipe
    fitted = recipe.for_shape(frame)
    check_whole(fitted, model.taken(name))
    return fitted


def usual_preprocessing(axes: InputAxes) -> Preprocessing:
    """How pictures become an input where nothing says it: scaled to 0-1."""
    usual = PRESETS["0-1"]
    return usual if axes.frame is None else usual.for_shape(axes.frame)
