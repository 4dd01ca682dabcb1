"""Models of several inputs take a picture, an array or a number for each by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser
from PIL import Image

import retrograph
from retrograph.errors import InputError
from retrograph.inputs.pixels import first_pixels
from support import nets
from support.cli_case import run, tree, workplace

RANDOM = np.random.default_rng(4)
LEFT, RIGHT = (RANDOM.integers(0, 256, (16, 16, 3), np.uint8) for _ in range(2))


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A score of a picture, a depth map and a pose."""
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 17]>'
        " g (float[N,3,16,16] left, float[N,1,16,16] depth, float[N,2] pose) => (float[N,3] y)"
        " { a = Conv(left, k) b = Conv(depth, d) s = Add(a, b) r = Relu(s)"
        " p = GlobalAveragePool(r) f = Flatten(p) z = MatMul(f, w) q = MatMul(pose, u)"
        " y = Add(z, q) }"
    )
    shapes = {"k": (5, 3, 3, 3), "d": (5, 1, 3, 3), "w": (5, 3), "u": (2, 3)}
    for name, shape in shapes.items():
        value = RANDOM.normal(size=shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    folder = tmp_path_factory.mktemp("named")
    onnx.save(model, folder / "net.onnx")
    Image.fromarray(LEFT).save(folder / "left.png")
    Image.fromarray(RIGHT[..., 0]).save(folder / "depth.png")
    return folder / "net.onnx"


def as_arrays(pose: float) -> dict[str, np.ndarray[Any, Any]]:
    """What the pictures are for the model, scaled to 0-1."""
    return {
        "left": (LEFT / 255).astype(np.float32).transpose(2, 0, 1)[np.newaxis],
        "depth": (RIGHT[..., 0] / 255).astype(np.float32)[np.newaxis, np.newaxis],
        "pose": np.full((1, 2), pose, np.float32),
    }


@pytest.mark.parametrize("wrt", ["left", "depth", "pose"])
def test_files_and_numbers_are_what_their_arrays_are(net: Path, wrt: str) -> None:
    folder = net.parent
    values = {"left": folder / "left.png", "depth": folder / "depth.png", "pose": 0.5}
    found = retrograph.explain(net, values, wrt=wrt, method="gradient", unit=1)
    wanted = retrograph.Explainer(net, wrt=wrt, method="gradient", select="unit")
    expected = wanted.attribute(as_arrays(0.5), unit=1)
    np.testing.assert_allclose(found.attribution, expected.attribution, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)


def test_pictures_in_memory_are_read_as_files_are(net: Path) -> None:
    values = {"left": Image.fromarray(LEFT), "depth": RIGHT[..., :1], "pose": np.full(2, 0.5, "f")}
    found = retrograph.explain(net, values, method="gradient", unit=1)
    files = {"left": net.parent / "left.png", "depth": net.parent / "depth.png", "pose": 0.5}
    wanted = retrograph.explain(net, files, method="gradient", unit=1)
    assert np.array_equal(found.attribution, wanted.attribution)
    assert wanted.explanations[0].name.endswith("left.png")
    assert wanted.explanations[0].shown is not None


def test_every_input_is_explained_where_none_is_named(net: Path) -> None:
    found = retrograph.explain(net, as_arrays(1.0), method="gradient")
    assert list(found.attributions) == ["left", "depth", "pose"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"left": "left.png", "depth": "depth.png"}, "no array 'pose'.*a number for each input"),
        ({"lef": "left.png"}, "no input 'lef'; it takes: left, depth, pose"),
        ({"left": "none.png", "depth": "depth.png", "pose": 0}, "none.png does not exist"),
        ({"left": ".", "depth": "depth.png", "pose": 0}, "holds 2 inputs, and 'left' takes one"),
    ],
)
def test_mistakes_are_told(net: Path, values: dict[str, Any], why: str) -> None:
    named = {k: net.parent / v if isinstance(v, str) else v for k, v in values.items()}
    with pytest.raises(InputError, match=why):
        retrograph.explain(net, named)


