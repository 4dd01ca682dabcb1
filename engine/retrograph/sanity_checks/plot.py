"""The findings as one picture: similarity at each stage, bars for other classes, score curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from retrograph.runtime import Array
from retrograph.sanity_checks.extra import library
from retrograph.sanity_checks.faithfulness_curves import RANDOM, Faithfulness
from retrograph.sanity_checks.findings import Findings, mean
from retrograph.sanity_checks.layer_randomisation import Randomisation
from retrograph.sanity_checks.logit import RandomLogit
from retrograph.sanity_checks.similarity import MEASURES

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
"""Of Okabe and Ito, which people tell apart whatever colours they see."""
_MARKERS = "osD^vPX"
_CONTROL = {"color": "#777777", "linestyle": (0, (4, 2)), "linewidth": 2.0}
_STYLE = {
    "font.size": 15,
    "axes.titlesize": 16,
    "axes.labelsize": 15,
    "legend.fontsize": 16,
    "lines.linewidth": 2.6,
    "lines.markersize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
}
_SIZE = (19.2, 5.6)
"""Inches, for each row of panels."""
_DPI = 100
_LONGEST_LABELS = 6


def stage_name(layers: Sequence[str]) -> str:
    """A stage by its first and last layer, "conv9 - conv7"."""
    return layers[0] if len(layers) == 1 else f"{layers[0]} - {layers[-1]}"


def plot(findings: Findings, title: str) -> Array:
    """The findings as a picture, uint8 [H, W, 3].

    Raises:
        InputError: matplotlib is not installed.
    """
    rows = int(findings.randomisation is not None)
    rows += int(findings.logit is not None or findings.faithfulness is not None)
    with library("matplotlib").rc_context(_STYLE):
        figure = library("matplotlib.figure").Figure(
            figsize=(_SIZE[0], _SIZE[1] * rows + 1), dpi=_DPI, layout="constrained"
        )
        figure.suptitle(title, fontsize=19)
        figure.get_layout_engine().set(w_pad=0.14, h_pad=0.1)
        parts = list(np.atleast_1d(figure.subfigures(rows, 1, hspace=0.06)))
        if findings.randomisation is not None:
            _draw_stages(parts.pop(0), findings.randomisation)
        if parts:
            _draw_bars_and_curves(parts[0], findings)
        _legend(figure)
        canvas = library("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _look(number: int) -> dict[str, Any]:
    return {"color": _COLOURS[number % len(_COLOURS)]}


def _marked(number: int) -> dict[str, Any]:
    return {**_look(number), "marker": _MARKERS[number % len(_MARKERS)]}


def _draw_stages(part: Any, found: Randomisation) -> None:
    cascading = found.order == "cascading"
    part.suptitle(
        "Weights drawn anew, "
        + ("from the target down to the named layer" if cascading else "one stage at a time")
        + "".join(f"; {method}: all maps are 0" for method in _all_blank(found))
    )
    names = ["none", *map(stage_name, found.stages)]
    axes = part.subplots(1, len(MEASURES), sharey=True)
    for ax, (measure, heading) in zip(axes, MEASURES.items(), strict=True):
        for j, method in enumerate(found.methods):
            means = [1.0, *(mean(values) for values in found.similarity[measure][j])]
            ax.plot(means, label=method, **_marked(j))
        ax.axhline(0, color="#777777", linewidth=1)
        ax.set_title(heading)
        turned = len(names) > _LONGEST_LABELS or max(map(len, names)) > _LONGEST_LABELS
        ax.set_xticks(range(len(names)), names, rotation=90 if turned else 0)
    axes[0].set_ylabel("similarity to the original map")


def _all_blank(found: Randomisation) -> list[str]:
    """The methods of which no line can be drawn."""
    return [
        method
        for method, blank in zip(found.methods, found.comparison.blank, strict=True)
        if blank.all()
    ]


def _draw_bars_and_curves(part: Any, findings: Findings) -> None:
    logit, faithfulness = findings.logit, findings.faithfulness
    panels = ([] if logit is None else ["logit"]) + (
        [] if faithfulness is None else ["deletion", "insertion"]
    )
    axes = part.subplot_mosaic([panels], width_ratios=[1.6 if p == "logit" else 1 for p in panels])
    if logit is not None:
        _draw_bars(axes["logit"], logit)
    if faithfulness is not None:
        _draw_curves(axes["deletion"], faithfulness, faithfulness.deletion, "deleted")
        _draw_curves(axes["insertion"], faithfulness, faithfulness.insertion, "inserted")
        limits = [axes[name].get_ylim() for name in ("deletion", "insertion")]
        for name in ("deletion", "insertion"):
            axes[name].set_ylim(min(0.0, *(low for low, _ in limits)), max(h for _, h in limits))


def _draw_bars(ax: Any, found: RandomLogit) -> None:
    width = 0.8 / len(found.methods)
    for j, method in enumerate(found.methods):
        places = np.arange(len(MEASURES)) + (j - (len(found.methods) - 1) / 2) * width
        heights = [mean(found.similarity[measure][j]) for measure in MEASURES]
        bars = ax.bar(places, heights, 0.92 * width, label=method, **_look(j))
        ax.bar_label(bars, fmt="%.2f", fontsize=max(8, 15 - len(found.methods)), padding=2)
    ax.axhline(0, color="#777777", linewidth=1)
    ax.set_xticks(range(len(MEASURES)), [*MEASURES.values()])
    ax.grid(axis="x", visible=False)
    ax.set_ylim(top=1.08)
    ax.set_title("Another class explained")
    ax.set_ylabel("similarity to the original map")


def _draw_curves(ax: Any, found: Faithfulness, curves: Array, done: str) -> None:
    for j, method in enumerate(found.methods):
        look = _CONTROL if method == RANDOM else {**_marked(j), "markevery": 4}
        ax.plot(100 * found.shares, [mean(v) for v in curves[j]], label=method, **look)
    ax.set_title(f"Positions {done} in the map's order")
    ax.set_xlabel(f"% of positions {done}")
    ax.set_ylabel(
        "probability of the class" if found.measure == "probability" else "share of the activation"
    )


def _legend(figure: Any) -> None:
    """One for all panels, below them."""
    handles: dict[str, Any] = {}
    for ax in figure.get_axes():
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=8, frameon=False
    )
