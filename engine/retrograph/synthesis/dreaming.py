"""Dreams: a photograph in which a layer finds more of what it finds.

Half the sum of squares of the whole layer is climbed, whose gradient is the layer itself, or the
mean of one channel. Mordvintsev, Olah, Tyka: Inceptionism, 2015.
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
from retrograph.preprocess import InputAxes, Preprocessing
from retrograph.preprocess.recipe import known
from retrograph.runtime import Array
from retrograph.synthesis.context import SynthesisRequest, UnitChoices, as_pictures, resolve
from retrograph.synthesis.maxima import Dream
from retrograph.synthesis.maximum import Progress, ignore_progress
from retrograph.synthesis.settings import DREAM, Settings, with_settings
from retrograph.synthesis.slope import Goal, Slope
from retrograph.synthesis.space import WHITE, Space
from retrograph.synthesis.starts import base_of, read_photograph
from retrograph.synthesis.synthesizer import InputEvaluator, RunOptions, Synthesizer
from retrograph.synthesis.views import Size


@checked_keywords
def dream(
    model: Source,
    picture: OneInput,
    *,
    layer: str | None = None,
    unit: UnitChoices | None = None,
    labels: Labels | None = None,
    preprocessing: Preprocessing | str | None = None,
    size: tuple[int, int] | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    seed: int = 0,
    snapshots: int = 0,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Dream:
    """A photograph in which a layer finds more of what it finds: DeepDream.

    A model of a fixed size sees a larger picture in tiles; one that takes any size sees each octave
    as it is. After Ctrl-C what it has come to.

    Args:
        model: a source model that takes pictures.
        picture: a path, a picture of Pillow, or an array [*input] or uint8, of any size.
        unit: a channel or one unit, as in `maximize`; the whole layer if None.
        size: height and width in pixels; those of the picture, its shorter side at most 448, if
            None. An array of floats keeps its own.
        settings, seed, snapshots, progress: as in `maximize`.
        layer, labels, preprocessing, device, threads: in `SHARED`.

    Returns:
        One input [*input], its picture uint8 [H, W, 3], and how the layer grew.

    Raises:
        InputError: the model takes no pictures, or there is no such layer, unit or file.
        UnsupportedError: no gradient can be built.
        DeviceError: the device is not there.
    """
    request = resolve(model, unit, layer, labels, preprocessing, pictures=as_pictures(picture))
    if len(request.units) > 1:
        raise InputError(f"a dream is of one unit or a whole layer; give one {parameter('unit')}")
    photograph = read_photograph(picture, request, size)
    chosen = with_settings(DREAM, settings)
    run = RunOptions(settings, seed, snapshots, device, threads, progress or ignore_progress)
    return _ascend(request, Goal(layer, request.units), photograph, chosen, run)


def _ascend(
    request: SynthesisRequest, goal: Goal, photograph: Array, settings: Settings, run: RunOptions
) -> Dream:
    slope = Slope(request.model, goal, device=run.device, threads=run.threads)
    recipe = request.context.preprocessing
    assert recipe is not None  # else no photograph is read
    window = _window(slope.axes)
    height, width = (photograph.shape[axis] for axis in slope.axes.spatial)
    space = Space((recipe.channels, height, width), recipe, slope.axes, -WHITE, WHITE)
    ascent = settings.ascent(space, space.size, window)
    synthesizer = Synthesizer(
        slope=slope,
        climbed=slope,
        evaluator=InputEvaluator(slope, space, window),
        space=space,
        input_space=space,
        ascent=ascent,
        base=base_of(space, photograph),
        noise=np.zeros((1, space.item[0], *ascent.octaves[0].canvas)),
        run=run,
        has_classes=False,
    )
    return Dream(tuple(synthesizer.synthesize(goal.units)), request.units, request.context)


def _window(axes: InputAxes) -> Size | None:
    """What a model sees at once, where that is fixed."""
    height, width = (known(axes.item[axis]) for axis in axes.spatial)
    return None if height is None or width is None else (height, width)
