"""What is made of the gradient at the input: its magnitude, and its product with the input."""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Shape, Tensor
from retrograph.methods.base import Arrival, Method, one_channel
from retrograph.methods.quantity import CONTRIBUTION, GRADIENT_SIZE


class Saliency(Method):
    """The magnitude of the gradient, the largest over the channels of each position.

    Formula: max over c of |d score / d x[c]|.

    Shapes: that of the input with one channel; that of the input where it has no channel axis.

    Source: Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2013.

    Use: for one number a position: how much a small change there changes the unit.

    Beware: the sign is gone; as noisy as the gradient.
    """

    name = "saliency"
    title = "Saliency"
    quantity = GRADIENT_SIZE
    style = "overlay,smooth"

    def finish(self, e: Emitter, arrival: Arrival) -> Tensor:
        size = e.emit("Abs", arrival.ct)
        if arrival.channel is None:
            return size
        return e.emit("ReduceMax", size, e.ints([arrival.channel]), keepdims=1)

    def shape(self, shape: Shape, channel: int | None) -> Shape:
        return one_channel(shape, channel)


class InputXGradient(Method):
    """The gradient times the input: what each number contributes, to the first order.

    Formula: x * d score / d x.

    Shapes: that of the input; in units of the score.

    Source: Shrikumar, Greenside, Shcherbina, Kundaje: Not Just a Black Box, 2016.

    Use: for networks of ReLUs without biases, where the sum is the score.

    Beware: an input of 0 gets nothing, whatever it means; with a preprocessing that centres the
    picture that is the mean colour.
    """

    name = "input-x-gradient"
    title = "Input x gradient"
    quantity = CONTRIBUTION
    style = "red-blue"

    def finish(self, e: Emitter, arrival: Arrival) -> Tensor:
        return e.mul(arrival.x, arrival.ct)
