"""`retrograph scan` on the command line: what it prints, and every mistake in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrograph.scanning import Scanner, ScanReader
from retrograph.scanning.state import State
from support import nets
from support.archive_case import pack
from support.cli_case import Ran, assert_one_line, run, workplace
from support.graphs import noise
from support.scan_case import assert_counts, folder, pixels


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder(tmp_path / "set", pixels(12))
    np.save(tmp_path / "x.npy", noise(5, 3, 8, 8))
    (tmp_path / "empty").mkdir()
    return workplace(tmp_path, monkeypatch)


def scan(capsys: pytest.CaptureFixture[str], arguments: str) -> Ran:
    return run(capsys, "scan", *arguments.split())


def test_what_is_printed(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = scan(capsys, "net.onnx set --layer relu2,scores --labels labels.txt -o run")
    assert (ran.code, ran.err) == (0, "")
    lines = [line.split() for line in ran.out.splitlines()]
    assert "12 inputs of 3 classes: run/scan.sqlite" in ran.out
    assert "driven by most classes" in ran.out
    of_one = scan(capsys, "net.onnx set/cat --layer relu2 -o one").out
    assert "sees / step" in of_one
    assert "driven by most classes" not in of_one
    assert ["relu2", "5"] in [line[:2] for line in lines]
    assert "most class-selective channels of scores" in ran.out
    assert "(cat)" in ran.out
    again = scan(capsys, "net.onnx set --layer relu2,scores --labels labels.txt -o run")
    assert again.code == 0
    assert "done already\n12 inputs of 3 classes" in again.out


def test_json(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = scan(capsys, "net.onnx set x.npy --layer relu2 --channels 0-1,4 -k 2 --json -o run")
    record = json.loads(ran.out)
    found = ScanReader("run")
    assert record["pictures"] == {"good": 17, "bad": 0}
    assert record["classes"] == {"cat": 4, "dog": 4, "fox": 4}
    (layer,) = record["layers"]
    assert layer["channels"] == [0, 1, 4]
    assert {each["channel"] for each in layer["selective"]} <= {0, 1, 4}
    strengths = [each["strength"] for each in layer["selective"]]
    assert strengths == sorted(strengths, reverse=True)
    assert layer["dead"] == [c.channel for c in found.channels("relu2") if c.is_dead]
    assert len(found.top("relu2", 4)) == 2


def test_a_bad_picture_is_told_and_the_rest_is_scanned(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "set" / "dog" / "bad.png").write_bytes(b"x")
    ran = scan(capsys, "net.onnx set --layer relu1 -o run")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "set/dog/bad.png" in ran.err
    assert "12 inputs of 3 classes, 1 more could not be read" in ran.out
    assert scan(capsys, "net.onnx set --layer relu1 -o run").code == 2


def test_a_link_that_leads_nowhere_is_told_too(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "set" / "dog" / "gone.png").symlink_to(desk / "nowhere.png")
    ran = scan(capsys, "net.onnx set --layer relu1 -o run")
    assert ran.code == 2
    assert "set/dog/gone.png does not exist" in ran.err
    assert "12 inputs of 3 classes, 1 more could not be read" in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("scan net.onnx empty --layer relu1 -o run", ("empty", "no pictures")),
        ("scan net.onnx empty nowhere.png --layer relu1 -o run", ("none of 2 inputs", "empty")),
        ("scan net.onnx nowhere.zip --layer relu1 -o run", ("nowhere.zip", "does not exist")),
        ("scan net.onnx set --layer relu9 -o run", ("no layer 'relu9'",)),
        ("scan net.onnx set --layer relu1 --channels 4-6 -o run", ("channel 6", "6 channels")),
        ("scan net.onnx set --layer relu1 --channels 6-4 -o run", ("'6-4' is no channel",)),
        ("scan net.onnx set --layer relu1 -k 0 -o run", ("no whole number from 1",)),
        ("scan net.onnx set --layer relu1", ("-o/--output",)),
        ("scan net.onnx set -o run", ("--layer",)),
        ("scan net.onnx set --layer relu1 -o net.onnx", ("net.onnx", "cannot be made")),
        ("scan net.onnx set --layer relu1 -o net.onnx/run", ("net.onnx/run", "cannot be made")),
        ("scan open.onnx set --layer conv1 -o run", ("channels 'y' has is not known",)),
        ("scan two.onnx set --layer add1 -o run", ("'state'", "besides")),
    ],
)
def test_mistakes_are_one_line(
    arguments: str, words: tuple[str, ...], desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = nets.info("w", ["M", 3, 1, 1])
    model = nets.model(
        [nets.node("Conv", "x w", "y")],
        [nets.info("x", ["N", 3, 8, 8]), weights],
        [nets.info("y", ["N", None, 8, 8])],
    )
    nets.save(model, desk / "open.onnx")
    nets.save(nets.two_input_net(), desk / "two.onnx")
    assert_one_line(run(capsys, *arguments.split()), *words)
    assert not (desk / "run" / "scan.sqlite").exists()


def test_another_scan_in_the_folder(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(capsys, "net.onnx set --layer relu1 -o run").code == 0
    before = (desk / "run" / "scan.sqlite").read_bytes()
    ran = scan(capsys, "net.onnx set --layer relu1 -k 3 -o run")
    assert_one_line(ran, "another k (9, not 3)", "--force")
    assert (desk / "run" / "scan.sqlite").read_bytes() == before
    assert scan(capsys, "net.onnx set --layer relu1 -k 3 -o run --force").code == 0
    assert ScanReader("run").run["k"] == 3


def test_something_else_by_the_name_of_a_store(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "run").mkdir()
    (desk / "run" / "scan.sqlite").write_text("mine")
    ran = scan(capsys, "net.onnx set --layer relu1 -o run")
    assert_one_line(ran, "run/scan.sqlite", "no scan")
    assert (desk / "run" / "scan.sqlite").read_text() == "mine"


def test_an_interruption_says_that_nothing_is_lost(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("retrograph.scanning.state.State.add", interrupted)
    ran = scan(capsys, "net.onnx set --layer relu1 -o run")
    assert ran.code == 130
    assert ran.err == "retrograph: interrupted; the same command goes on where it stopped\n"


def test_a_model_of_several_inputs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.save(nets.two_input_net(), desk / "two.onnx")
    outputs = []
    for number in range(3):
        x, state = noise(2, 5, seed=number), noise(2, 6, seed=number + 10)
        np.savez(f"{number}.npz", x=x, state=state, sr=np.int64(3))
        outputs.append(np.maximum(x @ nets.weights(5, 6), 0) * 3 + state)
    ran = scan(capsys, "two.onnx 0.npz 1.npz 2.npz --layer add1 -k 4 -o run")
    assert (ran.code, ran.err) == (0, "")
    assert_counts(
        ScanReader("run"), ScanReader("run").layers[0].alias, np.concatenate(outputs), k=4
    )


def test_a_note_says_that_it_is_one(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [nets.node("Relu", "x", "r"), nets.node("Conv", "r w", "y")]
    x, y = nets.info("x", ["N", 3, 16, 16]), nets.info("y", ["N", 21, 16, 16])
    nets.save(nets.model(parts, [x], [y], {"w": nets.weights(21, 3, 1, 1)}), desk / "map.onnx")
    ran = scan(capsys, "map.onnx set --layer relu1 -o run")
    assert "\nnote: classes are named as those of voc" in ran.out


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_explain_takes_archives(
    suffix: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {p.relative_to(desk).as_posix(): p.read_bytes() for p in desk.glob("set/*/*.png")}
    pack(desk / f"set{suffix}", files)
    ran = run(capsys, "explain", "net.onnx", f"set{suffix}", "-o", "maps/")
    assert (ran.code, ran.err) == (0, "")
    assert len(list((desk / "maps").glob("*.png"))) == 12


@pytest.mark.parametrize(("bad", "more"), [(20, ""), (22, "2 more are bad")])
def test_of_many_bad_pictures_some_are_told(
    bad: int, more: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(bad):
        (desk / "set" / "cat" / f"{number:03}x.png").write_bytes(b"x")
    ran = scan(capsys, "net.onnx set --layer relu1 -o run")
    lines = ran.err.splitlines()
    assert (ran.code, len(lines)) == (2, 21 if more else 20)
    assert all("x.png" in line for line in lines[:20])
    assert more in lines[-1]
    assert f"{bad} more could not be read" in ran.out


def test_a_scan_that_goes_on_says_so(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add, calls = State.add, list[int]()

    def interrupted(state: State, *arguments: Any) -> Any:
        calls.append(state.done)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return add(state, *arguments)

    command = "net.onnx set --layer relu1 --batch 4 -o run"
    with monkeypatch.context() as patch:
        patch.setattr(State, "add", interrupted)
        patch.setattr(Scanner.run, "__kwdefaults__", {**Scanner.run.__kwdefaults__, "seconds": 0})
        assert scan(capsys, command).code == 130
    ran = scan(capsys, command)
    assert (ran.code, ran.err) == (0, "")
    assert "going on after 8 inputs\n" in ran.out
    assert "done already" not in ran.out


def test_a_note_on_inputs_is_told_once(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.fromarray(each) for each in pixels(3)]
    (desk / "moving").mkdir()
    for name in ("a.gif", "b.gif"):
        frames[0].save(desk / "moving" / name, save_all=True, append_images=frames[1:])
    ran = scan(capsys, "net.onnx moving --layer relu1 -o run")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("note: moving/a.gif: ") == 1
    assert "b.gif" not in ran.out


def test_parts_and_their_merge(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = "net.onnx set --layer relu2 --batch 2"
    ran = scan(capsys, f"{settings} --part 2/2 -o run")
    assert "part 2 of 2: 6 inputs, 0 bad -> run/part-2-of-2.sqlite" in ran.out
    assert_one_line(scan(capsys, "merge run -o run"), "part 1 of 2 is missing", "--part 1/2")
    record = json.loads(scan(capsys, f"{settings} --part 1/2 -o run --json").out)
    assert record["pictures"] == {"good": 6, "bad": 0}
    merged, one_pass = (
        json.loads(scan(capsys, f"{words} --json").out)
        for words in ("merge run -o run", f"{settings} -o whole")
    )
    assert merged == one_pass | {"store": "run/scan.sqlite"}
    assert Path("run/scan.sqlite").read_bytes() == Path("whole/scan.sqlite").read_bytes()
    assert_one_line(scan(capsys, f"{settings} --part 3/2 -o run"), "'3/2' is no part")
    ran = run(capsys, "scan", *settings.split(), *("--part", "1/2", "-o", "a b"))
    assert "scan merge 'a b' -o 'a b'" in ran.out
