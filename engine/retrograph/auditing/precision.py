"""Files of less precision: what they are, and what each of their layers loses by itself.

In float16 or int8 there is no first difference: everything is a little off. Each layer is given A's
own activations, so that its error is its own and not what has come down to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import ordered, relative_error, squeezed
from retrograph.auditing.network import Network
from retrograph.auditing.noise import LEAST
from retrograph.auditing.pairing import Pair
from retrograph.auditing.told import quiet
from retrograph.inputs.loader import Progress
from retrograph.ir.compose.cut import computed
from retrograph.runtime import Array

_QUANTISED = ("QuantizeLinear", "DequantizeLinear", "QLinear", "ConvInteger", "MatMulInteger")
_NEIGHBOURS = 3
_TIMES_THE_NEIGHBOURS = 3.0
_MOST_TOLERANCES = 3.0
"""So many tolerances at most are explained by neighbours that lose much, too."""


@dataclass(frozen=True)
class Precision:
    """What a file computes in.

    Attributes:
        name: as people say it.
        tolerance: the relative error that a sound layer may have by itself.
        outputs: the one that outputs of sound layers may have.
        step: between two numbers that it tells apart, as a part of the largest.
    """

    name: str
    tolerance: float
    outputs: float
    step: float


FLOAT32 = Precision("float32", LEAST, LEAST, 2**-23)
INT8 = Precision("int8", 0.1, 0.5, 1 / 255)
FLOAT16 = Precision("float16", 2e-3, 2e-2, 2**-10)
BFLOAT16 = Precision("bfloat16", 2e-2, 0.2, 2**-7)


def precision_of(network: Network) -> Precision:
    """What a file computes in, by its operators and the types of its tensors and weights."""
    ops = (node.op_type for node in network.model.proto.graph.node)
    if any(op.startswith(_QUANTISED) for op in ops):
        return INT8
    graph = network.graph
    names = [*network.nodes, *network.inputs, *graph.constants]
    dtypes = {str(tensor.dtype) for name in names if (tensor := graph.tensor(name)) is not None}
    return BFLOAT16 if "bfloat16" in dtypes else FLOAT16 if "float16" in dtypes else FLOAT32


@dataclass(frozen=True)
class LayerError:
    """How far a tensor of B is from A's.

    Attributes:
        a, b: their names.
        own: the relative error where all before it is A's.
        accumulated: that of the whole file up to there.
        suspect: whether its own error is more than its precision and its neighbours explain.
    """

    a: str
    b: str
    own: float
    accumulated: float
    suspect: bool = False


def layer_errors(
    a: Activations,
    b: Activations,
    chain: Sequence[Pair],
    shapes: Mapping[str, tuple[int, ...]],
    precision: Precision,
    told: Progress = quiet,
) -> list[LayerError]:
    """The errors of the tensors of a chain, in forward order.

    Args:
        a, b: what both compute.
        chain: the tensors that stand for each other, from `chain_of`.
        shapes: of B's.
        precision: B's.
        told: takes how many are done, and of how many.
    """
    by_name = {pair.b: pair for pair in chain}
    errors: list[LayerError] = []
    for group in b.batches([pair.b for pair in chain]):
        front = frontier(b.network, group, by_name)
        ours = a.values([by_name[name].a for name in [*front, *group]])
        cuts = {name: put(ours, by_name[name], shapes[name]) for name in front}
        names = {name: computed(name) if name in cuts else name for name in group}
        own, whole = b.run([*names.values()], cuts), b.values(group)
        for name in group:
            pair = by_name[name]
            expected = ordered(ours[pair.a], pair.order)
            errors.append(
                LayerError(
                    pair.a,
                    name,
                    relative_error(expected, squeezed(own[names[name]])),
                    relative_error(expected, squeezed(whole[name])),
                )
            )
        told(len(errors), len(chain))
    return [*_judged(errors, precision.tolerance)]


def _judged(errors: Sequence[LayerError], tolerance: float) -> Iterator[LayerError]:
    for place, error in enumerate(errors):
        near = [*errors[max(0, place - _NEIGHBOURS) : place], *errors[place + 1 :][:_NEIGHBOURS]]
        usual = float(np.median([each.own for each in near])) if near else 0.0
        explained = min(_TIMES_THE_NEIGHBOURS * usual, _MOST_TOLERANCES * tolerance)
        most = max(tolerance, explained)
        yield LayerError(
            error.a,
            error.b,
            error.own,
            error.accumulated,
            not min(error.own, error.accumulated) <= most,
        )


def put(ours: Mapping[str, Array], pair: Pair, shape: tuple[int, ...]) -> Array:
    return ordered(ours[pair.a], pair.order).reshape(shape)


def frontier(network: Network, names: Sequence[str], chained: Mapping[str, Pair]) -> list[str]:
    """The nearest chained tensors that some are computed from."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [parent for name in names for parent in network.parents[name]]
    while waiting:
        name = waiting.pop()
        if name in chained:
            found[name] = None
        elif name in network.nodes and name not in seen:
            seen.add(name)
            waiting.extend(network.parents[name])
    return [*found]
