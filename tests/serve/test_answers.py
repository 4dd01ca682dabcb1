"""What the page is answered is what the library gives."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retrograph as rg
from support.serve_case import SAMPLE, told

pytest.importorskip("starlette", reason="needs retrograph[serve]")
from retrograph.serve import Page

MODEL = rg.Model(SAMPLE)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    pixels = np.random.default_rng(3).integers(0, 256, (8, 10, 3), np.uint8)
    Image.fromarray(pixels).resize((50, 40), Image.Resampling.BICUBIC).save(folder / "a.png")
    Image.fromarray(pixels[::-1]).resize((64, 64)).save(folder / "b.png")
    return folder


@pytest.fixture(scope="module")
def page(photo: Path) -> Page:
    return Page(SAMPLE, [photo], device="cpu", threads=1)


def picture(body: bytes) -> Image.Image:
    return Image.open(io.BytesIO(body))


def test_inputs_are_the_files_of_the_folder(page: Page, photo: Path) -> None:
    inputs = told(page, "api/inputs").json["inputs"]
    assert inputs == [
        {"id": "0", "name": str(photo / "a.png"), "kind": "picture", "width": 50, "height": 40},
        {"id": "1", "name": str(photo / "b.png"), "kind": "picture", "width": 64, "height": 64},
    ]
    assert picture(told(page, "api/input/1.png").body).size == (32, 32)
    assert picture(told(page, "api/input/0.png", raw=1, size=20).body).size == (20, 16)


def test_a_model_is_told_with_its_layers(page: Page) -> None:
    record = told(page, "api/model").json
    assert [each["alias"] for each in record["layers"]] == [each.alias for each in MODEL.layers()]
    assert record["kind"] == "picture"
    assert record["scan"] is None
    assert {"name": "guided", "words": rg.methods.describe("guided").summary} in record["methods"]


def test_a_graph_folds_into_what_is_kept(page: Page) -> None:
    graph = told(page, "api/graph").json
    nodes = {node["id"]: node for node in graph["nodes"]}
    kept = {id for id, node in nodes.items() if node["keep"]}
    assert {node["fold"] for id, node in nodes.items() if id not in kept} <= kept
    convolutions = [node.op_type for node in MODEL.graph.nodes].count("Conv")
    assert [nodes[id]["op"] for id in kept].count("Conv") == convolutions > 2
    ends = {each["id"] for each in (*graph["inputs"], *graph["outputs"])}
    assert {end for edge in graph["edges"] for end in edge} == {*nodes, *ends}


def test_numbers_are_those_of_explain(page: Page, photo: Path) -> None:
    wanted = rg.explain(MODEL, str(photo / "a.png"), layer="relu2", unit=(3, 4, 5), device="cpu")
    asked = {"input": "0", "layer": "relu2", "unit": "3,4,5"}
    with np.load(io.BytesIO(told(page, "api/explain", format="npz", **asked).body)) as arrays:
        np.testing.assert_array_equal(arrays["attribution"], wanted.attribution)
    record = told(page, "api/explain", **asked).json
    (unit,) = record["explained"][0]["units"]
    assert unit["activation"] == pytest.approx(float(wanted.score[0]), rel=1e-6)
    assert unit["place"] == [4, 5]
    (x0, y0, x1, y1), seen = unit["sees"], np.abs(wanted.attribution[0]).sum(0) > 0
    rows, columns = np.nonzero(seen)
    assert x0 <= columns.min() < columns.max() < x1
    assert y0 <= rows.min() < rows.max() < y1
    assert (x1 - x0, y1 - y0) == (10, 10)


def test_pictures_are_those_of_explain(page: Page, photo: Path) -> None:
    wanted = rg.explain(MODEL, str(photo / "a.png"), unit=3, device="cpu")
    drawn = picture(told(page, "api/explain", input="0", unit="3", format="png").body)
    assert drawn.tobytes() == wanted.image().tobytes()
    alone = {"input": "0", "unit": "3", "part": "map"}
    over = picture(told(page, "api/explain", format="png", **alone).body)
    inside = told(page, "api/explain", **alone).json["map"].removeprefix("data:image/png;base64,")
    assert picture(base64.b64decode(inside)).tobytes() == over.tobytes()
    assert (over.mode, over.size) == ("RGBA", (32, 32))
    strength = np.abs(wanted.attribution[0]).max(0)
    opacity = np.asarray(over)[..., 3]
    assert opacity[np.unravel_index(strength.argmax(), strength.shape)] == 255
    assert (opacity[strength == 0] == 0).all()
    svg = told(page, "api/explain", input="0", unit="3", format="svg")
    assert svg.headers["content-disposition"].endswith('.svg"')
    assert svg.body.startswith(b"<svg ")


def test_a_map_comes_with_what_its_colours_mean(page: Page) -> None:
    alone = {"input": "0", "unit": "3", "part": "map"}
    assert "legend" not in told(page, "api/explain", input="0", unit="3").json
    legend = told(page, "api/explain", **alone, method="guided").json["legend"]
    assert (legend["method"], legend["rows"]) == ("Guided backpropagation", ["RGB", "R", "G", "B"])
    assert legend["ends"] == ["lowers", "0", "raises"]
    assert legend["text"].startswith("brighter: raising this colour value raises the ")
    bar = picture(base64.b64decode(legend["bar"].removeprefix("data:image/png;base64,")))
    colours = np.asarray(bar)[:: bar.height // 4, [0, -1]].astype(int)
    grey, white = 128, 255
    for row, channels in enumerate(([0, 1, 2], [0], [1], [2])):
        lowers, raises = colours[row]
        assert (raises[channels] == white).all()
        assert (lowers[channels] <= 1).all()
        others = np.delete(colours[row], channels, axis=1)
        assert (others == grey).all()
    heat, over = (
        told(page, "api/explain", **alone, style=style).json for style in ("heat", "overlay")
    )
    assert heat["map"] == over["map"]
    assert heat["legend"] == over["legend"]
    assert heat["legend"]["ends"][-1] == "most"


def test_signs_stay_on_the_page(page: Page, photo: Path) -> None:
    wanted = rg.explain(MODEL, str(photo / "a.png"), unit=3, method="gradient", device="cpu")
    total = wanted.attribution[0].sum(axis=0)
    asked = {"input": "0", "unit": "3", "part": "map", "method": "gradient", "style": "red-blue"}
    told_of = told(page, "api/explain", **asked).json
    assert told_of["legend"]["ends"] == ["lowers", "0", "raises"]
    assert told_of["legend"]["text"].endswith("; summed over colour channels")
    drawn = picture(base64.b64decode(told_of["map"].removeprefix("data:image/png;base64,")))
    red, _, blue, opacity = np.moveaxis(np.asarray(drawn).astype(int), 2, 0)
    strong = np.abs(total) > np.abs(total).max() / 4
    assert (red > blue)[strong & (total > 0)].all()
    assert (red < blue)[strong & (total < 0)].all()
    assert {*np.sign(total[strong])} == {-1, 1}
    assert opacity[np.unravel_index(np.abs(total).argmax(), total.shape)] == 255
    usual = told(page, "api/explain", **{**asked, "method": "deeplift-rescale", "style": ""}).json
    assert usual["legend"]["ends"][1] == "0"
    assert usual["legend"]["text"].startswith("red: ")


def test_scores_are_the_models(page: Page, photo: Path) -> None:
    wanted = rg.explain(MODEL, str(photo / "a.png"), device="cpu").explanations[0].classes
    classes = told(page, "api/scores", input="0").json["classes"]
    assert classes[0]["index"] == int(wanted.argmax())
    assert [each["score"] for each in classes] == pytest.approx(sorted(wanted, reverse=True))
    assert sum(each["share"] for each in classes) == pytest.approx(1)


def relu2(photo: Path) -> np.ndarray:
    """The activations of a layer [C, H, W], by a probe of each unit's score."""
    explainer = rg.Explainer(MODEL, layer="relu2", select="unit", many=True, device="cpu")
    x = rg.explain(MODEL, str(photo / "a.png"), device="cpu").arrays()["input"]
    shape = explainer.contract.shape
    units = np.array([(3, y, x_) for y in range(shape[1]) for x_ in range(shape[2])])
    return explainer.attribute(x, units[np.newaxis]).score.reshape(shape[1:])


