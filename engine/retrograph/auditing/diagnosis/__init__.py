"""Why two networks part in a region: a list of those who can name a cause, the surest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from retrograph.auditing.diagnosis.difference import Cause, Difference, Side
from retrograph.auditing.diagnosis.nodes import (
    attribute_causes,
    constant_causes,
    moving_causes,
    operator_causes,
)
from retrograph.auditing.diagnosis.quantisers import quantiser_causes
from retrograph.auditing.diagnosis.values import (
    axes_causes,
    function_causes,
    nonfinite_causes,
    order_causes,
    saturation_causes,
    scale_causes,
    size_causes,
)
from retrograph.auditing.diagnosis.weights import weight_causes
from retrograph.auditing.diagnosis.wiring import (
    axis_causes,
    entry_causes,
    wiring_causes,
)

CAUSES: Sequence[Callable[[Difference], Iterator[Cause]]] = (
    quantiser_causes,
    attribute_causes,
    constant_causes,
    axes_causes,
    axis_causes,
    wiring_causes,
    weight_causes,
    operator_causes,
    nonfinite_causes,
    entry_causes,
    order_causes,
    scale_causes,
    function_causes,
    saturation_causes,
    size_causes,
)


def diagnose(difference: Difference) -> tuple[Cause, ...]:
    """Every cause that can be named, the surest first, each text once at a node."""
    causes = [cause for name in CAUSES for cause in name(difference)]
    told = causes or [*moving_causes(difference)]
    return tuple({(cause.text, cause.b): cause for cause in told}.values())


__all__ = ["CAUSES", "Cause", "Difference", "Side", "diagnose"]
