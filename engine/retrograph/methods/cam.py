"""Class activation maps: where in a layer the unit finds what it looks for.

A map is made at a layer with the positions of the input, by its activation A [N, C, *S] and the
gradient G of the unit by it, in float32 at least, and resized to the input linearly between the
centres of its positions. Frames and tiles that are folded into the batch have a map each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from retrograph.errors import InputError, parameter
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Graph, Shape, Tensor
from retrograph.ir.path import Path, narrows
from retrograph.ir.patterns.activations import swishes
from retrograph.methods.base import Method, Scene, one_channel
from retrograph.methods.descent import Descent
from retrograph.methods.map_layer import checked, chosen, ground, scores
from retrograph.methods.map_place import in_front, laid_over
from retrograph.methods.quantity import EVIDENCE
from retrograph.methods.relu import Guided
from retrograph.methods.smooth import relu_notes
from retrograph.vjp.lowering.linear_maps import wide

_EPSILON = 1e-6


@dataclass(frozen=True)
class MapMethod(Method):
    """A method that is made at a layer.

    Attributes:
        layer: alias or tensor; once settled the tensor that it is made at.
    """

    layer: str = ""

    told: ClassVar[tuple[str, ...]] = ("layer",)

    def resolved(self, find: Callable[[str], str]) -> Method:
        return replace(self, layer=find(self.layer)) if self.layer else self

    def settled(self, graph: Graph, way: Path, sources: Sequence[str], target: str) -> Method:
        return replace(self, layer=_layer(graph, way, sources, target, self.layer, self.name))

    def notes(self, scene: Scene) -> Sequence[str]:
        return _map_notes(scene, self.layer)


class _Cam(MapMethod):
    """What the maps share: the way from the layer's positions to those of the input."""

    style = "overlay"
    quantity = EVIDENCE

    def descend(self, descent: Descent) -> dict[str, Tensor]:
        """The map of the one source, over its positions."""
        (name,), e = descent.sources, descent.e
        found = descent.walk(ends=(self.layer,), composites=swishes(descent.graph))
        lies = ground(descent.graph, name, self.layer)
        assert lies is not None
        with e.scope(self.name):
            activation, gradient = (
                in_front(e, e.cast(t, wide(t.dtype)), lies)
                for t in (descent.given(self.layer), found[self.layer])
            )
            rank = 2 + len(lies.place.spatial)
            cam = e.relu(e.reduce_sum(self.shares(e, activation, gradient, rank), [1]))
            return {name: laid_over(descent, cam, lies, descent.given(name))}

    def shares(self, e: Emitter, a: Tensor, g: Tensor, rank: int) -> Tensor:
        """How much each channel says at each position, [N, C, *S]."""
        raise NotImplementedError

    def shape(self, shape: Shape, channel: int | None) -> Shape:
        return one_channel(shape, channel)


class GradCam(_Cam):
    """Where a layer speaks for the unit: its channels, weighted by their mean gradient.

    Formula: max(0, sum over c of w[c] * A[c]), w[c] the mean of G[c] over the positions.

    Shapes: that of the input with one channel, or its own where it has no channel axis; not
    negative.

    Source: Selvaraju et al.: Grad-CAM, 2017. As in pytorch-grad-cam, before its scaling to 0..1.

    Use: to see which region decides for a class, at the last layer with positions.

    Beware: as coarse as the layer; where a unit lies behind a fully connected layer, the mean loses
    the place.

    Attributes:
        layer: alias or tensor of the layer; if empty, the deepest one with the positions of the
            input, and of a target with positions the last one before its scores.
    """

    name = "grad-cam"
    title = "Grad-CAM"

    def shares(self, e: Emitter, a: Tensor, g: Tensor, rank: int) -> Tensor:
        weights = e.emit("ReduceMean", g, e.ints(range(2, rank)), keepdims=1)
        return e.mul(a, weights)


