"""An audit as a page that opens from disk: one file, no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from html import escape

import numpy as np
from PIL import Image

from retrograph.auditing.chart import error_chart
from retrograph.auditing.result import Audit
from retrograph.auditing.table_rows import Cell, TensorRow
from retrograph.errors import spelled
from retrograph.render.page import enlarge

_SIDE = 200
_MOST_MAPS = 24
_MOST_LAYERS = 40
_STYLE = """
:root{color-scheme:light;--ink:#1c2330;--soft:#5b6675;--line:#dde2e9;--bad:#c4302b;--good:#1d7a46}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);margin:0 auto;max-width:1080px;
padding:28px}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:34px 0 8px}p{margin:6px 0}
.files,.soft,figcaption{color:var(--soft)}.verdict{display:inline-block;padding:3px 12px;color:#fff;
border-radius:14px;background:var(--good);font-weight:600}.verdict.bad{background:var(--bad)}
.verdict.less{background:#a86a00}.sentence{font-size:17px;margin:14px 0}
table{border-collapse:collapse;width:100%;font-size:14px}th{text-align:left;color:var(--soft);
font-weight:500}td,th{padding:3px 10px 3px 0;border-bottom:1px solid var(--line);
overflow-wrap:anywhere}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}
tr.region td{background:#fbe9e8}tr.region td:first-child{border-left:4px solid var(--bad);
padding-left:8px}tr.alone td{color:var(--soft)}.op{color:var(--soft);font-size:12px}
.maps{display:grid;grid-template-columns:repeat(4,1fr);gap:6px 14px;margin:14px 0}
figure{margin:0}img{width:100%;image-rendering:pixelated;border:1px solid var(--line)}
svg{width:100%;height:auto}
.scroll{max-height:560px;overflow:auto;border:1px solid var(--line);padding:0 10px}
"""


def audit_page(audit: Audit) -> str:
    """The page: verdict, sentence, maps, errors along the layers, both graphs side by side."""
    sections: Sequence[Callable[[Audit], Iterator[str]]] = (
        _head,
        _regions,
        _outputs,
        _maps,
        _layers,
        _graphs,
        _notes,
    )
    body = "\n".join(part for section in sections for part in section(audit))
    title = escape(audit.summary())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _head(audit: Audit) -> Iterator[str]:
    kind = "bad" if audit.verdict.severity > 1 else "less" if audit.verdict.severity else ""
    yield f"<h1>Is <code>{escape(audit.b)}</code> still <code>{escape(audit.a)}</code>?</h1>"
    yield f'<p><span class="verdict {kind}">{escape(audit.says)}</span></p>'
    yield f'<p class="sentence">{_prose(audit.sentence)}</p>'
    equal = len({pair.a for pair in audit.pairs})
    yield (
        f'<p class="soft">{len(audit.inputs)} inputs · {equal} of {audit.points[0]} compared '
        f"tensors of A have an equal one among {audit.points[1]} of B · outputs are equal up to "
        f"{audit.tolerance:.1e}</p>"
    )


def _regions(audit: Audit) -> Iterator[str]:
    if audit.findings:
        yield "<h2>Where they part</h2>"
    for number, found in enumerate(audit.findings, 1):
        region = found.region
        ops = " → ".join(
            escape(" ".join(name for name in names)) or "nothing"
            for names in (region.a_tensors, region.b_tensors)
        )
        proof = "proved by repair" if region.is_proved else "not proved by repair"
        yield (
            f"<p><b>{number}. {_prose(found.label_b)}</b>: "
            f"{'; '.join(_prose(cause.text) for cause in found.causes) or 'no cause is named'}."
            f'<br><span class="soft">{ops} · {proof} · what comes out is off by '
            f"{region.local_error:.1e}{_files(audit, number)}</span></p>"
        )


def _files(audit: Audit, number: int) -> str:
    if audit.findings[number - 1].case is None:
        return ""
    names = [f"region{number}.{end}" for end in ("a.onnx", "b.onnx", "npz")]
    return " · by itself: " + ", ".join(f'<a href="{name}">{name}</a>' for name in names)


def _outputs(audit: Audit) -> Iterator[str]:
    yield "<h2>Outputs</h2><table><tr><th>A</th><th>B</th><th>relative error</th>"
    yield "<th>same top unit</th></tr>"
    for pair in audit.outputs:
        same = "" if pair.agreeing is None else f"{100 * pair.agreeing:.0f} %"
        yield (
            f"<tr><td>{escape(pair.a)}</td><td>{escape(pair.b)}</td>"
            f'<td class="n">{pair.error:.1e}</td><td class="n">{same}</td></tr>'
        )
    yield "</table>"


def _maps(audit: Audit) -> Iterator[str]:
    drawn = [*audit.drawn_maps()][:_MOST_MAPS]
    if not audit.maps:
        return
    yield f"<h2>What they look at: {escape(audit.method)} maps of the same unit</h2>"
    yield (
        f'<p class="soft">mean cosine {audit.cosine:.3f}, the least alike first; each on its '
        "own scale</p>"
    )
    for pair, panels in drawn:
        yield '<div class="maps">'
        for title, picture in panels:
            yield (
                f"<figure>{_img(np.asarray(enlarge(picture, _SIDE)), title)}"
                f"<figcaption>{escape(title)}</figcaption></figure>"
            )
        yield "</div>"
        yield (
            f'<p class="soft">{escape(pair.name)} · {escape(audit.unit_name(pair))} · cosine '
            f"{pair.cosine:.4f} · rank correlation {pair.rank:.4f}</p>"
        )


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
        '<p class="soft">Bars: what a layer is off by itself, given A\'s own activations. Line: '
        "what has come together up to there.</p>"
    )
    yield error_chart(audit.layers, [layer.b for layer in audit.layers])
    yield "<h2>Layers by what they lose themselves</h2>"
    yield "<table><tr><th>layer of B</th><th>by itself</th><th>accumulated</th></tr>"
    for layer in audit.ranked_layers()[:_MOST_LAYERS]:
        kind = ' class="region"' if layer.suspect else ""
        yield (
            f'<tr{kind}><td>{escape(layer.b)}</td><td class="n">{layer.own:.1e}</td>'
            f'<td class="n">{layer.accumulated:.1e}</td></tr>'
        )
    yield "</table>"


def _graphs(audit: Audit) -> Iterator[str]:
    yield "<h2>Both graphs, paired by values</h2>"
    yield '<div class="scroll"><table><tr><th>A</th><th>equal to</th><th>B</th></tr>'
    for row in audit.rows:
        yield _row(row)
    yield "</table></div>"


def _row(row: TensorRow) -> str:
    kind = "region" if row.in_region else "" if row.error is not None else "alone"
    error = "" if row.error is None else f"{row.error:.0e}"
    return (
        f'<tr class="{kind}"><td>{_cell(row.a)}</td><td class="n">{error}</td>'
        f"<td>{_cell(row.b)}</td></tr>"
    )


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f'{escape(cell.label)} <span class="op">{escape(cell.op)}</span>'


def _notes(audit: Audit) -> Iterator[str]:
    if audit.notes:
        yield "<h2>Notes</h2>"
    for note in audit.notes:
        yield f"<p>{escape(spelled(note))}</p>"


def _prose(text: str) -> str:
    """A sentence, what stands in backticks as code."""
    parts = escape(spelled(text)).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
