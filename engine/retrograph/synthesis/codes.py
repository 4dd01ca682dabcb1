"""What units would like best of what a generator can make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retrograph.errors import InputError
from retrograph.model import Model, Source
from retrograph.preprocess.recipe import known
from retrograph.synthesis.ascent import Ascent, Step, Units
from retrograph.synthesis.context import SynthesisRequest
from retrograph.synthesis.generator import CodeEvaluator, Range, joined, penalised
from retrograph.synthesis.maxima import Maxima
from retrograph.synthesis.octaves import Octave
from retrograph.synthesis.settings import CodeSettings, with_settings
from retrograph.synthesis.slope import Goal, Slope
from retrograph.synthesis.space import Canvas, Space
from retrograph.synthesis.synthesizer import LARGEST_BATCH, RunOptions, Synthesizer
from retrograph.synthesis.views import Still


def ascend_codes(
    request: SynthesisRequest,
    goal: Goal,
    generator: Source,
    generator_range: Range | None,
    run: RunOptions,
) -> Maxima:
    """The pictures of a generator that units of a model would like best.

    Args:
        request: what is asked of which model.
        goal: what is to grow.
        generator: a source model from codes, of a standard normal prior, to the model's input.
        generator_range: what it gives for black and for white; what its metadata or its last
            activation say, if None.
        run: the seed draws the codes.

    Raises:
        InputError: the generator does not fit the model, or a setting cannot be.
        UnsupportedError: no gradient can be built.
        DeviceError: the device is not there.
    """
    settings = with_settings(CodeSettings(), run.settings)
    before = generator if isinstance(generator, Model) else Model(generator)
    model, context = request.model, request.context
    chain = joined(before, model, request.input_name, context.preprocessing, generator_range)
    layer = model.target(goal.layer)  # the joined model would name its layers otherwise
    slope = Slope(
        chain.model,
        replace(goal, layer=layer, wrt=chain.code),
        device=run.device,
        threads=run.threads,
    )
    space = _code_space(slope)
    sides = space.item[1:]
    codes = np.random.default_rng(run.seed).standard_normal((settings.draws, *space.item))
    step = Step(settings.rate, fall=0.02)
    synthesizer = Synthesizer(
        slope=slope,
        climbed=penalised(slope, settings.prior),
        evaluator=CodeEvaluator(slope, chain),
        space=space,
        input_space=chain.shown,
        ascent=Ascent([Octave(sides, sides, settings.steps)], step, None, Still()),
        base=lambda size: np.zeros((1, space.item[0], *size)),
        noise=_best_codes(slope, goal.units, codes),
        run=run,
    )
    return Maxima(tuple(synthesizer.synthesize(goal.units)), request.units, context, chain)


def _best_codes(slope: Slope, units: Units, codes: Canvas) -> Canvas:
    """For each unit the one of some codes that activates it most."""
    size = slope.batch or LARGEST_BATCH
    best = []
    for unit in units:
        groups = (codes[first : first + size] for first in range(0, len(codes), size))
        scores = [slope(group.astype(np.float32), [unit] * len(group))[0] for group in groups]
        best.append(codes[int(np.concatenate(scores).argmax())])
    return np.stack(best)


def _code_space(slope: Slope) -> Space:
    item = [known(dim) for dim in slope.axes.item]
    if not item or None in item:
        raise InputError(
            f"the generator's code has the open shape {list(slope.axes.shape)}; export it with a "
            "code of a fixed size"
        )
    return Space(tuple(int(extent or 0) for extent in item), None, slope.axes)
