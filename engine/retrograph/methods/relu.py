"""What a ReLU passes down: gradient, deconvnet, guided backpropagation and RectGrad.

The upper plateau of a ReLU6 passes nothing under gradient and guided. What a smooth activation does
is in smooth.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrograph.errors import InputError
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.methods.base import Method, Scene
from retrograph.methods.quantile import quantile
from retrograph.methods.smooth import ReluMethod
from retrograph.vjp import Cotangents, Node, vjp
from retrograph.vjp.lowering.gates import between, positive


class Gradient(Method):
    """The derivative of the unit by every number of the input.

    Formula: dx = ct * 1[x > 0] at a ReLU y = max(x, 0); the ordinary derivative elsewhere.

    Shapes: that of the input; in units of the score by units of the input.

    Source: Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2013.

    Use: to see what a small change of the input does to the unit; it is exact, and the others are
    judged by it.

    Beware: noisy where many ReLUs switch nearby; it says how the score changes, not what it is made
    of.
    """

    name = "gradient"
    title = "Gradient"
    is_pointwise = True


@dataclass(frozen=True)
class Deconvnet(ReluMethod):
    """What activates the unit, by the positive part of what comes down to each ReLU.

    Formula: dx = ct * 1[ct > 0] at a ReLU; the ordinary derivative elsewhere.

    Shapes: that of the input.

    Source: Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2014.

    Use: beside guided, on networks with max-pooling, whose switches tie it to the picture.

    Beware: without max-pooling it hardly depends on the picture. It barely depends on the class.

    Attributes:
        activations: what smooth activations do, "gate" or "relu-only" (METHODS.md); if empty,
            relu-only, refused where there is no ReLU.
    """

    name = "deconvnet"
    title = "Deconvnet"
    is_pointwise = True
    keeps_positive = True

    def notes(self, scene: Scene) -> Sequence[str]:
        switches = any("MaxPool" in node.op_type for node in scene.path.nodes)
        more = [_WITHOUT_SWITCHES] if scene.relus and not switches else []
        return [*super().notes(scene), *more]

    def rectified(self, e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        """dx = ct * 1[ct > 0]"""
        return [*_positive(e, cts), *[None] * (len(node.inputs) - 1)]

    def gated(self, e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        return self.rectified(e, node, cts)


@dataclass(frozen=True)
class Guided(ReluMethod):
    """Guided backpropagation: only paths on which every ReLU is active and speaks for the unit.

    Formula: dx = ct * 1[ct > 0] * 1[x > 0] at a ReLU; the ordinary derivative elsewhere.

    Shapes: that of the input.

    Source: Springenberg, Dosovitskiy, Brox, Riedmiller: Striving for Simplicity, 2015.

    Use: for a clear picture of the structures that a unit of a middle layer reacts to.

    Beware: it barely depends on the class, and keeps much of its look when the weights are
    randomised (Adebayo et al.: Sanity Checks for Saliency Maps, 2018).

    Attributes:
        activations: what smooth activations do, "gate" or "relu-only" (METHODS.md); if empty,
            relu-only, refused where there is no ReLU.
    """

    name = "guided"
    title = "Guided backpropagation"
    is_pointwise = True
    keeps_positive = True

    def rectified(self, e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        """dx = ct * 1[ct > 0] * 1[x > 0]"""
        return vjp(e, node, _positive(e, cts))

    def gated(self, e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        """dx = ct * 1[ct > 0] * 1[x > 0] * f'(x)"""
        ct, *others = self.rectified(e, node, cts)
        assert ct is not None
        return [between(e, ct, node.x, low=0.0), *others]


@dataclass(frozen=True)
class RectGrad(ReluMethod):
    """The gradient along the units that matter most: at each ReLU the largest share is kept.

    Formula: dx = ct * 1[x > 0] * 1[y * ct > tau] at a ReLU y = max(x, 0), where tau is the quantile
    of y * ct over the whole layer, of each item on its own, between the two nearest numbers in
    proportion; the ordinary derivative elsewhere.

    Shapes: that of the input.

    Source: Kim, Seo, Jeon, Koo, Choe, Jeon: Why are Saliency Maps Noisy?, 2019. Without its
    redistribution at the first layer, and not multiplied by the input at the end.

    Use: for pictures with less noise than the gradient's.

    Beware: with a high quantile little is left, in deep networks nothing.

    Attributes:
        activations: what smooth activations do, "gate" or "relu-only" (METHODS.md); if empty,
            relu-only, refused where there is no ReLU.
        quantile: the share of a layer's units that pass nothing, 0 to 1.
    """

    quantile: float = 0.98

    name = "rectgrad"
    title = "RectGrad"
    keeps_positive = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.quantile <= 1:
            raise InputError(f"rectgrad: quantile is {self.quantile}; give a share from 0 to 1")

    def rectified(self, e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        """dx = ct * 1[x > 0] * 1[y * ct > tau]"""
        ct, *others = vjp(e, node, cts)
        assert ct is not None
        share = e.mul(node.y, ct)
        kept = e.where(e.greater(share, quantile(e, share, node.y, self.quantile)), ct, 0.0)
        return [kept, *others]

    def gated(self, e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        """dx = ct * f'(x) * 1[y * ct > tau]"""
        return self.rectified(e, node, cts)


def _positive(e: Emitter, cts: Sequence[Tensor | None]) -> list[Tensor | None]:
    return [None if ct is None else positive(e, ct) for ct in cts]


_WITHOUT_SWITCHES = (
    "deconvnet: conditioned on no switches, as there is no max-pooling below the target"
)
