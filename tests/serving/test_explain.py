"""POST /v1/explain: the answer is that of `retrograph.explain`, whatever the form of either."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from support import nets
from support.asgi import ask, ask_all
from support.paths import ROOT
from support.serving_case import PIXELS, RNG, SAMPLE, X, attribution, jsoned, npy, npz, png, record

pytest.importorskip("starlette", reason="needs retrograph[serve]")
pytest.importorskip("prometheus_client", reason="needs retrograph[serve]")
from retrograph.results.record import explained_dict
from retrograph.serving import Service
from retrograph.serving.spelling import in_service

EXPLAIN = "/v1/explain"


@pytest.fixture(scope="module")
def service() -> Service:
    return Service(SAMPLE, device="cpu", threads=1)


def expected(x: Any, unit: Any = None, **more: Any) -> rg.Attribution:
    return rg.explain(SAMPLE, x, unit, device="cpu", threads=1, **more)


def close(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6 * np.abs(wanted).max())


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("unit", "more"),
    [
        ("", {}),
        ("cat", {}),
        ("3", {"method": "gradient"}),
        ("17", {"layer": "relu3"}),
        ("17,4,5", {"layer": "relu3"}),
        ("cat,dog", {}),
        ("cat-dog", {}),
        ("", {"top": 3}),
        ("", {"layer": "relu2", "top": 2}),
        ("5", {"outputs": False}),
    ],
)
def test_it_is_what_explain_gives(service: Service, unit: str, more: dict[str, Any]) -> None:
    wanted = expected(X, unit or None, **more)
    asked = {"unit": unit} if unit else {}
    asked |= {name: str(value).lower() for name, value in more.items()}
    found = ask(service, EXPLAIN, npy(X), format="npy", **asked)
    close(attribution(found), wanted.attribution)
    assert record(found)["unit"] == wanted.unit.tolist()
    told = ask(service, EXPLAIN, npy(X), **asked).json
    own = explained_dict(wanted.explanations, wanted.context, spelling=in_service)
    assert [u["name"] for u in told["explained"][0]["units"]] == [
        u["name"] for u in own["explained"][0]["units"]
    ]
    assert told["layer"] == own["layer"]
    assert told["notes"] == own["notes"]
    assert told.keys() == own.keys()


def test_inputs_in_every_form(service: Service) -> None:
    pixels = expected(Image.fromarray(PIXELS), 3).attribution
    floats = expected(X, 3).attribution
    picture = base64.b64encode(png()).decode()
    bodies = {
        "a picture": (png(), pixels),
        "bytes in an npy": (npy(PIXELS), expected(PIXELS, 3).attribution),
        "a picture in JSON": (jsoned(input={"picture": picture}), pixels),
        "floats": (npy(X), floats),
        "floats with a batch axis": (npy(X[None]), floats),
        "floats in the order of Fortran": (npy(np.asfortranarray(X)), floats),
        "doubles": (npy(X.astype(np.float64)), floats),
        "lists": (jsoned(input=X.tolist()), floats),
        "lists by name": (jsoned(input={"image": X.tolist()}), floats),
        "bytes in lists": (
            jsoned(input={"data": PIXELS.tolist(), "dtype": "uint8"}),
            expected(PIXELS, 3).attribution,
        ),
        "an npz": (npz({"image": X}), floats),
    }
    answers = ask_all(
        service,
        [{"path": EXPLAIN, "body": b, "unit": 3, "format": "npy"} for b, _ in bodies.values()],
    )
    for (name, (_, wanted)), answer in zip(bodies.items(), answers, strict=True):
        assert answer.status == 200, (name, answer.body)
        close(attribution(answer), wanted)


def test_several_inputs_in_one_body(service: Service) -> None:
    x = RNG.random((11, 3, 32, 32), np.float32)
    found = ask(service, EXPLAIN, npy(x), unit="cat", format="npy")
    close(attribution(found), expected(x, "cat").attribution)
    assert len(ask(service, EXPLAIN, npy(x), unit="cat").json["explained"]) == 11


def test_answers_in_every_form(service: Service) -> None:
    wanted = expected(Image.fromarray(PIXELS), "cat")
    arrays = ask(service, EXPLAIN, png(), unit="cat", format="npz")
    with np.load(io.BytesIO(arrays.body)) as data:
        assert {*data.files} == {*wanted.arrays()}
        close(data["attribution"], wanted.attribution)
        np.testing.assert_array_equal(data["unit"], [[3]])
    for style in ("signed", "heat", "overlay,smooth"):
        drawn = ask(service, EXPLAIN, png(), unit="cat", format="png", style=style)
        picture = np.asarray(Image.open(io.BytesIO(drawn.body)))
        np.testing.assert_allclose(picture, np.asarray(wanted.image(style)), atol=2)
    assert record(drawn)["preprocessing"] == "0-1 (stored in the model's file)"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("image/png", "image/png"),
        ("text/html, image/*;q=0.9, */*;q=0.1", "image/png"),
        ("application/json;q=0.2, application/x-npy", "application/x-npy"),
        ("application/x-npz", "application/x-npz"),
    ],
)
def test_accept_says_what_is_answered(service: Service, accept: str, media: str) -> None:
    answer = ask(service, EXPLAIN, npy(X), headers={"Accept": accept}, unit=3)
    assert (answer.status, answer.headers["content-type"]) == (200, media)


def test_nothing_that_is_accepted(service: Service) -> None:
    answer = ask(service, EXPLAIN, npy(X), headers={"Accept": "text/html"})
    assert answer.status == 406
    assert ask(service, EXPLAIN, npy(X), headers={"Accept": "image/png;q=0"}).status == 406


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ({"unit": "elephant"}, 400, "no class 'elephant'"),
        ({"unit": "400"}, 400, r"unit=400 is out of range: 'scores' has 10 units"),
        ({"layer": "relu9"}, 400, "no layer 'relu9' in the model; did you mean 'relu3'"),
        ({"method": "magic"}, 400, "magic"),
        ({"method": "guided,gradient"}, 400, "method is one method"),
        ({"preprocessing": "/etc/passwd"}, 400, "unknown preprocessing '/etc/passwd'"),
        ({"style": "blue"}, 400, "unknown style 'blue'"),
        ({"unti": "3"}, 400, "there is no parameter 'unti'; did you mean 'unit'"),
        ({"head": "/etc/passwd"}, 400, "there is no parameter 'head'"),
        ({"labels": "/etc/passwd"}, 400, "there is no parameter 'labels'"),
        ({"top": "0"}, 400, "top is 0; give a whole number from 1"),
        ({"top": "-3"}, 400, "top is -3; give a whole number from 1"),
        ({"top": "many"}, 400, "top is 'many'; give a whole number"),
        ({"outputs": "maybe"}, 400, "give true or false"),
        ({"format": "gif"}, 400, "choose from: json, npy, npz, png"),
        ({"model": "other"}, 404, "there is no model 'other'; choose from: cifar10_cnn"),
        ({"box": "0"}, 400, "box"),
    ],
)
def test_mistakes_are_told_as_python_tells_them(
    service: Service, asked: dict[str, str], status: int, message: str
) -> None:
    answer = ask(service, EXPLAIN, npy(X), **asked)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    with pytest.raises(rg.InputError, match=message):
        raise rg.InputError(answer.message)


def test_a_sentence_and_what_mends_it(service: Service) -> None:
    with pytest.raises(rg.InputError) as error:
        expected(X, "400")
    told = ask(service, EXPLAIN, npy(X), unit="400").json["error"]
    assert told["message"] == str(error.value)
    assert told["type"] == "InputError"
    assert told["parameters"] == ["unit"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "nothing"),
        ("method", "nothing"),
        ("method", "lrp"),
        ("unit", "nothing"),
        ("unit", "400"),
        ("layer", "nothing"),
        ("wrt", "nothing"),
        ("top", "0"),
        ("style", "nothing"),
        ("preprocessing", "nothing"),
        ("outputs", "nothing"),
        ("format", "nothing"),
        ("nothing", "1"),
    ],
)
def test_the_field_that_is_refused_is_named(service: Service, field: str, value: str) -> None:
    told = ask(service, EXPLAIN, npy(X), **{field: value}).json["error"]
    assert field in told["parameters"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"garbage", "is no picture that can be read"),
        (png()[:400], "is damaged"),
        (npy(X)[:500], "is no .npy that can be read"),
        (b"\x93NUMPY\x01\x00", "is no .npy that can be read"),
        (npy(np.array([{}])), "it holds objects"),
        (npy(np.zeros((3, 5, 5), np.float32)), "does not fit the model's input"),
        (npy(np.full((3, 32, 32), np.nan, np.float32)), "NaN"),
        (npz({"x": X}), "the model has no input 'x'; it takes: image"),
        (b"PK\x03\x04 and no more", "is no .npz that can be read"),
        (b"{", "is no JSON that can be read"),
        (b'{"input": [[1, 2], [3]]}', "its lists are of several lengths"),
        (b'{"input": "/etc/passwd"}', "give lists of numbers"),
        (b'{"input": {"image": "/etc/passwd"}}', "give lists of numbers"),
        (b'{"input": 3}', "give lists of numbers"),
        (b'{"input": [["a"]]}', "holds what is no number"),
        (b'{"unit": 3}', "the JSON has no 'input'"),
        (b'{"input": [1], "unit": true}', "unit is true"),
        (b'{"input": [1], "unit": 1.5}', "unit is 1.5"),
        (b'{"input": {"picture": "!"}}', "is no base64"),
        (b'{"input": {"data": [300], "dtype": "uint8"}}', "its numbers are none of uint8"),
        (b'{"input": ' + b"[" * 100_000, "is no JSON that can be read"),
    ],
)
def test_bad_bodies(service: Service, body: bytes, message: str) -> None:
    answer = ask(service, EXPLAIN, body)
    assert answer.status == 400
    assert message in answer.message
    assert "\n" not in answer.message


def test_forms_that_are_not_taken(service: Service) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = ask(service, EXPLAIN, b"--x", headers=form)
    assert answer.status == 415
    assert "curl --data-binary" in answer.message
    assert ask(service, EXPLAIN, b"x", headers={"Content-Encoding": "gzip"}).status == 415


def test_a_parameter_once(service: Service) -> None:
    answer = ask(service, EXPLAIN, jsoned(input=X.tolist(), unit=3), unit=4)
    assert (answer.status, answer.message) == (
        400,
        "unit is given twice, in the address and in the JSON",
    )
    assert ask(service, EXPLAIN, jsoned(input=X.tolist(), unit=None, layer=None)).status == 200


def test_units_in_json(service: Service) -> None:
    for unit, wanted in ((3, 3), ("cat", "cat"), ([17, 4, 5], (17, 4, 5)), (["cat", 5], "cat,5")):
        layer = "relu3" if unit == [17, 4, 5] else None
        body = jsoned(input=X.tolist(), unit=unit, layer=layer, format="npy")
        close(
            attribution(ask(service, EXPLAIN, body)), expected(X, wanted, layer=layer).attribution
        )


def test_a_model_that_cannot_be_treated_is_told_node_by_node(tmp_path: Path) -> None:
    nets.save(nets.cnn_with_custom(on_path=True), tmp_path / "net.onnx")
    answer = ask(Service(tmp_path / "net.onnx", device="cpu"), EXPLAIN, npy(X[:, :8, :8]))
    assert answer.status == 422
    assert "whirl" in [problem["node"] for problem in answer.json["error"]["problems"]]


def test_an_attribution_of_zeros_says_why(service: Service) -> None:
    x = np.zeros((3, 32, 32), np.float32)
    off = next(
        unit
        for unit in ((k, 0, 0) for k in range(256))
        if not expected(x, unit, layer="relu3").score.any()
    )
    answer = ask(
        service, EXPLAIN, npy(x), unit=",".join(map(str, off)), layer="relu3", format="npy"
    )
    assert "0 everywhere: the unit is off" in record(answer)["notes"][0]


def test_a_detector_is_explained_by_its_boxes() -> None:
    golden = ROOT / "tests" / "goldens" / "heads" / "anchors.onnx"
    service = Service({"boxes": golden}, device="cpu", threads=1, preprocessing="0-1")
    told = ask(service, EXPLAIN, png(), model="boxes", box=1)
    own = rg.explain(golden, Image.fromarray(PIXELS), box=1, device="cpu", preprocessing="0-1")
    assert (
        told.json["explained"][0]["units"][0]["name"]
        == (own.to_dict()["explained"][0]["units"][0]["name"])
    )
