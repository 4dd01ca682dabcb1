"""Attributions that are 0 everywhere, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from retrograph.blank import Asked, Blanks
from retrograph.contract import Contract
from retrograph.explainer import Explainer
from retrograph.methods import METHODS, MapMethod, Method
from retrograph.results.explained import Blank
from retrograph.results.explanation import Explanation
from retrograph.runtime import Array


def with_blanks(
    explanation: Explanation,
    row: int,
    feeds: Mapping[str, Array],
    explainers: Mapping[str, Explainer],
    blanks: Blanks,
) -> Explanation:
    """An explanation with what is to be known of its attributions that are 0 everywhere.

    Args:
        explanation: of an item of a run.
        row: which item of the feeds it is of.
        feeds: the model's inputs, as they were run.
        explainers: by the methods' titles.
        blanks: finds the reasons.
    """
    empty = [
        (title, place)
        for title, attributions in explanation.attributions.items()
        for place, attribution in enumerate(attributions)
        if not attribution.any()
    ]
    return replace(
        explanation,
        blanks=tuple(
            Blank(title, place, _reason(explanation, place, row, feeds, explainers[title], blanks))
            for title, place in empty
        ),
    )


def _reason(
    explanation: Explanation,
    place: int,
    row: int,
    feeds: Mapping[str, Array],
    explainer: Explainer,
    blanks: Blanks,
) -> str:
    contract = explainer.contract
    if contract.method not in METHODS:
        return ""
    asked = Asked(
        target=contract.target,
        sources=contract.explained,
        method=_method(contract),
        unit=tuple(int(i) for i in explanation.units[place]),
        rank=len(contract.shape),
        channel_axis=contract.channel_axis,
        row=row,
        precision=contract.precision,
    )
    return blanks.why(asked, feeds)


def _method(contract: Contract) -> Method:
    method = METHODS[contract.method]
    if isinstance(method, MapMethod):
        return replace(method, layer=str(contract.parameters["layer"]))
    return method
