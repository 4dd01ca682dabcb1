"""`explain`, `explain_all` and `compare` of Python: what goes in, and what comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from retrograph import prefetch
from support import nets
from support.cli_case import picture, run
from support.graphs import noise, runner

X = noise(3, 3, 8, 8)
NAMES = ["tench", "golden retriever", "cat", "plane"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a classifier of 8 x 8 pictures and two pictures of that size."""
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    for seed in (0, 1):
        picture(tmp_path / f"{seed}.png", (8, 8), seed)
    return tmp_path


def by_hand(path: str) -> np.ndarray:
    """A picture of the model's size as its input, scaled to 0-1."""
    pixels = np.asarray(Image.open(path).convert("RGB"), np.float64)
    return (pixels / 255).transpose(2, 0, 1)[np.newaxis].astype(np.float32)


def built(method: str = "guided", **options: Any) -> Any:
    """The built graph, run by ONNX Runtime alone."""
    return runner(rg.build(nets.cnn(), method=method, **options))


# --- explain -------------------------------------------------------------------------------------


def test_explain_takes_one_method_and_says_what_takes_several(here: Path) -> None:
    with pytest.raises(rg.InputError, match=r"one method.*compare and explain_all take several"):
        rg.explain("net.onnx", X, method=["gradient", "guided"])  # type: ignore[arg-type]


def test_a_model_and_a_comparison_say_what_they_are(here: Path) -> None:
    assert repr(rg.Model("net.onnx")) == "<Model net.onnx>"
    assert repr(rg.compare("net.onnx", "0.png", "gradient")) == "<Comparison gradient: 1 input>"


def test_a_picture_in_every_form_is_what_its_array_gives(here: Path) -> None:
    expected = built()(by_hand("0.png"))
    image = Image.open("0.png")
    pixels = np.asarray(image.convert("RGB"))
    for x in ("0.png", Path("0.png"), image, pixels, pixels[np.newaxis], by_hand("0.png")):
        a = rg.explain("net.onnx", x, device="cpu")
        assert a.attribution.shape == (1, 3, 8, 8)
        np.testing.assert_allclose(a.attribution, expected["attribution"], atol=1e-6)
        np.testing.assert_allclose(a.score, expected["score"], rtol=1e-5)
        np.testing.assert_array_equal(a.unit, expected["unit"])
        assert np.array_equal(np.asarray(a.explanations[0].shown), pixels)


def test_several_inputs_are_one_batch(here: Path) -> None:
    both = np.concatenate([by_hand("0.png"), by_hand("1.png")])
    expected = built()(both)["attribution"]
    for x in (["0.png", "1.png"], [Image.open("0.png"), by_hand("1.png")[0]], both, ".", "all.npz"):
        np.savez("all.npz", x=both)
        found = rg.explain("net.onnx", x, device="cpu")
        np.testing.assert_allclose(found.attribution, expected, atol=1e-6)
    one_by_one = rg.explain("net.onnx", both, device="cpu", batch=1)
    np.testing.assert_allclose(one_by_one.attribution, expected, atol=1e-6)
    assert one_by_one.outputs["scores_out"].shape == (2, nets.CLASSES)
    assert [e.name for e in rg.explain("net.onnx", ["1.png", both[0]]).explanations] == [
        "1.png",
        "input[1]",
    ]


