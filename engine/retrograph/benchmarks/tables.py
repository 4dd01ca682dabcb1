"""A benchmark as tables of text: ratios first, then times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from retrograph.benchmarks.record import Building, Case, Entry, Record

_SMALL_MB = 10
"""Below this a file is nothing beside Python and its libraries."""


def case_title(case: Case) -> str:
    """A case in one line."""
    where = "" if case.question == "class" else f" ({case.target})"
    return (
        f"{case.model}: {case.words}{where}, batch {case.batch}, {case.precision} on {case.device}"
    )


def case_table(case: Case) -> tuple[list[str], list[list[str]]]:
    """Headings and rows; columns without any number are left out."""
    peers = any(entry.role == "peer" for entry in case.entries)
    columns: list[tuple[str, Callable[[Entry], str]]] = [
        ("/ forward", lambda e: ratio(case.to_forward(e))),
        ("/ arithmetic", lambda e: ratio(case.to_arithmetic(e))),
        ("median ms", lambda e: milliseconds(e.median)),
        ("least ms", lambda e: milliseconds(e.minimum)),
        ("differs by", lambda e: "" if e.difference is None else f"{e.difference:.0e}"),
        ("peak MB", lambda e: megabytes(e.peak_mb)),
        ("idle MB", lambda e: megabytes(e.idle_mb)),
    ]
    if peers:
        columns.insert(1, ("/ retrograph", lambda e: ratio(case.to_ours(e))))
    cells = [(heading, [show(entry) for entry in case.entries]) for heading, show in columns]
    shown = [(heading, column) for heading, column in cells if any(column)]
    names = [entry.name for entry in case.entries]
    return _aligned([("", names), *shown])


def building_table(buildings: Sequence[Building]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of what was built."""
    return _aligned(
        [
            ("model", [b.model for b in buildings]),
            ("seconds", [f"{b.seconds:.2f}" for b in buildings]),
            ("peak / file", [ratio(_share(b)) for b in buildings]),
            ("peak MB", [megabytes(b.peak_mb) for b in buildings]),
            ("idle MB", [megabytes(b.idle_mb) for b in buildings]),
            ("file MB", [megabytes(b.file_mb) for b in buildings]),
            ("nodes", [str(b.nodes) for b in buildings]),
            ("built nodes", [str(b.built_nodes) for b in buildings]),
        ]
    )


def machine_lines(record: Record) -> list[str]:
    """The machine, its versions and load, and the command."""
    found = record.machine
    memory = f", {found.memory_gb:g} GB" if found.memory_gb else ""
    gpu = f", {found.gpu}" if found.gpu else ""
    rates = [case.matrix_rate / 1e9 for case in record.cases if case.matrix_rate]
    threads = sorted({case.threads for case in record.cases})
    lines = [
        f"{found.cpu}, {found.cores} cores{memory}{gpu}, {found.system}",
        ", ".join(f"{name} {version}" for name, version in found.versions.items()),
    ]
    if threads:
        lines.append(f"threads: {', '.join(map(str, threads))}; load average: {load_words(record)}")
    if rates:
        speed = " to ".join(dict.fromkeys(f"{r:.0f}" for r in (min(rates), max(rates))))
        lines.append(f"large matrices: {speed} billion multiply-adds a second")
    return lines


def load_words(record: Record) -> str:
    """The load average while it was measured."""
    seen = _loads(record)
    return f"{min(seen):.1f} to {max(seen):.1f}" if seen else "not known"


def warnings(record: Record) -> list[str]:
    """What makes the times worth less."""
    found = []
    most = max(_loads(record), default=0.0)
    threads = max((case.threads for case in record.cases), default=math.inf)
    if most > threads:
        found.append(
            f"the load average reached {most:.1f} for {threads} threads: other programs ran, so "
            "conclude nothing from these times"
        )
    return found


def ratio(value: float) -> str:
    """A ratio with two digits behind the point; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:.2f}"


def milliseconds(value: float) -> str:
    """A time with three digits that count; nothing for NaN."""
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def megabytes(value: float | None) -> str:
    """An amount of memory; nothing for None."""
    return "" if value is None else f"{value:.0f}"


def _share(building: Building) -> float:
    if building.peak_mb is None or building.file_mb < _SMALL_MB:
        return math.nan
    return building.peak_mb / building.file_mb


def _loads(record: Record) -> list[float]:
    return [value for case in record.cases for value in case.load if value is not None]


def _aligned(columns: Sequence[tuple[str, list[str]]]) -> tuple[list[str], list[list[str]]]:
    """The first column to the left, those of numbers to the right."""
    (first, names), *numbers = columns
    padded = []
    for heading, column in numbers:
        width = max(map(len, [heading, *column]))
        padded.append((heading.rjust(width), [cell.rjust(width) for cell in column]))
    rows = [[name, *cells] for name, *cells in zip(names, *(c for _, c in padded), strict=True)]
    return [first, *(heading for heading, _ in padded)], rows
