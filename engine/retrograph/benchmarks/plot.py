"""A benchmark as a picture: bars of the ratio to the forward pass, one for every contestant."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retrograph.benchmarks.record import Case, Record
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
_PLAIN = "#999999"
_WIDEST = 0.16
"""The widest a bar is, where the groups are one apart."""
_FAR = 20
"""How many times the least the greatest ratio is where the axis becomes logarithmic."""
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
        colours = _colours(record)
        for place, cases in zip(axes, panels.values(), strict=True):
            _draw(place, cases, colours)
        canvas = _library("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _colours(record: Record) -> dict[str, str]:
    """A colour for each contestant; grey for the forward pass alone."""
    entries = [entry for case in record.cases for entry in case.entries]
    names = dict.fromkeys(entry.name for entry in entries if entry.role != "forward")
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    return colours | {entry.name: _PLAIN for entry in entries if entry.role == "forward"}


def _draw(place: Any, cases: Sequence[Case], colours: Mapping[str, str]) -> None:
    names = list(dict.fromkeys(e.name for c in cases for e in c.entries))
    width = min(_GROUP / len(names), _WIDEST)
    ratios = {name: [_ratio(case, name) for case in cases] for name in names}
    known = [r for each in ratios.values() for r in each if not math.isnan(r)]
    least = 0.0
    if known and max(known) > _FAR * min(known):
        place.set_yscale("log")
        place.yaxis.set_major_formatter("{x:g}")
        least = min(known) / 2
    for i, name in enumerate(names):
        middles = [x + (i + 0.5 - len(names) / 2) * width for x in range(len(cases))]
        tops = [least if math.isnan(ratio) else ratio for ratio in ratios[name]]
        heights = [top - least for top in tops]
        look = {"label": name, "color": colours[name], "bottom": least}
        place.bar(middles, heights, width * 0.94, **look)
        for case, x, top, ratio in zip(cases, middles, tops, ratios[name], strict=True):
            if any(entry.name == name for entry in case.entries):
                _label_bar(place, x, top, ratio)
    _label_axes(place, cases)
    place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    place.set_ymargin(0.14)
    place.autoscale_view(scalex=False)
    if least:
        place.set_ylim(bottom=least)


def _label_bar(place: Any, x: float, top: float, ratio: float) -> None:
    """The ratio over its bar; where nothing was timed, that."""
    lacking = math.isnan(ratio)
    place.annotate(
        "not timed" if lacking else _written(ratio),
        (x, top),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=12,
        rotation=90 if lacking else 0,
    )


def _label_axes(place: Any, cases: Sequence[Case]) -> None:
    """The question as the title, the models, and the line of what the arithmetic needs."""
    first = cases[0]
    asked = first.words[0].upper() + first.words[1:]
    where = f"batch {first.batch}, {first.precision} on {first.device}"
    place.set_title(f"{asked}, {where}", loc="left", pad=12)
    place.set_xticks(range(len(cases)), [_label(case) for case in cases])
    place.set_xlim(-0.6, len(cases) - 0.4)
    place.set_ylabel("time / forward pass")
    if first.question != "layer":  # of which a window is enough
        floor = 1.0 + first.units
        look = {"color": "#444444", "linestyle": (0, (4, 3)), "linewidth": 1.4, "zorder": 3}
        place.axhline(floor, label=f"the arithmetic needs {floor:g}", **look)


def _written(height: float) -> str:
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
