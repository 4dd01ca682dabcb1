"""Float16 on the command line: how far an explanation is from float32, in words and numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import retrograph
from retrograph.errors import InputError
from retrograph.pipeline.distance import distance
from retrograph.preprocess import PRESETS
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.results.outputs import GraphOutputs
from retrograph.results.rows import check_finite
from support import nets
from support.cli_case import Ran, assert_one_line, picture, run
from support.graphs import SMALL_NET, noise, parse, runner
from support.half_case import both, contract_of
from support.input_case import kind_of

CONTEXT = ExplainContext(
    contracts={"guided": contract_of(retrograph.build(parse(SMALL_NET)))},
    kind=kind_of(("N", 2), PRESETS["0-1"]),
    labels=(),
    device="",
    style=None,
)


def explanation(unit: int, **attributions: list[float]) -> Explanation:
    maps = {m: np.array([a], np.float32) for m, a in attributions.items()}
    return Explanation(
        CONTEXT, "dog.jpg", None, np.zeros(2), maps, np.ones(1), np.array([[unit]]), None
    )


@pytest.mark.parametrize(
    ("found", "exact", "said"),
    [
        (
            explanation(1, guided=[1.0, 3.99]),
            explanation(1, guided=[1.02, 4.0]),
            "tf32: the attribution differs from that in float32 by 5e-03 of its maximum (dog.jpg)",
        ),
        (
            explanation(1, guided=[1.0, -2.0], gradient=[0.0, 0.0]),
            explanation(1, guided=[1.0, -4.0], gradient=[0.0, 0.0]),
            "tf32: the attributions differ from those in float32 by 5e-01 (guided), 0e+00 "
            "(gradient) of their maximum (dog.jpg)",
        ),
        (
            explanation(2, guided=[1.0, 2.0]),
            explanation(0, guided=[1.0, 2.0]),
            "tf32: unit 2 is the most active, in float32 it is unit 0; their attributions are not "
            "compared (dog.jpg)",
        ),
        (
            explanation(1, guided=[np.inf, 2.0]),
            explanation(1, guided=[1.0, 2.0]),
            "tf32: numbers beyond its range make the attribution by guided infinite or no number; "
            "explain in float32 (dog.jpg)",
        ),
    ],
)
def test_the_distance_in_words(found: Explanation, exact: Explanation, said: str) -> None:
    assert distance("tf32", "in float32", found, exact) == said


@pytest.mark.parametrize(
    ("dtype", "why"),
    [(np.float16, "the model computes in float16"), (np.float32, "a number on the way is out")],
)
def test_why_an_activation_is_no_number(dtype: type[np.floating], why: str) -> None:
    """Of a model that computes in float16 it is said where its numbers end."""
    unit = np.array([[1]])
    outputs = GraphOutputs({"x": np.ones((1, 2), dtype)}, np.array([np.inf], dtype), unit, {})
    (contract,) = CONTEXT.contracts.values()
    with pytest.raises(InputError, match=f"^dog.jpg: the activation of .* is inf: {why}"):
        check_finite({"guided": outputs}, contract, "dog.jpg", lambda target: "")


def command(capsys: pytest.CaptureFixture[str], text: str) -> Ran:
    return run(capsys, *text.split())


def test_explain_prints_the_distance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    x = noise(3, 3, 8, 8)
    np.save("x.npy", x)
    options = "--device cpu --precision float16"
    ran = command(capsys, f"explain net.onnx x.npy -o maps {options}")
    wanted, found = (runner(m)(x[:1])["attribution"] for m in both(nets.cnn()))
    share = np.abs(found - wanted).max() / np.abs(wanted).max()
    lines = [line for line in ran.out.splitlines() if line.startswith("float16: ")]
    line = f"float16: the attribution differs from that in float32 by {share:.0e} of its maximum"
    assert len(lines) == 1
    assert lines[0].startswith(line)
    assert 0 < share < 1e-2
    assert_same_in_json(command(capsys, f"explain net.onnx x.npy --json --force {options}"), line)
    ran = command(capsys, "explain net.onnx x.npy -o single --device cpu")
    assert (ran.code, "float16" in ran.out) == (0, False)


def assert_same_in_json(ran: Ran, line: str) -> None:
    assert ran.code == 0, ran
    assert any(note.startswith(line) for note in json.loads(ran.out)["notes"])


def test_compare_prints_the_distance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    picture(tmp_path / "dog.png")
    ran = run(
        capsys,
        *[
            "compare",
            "net.onnx",
            "dog.png",
            "--method",
            "gradient,guided",
            "--precision",
            "float16",
        ],
    )
    assert ran.code == 0, ran
    lines = [line for line in ran.out.splitlines() if line.startswith("float16: ")]
    assert [("(gradient)" in line, "(guided)" in line) for line in lines] == [(True, True)]


def test_build_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    picture(tmp_path / "dog.png")
    ran = command(capsys, "build net.onnx -o half.onnx --precision float16")
    assert ran.code == 0
    assert "note: computed in float16" in ran.out
    assert contract_of(onnx.load("half.onnx")).precision == "float16"
    ran = command(capsys, "explain half.onnx dog.png --precision float32")
    assert_one_line(ran, "built for precision 'float16'")
    assert command(capsys, "explain half.onnx dog.png --precision float16").code == 0


def test_another_device_is_held_against_the_cpu(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    np.save("x.npy", noise(1, 3, 8, 8))
    monkeypatch.setattr(retrograph.Explainer, "device", "openvino")
    assert command(capsys, "build net.onnx -o built.onnx").code == 0
    for model in ("net.onnx", "built.onnx"):
        ran = command(capsys, f"explain {model} x.npy -o {Path(model).stem}")
        line = "openvino: the attribution differs from that on the CPU by 0e+00 of its maximum"
        assert ran.out.count(line) == 1


def test_a_precision_on_another_device_is_held_against_float32_on_the_cpu(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    np.save("x.npy", noise(1, 3, 8, 8))
    monkeypatch.setattr(retrograph.Explainer, "device", "openvino")
    ran = command(capsys, "explain net.onnx x.npy -o maps --precision float16")
    line = "float16 on openvino: the attribution differs from that in float32 on the CPU by "
    assert ran.out.count(line) == 1