def test_maps_are_the_layers_activations(page: Page, photo: Path) -> None:
    maps = told(page, "api/maps", input="0", layer="relu2", count=200).json
    assert maps["total"] == len(maps["units"])
    peaks = [unit["max"] for unit in maps["units"]]
    assert peaks == sorted(peaks, reverse=True)
    values = told(page, "api/values", input="0", layer="relu2", unit="3").json["values"]
    np.testing.assert_allclose(values, relu2(photo), atol=1e-5)
    (third,) = [unit for unit in maps["units"] if unit["unit"] == 3]
    assert third["max"] == pytest.approx(np.max(values), abs=1e-5)
    assert third["index"] == [3, *third["place"]]
    assert values[third["place"][0]][third["place"][1]] == np.max(values)
    asked = {"input": "0", "layer": "relu2", "start": 4, "count": 5}
    part = told(page, "api/maps", **asked).json
    assert part["units"] == maps["units"][4:9]
    sprite = picture(told(page, "api/maps", format="png", **asked).body)
    rows = -(-5 // part["columns"])
    assert sprite.size == (part["tile"][0] * part["columns"], part["tile"][1] * rows)


def test_a_place_sees_its_box_and_a_pixel_its_place(page: Page) -> None:
    moving = told(page, "api/field", layer="relu2", input="0").json
    assert moving == {"size": [10, 10], "stride": [2, 2], "offset": [-4, -4]}
    box = told(page, "api/field", layer="relu2", input="0", at="8,5").json["box"]
    assert box == [6, 12, 16, 22]
    at = told(page, "api/at", layer="relu2", input="0", x=10, y=17).json
    assert at["place"] == [8, 5]
    assert at["box"] == box
    values = told(page, "api/values", input="0", layer="relu2", unit=str(at["unit"])).json
    assert values["values"][8][5] == pytest.approx(at["activation"], abs=1e-5)


@pytest.mark.parametrize(
    ("path", "parameters", "status", "words"),
    [
        ("api/explain", {"input": "0", "unit": "400"}, 400, "unit=400 is out of range"),
        ("api/explain", {"input": "0", "layer": "nothing"}, 400, "no layer 'nothing'"),
        ("api/explain", {}, 400, "input is not given"),
        ("api/explain", {"input": "9"}, 404, "there is no input '9'"),
        ("api/model", {"model": "other"}, 404, "there is no model 'other'"),
        ("api/maps", {"input": "0", "layer": "relu2", "count": "9999"}, 400, "up to 512"),
        ("api/maps", {"input": "0", "layer": "relu2", "order": "x"}, 400, "choose from"),
        ("api/values", {"input": "0", "layer": "relu2", "unit": "9999"}, 400, "out of range"),
    ],
)
def test_mistakes_are_sentences(
    page: Page, path: str, parameters: dict[str, str], status: int, words: str
) -> None:
    answer = told(page, path, **parameters)
    assert answer.status == status
    assert words in answer.message
    assert "\n" not in answer.message


def test_commands_give_what_is_shown(page: Page, photo: Path) -> None:
    record = told(page, "api/commands", input="0", layer="relu2", unit="3,4,5").json
    assert record["command"].startswith(f"retrograph explain {SAMPLE} {photo / 'a.png'}")
    names: dict[str, rg.Attribution] = {}
    exec(record["python"], names)
    wanted = rg.explain(MODEL, str(photo / "a.png"), layer="relu2", unit=(3, 4, 5))
    np.testing.assert_array_equal(names["a"].attribution, wanted.attribution)


def test_commands_of_what_is_compared(page: Page, photo: Path) -> None:
    first, second = photo / "a.png", photo / "b.png"
    asked = {"input": "0", "unit": "3", "layer": "relu2"}
    methods = told(page, "api/commands", compare="methods:guided,gradient", **asked).json
    assert methods["command"].startswith(f"retrograph compare {SAMPLE} {first} ")
    assert methods["command"].endswith(" --method=guided,gradient")
    names: dict[str, rg.Comparison] = {}
    exec(methods["python"], names)
    assert [*names["a"].context.methods] == ["guided", "gradient"]
    inputs = told(page, "api/commands", compare="input:1", **asked).json["command"].splitlines()
    assert inputs == [
        f"retrograph explain {SAMPLE} {file} --layer=relu2 --unit=3" for file in (first, second)
    ]
    units = told(page, "api/commands", compare="unit:5", **asked).json
    assert [line.split()[-1] for line in units["command"].splitlines()] == ["--unit=3", "--unit=5"]
    assert "b = rg.explain(" in units["python"]


def test_a_command_says_that_a_file_has_more_inputs(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    np.savez(file, x=np.zeros((3, 3, 32, 32), np.float32))
    several = Page(SAMPLE, [file], device="cpu", threads=1)
    record = told(several, "api/commands", input="2", unit="3").json
    note = f"# shows all inputs of x.npz; the page shows {file}:x[2]"
    assert record["command"].splitlines() == [note, f"retrograph explain {SAMPLE} {file} --unit=3"]
    assert record["python"].splitlines()[0] == note
