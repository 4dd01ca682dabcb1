"""Files of less precision: what they are, and what each of their layers loses by itself.

In float16 or int8 there is no first difference: everything is a little off. Each layer is given A's
own activations, so that its error is its own and not what has come down to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import Order, ordered, relative_error, squeezed
from retrograph.auditing.fingerprints import Fingerprint, sample, sampled_orders
from retrograph.auditing.network import Network
from retrograph.auditing.noise import LEAST
from retrograph.auditing.pairing import Pair
from retrograph.ir.compose.cut import computed
from retrograph.runtime import Array

_QUANTISED = ("QuantizeLinear", "DequantizeLinear", "QLinear", "ConvInteger", "MatMulInteger")
_ALIKE = 0.8
_NEIGHBOURS = 3
_TIMES_THE_NEIGHBOURS = 3.0
_SAME_OPERATOR = 0.01


@dataclass(frozen=True)
class Precision:
    """What a file computes in.

    Attributes:
        name: as people say it.
        tolerance: the relative error that a sound layer may have by itself.
    """

    name: str
    tolerance: float


FLOAT32 = Precision("float32", LEAST)
INT8 = Precision("int8", 0.1)
FLOAT16 = Precision("float16", 2e-3)
BFLOAT16 = Precision("bfloat16", 2e-2)


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
) -> list[LayerError]:
    """The errors of the tensors of a chain, in forward order.

    Args:
        a, b: what both compute.
        chain: the tensors that stand for each other, from `chain_of`.
        shapes: of B's.
        precision: B's.
    """
    by_name = {pair.b: pair for pair in chain}
    errors: list[LayerError] = []
    for group in b.batches([pair.b for pair in chain]):
        cuts = {
            name: _put(a, by_name[name], shapes[name])
            for name in _frontier(b.network, group, by_name)
        }
        names = {name: computed(name) if name in cuts else name for name in group}
        own, whole = b.run([*names.values()], cuts), b.values(group)
        for name in group:
            pair = by_name[name]
            expected = ordered(a[pair.a], pair.order)
            errors.append(
                LayerError(
                    pair.a,
                    name,
                    relative_error(expected, squeezed(own[names[name]])),
                    relative_error(expected, squeezed(whole[name])),
                )
            )
    return [*_judged(errors, precision.tolerance)]


def _judged(errors: Sequence[LayerError], tolerance: float) -> Iterator[LayerError]:
    for place, error in enumerate(errors):
        near = [*errors[max(0, place - _NEIGHBOURS) : place], *errors[place + 1 :][:_NEIGHBOURS]]
        usual = float(np.median([each.own for each in near])) if near else 0.0
        most = max(tolerance, _TIMES_THE_NEIGHBOURS * usual)
        yield LayerError(
            error.a,
            error.b,
            error.own,
            error.accumulated,
            not min(error.own, error.accumulated) <= most,
        )


def _put(a: Activations, pair: Pair, shape: tuple[int, ...]) -> Array:
    return ordered(a[pair.a], pair.order).reshape(shape)


def _frontier(network: Network, names: Sequence[str], chained: Mapping[str, Pair]) -> list[str]:
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


def chain_of(
    a: Network, b: Network, prints_a: Mapping[str, Fingerprint], prints_b: Mapping[str, Fingerprint]
) -> list[Pair]:
    """The tensors that stand for each other: of chains in forward order the one most alike."""
    alike = {
        (i, j): found
        for i, x in enumerate(a.points)
        for j, y in enumerate(b.points)
        if (found := _likeness(prints_a[x], prints_b[y])) is not None
    }
    scores = np.zeros((len(a.points), len(b.points)))
    for (i, j), (likeness, _) in alike.items():
        scores[i, j] = likeness + _SAME_OPERATOR * (a.op(a.points[i]) == b.op(b.points[j]))
    chain = [
        Pair(a.points[i], b.points[j], alike[i, j][1], 1 - alike[i, j][0])
        for i, j in _longest_chain(scores)
    ]
    return _with_restored(a, b, prints_a, prints_b, chain)


def _with_restored(
    a: Network,
    b: Network,
    prints_a: Mapping[str, Fingerprint],
    prints_b: Mapping[str, Fingerprint],
    chain: Sequence[Pair],
) -> list[Pair]:
    """The chain with what each quantiser gives, however far it is from what it takes.

    It stands for the same tensor of A as what it takes, or for the next one, such as a ReLU that
    the quantiser's bounds replace: the one that is more alike.
    """
    known = {pair.b: pair for pair in chain}
    for before, after in _quantisers(b):
        if before in known and after not in known and after in b.points:
            name = known[before].a
            nearby = [name, *(c for c in a.children.get(name, ()) if c in prints_a)]
            found = [(*_correlation(prints_a[n], prints_b[after]), n) for n in nearby]
            likeness, order, best = max(found)
            known[after] = Pair(best, after, order or known[before].order, 1 - likeness)
    return sorted(known.values(), key=lambda pair: b.place[pair.b])


def _quantisers(network: Network) -> list[tuple[str, str]]:
    """The tensors before and after each QuantizeLinear with its DequantizeLinear."""
    nodes = network.model.proto.graph.node
    codes = {n.output[0]: n.input[0] for n in nodes if n.op_type == "QuantizeLinear"}
    return [
        (codes[n.input[0]], n.output[0])
        for n in nodes
        if n.op_type == "DequantizeLinear" and n.input[0] in codes
    ]


def _likeness(a: Fingerprint, b: Fingerprint) -> tuple[float, Order] | None:
    """The correlation of two tensors' samples, and the order of axes; None where it is low."""
    if not (a.varies and b.varies) or not 0.5 < b.norm / max(a.norm, 1e-30) < 2:
        return None
    best = _correlation(a, b)
    return best if best[0] >= _ALIKE else None


def _correlation(a: Fingerprint, b: Fingerprint) -> tuple[float, Order]:
    """The largest correlation of two tensors' samples, and the order of axes under which it is."""
    ours = _centred(sample(a))
    found = [(float(ours @ _centred(there)), order) for order, there in sampled_orders(a, b)]
    return max(found, default=(0.0, ()))


def _centred(values: Array) -> Array:
    moved = values - values.mean()
    norm = float(np.linalg.norm(moved))
    centred: Array = moved / norm if norm else moved
    return centred


def _longest_chain(scores: Array) -> list[tuple[int, int]]:
    """The pairs (row, column), both rising, of the largest sum."""
    rows, columns = scores.shape
    best = np.zeros((rows + 1, columns + 1))
    for i in range(rows):
        taken = np.maximum(best[i, 1:], best[i, :-1] + scores[i])
        best[i + 1, 1:] = np.maximum.accumulate(taken)
    chain = []
    i, j = rows, columns
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            chain.append((i, j))
    return chain[::-1]
