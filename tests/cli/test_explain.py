"""`retrograph explain` on models and inputs of every kind: what is printed, what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

import retrograph
from retrograph.preprocess import PRESETS, Preprocessing, prepare
from retrograph.render.planes import plane
from support import nets
from support.cli_case import (
    explained,
    good,
    opened,
    picture,
    run,
    workplace,
)

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model, a good picture and labels."""
    return workplace(tmp_path, monkeypatch)


def input_of(path: str, recipe: Preprocessing = PRESETS["0-1"]) -> np.ndarray:
    return prepare(opened(path), recipe, ("N", 3, 8, 8))[0]


# --- explain: what is printed ------------------------------------------------------------------


def test_explain_tells_layer_unit_activation_and_classes(here: Path, capsys: Capture) -> None:
    out = good(capsys, "explain net.onnx dog.png -o map.png --labels labels.txt --preprocess 0-1")
    found = retrograph.Explainer(nets.cnn()).attribute(input_of("dog.png")[None])
    scores = found.outputs["scores_out"][0]
    names = ["cat", "red dog", "blue dog", "bird"]
    best = np.argsort(-scores)[:3]
    assert out.splitlines() == [
        "guided from layer scores ('scores_out') to 'x' on cpu",
        "dog.png",
        f"  scores · {names[best[0]]} · activation {found.score[0]:.4g}",
        "  model output: " + ", ".join(f"{names[i]} {scores[i]:.3g}" for i in best),
        "  -> map.png",
    ]


def test_explain_as_json(here: Path, capsys: Capture) -> None:
    ran = run(
        capsys,
        *[
            "explain",
            "net.onnx",
            "dog.png",
            "-o",
            "map.png",
            "--layer",
            "relu2",
            "--unit",
            "3",
            "--json",
        ],
    )
    assert "guided from layer relu2" in ran.err
    told = json.loads(ran.out)
    assert {k: told[k] for k in ("methods", "layer", "tensor", "device")} == {
        "methods": ["guided"],
        "layer": "relu2",
        "tensor": "e",
        "device": "cpu",
    }
    (record,) = told["explained"]
    assert (record["input"], record["file"]) == ("dog.png", "map.png")
    assert record["units"][0]["unit"][0] == 3
    assert len(record["classes"]) == nets.CLASSES


def test_maps_are_no_class_scores(here: Path, capsys: Capture) -> None:
    model = nets.cnn()
    del model.graph.output[:]
    model.graph.output.append(nets.info("e", ["N", 5, 4, 4]))
    nets.save(model, here / "maps.onnx")
    assert "model output" not in good(capsys, "explain maps.onnx dog.png -o map.png")


def test_without_preprocessing_it_is_said_what_is_assumed(here: Path, capsys: Capture) -> None:
    assert "note: preprocessing: 0-1 (assumed)" in good(capsys, "explain net.onnx dog.png -o a.png")
    assert "note:" not in good(capsys, "explain net.onnx dog.png -o b.png --scale 1")


def test_names_are_printed_as_they_are(here: Path, capsys: Capture) -> None:
    picture(here / "[bold]x[/y]:dog:.png")
    (here / "labels.txt").write_text("[red]\n[/]\n:cat:\n\x1b[31m\n")
    out = good(capsys, "explain net.onnx [bold]x[/y]:dog:.png -o a.png --labels labels.txt --top 4")
    assert "\n[bold]x[/y]:dog:.png\n" in out
    for name in ("[red]", "[/]", ":cat:", r"\x1b[31m"):
        assert f"· {name} ·" in out


# --- explain: units ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "select", "index"),
    [
        ("", "top", None),
        ("--unit top", "top", None),
        ("--unit 2", "unit", (2,)),
        ("--unit dingo --labels labels.txt", "unit", (2,)),
        ("--unit Tabby --labels labels.txt", "unit", (0,)),
        ("--layer scores --unit bird --labels labels.txt", "unit", (3,)),
        ("--layer relu1", "top", None),
        ("--layer relu1 --unit 4", "channel", (4,)),
        ("--layer relu1 --unit 4,5,6", "unit", (4, 5, 6)),
        ("--layer d --unit 1", "channel", (1,)),
        ("--layer n_d --unit 1", "channel", (1,)),
        ("--layer gap1 --unit 3", "unit", (3, 0, 0)),
    ],
)
def test_a_unit(
    here: Path, capsys: Capture, options: str, select: str, index: tuple[int, ...] | None
) -> None:
    good(capsys, f"explain net.onnx dog.png -o map.png --npz --preprocess imagenet {options}")
    layer = options.split("--layer ")[-1].split()[0] if "--layer" in options else None
    explainer = retrograph.Explainer("net.onnx", layer=layer, select=select)
    found = explainer.attribute(input_of("dog.png", PRESETS["imagenet"])[None], index)
    with np.load("map.npz") as kept:
        np.testing.assert_array_equal(kept["unit"], found.unit)
        np.testing.assert_array_equal(kept["score"], found.score)
        np.testing.assert_array_equal(kept["attribution_guided"], found.attribution)
        np.testing.assert_array_equal(kept["input"], input_of("dog.png", PRESETS["imagenet"]))


