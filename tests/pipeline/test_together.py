"""Single inputs in one run: what each gets is what it gets alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from time import sleep

import numpy as np
import onnx
import pytest
from PIL import Image

import retrograph as rg
from retrograph.model import Model
from retrograph.pipeline.cache import Cache, SessionCache
from retrograph.pipeline.settings import ExplainSettings, Question, Running
from retrograph.pipeline.together import ReadInput, explain_together, read_input
from support import nets
from support.paths import ROOT

SAMPLE = ROOT / "sample_models" / "cifar10_cnn.onnx"
RNG = np.random.default_rng(3)
PICTURES = [RNG.integers(0, 256, (40, 48, 3), np.uint8) for _ in range(4)]


def asked(unit: object = None, layer: str | None = None, top: int = 1) -> ExplainSettings:
    question = Question(unit=unit, layer=layer, top=top)  # type: ignore[arg-type]
    return ExplainSettings(question, running=Running("cpu", 1), batch=8)


def read(sessions: SessionCache, model: Model, units: Sequence[object]) -> list[ReadInput]:
    return [
        read_input(sessions.open(model, asked(unit, "relu3")), picture)
        for unit, picture in zip(units, PICTURES, strict=False)
    ]


@pytest.mark.parametrize("units", [[None] * 4, [17, 18, 17, 3], [(17, 4, 5), (0, 0, 0), (1, 2, 3)]])
def test_each_has_its_own_answer(units: list[object]) -> None:
    model, sessions = Model(SAMPLE), SessionCache()
    inputs = read(sessions, model, units)
    assert len({each.run_key for each in inputs}) == 1
    assert sessions.sessions.made == 1
    for unit, picture, found in zip(units, PICTURES, explain_together(inputs), strict=False):
        expected = rg.explain(model, picture, unit, layer="relu3", device="cpu", threads=1)  # type: ignore[arg-type]
        assert isinstance(found, rg.Attribution)
        np.testing.assert_array_equal(found.unit, expected.unit)
        np.testing.assert_allclose(found.attribution, expected.attribution, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)
        assert (
            found.to_dict()["explained"][0]["units"][0]["name"]
            == (expected.to_dict()["explained"][0]["units"][0]["name"])
        )
        assert found.arrays()["input"].shape == (1, 3, 32, 32)


def test_one_that_gives_no_numbers_fails_alone() -> None:
    model, sessions = Model(SAMPLE), SessionCache()
    x = np.full((3, 32, 32), 3e38, np.float32)
    inputs = [read_input(sessions.open(model, asked(3)), each) for each in (PICTURES[0], x)]
    good, bad = explain_together(inputs)
    assert isinstance(good, rg.Attribution)
    assert isinstance(bad, rg.InputError)
    assert "check the preprocessing" in str(bad)


def test_a_unit_that_is_out_of_range_fails_alone(tmp_path: Path) -> None:
    nets.save(nets.cnn(size="S"), tmp_path / "net.onnx")
    model, sessions = Model(tmp_path / "net.onnx"), SessionCache()
    x = RNG.standard_normal((3, 8, 8)).astype(np.float32)
    inputs = [
        read_input(sessions.open(model, asked(unit, "relu1")), x)
        for unit in ((0, 3, 3), (0, 50, 3), (1, 2, 2))
    ]
    assert len({each.run_key for each in inputs}) == 1
    first, bad, last = explain_together(inputs)
    assert isinstance(bad, rg.InputError)
    assert "out of range" in str(bad)
    for unit, found in (((0, 3, 3), first), ((1, 2, 2), last)):
        assert isinstance(found, rg.Attribution)
        wanted = rg.explain(model, x, unit, layer="relu1", device="cpu").attribution
        np.testing.assert_allclose(found.attribution, wanted, rtol=1e-5, atol=1e-8)


def test_what_cannot_share_a_run_is_run_by_itself() -> None:
    model, sessions = Model(SAMPLE), SessionCache()
    (several,) = read(sessions, model, ["3;5"])
    batch = read_input(sessions.open(model, asked(3)), np.zeros((2, 3, 32, 32), np.float32))
    assert several.run_key is None
    assert batch.run_key is None
    (found,) = explain_together([several])
    assert isinstance(found, rg.Attribution)
    assert found.score.shape == (1, 2)


def test_a_batch_of_a_fixed_size_is_filled(tmp_path: Path) -> None:
    nets.save(nets.cnn(batch=3), tmp_path / "net.onnx")
    model, sessions = Model(tmp_path / "net.onnx"), SessionCache()
    x = RNG.standard_normal((2, 3, 8, 8)).astype(np.float32)
    inputs = [
        read_input(sessions.open(model, asked(unit)), row)
        for unit, row in zip((1, 2), x, strict=True)
    ]
    assert inputs[0].most_together == 3
    for unit, row, found in zip((1, 2), x, explain_together(inputs), strict=True):
        expected = rg.explain(model, row, unit, device="cpu")
        assert isinstance(found, rg.Attribution)
        np.testing.assert_allclose(found.attribution, expected.attribution, rtol=1e-5, atol=1e-8)


def test_the_bytes_of_a_file_are_a_picture() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PICTURES[0]).save(buffer, "PNG")
    found = rg.explain(SAMPLE, buffer.getvalue(), 3, device="cpu")
    expected = rg.explain(SAMPLE, Image.fromarray(PICTURES[0]), 3, device="cpu")
    np.testing.assert_array_equal(found.attribution, expected.attribution)
    with pytest.raises(rg.InputError, match="is no picture that can be read"):
        rg.explain(SAMPLE, b"no picture", 3, device="cpu")


def test_a_record_spells_parameters() -> None:
    bare = onnx.load(SAMPLE)
    del bare.metadata_props[:]
    record = rg.explain(bare, PICTURES[0], 3, device="cpu").to_dict()["preprocessing"]
    assert "give preprocessing, or more pictures, to be sure" in record["note"]


def test_several_methods_are_refused() -> None:
    with pytest.raises(rg.InputError, match="method is one method, not 'guided,gradient'"):
        rg.explain(SAMPLE, PICTURES[0], method="guided,gradient", device="cpu")


def test_threads_that_want_the_same_make_it_once() -> None:
    cache, start = Cache(4), Barrier(8)
    made: list[int] = []

    def make() -> object:
        made.append(1)
        sleep(0.05)
        return object()

    def get(key: int) -> object:
        start.wait()
        return cache.get(key % 2, make)

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(get, range(8)))
    assert len(made) == 2
    assert len(set(map(id, values))) == 2


def test_what_cannot_be_made_is_tried_again() -> None:
    cache = Cache(1)

    def fails() -> object:
        raise rg.InputError("not now")

    with pytest.raises(rg.InputError):
        cache.get(1, fails)
    assert cache.get(1, lambda: 5) == 5


def test_threads_explain_with_different_units_and_layers() -> None:
    model = Model(SAMPLE)
    x = RNG.random((1, 3, 32, 32), np.float32)
    questions = [(unit, layer) for unit in (1, 5) for layer in ("relu1", "relu2", "relu3")] * 2

    def explained(question: tuple[int, str]) -> np.ndarray:
        return rg.explain(model, x, question[0], layer=question[1], device="cpu").attribution

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(explained, questions))
    for question, attribution in zip(questions, found, strict=True):
        np.testing.assert_array_equal(attribution, explained(question))
