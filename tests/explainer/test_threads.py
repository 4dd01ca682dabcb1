"""One explainer for many threads and tasks: each answer is the one that it gives alone."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import retrograph as rg
from support.paths import ROOT

SAMPLE = ROOT / "sample_models" / "cifar10_cnn.onnx"
RNG = np.random.default_rng(5)
XS = RNG.random((12, 1, 3, 32, 32), np.float32)
UNITS = [(k % 10,) for k in range(len(XS))]


def alone(explainer: rg.Explainer) -> list[rg.Attribution]:
    return [explainer.attribute(x, unit) for x, unit in zip(XS, UNITS, strict=True)]


def same(found: list[rg.Attribution], wanted: list[rg.Attribution]) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.attribution, other.attribution)
        np.testing.assert_array_equal(one.score, other.score)
        np.testing.assert_array_equal(one.unit, other.unit)
        np.testing.assert_array_equal(one.outputs["scores"], other.outputs["scores"])


@pytest.fixture(scope="module", params=["source", "built"])
def explainer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> rg.Explainer:
    if request.param == "source":
        return rg.Explainer(SAMPLE, select="unit", device="cpu", threads=1)
    file: Path = tmp_path_factory.mktemp("built") / "net.onnx"
    rg.save(rg.build(SAMPLE, select="unit"), file)
    return rg.Explainer(file, device="cpu", threads=1)


def test_threads(explainer: rg.Explainer) -> None:
    wanted = alone(explainer)
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            same(list(pool.map(explainer.attribute, XS, UNITS)), wanted)


def test_asyncio(explainer: rg.Explainer) -> None:
    async def explained() -> list[rg.Attribution]:
        return await asyncio.gather(
            *(asyncio.to_thread(explainer.attribute, x, u) for x, u in zip(XS, UNITS, strict=True))
        )

    same(asyncio.run(explained()), alone(explainer))


def test_records_and_pictures_from_threads(explainer: rg.Explainer) -> None:
    """The first to ask finds out what is the same for all: so each time a new explainer."""
    fresh = rg.Explainer(SAMPLE, select="unit", device="cpu", threads=1)
    wanted = [a.to_dict()["explained"] for a in alone(explainer)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(fresh.attribute, XS, UNITS))
        told = list(pool.map(lambda a: a.to_dict()["explained"], found))
        drawn = list(pool.map(lambda a: np.asarray(a.image()), [found[0]] * 4))
    assert told == wanted
    assert all((picture == drawn[0]).all() for picture in drawn)


def test_a_mistake_of_one_thread_is_its_own(explainer: rg.Explainer) -> None:
    def attempt(unit: tuple[int]) -> object:
        try:
            return explainer.attribute(XS[0], unit).unit.tolist()
        except rg.InputError as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(attempt, [(3,), (99,), (4,), (-1,)] * 4))
    assert found[0::4] == [[[3]]] * 4
    assert found[2::4] == [[[4]]] * 4
    assert all("out of range" in str(each) for each in found[1::2])