def test_the_most_active_units(here: Path, capsys: Capture) -> None:
    (record,) = explained(capsys, "net.onnx dog.png -o map.png --top 3 --npz")
    with np.load("map.npz") as kept:
        assert kept["attribution_guided"].shape == (3, 3, 8, 8)
        assert (np.diff(kept["score"]) <= 0).all()
        assert [u["unit"] for u in record["units"]] == kept["unit"].tolist()


def test_a_column_for_each_method(here: Path, capsys: Capture) -> None:
    good(capsys, "explain net.onnx dog.png -o one.png")
    good(capsys, "explain net.onnx dog.png -o all.png --npz --method gradient,deconvnet,guided")
    one, three = opened("one.png").width, opened("all.png").width
    assert three - one == pytest.approx((one / 2) * 2, rel=0.1)
    with np.load("all.npz") as kept:
        names = {f"attribution_{m}" for m in ("gradient", "deconvnet", "guided")}
        assert names < set(kept.files)
        assert (kept["attribution_gradient"] != kept["attribution_guided"]).any()


def test_the_styles_differ(here: Path, capsys: Capture) -> None:
    drawn = set()
    styles = ("signed", "red-blue", "heat", "overlay", "smooth", "heat,smooth")
    for style in styles:
        good(capsys, f"explain net.onnx dog.png -o {style}.png --style {style}")
        drawn.add((here / f"{style}.png").read_bytes())
    assert len(drawn) == len(styles)


# --- explain: where it goes --------------------------------------------------------------------


def test_names_of_outputs(here: Path, capsys: Capture) -> None:
    for path in ("photos/a/dog.png", "photos/b/dog.png", "photos/b/cat.tiff", "other/dog.jpg"):
        picture(here / path)
    np.savez(here / "many.npz", x_test=np.zeros((2, 3, 8, 8), np.float32))
    good(capsys, "explain net.onnx photos other/dog.jpg dog.png many.npz -o new/maps --layer relu1")
    assert {path.name.removesuffix(".relu1.guided.png") for path in Path("new/maps").iterdir()} == {
        *("a_dog", "b_dog", "b_cat", "dog", "dog-2", "many_x_test_0", "many_x_test_1")
    }
    good(capsys, "explain net.onnx dog.png --method guided,gradient")
    assert Path("dog.scores.guided-gradient.png").exists()
    good(capsys, "explain net.onnx dog.png -o MAP.JPG")
    assert opened("MAP.JPG").format == "JPEG"


def test_a_single_entry_of_an_array_may_go_into_a_file(here: Path, capsys: Capture) -> None:
    np.savez(here / "one.npz", a=np.zeros((1, 3, 8, 8), np.float32))
    good(capsys, "explain net.onnx one.npz -o map.png")


def test_a_sheet_shows_the_strongest(here: Path, capsys: Capture) -> None:
    for seed in range(5):
        picture(here / f"photos/{seed}.png", (8, 8), seed)
    command = "explain net.onnx photos --layer conv2 --unit 1 --preprocess 0-1"
    good(capsys, f"{command} --npz -o maps")
    scores = [float(np.load(p)["score"][0]) for p in Path("maps").glob("*.npz")]
    assert len(set(scores)) == 5
    out = good(capsys, f"{command} --npz --sheet 2x2 -o sheet")
    assert "the 4 strongest units" in out
    assert "-> sheet.png" in out
    with np.load("sheet.npz") as kept:
        np.testing.assert_array_equal(kept["score"], sorted(scores, reverse=True)[:4])
        assert kept["attribution_guided"].shape == (4, 3, 8, 8)
        assert (kept["unit"][:, 0] == 1).all()


def test_a_sheet_of_the_units_of_one_picture(here: Path, capsys: Capture) -> None:
    good(capsys, "explain net.onnx dog.png --layer relu1 --top 6 --sheet 2x3 --npz -o maps/ ")
    with np.load("maps/sheet.npz") as kept:
        assert sorted(unit[0] for unit in kept["unit"].tolist()) == [0, 1, 2, 3, 4, 5]


# --- explain: models and inputs of every kind --------------------------------------------------


def test_channels_last(here: Path, capsys: Capture) -> None:
    nets.save(nets.nhwc_cnn(), here / "nhwc.onnx")
    good(capsys, "explain nhwc.onnx dog.png -o last.png --npz --preprocess imagenet")
    good(capsys, "explain net.onnx dog.png -o first.png --npz --preprocess imagenet")
    with np.load("last.npz") as last, np.load("first.npz") as first:
        np.testing.assert_allclose(
            last["attribution_guided"][0].transpose(2, 0, 1),
            first["attribution_guided"][0],
            atol=1e-6,
        )
    assert (here / "last.png").read_bytes() == (here / "first.png").read_bytes()


