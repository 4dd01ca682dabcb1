"""A linear layer y = w x + b as a relevance rule sees it, its scaling and shifting merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.ir.patterns.linear_layers import MOVES
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Node, vjp


@dataclass(frozen=True)
class Linear:
    """A linear layer; its numbers are float32 at least, since shares overflow in float16.

    Attributes:
        e: emits.
        node: the convolution or product, without its bias.
        moves: what its output passes before it is y: squeezed, unsqueezed, transposed.
        place: which of its inputs is x.
        step: what one of the whole numbers that it reads stands for; None where it reads none.
        x: what it reads, or what that stands for.
        y: what it makes, shifted and scaled.
        weight: with the scales of its channels merged.
        bias: with their shifts merged, in a shape that goes with y; None where there is none.
        nonnegative: whether x is known to be.
    """

    e: Emitter
    node: Node
    moves: tuple[Node, ...]
    place: int
    step: Tensor | None
    x: Tensor
    y: Tensor
    weight: Tensor
    bias: Tensor | None
    nonnegative: bool

    @property
    def is_convolution(self) -> bool:
        return self.node.op in ("Conv", "ConvTranspose")

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """w x, in the shape of y"""
        pair = (x, weight) if self.place == 0 else (weight, x)
        made = self.e.emit(self.node.op, *pair, **self.node.attrs)
        for move in self.moves:
            made = _moved(self.e, move, made)
        return made

    def backward(self, ct: Tensor, weight: Tensor) -> Tensor:
        """w^T ct, in the shape of x"""
        for move in reversed(self.moves):
            ct = _first(vjp(self.e, move, [ct]))
        weight = replace(weight, shape=self.weight.shape)
        pair = (self.x, weight) if self.place == 0 else (weight, self.x)
        node = replace(self.node, inputs=pair, values={}, wanted=frozenset([self.place]))
        return _first(vjp(self.e, node, [ct])[self.place :])

    def ones(self) -> Tensor:
        """1 in the shape of x"""
        one = self.e.constant_of_shape(self.e.sizes(self.x, 0), 1.0, self.x.dtype)
        return replace(one, shape=self.x.shape, rows=self.x.rows)


def merged(e: Emitter, composite: Node, nonnegative: bool, step: Tensor | None) -> Linear:
    """A composite of a convolution or product and what scales and shifts its channels."""
    node, *tail = composite.parts
    (place,) = node.wanted
    weight, attrs = in_float32(e, node.input(1 - place)), dict(node.attrs)
    bias, scale = _own_bias(e, node), None
    if node.op == "Gemm":
        scale = None if attrs["alpha"] == 1.0 else e.const([attrs["alpha"]], weight.dtype)
        attrs |= {"alpha": 1.0, "beta": 1.0}
    moves = tuple(part for part in tail if part.op in MOVES)
    for part in tail:
        if part.op in MOVES:
            bias = None if bias is None else _moved(e, part, bias)
        if part.op in (*MOVES, "Cast"):
            continue
        factor, shift = _affine(e, part)
        if factor is not None:
            line = e.reshape(factor, [-1])
            scale = line if scale is None else e.mul(scale, line)
            bias = None if bias is None else e.mul(bias, factor)
        if shift is not None:
            bias = shift if bias is None else e.add(bias, shift)
    weight = weight if scale is None else _scaled(e, node, place, weight, scale)
    if step is not None:
        weight = replace(e.div(weight, in_float32(e, step)), shape=weight.shape)
    return Linear(
        e=e,
        node=replace(node, inputs=node.inputs[:2], attrs=attrs),
        moves=moves,
        place=place,
        step=step,
        x=in_steps(e, node.input(place), step),
        y=in_float32(e, composite.y),
        weight=weight,
        bias=bias,
        nonnegative=nonnegative,
    )


def in_float32(e: Emitter, tensor: Tensor) -> Tensor:
    """A tensor, in float32 at least where it holds real numbers."""
    if not tensor.is_float:
        return tensor
    return replace(e.cast(tensor, wide(tensor.dtype)), shape=tensor.shape)


def in_steps(e: Emitter, x: Tensor, step: Tensor | None) -> Tensor:
    """What whole numbers stand for, in float32 at least; x itself where it holds none."""
    x = in_float32(e, x)
    return x if step is None else replace(e.mul(x, in_float32(e, step)), shape=x.shape)


def _own_bias(e: Emitter, node: Node) -> Tensor | None:
    """The bias of the operator itself, in the rank of what it makes."""
    if node.op == "MatMul" or not node.has(2):
        return None
    bias = in_float32(e, node.input(2))
    if node.op != "Gemm":
        return _along(e, bias, 1, node.input(1).rank or 2)
    bias = _full(e, bias, 2)
    return bias if node.attrs["beta"] == 1.0 else e.mul(bias, node.attrs["beta"])


def _affine(e: Emitter, step: Node) -> tuple[Tensor | None, Tensor | None]:
    """The factor and the shift of a step, in the rank of what it makes."""
    rank = step.y.rank or 1
    if step.op == "BatchNormalization":
        scale, shift, mean, var = (in_float32(e, step.input(i)) for i in range(1, 5))
        factor = e.div(scale, e.sqrt(e.add(var, step.attrs["epsilon"])))
        shift = e.sub(shift, e.mul(mean, factor))
        return _along(e, factor, 1, rank), _along(e, shift, 1, rank)
    (place,) = step.wanted
    constant = _full(e, in_float32(e, step.input(1 - place)), rank)
    minus = e.const(-1.0, constant.dtype)
    if step.op == "Sub":
        return (None, e.neg(constant)) if place == 0 else (minus, constant)
    return {
        "Add": (None, constant),
        "Mul": (constant, None),
        "Div": (e.div(1.0, constant), None),
    }[step.op]


def _scaled(e: Emitter, node: Node, place: int, weight: Tensor, scale: Tensor) -> Tensor:
    """The weight, each output channel times its scale; scale: [M] or [1]"""
    rank = weight.rank or 0
    if node.op == "ConvTranspose":
        found = _scaled_by_group(e, node, weight, scale)
    elif node.op == "Conv":
        found = e.mul(weight, _along(e, scale, 0, rank))
    else:
        first = place == 1 or bool(node.attrs.get("transB", 0))
        found = e.mul(weight, _along(e, scale, rank - 2 if first else rank - 1, rank))
    return replace(found, shape=weight.shape)


def _scaled_by_group(e: Emitter, node: Node, weight: Tensor, scale: Tensor) -> Tensor:
    """The same of a transposed convolution;   w: [C, M/g, *K]"""
    group, kernel = int(node.attrs.get("group", 1)), [1] * ((weight.rank or 2) - 2)
    if group == 1:
        return e.mul(weight, _along(e, scale, 1, weight.rank or 2))
    inner = e.sizes(weight, 1)
    apart = e.reshape(weight, e.concat([e.ints([group, -1]), inner], axis=0))
    every = e.expand(scale, e.mul(e.dim(weight, 1), group))
    own = e.reshape(every, [group, 1, -1, *kernel])
    return e.reshape(e.mul(apart, own), e.sizes(weight, 0))


def _along(e: Emitter, numbers: Tensor, axis: int, rank: int) -> Tensor:
    """Numbers along one axis of a rank."""
    return e.reshape(numbers, [-1 if a == axis else 1 for a in range(rank)])


def _full(e: Emitter, tensor: Tensor, rank: int) -> Tensor:
    """A tensor with axes of one in front."""
    lead = rank - (tensor.rank or 0)
    return e.unsqueeze(tensor, list(range(lead))) if lead else tensor


def _moved(e: Emitter, move: Node, tensor: Tensor) -> Tensor:
    return e.emit(move.op, tensor, *move.inputs[1:], **move.attrs)


def _first(cts: Sequence[Tensor | None]) -> Tensor:
    assert cts[0] is not None
    return cts[0]
