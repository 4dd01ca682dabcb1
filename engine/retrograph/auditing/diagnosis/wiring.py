"""What nodes read: other tensors in B than in A, the same in another order, or moved otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retrograph.auditing.axes import Order, least_error, ordered, squeezed
from retrograph.auditing.diagnosis.difference import Cause, Difference, Side
from retrograph.auditing.diagnosis.reading import Reading, read_tensors
from retrograph.auditing.diagnosis.values import order_text
from retrograph.auditing.network import Network
from retrograph.auditing.noise import LEAST
from retrograph.ir.graph import NodeProto

_ALONG_AN_AXIS = ("LogSoftmax", "Softmax")
_OF_TWO = ("Div", "Pow", "Sub")
_SWAPPED = Cause("operands-swapped", "its inputs are in another order in B")
_IN_ANY_ORDER = frozenset({"Add", "Max", "Mean", "Min", "Mul", "Sum"})


def wiring_causes(difference: Difference) -> Iterator[Cause]:
    """Nodes of one operator that read what A's does not read there."""
    reading = Reading(difference)
    for ours, theirs in reading.counterparts():
        a, b = reading.sources(difference.a, ours), reading.sources(difference.b, theirs)
        causes = [*_rewired(reading, str(ours.op_type), a, b)]
        if not causes and ours.op_type in _OF_TWO:
            places = (_places(difference.a, ours), _places(difference.b, theirs))
            causes = [_SWAPPED] if places[0] != places[1] and all(places) else []
        yield from (cause.at(ours, theirs) for cause in causes)


def _places(side: Side, node: NodeProto) -> list[int]:
    """At which places a node reads what changes with the input."""
    read = {*read_tensors(side, node)}
    return [place for place, name in enumerate(node.input) if name in read]


def _rewired(reading: Reading, op: str, a: Sequence[str], b: Sequence[str]) -> Iterator[Cause]:
    """Why a node that reads these in A computes something else where it reads those in B."""
    left_a, left_b = [*a], [*b]
    for name in a:
        twin = next((other for other in left_b if reading.equal(name, other)), None)
        if twin is not None:
            left_a.remove(name)
            left_b.remove(twin)
    theirs = [reading.in_a(name) for name in left_b]
    if not (left_a or left_b):
        if op not in _IN_ANY_ORDER and not all(map(reading.equal, a, b)):
            yield _SWAPPED
    elif all(theirs) and not {*left_a} & {*reading.difference.a.tensors}:
        yield Cause("inputs", _rewired_text(reading.difference.a.network, left_a, theirs))


def _rewired_text(network: Network, a: Sequence[str], b: Sequence[str]) -> str:
    """What a node reads in A alone, and what of A it reads in B alone."""
    ours, theirs = (", ".join(map(network.label, names)) for names in (a, b))
    if not ours:
        return f"it reads A's {theirs} besides in B"
    if not theirs:
        return f"it reads {ours} in A and not in B"
    return f"it reads {ours} in A, what is A's {theirs} in B"


def entry_causes(difference: Difference) -> Iterator[Cause]:
    """What nodes of one operator read from the same tensors, moved otherwise on the way."""
    reading = Reading(difference)
    for ours, theirs in reading.counterparts():
        a, b = read_tensors(difference.a, ours), read_tensors(difference.b, theirs)
        for x, y in zip(a, b, strict=False):
            ends = reading.source(difference.a, x), reading.source(difference.b, y)
            if reading.equal(*ends) and ends != (x, y):
                yield from (each.at(ours, theirs) for each in _moved(difference, x, y))


def _moved(difference: Difference, x: str, y: str) -> Iterator[Cause]:
    """Whether B's tensor holds A's numbers at other places."""
    a, b = difference.a.activations[x], difference.b.activations[y]
    error, order = least_error(a, b)
    text = order_text(ordered(a, order), squeezed(b)) if order is not None and error > LEAST else ""
    if text:
        network = difference.b.network
        moves = ", ".join(map(network.label, network.moves_to(y)))
        behind = f", behind {moves}" if moves else ""
        yield Cause("moved", f"what goes in there is A's {text} in B{behind}")


def axis_causes(difference: Difference) -> Iterator[Cause]:
    """A Softmax along one axis number of the same numbers with their axes in another order."""
    orders = {(pair.a, pair.b): pair.order for pair in difference.pairs}
    a, b = difference.a, difference.b
    for ours, theirs in Reading(difference).counterparts():
        ends = ours.input[0], theirs.input[0]
        if ours.op_type not in _ALONG_AN_AXIS or ends not in orders:
            continue
        along = _item_axis(a, ours), _item_axis(b, theirs)
        order = orders[ends]
        is_moved = order != tuple(range(len(order))) and None not in along
        if is_moved and not _meets(order, *along):
            text = f"what goes in there has A's axes in the order {[*order]} in B"
            yield Cause("axes", f"{text}, so that it works along another one").at(ours, theirs)


def _item_axis(side: Side, node: NodeProto) -> int | None:
    """The axis along which a node works, counted among those of an item that tell."""
    shape = side.activations[node.input[0]].shape
    axis = int(side.attributes(node).get("axis", -1)) % len(shape)
    telling = [place for place, size in enumerate(shape) if place and size != 1]
    return telling.index(axis) if axis in telling else None


def _meets(order: Order, a: int | None, b: int | None) -> bool:
    """Whether an axis of B is that of A under an order."""
    return b is not None and order[b] == a
