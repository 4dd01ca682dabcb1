"""`retrograph filters`: weights against gradients of the convolution's units, pages, mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto

import retrograph
from retrograph.explainer import build
from retrograph.filter_views import FilterWeights, read_weights
from retrograph.filter_views.page import (
    COLOUR,
    GRID,
    MATRIX,
    SEQUENCE,
    SINGLE,
    Kind,
    kind_of,
    page_title,
)
from retrograph.model import Model
from support import nets
from support.cli_case import assert_one_line, good, opened, run, workplace
from support.graphs import Array

W = nets.weights(4, 3, 3, 3)
SCALES = np.array([0.5, 2.0, -4.0], np.float32)


def net(
    nodes: list[Any], constants: dict[str, Array], shape: list[int | str], opset: int = 17
) -> ModelProto:
    outputs = [nets.info(nodes[-1].output[0], None)]
    return nets.model(nodes, [nets.info("x", shape)], outputs, constants, opset=opset)


def read(model: ModelProto, layer: str | None = None) -> FilterWeights:
    return read_weights(Model(model), layer)


def gradient(model: ModelProto, tensor: str, shape: tuple[int, ...], unit: list[int]) -> Array:
    """Of a unit to the input, by the runtime: for a linear way it is what the unit sees by."""
    built = build(model, method="gradient", layer=tensor, select="unit")
    session = ort.InferenceSession(built.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(3).random(shape).astype(np.float32)
    feeds = {"x": x, "select": np.array([unit])}
    return np.asarray(session.run(["attribution"], feeds)[0][0])


def nchw(*before: Any) -> list[Any]:
    last = before[-1].output[0] if before else "x"
    return [*before, nets.node("Conv", f"{last} w", "y")]


def along(values: Array) -> Array:
    return values.reshape(-1, 1, 1)


BEFORE = {
    "nothing": ([], {}, np.ones(3)),
    "scale": ([nets.node("Mul", "x s", "a")], {"s": along(SCALES)}, SCALES),
    "division": ([nets.node("Div", "x s", "a")], {"s": along(SCALES)[np.newaxis]}, 1 / SCALES),
    "mean and std": (
        [nets.node("Sub", "x m", "a"), nets.node("Div", "a s", "b")],
        {"m": along(SCALES), "s": along(SCALES)},
        1 / SCALES,
    ),
    "scalar first": ([nets.node("Mul", "s x", "a")], {"s": np.float32([3])}, np.full(3, 3.0)),
    "subtracted from": ([nets.node("Sub", "s x", "a")], {"s": along(SCALES)}, np.full(3, -1.0)),
    "normalisation": (
        [nets.node("BatchNormalization", "x g b m v", "a", epsilon=0.25)],
        {"g": SCALES, "b": SCALES, "m": SCALES, "v": SCALES**2},
        SCALES / np.sqrt(SCALES**2 + 0.25),
    ),
}


@pytest.mark.parametrize("name", BEFORE)
def test_scales_before_are_undone(name: str) -> None:
    nodes, constants, factors = BEFORE[name]
    model = net(nchw(*nodes), {**constants, "w": W}, ["N", 3, 8, 8])
    found = read(model)
    np.testing.assert_array_equal(found.weights, W)
    assert found.on_input
    assert bool(found.undone) == (name != "nothing")
    np.testing.assert_allclose(found.factors, factors, rtol=1e-6)
    for channel in range(4):
        seen = gradient(model, "y", (1, 3, 8, 8), [channel, 2, 3])[:, 2:5, 3:6]
        np.testing.assert_allclose(found.scaled()[channel], seen, rtol=1e-5, atol=1e-6)


def test_channels_last_with_scales() -> None:
    nodes = [
        nets.node("Sub", "x m", "a"),
        nets.node("Mul", "a s", "b"),
        nets.node("Transpose", "b", "c", perm=[0, 3, 1, 2]),
        nets.node("Conv", "c w", "y"),
    ]
    model = net(nodes, {"m": SCALES, "s": SCALES, "w": W}, ["N", 8, 8, 3])
    found = read(model)
    seen = gradient(model, "y", (1, 8, 8, 3), [1, 0, 0])[:3, :3].transpose(2, 0, 1)
    np.testing.assert_allclose(found.scaled()[1], seen, rtol=1e-5)


def test_groups_see_their_own_channels() -> None:
    w = nets.weights(4, 2, 3, 3)
    s = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    nodes = [nets.node("Mul", "x s", "a"), nets.node("Conv", "a w", "y", group=2)]
    model = net(nodes, {"s": along(s), "w": w}, ["N", 4, 6, 6])
    found = read(model)
    seen = gradient(model, "y", (1, 4, 6, 6), [3, 1, 2])[:, 1:4, 2:5]
    np.testing.assert_allclose(found.scaled()[3], seen[2:], rtol=1e-5)
    assert not seen[:2].any()


def test_a_transposed_convolution() -> None:
    w = nets.weights(4, 3, 2, 2)
    model = net(
        [nets.node("ConvTranspose", "x w", "y", group=2, strides=[2, 2])],
        {"w": w},
        ["N", 4, 3, 3],
    )
    found = read(model, "deconv1")
    assert found.weights.shape == (6, 2, 2, 2)
    for channel in range(6):
        group = channel // 3
        for part in range(2):
            np.testing.assert_array_equal(
                found.weights[channel, part], w[2 * group + part, channel % 3]
            )


def test_a_prelude_that_is_no_scale_is_left_alone() -> None:
    nodes = [nets.node("Mul", "x s", "a"), nets.node("Relu", "a", "b")]
    found = read(net(nchw(*nodes), {"s": along(SCALES), "w": W}, ["N", 3, 8, 8]))
    assert not found.on_input
    assert found.undone == ()
    np.testing.assert_array_equal(found.scaled(), W)


def test_a_normalisation_behind_is_told() -> None:
    values = np.array([1, -2, 3, 4], np.float32)
    nodes = [*nchw(), nets.node("BatchNormalization", "y g b m v", "z", epsilon=0.0)]
    constants = {"g": values, "b": values, "m": values, "v": np.full(4, 4, np.float32)}
    (note,) = read(net(nodes, {**constants, "w": W}, ["N", 3, 8, 8])).notes
    assert "(-1 to 2)" in note
    assert "turns 1 filters over" in note


@pytest.mark.parametrize("per_filter", [False, True])
def test_quantised_weights_are_dequantised(per_filter: bool) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-128, 128, (4, 3, 3, 3), np.int8)
    scale = np.array([0.1, 0.2, 0.3, 0.4], np.float32) if per_filter else np.float32(0.1)
    zero = np.array([1, 0, -2, 5], np.int8) if per_filter else np.int8(3)
    nodes = [nets.node("DequantizeLinear", "q s z", "w", axis=0), *nchw()]
    model = net(nodes, {"q": codes, "s": scale, "z": zero}, ["N", 3, 8, 8])
    by = (lambda v: v.reshape(4, 1, 1, 1)) if per_filter else (lambda v: v)
    wanted = (codes.astype(np.float32) - by(zero).astype(np.float32)) * by(scale)
    np.testing.assert_allclose(read(model).weights, wanted, rtol=1e-6)


def test_a_quantised_input_cancels() -> None:
    nodes = [
        nets.node("QuantizeLinear", "x s z", "a"),
        nets.node("DequantizeLinear", "a s z", "b"),
        nets.node("Conv", "b w", "y"),
    ]
    constants = {"s": np.float32(0.02), "z": np.uint8(100), "w": W}
    found = read(net(nodes, constants, ["N", 3, 8, 8]))
    assert found.on_input
    assert found.undone == ()
    np.testing.assert_allclose(found.scaled(), W, rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "inputs", "kernel", "group", "kind"),
    [
        (4, 3, (3, 3), 1, COLOUR),
        (4, 1, (3, 3), 1, SINGLE),
        (4, 4, (3, 3), 4, SINGLE),
        (4, 3, (1, 1), 1, MATRIX),
        (4, 3, (5,), 1, SEQUENCE),
        (4, 6, (1, 5), 1, SEQUENCE),
        (4, 2, (1, 5), 1, SEQUENCE),
        (4, 6, (3, 3), 1, GRID),
        (4, 2, (2, 2, 2), 1, GRID),
    ],
)
def test_how_filters_are_drawn(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shape: int,
    inputs: int,
    kernel: tuple[int, ...],
    group: int,
    kind: Kind,
) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = [nets.node("Conv", "x w", "y", group=group)]
    w = nets.weights(shape, inputs // group, *kernel)
    model = net(nodes, {"w": w}, ["N", inputs, *[9] * len(kernel)])
    assert kind_of(read(model)) is kind
    nets.save(model, Path("net.onnx"))
    good(capsys, "filters net.onnx -o a.png")
    good(capsys, "filters net.onnx -o b.png --scale-of all")
    assert min(opened("a.png").size) > 100


@pytest.mark.parametrize(("inputs", "words"), [(1, "1 input channel,"), (2, "2 input channels,")])
def test_the_title_counts_channels(inputs: int, words: str) -> None:
    model = net(nchw(), {"w": nets.weights(4, inputs, 3, 3)}, ["N", inputs, 9, 9])
    assert f"net · 4 filters, {words} 3x3" in page_title(retrograph.filters(model))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def tiles_of(path: str, count: int, size: int) -> list[Array]:
    """The first tiles of a page: squares of one pixel each that a filter's weight fills."""
    page = np.asarray(opened(path)).astype(int)
    frame = np.argwhere((page == (208, 208, 212)).all(axis=-1))
    top, left = frame[0]
    found = []
    for i in range(count):
        x = left + 1 + i * (size * 3 + 8)
        found.append(page[top + 1 + size // 2 :: size][:3, x + size // 2 :: size][:, :3])
    return found


def test_colours(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Red, black and grey where the weights are positive, negative and 0; a scale for each."""
    w = np.zeros((4, 3, 3, 3), np.float32)
    w[0, 0, 0, 0] = 5
    w[1, :, 1, 1] = -0.1
    w[2, 2] = 0.2
    w[2, 1, 0, 1] = -0.1
    nets.save(net(nchw(), {"w": w}, ["N", 3, 8, 8]), desk / "net.onnx")
    out = good(capsys, "filters net.onnx -o a.png")
    assert "assumed: the order of the channels, red first" in out
    first, second, third, fourth = tiles_of("a.png", 4, 32)
    assert first[0, 0].tolist() == [255, 128, 128]
    assert first[1:].tolist() == np.full((2, 3, 3), 128).tolist()
    assert second[1, 1].tolist() == [1, 1, 1]
    assert third[2, 2].tolist() == [128, 128, 255]
    assert third[0, 1].tolist() == [128, 64, 255]
    assert (fourth == 128).all()
    good(capsys, "filters net.onnx -o b.png --scale-of all")
    assert tiles_of("b.png", 3, 32)[2][2, 2].tolist() == [128, 128, 133]


def test_the_std_and_the_order_of_the_preprocessing(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    w = np.ones((1, 3, 3, 3), np.float32)
    nets.save(net(nchw(), {"w": w}, ["N", 3, 8, 8]), desk / "net.onnx")
    out = good(capsys, "filters net.onnx --std 1,2,4 --order bgr -o a.png --npz")
    assert "undone: the preprocessing's std (1, 2, 4), the order of the channels" in out
    assert "assumed" not in out
    shown = np.load("a.npz")["shown"]
    np.testing.assert_allclose(shown[0, :, 0, 0], [1, 0.5, 0.25])
    np.testing.assert_array_equal(np.load("a.npz")["weights"], w)
    (tile,) = tiles_of("a.png", 1, 32)
    assert tile[0, 0].tolist() == [160, 192, 255]


def test_json_and_names(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = run(capsys, "filters", "net.onnx", "--layer", "conv2", "--channels", "1-2", "--json")
    record = json.loads(ran.out)
    assert record["file"] == "net.conv2.filters.png"
    assert Path(record["file"]).is_file()
    assert record["shape"] == [5, 6, 3, 3]
    assert record["shown"] == [1, 2]
    assert record["drawn_as"] == GRID.name
    w2 = nets.cnn_parts()[1]["w2"]
    assert record["largest"] == pytest.approx(float(np.abs(w2).max()))


def test_layers_by_their_names(desk: Path) -> None:
    model = Model("net.onnx")
    for name in ("conv2", "d", "n_d"):
        assert read_weights(model, name).alias == "conv2"
    assert read_weights(model).alias == "conv1"


def test_a_bias_of_its_own(desk: Path) -> None:
    nodes = [*nchw(), nets.node("Add", "y b", "z"), nets.node("Relu", "z", "out")]
    found = read(net(nodes, {"w": W, "b": along(W[:, 0, 0, 0])}, ["N", 3, 8, 8]), "conv1")
    assert (found.alias, found.tensor) == ("conv1", "y")


def test_float16(desk: Path) -> None:
    found = read(nets.half_cnn())
    assert found.weights.dtype == np.float32
    w1 = nets.cnn_parts()[1]["w1"].astype(np.float16)
    np.testing.assert_array_equal(found.weights, w1.astype(np.float32))


def test_from_python(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same picture, arrays and record as the command line's."""
    options = "--preprocess imagenet --npz --json -o a.png"
    ran = run(capsys, "filters", "net.onnx", *options.split())
    filters = retrograph.filters(Model("net.onnx"), preprocessing="imagenet")
    assert filters.to_dict() == json.loads(ran.out) | {"file": None}
    np.testing.assert_array_equal(filters.image(), opened("a.png"))
    with np.load("a.npz") as written:
        arrays = filters.arrays()
        assert written.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(written[name], array)
    assert repr(filters) == "<Filters conv1 (Conv 6x3x3x3) of net.onnx>"
    assert filters.save("again.png").is_file()


def test_chosen_from_python(desk: Path) -> None:
    filters = retrograph.filters("net.onnx", "conv2", channels=[4, 0], inputs=range(2))
    assert (filters.channels, filters.inputs) == ((4, 0), (0, 1))
    assert filters.arrays()["weights"].shape == (5, 6, 3, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channels": [0, 6]}, "filter 6 is out of range"),
        ({"channels": [-1]}, "filter -1 is out of range"),
        ({"inputs": []}, "no input channel is named"),
        ({"scale_of": "some"}, "choose one of: each, all"),
        ({"preprocessing": "magic"}, "magic"),
    ],
)
def test_mistakes_from_python(desk: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(retrograph.InputError, match=words):
        retrograph.filters("net.onnx", **options)
    with pytest.raises(retrograph.InputError, match="leave style out"):
        retrograph.filters("net.onnx").image("heat")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("filters net.onnx --layer relu1", ("made by Relu", "conv1, conv2")),
        ("filters net.onnx --layer scores", ("made by Gemm", "conv1, conv2")),
        ("filters net.onnx --layer conv9", ("no layer 'conv9'",)),
        ("filters net.onnx --channels 4-6", ("filter 6 is out of range", "conv1")),
        ("filters net.onnx --inputs 3", ("input channel 3 is out of range",)),
        ("filters net.onnx --channels a", ("'a' is no channel",)),
        ("filters net.onnx -o dog.png", ("dog.png exists", "--force")),
        ("filters net.onnx -o a.xyz", ("suffix",)),
        ("filters vector.onnx", ("no convolution",)),
        ("filters computed.onnx", ("computed by the graph",)),
        ("filters nowhere.onnx", ("nowhere.onnx",)),
    ],
)
def test_mistakes(
    desk: Path, capsys: pytest.CaptureFixture[str], arguments: str, words: tuple[str, ...]
) -> None:
    nets.save(nets.vector_net(), desk / "vector.onnx")
    info = [nets.info("x", ["N", 3, 8, 8]), nets.info("w", [4, 3, 3, 3])]
    computed = nets.model([nets.node("Conv", "x w", "y")], info, [nets.info("y", None)])
    nets.save(computed, desk / "computed.onnx")
    before = {path.name: path.read_bytes() for path in desk.iterdir()}
    assert_one_line(run(capsys, *arguments.split()), *words)
    assert {path.name: path.read_bytes() for path in desk.iterdir()} == before
