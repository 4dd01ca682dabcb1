"""Rules of relevance at a linear layer z_j = sum over i of x_i w_ij + b_j.

Each shares the relevance R_j of an output among the inputs in proportion to what they contribute to
some z_j:  R_i = sum over j of x_i w_ij R_j / z_j,  with x, w and b altered by the rule.
p+ and p- are the positive and the negative part of p. A denominator is kept from 0 by an epsilon of
its own sign. What falls to a bias b_j, b_j R_j / z_j, stays there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.methods.relevance.layer import Linear

EPSILON = 1e-6
"""What keeps a denominator from 0, in the units of activations; zennit's."""

Bounds = Callable[[Linear], tuple[Tensor, Tensor]]
Keep = Callable[[Tensor], None]


@dataclass(frozen=True)
class Relevance:
    """The relevance of a layer's output.

    Attributes:
        r: in the shape of y.
        biases: whether a bias takes part.
        keep: told what falls to the biases, in the shape of y.
    """

    r: Tensor
    biases: bool
    keep: Keep


Rule = Callable[[Linear, Relevance], Tensor]


@dataclass(frozen=True)
class Part:
    """A part of what the inputs contribute: x_i w_ij; x is 1 if None."""

    x: Tensor | None
    w: Tensor


def epsilon(epsilon: float = EPSILON) -> Rule:
    """LRP-epsilon: R_i = sum over j of x_i w_ij R_j / (z_j + epsilon * sign(z_j)).

    Source: Bach et al.: On Pixel-Wise Explanations, 2015.
    """

    def rule(layer: Linear, above: Relevance) -> Tensor:
        e = layer.e
        if not above.biases and layer.bias is not None:
            return _spread(layer, above, [Part(layer.x, layer.weight)], None, epsilon)
        share = e.div(above.r, stabilised(e, layer.y, epsilon))
        if layer.bias is not None:
            above.keep(e.mul(layer.bias, share))
        return e.mul(layer.x, layer.backward(share, layer.weight))

    return rule


def z_plus(layer: Linear, above: Relevance) -> Tensor:
    """z+: the positive contributions alone, x+ w+ + x- w-, with b+.

    Source: Montavon et al.: Explaining NonLinear Classification Decisions, 2017.
    """
    bias = None if layer.bias is None else layer.e.relu(layer.bias)
    return _spread(layer, above, _agreeing(layer, *_split(layer.e, layer.weight)), bias)


def alpha_beta(alpha: float, beta: float) -> Rule:
    """alpha times the positive contributions less beta times the negative ones, x+ w- + x- w+.

    Source: Bach et al., 2015; alpha - beta = 1.
    """

    def rule(layer: Linear, above: Relevance) -> Tensor:
        e = layer.e
        w, v = _split(e, layer.weight)
        b, c = (None, None) if layer.bias is None else _split(e, layer.bias)
        for_it = _spread(layer, _times(e, above, alpha), _agreeing(layer, w, v), b)
        against = _spread(layer, _times(e, above, -beta), _agreeing(layer, v, w), c)
        return e.add(for_it, against)

    return rule


def gamma(gamma: float) -> Rule:
    """The contributions of the sign of z_j count 1 + gamma times as much.

    Where z_j > 0: x+ (w + gamma w+) + x- (w + gamma w-), with b + gamma b+; where z_j < 0 the two
    weights change places, with b + gamma b-; where z_j = 0 nothing.

    Source: Montavon et al.: Layer-Wise Relevance Propagation, 2019; as generalised in zennit.
    """

    def rule(layer: Linear, above: Relevance) -> Tensor:
        e, z = layer.e, _sum(layer, above)
        u, v = (e.add(layer.weight, e.mul(p, gamma)) for p in _split(e, layer.weight))
        b = c = None
        if layer.bias is not None:
            b, c = (e.add(layer.bias, e.mul(p, gamma)) for p in _split(e, layer.bias))
        up = _where(e, e.greater(z, 0.0), above)
        down = _where(e, e.less(z, 0.0), above)
        return e.add(
            _spread(layer, up, _agreeing(layer, u, v), b),
            _spread(layer, down, _agreeing(layer, v, u), c),
        )

    return rule


def w_square(layer: Linear, above: Relevance) -> Tensor:
    """w^2: in proportion to w_ij^2, whatever the input, with b^2.

    Source: Montavon et al., 2017.
    """
    e = layer.e
    bias = None if layer.bias is None else e.mul(layer.bias, layer.bias)
    return _spread(layer, above, [Part(None, e.mul(layer.weight, layer.weight))], bias)


def flat(layer: Linear, above: Relevance) -> Tensor:
    """To all inputs alike: as if every weight were 1; without the bias.

    Source: Lapuschkin et al.: Unmasking Clever Hans Predictors, 2019.
    """
    e = layer.e
    ones = e.constant_of_shape(e.sizes(layer.weight, 0), 1.0, layer.weight.dtype)
    return _spread(layer, above, [Part(None, ones)], None)


def z_box(bounds: Bounds) -> Rule:
    """z^B: what x contributes beyond the bounds l <= x <= h of the input: x w - l w+ - h w-.

    Source: Montavon et al., 2017. The bias cancels.
    """

    def rule(layer: Linear, above: Relevance) -> Tensor:
        e = layer.e
        low, high = bounds(layer)
        w, v = _split(e, layer.weight)
        parts = [Part(layer.x, layer.weight), Part(e.neg(low), w), Part(e.neg(high), v)]
        return _spread(layer, above, parts, None)

    return rule


def stabilised(e: Emitter, z: Tensor, epsilon: float = EPSILON) -> Tensor:
    """z + epsilon * sign(z), the sign of 0 being +."""
    return e.where(e.less(z, 0.0), e.sub(z, epsilon), e.add(z, epsilon))


def _spread(
    layer: Linear,
    above: Relevance,
    parts: list[Part],
    bias: Tensor | None,
    epsilon: float = EPSILON,
) -> Tensor:
    """R_i = sum over the parts of x_i * sum over j of w_ij R_j / z_j"""
    e = layer.e
    own = bias if above.biases else None
    z = own
    for part in parts:
        x = layer.ones() if part.x is None else part.x
        made = layer.forward(x, part.w)
        z = made if z is None else e.add(z, made)
    assert z is not None
    share = e.div(above.r, stabilised(e, z, epsilon))
    if own is not None:
        above.keep(e.mul(own, share))
    found: Tensor | None = None
    for part in parts:
        down = layer.backward(share, part.w)
        down = down if part.x is None else e.mul(part.x, down)
        found = down if found is None else e.add(found, down)
    assert found is not None
    return found


def _agreeing(layer: Linear, w: Tensor, v: Tensor) -> list[Part]:
    """x+ w + x- v"""
    if layer.nonnegative:
        return [Part(layer.x, w)]
    positive, negative = _split(layer.e, layer.x)
    return [Part(positive, w), Part(negative, v)]


def _split(e: Emitter, p: Tensor) -> tuple[Tensor, Tensor]:
    """p+ and p-"""
    positive = e.relu(p)
    return positive, e.sub(p, positive)


def _sum(layer: Linear, above: Relevance) -> Tensor:
    if above.biases or layer.bias is None:
        return layer.y
    return layer.forward(layer.x, layer.weight)


def _times(e: Emitter, above: Relevance, factor: float) -> Relevance:
    return Relevance(e.mul(above.r, factor), above.biases, above.keep)


def _where(e: Emitter, condition: Tensor, above: Relevance) -> Relevance:
    return Relevance(e.where(condition, above.r, 0.0), above.biases, above.keep)
