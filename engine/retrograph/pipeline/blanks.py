"""Attributions that are 0 everywhere, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from retrograph.blank import Asked, Blanks
from retrograph.explainer import Explainer
from retrograph.methods import METHODS, MapMethod, Method
from retrograph.results.explanation import Blank, Explanation
from retrograph.runtime import Array


def with_blanks(
    found: Explanation,
    row: int,
    feeds: Mapping[str, Array],
    explainers: Mapping[str, Explainer],
    blanks: Blanks,
) -> Explanation:
    """An explanation with what is to be known of its attributions that are 0 everywhere.

    Args:
        row: which item of the feeds it is of.
    """
    made = [
        Blank(name, place, blanks.why(_asked(found, place, row, explainers[name]), feeds))
        for name, attributions in found.attributions.items()
        for place, attribution in enumerate(attributions)
        if not attribution.any()
    ]
    return replace(found, blanks=tuple(made))


def _asked(found: Explanation, place: int, row: int, explainer: Explainer) -> Asked:
    contract = explainer.contract
    method: Method = METHODS[contract.method]
    if isinstance(method, MapMethod):
        method = replace(method, layer=str(contract.parameters["layer"]))
    return Asked(
        target=contract.target,
        sources=contract.explained,
        method=method,
        unit=tuple(int(i) for i in found.units[place]),
        rank=len(contract.shape),
        channel_axis=contract.channel_axis,
        row=row,
        precision=contract.precision,
    )