def test_grey_pictures(here: Path, capsys: Capture) -> None:
    nets.save(nets.cnn(channels=1), here / "grey.onnx")
    good(capsys, "explain grey.onnx dog.png -o map.png --npz")
    with np.load("map.npz") as kept:
        assert kept["input"].shape == (1, 8, 8)
    pixels = np.asarray(opened("map.png").convert("RGB")).astype(int)
    assert np.ptp(pixels, axis=2).max() <= 6  # that of the ink


def test_sizes_that_are_open_are_the_pictures_own(here: Path, capsys: Capture) -> None:
    nets.save(nets.cnn(size="s"), here / "open.onnx")
    good(capsys, "explain open.onnx dog.png -o map.png --npz")
    with np.load("map.npz") as kept:
        assert kept["attribution_guided"].shape == (1, 3, 10, 12)


def test_half_precision(here: Path, capsys: Capture) -> None:
    nets.save(nets.half_cnn(), here / "half.onnx")
    good(capsys, "explain half.onnx dog.png -o half.png --npz")
    good(capsys, "explain net.onnx dog.png -o full.png --npz")
    with np.load("half.npz") as half, np.load("full.npz") as full:
        expected = full["attribution_guided"]
        assert np.abs(half["attribution_guided"] - expected).max() < 0.05 * np.abs(expected).max()


def test_a_fixed_batch_is_filled_up(here: Path, capsys: Capture) -> None:
    nets.save(nets.cnn(batch=4), here / "four.onnx")
    for seed in range(6):
        picture(here / f"photos/{seed}.png", (8, 8), seed)
    out = good(capsys, "explain four.onnx photos -o four --npz")
    assert "note: the model takes batches of 4: the last input is repeated to fill one" in out
    good(capsys, "explain net.onnx photos -o one --npz")
    for seed in range(6):
        name = f"{seed}.scores.guided.npz"
        with np.load(f"four/{name}") as four, np.load(f"one/{name}") as one:
            assert set(four.files) == set(one.files)
            for key in set(one.files) - {"preprocessing"}:
                np.testing.assert_allclose(four[key], one[key], atol=1e-6)


def test_pictures_of_several_sizes_do_not_share_a_batch(here: Path, capsys: Capture) -> None:
    nets.save(nets.cnn(batch=2, size="s"), here / "two.onnx")
    for seed, size in enumerate([(8, 8), (10, 8), (10, 8)]):
        picture(here / f"photos/{seed}.png", size, seed)
    assert len(explained(capsys, "two.onnx photos -o maps")) == 3


@pytest.mark.parametrize(
    ("model", "shape"),
    [(nets.sequence_net, (4, 20)), (nets.vector_net, (5,)), (nets.volume_net, (2, 4, 4, 4))],
)
def test_inputs_that_are_no_pictures(
    here: Path, capsys: Capture, model: Callable[[], ModelProto], shape: tuple[int, ...]
) -> None:
    nets.save(model(), here / "net.onnx")
    batch = np.random.default_rng(1).normal(size=(2, *shape)).astype(np.float32)
    np.save(here / "in.npy", batch)
    records = explained(capsys, "net.onnx in.npy -o maps --method gradient,guided")
    assert [record["input"] for record in records] == ["in.npy[0]", "in.npy[1]"]
    for i, record in enumerate(records):
        path = Path(str(record["file"]))
        assert path == Path(f"maps/in_{i}.scores.gradient-guided.png")
        assert len(np.unique(np.asarray(opened(path)))) > 20


def test_planes_of_sequences_vectors_and_maps() -> None:
    values = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(plane(values)[0], values)
    np.testing.assert_array_equal(plane(values.T)[0], values)
    assert plane(np.arange(20.0)).shape == (1, 3, 20)
    np.testing.assert_array_equal(plane(np.stack([values, values + 2]))[0], values + 1)
    np.testing.assert_array_equal(plane(np.stack([values, values + 2], axis=-1))[0], values + 1)
    long = np.zeros(50_000)
    long[777], long[40_000] = -5, 3
    drawn = plane(long)
    assert drawn.shape[2] == 1024
    assert (drawn.min(), drawn.max()) == (-5, 3)


def test_a_model_of_several_inputs(here: Path, capsys: Capture) -> None:
    nets.save(nets.two_input_net(), here / "two.onnx")
    rng = np.random.default_rng(2)
    x, state = (rng.normal(size=(3, n)).astype(np.float32) for n in (5, 6))
    np.savez(here / "in.npz", x=x, state=state, sr=np.array(2))
    for wrt in ("x", "state"):
        records = explained(capsys, f"two.onnx in.npz -o {wrt} --npz --wrt {wrt} --unit 4")
        assert [r["input"] for r in records] == ["in.npz[0]", "in.npz[1]", "in.npz[2]"]
        explainer = retrograph.Explainer("two.onnx", wrt=wrt, select="unit")
        feeds = {"x": x, "state": state, "sr": np.array(2)}
        found = explainer.attribute(feeds, (4,))
        for i in range(3):
            with np.load(f"{wrt}/in_{i}.scores.guided.npz") as kept:
                np.testing.assert_array_equal(kept["attribution_guided"][0], found.attribution[i])
                np.testing.assert_array_equal(kept["input"], feeds[wrt][i])
