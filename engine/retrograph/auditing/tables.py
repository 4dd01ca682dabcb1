"""What an audit rests on as tables: the outputs, the layers, the maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from retrograph.auditing.amounts import amount
from retrograph.auditing.result import Audit
from retrograph.results.tables import Table

_MOST_MAPS = 8
_MOST_LAYERS = 8


def audit_tables(audit: Audit) -> Iterator[Table]:
    """Those that have rows."""
    yield from (table for table in (_outputs(audit), _layers(audit), _maps(audit)) if table.rows)


def _outputs(audit: Audit) -> Table:
    rows = [(p.a, p.b, amount(p.error), _share(p.agreeing)) for p in audit.outputs]
    return Table(("output of A", "of B", "error", "same top"), rows)


def _layers(audit: Audit) -> Table:
    rows = [
        (
            *audit.layer_names(layer),
            amount(layer.own),
            amount(layer.accumulated),
            "more than is explained" * layer.suspect,
        )
        for layer in audit.ranked_layers()[:_MOST_LAYERS]
        if layer.suspect or layer.own > 0
    ]
    return Table(("layer", "in B", "off by itself, on A's inputs", "accumulated", ""), rows)


def _maps(audit: Audit) -> Table:
    rows = [
        (Path(pair.name).name, audit.unit_name(pair), f"{pair.cosine:.4f}", f"{pair.rank:.4f}")
        for pair in audit.worst_maps()[:_MOST_MAPS]
    ]
    cosine = f"{audit.method} cosine"
    return Table(("input, least alike first", "unit", cosine, "rank correlation"), rows)


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"
