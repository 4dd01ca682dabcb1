"""What a service tells of its models, and which of them answers."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import retrograph as rg
from retrograph.cli import main
from support import nets
from support.asgi import answered, ask, ask_all
from support.serving_case import PIXELS, RNG, SAMPLE, X, attribution, npy, npz, png, record

pytest.importorskip("starlette", reason="needs retrograph[serve]")
pytest.importorskip("prometheus_client", reason="needs retrograph[serve]")
from starlette.applications import Starlette
from starlette.routing import Mount

from retrograph.serving import Service

EXPLAIN = "/v1/explain"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Service:
    built = rg.build(SAMPLE, layer="relu3", select="unit", preprocessing="0-1")
    file = tmp_path_factory.mktemp("built") / "relu3.onnx"
    rg.save(built, file)
    return Service({"net": SAMPLE, "relu3": file}, device="cpu", threads=1)


def test_importing_the_library_imports_no_server() -> None:
    code = "import retrograph, sys; assert not {'starlette', 'prometheus_client'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("missing", ["starlette", "prometheus_client", "uvicorn"])
def test_without_the_extra_it_says_what_is_missing(missing: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
from retrograph.cli import main
sys.exit(main(["serve", "--api", {str(SAMPLE)!r}]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "which is not installed: pip install 'retrograph[serve]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_examples_show_how_pictures_become_the_input(tmp_path: Path) -> None:
    bare = onnx.load(SAMPLE)
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / "net.onnx")
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    service = Service(tmp_path / "net.onnx", device="cpu", examples=[str(tmp_path / "a.png")])
    told = ask(service, "/v1/model").json["default"]["preprocessing"]
    own = rg.find_preprocessing(tmp_path / "net.onnx", [tmp_path / "a.png"])
    assert told["tried"]
    assert (told["name"], told["source"]) == (own.choice.name, own.choice.source)


def test_the_models_are_named(two: Service) -> None:
    assert ask(two, "/v1/models").json["models"] == ["net", "relu3"]
    assert ask(two, EXPLAIN, npy(X)).message == "give model: one of net, relu3"
    assert ask(two, "/v1/model").status == 400
    assert ask(two, "/v1/layers", model="none").status == 404


def test_a_source_model_is_told(two: Service) -> None:
    told = ask(two, "/v1/model", model="net").json
    assert told["inputs"] == [
        {"name": "image", "dtype": "float32", "shape": ["N", 3, 32, 32], "kind": "picture"}
    ]
    assert told["labels"][3] == "cat"
    assert told["default"]["layer"] == "scores"
    assert told["default"]["preprocessing"]["source"] == "stored"
    assert told["sha256"] == rg.Model(SAMPLE).sha256
    assert {*told["methods"]} == {*rg.methods.METHODS}


def test_a_built_graph_that_is_told_its_unit_is_made_ready_without_a_warning(two: Service) -> None:
    assert [two.models[name].warm() for name in ("net", "relu3")] == ["", ""]


def test_a_built_graph_is_told_and_answers(two: Service) -> None:
    told = ask(two, "/v1/model", model="relu3").json
    assert told["built"]
    assert told["methods"] == ["guided"]
    answer = ask(two, EXPLAIN, npy(X), model="relu3", unit="17,4,5", format="npy")
    wanted = rg.explain(SAMPLE, X, (17, 4, 5), layer="relu3", device="cpu").attribution
    np.testing.assert_allclose(attribution(answer), wanted, rtol=1e-4, atol=1e-7)
    other = ask(two, EXPLAIN, npy(X), model="relu3", unit="17,4,5", method="gradient")
    assert other.status == 400


def test_layers_are_those_of_the_command(two: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers", str(SAMPLE), "--json"]) == 0
    assert ask(two, "/v1/layers", model="net").json["layers"] == json.loads(capsys.readouterr().out)


def test_health_and_readiness(two: Service) -> None:
    assert ask(two, "/healthz").json == {"status": "ok"}
    deadline = time.monotonic() + 30
    while (ready := ask(two, "/readyz")).status == 503 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ready.json == {"status": "ready"}


def test_metrics_count(two: Service) -> None:
    ask(two, EXPLAIN, npy(X), model="net", unit=3)
    ask(two, EXPLAIN, b"garbage", model="net", unit=3)
    ask(two, "/nowhere/in/particular")
    text = ask(two, "/metrics").body.decode()
    assert 'retrograph_requests_total{path="/v1/explain",status="200"}' in text
    assert 'retrograph_requests_total{path="/v1/explain",status="400"}' in text
    assert 'retrograph_requests_total{path="other",status="404"} 1.0' in text
    assert "retrograph_waiting 0.0" in text
    assert "retrograph_held_bytes 0.0" in text
    assert "nowhere" not in text


def test_paths_and_verbs(two: Service) -> None:
    assert ask(two, "/v1").status == 404
    refused = ask(two, EXPLAIN)
    assert (refused.status, refused.headers["allow"]) == (405, "POST")
    assert refused.json["error"]["type"] == "Refused"


def test_the_document_names_every_path(two: Service) -> None:
    document = ask(two, "/openapi.json").json
    for path, operations in document["paths"].items():
        for verb in operations:
            answer = ask(two, path, b"" if verb == "post" else None, model="net")
            assert str(answer.status) in operations[verb]["responses"], (path, answer.status)


def test_several_inputs_by_name(tmp_path: Path) -> None:
    nets.save(nets.two_input_net(), tmp_path / "net.onnx")
    service = Service(tmp_path / "net.onnx", device="cpu")
    inputs = rg.Explainer(tmp_path / "net.onnx", device="cpu").inputs
    arrays = {
        spec.name: RNG.random([d if isinstance(d, int) else 1 for d in spec.shape], np.float32)
        for spec in inputs
    }
    wanted = rg.explain(tmp_path / "net.onnx", arrays, 0, device="cpu", wrt=inputs[0].name)
    found = ask(service, EXPLAIN, npz(arrays), unit=0, wrt=inputs[0].name, format="npy")
    np.testing.assert_allclose(attribution(found), wanted.attribution, rtol=1e-5, atol=1e-8)


def test_preprocessing_does_not_depend_on_who_asked_before(tmp_path: Path) -> None:
    bare = onnx.load(SAMPLE)
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / "net.onnx")
    grey = png(np.full((32, 32, 3), 128, np.uint8))
    first, second = (Service(tmp_path / "net.onnx", device="cpu") for _ in "ab")
    ask(first, EXPLAIN, grey, unit=3)
    told = [ask(each, EXPLAIN, png(), unit=3).json["preprocessing"] for each in (first, second)]
    assert told[0] == told[1]
    own = rg.explain(tmp_path / "net.onnx", Image.fromarray(PIXELS), 3, device="cpu").to_dict()[
        "preprocessing"
    ]
    assert told[0]["name"] == own["name"]
    assert told[0]["source"] == own["source"]


@pytest.mark.parametrize(
    ("more", "is_said"),
    [({}, True), ({"preprocessing": "0-1"}, False), ({"examples": ["a.png"]}, False)],
)
def test_that_presets_are_tried_by_picture_is_said_at_the_start(
    more: dict[str, Any],
    is_said: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(png())
    bare = onnx.load(SAMPLE)
    del bare.metadata_props[:]

    async def started() -> None:
        service = Service(bare, device="cpu", **more)
        async with service.lifespan():
            while not service.is_ready:
                await asyncio.sleep(0.01)

    asyncio.run(started())
    assert ("tried on each picture by itself" in caplog.text) is is_said


def test_a_path_says_what_it_takes() -> None:
    answer = ask(Service(SAMPLE, device="cpu"), EXPLAIN)
    assert (answer.status, answer.message) == (
        405,
        "the path takes POST, no GET; see /openapi.json",
    )


def test_preprocessing_that_is_given(tmp_path: Path) -> None:
    service = Service(SAMPLE, device="cpu", preprocessing="0-1")
    asked = ask(service, EXPLAIN, png(), unit=3, preprocessing="imagenet", format="npy")
    wanted = rg.explain(SAMPLE, Image.fromarray(PIXELS), 3, device="cpu", preprocessing="imagenet")
    np.testing.assert_allclose(attribution(asked), wanted.attribution, rtol=1e-4, atol=1e-6)
    assert record(asked)["preprocessing"].startswith("imagenet")


def test_it_is_mounted_in_another_application() -> None:
    outer = Starlette(routes=[Mount("/explain", Service(SAMPLE, device="cpu"))])
    assert ask(outer, "/explain/healthz").json == {"status": "ok"}
    answer = ask(outer, "/explain/v1/explain", npy(X), unit="cat", format="npy")
    assert attribution(answer).shape == (1, 3, 32, 32)


def test_only_a_few_graphs_stay() -> None:
    service = Service(SAMPLE, device="cpu", threads=1, graphs=2)
    layers = ["conv1", "relu1", "conv2", "relu2"] * 2
    answers = ask_all(
        service,
        [{"path": EXPLAIN, "body": npy(X), "layer": layer, "unit": 3} for layer in layers],
    )
    assert [answer.json["layer"] for answer in answers] == layers
    for layer in layers:
        ask(service, EXPLAIN, npy(X), layer=layer, unit=3)
    assert b"retrograph_graphs 2.0" in ask(service, "/metrics").body
    gc.collect()
    explainers = (each for each in gc.get_objects() if isinstance(each, rg.Explainer))
    assert len({each.contract.alias for each in explainers} & {*layers}) == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"models": {}}, "there is no model"),
        ({"models": [SAMPLE, SAMPLE]}, "two models are called 'cifar10_cnn'"),
        ({"models": "none.onnx"}, "none.onnx"),
        ({"models": SAMPLE, "labels": ["a", "b"]}, "names 2 classes and the model has 10"),
        ({"models": SAMPLE, "preprocessing": "none"}, "unknown preprocessing 'none'"),
        ({"models": SAMPLE, "examples": ["none.jpg"]}, "examples has no picture .* none.jpg"),
        ({"models": SAMPLE, "batch": 0}, "batch is 0"),
        ({"models": SAMPLE, "delay": -1}, "delay is -1"),
        ({"models": SAMPLE, "max_batch": 3}, "Service takes no 'max_batch'"),
    ],
)
def test_mistakes_are_met_at_the_start(more: dict[str, object], message: str) -> None:
    with pytest.raises(rg.InputError, match=message):
        Service(**more)  # type: ignore[arg-type]


def test_of_several_models_the_one_that_does_not_fit_is_named(tmp_path: Path) -> None:
    other, labels = tmp_path / "other.onnx", [*map(str, range(10))]
    other.write_bytes(nets.cnn(channels=1).SerializeToString())
    for given in ({"labels": labels}, {"preprocessing": "imagenet"}):
        with pytest.raises(rg.InputError, match=r"^small: "):
            Service({"net": SAMPLE, "small": other}, **given)  # type: ignore[arg-type]


def test_loops_one_after_another(two: Service) -> None:
    for _ in range(2):
        assert asyncio.run(_asked(two)) == 200


async def _asked(service: Service) -> int:
    return (await answered(service, EXPLAIN, npy(X), model="net", unit=3)).status
