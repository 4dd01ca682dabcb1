"""Exported graphs in a Triton server: its answers are those of Python, and meet the cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, external_data_helper

import retrograph
from case_files import case_folders, largest_difference, read_array, read_case
from support.conformance import shared_cases
from support.graphs import Array, runner
from support.nets import cnn
from support.paths import SAMPLE_MODELS
from support.triton import Triton, needs_triton, serving

pytestmark = [needs_triton, pytest.mark.slow]

PROTOCOLS = ("http", "grpc")
REQUESTS = 64
SAME = 1e-5


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return case_folders(shared_cases(tmp_path_factory), "graphs")


@pytest.fixture(scope="module")
def sample() -> ModelProto:
    return retrograph.build(SAMPLE_MODELS / "cifar10_cnn.onnx", select="unit")


@pytest.fixture(scope="module")
def opened() -> ModelProto:
    return retrograph.build(cnn(batch=1), open_batch=True)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    cases: list[Path],
    sample: ModelProto,
    opened: ModelProto,
) -> Iterator[Triton]:
    """A server of all cases, of the sample with its weights apart, and of an opened batch."""
    work, repository = (tmp_path_factory.mktemp(name) for name in ("triton", "models"))
    for folder in cases:
        retrograph.export(folder / read_case(folder)["model"], repository, name=folder.name)
    apart = work / "sample.onnx"
    twin = ModelProto()
    twin.CopyFrom(sample)
    external_data_helper.convert_model_to_external_data(twin, location="weights", size_threshold=99)
    onnx.save(twin, apart)
    retrograph.export(apart, repository, instances=2)
    retrograph.export(opened, repository, name="opened")
    assert (repository / "sample" / "1" / "model.onnx.data").stat().st_size > 10**6
    with serving(repository, work) as running:
        yield running


def pictures(count: int, *shape: int) -> Array:
    return np.random.default_rng(2).random((count, *shape)).astype(np.float32)


def test_every_case_is_met(
    server: Triton, cases: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    requests, wanted = [], []
    for folder in cases:
        case = read_case(folder)
        feeds = {each["name"]: read_array(folder, each) for each in case["inputs"]}
        requests += [(protocol, folder.name, feeds) for protocol in PROTOCOLS]
        wanted += [(folder, case)] * len(PROTOCOLS)
    lines = []
    for (folder, case), (protocol, *_), answer in zip(
        wanted, requests, server.ask(requests), strict=True
    ):
        farthest = 0.0
        served = [output for output in case["outputs"] if output["shape"]]
        assert [*answer] == [output["name"] for output in served]
        for output in served:
            expected = read_array(folder, output)
            found = answer[output["name"]]
            assert found.size == expected.size, (folder.name, output["name"])
            assert found.dtype.name == output["dtype"], (folder.name, output["name"])
            if expected.ndim > 1 or found.shape != (len(expected), 1):
                assert found.shape == expected.shape, (folder.name, output["name"])
            difference = largest_difference(found.reshape(expected.shape), expected)
            assert difference <= output["tolerance"], (folder.name, output["name"])
            farthest = max(farthest, difference)
        lines.append(f"{folder.name:28} {protocol}  {farthest:.1e}")
    with capsys.disabled():
        print("", *lines, sep="\n")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_requests_at_once_share_runs_and_get_their_own_answers(
    server: Triton, sample: ModelProto, protocol: str
) -> None:
    x, alone = pictures(REQUESTS, 3, 32, 32), runner(sample)
    units = np.arange(REQUESTS).reshape(-1, 1) % 10
    before = counts(server, "sample")
    feeds = [{"image": x[i : i + 1], "select": units[i : i + 1]} for i in range(REQUESTS)]
    answers = server.ask([(protocol, "sample", each) for each in feeds])
    for each, answer in zip(feeds, answers, strict=True):
        for name, wanted in alone(**each).items():
            found = answer[name].reshape(wanted.shape)
            assert largest_difference(found, wanted) <= SAME, name
    items, runs = counts(server, "sample") - before
    assert items == REQUESTS
    assert runs < items


def counts(server: Triton, model: str) -> Array:
    """How many items a model has answered, and in how many runs."""
    (stats,) = server.get(f"models/{model}/stats")["model_stats"]
    return np.array([stats["inference_count"], stats["execution_count"]])


def test_an_opened_batch_answers_for_each_item(server: Triton, opened: ModelProto) -> None:
    x, alone = pictures(5, 3, 8, 8), runner(opened)
    (answer,) = server.ask([("http", "opened", {"x": x})])
    for row in range(5):
        for name, wanted in alone(x[row : row + 1]).items():
            found = answer[name][row].reshape(wanted[0].shape)
            assert largest_difference(found, wanted[0]) <= SAME, name


def test_the_server_tells_the_contract(server: Triton, sample: ModelProto) -> None:
    parameters = server.get("models/sample/config")["parameters"]
    told = {key: value["string_value"] for key, value in parameters.items()}
    written = {p.key: p.value for p in sample.metadata_props if p.key.startswith("retrograph.")}
    assert written.items() <= told.items()
    assert server.get("models/sample")["inputs"] == [
        {"name": "image", "datatype": "FP32", "shape": [-1, 3, 32, 32]},
        {"name": "select", "datatype": "INT64", "shape": [-1, 1]},
    ]
