"""What a service says to its clients: fields of requests and paths, no Python."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto

import retrograph as rg
from support import nets
from support.asgi import ask
from support.serving_case import SAMPLE, X, npy, png, record

pytest.importorskip("starlette", reason="needs retrograph[serve]")
pytest.importorskip("prometheus_client", reason="needs retrograph[serve]")
from retrograph.errors import parameter
from retrograph.serving import Service
from retrograph.serving.refusals import error_record

EXPLAIN = "/v1/explain"


def test_a_list_is_a_path() -> None:
    told = ask(Service(SAMPLE, device="cpu"), EXPLAIN, npy(X), layer="x").json["error"]
    assert told["message"].endswith("see GET /v1/layers")


def test_a_picture_for_a_model_of_several_inputs() -> None:
    told = ask(Service(nets.two_input_net(), device="cpu"), EXPLAIN, png()).json["error"]
    assert 'by input={"NAME": VALUE}, or an .npz' in told["message"]
    assert told["parameters"] == ["input"]


def test_a_file_for_a_model_that_takes_no_pictures() -> None:
    service = Service(nets.wave_net("T"), device="cpu")
    for body in (b"RIFF....WAVEfmt ", b">a\nACGT\n", png()):
        answer = ask(service, EXPLAIN, body)
        assert answer.status == 400
        assert (
            "the model takes no pictures (its input is of the kind waveform, ?x?)" in answer.message
        )
    assert ask(service, EXPLAIN, npy(np.ones((1, 60), np.float32))).status == 200


def test_labels_are_no_field() -> None:
    told = ask(Service(nets.cnn(), device="cpu"), EXPLAIN, png(), unit="cat").json["error"]
    assert told["message"].endswith("for the name of a class give labels=FILE (set at the start)")


def segmenter() -> ModelProto:
    """A map of 21 channels, which are taken for the classes of VOC."""
    parts = [nets.node("Conv", "x w", "a", pads=[1] * 4), nets.node("Relu", "a", "r")]
    parts.append(nets.node("Conv", "r v", "y"))
    weights = {"w": nets.weights(4, 3, 3, 3), "v": nets.weights(21, 4, 1, 1)}
    x, y = nets.info("x", ["N", 3, 16, 16]), nets.info("y", ["N", 21, 16, 16])
    return nets.model(parts, [x], [y], weights)


def test_a_class_is_called_class() -> None:
    service = Service(segmenter(), device="cpu")
    body = npy(np.ones((3, 16, 16), np.float32))
    for name in ("cat", "dog"):
        answer = ask(service, EXPLAIN, body, over="all", **{"class": name})
        (unit,) = answer.json["explained"][0]["units"]
        assert name in unit["name"]
    refused = ask(service, EXPLAIN, body, class_="cat")
    assert refused.status == 400
    assert "there is no parameter 'class_'; did you mean 'class'?" in refused.message


def test_what_no_request_has_is_no_field() -> None:
    told = ask(Service(nets.cnn(), device="cpu"), EXPLAIN, png(), box=0).json["error"]
    assert "head=FILE (in Python, not here)" in told["message"]
    assert "head" not in told["parameters"]


def test_notes_are_spelled_in_every_answer() -> None:
    service = Service(segmenter(), device="cpu")
    told = "give labels=FILE (set at the start) for other names"
    body = npy(np.ones((3, 16, 16), np.float32))
    answered = ask(service, EXPLAIN, body).json["notes"]
    in_header = record(ask(service, EXPLAIN, body, format="npy"))["notes"]
    default = ask(service, "/v1/model").json["default"]["notes"]
    for notes in (answered, in_header, default):
        assert any(told in note for note in notes), notes


def test_what_is_told_of_a_model_that_cannot_be_explained() -> None:
    net = nets.model([nets.node("ArgMax", "x", "y")], [nets.info("x", ["N", 5])], [])
    net.graph.output.append(nets.info("y", ["N", 1], TensorProto.INT64))
    told = ask(Service(net, device="cpu"), "/v1/model").json["default"]["error"]["message"]
    assert "see GET /v1/layers" in told


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("unit", 3, "unit=3"),
        ("outputs", False, "outputs=false"),
        ("method", "gradient", "method=gradient"),
        ("class_", None, "class"),
        ("head", "FILE", "head=FILE (in Python, not here)"),
        ("sample_rate", "HZ", "sample_rate=HZ (set at the start)"),
        ("heads()", None, "`retrograph heads`"),
    ],
)
def test_parameters_as_fields(name: str, value: object, told: str) -> None:
    error = rg.InputError(f"give {parameter(name, value)}")
    assert error_record(error)["error"]["message"] == f"give {told}"