def test_on_the_command_line(
    net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(net.parent)
    options = "--npz --force -o out --unit 1 --method gradient --input"
    command = ["explain", "net.onnx", *options.split()]
    told = run(capsys, *command, "left=left.png", "depth=depth.png", "pose=0.5")
    assert told.code == 0, told
    assert "input 'left' alone; --wrt depth or --wrt pose explains by another" in told.out
    with np.load("out/left.scores.gradient.npz") as kept:
        wanted = retrograph.explain("net.onnx", as_arrays(0.5), method="gradient", unit=1)
        np.testing.assert_allclose(
            kept["attribution_gradient"], wanted.attribution, rtol=1e-5, atol=1e-7
        )
    for given, why in (
        (["left=left.png", "left=left.png"], "names 'left' twice"),
        (["left"], "is no NAME=VALUE"),
        (["left=left.png"], "by --input NAME=VALUE, or an .npz"),
    ):
        ran = run(capsys, *command, *given)
        assert ran.code == 2
        assert why in ran.err
    ran = run(capsys, "explain", "net.onnx")
    assert ran.code == 2
    assert "nothing is given to be explained" in ran.err


def test_a_model_of_one_input_takes_a_value_by_its_name(tmp_path: Path) -> None:
    nets.save(nets.cnn(size=16), tmp_path / "one.onnx")
    model, left = tmp_path / "one.onnx", tmp_path / "left.png"
    Image.fromarray(LEFT).save(left)
    name = retrograph.Model(model).inputs[0].name
    plain, named = (retrograph.explain(model, each) for each in (left, {name: left}))
    np.testing.assert_array_equal(named.attribution, plain.attribution)
    assert named.to_dict() == plain.to_dict()
    pixels = first_pixels([{name: left}], retrograph.Model(model).axes(name), 1)
    assert [each.name for each in pixels] == [str(left)]
    for wrong in ({"other": left}, {name: left, "other": 1.0}):
        with pytest.raises(InputError, match=f"no input 'other'; it takes: {name}"):
            retrograph.explain(model, wrong)


def test_the_command_takes_a_file_by_the_name_of_the_only_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace(tmp_path, monkeypatch)
    name = retrograph.Model("net.onnx").inputs[0].name
    run(capsys, "explain", "net.onnx", "--input", f"{name}=dog.png")
    by_name = tree(tmp_path)
    for path in tmp_path.glob("dog.*.png"):
        path.unlink()
    run(capsys, "explain", "net.onnx", "dog.png")
    assert tree(tmp_path) == by_name
    assert len(list(tmp_path.glob("dog.*.png"))) == 1


RECURRENT = """
<ir_version: 9, opset_import: ["": 17]>
net (float[N, 4] x, float[2, N, 4] state) => (float[N, 4] y)
<int64[1] axis = {0}>
{ s = ReduceSum <keepdims = 0> (state, axis) r = Relu(s) y = Add(x, r) }
"""


def test_a_state_whose_batch_is_its_second_axis_is_one_input(tmp_path: Path) -> None:
    """[layers, N, C]: the name of the batch, which leads another input, tells."""
    model = parser.parse_model(RECURRENT)
    arrays = {"x": np.ones((1, 4), "f"), "state": RANDOM.random((2, 1, 4)).astype(np.float32)}
    files: dict[str, Any] = {name: tmp_path / f"{name}.npy" for name in arrays}
    for name, path in files.items():
        np.save(path, arrays[name])
    found = retrograph.explain(model, files, wrt="state", method="gradient", unit=(0, 1))
    expected = np.zeros((2, 1, 4))
    expected[..., 1] = 1
    np.testing.assert_array_equal(found.attribution.reshape(2, 1, 4), expected)
    assert found.score[0] == pytest.approx(1 + arrays["state"][:, 0, 1].sum())


@pytest.mark.parametrize("wrt", ["left", "right"])
@pytest.mark.parametrize("unit", range(3))
def test_the_gradients_of_two_pictures_are_autograds(wrt: str, unit: int) -> None:
    folder = Path(__file__).parents[1] / "goldens" / "heads"
    with np.load(folder / "two_pictures.npz") as arrays:
        golden = dict(arrays)
    pictures = {"left": golden["left"], "right": golden["right"]}
    keywords: dict[str, Any] = {"unit": unit, "wrt": wrt, "method": "gradient"}
    a = retrograph.explain(folder / "two_pictures.onnx", pictures, **keywords)
    wanted = golden[f"{wrt}_gradient"][unit]
    assert np.abs(a.attribution[0] - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert a.score[0] == pytest.approx(golden["logits"][unit], abs=1e-4)
