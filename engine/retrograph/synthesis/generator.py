"""A generator before the model: the ascent runs among its codes, and keeps to what it can make.

Nguyen, Dosovitskiy, Yosinski, Brox, Clune: Synthesizing the Preferred Inputs for Neurons in Neural
Networks via Deep Generator Networks, 2016.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.errors import InputError
from retrograph.ir.compose.join import Adapter, join
from retrograph.ir.graph import Graph, Tensor
from retrograph.model import Model
from retrograph.preprocess import InputAxes, Preprocessing
from retrograph.runtime import Array
from retrograph.synthesis.ascent import Climbed, Units, of_unit_size
from retrograph.synthesis.slope import Slope
from retrograph.synthesis.space import Canvas, Space, space_of
from retrograph.synthesis.synthesizer import Evaluation

Range = tuple[float, float]

_RANGES: dict[str, Range] = {"Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0)}
"""What comes out of a last activation."""


@dataclass(frozen=True)
class Joined:
    """A generator and a model behind it, as one model.

    Attributes:
        model: the whole, from code to scores; it gives out the picture, too.
        code: the name of its input.
        picture: the name of the model's input, which is an inner tensor and an output of it.
        shown: the space of that.
        note: how the generator's numbers became the model's input, in words.
    """

    model: Model
    code: str
    picture: str
    shown: Space
    note: str


def joined(
    generator: Model,
    model: Model,
    source: str,
    recipe: Preprocessing | None,
    given: Range | None,
) -> Joined:
    """A generator before a model.

    Axes, the order of the channels, element types and the range of the numbers are adapted; a row
    of as many numbers as a picture has is taken as that.

    Args:
        generator: of one floating-point input, the code; its first such output is the picture.
        model: of one input, `source`.
        source: the input that the generator makes.
        recipe: how a picture becomes it; None where it is no picture.
        given: what the generator gives for black and for white; else what its metadata
            (`output_range`) or its last activation say, else its numbers are taken as they are.

    Raises:
        InputError: the one does not fit the other; the message has both shapes.
    """
    code, made = _ends(generator)
    wanted = model.tensor(source)
    limits, why = _range_of(generator, made.name, given)
    fit = _fitted(made, wanted, recipe)
    adapter = _scaled(fit, recipe, limits)
    proto, prefix = join(generator.graph, made.name, model.graph.of_floats(), source, adapter)
    whole = Model(proto)
    passed = {f"{prefix}{k}": bound for k, bound in generator.graph.straight_through.items()}
    whole.graph.straight_through |= passed | model.graph.straight_through
    axes = model.axes(source)
    if axes.takes_videos or not axes.batched:
        raise InputError(
            f"the model takes '{source}' {_text(wanted)}, and a generator makes batches of "
            "pictures; give a model of such"
        )
    shown = space_of(axes, recipe, _open_size(made, fit, axes), None)
    return Joined(whole, f"{prefix}{code.name}", source, shown, why)


def _ends(generator: Model) -> tuple[Tensor, Tensor]:
    """The code and the picture of a generator."""
    graph = generator.graph
    codes = generator.inputs
    if len(graph.inputs) != 1 or len(codes) != 1:
        names = ", ".join(f"'{name}'" for name in graph.input_names())
        raise InputError(
            f"the generator takes {names or 'nothing'}; give one with a code as its only input"
        )
    outputs = [graph.tensor(name) for name in graph.output_names()]
    made = next((t for t in outputs if t is not None and t.is_float and t.shape), None)
    if made is None:
        raise InputError("the generator has no floating-point output; export it with its picture")
    return codes[0], made


def _range_of(generator: Model, output: str, given: Range | None) -> tuple[Range | None, str]:
    """What the generator gives for black and white, and where that is known from."""
    stored = generator.properties.get("output_range", "")
    if given is not None:
        return given, ""
    if stored:
        found = re.fullmatch(r"\s*(-?[\d.]+)\s*(?:-|,|to)\s*(-?[\d.]+)\s*", stored)
        if found is None:
            raise InputError(
                f"the generator's output_range is '{stored}'; write numbers such as 0-1 or -1-1"
            )
        return (float(found[1]), float(found[2])), f"its output_range is {stored}"
    last = _last(generator.graph, output)
    if last in _RANGES:
        low, high = _RANGES[last]
        return (low, high), f"its last operator is {last}, so from {low:g} (black) to {high:g}"
    return None, "its range is not known: its numbers are taken as the model's input as they are"


def _last(graph: Graph, output: str) -> str:
    """The operator that makes an output, behind what only moves numbers."""
    node = graph.producer.get(output)
    while node is not None and node.op_type in ("Identity", "Reshape", "Transpose", "Cast"):
        node = graph.producer.get(node.input[0])
    return node.op_type if node is not None else ""


def _fitted(made: Tensor, wanted: Tensor, recipe: Preprocessing | None) -> Adapter:
    """How the axes of the one become those of the other."""
    have, want = (made.shape or ())[1:], (wanted.shape or ())[1:]
    if _fits(have, want):
        return Adapter()
    if recipe is not None and len(have) == len(want) == 3:
        perm = (0, 2, 3, 1) if recipe.layout == "nhwc" else (0, 3, 1, 2)
        if _fits([have[axis - 1] for axis in perm[1:]], want):
            return Adapter(perm=perm)
    sizes = [d for d in want if isinstance(d, int)]
    if len(have) == 1 and len(sizes) == len(want) and have[0] == int(np.prod(sizes)):
        return Adapter(shape=tuple(sizes))
    raise InputError(
        f"the generator gives '{made.name}' {_text(made)} and the model takes '{wanted.name}' "
        f"{_text(wanted)}; give a generator of pictures of that size"
    )


def _fits(have: Sequence[object], want: Sequence[object]) -> bool:
    return len(have) == len(want) and all(
        h == w or not isinstance(w, int) for h, w in zip(have, want, strict=True)
    )


def _text(tensor: Tensor) -> str:
    dims = ("N" if isinstance(d, str) or d is None else str(d) for d in tensor.shape or ())
    return f"[{', '.join(dims)}]"


def _open_size(made: Tensor, fit: Adapter, axes: InputAxes) -> tuple[int, int] | None:
    """Height and width of what the generator makes, for a model that takes any."""
    if not axes.takes_pictures or fit.shape is not None or made.shape is None:
        return None
    shape = made.shape if fit.perm is None else tuple(made.shape[axis] for axis in fit.perm)
    height, width = (shape[axis + 1] for axis in axes.spatial)
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def _scaled(fit: Adapter, recipe: Preprocessing | None, limits: Range | None) -> Adapter:
    """The adapter with the numbers of the generator, RGB, brought to those of the model's input.

    From g in low .. high: a picture's byte p = 255 (g - low) / (high - low), and the input
    (p scale - mean) / std.
    """
    if recipe is None or limits is None:
        return fit
    low, high = limits
    if not low < high:
        raise InputError(f"the generator's range is {low:g} to {high:g}; give the lower one first")
    mean, std = np.array(recipe.mean), np.array(recipe.std)
    slope = 255 * recipe.scale / (high - low)
    gain, offset = slope / std, (-low * slope - mean) / std
    lead = (-1, 1, 1) if recipe.layout == "nchw" else (-1,)
    same = np.allclose(gain, 1) and np.allclose(offset, 0)
    return Adapter(
        shape=fit.shape,
        perm=fit.perm,
        order=(2, 1, 0) if recipe.order == "bgr" else None,
        channel=1 if recipe.layout == "nchw" else 3,
        gain=None if same else gain.reshape(lead),
        offset=None if same else offset.reshape(lead),
    )


def penalised(climbed: Climbed, weight: float) -> Climbed:
    """The same with a penalty that keeps codes near their prior, a standard normal.

    The penalty is |z|^2 / 2, weighed by the size of the activation's own gradient, so that a weight
    means the same for any model: what comes back of a gradient g at the code z is the direction
    g / rms(g) - weight z. Where the activation is linear the code ends at a root mean square of
    1 / weight; that of a code drawn from the prior is about 1. Where there is no gradient (a
    probability that rounds to 1) a code stays where it is.
    """

    def slope(codes: Array, units: Units) -> tuple[Array, Array]:
        activation, gradient = climbed(codes, units)
        axes = tuple(range(1, gradient.ndim))
        slopes = np.abs(gradient).max(axis=axes, keepdims=True) > 0
        return activation, of_unit_size(gradient.astype(np.float64)) - weight * codes * slopes

    return slope


@dataclass(frozen=True)
class CodeEvaluator:
    """What the pictures that a generator makes of codes are to the model.

    Attributes:
        slope: of the joined model.
        joined: the names in it.
    """

    slope: Slope
    joined: Joined

    def evaluate(self, canvas: Canvas, units: Units) -> Evaluation:
        """Of codes [N, *code]; the pictures are as the generator makes them."""
        found = self.slope.outcome(canvas.astype(np.float32), units)
        inputs = np.asarray(found.outputs[self.joined.picture])[: len(canvas)]
        return Evaluation(inputs, found.activation, found.probabilities)
