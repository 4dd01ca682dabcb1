"""An audit as a page that opens from disk: one file, no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import PurePath

import numpy as np
from PIL import Image

from retrograph.auditing.amounts import amount
from retrograph.auditing.chart import error_chart
from retrograph.auditing.graphs import graph_drawing
from retrograph.auditing.result import Audit, Finding
from retrograph.auditing.table_rows import Cell, TensorRow
from retrograph.errors import spelled
from retrograph.render.page import enlarge

_SIDE = 240
_AS_STRONG = 5e-3
_MOST_MAPS = 24
_MOST_LAYERS = 12


def audit_page(audit: Audit) -> str:
    """The page: verdict, sentence, maps, errors along the layers, both graphs side by side."""
    sections: Sequence[Callable[[Audit], Iterator[str]]] = (
        _head,
        _regions,
        _maps,
        _layers,
        _graphs,
        _outputs,
        _notes,
    )
    body = "\n".join(part for section in sections for part in section(audit))
    style = (files("retrograph.auditing") / "page.css").read_text(encoding="utf-8")
    title = escape(audit.summary())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{style}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _head(audit: Audit) -> Iterator[str]:
    kind = "bad" if audit.verdict.severity > 1 else "less" if audit.verdict.severity else ""
    yield f"<h1>Is <code>{escape(audit.b)}</code> still <code>{escape(audit.a)}</code>?</h1>"
    yield f'<p><span class="verdict {kind}">{escape(audit.says)}</span></p>'
    yield f'<p class="sentence">{_prose(audit.sentence)}</p>'
    cards = "".join(
        f"<div><b>{escape(b)}</b><span>{text}</span></div>" for b, text in _facts(audit)
    )
    yield f'<div class="cards">{cards}</div>'


def _facts(audit: Audit) -> Iterator[tuple[str, str]]:
    """What is seen at once: a number, and what it is."""
    if audit.outputs:
        worst = max(pair.error for pair in audit.outputs)
        noise = f"equal up to {amount(audit.tolerance)}"
        yield amount(worst), f"largest error of an output, {noise}"
    agreeing = [pair.agreeing for pair in audit.outputs if pair.agreeing is not None]
    if agreeing:
        yield f"{100 * min(agreeing):.0f} %", "of the inputs have the same top unit"
    if audit.cosine is not None:
        yield f"{audit.cosine:.3f}", f"mean cosine of the {escape(audit.method)} maps"
    if audit.precision and audit.layers:
        yield f"{len(audit.layers)}", f"layers compared by themselves, in {escape(audit.precision)}"
    elif audit.points[0]:
        equal = len({pair.a for pair in audit.pairs})
        yield f"{equal} of {audit.points[0]}", "tensors of A have an equal one in B"
    yield f"{len(audit.inputs)}", "input" if len(audit.inputs) == 1 else "inputs"


def _regions(audit: Audit) -> Iterator[str]:
    if audit.findings:
        yield "<h2>Where they part</h2>"
    for number, found in enumerate(audit.findings, 1):
        causes = "; ".join(_prose(cause.text) for cause in found.causes) or "no cause is named"
        told = [*_nodes(found), _proof(found), *_files(found, number)]
        yield (
            f'<div class="place"><b>{number}. {_prose(found.place)}</b>: {causes}.'
            f'<br><span class="soft">{" · ".join(told)}</span></div>'
        )


def _nodes(found: Finding) -> Iterator[str]:
    """The tensors of the region, once where both files call them the same."""
    ours, theirs = found.region.a_tensors, found.region.b_tensors
    if ours == theirs:
        yield f"{_codes(ours)} in both"
    else:
        yield f"{_codes(ours)} in A, {_codes(theirs)} in B"


def _codes(names: Sequence[str]) -> str:
    return " ".join(f"<code>{escape(name)}</code>" for name in names) or "nothing"


def _proof(found: Finding) -> str:
    proof = "proved by repair" if found.region.is_proved else "not proved by repair"
    if found.region.order is None:
        return proof
    return f"what comes out is off by {amount(found.region.local_error)}, {proof}"


def _files(found: Finding, number: int) -> Iterator[str]:
    if found.case is not None:
        names = [f"region{number}.{end}" for end in ("a.onnx", "b.onnx", "npz")]
        links = ", ".join(f'<a href="{name}">{name}</a>' for name in names)
        yield f"to run it by itself: {links}"


def _maps(audit: Audit) -> Iterator[str]:
    if not audit.maps:
        return
    yield f"<h2>What they look at: {escape(audit.method)} maps of the same unit</h2>"
    scale = "; A, B and their difference on one colour scale" if audit.has_one_scale else ""
    yield f'<p class="soft">The least alike first{scale}.</p>'
    for pair, panels in [*audit.drawn_maps()][:_MOST_MAPS]:
        yield '<div class="maps">'
        for title, picture in panels:
            yield (
                f"<figure><figcaption>{escape(title)}</figcaption>"
                f"{_img(np.asarray(enlarge(picture, _SIDE)), title)}</figure>"
            )
        yield "</div>"
        yield (
            f'<p class="soft">{escape(PurePath(pair.name).name)} · {escape(audit.unit_name(pair))} '
            f"· cosine {pair.cosine:.3f} · rank correlation {pair.rank:.3f} · B's map is "
            f"{_strength(pair.strength)}</p>"
        )


def _strength(ratio: float) -> str:
    """How strong a map is beside A's."""
    return "as strong" if abs(ratio - 1) < _AS_STRONG else f"{ratio:.3g} times as strong"


