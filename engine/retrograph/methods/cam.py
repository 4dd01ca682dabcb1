"""Class activation maps: where in a layer the unit finds what it looks for.

A map is made at a layer with positions, by its activation A [N, C, *S] and the gradient G of the
unit by it, in float32 at least, and resized to the input linearly between the centres of its
positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from retrograph.errors import InputError
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Graph, Shape, Tensor
from retrograph.ir.path import Path
from retrograph.methods.base import Arrival, Method, Scene, one_channel
from retrograph.methods.relu import Guided
from retrograph.methods.smooth import relu_notes
from retrograph.vjp.linear import wide

_EPSILON = 1e-6


@dataclass(frozen=True)
class _Cam(Method):
    """What the maps share: the layer, and the way from its positions to those of the input."""

    layer: str = ""

    style = "overlay"

    def resolved(self, find: Callable[[str], str]) -> Method:
        return replace(self, layer=find(self.layer)) if self.layer else self

    def settled(self, graph: Graph, way: Path, sources: Sequence[str], target: str) -> Method:
        if len(sources) != 1:
            raise InputError(
                f"'{self.name}' explains one input at a time; name it (--wrt): {', '.join(sources)}"
            )
        rank = _rank(graph, sources[0])
        layer = self.layer or _deepest(graph, way, rank, target)
        if layer not in way.tensors or _rank(graph, layer) != rank or rank < 3:
            what = f"'{layer}' is none" if layer else "there is none"
            raise InputError(
                f"'{self.name}' needs a layer with positions between '{sources[0]}' and "
                f"'{target}', and {what}; choose another with `retrograph layers`, or another "
                "method"
            )
        return replace(self, layer=layer)

    def ends(self, sources: Sequence[str]) -> Sequence[str]:
        return (self.layer,)

    def finish(self, e: Emitter, arrival: Arrival) -> Tensor:
        rank = arrival.x.rank or 0
        to_front = [0, arrival.end_channel or 1]
        to_front += [axis for axis in range(1, rank) if axis not in to_front]
        activation, gradient = (
            _moved(e, e.cast(t, wide(t.dtype)), to_front) for t in (arrival.end, arrival.ct)
        )
        cam = e.relu(e.reduce_sum(self.shares(e, activation, gradient, rank), [1]))
        first = [0, *[axis for axis in range(1, rank) if axis != arrival.channel]]
        sizes = [e.dim(arrival.x, axis) for axis in first[1:]]
        from_front = [
            1 if axis == arrival.channel else first.index(axis) + (axis != 0)
            for axis in range(rank)
        ]
        return _moved(e, _resized(e, cam, sizes), from_front)

    def shares(self, e: Emitter, a: Tensor, g: Tensor, rank: int) -> Tensor:
        """How much each channel says at each position, [N, C, *S]."""
        raise NotImplementedError

    def shape(self, shape: Shape, channel: int | None) -> Shape:
        return one_channel(shape, channel)


class GradCam(_Cam):
    """Where a layer speaks for the unit: its channels, weighted by their mean gradient.

    Formula: max(0, sum over c of w[c] * A[c]), w[c] the mean of G[c] over the positions.

    Shapes: that of the input with one channel; not negative.

    Source: Selvaraju et al.: Grad-CAM, 2017. As in pytorch-grad-cam, before its scaling to 0..1.

    Use: to see which region decides for a class, at the last layer with positions.

    Beware: as coarse as the layer; where a unit lies behind a fully connected layer, the mean loses
    the place.

    Attributes:
        layer: alias or tensor of the layer; if empty, the deepest one with positions.
    """

    name = "grad-cam"

    def shares(self, e: Emitter, a: Tensor, g: Tensor, rank: int) -> Tensor:
        weights = e.emit("ReduceMean", g, e.ints(range(2, rank)), keepdims=1)
        return e.mul(a, weights)


class GradCamPlusPlus(_Cam):
    """Grad-CAM that counts every occurrence: only positive gradients, weighted by position.

    Formula: w[c] = sum over positions of alpha * max(0, G), alpha = G^2 / (2 G^2 + G^3 * (sum of
    A[c] over the positions) + 1e-6); then as Grad-CAM.

    Shapes: that of the input with one channel; not negative.

    Source: Chattopadhay et al.: Grad-CAM++, 2018. As in pytorch-grad-cam, before its scaling.

    Use: where a picture shows several objects of the class.

    Beware: the derivation takes the exponential of the score; the 1e-6 weighs where gradients are
    small.

    Attributes:
        layer: alias or tensor of the layer; if empty, the deepest one with positions.
    """

    name = "grad-cam-plus-plus"

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

    Shapes: that of the input with one channel; not negative.

    Source: Jiang et al.: LayerCAM, 2021. As in pytorch-grad-cam, before its scaling.

    Use: at earlier layers too, where the map is finer.

    Beware: at early layers as noisy as the gradient.

    Attributes:
        layer: alias or tensor of the layer; if empty, the deepest one with positions.
    """

    name = "layer-cam"

    def shares(self, e: Emitter, a: Tensor, g: Tensor, rank: int) -> Tensor:
        return e.mul(a, e.relu(g))


