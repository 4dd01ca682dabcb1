"""Classes: one score of each for an item."""

from __future__ import annotations

import math
from collections.abc import Sequence

from retrograph.heads.elements import shape_of
from retrograph.heads.kinds.base import Evidence, Head, HeadKind, Output
from retrograph.heads.maps_and_classes import ClassHead


class ClassScores(HeadKind):
    """An output of one axis, others of length 1 aside."""

    name = "a score for each class"

    def match(
        self, outputs: Sequence[Output], evidence: Evidence
    ) -> tuple[list[Head], list[Output]]:
        """Each is a head of its own."""
        heads: list[Head] = []
        read: list[Output] = []
        for output in outputs:
            if math.prod(output.shape) != max(output.shape, default=1):
                continue
            reading = evidence.reader.read(output.at(0))
            layer = output.name if reading.is_bare else reading.element.tensor
            if math.prod(shape_of(evidence.graph, layer)) < max(output.shape, default=1):
                layer = output.name
            heads.append(
                ClassHead(output.name, layer, max(output.shape, default=1), reading.squash)
            )
            read.append(output)
        return heads, read
