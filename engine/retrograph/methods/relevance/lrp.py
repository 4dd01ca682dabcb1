"""Layer-wise relevance propagation by one rule for all layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from retrograph.errors import InputError
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.methods.relevance import rules
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.methods.relevance.layer import Linear
from retrograph.methods.relevance.rules import Bounds, Rule


@dataclass(frozen=True)
class LrpEpsilon(RelevanceMethod):
    """Relevance in proportion to what each input adds to a layer's output.

    Formula: R_i = sum over j of x_i w_ij R_j / (z_j + epsilon sign(z_j)), z = w x + b.

    Shapes: that of the input; in units of the score.

    Source: Bach et al.: On Pixel-Wise Explanations, 2015. As in zennit.

    Use: for the exact bookkeeping of a score; on networks of ReLUs and max-pooling it is
    input-x-gradient.

    Beware: as noisy as input-x-gradient where z_j is near 0; a larger epsilon absorbs relevance.

    Attributes:
        epsilon: what keeps z_j from 0, in units of activations.
        biases: "keep": a bias keeps its share; "ignore": the inputs get it too.
    """

    epsilon: float = rules.EPSILON

    name = "lrp-epsilon"
    title = "LRP (epsilon)"

    def layer_rule(self, layer: Linear, first: bool, bounds: Bounds) -> Rule:
        return rules.epsilon(self.epsilon)


@dataclass(frozen=True)
class LrpGamma(RelevanceMethod):
    """Relevance with contributions of the output's own sign favoured.

    Formula: R_i = sum over j of c_ij R_j / sum over i of c_ij, with c_ij = x_i (w_ij + gamma w_ij+)
    for x >= 0 and z_j > 0; the signs turned accordingly elsewhere.

    Shapes: that of the input; in units of the score.

    Source: Montavon et al.: Layer-Wise Relevance Propagation: An Overview, 2019. As in zennit.

    Use: between epsilon (gamma = 0) and z+ (gamma large), as its authors do in middle layers.

    Beware: an output of exactly 0 passes nothing.

    Attributes:
        gamma: by how much more they count.
        biases: "keep": a bias keeps its share; "ignore": the inputs get it too.
    """

    gamma: float = 0.25

    name = "lrp-gamma"
    title = "LRP (gamma)"

    def layer_rule(self, layer: Linear, first: bool, bounds: Bounds) -> Rule:
        return rules.gamma(self.gamma)


@dataclass(frozen=True)
class LrpZPlus(RelevanceMethod):
    """Relevance along what speaks for an output alone.

    Formula: R_i = sum over j of (x_i w_ij)+ R_j / (b_j+ + sum over i of (x_i w_ij)+).

    Shapes: that of the input; not negative for a positive score.

    Source: Montavon et al.: Explaining NonLinear Classification Decisions, 2017. As in zennit.

    Use: for smooth maps of where the unit sees something.

    Beware: what speaks against is not seen, and classes hardly differ.

    Attributes:
        biases: "keep": a bias keeps its share; "ignore": the inputs get it too.
    """

    name = "lrp-zplus"
    title = "LRP (z+)"

    def layer_rule(self, layer: Linear, first: bool, bounds: Bounds) -> Rule:
        return rules.z_plus


@dataclass(frozen=True)
class LrpAlphaBeta(RelevanceMethod):
    """Relevance along what speaks for and against an output, weighed apart.

    Formula: R_i = alpha sum over j of (x_i w_ij)+ R_j / P_j - beta sum over j of (x_i w_ij)- R_j /
    N_j, with P_j the sum of the positive contributions and b_j+, N_j that of the negative ones and
    b_j-.

    Shapes: that of the input; in units of the score.

    Source: Bach et al.: On Pixel-Wise Explanations, 2015. As in zennit.

    Use: to see both sides with a contrast that is chosen.

    Beware: it conserves where every output has contributions of both signs. One without any
    negative ones hands down alpha times what it got: in deep networks that grows.

    Attributes:
        alpha: weight of what speaks for, 1 + beta.
        beta: weight of what speaks against.
        biases: "keep": a bias keeps its share; "ignore": the inputs get it too.
    """

    alpha: float = 2.0
    beta: float = 1.0

    name = "lrp-alpha-beta"
    title = "LRP (alpha-beta)"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isclose(self.alpha - self.beta, 1.0, abs_tol=1e-6):
            raise InputError(
                f"{self.name}: alpha is {self.alpha}, beta is {self.beta}; give alpha - beta = 1"
            )

    def layer_rule(self, layer: Linear, first: bool, bounds: Bounds) -> Rule:
        return rules.alpha_beta(self.alpha, self.beta)


@dataclass(frozen=True)
class ExcitationBackprop(RelevanceMethod):
    """The probability that a winner at the unit came from each number of the input.

    Formula: as lrp-zplus from 1 instead of the score, without biases.

    Shapes: that of the input; not negative, sums to 1 where every output has a positive
    contribution.

    Source: Zhang et al.: Top-Down Neural Attention by Excitation Backprop, 2016.

    Use: for maps that can be compared between units of any activation.

    Beware: an output that is positive by its bias alone has nobody to hand its share to: a merged
    BatchNormalization makes many, and most of the sum may be lost. zennit puts the bias in the
    denominator, which the paper does not ("keep" for that), and stops at the plateau of a ReLU6,
    which here passes.

    Attributes:
        biases: "ignore": the inputs get all; "keep": a bias keeps its share.
    """

    biases: str = "ignore"

    name = "excitation-backprop"
    title = "Excitation backprop"

    def start(self, e: Emitter, y: Tensor, ct: Tensor) -> Tensor:
        return ct

    def begins_with(self, score: float) -> float:
        return 1.0

    def layer_rule(self, layer: Linear, first: bool, bounds: Bounds) -> Rule:
        return rules.z_plus
