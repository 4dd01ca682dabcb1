"""`retrograph serve --api`: a server of its own, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import io
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from retrograph import serving
from support.cli_case import run
from support.serving_case import SAMPLE, X, npy
from support.serving_process import command, environment, started

for needed in ("starlette", "prometheus_client", "uvicorn"):
    pytest.importorskip(needed, reason="needs retrograph[serve]")


def test_what_was_taken_is_answered_at_sigterm(tmp_path: Path) -> None:
    """The delay keeps requests in the queue when the signal comes."""
    with started([f"net={SAMPLE}", "--threads", "1", "--delay", "1.5"], tmp_path) as served:
        served.post("/v1/explain?unit=1&format=npy", npy(X))  # builds the graph
        answers: list[tuple[int, np.ndarray]] = []

        def ask(unit: int) -> None:
            status, body = served.post(f"/v1/explain?unit={unit}&format=npy", npy(X))
            answers.append((status, np.load(io.BytesIO(body))))

        clients = [threading.Thread(target=ask, args=(unit,)) for unit in range(6)]
        for client in clients:
            client.start()
        deadline = time.monotonic() + 20
        while b"retrograph_waiting 6.0" not in served.get("/metrics")[1]:
            assert time.monotonic() < deadline
        served.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(30)
        assert [status for status, _ in answers] == [200] * 6
        assert all(array.any() for _, array in answers)
        assert served.process.wait(20) == 0
        with pytest.raises(OSError, match="refused"):
            served.get("/healthz")


def test_a_body_does_not_wait_for_an_acknowledgement() -> None:
    """Nagle's algorithm holds what is sent after the head back until the client has told it."""
    with contextlib.closing(serving.bound_socket("127.0.0.1", 0)) as bound:
        client = socket.create_connection(bound.getsockname())
        taken, _ = bound.accept()
        with contextlib.closing(client), contextlib.closing(taken):
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.slow
def test_a_connection_that_rests_stays_open(tmp_path: Path) -> None:
    """A gateway that asks again on one that was closed meanwhile would lose the request."""
    with started([str(SAMPLE)], tmp_path) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        with contextlib.closing(connection):
            for pause in (7, 0):
                connection.request("GET", "/healthz")
                assert connection.getresponse().read() == b'{"status":"ok"}'
                assert connection.sock is not None
                time.sleep(pause)


@pytest.mark.slow
def test_it_says_that_there_is_no_authentication(tmp_path: Path) -> None:
    with started([str(SAMPLE)], tmp_path) as served:
        assert served.process.stdout is not None
        second = served.process.stdout.readline()  # `communicate` loses what is buffered
        served.process.terminate()
        _, err = served.process.communicate(timeout=20)
    assert second == "no authentication: everybody on this machine may ask\n"
    assert err == ""


@pytest.mark.slow
def test_it_warns_where_other_machines_reach_it() -> None:
    words = command([str(SAMPLE), "--host", "0.0.0.0", "--port", "0", "--device", "cpu"])
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(
            "retrograph serves cifar10_cnn at http://0.0.0.0:"
        )
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert "warning: other machines reach it; no authentication" in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["none.onnx"], 2, "none.onnx"),
        ([str(SAMPLE), "--labels", "none.txt"], 2, "none.txt: the labels cannot be read"),
        ([str(SAMPLE), "--preprocess", "no"], 2, "invalid choice: 'no'"),
        ([str(SAMPLE), "--most-body", "0"], 2, "--most-body is 0"),
        ([str(SAMPLE), "--batch", "0"], 2, "'0' is no whole number from 1"),
        (["a=x.onnx", "y.onnx"], 2, "give NAME=NET.onnx for each"),
        ([str(SAMPLE), "--host", "192.0.2.1"], 2, "192.0.2.1:8000 cannot be bound to"),
        ([str(SAMPLE), "--port", "99999"], 2, "--port 99999 is none; give a number up to 65535"),
    ],
)
def test_mistakes_end_in_a_line(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "serve", "--api", *words)
    assert done.code == code
    err = done.err
    assert err.startswith("retrograph: ")
    assert message in err
    assert err.count("\n") == 1
