"""Gradient, deconvnet and guided backpropagation: what a ReLU passes down.

For y = ReLU(x) with the cotangent ct from above:

    gradient    ct * 1[x > 0]
    deconvnet   ct * 1[ct > 0]
    guided      ct * 1[ct > 0] * 1[x > 0]

Every other activation takes its ordinary derivative. The upper plateau of a ReLU6 passes nothing
under gradient and guided.

Sources: Simonyan et al. 2013 (gradient), Zeiler & Fergus 2014 (deconvnet), Springenberg et al.
2015, "Striving for Simplicity" (guided).
"""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.methods.base import Method, relu_like
from retrograph.vjp import Cotangents, Node, vjp


def _positive(e: Emitter, cts: Sequence[Tensor | None]) -> list[Tensor | None]:
    return [None if ct is None else e.relu(ct) for ct in cts]


def _deconvnet(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """dx = ct * 1[ct > 0]"""
    return [*_positive(e, cts), *[None] * (len(node.inputs) - 1)]


def _guided(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """dx = ct * 1[ct > 0] * 1[x > 0]"""
    return vjp(e, node, _positive(e, cts))


GRADIENT = Method("gradient")
DECONVNET = Method("deconvnet", rules=((relu_like, _deconvnet),), needs_relu=True)
GUIDED = Method("guided", rules=((relu_like, _guided),), needs_relu=True)
