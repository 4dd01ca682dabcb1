"""Inputs without a batch or a channel axis, and videos: what goes in, is said and is drawn."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import retrograph
from retrograph import InputError, Model
from retrograph.inputs import input_kind, iter_inputs
from retrograph.preprocess import (
    PRESETS,
    BadInput,
    InputAxes,
    Item,
    axes_by_size,
    prepare,
)
from retrograph.preprocess.videos import frame_places
from support import nets
from support.cli_case import explained, good, opened, run, workplace
from support.input_forms import (
    FRAMES,
    PICTURES,
    SIDE,
    VIDEOS,
    control,
    picture_model,
    video_model,
)

Capture = pytest.CaptureFixture[str]

EXPECTED = {
    "[3, H, W]": InputAxes((3, SIDE, SIDE), False, (1, 2), 0),
    "[H, W, 3]": InputAxes((SIDE, SIDE, 3), False, (0, 1), 2),
    "[H, W]": InputAxes((SIDE, SIDE), False, (0, 1)),
    "[N, H, W]": InputAxes(("N", SIDE, SIDE), True, (0, 1)),
    "[1, H, W] of one channel": InputAxes((1, SIDE, SIDE), True, (0, 1)),
    "[1, H, W] of one picture": InputAxes((1, SIDE, SIDE), True, (0, 1)),
    "[N, H, W, 1]": InputAxes(("N", SIDE, SIDE, 1), True, (0, 1), 2),
    "[N, T, 3, H, W]": InputAxes(("N", FRAMES, 3, SIDE, SIDE), True, (2, 3), 1, 0),
    "[1, T, 1, H, W]": InputAxes((1, FRAMES, 1, SIDE, SIDE), True, (2, 3), 1, 0),
    "[N, T, H, W]": InputAxes(("N", FRAMES, SIDE, SIDE), True, (1, 2), None, 0),
    "[N, T, H, W, 3]": InputAxes(("N", FRAMES, SIDE, SIDE, 3), True, (1, 2), 3, 0),
    "[N, 3, T, H, W]": InputAxes(("N", 3, FRAMES, SIDE, SIDE), True, (2, 3), 0, 1),
    "[3, T, H, W]": InputAxes((3, FRAMES, SIDE, SIDE), False, (2, 3), 0, 1),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def saved_frames(folder: Path, count: int) -> list[Image.Image]:
    """Frames of a moving square, saved as pictures whose names sort otherwise than they count."""
    folder.mkdir(parents=True)
    frames = []
    for number in range(count):
        pixels = np.full((12, 16, 3), (20 * number, 60, 120), np.uint8)
        pixels[3:7, number : number + 4] = (250, 140, 30)
        frames.append(Image.fromarray(pixels))
        frames[-1].save(folder / f"frame{number + 1}.png")
    return frames


def prepared(frames: list[Image.Image], channels: int) -> np.ndarray:
    """The frames as the model is to see them, [T, C, H, W]."""
    shape = (1, channels, SIDE, SIDE)
    recipe = PRESETS["0-1"].for_shape(shape)
    return np.stack([prepare(frame, recipe, shape)[0] for frame in frames])


def laid_out(stack: np.ndarray, form: str) -> np.ndarray:
    """Frames [T, C, H, W] in the order of the axes of a form, without a batch axis."""
    letters = form.strip("[]").replace("3", "C").split(", ")
    return np.einsum(f"TCHW->{''.join(letters[letters[0] in 'N1' :])}".replace("1", "C"), stack)


@pytest.mark.parametrize("form", EXPECTED)
def test_what_the_axes_count(form: str) -> None:
    source = picture_model(form) if form in PICTURES else video_model(form)
    assert Model(source).axes("x") == EXPECTED[form]
    built = retrograph.build(source, method="gradient")
    assert Model(built).axes("x") == EXPECTED[form]


@pytest.mark.parametrize(
    ("shape", "batched", "expected"),
    [
        (("N", 28, 28), True, ((0, 1), None, None)),
        ((28, 28), False, ((0, 1), None, None)),
        (("N", 28, 27), True, ((), None, None)),
        (("N", 8, 8), True, ((), None, None)),
        (("N", 784), True, ((), None, None)),
        ((784,), False, ((), None, None)),
        ((3, 20, 16), False, ((1, 2), 0, None)),
        ((20, 16, 3), False, ((0, 1), 2, None)),
        (("N", 3, 5, 9, 9), True, ((2, 3), 0, 1)),
        (("N", 5, 3, 9, 9), True, ((2, 3), 1, 0)),
        (("N", 5, 9, 9, 3), True, ((1, 2), 3, 0)),
        (("N", 5, 1, 9, 9), True, ((2, 3), 1, 0)),
        (("N", 1, 5, 9, 9), True, ((1, 2, 3), 0, None)),
        (("N", 5, 9, 9, 1), True, ((0, 1, 2), 3, None)),
        (("N", 2, 5, 9, 9), True, ((1, 2, 3), 0, None)),
    ],
)
def test_sizes_tell_where_no_operator_does(
    shape: tuple[int | str, ...], batched: bool, expected: tuple[object, ...]
) -> None:
    axes = axes_by_size(shape, batched=batched)
    assert (axes.spatial, axes.channel, axes.time) == expected
    assert axes.batched is batched


@pytest.mark.one_in(2)
@pytest.mark.parametrize("form", [form for form in PICTURES if form != "[N, H, W, 1]"])
def test_a_photograph_gives_the_map_of_the_usual_layout(
    here: Path, capsys: Capture, form: str
) -> None:
    nets.save(picture_model(form), here / "net.onnx")
    nets.save(control(PICTURES[form][1]), here / "control.onnx")
    options = "dog.png --method guided,grad-cam,lrp-epsilon --labels labels.txt --npz"
    told = explained(capsys, f"net.onnx {options} -o a.png")
    wanted = explained(capsys, f"control.onnx {options} -o b.png")
    assert [{**r, "file": None} for r in told] == [{**r, "file": None} for r in wanted]
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()
    with np.load("a.npz") as one, np.load("b.npz") as other:
        axes = EXPECTED[form]
        for name in ("input", "attribution_guided", "attribution_grad-cam"):
            value = one[name] if name == "input" else one[name][0]
            wanted_value = other[name] if name == "input" else other[name][0]
            stack = np.moveaxis(axes.to_colours_last(value[np.newaxis])[0, 0], -1, 0)
            np.testing.assert_array_equal(stack, wanted_value)


def recorded(capsys: Capture, arguments: str) -> dict[str, Any]:
    """What a command that succeeds prints as JSON."""
    ran = run(capsys, *arguments.split(), "--json")
    assert ran.code == 0, ran
    record: dict[str, Any] = json.loads(ran.out)
    return record


@pytest.mark.parametrize("form", ["[3, H, W]", "[N, H, W]", "[H, W]"])
def test_every_command_takes_it(here: Path, capsys: Capture, form: str) -> None:
    nets.save(picture_model(form), here / "net.onnx")
    nets.save(control(PICTURES[form][1]), here / "control.onnx")
    said = []
    for name in ("net", "control"):
        records = recorded(capsys, f"compare {name}.onnx dog.png -o {name}.png")
        maximum = recorded(capsys, f"maximize {name}.onnx --unit 1 --steps 3 -o {name}_max.png")
        layers = recorded(capsys, f"scan {name}.onnx dog.png --layer relu1 -o {name}_run")["layers"]
        said.append(
            (
                records["explained"][0]["units"],
                {**maximum["made"][0]},
                [{k: v for k, v in layer.items() if k != "tensor"} for layer in layers],
            )
        )
    assert said[0] == said[1]


def test_nothing_is_said_of_batches_that_are_none(here: Path, capsys: Capture) -> None:
    nets.save(picture_model("[3, H, W]"), here / "net.onnx")
    out = good(capsys, "explain net.onnx dog.png -o a.png")
    assert "batch" not in out
    out = good(capsys, "explain net.onnx dog.png -o b.png --batch 3")
    assert "note: --batch 3 is not used: the model has no batch axis\n" in out


def test_a_table_takes_no_photograph(here: Path, capsys: Capture) -> None:
    nodes = [nets.node("MatMul", "x w", "y"), nets.node("Relu", "y", "z")]
    weights = {"w": nets.weights(784, 4)}
    made = nets.model(nodes, [nets.info("x", ["N", 784])], [nets.info("z", ["N", 4])], weights)
    nets.save(made, here / "net.onnx")
    ran = run(capsys, "explain", "net.onnx", "dog.png", "-o", "a.png")
    assert ran.code == 2
    assert "dog.png: the model's input ?x784 is no picture; give the input as a .npy" in ran.err


@pytest.mark.parametrize(
    ("values", "is_picture"),
    [
        (np.linspace(0, 1, 64).reshape(8, 8), True),
        (np.linspace(-80, 0, 64).reshape(8, 8), False),
        (np.linspace(0, 1, 400).reshape(100, 4), False),
    ],
)
def test_numbers_that_look_like_no_picture_are_drawn_as_numbers(
    tmp_path: Path, values: np.ndarray, is_picture: bool
) -> None:
    np.save(tmp_path / "x.npy", values.astype(np.float32))
    axes = InputAxes(("N", None, None), True, (0, 1))
    recipe = PRESETS["0-1"].for_shape((1, 1, 8, 8))
    (item,) = iter_inputs([tmp_path / "x.npy"], input_kind(axes, recipe))
    assert not isinstance(item, BadInput)
    assert (item.shown is not None) is is_picture


@pytest.mark.parametrize("form", ["[N, T, 3, H, W]", "[N, T, H, W]", "[N, 3, T, H, W]"])
def test_frames_are_read_from_files_of_every_kind(here: Path, capsys: Capture, form: str) -> None:
    frames = saved_frames(here / "clip", FRAMES)
    frames[0].save(here / "clip.webp", save_all=True, append_images=frames[1:], lossless=True)
    pixels = np.stack([np.asarray(frame) for frame in frames])
    np.save(here / "bytes.npy", pixels)
    np.save(here / "channels_first.npy", np.moveaxis(pixels, -1, 1)[np.newaxis])
    expected = laid_out(prepared(frames, VIDEOS[form][1]), form)
    np.save(here / "floats.npy", expected)
    nets.save(video_model(form), here / "net.onnx")
    for name in ("clip", "clip.webp", "bytes.npy", "channels_first.npy", "floats.npy"):
        good(capsys, f"explain net.onnx {name} -o {name}_.png --method gradient --npz")
        with np.load(f"{name}_.npz") as arrays:
            np.testing.assert_allclose(arrays["input"], expected, atol=1e-6, err_msg=name)
            assert arrays["attribution_gradient"].shape == (1, *expected.shape)


@pytest.mark.parametrize("form", VIDEOS)
def test_a_video_is_explained_frame_by_frame(here: Path, capsys: Capture, form: str) -> None:
    """Scores that are summed over the frames have the gradients of each frame by itself."""
    frames = saved_frames(here / "clip", FRAMES)
    channels = VIDEOS[form][1]
    nets.save(video_model(form), here / "net.onnx")
    good(capsys, "explain net.onnx clip -o a.png --method gradient --unit 2 --npz")
    explainer = retrograph.Explainer(
        nets.cnn("N", SIDE, channels), method="gradient", select="unit"
    )
    stack = explainer.attribute(prepared(frames, channels), (2,)).attribution
    with np.load("a.npz") as arrays:
        np.testing.assert_allclose(
            arrays["attribution_gradient"][0], laid_out(stack, form), atol=1e-6
        )


def test_frames_are_drawn_as_pictures_on_one_scale(here: Path, capsys: Capture) -> None:
    frames = saved_frames(here / "clip", FRAMES)
    nets.save(video_model("[N, 3, T, H, W]"), here / "net.onnx")
    good(capsys, "explain net.onnx clip -o a.png --method gradient --unit 2 --npz")
    page = np.asarray(opened("a.png").convert("RGB")).astype(int)
    seen = prepared(frames, 3).transpose(0, 2, 3, 1)
    with np.load("a.npz") as arrays:
        gradient = arrays["attribution_gradient"][0].transpose(1, 2, 3, 0)
    end = np.percentile(np.abs(gradient[gradient != 0]), 99.5)
    maps = 128 + 127 * np.clip(gradient / end, -1, 1)
    for rows in (255 * seen, maps):
        for frame in rows:
            assert _lies_in(page, frame.round().astype(int)), "a frame is not drawn"


def _lies_in(page: np.ndarray, picture: np.ndarray) -> bool:
    """Whether a picture is drawn on a page, each pixel enlarged by some whole factor."""
    factor = -(-224 // SIDE)
    large = picture.repeat(factor, 0).repeat(factor, 1)
    height, width = large.shape[:2]
    corners = np.argwhere((page == large[0, 0]).all(axis=2))
    return any(
        page[y : y + height, x : x + width].shape == large.shape
        and np.abs(page[y : y + height, x : x + width] - large).max() <= 1
        for y, x in corners
    )


@pytest.mark.parametrize(
    ("total", "wanted", "places", "note"),
    [
        (4, 4, [0, 1, 2, 3], ""),
        (9, 3, [1, 4, 7], "3 of its 9 frames are taken, evenly spaced"),
        (2, 4, [0, 0, 1, 1], "its 2 frames are repeated to make 4"),
        (3, None, [0, 1, 2], ""),
    ],
)
def test_which_frames_are_taken(
    total: int, wanted: int | None, places: list[int], note: str
) -> None:
    assert frame_places(total, wanted) == (places, note)


def test_folders_and_archives_of_videos(here: Path) -> None:
    for name in ("cats/one", "cats/two", "dogs/three"):
        saved_frames(here / "clips" / name, 3)
    clip = saved_frames(here / "clip", 3)
    clip[0].save(here / "clips/dogs/four.gif", save_all=True, append_images=clip[1:])
    with zipfile.ZipFile("clips.zip", "w") as archive:
        for path in sorted(Path("clips").rglob("*.*")):
            archive.write(path, path.relative_to("clips"))
    axes = Model(video_model("[N, T, 3, H, W]")).axes("x")
    expected = {"cats/one": "cats", "cats/two": "cats", "dogs/three": "dogs"}
    expected["dogs/four.gif"] = "dogs"
    for source, lead in (("clips", "clips/"), ("clips.zip", "clips.zip:")):
        items = list(iter_inputs([source], input_kind(axes, PRESETS["0-1"])))
        assert not [item for item in items if isinstance(item, BadInput)]
        labels = {item.name: item.label for item in items if isinstance(item, Item)}
        assert labels == {lead + name: label for name, label in expected.items()}


def test_a_photograph_is_no_video(here: Path, capsys: Capture) -> None:
    nets.save(video_model("[N, T, 3, H, W]"), here / "net.onnx")
    ran = run(capsys, "explain", "net.onnx", "dog.png", "-o", "a.png")
    assert ran.code == 2
    assert "dog.png is one picture, and the model takes videos; give a folder of fra" in ran.err


def test_frames_of_different_sizes_are_refused(here: Path) -> None:
    saved_frames(here / "clip", 2)
    Image.new("RGB", (5, 5)).save(here / "clip/frame3.png")
    axes = InputAxes(("N", None, 3, None, None), True, (2, 3), 1, 0)
    (item,) = iter_inputs(["clip"], input_kind(axes, PRESETS["0-1"]))
    assert isinstance(item, BadInput)
    assert str(item.error).startswith("clip has frames of different sizes")


@pytest.mark.parametrize("form", VIDEOS)
def test_maximize_makes_frames(here: Path, capsys: Capture, form: str) -> None:
    nets.save(video_model(form), here / "net.onnx")
    good(capsys, "maximize net.onnx --unit 1 --steps 4 -o a.png --pictures made")
    with np.load("a.npz") as arrays:
        values, before = arrays["input"][0], float(arrays["history"][0, 0])
        assert float(arrays["activation"][0]) > before
    assert values.shape == EXPECTED[form].item
    assert 0 <= values.min() < values.max() <= 1
    (picture,) = (here / "made").iterdir()
    assert opened(picture).size == (FRAMES * SIDE, SIDE)


def test_open_numbers_of_frames_need_a_start(here: Path, capsys: Capture) -> None:
    saved_frames(here / "clip", 3)
    nodes = [
        nets.node("Conv", "x w", "a", pads=[1, 1, 1, 1, 1, 1]),
        nets.node("Relu", "a", "b"),
        nets.node("GlobalAveragePool", "b", "y"),
    ]
    inputs = [nets.info("x", ["N", 3, "T", SIDE, SIDE])]
    outputs = [nets.info("y", ["N", 4, 1, 1, 1])]
    made = nets.model(nodes, inputs, outputs, {"w": nets.weights(4, 3, 3, 3, 3)})
    nets.save(made, here / "net.onnx")
    command = "maximize net.onnx --unit 1 --layer relu1 --steps 1 -o a.png"
    ran = run(capsys, *command.split())
    assert "leaves the number of frames open; start from a video" in ran.err
    good(capsys, f"{command} --start clip")
    with np.load("a.npz") as arrays:
        assert arrays["input"].shape == (1, 3, 3, SIDE, SIDE)


def test_a_start_of_another_rank_is_refused() -> None:
    start = np.zeros((1, 1, SIDE, SIDE), np.float32)
    with pytest.raises(InputError, match="does not fit the model's input"):
        retrograph.maximize(picture_model("[H, W]"), 1, start=start)


@pytest.mark.parametrize(
    ("shape", "batched"), [((2, 4, 20), True), ((SIDE * 4,), False), ((28, 28), False)]
)
def test_a_fixed_first_axis_that_is_lost_is_a_batch_but_for_pictures_and_lines(
    shape: tuple[int, ...], batched: bool
) -> None:
    constants = {"line": np.array([1, -1], np.int64), "w": nets.weights(int(np.prod(shape)), 3)}
    nodes = [nets.node("Reshape", "x line", "flat"), nets.node("MatMul", "flat w", "y")]
    made = nets.model(nodes, [nets.info("x", shape)], [nets.info("y", [1, 3])], constants)
    assert Model(made).axes("x").batched is batched
