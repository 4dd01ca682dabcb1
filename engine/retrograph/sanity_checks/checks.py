"""The checks as functions of a model and inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from numpy.typing import ArrayLike

from retrograph.methods import Method
from retrograph.model import Source
from retrograph.sanity_checks.faithfulness_curves import Faithfulness, Rank, delete_and_insert
from retrograph.sanity_checks.layer_randomisation import Order, Randomisation, randomise
from retrograph.sanity_checks.logit import RandomLogit, other_classes
from retrograph.sanity_checks.subject import DEFAULT_METHODS, Subject


def randomisation(
    model: Source,
    x: Iterable[ArrayLike],
    *,
    methods: Sequence[str | Method] = DEFAULT_METHODS,
    layer: str | None = None,
    unit: Sequence[int] | None = None,
    order: Order = "cascading",
    stages: int = 8,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
) -> Randomisation:
    """Draw weights anew, layer by layer from the target down, and compare the attributions.

    The model parameter randomisation test of Adebayo et al., Sanity Checks for Saliency Maps, 2018
    (Quantus: MPRT, with its order top_down or independent). Each tensor of weights is drawn from
    the normal distribution with its own mean and standard deviation; the paper and Quantus
    initialise it anew, as the framework does before training. An attribution that depends on what
    the network has learned loses its similarity; the unit stays the one that is chosen on the model
    as it is.

    Args:
        model: a path to an .onnx file of one input, or a model in memory.
        x: the inputs [N, ...], each as the model takes it.
        methods: names of `retrograph methods`, or methods with parameters of their own.
        layer: the tensor to explain, by name or alias; the class scores if None.
        unit: the unit's index in an item of the target [r]; its channel alone for the most active
            position; the most active unit of each input if None.
        order: cascading, each stage on top of those before it; or independent, each alone.
        stages: how many stages at most; more layers than that are grouped evenly.
        seed: of the draws.
        device, threads: as in `Explainer`.

    Raises:
        InputError: what was given is wrong, or a library of the extra `sanity` is missing.
        UnsupportedError: the backward graph of a method cannot be built.
    """
    subject = Subject.of(model, x, methods, layer, unit, device, threads)
    return randomise(subject, order, stages, seed, _quiet)


def random_logit(
    model: Source,
    x: Iterable[ArrayLike],
    *,
    methods: Sequence[str | Method] = DEFAULT_METHODS,
    layer: str | None = None,
    unit: Sequence[int] | None = None,
    draws: int = 5,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
) -> RandomLogit:
    """Compare the attribution of the explained class with those of other classes.

    Sixt, Granz, Landgraf: When Explanations Lie, 2020 (Quantus: RandomLogit). An attribution that
    depends on the class differs. In a layer of channels the other unit is at the same position of
    another channel.

    Args:
        model, x, methods, layer, unit, device, threads: as in `randomisation`.
        draws: how many other classes of each input, all different.
        seed: of the draws.

    Raises:
        InputError, UnsupportedError: as in `randomisation`.
    """
    subject = Subject.of(model, x, methods, layer, unit, device, threads)
    return other_classes(subject, draws, seed, _quiet)


def faithfulness(
    model: Source,
    x: Iterable[ArrayLike],
    *,
    methods: Sequence[str | Method] = DEFAULT_METHODS,
    layer: str | None = None,
    unit: Sequence[int] | None = None,
    steps: int = 20,
    baseline: float | None = None,
    rank: Rank = "magnitude",
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
) -> Faithfulness:
    """Replace positions in the order of an attribution, and watch the score.

    Deletion replaces those of the input by a baseline (Quantus: PixelFlipping), insertion those of
    the blurred input by the input's own: Petsiuk, Das, Saenko: RISE, 2018. A control replaces them
    in an order that is drawn. The score is the class's softmax probability where the target is the
    scores of several classes, else the unit's activation as a share of that on the whole input
    (NaN where that is not positive).

    Args:
        model, x, methods, layer, unit, device, threads: as in `randomisation`.
        steps: S, how many times positions are replaced, as many each time.
        baseline: in the units of the model's input; the mean colour of each input if None.
        rank: what orders positions, the largest first: magnitude, the sum over the channels of the
            absolute values (for methods that say how the score changes); or signed, the sum of the
            values (for methods that say what it is made of).
        seed: of the control.

    Raises:
        InputError, UnsupportedError: as in `randomisation`.
    """
    subject = Subject.of(model, x, methods, layer, unit, device, threads)
    return delete_and_insert(subject, steps, baseline, rank, seed, _quiet)


def _quiet(doing: str) -> None:
    """Tell nobody."""
