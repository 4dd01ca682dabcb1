"""Settings in which it is known how pictures and letters become the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrograph.inputs import PreprocessingChoice, choose_preprocessing
from retrograph.inputs.assumed_alphabet import assumed_alphabet
from retrograph.inputs.loader import Input
from retrograph.model import Model
from retrograph.pipeline.settings import ExplainSettings


def choice_for(
    model: Model, settings: ExplainSettings, name: str, inputs: Sequence[Input] = ()
) -> PreprocessingChoice | None:
    """How pictures become an input: see `choose_preprocessing`.

    Args:
        model: a source model, or a built graph.
        settings: what is said of it.
        name: of the input.
        inputs: what is going to be explained.
    """
    return choose_preprocessing(
        model,
        name,
        settings.reading.preprocessing,
        inputs,
        alphabet=settings.reading.alphabet,
        device=settings.running.device,
        threads=settings.running.threads,
    )


def with_alphabet(
    model: Model, settings: ExplainSettings, name: str, inputs: Sequence[Input]
) -> ExplainSettings:
    """The settings with the alphabet that is assumed where nothing says one: `assumed_alphabet`."""
    letters = assumed_alphabet(model, name, settings.reading.alphabet, inputs)
    if letters is None:
        return settings
    reading = replace(settings.reading, alphabet=letters, is_alphabet_assumed=True)
    return replace(settings, reading=reading)


def with_preprocessing(
    settings: ExplainSettings, known: PreprocessingChoice | None
) -> ExplainSettings:
    """The settings with what was found out; what was probed or declared is taken as if given."""
    if known is None:
        return settings
    is_found = known.source in ("probed", "declared")
    recipe = known.recipe if is_found else settings.reading.preprocessing
    reading = replace(settings.reading, preprocessing=recipe, known=known)
    return replace(settings, reading=reading)
