"""maximize, dream and perturb as Python calls them: units and inputs of all kinds, what returns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import retrograph
from retrograph import InputError
from retrograph.errors import spelled
from retrograph.render import Caption, panel, sheet
from retrograph.render.blocks import WARNING
from support import nets
from support.cli_case import opened, picture
from support.generator_nets import generator
from support.graphs import Array, parse, runner

LABELS = ["cat, tabby", "red dog, hound", "blue dog, dingo", "bird"]
FEW = {"steps": 4, "octaves": 1}
BYTES = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)

TABLE = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 12] x) => (float[N, 4] y)
<float[12, 4] w>
{ y = MatMul (x, w) }
"""


def as_input(pixels: Array) -> Array:
    """Channels first, from 0 to 1."""
    return (pixels.transpose(2, 0, 1) / 255).astype(np.float32)


@pytest.mark.parametrize(
    ("unit", "units"),
    [
        (2, [(2,)]),
        (np.int64(2), [(2,)]),
        ("dingo", [(2,)]),
        ("1-2", [(1,), (2,)]),
        ("all", [(0,), (1,), (2,), (3,)]),
        ([3, "cat", "2-3"], [(3,), (0,), (2,)]),
        (range(2), [(0,), (1,)]),
    ],
)
def test_units_are_named_in_many_ways(unit: object, units: list[tuple[int, ...]]) -> None:
    maxima = retrograph.maximize(nets.cnn(), unit, labels=LABELS, settings=FEW)  # type: ignore[arg-type]
    assert [each.unit for each in maxima] == units


def test_a_range_and_a_preprocessing_that_was_not_looked_for_are_said() -> None:
    notes = retrograph.maximize(nets.cnn(), ["1-2", 0], settings=FEW).context.notes
    told = [spelled(note) for note in notes]
    assert any("unit=1-2 is the range of the 2 units" in note for note in told)
    assert any("without a picture none is looked for" in note for note in told)
    given = retrograph.maximize(nets.cnn(), [1, 2], preprocessing="0-1", settings=FEW)
    assert not any("range" in note or "looked for" in note for note in given.context.notes)


def test_pages_and_arrays_say_the_preprocessing() -> None:
    keywords = {"preprocessing": "imagenet", "settings": FEW, "snapshots": 2}
    for units in ([1], [1, 2]):
        maxima = retrograph.maximize(nets.cnn(), units, **keywords)  # type: ignore[arg-type]
        recipe = retrograph.Preprocessing.from_json(maxima.arrays()["preprocessing"].item())
        assert recipe == maxima.context.preprocessing
        assert maxima.context.small_print == ("preprocessing: ImageNet mean and deviation",)
        plain = replace(maxima, context=replace(maxima.context, small_print=()))
        assert maxima.image().height > plain.image().height
    change = retrograph.perturb(nets.cnn(), BYTES, 1, preprocessing="imagenet")
    assert change.arrays()["preprocessing"].item() == recipe.to_json()
    plain_change = replace(change, context=replace(change.context, small_print=()))
    assert change.image().height > plain_change.image().height


def test_a_tuple_is_one_unit_and_a_list_several_channels() -> None:
    (one,) = retrograph.maximize(nets.cnn(), (1, 4, 5), layer="relu1", settings=FEW)
    assert one.unit == (1, 4, 5)
    several = retrograph.maximize(nets.cnn(), [1, 4, 5], layer="relu1", settings=FEW)
    assert [each.unit for each in several] == [(1,), (4,), (5,)]


