"""Which window of the input one unit sees, in closed form.

Along one axis, the positions of an earlier tensor that position q of a later one sees lie in an
affine interval [stride * q + first, stride * q + last]: a `Span`. A node gives one for each axis of
what it reads, and spans compose, so a walk over the graph gives those from every tensor back to the
input. The layout needs no guess: every axis of the input is followed through transpositions and
reshapes, and the spatial ones are those that convolutions and pools slide over.

A window is never too small. It is exact for convolutions, pools, crops and joins of equal stride
away from the border, and the least affine bound for enlargements; None stands for a whole axis,
which is also what an operator without a rule sees.
"""

from retrograph.receptive_field.field import Field, receptive_fields
from retrograph.receptive_field.span import Span

__all__ = ["Field", "Span", "receptive_fields"]
