"""The input that units would like best, and dreams on a photograph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from retrograph.errors import InputError
from retrograph.model import Model, Source
from retrograph.preprocess import PRESETS, InputAxes, Preprocessing, check_whole, of_bytes
from retrograph.preprocess.recipe import describe, known
from retrograph.runtime import Array
from retrograph.synthesis.ascent import Base
from retrograph.synthesis.making import MOST, Making, OfInputs
from retrograph.synthesis.maximum import Maximum, Watch, unwatched
from retrograph.synthesis.settings import DREAM, Settings
from retrograph.synthesis.slope import Goal, Measure, Place, Slope
from retrograph.synthesis.space import Space, space_of
from retrograph.synthesis.views import Size, resized

Unit = int | Sequence[int]

_NOISE: Final = 0.05
"""The standard deviation of the noise at the start, on a canvas."""


def maximize(
    model: Source,
    units: Unit | Sequence[Unit],
    *,
    target: str | None = None,
    measure: Measure = "activation",
    place: Place = "mean",
    start: Array | None = None,
    noise: float = _NOISE,
    preprocessing: Preprocessing | str | None = None,
    size: tuple[int, int] | None = None,
    bounds: tuple[float, float] | None = None,
    settings: Settings | None = None,
    wrt: str | None = None,
    seed: int = 0,
    snapshots: int = 0,
    device: str = "auto",
    threads: int | None = None,
    watch: Watch = unwatched,
) -> list[Maximum]:
    """The inputs that units of a layer would like best, by gradient ascent.

    Erhan, Bengio, Courville, Vincent: Visualizing Higher-Layer Features of a Deep Network, 2009;
    Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2013; regularisers as in
    regularisers.py, smoothing.py, views.py and octaves.py. An interrupt (Ctrl-C) ends the ascent,
    and what it has come to is given back, `finished` False.

    Args:
        model: a source model.
        units: a class, a channel or a unit's index, or several, all of one kind: an input each.
        target: the layer, as in `build`.
        measure: activation, or log-probability: the logarithm of the softmax over the channels, by
            which other classes count against the wanted one.
        place: of a channel the mean over its positions, or its strongest position.
        start: an input [*input] to start from; mid-grey (0 where it is no picture) if None.
        noise: the standard deviation of the noise added to it, 1 being from black to white.
        preprocessing: how a picture becomes the input, as in `build`; that stored in the model,
            else 0-1, if None.
        size: height and width where the model leaves them open (224).
        bounds: the least and greatest value of an input that is no picture; any if None.
        settings: how the ascent goes.
        wrt: the input that is made; the first that the target depends on if None.
        seed: of all random numbers.
        snapshots: how many inputs on the way are kept.
        device, threads: as in `Explainer`.
        watch: told of every step.

    Raises:
        InputError: there is no such layer or unit, or a number cannot be.
        UnsupportedError: no gradient can be built.
        DeviceError: the device is not there.
    """
    source = model if isinstance(model, Model) else Model(model)
    goal = Goal(target, indices(units), measure, place, wrt)
    slope = Slope(source, goal, device=device, threads=threads)
    recipe = recipe_of(source, slope.name, preprocessing)
    axes = slope.axes if start is None else _closed(slope.axes, start)
    space = space_of(axes, recipe, size, bounds)
    whole = space.item[1:]
    ascent = (settings or Settings()).ascent(space, whole, whole)
    first = ascent.octaves[0].canvas
    rng = np.random.default_rng(seed)
    making = Making(
        climbed=slope,
        measuring=OfInputs(slope, space),
        space=space,
        shown=space,
        ascent=ascent,
        base=_base(space, start),
        noise=noise * rng.standard_normal((1, *space.item[:1], *first)),
        batch=slope.batch or MOST,
        is_class=slope.is_class,
        seed=seed,
        snapshots=snapshots,
        watch=watch,
        why=slope.why,
    )
    return making.made(goal.units)


def dream(
    model: Source,
    picture: Array,
    *,
    target: str | None = None,
    units: Unit | Sequence[Unit] = (),
    preprocessing: Preprocessing | str | None = None,
    settings: Settings = DREAM,
    wrt: str | None = None,
    seed: int = 0,
    snapshots: int = 0,
    device: str = "auto",
    threads: int | None = None,
    watch: Watch = unwatched,
) -> Maximum | None:
    """A photograph in which a layer finds more of what it finds: DeepDream.

    Half the sum of squares of the whole layer is climbed, whose gradient is the layer itself, or
    the mean of one channel. Mordvintsev, Olah, Tyka: Inceptionism, 2015. A model of a fixed size
    sees a larger picture in tiles; one that takes any size sees each octave as it is.

    Args:
        picture: [*input], of any height and width, in the units of the model's input.
        units: a channel; the whole layer if left out.

    The others are as in `maximize`. None where it was interrupted before the first step.

    Raises:
        InputError: the model takes no pictures, or there is no such layer.
        UnsupportedError: no gradient can be built.
        DeviceError: the device is not there.
    """
    source = model if isinstance(model, Model) else Model(model)
    goal = Goal(target, indices(units), wrt=wrt)
    slope = Slope(source, goal, device=device, threads=threads)
    recipe = recipe_of(source, slope.name, preprocessing)
    if recipe is None or not slope.axes.takes_pictures:
        raise InputError("a dream needs a model that takes pictures; leave it out")
    window = _window(slope.axes)
    space = Space((recipe.channels, *_size_of(picture, slope.axes)), recipe, slope.axes, -0.5, 0.5)
    ascent = settings.ascent(space, space.size, window)
    making = Making(
        climbed=slope,
        measuring=OfInputs(slope, space, window),
        space=space,
        shown=space,
        ascent=ascent,
        base=_base(space, picture),
        noise=np.zeros((1, space.item[0], *ascent.octaves[0].canvas)),
        batch=1,
        is_class=False,
        seed=seed,
        snapshots=snapshots,
        watch=watch,
        why=slope.why,
    )
    return next(iter(making.made(goal.units)), None)


def recipe_of(
    model: Model, name: str, preprocessing: Preprocessing | str | None
) -> Preprocessing | None:
    """How a picture becomes an input of that name; None where it is no picture.

    Raises:
        InputError: there is no such preset, or it does not go with the input.
    """
    frame = model.axes(name).frame
    if frame is None:
        return None
    if preprocessing is None:
        stored = model.properties.get("preprocessing", "")
        preprocessing = stored or of_bytes(model.taken(name)) or "0-1"
    if isinstance(preprocessing, str):
        if preprocessing not in PRESETS:
            raise InputError(
                f"unknown preprocessing '{preprocessing}'; choose one of: {', '.join(PRESETS)}"
            )
        preprocessing = PRESETS[preprocessing]
    fitted = preprocessing.for_shape(frame)
    check_whole(fitted, model.taken(name))
    return fitted


def indices(units: Unit | Sequence[Unit]) -> tuple[tuple[int, ...], ...]:
    """The units, each as the tuple of its numbers."""
    each = [units] if isinstance(units, int) else units
    return tuple((u,) if isinstance(u, (int, np.integer)) else tuple(u) for u in each)


def _base(space: Space, start: Array | None) -> Base:
    """What an ascent starts from at each size: mid-grey or 0, or an input."""
    if start is None:
        return lambda size: np.zeros((1, space.item[0], *size))
    item = space.arranged(np.zeros((1, *space.item))).shape[1:]
    if np.shape(start) != item:
        raise InputError(
            f"the start has the shape {list(np.shape(start))} and the model takes {list(item)}; "
            "give one of that shape"
        )
    canvas = space.from_input(np.asarray(start)[np.newaxis])
    return lambda size: resized(canvas, size)


def _closed(axes: InputAxes, start: Array) -> InputAxes:
    """The axes of an input with the open sizes those of what it starts from."""
    if len(axes.item) != np.ndim(start):
        return axes
    pairs = zip(axes.item, np.shape(start), strict=True)
    return axes.with_item([known(dim) or size for dim, size in pairs])


def _window(axes: InputAxes) -> Size | None:
    """What a model sees at once, where that is fixed."""
    height, width = (known(axes.item[axis]) for axis in axes.spatial)
    return None if height is None or width is None else (height, width)


def _size_of(picture: Array, axes: InputAxes) -> tuple[int, int]:
    """Height and width of a picture that is laid out as the model's input."""
    wanted = [None if axis in axes.spatial else known(dim) for axis, dim in enumerate(axes.item)]
    fits = picture.ndim == len(wanted) and all(
        dim in (None, size) for dim, size in zip(wanted, picture.shape, strict=True)
    )
    if not fits:
        raise InputError(
            f"the picture has the shape {list(picture.shape)} and the model takes "
            f"{describe(axes.item)}; give one as `prepare` makes it"
        )
    height, width = (picture.shape[axis] for axis in axes.spatial)
    return height, width