@pytest.mark.parametrize("kind", ["path", "text", "pillow", "bytes", "floats", "batch"])
def test_inputs_are_paths_pictures_and_arrays(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "eight.png"
    Image.fromarray(BYTES).save(file)
    values = as_input(BYTES)
    source = {
        "path": file,
        "text": str(file),
        "pillow": Image.fromarray(BYTES),
        "bytes": BYTES,
        "floats": values,
        "batch": values[np.newaxis],
    }[kind]
    unit = int(runner(nets.cnn())(values[np.newaxis])["scores_out"][0].argmin())
    perturbation = retrograph.perturb(nets.cnn(), source, unit)
    assert np.allclose(perturbation.original, values, atol=1e-6)
    dream = retrograph.dream(nets.cnn(), source, layer="relu1", settings=FEW)
    assert dream[0].start is not None
    assert np.allclose(dream[0].start, values, atol=1e-6)
    tiny = {"steps": 1, "rate": 1e-6, "octaves": 1, "decay": 0, "variation": 0}
    (one,) = retrograph.maximize(nets.cnn(), 1, start=source, settings=tiny)
    assert np.abs(one.input - values).max() <= 0.5 / 255 + 1e-3


def test_a_single_input_is_a_panel_several_a_sheet_and_snapshots_are_strips() -> None:
    single = retrograph.maximize(nets.cnn(), 2, labels=LABELS, settings=FEW)
    several = retrograph.maximize(nets.cnn(), "0-2", labels=LABELS, settings=FEW)
    strips = retrograph.maximize(nets.cnn(), "0-2", labels=LABELS, settings=FEW, snapshots=2)
    assert single[0].picture is not None
    made = single[0]
    rise = f"activation from {made.before:.3g} to {made.activation:.3g}"
    told = f"input that maximizes blue dog · 4 steps\n{rise}, probability {made.probability:.3f}"
    caption = Caption(told, notes=single.context.small_print)
    sure = replace(made, history=np.ones(4), probabilities=np.eye(4)[2])
    finished = replace(single, maxima=(sure,))
    drawn = finished.image()
    assert drawn == panel([("", made.picture)], caption).image()
    assert drawn.width < 1.3 * 600  # the picture fills it
    assert strips.image().height > several.image().height
    with pytest.raises(InputError, match="leave style out"):
        single.image("heat")


def test_an_ascent_that_still_rises_is_headed_by_a_warning() -> None:
    single = retrograph.maximize(nets.cnn(), 2, labels=LABELS, settings=FEW)
    rising = replace(single, maxima=(replace(single[0], history=np.arange(40)),))
    still = replace(single, maxima=(replace(single[0], history=np.ones(40)),))
    warned = [np.asarray(made.image()) for made in (rising, still)]
    assert [(pixels == WARNING).all(-1).any() for pixels in warned] == [True, False]


def test_a_sheet_of_three_has_its_title_in_one_line_and_chances_as_they_are() -> None:
    maxima = retrograph.maximize(nets.cnn(), "0-2", labels=LABELS, settings=FEW)
    still = np.ones(4)
    sure = replace(
        maxima,
        maxima=tuple(replace(each, probability=0.9996, history=still) for each in maxima),
    )
    names = ("cat", "red dog", "blue dog")
    cells = [
        (
            f"{name}\np = 0.9996 · activation {each.activation:.3g}",
            [maxima.context.picture(each.input)],
        )
        for name, each in zip(names, maxima, strict=True)
    ]
    title = "Inputs that maximize each class\nactivation maximization · 4 steps"
    caption = Caption(notes=sure.context.small_print)
    assert sure.image() == sheet(cells, 3, title, caption, side=240).image()
    assert sheet(cells, 3, title).height == sheet(cells, 3, "i\ni").height


def test_maxima_are_saved_by_their_suffix(tmp_path: Path) -> None:
    maxima = retrograph.maximize(nets.cnn(), [0, 2], labels=LABELS, settings=FEW)
    maxima.save(tmp_path / "page.png")
    assert (np.asarray(opened(tmp_path / "page.png")) == np.asarray(maxima.image())).all()
    arrays = np.load(maxima.save(tmp_path / "all.npz"))
    assert (arrays["input"] == np.stack([each.input for each in maxima])).all()
    assert arrays["unit"].tolist() == [[0], [2]]
    assert arrays["history"].shape == (2, 4)
    record = json.loads(maxima.save(tmp_path / "all.json").read_text())
    assert record == json.loads(json.dumps(maxima.to_dict()))
    assert [each["name"] for each in record["made"]] == ["cat", "blue dog"]
    assert record["made"][1]["activation"] == maxima[1].activation
    scores = runner(nets.cnn())(arrays["input"])["scores_out"]
    classes = [each["class"]["class"] for each in record["made"]]
    assert classes == scores.argmax(axis=1).tolist()
    assert maxima._repr_png_().startswith(b"\x89PNG")
    assert repr(maxima) == "<Maxima scores: cat, blue dog, 4 steps>"


def test_pictures_are_saved_by_themselves(tmp_path: Path) -> None:
    maxima = retrograph.maximize(nets.cnn(), [0, 2], labels=LABELS, settings=FEW)
    files = maxima.save_pictures(tmp_path / "each", prefix="net.")
    assert [file.name for file in files] == ["net.scores.cat.png", "net.scores.blue_dog.png"]
    for each, file in zip(maxima, files, strict=True):
        assert (np.asarray(opened(file)) == each.picture).all()
    with pytest.raises(InputError, match=r"exists; give force=True"):
        maxima.save_pictures(tmp_path / "each", prefix="net.")
    table = retrograph.maximize(parse(TABLE), 0, settings={"steps": 2})
    with pytest.raises(InputError, match="takes no pictures"):
        table.save_pictures(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_is_no_picture_starts_farther_away_and_does_not_decay() -> None:
    """From 0.1 times standard normal numbers along the weights, by the rate at each step."""
    weights = onnx.numpy_helper.to_array(parse(TABLE).graph.initializer[0])[:, 1]
    (one,) = retrograph.maximize(parse(TABLE), 1, settings={"steps": 3}, seed=5)
    start = 0.1 * np.random.default_rng(5).standard_normal(12)
    direction = weights / np.sqrt((weights.astype(np.float64) ** 2).mean())
    lengths = sum(0.03 * (1 - 0.7 * step / 3) for step in range(3))
    assert np.allclose(one.input, start + lengths * direction, atol=1e-6)


def test_settings_are_numbers_by_name_and_others_are_refused() -> None:
    (one,) = retrograph.maximize(nets.cnn(), 1, settings={"steps": 7})
    assert one.steps == 7
    with pytest.raises(InputError, match="step is no setting here; choose from: steps, rate"):
        retrograph.maximize(nets.cnn(), 1, settings={"step": 7})
    with pytest.raises(InputError, match="steps is 0; give a number from 1"):
        retrograph.perturb(nets.cnn(), BYTES, 1, settings={"steps": 0})
    with pytest.raises(InputError, match="settings are CodeSettings or a dictionary"):
        retrograph.maximize(
            nets.cnn(), 1, generator=generator(), settings=retrograph.synthesis.Settings()
        )


def test_a_generator_refuses_what_it_does_not_use() -> None:
    options: list[dict[str, object]] = [{"start": BYTES}, {"size": (8, 8)}, {"bounds": (0.0, 1.0)}]
    for option in options:
        with pytest.raises(InputError, match=f"leave {next(iter(option))} or generator out"):
            retrograph.maximize(nets.cnn(), 1, generator=generator(), **option)  # type: ignore[arg-type]


def test_a_generators_maxima_have_the_joined_model() -> None:
    maxima = retrograph.maximize(nets.cnn(), [0, 2], generator=generator(), settings={"steps": 3})
    assert maxima.joined is not None
    outputs = runner(maxima.joined.model.proto)(maxima.arrays()["code"])
    assert np.allclose(outputs["x"], maxima.arrays()["input"], atol=1e-5)
    assert maxima.to_dict()["notes"][-1].startswith("the generator: its last operator is Sigmoid")


def test_a_dream_is_beside_its_photograph_and_of_a_wanted_size() -> None:
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
    dream = retrograph.dream(nets.cnn(), photograph, layer="relu1", settings=FEW)
    assert dream[0].input.shape == (3, 20, 30)
    assert dream[0].start is not None
    assert dream[0].picture is not None
    shown = dream.context.picture(dream[0].start)
    assert (shown == np.asarray(photograph)).all()
    before, now = np.sqrt([2 * dream[0].before, 2 * dream[0].activation])
    text = f"relu1 · whole layer · 4 steps\nnorm of the layer from {before:.3g} to {now:.3g}"
    caption = Caption(text, notes=dream.context.small_print)
    wanted = panel([("photograph", shown), ("dream", dream[0].picture)], caption)
    assert dream.image() == wanted.image()
    small = retrograph.dream(nets.cnn(), photograph, layer="relu1", size=(10, 15), settings=FEW)
    assert small[0].input.shape == (3, 10, 15)


def test_a_photograph_is_dreamt_on_at_448_pixels_at_most(tmp_path: Path) -> None:
    file = picture(tmp_path / "large.png", (600, 500))
    one, model = {"steps": 1, "octaves": 1}, nets.cnn(size="S")
    (dreamt,) = retrograph.dream(model, file, layer="relu1", settings=one)
    assert dreamt.input.shape == (3, 448, 538)
    floats = as_input(np.asarray(opened(file)))
    (dreamt,) = retrograph.dream(model, floats, layer="relu1", settings=one)
    assert dreamt.input.shape == (3, 500, 600)


def test_an_interrupt_returns_what_was_begun() -> None:
    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    maxima = retrograph.maximize(nets.cnn(batch=1), [0, 1], settings=FEW, progress=stop)
    assert [each.steps for each in maxima] == [1]
    assert not maxima.finished
    empty = replace(maxima, maxima=())
    assert not empty.finished
    assert repr(empty) == "<Maxima interrupted before the first step>"
    with pytest.raises(InputError, match="no input was made"):
        empty.image()


def test_a_perturbation_shows_and_saves_itself(tmp_path: Path) -> None:
    scores = runner(nets.cnn())(as_input(BYTES)[np.newaxis])["scores_out"][0]
    unit, was = (int(i) for i in scores.argsort()[-2:])
    perturbation = retrograph.perturb(nets.cnn(), BYTES, LABELS[unit], labels=LABELS)
    assert (perturbation.was, perturbation.unit) == (was, unit)
    names = [LABELS[i].split(",")[0] for i in (was, unit)]
    assert perturbation.describe()[0] == f"{names[0]} -> {names[1]}"
    assert perturbation.image().width > 3 * 400
    arrays = np.load(perturbation.save(tmp_path / "p.npz"))
    assert np.allclose(arrays["input"] + arrays["change"], arrays["result"], atol=1e-5)
    record = json.loads(perturbation.save(tmp_path / "p.json").read_text())
    assert record["wanted"] == {"class": unit, "name": names[1]}
    assert record["before"]["was"]["score"] == pytest.approx(float(scores[was]), abs=1e-4)
    assert repr(perturbation).startswith(f"<Perturbation {names[0]} -> {names[1]}, L2 norm")


def test_a_perturbation_that_was_not_found_is_not_drawn() -> None:
    scores = runner(nets.cnn())(as_input(BYTES)[np.newaxis])["scores_out"][0]
    settings = {"steps": 1, "overshoot": -0.5}
    perturbation = retrograph.perturb(nets.cnn(), BYTES, int(scores.argmin()), settings=settings)
    assert not perturbation.succeeded
    assert perturbation.to_dict()["found"] is False
    assert "none found in 1 steps" in repr(perturbation)
    with pytest.raises(InputError, match="no change was found in 1 steps"):
        perturbation.image()
