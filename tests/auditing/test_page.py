"""What an audit's page draws: both graphs, the error along the layers, maps on one scale."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from retrograph.auditing import amount
from retrograph.auditing.chart import error_chart
from retrograph.auditing.graphs import graph_drawing
from retrograph.auditing.network import Network
from retrograph.auditing.page import audit_page
from retrograph.auditing.precision import LayerError
from retrograph.auditing.table_rows import Cell, TensorRow
from retrograph.model import opened
from retrograph.render.colour import scale_of
from support.audit_case import NETS, SIZE, inputs
from support.faults import FAULTS, Editor, with_fault
from support.nets import info


@pytest.fixture(scope="module")
def broken() -> rg.Audit:
    """A kernel in the middle flipped, on three pictures."""
    fault = next(fault for fault in FAULTS if fault.name == "kernel flipped")
    rng = np.random.default_rng(5)
    pictures = [Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)) for _ in range(3)]
    clean = NETS["plain"]()
    return rg.audit(clean, with_fault(clean, fault, 2), pictures, preprocessing="0-1")


@pytest.mark.parametrize(
    ("error", "text"),
    [(0.0, "0"), (2.4e-7, "2e-07"), (0.0013, "0.13 %"), (0.8, "80 %"), (12.5, "1,250 %")],
)
def test_an_error_is_said_in_percent_where_it_is_seen(error: float, text: str) -> None:
    assert amount(error) == text


def test_the_page_asks_for_nothing_and_has_a_light_and_a_dark_face(broken: rg.Audit) -> None:
    page = audit_page(broken)
    assert re.findall(r'(?:src|href)="(?!data:|region1\.)', page) == []
    assert "@import" not in page
    assert "url(" not in page
    assert "prefers-color-scheme:dark" in page
    assert "<script" not in page


def test_verdict_and_sentence_stand_before_all_else(broken: rg.Audit) -> None:
    page = audit_page(broken)
    said = ("computes differently", "B first parts", "Where they part", "What they look at")
    places = [page.index(text) for text in (*said, "Error along", "Both graphs", "<h2>Outputs")]
    assert places == sorted(places)
    assert page.index(">B</figcaption>") < page.index("Error along the layers")


def test_maps_of_a_picture_have_one_scale(broken: rg.Audit) -> None:
    pair, panels = next(broken.drawn_maps("signed"))
    drawn = {title: np.asarray(picture, np.float64) for title, picture in panels}
    scale = max(scale_of(pair.a), scale_of(pair.b))
    for name, values in (("A", pair.a), ("B", pair.b), ("B - A", pair.b - pair.a)):
        wanted = 128 + 127 * np.clip(values / scale, -1, 1)
        np.testing.assert_allclose(drawn[name], wanted.transpose(1, 2, 0), atol=0.51)


def test_the_region_is_marked_in_both_graphs(broken: rg.Audit) -> None:
    drawing = _drawn(graph_drawing(broken.rows, broken.tolerance))
    marked = [group for group in drawing.iter("g") if group.attrib["class"] == "box bad"]
    assert [group.findtext("title") for group in marked] == ["a2", "a2"]
    links = [each.attrib["class"] for each in drawing.iter("line")]
    assert links == ["link equal"] * 2 + ["link bad"] + ["link off"] * (len(links) - 3)


def _drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def _row(place: int, reads: tuple[int, ...], **how: bool) -> TensorRow:
    cell = Cell(f"t{place}", f"t{place}", "Relu", tuple(f"t{each}" for each in reads))
    return TensorRow(cell, cell, 1e-7, **how)


def test_long_runs_of_equal_pairs_are_one_line() -> None:
    rows = [_row(i, (i - 1,) if i else (), suspect=i == 30) for i in range(60)]
    texts = [text.text or "" for text in _drawn(graph_drawing(rows, 3e-5)).iter("text")]
    folded = [text for text in texts if "pairs" in text]
    assert folded == ["⋮ 27 pairs, equal to 1e-07 ⋮", "⋮ 26 pairs, equal to 1e-07 ⋮"]
    assert texts.count("t30") == 2
    assert "t20" not in texts


def test_a_skip_goes_around_what_lies_between() -> None:
    rows = [_row(0, ()), _row(1, (0,)), _row(2, (1, 0))]
    paths = [path.attrib["d"] for path in _drawn(graph_drawing(rows, 3e-5)).iter("path")]
    assert sum("C" in path for path in paths) == 2  # one in each graph
    assert sum("V" in path for path in paths) == 4


def test_the_inside_of_a_fusion_is_stepped_over() -> None:
    inner = TensorRow(Cell("t1", "t1", "Add", ("t0",)), None)
    rows = [_row(0, ()), inner, TensorRow(_row(2, (1,)).a, _row(2, (0,)).b, 0.0)]
    drawing = _drawn(graph_drawing(rows, 3e-5))
    assert len([*drawing.iter("path")]) == 2
    assert "t1" not in [text.text for text in drawing.iter("text")]


def test_the_chart_names_the_layer_that_loses_the_most() -> None:
    layers = [LayerError(f"a{i}", f"b{i}", 1e-3, 1e-2) for i in range(9)]
    layers[4] = LayerError("a4", "b4", 0.5, 0.6, suspect=True)
    drawing = _drawn(error_chart(layers, [layer.a for layer in layers]))
    bars = [bar for bar in drawing.iter("rect") if bar.attrib["class"] == "suspect"]
    assert len(bars) == 1
    assert "50 % by itself, 60 % accumulated" in (bars[0].findtext("title") or "")
    names = [text.text for text in drawing.iter("text") if "name" in text.attrib.get("class", "")]
    assert names[0] == "a4"
    tops = {bar.findtext("title"): float(bar.attrib["y"]) for bar in drawing.iter("rect")}
    assert min(tops, key=lambda name: tops[name]).startswith("a4")


def test_how_strong_a_map_is_beside_the_other_is_said() -> None:
    clean = NETS["plain"]()
    editor = Editor(clean)
    for name in ("w4", "b4"):
        value = editor.constant(name)
        assert value is not None
        editor.set_constant(name, 3 * value)
    found = rg.audit(clean, editor.model, inputs())
    assert [pair.strength for pair in found.maps] == pytest.approx([3, 3, 3], rel=1e-4)
    assert "B's map is 3 times as strong" in audit_page(found)
    assert "B's map is as strong<" in audit_page(rg.audit(clean, clean, inputs()))


def test_where_no_output_has_the_size_of_another_there_is_no_empty_table() -> None:
    model = NETS["plain"]()
    cut = Editor(NETS["plain"]())
    cut.graph.output[0].CopyFrom(info("r3", None))
    page = audit_page(rg.audit(model, cut.model, inputs(), method=None))
    assert "No output of B has the size of one of A" in page
    assert "<h2>Outputs</h2>" not in page


def test_a_name_that_a_converter_joined_of_many_does_not_fill_the_sentence() -> None:
    network = Editor(NETS["plain"]())
    network.graph.node[0].name = long = ";".join(f"stage/block_{k}/BiasAdd" for k in range(9))
    label = Network(opened(network.model)).label("a1")
    assert label == f"conv1 (`{long[:57]}...`)"
