"""What the page may ask for: one list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from retrograph.serve import doubt, explained, facts, maps, scanned
from retrograph.serve.query import Answer, Query

if TYPE_CHECKING:
    from retrograph.serve.page import Page


@dataclass(frozen=True)
class Endpoint:
    """Something that the page asks for.

    Attributes:
        path: below the token; what is in braces is a parameter.
        tell: answers it.
        runs: whether graphs are built or run, for which each model has threads of its own.
    """

    path: str
    tell: Callable[[Page, Query], Answer]
    runs: bool = False


ENDPOINTS: Final = (
    Endpoint("api/models", facts.models),
    Endpoint("api/model", facts.model),
    Endpoint("api/graph", facts.graph),
    Endpoint("api/inputs", facts.inputs),
    Endpoint("api/input/{input}.png", facts.input_picture),
    Endpoint("api/commands", facts.commands),
    Endpoint("api/explain", explained.explain, runs=True),
    Endpoint("api/scores", explained.scores, runs=True),
    Endpoint("api/output.png", explained.output_picture, runs=True),
    Endpoint("api/maps", maps.maps, runs=True),
    Endpoint("api/values", maps.values, runs=True),
    Endpoint("api/field", maps.field, runs=True),
    Endpoint("api/at", maps.at, runs=True),
    Endpoint("api/unit", scanned.unit, runs=True),
    Endpoint("api/table", scanned.table, runs=True),
    Endpoint("api/filter.png", scanned.filter_picture),
    Endpoint("api/sanity", doubt.sanity, runs=True),
    Endpoint("api/preprocessing", doubt.preprocessing, runs=True),
    Endpoint("api/audio/{input}", facts.audio, runs=True),
)