def test_floats_in_memory_start_no_threads(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = rg.explain("net.onnx", X, device="cpu").attribution
    monkeypatch.setattr(prefetch, "ThreadPoolExecutor", None)
    found = rg.explain("net.onnx", X, device="cpu").attribution
    np.testing.assert_array_equal(found, wanted)


def test_a_fixed_batch_is_filled_and_cut(here: Path) -> None:
    nets.save(nets.cnn(batch=2), here / "two.onnx")
    expected = built()(X)
    found = rg.explain("two.onnx", X, device="cpu")
    np.testing.assert_allclose(found.attribution, expected["attribution"], atol=1e-6)
    assert found.score.shape == (3,)
    assert found.feeds["x"].shape == X.shape
    units = [[0], [1], [2]]
    found = rg.explain("two.onnx", X, units, device="cpu")
    wanted = built(select="unit")(X, select=np.array(units))
    np.testing.assert_allclose(found.attribution, wanted["attribution"], atol=1e-6)


def test_units_by_number_index_and_name(here: Path) -> None:
    run = built(select="unit")
    for unit, index in (
        (2, 2),
        ((2,), 2),
        (np.int64(2), 2),
        ("2", 2),
        ("cat", 2),
        ("golden retriever", 1),
    ):
        a = rg.explain("net.onnx", X, unit, labels=NAMES, device="cpu")
        wanted = run(X, select=np.full((3, 1), index))["attribution"]
        np.testing.assert_allclose(a.attribution, wanted, atol=1e-6)
        assert a.explanations[0].context.unit(a.unit[0]) == NAMES[index]
    rows = [[0], [2], [1]]
    wanted = run(X, select=np.array(rows))["attribution"]
    np.testing.assert_allclose(
        rg.explain("net.onnx", X, rows, device="cpu").attribution, wanted, atol=1e-6
    )


def test_the_most_active_units(here: Path) -> None:
    a = rg.explain("net.onnx", X, top=2, device="cpu")
    order = np.argsort(-a.outputs["scores_out"], axis=1)[:, :2]
    np.testing.assert_array_equal(a.unit[..., 0], order)
    assert a.attribution.shape == (3, 2, 3, 8, 8)
    wanted = built(select="unit")(X, select=order[:, 1:])["attribution"]
    np.testing.assert_allclose(a.attribution[:, 1], wanted, atol=1e-5)


@pytest.mark.parametrize("asked", [{"top": 2}, {"unit": "1;0,7"}])
def test_channels_of_an_input_of_any_length(asked: dict[str, Any]) -> None:
    """Without a height and a width there is no size for which the graph could be fixed."""
    net, how = nets.wave_net("T"), {"layer": "r", "method": "gradient", "device": "cpu"}
    explainer = rg.Explainer(net, select="unit", **how)  # type: ignore[arg-type]
    for length in (60, 80):
        x = noise(1, length)
        found = rg.explain(net, x, **how, **asked)
        assert found.attribution.shape == (1, 2, length)
        for row, unit in enumerate(found.unit[0]):
            alone = explainer.attribute(x, unit).attribution[0]
            np.testing.assert_allclose(found.attribution[0, row], alone, atol=1e-6)


def test_labels_of_a_file_and_of_the_model(here: Path) -> None:
    Path("names.txt").write_text("\n".join(NAMES))
    assert rg.explain("net.onnx", X, "cat", labels="names.txt").unit.tolist() == [[2]] * 3
    named = nets.cnn()
    entry = named.metadata_props.add()
    entry.key, entry.value = "labels", "\n".join(NAMES)
    assert rg.explain(named, X, "plane").unit.tolist() == [[3]] * 3
    with pytest.raises(rg.InputError, match="names 2 classes and the model has 4"):
        rg.explain("net.onnx", X, labels=["one", "two"])


def test_the_files_own_preprocessing_is_taken_and_another_goes_before(here: Path) -> None:
    model = nets.cnn()
    entry = model.metadata_props.add()
    entry.key, entry.value = "preprocessing", "imagenet"
    mean = np.float32([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    std = np.float32([0.229, 0.224, 0.225]).reshape(3, 1, 1)
    own = rg.explain(model, "0.png", preprocessing=rg.Preprocessing())
    np.testing.assert_allclose(own.feeds["x"], by_hand("0.png"), atol=1e-6)
    stored = rg.explain(model, "0.png").feeds["x"]
    cropped = rg.explain(model, "0.png", preprocessing=rg.Preprocessing(crop_fraction=0.875))
    np.testing.assert_allclose(stored, (cropped.feeds["x"] - mean) / std, atol=1e-5)
    named = rg.explain("net.onnx", "0.png", preprocessing="imagenet")
    np.testing.assert_array_equal(named.feeds["x"], stored)
    known = rg.explain("net.onnx", "0.png").context.preprocessing
    assert known is not None
    assert known.source == "assumed"
    assert not named.explanations[0].note


def test_models_of_several_inputs(here: Path) -> None:
    proto = nets.two_input_net()
    feeds = {"x": noise(2, 5), "state": noise(2, 6), "sr": np.array(2)}
    np.savez("in.npz", **feeds)
    expected = rg.Explainer(proto, device="cpu").attribute(feeds)
    for x in (feeds, "in.npz"):
        a = rg.explain(proto, x, device="cpu")
        assert a.attributions.keys() == expected.attributions.keys()
        for name, values in a.attributions.items():
            np.testing.assert_allclose(values, expected.attributions[name], atol=1e-6)
    with pytest.raises(rg.InputError, match="has no array"):
        rg.explain(proto, {"x": feeds["x"]})


def test_mistakes_are_one_line(here: Path) -> None:
    with pytest.raises(rg.InputError, match=r"none\.png does not exist"):
        rg.explain("net.onnx", ["0.png", "none.png"])
    with pytest.raises(rg.InputError, match=r"labels=FILE"):
        rg.explain("net.onnx", X, "dog")
    with pytest.raises(rg.InputError, match="2 rows for 3 inputs"):
        rg.explain("net.onnx", X, [[0], [1]])
    with pytest.raises(rg.InputError, match="whole number"):
        rg.explain("net.onnx", X, 1.5)
    with pytest.raises(rg.InputError, match="NaN"):
        rg.explain("net.onnx", np.where(X > 2, np.nan, X))
    with pytest.raises(rg.InputError, match="there is no input"):
        rg.explain("net.onnx", [])
    nets.save(nets.cnn(size="S"), here / "open.onnx")
    with pytest.raises(rg.InputError, match="several sizes"):
        rg.explain("open.onnx", [X[0], noise(3, 12, 12)])


def test_a_built_graph(here: Path) -> None:
    rg.save(rg.build("net.onnx", select="unit", preprocessing="0-1"), "built.onnx")
    a = rg.explain("built.onnx", "0.png", 1, device="cpu")
    wanted = built(select="unit")(by_hand("0.png"), select=np.array([[1]]))
    np.testing.assert_allclose(a.attribution, wanted["attribution"], atol=1e-6)
    assert np.array_equal(np.asarray(a.explanations[0].shown), np.asarray(Image.open("0.png")))
    with pytest.raises(rg.InputError, match="build another"):
        rg.explain("built.onnx", "0.png", 1, method="gradient")
    with pytest.raises(rg.InputError, match="select 'unit'"):
        rg.explain("built.onnx", "0.png")


def test_a_built_graph_has_its_parameters(here: Path) -> None:
    rg.save(rg.build("net.onnx", method=rg.methods.LrpGamma(gamma=0.1)), "built.onnx")
    for method in ("lrp-gamma", rg.methods.LrpGamma(gamma=0.1)):
        assert rg.explain("built.onnx", X, method=method).explanations
    with pytest.raises(rg.InputError, match=r"built with gamma=0\.1, not 0\.7"):
        rg.explain("built.onnx", X, method=rg.methods.LrpGamma(gamma=0.7))


# --- explain_all ---------------------------------------------------------------------------------


def test_a_stream_of_explanations_and_bad_inputs(here: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    stream = rg.explain_all(
        "net.onnx",
        ["0.png", "none.png", "1.png"],
        method=["guided", rg.methods.Gradient()],
        batch=1,
        progress=lambda done, total: progress.append((done, total)),
    )
    first, bad, second = stream
    assert isinstance(first, rg.Explanation)
    assert isinstance(second, rg.Explanation)
    assert isinstance(bad, rg.BadInput)
    assert (bad.name, str(bad.error)) == ("none.png", "none.png does not exist; check the path")
    assert progress[0] == (0, 3)
    assert progress[-1] == (3, 3)
    for name, explanation in (("0.png", first), ("1.png", second)):
        assert (explanation.name, explanation.file) == (name, None)
        for method in ("guided", "gradient"):
            wanted = built(method)(by_hand(name))["attribution"]
            np.testing.assert_allclose(explanation.attributions[method], wanted, atol=1e-6)


def test_files_are_what_the_command_writes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        capsys,
        *[
            "explain",
            "net.onnx",
            "0.png",
            "1.png",
            "--method",
            "guided,grad-cam",
            "--npz",
            "-o",
            "cli",
        ],
    )
    stream = rg.explain_all(
        "net.onnx", ["0.png", "1.png"], method="guided,grad-cam", out="py", npz=True
    )
    assert [Path(str(e.file)).name for e in stream if isinstance(e, rg.Explanation)] == [
        "0.scores.guided-grad-cam.png",
        "1.scores.guided-grad-cam.png",
    ]
    files = sorted(p.name for p in Path("cli").iterdir())
    assert files == sorted(p.name for p in Path("py").iterdir())
    for name in files:
        if name.endswith(".png"):
            one, other = (np.asarray(Image.open(f"{folder}/{name}")) for folder in ("cli", "py"))
            np.testing.assert_array_equal(one, other)
    with pytest.raises(rg.InputError, match="force=True"):
        rg.explain_all("net.onnx", "0.png", out="py/0.scores.guided-grad-cam.png")


def test_settings_are_checked_before_the_first_input(here: Path) -> None:
    with pytest.raises(rg.InputError, match="did you mean 'relu1'"):
        rg.explain_all("net.onnx", "0.png", layer="relu11")


# --- compare -------------------------------------------------------------------------------------


def test_methods_side_by_side(here: Path) -> None:
    gammas = [rg.methods.LrpGamma(gamma=0.1), rg.methods.LrpGamma(gamma=0.5)]
    c = rg.compare("net.onnx", ["0.png", "none.png", "1.png"], ["gradient", *gammas], unit=2)
    titles = ["gradient", "lrp-gamma gamma=0.1", "lrp-gamma gamma=0.5"]
    assert [*c.context.methods] == titles
    assert c.bad == {"none.png": "none.png does not exist; check the path"}
    arrays = c.arrays()
    assert arrays["attribution_gradient"].shape == (2, 1, 3, 8, 8)
    for name, method in zip(titles, ["gradient", *gammas], strict=True):
        graph = runner(rg.build(nets.cnn(), method=method, select="unit"))
        x = np.concatenate([by_hand("0.png"), by_hand("1.png")])
        wanted = graph(x, select=np.array([[2], [2]]))["attribution"]
        np.testing.assert_allclose(arrays[f"attribution_{name}"][:, 0], wanted, atol=1e-5)
    record = c.to_dict()
    assert record["methods"] == titles
    assert record["parameters"]["lrp-gamma gamma=0.1"]["gamma"] == 0.1
    assert [e["input"] for e in record["explained"]] == ["0.png", "1.png"]


def test_it_is_the_picture_and_the_record_of_the_command(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = run(capsys, "compare", "net.onnx", "0.png", "1.png", "--unit", "1", "--json")
    c = rg.compare("net.onnx", ["0.png", "1.png"], unit=1)
    np.testing.assert_array_equal(np.asarray(c.image()), np.asarray(Image.open("compare.png")))
    record = json.loads(ran.out)
    record["file"] = None
    record["notes"] = c.to_dict()["notes"]
    assert json.loads(json.dumps(c.to_dict())) == record


def test_what_cannot_be_built_is_left_out(here: Path) -> None:
    flat = nets.model(
        [nets.node("Gemm", "x w", "out")],
        [nets.info("x", ["N", 5])],
        [nets.info("out", ["N", 3])],
        {"w": nets.weights(5, 3)},
    )
    c = rg.compare(flat, noise(1, 5), ["gradient", "guided"])
    assert [*c.context.methods] == ["gradient"]
    assert "ReLU" in c.left_out["guided"]
    with pytest.raises(rg.InputError, match=r"none\.png does not exist"):
        rg.compare("net.onnx", "none.png")


# --- what is said of mistakes, and how files are called ------------------------------------------


def test_a_picture_of_floats_is_told_what_floats_are(here: Path) -> None:
    picture = np.zeros((8, 8, 3), np.float32)
    with pytest.raises(rg.InputError) as told:
        rg.explain("net.onnx", picture)
    assert "float32 8x8x3 does not fit the model's input ?x3x8x8" in str(told.value)
    assert "; floats are the model's input as it is: reshape it, or" in str(told.value)
    assert "give pictures as bytes (uint8), as files or as pictures of Pillow" in str(told.value)
    as_bytes = rg.explain("net.onnx", picture.astype(np.uint8))
    assert as_bytes.attribution.shape == (1, 3, 8, 8)


def test_a_layer_of_its_tensors_name_is_named_once(here: Path) -> None:
    assert rg.Explainer("net.onnx").contract.layer == "scores ('scores_out')"
    model = nets.cnn()
    model.graph.node[-1].output[0] = model.graph.output[0].name = "scores"
    contract = rg.Explainer(model).contract
    assert (contract.alias, contract.target, contract.layer) == ("scores",) * 3


def test_files_of_many_methods_and_long_names_can_be_written(here: Path) -> None:
    context = rg.explain("net.onnx", "0.png").context
    every = replace(context, contracts=dict.fromkeys(rg.methods.METHODS, context.contract))
    assert every.tag == f"scores.gradient-and-{len(rg.methods.METHODS) - 1}-more"
    long = "x" * 240
    picture(here / f"{long}.png", (8, 8), 0)
    (written,) = rg.explain_all("net.onnx", f"{long}.png", out="maps/", npz=True)
    assert isinstance(written, rg.Explanation)
    assert sorted(p.suffix for p in (here / "maps").iterdir()) == [".npz", ".png"]
