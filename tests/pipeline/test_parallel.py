"""Runs that are under way at a time: when, and that files and lines are those of one by one."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import retrograph
from retrograph.explainer import Explainer
from retrograph.inputs.loader import Input
from retrograph.model import Model
from retrograph.pipeline import writing
from retrograph.pipeline.parallel import settings_for_many
from retrograph.pipeline.settings import ExplainSettings, Question, Running
from retrograph.results.attribution import Attribution
from support import nets
from support.cli_case import run, workplace
from support.graphs import parse
from support.scan_case import folder, pixels

NET = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[1, 3, 80, 80] x) => (float[1, 3, 80, 80] y)
{
    y = Relu (x)
}
"""


def settings(device: str = "cpu", threads: int | None = 4, batch: int = 1) -> ExplainSettings:
    return ExplainSettings(Question(), running=Running(device, threads), batch=batch)


def runs(net: str, inputs: list[Input], asked: ExplainSettings | None = None) -> tuple[int, object]:
    running = settings_for_many(Model(parse(net)), asked or settings(), inputs).running
    return running.runs, running.keywords["threads"]


def test_many_inputs_of_one_a_run_share_the_threads(tmp_path: Path) -> None:
    many: list[Input] = [f"{number}.png" for number in range(20)]
    opened = NET.replace("[1,", "[N,")
    assert runs(NET, many) == runs(NET, [tmp_path]) == runs(opened, many) == (2, 2)
    assert runs(NET, many[:2]) == (1, 4)
    assert runs(NET, many, settings(threads=1)) == (1, 1)
    assert runs(opened, many, settings(batch=8)) == (1, 4)
    assert runs(NET.replace("80, 80", "40, 40"), many) == (2, 2)
    assert runs(NET.replace("80, 80", "700, 700"), many) == (1, 4)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 11 pictures, one of them bad, and nets small enough for it."""
    folder(tmp_path / "set", pixels(10))
    (tmp_path / "set" / "dog" / "bad.png").write_bytes(b"x")
    monkeypatch.setattr(writing, "_TRIED", 0)  # runs as short as these are not side by side
    return workplace(tmp_path, monkeypatch)


@pytest.mark.parametrize("question", ["", "--method gradient,guided --unit 2", "--layer relu1"])
def test_two_runs_write_what_one_writes(
    desk: Path, capsys: pytest.CaptureFixture[str], question: str
) -> None:
    command = f"explain net.onnx set --npz -o maps/ --force --device cpu {question}"
    said, written = [], []
    for threads in (1, 2):
        ran = run(capsys, *f"{command} --threads {threads}".split())
        said.append((ran.code, ran.out, ran.err))
        written.append({path.name: path.read_bytes() for path in Path("maps").iterdir()})
    assert said[0] == said[1]
    assert len(written[0]) == 20
    assert written[0] == written[1]


def test_two_runs_are_under_way_at_a_time(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2)
    attribute: Callable[..., Attribution] = Explainer.attribute

    def meet(*given: object) -> Attribution:
        both.wait(timeout=60)
        return attribute(*given)

    monkeypatch.setattr(Explainer, "attribute", meet)
    inputs = [np.full((8, 8, 3), grey, np.uint8) for grey in range(0, 240, 30)]
    explained = retrograph.explain_all(
        nets.cnn(), inputs, batch=1, threads=2, device="cpu", out=desk / "maps"
    )
    assert [each.name for each in explained] == [f"input[{n}]" for n in range(8)]


@pytest.mark.parametrize(("short", "threads"), [(math.inf, 1), (0.0, 3)])
def test_short_runs_go_on_one_after_another(
    monkeypatch: pytest.MonkeyPatch, short: float, threads: int
) -> None:
    monkeypatch.setattr(writing, "_SHORT", short)
    both = threading.Barrier(2)

    def explain(number: int) -> tuple[int, int]:
        if number > 3 and threads > 1:
            both.wait(timeout=60)
        return number, threading.get_ident()

    numbers, by = zip(*writing._answers(iter(range(10)), explain, 2), strict=True)
    assert numbers == tuple(range(10))
    assert len(set(by)) == threads
    assert set(by[:3]) == {threading.get_ident()}