class GradCamPlusPlus(_Cam):
    """Grad-CAM that counts every occurrence: only positive gradients, weighted by position.

    Formula: w[c] = sum over positions of alpha * max(0, G), alpha = G^2 / (2 G^2 + G^3 * (sum of
    A[c] over the positions) + 1e-6); then as Grad-CAM.

    Shapes: that of the input with one channel, or its own where it has no channel axis; not
    negative.

    Source: Chattopadhay et al.: Grad-CAM++, 2018. As in pytorch-grad-cam, before its scaling.

    Use: where a picture shows several objects of the class.

    Beware: the derivation takes the exponential of the score; the 1e-6 weighs where gradients are
    small.

    Attributes:
        layer: alias or tensor of the layer; if empty, the deepest one with the positions of the
            input, and of a target with positions the last one before its scores.
    """

    name = "grad-cam-plus-plus"
    title = "Grad-CAM++"

    def shares(self, e: Emitter, a: Tensor, g: Tensor, rank: int) -> Tensor:
        positions = list(range(2, rank))
        square = e.mul(g, g)
        total = e.reduce_sum(a, positions)
        below = e.add(e.mul(square, 2.0), e.add(e.mul(total, e.mul(square, g)), _EPSILON))
        alpha = e.div(square, below)
        weights = e.reduce_sum(e.mul(alpha, e.relu(g)), positions)
        return e.mul(a, weights)


class LayerCam(_Cam):
    """Where a layer speaks for the unit, every position weighted by its own gradient.

    Formula: max(0, sum over c of max(0, G[c]) * A[c]).

    Shapes: that of the input with one channel, or its own where it has no channel axis; not
    negative.

    Source: Jiang et al.: LayerCAM, 2021. As in pytorch-grad-cam, before its scaling.

    Use: at earlier layers too, where the map is finer.

    Beware: at early layers as noisy as the gradient.

    Attributes:
        layer: alias or tensor of the layer; if empty, the deepest one with the positions of the
            input, and of a target with positions the last one before its scores.
    """

    name = "layer-cam"
    title = "LayerCAM"

    def shares(self, e: Emitter, a: Tensor, g: Tensor, rank: int) -> Tensor:
        return e.mul(a, e.relu(g))


@dataclass(frozen=True)
class GuidedGradCam(MapMethod):
    """Guided backpropagation where Grad-CAM finds the class.

    Formula: guided * grad-cam, the map repeated over the channels.

    Shapes: that of the input.

    Source: Selvaraju et al.: Grad-CAM, 2017.

    Use: for the clear picture of guided backpropagation, of the class alone.

    Beware: the structures inside the region barely depend on the class. Captum repeats the map's
    numbers where this interpolates them.

    Attributes:
        layer: alias or tensor of the layer of the map; if empty, as in grad-cam.
        activations: as in guided.
    """

    activations: str = ""

    name = "guided-grad-cam"
    title = "Guided Grad-CAM"
    keeps_positive = True
    needs_relu = True

    @property
    def parts(self) -> tuple[Method, ...]:
        return Guided(activations=self.activations), GradCam(self.layer)

    def notes(self, scene: Scene) -> Sequence[str]:
        relu = relu_notes(self.name, self.activations, scene)
        return [*relu, *_map_notes(scene, self.layer)]

    def combine(self, e: Emitter, found: Sequence[Tensor]) -> Tensor:
        guided, cam = found
        return e.mul(guided, cam)


def _layer(
    graph: Graph, way: Path, sources: Sequence[str], target: str, layer: str, method: str
) -> str:
    """The layer that was asked for, or the one to take."""
    if len(sources) != 1:
        raise InputError(
            f"'{method}' explains one input at a time; name it ({parameter('wrt')}): "
            f"{', '.join(sources)}"
        )
    if layer:
        return checked(graph, way, sources[0], target, layer, method)
    return chosen(graph, way, sources[0], target, method)


def _map_notes(scene: Scene, layer: str) -> list[str]:
    """How the map was laid over the input, where that is not plain."""
    (source,) = scene.sources
    lies = ground(scene.graph, source, layer)
    assert lies is not None
    notes = []
    if layer not in narrows(scene.path, [source]):
        notes.append(
            f"'{layer}' is not all that the unit depends on: the map shows what passes there, and "
            "nothing of what passes beside it"
        )
    if layer in scores(scene.graph, scene.path, source, scene.target):
        notes.append(
            f"'{layer}' makes the units of '{scene.target}' themselves: the map shows little but "
            "where the unit is; choose a layer before it (layer=NAME)"
        )
    if not lies.is_followed:
        notes.append(
            f"the positions of '{layer}' could not be followed from '{source}': the map is laid "
            "over the input as if they covered it evenly"
        )
    if lies.source != source:
        notes.append(
            f"the map is made for each picture of '{lies.source}', and laid over '{source}' as "
            "its numbers lie there"
        )
    return notes
