"""What a service refuses, how it ends, and that one request does not harm another."""

from __future__ import annotations

import asyncio
import io
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retrograph as rg
from support import nets
from support.asgi import Answer, answered, ask, ask_all
from support.serving_case import RNG, SAMPLE, X, attribution, jsoned, npy, npz, png

pytest.importorskip("starlette", reason="needs retrograph[serve]")
pytest.importorskip("prometheus_client", reason="needs retrograph[serve]")
from retrograph.serving import Limits, Service, queueing

EXPLAIN = "/v1/explain"
UNIT = {"unit": 3, "format": "npy"}


def sample(**more: Any) -> Service:
    return Service(SAMPLE, device="cpu", threads=1, **more)


@pytest.fixture(scope="module")
def service() -> Service:
    return sample(limits=Limits(body=20_000, pixels=10_000, receiving=0.3))


class Gate:
    """Runs wait until it is opened, and how many inputs each had is counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.reached = threading.Event(), threading.Event()
        self.runs: list[int] = []
        explain_together = queueing.explain_together

        def gated(inputs: Any) -> Any:
            self.reached.set()
            assert self.opened.wait(20)
            self.runs.append(len(inputs))
            return explain_together(inputs)

        monkeypatch.setattr(queueing, "explain_together", gated)

    async def is_reached(self) -> None:
        while not self.reached.is_set():
            await asyncio.sleep(0.005)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.opened.set()


async def trickle(chunks: int, pause: float) -> AsyncIterator[bytes]:
    data = npy(X)
    for i in range(chunks):
        await asyncio.sleep(pause)
        yield data[i * 10 : i * 10 + 10]


async def flood() -> AsyncIterator[bytes]:
    while True:
        yield bytes(1000)


def test_a_body_that_is_too_large(service: Service) -> None:
    declared = ask(service, EXPLAIN, bytes(20_001), headers={"Content-Length": "20001"})
    counted = asyncio.run(answered(service, EXPLAIN, flood()))
    for answer in (declared, counted):
        assert answer.status == 413
        assert "more than 20000 bytes" in answer.message
    assert ask(service, EXPLAIN, npy(X), **UNIT).status == 200


def test_a_body_that_unpacks_to_too_much(service: Service) -> None:
    bomb = npz({"image": np.zeros((3, 1000, 1000), np.float32)})
    assert len(bomb) < 20_000
    answer = ask(service, EXPLAIN, bomb)
    assert (answer.status, "more than 20000 bytes" in answer.message) == (413, True)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", npy(X) + bytes(3_000_000))
    assert ask(service, EXPLAIN, buffer.getvalue()).status == 413


def test_a_picture_of_too_many_pixels(service: Service) -> None:
    huge = png(np.zeros((3000, 4000), bool))
    assert len(huge) < 20_000
    answer = ask(service, EXPLAIN, huge)
    assert answer.status == 413
    assert answer.message == (
        "the picture has 4000 x 3000 pixels, and at most 10000 are taken; scale it down"
    )


def test_a_header_that_promises_too_much(service: Service) -> None:
    header = npy(np.zeros((1, 1), np.float32))
    promised = header.replace(b"(1, 1), }  ", b"(9999999999, 3), }")
    assert promised != header
    assert "is no .npy" in ask(service, EXPLAIN, promised).message


def test_an_input_of_open_size_is_bounded(tmp_path: Path) -> None:
    nets.save(nets.cnn(size="S"), tmp_path / "net.onnx")
    service = Service(
        tmp_path / "net.onnx", device="cpu", preprocessing="0-1", limits=Limits(values=3000)
    )
    assert ask(service, EXPLAIN, npy(RNG.random((3, 30, 30), np.float32)), **UNIT).status == 200
    for body in (npy(RNG.random((3, 40, 40), np.float32)), png(np.zeros((40, 40, 3), np.uint8))):
        answer = ask(service, EXPLAIN, body, **UNIT)
        assert answer.status == 413
        assert "scale it down" in answer.message


def test_a_body_that_comes_too_slowly(service: Service) -> None:
    answer = asyncio.run(answered(service, EXPLAIN, trickle(100, 0.05)))
    assert (answer.status, "0.3 seconds" in answer.message) == (408, True)
    answer = asyncio.run(answered(service, EXPLAIN, trickle(2, 0.05)))
    assert answer.status == 400  # it came in time, and is no .npy


def test_a_client_that_leaves_while_it_sends(service: Service) -> None:
    async def leaving() -> Answer:
        messages = iter([{"type": "http.request", "body": b"a", "more_body": True}])

        async def receive() -> Any:
            return next(messages, {"type": "http.disconnect"})

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": EXPLAIN, "headers": []}
        await service({**scope, "query_string": b"", "root_path": ""}, receive, send)
        return Answer(sent[0]["status"], {}, b"")

    assert asyncio.run(leaving()).status == 499
    assert b"retrograph_abandoned_total 1.0" in ask(service, "/metrics").body
    assert b"retrograph_held_bytes 0.0" in ask(service, "/metrics").body


def test_requests_share_a_run(gate: Gate) -> None:
    service = sample(batch=4)
    xs = RNG.random((9, 3, 32, 32), np.float32)

    async def at_once() -> list[Answer]:
        first = asyncio.ensure_future(answered(service, EXPLAIN, npy(xs[0]), unit=0, format="npy"))
        await gate.is_reached()
        rest = [
            asyncio.ensure_future(answered(service, EXPLAIN, npy(x), unit=unit + 1, format="npy"))
            for unit, x in enumerate(xs[1:])
        ]
        while service._explaining.inside.used < 9:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        gate.opened.set()
        return await asyncio.gather(first, *rest)

    answers = asyncio.run(at_once())
    assert gate.runs == [1, 4, 4]
    for unit, (x, answer) in enumerate(zip(xs, answers, strict=True)):
        wanted = rg.explain(SAMPLE, x, unit, device="cpu", threads=1).attribution
        np.testing.assert_allclose(attribution(answer), wanted, rtol=1e-4, atol=1e-7)


def test_they_wait_for_others_if_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    gate.opened.set()
    service = sample(batch=4, delay=0.5)
    ask(service, EXPLAIN, npy(X), **UNIT)
    ask_all(service, [{"path": EXPLAIN, "body": npy(X), **UNIT}] * 4)
    assert gate.runs == [1, 4]


def test_one_bad_request_fails_alone(gate: Gate) -> None:
    gate.opened.set()
    service = sample(delay=0.2)
    infinite = npy(np.full((3, 32, 32), 3e38, np.float32))
    bodies = [npy(X), infinite, b"garbage", npy(X), jsoned(input=[1])]
    found = ask_all(service, [{"path": EXPLAIN, "body": body, **UNIT} for body in bodies])
    assert [answer.status for answer in found] == [200, 400, 400, 200, 400]
    assert "check the preprocessing" in found[1].message


def test_too_many_at_once(gate: Gate) -> None:
    service = sample(limits=Limits(waiting=2))

    async def three() -> list[Answer]:
        taken = [asyncio.ensure_future(answered(service, EXPLAIN, npy(X), **UNIT)) for _ in "ab"]
        await gate.is_reached()
        refused = await answered(service, EXPLAIN, npy(X), **UNIT)
        gate.opened.set()
        return [refused, *await asyncio.gather(*taken)]

    refused, *taken = asyncio.run(three())
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.message == "the service is busy: it holds 2 requests; ask again"
    assert [answer.status for answer in taken] == [200, 200]
    assert ask(service, EXPLAIN, npy(X), **UNIT).status == 200


def test_too_much_at_once(gate: Gate) -> None:
    service = sample(limits=Limits(held=30_000))

    async def two() -> tuple[Answer, Answer]:
        taken = asyncio.ensure_future(answered(service, EXPLAIN, npy(X), **UNIT))
        await gate.is_reached()
        refused = await answered(service, EXPLAIN, npy(X), **UNIT)
        gate.opened.set()
        return refused, await taken

    refused, taken = asyncio.run(two())
    assert (refused.status, taken.status) == (503, 200)
    assert "30000 bytes" in refused.message


def test_an_answer_that_takes_too_long(gate: Gate) -> None:
    service = sample(limits=Limits(answering=0.5))
    answer = ask(service, EXPLAIN, npy(X), **UNIT)
    assert (answer.status, "0.5 seconds" in answer.message) == (504, True)
    assert service._explaining.inside.used == 0
    gate.opened.set()
    later = (ask(service, EXPLAIN, npy(X), **UNIT).status for _ in range(20))
    assert 200 in later  # a graph that was being built is ready by then


def test_who_has_left_is_not_run_for(gate: Gate) -> None:
    service = sample()

    async def leaving() -> Answer:
        taken = asyncio.ensure_future(answered(service, EXPLAIN, npy(X), **UNIT))
        await gate.is_reached()
        left = await answered(service, EXPLAIN, npy(X), stays=0.05, **UNIT)
        assert left.status == 499
        await asyncio.sleep(0.05)  # what is cancelled leaves the queue in the loop's next turns
        gate.opened.set()
        return await taken

    assert asyncio.run(leaving()).status == 200
    ask(service, EXPLAIN, npy(X), **UNIT)
    assert gate.runs == [1, 1]


def test_a_service_that_stops_answers_what_it_took(gate: Gate) -> None:
    service = sample()

    async def stopping() -> tuple[Answer, Answer, Answer]:
        async with service.lifespan():
            taken = asyncio.ensure_future(answered(service, EXPLAIN, npy(X), unit=3, format="npz"))
            await gate.is_reached()
            ending = asyncio.ensure_future(service.stop())
            await asyncio.sleep(0.05)
            refused = await answered(service, EXPLAIN, npy(X), **UNIT)
            unready = await answered(service, "/readyz")
            assert not ending.done()
            gate.opened.set()
            await ending
        return await taken, refused, unready

    taken, refused, unready = asyncio.run(stopping())
    assert (taken.status, refused.status, unready.status) == (200, 503, 503)
    assert "stopping" in refused.message

    async def again() -> Answer:
        async with service.lifespan():
            return await answered(service, EXPLAIN, npy(X), **UNIT)

    assert asyncio.run(again()).status == 200


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"body": 0}, "body is 0"),
        ({"answering": -1}, "answering is -1"),
        ({"waiting": 1.5}, "waiting"),
    ],
)
def test_limits_are_numbers(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(rg.InputError, match=message):
        Limits(**limits)
