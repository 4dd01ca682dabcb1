"""The inputs that units of a layer would like best, by gradient ascent.

Erhan, Bengio, Courville, Vincent: Visualizing Higher-Layer Features of a Deep Network, 2009;
Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2013; regularisers as in
regularisers.py, smoothing.py, views.py and octaves.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.inputs.single_input import OneInput
from retrograph.keywords import checked_keywords
from retrograph.model import Source
from retrograph.pipeline.labels import Labels
from retrograph.preprocess import Preprocessing
from retrograph.synthesis.codes import ascend_codes
from retrograph.synthesis.context import SynthesisRequest, UnitChoices, as_pictures, resolve
from retrograph.synthesis.generator import Range
from retrograph.synthesis.maxima import Maxima
from retrograph.synthesis.maximum import OnStep, Progress, ignore_progress
from retrograph.synthesis.settings import CodeSettings, Settings, with_settings
from retrograph.synthesis.slope import Goal, Measure, Place, Slope
from retrograph.synthesis.space import space_of
from retrograph.synthesis.starts import axes_of_size, base_of, read_start
from retrograph.synthesis.synthesizer import InputEvaluator, RunOptions, Synthesizer


@checked_keywords
def maximize(
    model: Source,
    unit: UnitChoices | None = None,
    *,
    layer: str | None = None,
    labels: Labels | None = None,
    measure: Measure = "activation",
    place: Place = "mean",
    start: OneInput = "noise",
    preprocessing: Preprocessing | str | None = None,
    size: tuple[int, int] | None = None,
    bounds: tuple[float, float] | None = None,
    settings: Settings | CodeSettings | Mapping[str, Any] | None = None,
    seed: int = 0,
    snapshots: int = 0,
    generator: Source | None = None,
    generator_range: Range | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    on_step: OnStep | None = None,
) -> Maxima:
    """The inputs that units of a layer would like best; after Ctrl-C what it has come to.

    Args:
        unit: the number of a class or a channel, an index as a tuple, a class's name, a range such
            as "0-9", "all", or a list of one kind: an input each. Of a single unit none is needed.
        model, layer, labels, device, threads: in `SHARED`.
        measure: activation, or log-probability: the logarithm of the softmax over the channels.
        place: of a channel the mean over its positions, or its strongest position.
        start: "noise"; "grey"; or a path, a picture of Pillow, or an array [*input] or uint8.
        preprocessing: how a picture becomes the input; as the file says, else 0-1, if None.
        size: height and width in pixels where the model leaves them open (224).
        bounds: the least and greatest value of an input that is no picture; any if None.
        settings: how the ascent goes, or some of its numbers by their names.
        seed, snapshots: of all random numbers; how many inputs on the way are kept.
        generator: a source model, among whose codes (standard normal) the ascent runs.
        generator_range: what it gives for black and for white, if its file does not tell.
        progress: called with the numbers of steps done and of all steps.
        on_step: called after each step with its number, the first unit's activation and what draws
            its picture; what it raises ends the ascent.

    Returns:
        For each unit an input [*input], its picture and activation; they draw themselves.

    Raises:
        InputError: there is no such layer, unit or file, or a number cannot be.
        UnsupportedError, DeviceError: no gradient can be built; the device is not there.
    """
    resolved = resolve(model, unit, layer, labels, preprocessing, pictures=as_pictures(start))
    request = resolved.with_some_unit()
    goal = Goal(layer, request.units, measure, place)
    told = progress or ignore_progress
    run = RunOptions(settings, seed, snapshots, device, threads, told, on_step)
    if generator is not None:
        _refuse_options_of_inputs(start, size, bounds)
        return ascend_codes(request, goal, generator, generator_range, run)
    if generator_range is not None:
        raise InputError(f"{parameter('generator_range')} needs one; give {_GENERATOR}")
    return _ascend_inputs(request, goal, start, size, bounds, run)


_GENERATOR = parameter("generator", "FILE")


def _refuse_options_of_inputs(
    start: OneInput, size: tuple[int, int] | None, bounds: tuple[float, float] | None
) -> None:
    """Raises InputError where an option is given that an ascent among codes does not use."""
    has_start = not (isinstance(start, str) and start == "noise")
    is_given = {"start": has_start, "size": size is not None, "bounds": bounds is not None}
    for name in (name for name, given in is_given.items() if given):
        raise InputError(
            f"a generator makes pictures of its own; leave {parameter(name)} or "
            f"{parameter('generator')} out"
        )


def _ascend_inputs(
    request: SynthesisRequest,
    goal: Goal,
    start: OneInput,
    size: tuple[int, int] | None,
    bounds: tuple[float, float] | None,
    run: RunOptions,
) -> Maxima:
    context = request.context
    first, deviation = read_start(start, request)
    usual = Settings() if context.takes_pictures else Settings(decay=0.0)
    settings = with_settings(usual, run.settings)
    slope = Slope(request.model, goal, device=run.device, threads=run.threads)
    axes = axes_of_size(slope.axes, first)
    space = space_of(axes, context.preprocessing, size, bounds)
    sides = space.item[1:]
    ascent = settings.ascent(space, sides, sides)
    rng = np.random.default_rng(run.seed)
    noise = rng.standard_normal((1, *space.item[:1], *ascent.octaves[0].canvas))
    synthesizer = Synthesizer(
        slope=slope,
        climbed=slope,
        evaluator=InputEvaluator(slope, space),
        space=space,
        input_space=space,
        ascent=ascent,
        base=base_of(space, first),
        noise=deviation * noise,
        run=run,
    )
    return Maxima(tuple(synthesizer.synthesize(goal.units)), request.units, context)