def _img(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], title: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{escape(title, quote=True)}" src="data:image/png;base64,{data}">'


def _layers(audit: Audit) -> Iterator[str]:
    if not audit.layers:
        return
    yield "<h2>Error along the layers</h2>"
    yield (
        '<p class="soft key"><i></i>what a layer is off by itself, given A\'s own activations'
        '<i class="suspect"></i>more than is explained<i class="sum"></i>what has come together '
        "up to there</p>"
    )
    yield error_chart(audit.layers, [audit.layer_names(layer)[0] for layer in audit.layers])
    ranked = audit.ranked_layers()
    shown = [layer for layer in ranked if layer.suspect or layer.own > 0][:_MOST_LAYERS]
    if not shown:
        return
    yield "<h2>Layers by what they lose themselves</h2>"
    yield '<table><tr><th>layer</th><th>in B</th><th class="n">by itself</th>'
    yield '<th class="n">accumulated</th></tr>'
    for layer in shown:
        kind = ' class="bad"' if layer.suspect else ""
        ours, theirs = audit.layer_names(layer)
        yield (
            f"<tr{kind}><td>{escape(ours)}</td><td>{escape(theirs)}</td>"
            f'<td class="n">{amount(layer.own)}</td>'
            f'<td class="n">{amount(layer.accumulated)}</td></tr>'
        )
    yield "</table>"
    others = ranked[len(shown) :]
    if others:
        most = max(layer.own for layer in others)
        loss = f"at most {amount(most)}" if most else "nothing"
        yield f'<p class="soft">The other {len(others)} lose {loss} by themselves.</p>'


def _graphs(audit: Audit) -> Iterator[str]:
    if not audit.rows:
        return
    yield "<h2>Both graphs, paired by values</h2>"
    yield graph_drawing(audit.rows, audit.tolerance)
    alone = [row for row in audit.rows if row.error is None and not row.stands_out]
    counts = sum(row.a is not None for row in alone), sum(row.b is not None for row in alone)
    if any(counts):
        yield (
            f'<p class="soft">Not drawn, as they have no counterpart, such as the insides of '
            f"fusions and of quantisers: {counts[0]} of A's tensors, {counts[1]} of B's.</p>"
        )
    yield f"<details><summary>all {len(audit.rows)} lines as a table</summary>"
    yield '<table><tr><th>A</th><th class="n">off by</th><th>B</th></tr>'
    for row in audit.rows:
        yield _row(row)
    yield "</table></details>"


def _row(row: TensorRow) -> str:
    kind = "bad" if row.stands_out else "" if row.error is not None else "alone"
    error = "" if row.error is None else amount(row.error)
    return (
        f'<tr class="{kind}"><td>{_cell(row.a)}</td><td class="n">{error}</td>'
        f"<td>{_cell(row.b)}</td></tr>"
    )


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f'{escape(cell.label)} <span class="op">{escape(cell.op)}</span>'


def _outputs(audit: Audit) -> Iterator[str]:
    if not audit.outputs:
        return
    yield "<h2>Outputs</h2>"
    yield '<table><tr><th>A</th><th>B</th><th class="n">error</th><th class="n">same top unit</th>'
    yield "</tr>"
    for pair in audit.outputs:
        same = "" if pair.agreeing is None else f"{100 * pair.agreeing:.0f} %"
        yield (
            f"<tr><td>{escape(pair.a)}</td><td>{escape(pair.b)}</td>"
            f'<td class="n">{amount(pair.error)}</td><td class="n">{same}</td></tr>'
        )
    yield "</table>"


def _notes(audit: Audit) -> Iterator[str]:
    if audit.notes:
        yield "<h2>Notes</h2>"
    for note in audit.notes:
        yield f"<p>{escape(spelled(note))}</p>"


def _prose(text: str) -> str:
    """A sentence, what stands in backticks as code."""
    parts = escape(spelled(text)).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
