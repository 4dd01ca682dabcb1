"""What units would like best of what a generator can make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.errors import InputError
from retrograph.model import Model, Source
from retrograph.preprocess import Preprocessing
from retrograph.preprocess.recipe import known
from retrograph.synthesis.ascent import Ascent, Step, Units
from retrograph.synthesis.generator import Joined, OfCodes, Range, joined, penalised
from retrograph.synthesis.making import MOST, Making
from retrograph.synthesis.maximum import Maximum, Watch, unwatched
from retrograph.synthesis.octaves import Octave
from retrograph.synthesis.pictures import Unit, indices, recipe_of
from retrograph.synthesis.slope import Goal, Measure, Place, Slope
from retrograph.synthesis.space import Canvas, Space
from retrograph.synthesis.views import Still


@dataclass(frozen=True)
class CodeSettings:
    """How an ascent among codes goes.

    Attributes:
        steps: how many.
        rate: how far a step goes, as the root mean square of the code's change.
        prior: the weight of the penalty |z|^2 / 2 that keeps a code near the standard normal; with
            1 a code's root mean square stays about that of one drawn from it.
        draws: how many codes are drawn from the prior; each unit starts from the one that it likes
            best.
    """

    steps: int = 200
    rate: float = 0.05
    prior: float = 1.0
    draws: int = 16


def maximize_code(
    model: Source,
    generator: Source,
    units: Unit | Sequence[Unit],
    *,
    target: str | None = None,
    measure: Measure = "activation",
    place: Place = "mean",
    preprocessing: Preprocessing | str | None = None,
    output_range: Range | None = None,
    settings: CodeSettings | None = None,
    wrt: str | None = None,
    seed: int = 0,
    snapshots: int = 0,
    device: str = "auto",
    threads: int | None = None,
    watch: Watch = unwatched,
) -> tuple[list[Maximum], Joined]:
    """The pictures of a generator that units of a model would like best, and the joined model.

    Args:
        generator: a source model from codes, of a standard normal prior, to the model's input.
        output_range: what it gives for black and for white; what its metadata or its last
            activation say, if None.
        settings: how the ascent goes.

    The others are as in `maximize`; `seed` draws the codes.

    Raises:
        InputError: there is no such layer or unit, or the generator does not fit the model.
        UnsupportedError: no gradient can be built.
        DeviceError: the device is not there.
    """
    source = model if isinstance(model, Model) else Model(model)
    before = generator if isinstance(generator, Model) else Model(generator)
    request = source.request(method="gradient", layer=target, wrt=wrt)
    made = request.sources[0]
    recipe = recipe_of(source, made, preprocessing)
    whole = joined(before, source, made, recipe, output_range)
    goal = Goal(request.target, indices(units), measure, place, whole.code)
    slope = Slope(whole.model, goal, device=device, threads=threads)
    space = _codes(slope)
    chosen = settings or CodeSettings()
    rng = np.random.default_rng(seed)
    size = space.item[1:]
    making = Making(
        climbed=penalised(slope, chosen.prior),
        measuring=OfCodes(slope, whole),
        space=space,
        shown=whole.shown,
        ascent=Ascent([Octave(size, size, chosen.steps)], _step(chosen), None, Still()),
        base=lambda size: np.zeros((1, space.item[0], *size)),
        noise=_starts(slope, goal.units, rng.standard_normal((chosen.draws, *space.item))),
        batch=slope.batch or MOST,
        is_class=slope.is_class,
        seed=seed,
        snapshots=snapshots,
        watch=watch,
        why=slope.why,
    )
    return making.made(goal.units), whole


def _starts(slope: Slope, units: Units, codes: Canvas) -> Canvas:
    """For each unit the one of some codes that activates it most."""
    size = slope.batch or MOST
    best = []
    for unit in units:
        groups = (codes[first : first + size] for first in range(0, len(codes), size))
        found = [slope(group.astype(np.float32), [unit] * len(group))[0] for group in groups]
        best.append(codes[int(np.concatenate(found).argmax())])
    return np.stack(best)


def _step(settings: CodeSettings) -> Step:
    return Step(settings.rate, fall=0.02)


def _codes(slope: Slope) -> Space:
    item = [known(dim) for dim in slope.axes.item]
    if not item or None in item:
        raise InputError(
            f"the generator's code has the open shape {list(slope.axes.shape)}; export it with a "
            "code of a fixed size"
        )
    return Space(tuple(int(extent or 0) for extent in item), None, slope.axes)