@dataclass(frozen=True)
class GuidedGradCam(Method):
    """Guided backpropagation where Grad-CAM finds the class.

    Formula: guided * grad-cam, the map repeated over the channels.

    Shapes: that of the input.

    Source: Selvaraju et al.: Grad-CAM, 2017.

    Use: for the clear picture of guided backpropagation, of the class alone.

    Beware: the structures inside the region barely depend on the class. Captum repeats the map's
    numbers where this interpolates them.

    Attributes:
        layer: alias or tensor of the layer of the map; if empty, the deepest one with positions.
        activations: as in guided.
    """

    layer: str = ""
    activations: str = ""

    name = "guided-grad-cam"
    needs_relu = True

    @property
    def parts(self) -> tuple[Method, ...]:
        return Guided(activations=self.activations), GradCam(self.layer)

    def resolved(self, find: Callable[[str], str]) -> Method:
        return replace(self, layer=find(self.layer)) if self.layer else self

    def settled(self, graph: Graph, way: Path, sources: Sequence[str], target: str) -> Method:
        cam = GradCam(self.layer).settled(graph, way, sources, target)
        return replace(self, layer=str(cam.parameters["layer"]))

    def notes(self, scene: Scene) -> Sequence[str]:
        return relu_notes(self.name, self.activations, scene)

    def combine(self, e: Emitter, found: Sequence[Tensor]) -> Tensor:
        guided, cam = found
        return e.mul(guided, cam)


def _rank(graph: Graph, name: str) -> int:
    tensor = graph.tensor(name)
    return 0 if tensor is None else tensor.rank or 0


def _deepest(graph: Graph, way: Path, rank: int, target: str) -> str:
    """The last tensor on the path before the target with more than one position; "" if none.

    What a Cast makes is the layer before it, in another type.
    """
    same = {target}
    for node in reversed(way.nodes):
        if node.op_type == "Cast":
            same.update(node.output if same.isdisjoint(node.output) else node.input)
        for name in node.output:
            tensor = graph.tensor(name)
            if name in same or name not in way.tensors or tensor is None:
                continue
            shape = tensor.shape or ()
            if len(shape) == rank and sum(d != 1 for d in shape[1:]) > 1:
                return str(name)
    return ""


def _moved(e: Emitter, a: Tensor, perm: Sequence[int]) -> Tensor:
    return a if list(perm) == list(range(len(perm))) else e.transpose(a, perm)


def _resized(e: Emitter, cam: Tensor, sizes: Sequence[Tensor]) -> Tensor:
    """[N, 1, *S] at the input's positions; a line as a picture of one row."""
    line = len(sizes) == 1
    rows = [e.ints([1]), *sizes] if line else list(sizes)
    picture = e.unsqueeze(cam, [2]) if line else cam
    shape = e.concat([e.dim(picture, 0), e.ints([1]), *rows], axis=0)
    wide = e.emit("Resize", picture, None, None, shape, mode="linear")
    return e.squeeze(wide, [2]) if line else wide
