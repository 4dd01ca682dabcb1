"""`retrograph compare`: the methods' own maps in aligned columns, and what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import retrograph
from retrograph.contract import Contract
from retrograph.pipeline import comparing
from retrograph.preprocess import PRESETS, prepare
from retrograph.render import SCALE, enlarge, signed, style_named
from retrograph.results.notes import gather_notes
from support import nets
from support.cli_case import good, opened, picture, refused, run, workplace
from support.compare_case import Page, counted, watched
from support.page_case import find

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model, a good picture and labels."""
    return workplace(tmp_path, monkeypatch)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> type[Page]:
    """What the last picture was made of, as `page.made`."""
    return watched(monkeypatch)


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods whose graphs are built, as they are."""
    return counted(monkeypatch)


# --- what the picture holds --------------------------------------------------------------------


def test_a_row_for_each_picture_a_column_for_each_method(here: Path, capsys: Capture) -> None:
    """The maps are those of the methods, found on the page pixel for pixel, in a grid."""
    names = ["a.png", "b.png", "c.png"]
    for seed, name in enumerate(names):
        picture(here / name, (9 + seed, 9), seed)
    good(capsys, f"compare net.onnx {' '.join(names)} --preprocess 0-1")
    page = opened("compare.png")
    places = []
    for name in names:
        x, shown = prepare(opened(name), PRESETS["0-1"], ("N", 3, 8, 8))
        maps = [
            signed(retrograph.Explainer("net.onnx", method=m).attribute(x[None]).attribution[0])
            for m in ("gradient", "deconvnet", "guided")
        ]
        places.append([find(page, enlarge(each, 224)) for each in (shown, *maps)])
    columns = [x for x, _ in places[0]]
    assert columns == sorted(set(columns))
    assert all([x for x, _ in row] == columns for row in places)
    assert all(len({y for _, y in row}) == 1 for row in places)
    rows = [row[0][1] for row in places]
    assert rows == sorted(set(rows))


def test_pictures_of_several_sizes_align(here: Path, capsys: Capture) -> None:
    nets.save(nets.cnn(size="s"), here / "open.onnx")
    for name, size in (("a.png", (30, 20)), ("b.png", (12, 16))):
        picture(here / name, size)
    good(capsys, "compare open.onnx a.png b.png --method gradient,saliency --preprocess 0-1")
    page = opened("compare.png")
    lefts = []
    for name, size in (("a.png", (30, 20)), ("b.png", (12, 16))):
        x, shown = prepare(opened(name), PRESETS["0-1"], ("N", 3, None, None))
        assert x.shape == (3, size[1], size[0])
        found = [
            retrograph.Explainer("open.onnx", method=m).attribute(x[None]).attribution[0]
            for m in ("gradient", "saliency")
        ]
        maps = signed(found[0]), style_named("overlay,smooth").draw(found[1], picture=shown)
        drawn = [enlarge(each, 224, smooth=True) for each in maps]
        (left, top), (right, other) = (find(page, d) for d in drawn)
        assert top == other
        lefts.append((left, right))
    assert lefts[0] == lefts[1]


def test_what_is_written_beside_the_pictures(here: Path, capsys: Capture, page: type[Page]) -> None:
    picture(here / "deep/cat.png", seed=3)
    good(capsys, "compare net.onnx dog.png deep/cat.png --labels labels.txt --preprocess 0-1")
    assert page.made.title == "net.onnx\ntop class of each input"
    _, *methods = page.made.titles[1:]
    assert [title.split()[0] for title in methods] == ["Gradient", "Deconvnet", "Guided"]
    for caption, name in zip(page.made.captions, ("dog.png", "deep/cat.png"), strict=True):
        x = prepare(opened(name), PRESETS["0-1"], ("N", 3, 8, 8))[0]
        found = retrograph.Explainer("net.onnx").attribute(x[None])
        label = ["cat", "red dog", "blue dog", "bird"][int(found.unit[0, 0])]
        scores = found.outputs["scores_out"][0].astype(np.float64)
        share = np.exp(scores).max() / np.exp(scores).sum()
        expected = f"{label} · softmax {share:.3f} · logit {found.score[0]:.4g}"
        assert caption.splitlines() == [Path(name).name, expected]


def test_a_map_of_zeros_is_said(here: Path, capsys: Capture, page: type[Page]) -> None:
    """Where the quantile leaves nothing, and only there."""
    command = "net.onnx dog.png --method gradient,rectgrad --param quantile=1 --preprocess 0-1"
    line = (
        "0 everywhere by rectgrad: the gradient is not 0, and rectgrad keeps nothing of it; try "
        "gradient"
    )
    assert f"\n  {line}\n" in good(capsys, f"compare {command}")
    reason = "The gradient is not 0, and rectgrad keeps nothing of it"
    assert page.made.captions[0].splitlines()[2:] == [f"0 everywhere by RectGrad. {reason}"]
    assert f"\n  {line}\n" in good(capsys, f"explain {command} -o map.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--unit 2", "output 2"),
        ("--unit bird --labels labels.txt", "bird"),
        ("--layer relu1 --unit 4", "layer relu1 · channel 4 at its strongest position"),
        ("--layer relu1 --unit 4,5,6", "layer relu1 · channel 4 at row 5, column 6"),
    ],
)
def test_the_unit_is_named(
    here: Path, capsys: Capture, page: type[Page], options: str, words: str
) -> None:
    good(capsys, f"compare net.onnx dog.png --preprocess 0-1 {options}")
    assert page.made.title.splitlines()[1] == words


def test_the_colours_of_each_style_are_explained(
    here: Path, capsys: Capture, page: type[Page]
) -> None:
    command = "compare net.onnx dog.png --force --method gradient,saliency,grad-cam,guided"
    good(capsys, command)
    keys = page.made.keys
    assert [names for names, _ in keys] == [
        "Gradient, Guided backpropagation",
        "Saliency, Grad-CAM",
    ]
    assert keys[1][1].text.startswith("Saliency: size of the gradient (largest over channels)")
    assert "; Grad-CAM: evidence for the output, over" in keys[1][1].text
    assert SCALE in page.made.notes[-1]
    assert "99.5th percentile" in SCALE
    for style in ("signed", "red-blue", "heat", "overlay", "signed,smooth"):
        good(capsys, f"{command} --style {style}")
        named = ", ".join(names for names, _ in page.made.keys)
        assert sorted(named.split(", ")) == [
            *("Grad-CAM", "Gradient", "Guided backpropagation", "Saliency")
        ]
        has_sign = style not in ("heat", "overlay")
        assert len(page.made.keys) == (2 if has_sign else 1)  # with signs, magnitudes


# --- what is to be known of a method -----------------------------------------------------------


def contract(*notes: str) -> Contract:
    built = retrograph.build(nets.cnn())
    whole = Contract.from_properties({p.key: p.value for p in built.metadata_props})
    assert whole is not None
    return replace(whole, notes=notes)


def test_notes_are_gathered_without_repetition() -> None:
    found = gather_notes(
        {
            "gradient": contract("all do"),
            "guided": contract("all do", "guided: smooth"),
            "deconvnet": contract("all do", "deconvnet: smooth", "no switches"),
        }
    )
    assert [str(note) for note in found] == [
        "all do",
        "guided, deconvnet: smooth",
        "deconvnet: no switches",
    ]
    assert [str(note) for note in gather_notes({"guided": contract("guided: smooth", "all")})] == [
        "guided: smooth",
        "all",
    ]


def test_a_note_is_attached_to_the_methods_name(
    here: Path, capsys: Capture, page: type[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = {"gradient": ["rounded"], "deconvnet": ["rounded", "deconvnet: no switches"]}
    notes["guided"] = ["rounded"]
    explainer = retrograph.Explainer.__init__

    def noted(self: retrograph.Explainer, *args: Any, **options: Any) -> None:
        explainer(self, *args, **options)
        self.contract = replace(self.contract, notes=tuple(notes[self.contract.method]))

    monkeypatch.setattr(retrograph.Explainer, "__init__", noted)
    out = good(capsys, "compare net.onnx dog.png --preprocess 0-1")
    assert page.made.titles[2:] == ["Gradient", "Deconvnet [1]", "Guided backpropagation"]
    assert page.made.notes[0] == "[1] Deconvnet: no switches"
    assert "rounded" not in page.made.notes
    assert out.splitlines()[1:3] == ["note: rounded", "note: deconvnet: no switches"]


def test_the_parameters_are_written(here: Path, capsys: Capture, page: type[Page]) -> None:
    command = "compare net.onnx dog.png --method grad-cam,layer-cam,rectgrad"
    good(capsys, f"{command} --param layer=relu1 --param quantile=0.5")
    assert {"Grad-CAM, LayerCAM at layer b", "RectGrad: quantile 0.5"} <= {*page.made.notes}


# --- inputs ------------------------------------------------------------------------------------


def test_many_inputs_take_one_graph_a_method(
    here: Path, capsys: Capture, graphs: list[str]
) -> None:
    np.save("in.npy", np.zeros((12, 3, 8, 8), np.float32))
    ran = run(capsys, *["compare", "net.onnx", "in.npy", "dog.png", "--json"])
    assert len(json.loads(ran.out)["explained"]) == 13
    assert graphs == ["gradient", "deconvnet", "guided"]


@pytest.mark.parametrize(("batch", "count"), [("N", 2), ("N", 3), (4, 3)])
def test_the_picture_has_so_many_rows_at_most(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, batch: str | int, count: int
) -> None:
    monkeypatch.setattr(comparing, "MOST_ROWS", 2)
    nets.save(nets.cnn(batch=batch), here / "net.onnx")
    np.save("in.npy", np.zeros((count, 3, 8, 8), np.float32))
    ran = run(capsys, *["compare", "net.onnx", "in.npy", "--json"])
    assert ran.code == 0
    inputs = [record["input"] for record in json.loads(ran.out)["explained"]]
    assert inputs == ["in.npy[0]", "in.npy[1]"]
    assert ("only the first 2 inputs are shown" in ran.err) == (count > 2)


def test_a_bad_input_does_not_stop_the_others(here: Path, capsys: Capture) -> None:
    (here / "bad.png").write_text("no picture")
    ran = run(
        capsys, *["compare", "net.onnx", "bad.png", "dog.png", "missing.png", "-o", "new/maps/"]
    )
    assert ran.code == 2
    assert [line.split()[1] for line in ran.err.splitlines()] == ["bad.png", "missing.png"]
    assert "-> new/maps/compare.png" in ran.out
    assert opened("new/maps/compare.png").width > 4 * 224
    refused(capsys, here, "compare net.onnx bad.png", "bad.png is no picture", "save it as PNG")


def test_nothing_is_replaced_without_force(here: Path, capsys: Capture) -> None:
    good(capsys, "compare net.onnx dog.png -o map")
    refused(capsys, here, "compare net.onnx dog.png -o map", "map.png exists", "give --force")
    before = Path("map.png").read_bytes()
    good(capsys, "compare net.onnx dog.png -o map --force --method gradient")
    assert Path("map.png").read_bytes() != before


def test_inputs_that_are_no_pictures(here: Path, capsys: Capture, page: type[Page]) -> None:
    for model, shape in ((nets.sequence_net, (4, 20)), (nets.vector_net, (5,))):
        nets.save(model(), here / "net.onnx")
        np.save("in.npy", np.random.default_rng(1).normal(size=(2, *shape)).astype(np.float32))
        good(capsys, "compare net.onnx in.npy --force --method gradient,saliency,guided")
        assert [names for names, _ in page.made.keys] == [
            *("input", "Gradient, Guided backpropagation", "Saliency")
        ]
        assert [caption.splitlines()[0] for caption in page.made.captions] == [
            "in.npy, sample 0",
            "in.npy, sample 1",
        ]


def test_a_map_of_one_channel_is_as_high_as_the_sequence(here: Path, capsys: Capture) -> None:
    """Each channel has its number: the picture is that of the map repeated."""
    nets.save(nets.sequence_net(), here / "net.onnx")
    x = np.random.default_rng(1).normal(size=(1, 4, 20)).astype(np.float32)
    np.save("in.npy", x)
    good(capsys, "compare net.onnx in.npy --method saliency --style signed")
    found = retrograph.Explainer("net.onnx", method="saliency").attribute(x).attribution[0]
    assert found.shape == (1, 20)
    repeated = signed(np.repeat(found, 4, axis=0)[None])
    small = Image.fromarray(enlarge(repeated, 224))
    small.thumbnail((448, 448), Image.Resampling.BOX)
    find(opened("compare.png"), np.asarray(small))


def test_what_cannot_be_drawn_is_said(here: Path, capsys: Capture) -> None:
    nets.save(nets.volume_net(), here / "net.onnx")
    np.save("in.npy", np.ones((1, 2, 4, 4, 4), np.float32))
    refused(capsys, here, "compare net.onnx in.npy", "in.npy has 4 axes", "keep its arrays")


def test_methods_that_take_different_units_are_not_put_side_by_side(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    attribute = retrograph.Explainer.attribute

    def nudged(self: retrograph.Explainer, *args: Any) -> retrograph.Attribution:
        found = attribute(self, *args)
        return replace(found, unit=found.unit + (self.contract.method == "guided"))

    monkeypatch.setattr(retrograph.Explainer, "attribute", nudged)
    command = "net.onnx dog.png --method gradient,deconvnet,guided"
    for name in ("compare", "explain"):
        refused(capsys, here, f"{name} {command}", "dog.png", "gradient and guided", "--unit")


def test_json_is_as_the_help_says(here: Path, capsys: Capture) -> None:
    told = json.loads(run(capsys, *["compare", "net.onnx", "dog.png", "--json"]).out)
    documented = good(capsys, "help compare").partition("--json prints an object:")[2]
    assert all(key in documented for key in told)
    assert told["file"] == "compare.png"
    (record,) = told["explained"]
    assert record["input"] == "dog.png"
    assert len(record["classes"]) == nets.CLASSES
