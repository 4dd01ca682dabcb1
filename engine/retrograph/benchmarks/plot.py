"""A benchmark as a picture: bars of the ratio to the forward pass."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retrograph.benchmarks.record import Case, Entry, Record
from retrograph.errors import InputError, parameter
from retrograph.runtime import Array

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Of Okabe and Ito, which people tell apart whatever colours they see."""
_STYLE = {
    "font.size": 14,
    "axes.titlesize": 15,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
}
_WIDTH, _HEIGHT, _DPI = 16.0, 4.6, 100
_GROUP = 0.82
_WHOLE = 100


def check_installed() -> None:
    """Raises InputError where matplotlib is missing, before any work is done."""
    _library("matplotlib")


def plot(record: Record) -> Array:
    """A panel for each question and batch, as a picture, uint8 [H, W, 3].

    Raises:
        InputError: matplotlib is not installed.
    """
    panels: dict[tuple[str, int, int, str, str], list[Case]] = {}
    for case in record.cases:
        key = (case.question, case.units, case.batch, case.device, case.precision)
        panels.setdefault(key, []).append(case)
    with _library("matplotlib").rc_context(_STYLE):
        figure = _library("matplotlib.figure").Figure(
            figsize=(_WIDTH, _HEIGHT * len(panels)), dpi=_DPI, layout="constrained"
        )
        axes = np.atleast_1d(figure.subplots(len(panels), 1))
        names = dict.fromkeys(e.name for c in record.cases for e in _shown(c))
        colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
        for place, cases in zip(axes, panels.values(), strict=True):
            _draw(place, cases, colours)
        canvas = _library("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _shown(case: Case) -> list[Entry]:
    """Who has a bar."""
    return [entry for entry in case.entries if entry.role != "forward"]


def _draw(place: Any, cases: Sequence[Case], colours: Mapping[str, str]) -> None:
    names = list(dict.fromkeys(e.name for c in cases for e in _shown(c)))
    width = _GROUP / max(len(names), 1)
    for i, name in enumerate(names):
        left = [x - _GROUP / 2 + (i + 0.5) * width for x in range(len(cases))]
        heights = [_ratio(case, name) for case in cases]
        look = {"label": name, "color": colours[name]}
        bars = place.bar(left, np.nan_to_num(heights), width * 0.94, **look)
        labels = [_written(height) for height in heights]
        place.bar_label(bars, labels, fontsize=11, padding=2)
    first = cases[0]
    asked = first.words[0].upper() + first.words[1:]
    where = f"batch {first.batch}, {first.precision} on {first.device}"
    place.set_title(f"{asked}, {where}", loc="left")
    place.set_xticks(range(len(cases)), [_label(case) for case in cases])
    place.set_xlim(-0.6, len(cases) - 0.4)
    place.set_ylabel("time / forward pass")
    if first.question != "layer":  # of which a window is enough
        floor = 1.0 + first.units
        place.axhline(floor, color="#444444", linestyle=(0, (4, 3)), linewidth=1.4, zorder=3)
    place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    place.set_ymargin(0.12)


def _written(height: float) -> str:
    if math.isnan(height):
        return ""
    if height < 1:
        return f"{height:.2f}"
    return f"{height:.0f}" if height >= _WHOLE else f"{height:.1f}"


def _label(case: Case) -> str:
    return case.model if case.question != "layer" else f"{case.model}\n{case.target}"


def _ratio(case: Case, name: str) -> float:
    found = [case.to_forward(entry) for entry in case.entries if entry.name == name]
    return found[0] if found else math.nan


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"a plot needs matplotlib, and {error.name or name} is missing; "
            f"pip install 'retrograph[bench]', or leave out {parameter('output')}"
        ) from None
