"""Files that are made to do harm: a clear line, in bounded time and memory."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

import retrograph
from retrograph.errors import RetrographError
from retrograph.ir.analysis import constant_folding
from support import hostile, hostile_graphs, nets
from support.cli_case import assert_one_line
from support.limited import built, workplace


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return workplace(tmp_path)


# --- work without end --------------------------------------------------------------------------


@pytest.mark.parametrize("name", hostile.BOMBS)
def test_a_bomb_is_never_evaluated(here: Path, name: str) -> None:
    ran = built(here, hostile.BOMBS[name]())
    if ran.code == 2:
        assert_one_line(ran)
    assert ran.code in (0, 2, 3), ran
    if ran.code == 0:
        assert (here / "out.onnx").stat().st_size < 200_000


@pytest.mark.parametrize("name", hostile.BOMBS)
def test_no_bomb_is_even_tried(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the memory happens to suffice, it would be evaluated in silence."""
    tried = []
    monkeypatch.setattr(
        constant_folding, "_run", lambda graph, node, feeds: tried.append(node.name)
    )
    with contextlib.suppress(RetrographError):
        retrograph.build(hostile.BOMBS[name](), method="gradient")
    assert not {"n_big", "n_m0"} & {*tried}


@pytest.mark.parametrize("name", hostile_graphs.FUNCTIONS)
def test_local_functions_without_end(here: Path, name: str) -> None:
    make, what = hostile_graphs.FUNCTIONS[name]
    assert_one_line(built(here, make()), what)


def test_functions_and_bodies_in_measure_are_built(here: Path) -> None:
    assert built(here, hostile_graphs.exponential(5)).code == 0
    (here / "out.onnx").unlink()
    assert built(here, hostile_graphs.nested(6)).code == 0


@pytest.mark.parametrize("name", hostile_graphs.GRAPHS)
def test_a_damaged_graph(here: Path, name: str) -> None:
    make, what = hostile_graphs.GRAPHS[name]
    assert_one_line(built(here, make()), what)


def test_what_is_no_model(here: Path) -> None:
    rng = np.random.default_rng(0)
    whole = nets.cnn().SerializeToString()
    for raw in (
        b"",
        b"name: 'net'\nnode { op_type: 'Relu' }\n",
        b"x" * 100_000,
        rng.bytes(1000),
        rng.bytes(100_000),
        whole[: len(whole) // 2],
        whole[:-1000],
        hostile_graphs.nested_bytes(10),
        hostile_graphs.nested_bytes(50_000),
    ):
        assert_one_line(built(here, raw), "export")


# --- sparse weights ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", hostile_graphs.SPARSE)
def test_sparse_weights_that_do_not_fit(here: Path, name: str) -> None:
    assert_one_line(built(here, hostile_graphs.sparse_net(hostile_graphs.SPARSE[name])), "'w'")


def test_sparse_weights_that_do_not_fit_in_a_body(here: Path) -> None:
    model = hostile_graphs.nested(1)
    body = model.graph.node[0].attribute[0].g
    body.sparse_initializer.append(hostile_graphs.SPARSE["past the end"])
    assert_one_line(built(here, model), "'w'")


def test_an_old_form_without_its_attributes_is_said() -> None:
    nodes = [nets.node("Conv", "x w", "c"), nets.node("Slice", "c w w", "y")]
    ends = [nets.info("x", [1, 3, 8, 8])], [nets.info("y", [1, 4, 6, 6])]
    model = nets.model(nodes, *ends, {"w": nets.weights(4, 3, 3, 3)}, opset=9)
    with pytest.raises(RetrographError, match="has no attribute starts"):
        retrograph.explain(model, np.zeros((1, 3, 8, 8), np.float32))
