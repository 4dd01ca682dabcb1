"""The release of ONNX Runtime that a graph needs: stated, and asked for in one line."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
from onnx import ModelProto

import retrograph
from retrograph import Explainer
from retrograph.errors import DeviceError
from retrograph.ir.graph import opset_of
from retrograph.ir.io.runtime_releases import LOWEST, need
from support.graphs import SMALL_NET, parse

WRITTEN = """<ir_version: 10, opset_import: ["" : 24]>
g (float[N,2,4] x, float[N,2,1] u) => (float[N,2,4] y) { y = TensorScatter(x, u) }"""
BENT = """<ir_version: 10, opset_import: ["" : 20]>
g (float[N,3] x, bool c) => (float[N,3] y) {
  y = If (c) <
    then_branch = t () => (float[N,3] a) { a = DeformConv(x, w, o) },
    else_branch = e () => (float[N,3] b) { b = Relu(x) }>
}"""


def plain(opset: int, ir_version: int) -> ModelProto:
    head = f'<ir_version: {ir_version}, opset_import: ["" : {opset}]>'
    return onnx.parser.parse_model(f"{head} g (float[N,3] x) => (float[N,3] y) {{ y = Relu(x) }}")


@pytest.mark.parametrize(
    ("opset", "ir_version", "release"),
    [
        (7, 3, "1.20"),
        (21, 10, "1.20"),
        (22, 10, "1.21"),
        (23, 10, "1.23"),
        (24, 10, "1.24"),
        (25, 10, "1.24"),
        (26, 10, "1.25"),
        (27, 10, "1.32"),
        (28, 10, "1.32"),
        (13, 11, "1.23"),
        (13, 12, "1.24"),
        (13, 13, "1.24"),
        (13, 14, "1.32"),
        (26, 11, "1.25"),
    ],
)
def test_the_newest_of_what_a_file_has_decides(opset: int, ir_version: int, release: str) -> None:
    assert need(plain(opset, ir_version)).text == release


@pytest.mark.parametrize(("text", "op"), [(WRITTEN, "TensorScatter"), (BENT, "DeformConv")])
def test_operators_without_a_kernel_decide_too_inside_bodies(text: str, op: str) -> None:
    found = need(onnx.parser.parse_model(text))
    assert (found.text, found.reason) == ("1.25", f"operator {op}")


@pytest.mark.parametrize(
    ("pool", "sizes", "release"),
    [
        ("MaxPool<kernel_shape=[2,2], strides=[2,2], pads=[0,0,1,0], ceil_mode=1>", "H,9", "1.21"),
        ("AveragePool<kernel_shape=[1,1], strides=[1,2], ceil_mode=1>", "9,W", "1.21"),
        ("LpPool<kernel_shape=[3,3], strides=[3,3], pads=[0,0,1,1], ceil_mode=1>", "H,W", "1.21"),
        ("MaxPool<kernel_shape=[2,2], strides=[2,2], pads=[1,1,1,1], ceil_mode=1>", "9,9", "1.20"),
        ("MaxPool<kernel_shape=[2,2], strides=[2,2], pads=[1,1,1,1]>", "H,W", "1.20"),
        ("MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1>", "H,W", "1.20"),
        ("MaxPool<kernel_shape=[2,2], strides=[3,3], dilations=[2,2], ceil_mode=1>", "H,W", "1.20"),
    ],
)
def test_pools_of_open_size_whose_last_window_may_read_nothing(
    pool: str, sizes: str, release: str
) -> None:
    head = f'<ir_version: 8, opset_import: ["" : 18]> g (float[N,2,{sizes}] x)'
    model = onnx.parser.parse_model(f"{head} => (float[N,2,A,B] y) {{ y = {pool}(x) }}")
    assert need(retrograph.build(model, method="gradient", layer="y")).text == release


def test_an_operator_of_that_name_in_another_domain_is_another() -> None:
    model = plain(20, 8)
    model.graph.node[0].op_type, model.graph.node[0].domain = "Swish", "mine"
    assert need(model).release == LOWEST


def test_a_built_graph_says_what_it_needs() -> None:
    built = retrograph.build(parse(SMALL_NET))
    stated = {p.key: p.value for p in built.metadata_props}["retrograph.onnxruntime"]
    assert stated == need(built).text


@pytest.mark.parametrize("first", [False, True], ids=["a source", "a built graph"])
def test_an_older_runtime_is_refused_in_one_line(
    first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = retrograph.build(parse(SMALL_NET))
    built.ir_version = 11
    source = parse(SMALL_NET)
    source.ir_version = 11
    monkeypatch.setattr(onnxruntime, "__version__", "1.21.1")
    with pytest.raises(DeviceError) as caught:
        Explainer(built if first else source)
    assert str(caught.value) == (
        "the graph needs ONNX Runtime 1.23 or later (IR version 11), and 1.21.1 is installed; "
        "update it, or write the model with a lower ir_version"
    )


def test_what_a_file_states_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    built = retrograph.build(parse(SMALL_NET))
    for one in built.metadata_props:
        if one.key == "retrograph.onnxruntime":
            one.value = "1.31"
    monkeypatch.setattr(onnxruntime, "__version__", "1.30.0")
    with pytest.raises(DeviceError, match=r"1\.31 or later \(its metadata say so\), and 1\.30\.0"):
        Explainer(built)


def test_files_that_say_nothing_are_read_as_before() -> None:
    built = retrograph.build(parse(SMALL_NET))
    kept = [p for p in built.metadata_props if p.key != "retrograph.onnxruntime"]
    del built.metadata_props[:]
    built.metadata_props.extend(kept)
    assert Explainer(built).contract.onnxruntime == ""


@pytest.mark.parametrize(
    ("attributes", "opset", "built"),
    [
        ("count_include_pad=1, ceil_mode=1", 22, 19),
        ("count_include_pad=1, ceil_mode=1", 18, 18),
        ("count_include_pad=1", 22, 18),
        ("ceil_mode=1", 22, 18),
    ],
)
def test_counted_padding_of_windows_that_hang_over_keeps_its_opset(
    attributes: str, opset: int, built: int
) -> None:
    head = f'<ir_version: 8, opset_import: ["" : {opset}]> g (float[N,2,6,8] x)'
    pool = f"AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], strides=[2,2], {attributes}>(x)"
    model = onnx.parser.parse_model(f"{head} => (float[N,2,A,B] y) {{ y = {pool} }}")
    assert opset_of(retrograph.build(model, method="gradient", layer="y")) == built
