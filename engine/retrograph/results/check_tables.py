"""A check as tables of text: the layer, the verdicts, the nodes that block, those treated apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from retrograph.errors import Spelling, in_python, spelled
from retrograph.ir.graph import Tensor
from retrograph.layers import shape_text
from retrograph.render import TextTable, text_page
from retrograph.render.text_table import BAD, GOOD
from retrograph.report import Place
from retrograph.results.verdicts import Findings, Verdict

VERDICTS = ("method", "possible", "note")
BLOCKS = ("blocks", "node", "why", "mend")
TREATMENTS = ("treated as", "operator", "nodes", "")
"""The headings of the tables."""

_SHOWN = 3
_COLOURS = {"yes": GOOD, "no": BAD}


def headline(check: Findings) -> str:
    """By which methods the model can be explained."""
    possible = [verdict.method for verdict in check.methods if verdict.possible]
    needing = [f"{each.method} {each.answer}" for each in check.methods if each.needs]
    if not possible:
        can = "cannot be explained"
    elif len(possible) + len(needing) == len(check.methods):
        can = f"can be explained by every method{f' ({_and(needing)})' if needing else ''}"
    else:
        can = f"can be explained by {_and([*possible, *needing])}"
    return f"{check.model} {can}"


def question_rows(check: Findings) -> list[tuple[str, ...]]:
    """The layer and the inputs that would be explained."""
    if check.layer is None:
        return [("layer", "none")]
    name, shape = _described(check.layer)
    alias = "" if check.alias == check.layer.name else f"{check.alias} "
    inputs = [("input", *_described(tensor)) for tensor in check.inputs]
    return [("layer", f"{alias}{name}", shape), *inputs]


def verdict_rows(
    verdicts: Sequence[Verdict], spelling: Spelling = in_python
) -> list[tuple[str, ...]]:
    """Each method, whether it is possible, and why not, or what is to be known of it.

    Args:
        verdicts: in their order.
        spelling: of parameters that would mend it.
    """
    rows: list[tuple[str, ...]] = []
    last = ""
    for verdict in verdicts:
        text = spelled(verdict.message, spelling) or "; ".join(verdict.notes)
        repeats = bool(text) and text == last
        rows.append((verdict.method, verdict.answer, "likewise" if repeats else text))
        last = text
    return rows if any(note for *_, note in rows) else [row[:-1] for row in rows]


def block_rows(check: Findings) -> list[tuple[str, ...]]:
    """The nodes that stand in the way of all methods."""
    return [(block.op, block.node, block.reason, block.mend) for block in check.blocks]


def treatment_rows(check: Findings) -> list[tuple[str, ...]]:
    """The nodes that are not treated as every other, by treatment and operator."""
    treatments = {
        "ReLU": check.relu,
        "straight-through": check.straight_through,
        "smooth": check.smooth,
    }
    return [
        (treatment, op, str(len(names)), _shortlist(names))
        for treatment, places in treatments.items()
        for op, names in _by_operator(places).items()
    ]


def check_page(check: Findings) -> Image.Image:
    """The tables as a picture; methods of one verdict for one reason have one row."""
    title = f"{Path(check.model).name} can be explained by {check.counted}"
    question = [" ".join(row) for row in question_rows(check)]
    tables = [
        TextTable(_grouped(check.methods), ("possible", "methods", "note"), _COLOURS),
        TextTable(block_rows(check), BLOCKS),
        TextTable(treatment_rows(check), TREATMENTS),
    ]
    nearest = [] if check.nearest is None else [_nearest(check.nearest)]
    return text_page("\n".join([title, *question]), tables, [*nearest, *check.notes]).image()


def _grouped(verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """The methods of each verdict and reason or notes together, possible ones first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for verdict in sorted(verdicts, key=lambda each: (not each.possible, not each.needs)):
        text = verdict.reason or "; ".join(verdict.notes)
        groups.setdefault((verdict.answer, text), []).append(verdict.method)
    return [(answer, ", ".join(methods), text) for (answer, text), methods in groups.items()]


def _nearest(layer: str) -> str:
    return f"the last layer that can be explained is {layer}"


def _described(tensor: Tensor) -> tuple[str, str]:
    return f"'{tensor.name}'", shape_text(tensor.shape)


def _by_operator(places: Iterable[Place]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for place in places:
        names.setdefault(place.op, []).append(place.node)
    return names


def _shortlist(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
