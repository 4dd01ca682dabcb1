"""`retrograph maximize` as a user runs it: pages, arrays, JSON, and every mistake in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from retrograph.cli import maximize as maximize_command
from support import nets
from support.cli_case import Ran, assert_one_line, good, opened, picture, refused, run, workplace
from support.generator_nets import generator
from support.graphs import parse, runner

Capture = pytest.CaptureFixture[str]

SEQUENCES = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 4, 12] x) => (float[N, 2] y)
<float[2, 4, 3] w>
{
    c = Conv (x, w)
    m = ReduceMean <axes = [2], keepdims = 0> (c)
    y = Tanh (m)
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def records(ran: Ran) -> list[dict[str, object]]:
    assert ran.code == 0, ran
    found: list[dict[str, object]] = json.loads(ran.out)["made"]
    return found


def test_one_unit_becomes_a_page_with_what_the_model_says(capsys: Capture) -> None:
    out = good(capsys, "maximize net.onnx --unit 2 --steps 12")
    assert "activation" in out
    assert "probability" in out
    assert "-> net.scores.maximize.png" in out
    assert min(opened("net.scores.maximize.png").size) > 400


@pytest.mark.parametrize(
    ("tail", "rank"), [("GlobalMaxPool (c)", 3), ("ReduceMax <axes=[2, 3], keepdims=0> (c)", 1)]
)
def test_a_layer_with_a_single_unit_needs_no_name_of_it(
    capsys: Capture, tail: str, rank: int
) -> None:
    item = ", 1" * rank
    source = f"""
        <ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 3, 8, 8] x) => (float[N{item}] y)
        <float[1, 3, 3, 3] w> {{ c = Conv (x, w)  y = {tail} }}
    """
    nets.save(parse(source), Path("one.onnx"))
    (record,) = records(run(capsys, *["maximize", "one.onnx", "--steps", "4", "--json"]))
    assert record["unit"] == [0] * rank
    for command in ("maximize net.onnx", "maximize one.onnx --layer c"):
        assert_one_line(run(capsys, *command.split()), "nothing is said to grow; give --unit")


def test_several_units_are_one_sheet_and_pictures_of_their_own(capsys: Capture) -> None:
    line = "maximize net.onnx --unit 0-2 bird --labels labels.txt --steps 12 -o all.png"
    ran = run(capsys, *f"{line} --pictures each --npz --json".split())
    found = records(ran)
    assert [r["name"] for r in found] == ["cat", "red dog", "blue dog", "bird"]
    arrays = np.load("all.npz")
    assert arrays["input"].shape == (4, 3, 8, 8)
    assert arrays["history"].shape == (4, 12)
    for record, x, unit in zip(found, arrays["input"], arrays["unit"], strict=True):
        kept = np.asarray(opened(str(record["picture"])))
        assert (kept.transpose(2, 0, 1) == np.round(x * 255)).all()
        scores = runner(nets.cnn())(x[np.newaxis])["scores_out"][0]
        assert record["activation"] == pytest.approx(float(scores[unit[0]]), abs=1e-4)
        chances = np.exp(scores) / np.exp(scores).sum()
        assert record["probability"] == pytest.approx(float(chances[unit[0]]), abs=1e-4)


def test_all_units_of_a_layer_and_a_strip(capsys: Capture) -> None:
    out = good(capsys, "maximize net.onnx --layer relu1 --unit all --strip 3 --steps 8 -o s.png")
    assert [f"channel {i}" in out for i in range(7)] == [True] * 6 + [False]
    width, height = opened("s.png").size
    assert width > 3 * 224
    assert height > 6 * 224


def test_one_position_of_a_channel(capsys: Capture) -> None:
    out = good(capsys, "maximize net.onnx --layer relu1 --unit 1,4,5 --steps 8")
    assert "channel 1 at row 4, column 5" in out


def test_a_dream_is_as_large_as_its_picture(capsys: Capture) -> None:
    out = good(capsys, "maximize net.onnx --dream dog.png --layer relu2 --steps 6 --npz -o d.png")
    assert "norm of the layer" in out
    assert np.load("d.npz")["input"].shape == (1, 3, 10, 12)


def test_a_picture_is_perturbed_and_the_norms_are_those_of_the_arrays(capsys: Capture) -> None:
    scores = runner(nets.cnn())
    picture(Path("eight.png"), (8, 8))
    x = np.asarray(opened("eight.png")).transpose(2, 0, 1)[np.newaxis] / np.float32(255)
    unit = int(scores(x)["scores_out"][0].argsort()[-2])
    line = f"maximize net.onnx --perturb eight.png --unit {unit} -o f.png --npz --json"
    ran = run(capsys, *line.split())
    assert ran.code == 0, ran
    found, arrays = json.loads(ran.out), np.load("f.npz")
    assert found["norms"]["l2"] == pytest.approx(np.linalg.norm(arrays["change"]), rel=1e-4)
    assert found["norms"]["linf"] == pytest.approx(np.abs(arrays["change"]).max(), rel=1e-4)
    assert np.allclose(arrays["input"] + arrays["change"], arrays["result"], atol=1e-5)
    assert scores(arrays["result"][np.newaxis])["scores_out"][0].argmax() == unit
    assert opened("f.png").width > 3 * 400
    assert_one_line(run(capsys, *line.replace(f"--unit {unit}", "--unit 3").split()), "f.png")


def test_a_generator_and_the_joined_model(capsys: Capture) -> None:
    nets.save(generator(), Path("g.onnx"))
    line = "maximize net.onnx --unit 0 2 --generator g.onnx --steps 10 --joined j.onnx -o g.png"
    out = good(capsys, f"{line} --npz")
    assert "its last operator is Sigmoid" in out
    arrays = np.load("g.npz")
    assert arrays["code"].shape == (2, 5)
    onnx.checker.check_model(onnx.load("j.onnx"), full_check=True)
    found = runner(onnx.load("j.onnx"))(arrays["code"])
    assert np.allclose(found["x"], arrays["input"], atol=1e-5)
    refused(capsys, Path(), f"{line} --npz", "exists; give --force")
    nets.save(generator(shape="3, 4, 16"), Path("wide.onnx"))
    refused(
        capsys,
        Path(),
        "maximize net.onnx --unit 0 --generator wide.onnx -o w.png",
        "[N, 3, 4, 16]",
        "[N, 3, 8, 8]",
    )


def test_what_is_no_picture_is_kept_as_arrays_and_a_strip(capsys: Capture) -> None:
    nets.save(parse(SEQUENCES), Path("line.onnx"))
    out = good(capsys, "maximize line.onnx --unit 0 1 --steps 10 -o l.png")
    assert "-> l.npz" in out
    assert np.load("l.npz")["input"].shape == (2, 4, 12)
    opened("l.png")
    refused(
        capsys, Path(), "maximize line.onnx --unit 0 --pictures p/", "takes no pictures", ".npz"
    )
    good(capsys, "maximize line.onnx --unit 0 --bounds 0,1 --steps 30 --rate 0.2 -o b.png")
    values = np.load("b.npz")["input"]
    assert values.min() == 0
    assert values.max() == 1


def test_an_interrupt_writes_what_was_made(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = maximize_command.maximize

    def interrupted(*args: object, **options: object) -> object:
        def stop(done: int, total: int) -> None:
            if (done, total) == (2 * 5, 2 * 192):
                raise KeyboardInterrupt

        return real(*args, **{**options, "progress": stop})  # type: ignore[arg-type]

    monkeypatch.setattr(maximize_command, "maximize", interrupted)
    ran = run(capsys, *["maximize", "net.onnx", "--unit", "0", "1", "-o", "half.png", "--json"])
    assert ran.code == 130
    assert "interrupted after 5 steps" in ran.err
    assert [r["finished"] for r in json.loads(ran.out)["made"]] == [False, False]
    opened("half.png")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", ["give --unit, such as"]),
        ("--unit top", ["--unit top", "numbers, class names or all"]),
        ("--unit 9", ["9 is out of range"]),
        ("--unit 3-1", ["3-1 is no range"]),
        ("--layer relu1 --unit 1 1,2,3", ["all of one kind"]),
        ("--layer relu1 --unit 1,2", ["has 2 numbers"]),
        ("--unit dingoo --labels labels.txt", ["did you mean"]),
        ("--unit 1 --size 4x4", ["height 8, not 4"]),
        ("--unit 1 --start gone.png", ["gone.png does not exist"]),
        ("--unit 1 --variation 0.5", ["variation is 0.5", "give a number"]),
        ("--unit 1 --joined j.onnx", ["--joined", "give --generator"]),
        ("--unit 1 --dream dog.png --perturb dog.png", ["two things"]),
        ("--unit 1 2 --perturb dog.png", ["takes one class"]),
        ("--layer relu1 --unit 1 --perturb dog.png", ["leave --layer relu1 out"]),
        ("--unit 3 --perturb dog.png", ["has class 3 already"]),
        ("--unit 1 --generator net.onnx", ["[N, 4]", "[N, 3, 8, 8]"]),
        ("--unit 1 --bounds 0,1", ["no pictures"]),
        ("--unit 1 2 --dream dog.png", ["one unit or a whole layer", "--unit"]),
        ("--unit 3 --perturb dog.png --octaves 2", ["--octaves is no setting", "--steps"]),
        ("--unit 1 --prior 2", ["--prior is no setting"]),
        ("--unit 1 --generator-range 0,1", ["--generator-range", "give --generator FILE"]),
        ("--unit 1 --generator net.onnx --start grey", ["leave --start or --generator out"]),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(
    capsys: Capture, arguments: str, words: list[str]
) -> None:
    refused(capsys, Path(), f"maximize net.onnx {arguments} -o out.png", *words)


def test_nothing_is_replaced_without_force(capsys: Capture) -> None:
    line = "maximize net.onnx --unit 1 --steps 2 -o one.png --pictures each"
    good(capsys, line)
    refused(capsys, Path(), line, "one.png exists; give --force")
    Path("one.png").unlink()
    refused(capsys, Path(), line, "exists; give --force")
    good(capsys, f"{line} --force")
