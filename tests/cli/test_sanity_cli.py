"""`retrograph sanity`: its tables, its plot, its numbers for programs and its complaints."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import retrograph
from retrograph import sanity_checks
from support import nets
from support.cli_case import good, opened, picture, refused, run, workplace

FAST = "sanity net.onnx dog.png --steps 3 --draws 2"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def test_tables_and_words(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = good(capsys, f"{FAST} --labels labels.txt")
    for words in (
        "dog.png: ",
        "fc1",
        "conv1",
        "2 other classes",
        "random order",
        "Weights: ",
        "Class: ",
        "Order: better than a random order on so many of 1 input:",
        "Of this input",
    ):
        assert words in out
    assert max(map(len, out.split("\n\n", 1)[1].split("1 is the same")[0].splitlines())) <= 100
    assert not list(desk.glob("sanity*"))


def test_numbers_are_those_of_the_functions(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).random((2, 3, 8, 8), np.float32)
    np.save("x.npy", x)
    ran = run(
        capsys,
        *["sanity", "net.onnx", "x.npy", "--seed", "3", "--steps", "4", "--draws", "2", "--json"],
    )
    assert ran.code == 0, ran
    found = json.loads(ran.out)
    assert [each["input"] for each in found["inputs"]] == ["x.npy[0]", "x.npy[1]"]
    kept = sanity_checks.randomisation("net.onnx", x, seed=3)
    other = sanity_checks.random_logit("net.onnx", x, seed=3, draws=2)
    order = sanity_checks.faithfulness("net.onnx", x, seed=3, steps=4)
    assert found["randomisation"]["stages"] == [list(stage) for stage in kept.stages]
    assert found["logit"]["others"] == other.others.tolist()
    for j, method in enumerate(found["methods"]):
        for name in sanity_checks.MEASURES:
            for key, wanted in (("randomisation", kept), ("logit", other)):
                given = np.array(found[key]["similarity"][name][method], float)
                np.testing.assert_allclose(given, wanted.similarity[name][j])
        areas = found["faithfulness"]["deletion_area"][method]
        np.testing.assert_allclose(areas, order.deletion_area[j])
    assert len(found["summary"]) == 3


def test_from_python(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same numbers and plot as the command line's, from a path, a picture and an array."""
    ran = run(capsys, *f"{FAST} --checks logit --preprocess 0-1 --json -o a.png".split())
    options: dict[str, Any] = {"checks": ["logit"], "draws": 2, "preprocessing": "0-1"}
    told: list[str] = []
    sanity = retrograph.sanity("net.onnx", "dog.png", tell=told.append, **options)
    assert sanity.to_dict() == json.loads(ran.out) | {"plot": None}
    assert "random logit: guided" in told
    np.testing.assert_array_equal(sanity.image(), opened("a.png"))
    assert repr(sanity) == "<Sanity scores by gradient, deconvnet, guided on 1 input>"
    wanted = sanity.arrays()["logit/ssim"]
    with Image.open("dog.png") as dog:
        array = sanity.subject.items[0]
        others = retrograph.sanity("net.onnx", [dog.convert("RGB"), array], **options)
    np.testing.assert_array_equal(others.arrays()["logit/ssim"][:, :, :1], wanted)
    rows = retrograph.sanity("net.onnx", np.stack([array, array]), **options)
    assert rows.names == ("input 0", "input 1")


def test_mistakes_from_python(desk: Path) -> None:
    with pytest.raises(retrograph.InputError, match=r"missing\.png"):
        retrograph.sanity("net.onnx", ["dog.png", "missing.png"])
    with pytest.raises(retrograph.InputError, match="no check 'magic'"):
        retrograph.sanity("net.onnx", "dog.png", checks=["magic"])


@pytest.mark.one_in(3)
@pytest.mark.parametrize("checks", ["randomisation", "logit", "faithfulness,randomisation"])
def test_plot_of_some_checks(checks: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = good(capsys, f"{FAST} --checks {checks} -o plots/")
    image = opened("plots/sanity.png")
    assert "-> plots/sanity.png" in out
    rows = 1 + (checks.count(",") > 0)
    assert image.size == (1920, 560 * rows + 100)
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 50
    words = {"randomisation": "Weights: ", "logit": "Class: ", "faithfulness": "Order: "}
    for check, word in words.items():
        assert (word in out) == (check in checks)


def test_many_methods_and_no_number(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes, constants = nets.cnn_parts()
    constants["w3"][:] = 0
    inputs, outputs = [nets.info("x", ["N", 3, 8, 8])], [nets.info("scores_out", ["N", 4])]
    nets.save(nets.model(nodes, inputs, outputs, constants), desk / "flat.onnx")
    methods = "gradient,guided,saliency,input-x-gradient"
    ran = run(capsys, *f"sanity flat.onnx dog.png --method {methods} --json".split())
    assert ran.code == 0, ran
    found = json.loads(ran.out)
    assert found["randomisation"]["similarity"]["ssim"]["guided"][0] == [None]
    assert any(note.startswith("guided: ") for note in found["notes"])


def test_one_bad_picture_does_not_stop_the_others(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = run(capsys, *["sanity", "net.onnx", "missing.png", "dog.png", "--checks", "logit"])
    assert ran.code == 2
    assert "missing.png" in ran.err
    assert "Class: " in ran.out


def test_many_inputs_are_counted(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [picture(desk / f"{n}.png", seed=n).name for n in range(10)]
    out = good(capsys, f"sanity net.onnx {' '.join(names)} --checks logit --draws 1")
    assert "  7.png: " in out
    assert "  8.png: " not in out
    assert "\n  and 2 more\n" in out
    assert "The maps of another class: " in out


def test_no_picture_is_good(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = run(capsys, *["sanity", "net.onnx", "missing.png", "gone.png", "--checks", "logit"])
    assert ran.code == 2
    assert [line.split()[1] for line in ran.err.splitlines()] == ["missing.png", "gone.png"]
    assert "similarity" not in ran.out


def test_complaints(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture(desk / "sanity.png")
    nets.save(nets.two_input_net(), desk / "two.onnx")
    refused(capsys, desk, f"{FAST} -o sanity.png", "exists", "--force")
    refused(capsys, desk, f"{FAST} --checks magic", "no check 'magic'", "randomisation, logit")
    refused(capsys, desk, f"{FAST} --method magic", "unknown method 'magic'")
    refused(capsys, desk, f"{FAST} --layer magic", "magic")
    refused(capsys, desk, f"{FAST} --unit 99", "out of range")
    refused(capsys, desk, f"{FAST} --seed -1", "no whole number from 0")
    refused(capsys, desk, f"{FAST} --baseline nan", "finite")
    refused(capsys, desk, f"{FAST} --randomise sideways", "cascading")


def test_a_graph_that_is_built_already(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good(capsys, "build net.onnx -o built.onnx")
    refused(capsys, desk, "sanity built.onnx dog.png", "give its source model")


@pytest.mark.parametrize("missing", ["scipy", "skimage", "matplotlib"])
def test_a_library_is_missing(
    missing: str, desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    refused(capsys, desk, FAST, missing, "pip install 'retrograph[sanity]'")
