"""Scans against brute force: everything counted in NumPy over all activations."""

from __future__ import annotations

import re
import sqlite3
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto
from PIL import Image

import retrograph
from retrograph.errors import InputError
from retrograph.scanning import ProbeSession, Scanner, ScanReader
from retrograph.scanning.histogram import Histogram
from retrograph.scanning.top import Top
from support import nets
from support.graphs import Array, noise, parse
from support.paths import ROOT
from support.scan_case import (
    CHANNELS_LAST,
    all_activations,
    as_input,
    assert_counts,
    assert_scans,
    folder,
    pixels,
    scanned,
)

SAMPLE = ROOT / "sample_models" / "cifar10_cnn.onnx"


def test_classes_and_all_numbers_of_a_folder(tmp_path: Path) -> None:
    model, pictures = nets.cnn(), pixels(50)
    classes = folder(tmp_path / "set", pictures)
    scan = scanned(model, tmp_path / "run", tmp_path / "set", layer="relu2,conv1", k=4, batch=7)
    for tensor in ("e", "a"):
        assert_scans(scan, model, tensor, as_input(pictures), k=4, classes=classes)
    assert [layer.alias for layer in scan.layers] == ["relu2", "conv1"]
    assert scan.run["pictures"] == {"good": 50, "bad": 0}


def test_the_sample_model(tmp_path: Path) -> None:
    model, pictures = onnx.load(SAMPLE), pixels(40, size=32)
    classes = folder(tmp_path / "set", pictures)
    scan = scanned(model, tmp_path / "run", tmp_path / "set", layer="relu3", k=9)
    assert_scans(scan, model, "relu3", as_input(pictures), k=9, classes=classes)


@pytest.mark.parametrize(
    ("model", "open_model", "tensor", "x"),
    [
        (nets.cnn(batch=8), nets.cnn(), "e", noise(21, 3, 8, 8)),
        (nets.nhwc_cnn(), nets.nhwc_cnn(), "e", noise(21, 8, 8, 3)),
        (nets.sequence_net(), nets.sequence_net(), "b", noise(21, 4, 20)),
        (nets.volume_net(), nets.volume_net(), "b", noise(21, 2, 4, 4, 4)),
        (nets.vector_net(), nets.vector_net(), "out", noise(21, 5)),
        (nets.vector_net(), nets.vector_net(), "a", noise(3, 5)),
    ],
)
def test_models_of_every_kind(
    tmp_path: Path, model: ModelProto, open_model: ModelProto, tensor: str, x: Array
) -> None:
    np.save(tmp_path / "x.npy", x)
    scan = scanned(model, tmp_path / "run", tmp_path / "x.npy", layer=tensor, k=5, batch=4)
    assert_scans(scan, open_model, tensor, x, k=5)


def test_inputs_that_the_layers_do_not_need_are_not_asked_for(tmp_path: Path) -> None:
    model, x = nets.two_input_net(), noise(21, 5)
    np.save(tmp_path / "x.npy", x)
    scan = scanned(model, tmp_path / "run", tmp_path / "x.npy", layer="relu1", k=5)
    assert_counts(scan, "relu1", np.maximum(x @ nets.weights(5, 6), 0), k=5)


def test_channels_last_keep_the_order_of_the_layer(tmp_path: Path) -> None:
    model, x = parse(CHANNELS_LAST), noise(6, 2, 5, 4)
    np.save(tmp_path / "x.npy", x)
    scan = scanned(model, tmp_path / "run", tmp_path / "x.npy", layer="y", k=3)
    activations = all_activations(model, "y", x)
    (layer,) = scan.layers
    assert (layer.shape, layer.channel_axis) == ((5, 4, 3), 2)
    for channel in range(3):
        for unit in scan.top("y", channel):
            assert unit.index[2] == channel
            assert activations[(unit.picture, *unit.index)] == pytest.approx(unit.activation)
            peak = activations[unit.picture, ..., channel].max()
            assert unit.activation == pytest.approx(peak, rel=1e-5)


def test_units_are_those_that_an_explainer_takes(tmp_path: Path) -> None:
    model, x = nets.cnn(), noise(9, 3, 8, 8)
    np.save(tmp_path / "x.npy", x)
    scan = scanned(model, tmp_path / "run", tmp_path / "x.npy", layer="relu2", k=2)
    explainer = retrograph.Explainer(model, method="gradient", layer="relu2", select="unit")
    for unit in scan.top("relu2", 3):
        found = explainer.attribute(x[unit.picture : unit.picture + 1], unit=unit.index)
        assert float(found.score[0]) == pytest.approx(unit.activation, rel=1e-5)


def test_the_receptive_field_survives(tmp_path: Path) -> None:
    model = nets.cnn()
    np.save(tmp_path / "x.npy", noise(2, 3, 8, 8))
    scan = scanned(model, tmp_path / "run", tmp_path / "x.npy", layer="relu2,gap1")
    fields = {layer.alias: layer.field for layer in retrograph.Model(model).layers()}
    assert [layer.field for layer in scan.layers] == [fields["relu2"], fields["gap1"]]
    assert scan.layers[0].field is not None
    assert scan.layers[0].field.stride == (Fraction(2), Fraction(2))


def test_half_precision_is_counted_exactly(tmp_path: Path) -> None:
    model, x = nets.half_cnn(), noise(12, 3, 8, 8)
    np.save(tmp_path / "x.npy", x)
    scan = scanned(model, tmp_path / "run", tmp_path / "x.npy", layer="relu1", k=3)
    for channel in range(6):
        values = [unit.activation for unit in scan.top("relu1", channel)]
        assert values == [float(np.float16(value)) for value in values]
        assert values == sorted(values, reverse=True)


def test_only_some_channels(tmp_path: Path) -> None:
    model, x = nets.cnn(), noise(9, 3, 8, 8)
    np.save(tmp_path / "x.npy", x)
    scan = scanned(model, tmp_path / "run", tmp_path / "x.npy", layer="relu1", k=2, channels=(1, 4))
    assert scan.layers[0].channels == (1, 4)
    assert_scans(scan, model, "b", x, k=2)
    with pytest.raises(InputError, match="channel 0 of 'relu1' was not scanned"):
        scan.top("relu1", 0)


def test_of_equal_pictures_the_earlier_comes_first(tmp_path: Path) -> None:
    x = np.concatenate([noise(3, 3, 8, 8)] * 5)
    np.save(tmp_path / "x.npy", x)
    model = nets.cnn()
    for batch in (1, 4, 15):
        run = tmp_path / f"run{batch}"
        scan = scanned(model, run, tmp_path / "x.npy", layer="relu2", k=6, batch=batch)
        for channel in range(5):
            pictures = [unit.picture for unit in scan.top("relu2", channel)]
            strongest, second = pictures[0], pictures[5]
            assert pictures == [*range(strongest, 15, 3), second]
            assert strongest < 3
            assert second < 3


def test_a_dead_channel(tmp_path: Path) -> None:
    model, x = nets.cnn(), noise(5, 3, 8, 8)
    bias = next(t for t in model.graph.initializer if t.name == "b1")
    values = onnx.numpy_helper.to_array(bias).copy()
    values[2] = -1000
    bias.CopyFrom(onnx.numpy_helper.from_array(values, "b1"))
    np.save(tmp_path / "x.npy", x)
    scan = scanned(model, tmp_path / "run", tmp_path / "x.npy", layer="relu1", k=3)
    assert [each.channel for each in scan.channels("relu1") if each.is_dead] == [2]
    dead = scan.top("relu1", 2)
    assert [(u.picture, u.index, u.activation) for u in dead] == [
        (i, (2, 0, 0), 0.0) for i in range(3)
    ]


def test_pictures_of_several_sizes(tmp_path: Path) -> None:
    model, pictures = nets.cnn(size="s"), []
    for number, size in enumerate((8, 8, 6, 8, 6, 6)):
        pictures.append(pixels(1, size, seed=number))
        Image.fromarray(pictures[-1][0]).save(tmp_path / f"{number}.png")
    scan = scanned(model, tmp_path / "run", tmp_path, layer="relu2", k=6, batch=4)
    for channel in range(5):
        for unit in scan.top("relu2", channel):
            activations = all_activations(model, "e", as_input(pictures[unit.picture]))[0]
            assert activations[unit.index] == pytest.approx(unit.activation, rel=1e-5)
            assert unit.activation == pytest.approx(activations[channel].max(), rel=1e-5)


def test_all_kinds_of_inputs_in_one_scan(tmp_path: Path) -> None:
    pictures = pixels(10)
    Image.fromarray(pictures[0]).save(tmp_path / "one.png")
    np.save(tmp_path / "two.npy", pictures[1:4])
    np.savez(tmp_path / "three.npz", x=pictures[4:7])
    rows = (",".join(map(str, [f"c{i}", *each.ravel()])) for i, each in enumerate(pictures[7:]))
    (tmp_path / "four.csv").write_text("\n".join(rows))
    names = [tmp_path / name for name in ("one.png", "two.npy", "three.npz", "four.csv")]
    model = nets.cnn()
    scan = scanned(model, tmp_path / "run", *names, layer="relu1", k=10)
    assert_scans(scan, model, "b", as_input(pictures), k=10)
    assert scan.classes == {"c0": 1, "c1": 1, "c2": 1}
    assert Scanner(ProbeSession(model, ["relu1"]), names[:3]).count() == 7


def test_a_bad_picture_is_kept_as_a_problem(tmp_path: Path) -> None:
    pictures = pixels(9)
    folder(tmp_path / "set", pictures)
    (tmp_path / "set" / "dog" / "0.png").write_bytes(b"\x89PNG broken")
    model = nets.cnn()
    scan = scanned(model, tmp_path / "run", tmp_path / "set", layer="relu1", k=9, batch=2)
    ((name, problem),) = scan.problems
    assert name == str(tmp_path / "set" / "dog" / "0.png")
    assert name in problem
    assert scan.run["pictures"] == {"good": 9, "bad": 1}
    numbers = sorted(unit.picture for unit in scan.top("relu1", 0))
    assert numbers == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    peaks = all_activations(model, "b", as_input(pictures)).reshape(9, 6, -1).max(axis=2)
    np.testing.assert_allclose(
        [c.mean_peak for c in scan.channels("relu1")], peaks.mean(axis=0), atol=1e-6
    )


def test_activations_that_overflow_are_a_problem(tmp_path: Path) -> None:
    x = noise(4, 3, 8, 8)
    x[1] *= 1e38
    np.save(tmp_path / "x.npy", x)
    scan = scanned(nets.cnn(), tmp_path / "run", tmp_path / "x.npy", layer="conv2")
    ((name, problem),) = scan.problems
    assert name.endswith("x.npy[1]")
    assert "not all finite" in problem
    assert 1 not in [unit.picture for unit in scan.top("conv2", 0)]


def test_nothing_good_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(InputError, match="no pictures"):
        scanned(nets.cnn(), tmp_path / "run", tmp_path / "set", layer="relu1")
    (tmp_path / "set" / "a.png").write_bytes(b"x")
    (tmp_path / "set" / "b.png").write_bytes(b"x")
    with pytest.raises(InputError, match="none of 2 inputs"):
        scanned(nets.cnn(), tmp_path / "run", tmp_path / "set", layer="relu1")
    assert not any((tmp_path / "run").iterdir())


@pytest.mark.parametrize("seed", range(5))
def test_top_is_the_same_however_pictures_are_grouped(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, (40, 3)).astype(np.float64)
    units = rng.integers(0, 9, (40, 3, 2))
    top = Top.empty(3, 5, 2)
    cuts = np.sort(rng.choice(np.arange(1, 40), 6, replace=False))
    for rows in np.split(np.arange(40), cuts):
        top.add(values[rows], units[rows], rows)
    for channel in range(3):
        best = sorted(range(40), key=lambda i: (-values[i, channel], i))[:5]
        assert top.picture[channel].tolist() == best
        np.testing.assert_array_equal(top.unit[channel], units[best, channel])


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e30])
def test_histograms_depend_on_the_numbers_alone(scale: float) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(300, 4)) * scale * [1, 5, -2, 0]
    at_once, one_by_one = Histogram.empty(4), Histogram.empty(4)
    at_once.add(values)
    for row in rng.permutation(300):
        one_by_one.add(values[row : row + 1])
    np.testing.assert_array_equal(at_once.counts, one_by_one.counts)
    np.testing.assert_array_equal(at_once.exponent, one_by_one.exponent)
    for channel in range(4):
        start, width, counts = at_once.bins(channel)
        edges = start + width * np.arange(len(counts) + 1)
        np.testing.assert_array_equal(np.histogram(values[:, channel], edges)[0], counts)
        assert sum(counts) == 300
        if scale >= 1 and channel < 3:
            largest = np.abs(values[:, channel]).max()
            assert 32 <= largest / width <= 65


def test_the_document_tells_the_truth(tmp_path: Path) -> None:
    text = (ROOT / "SCAN.md").read_text()
    folder(tmp_path / "set", pixels(6))
    scan = scanned(nets.cnn(), tmp_path / "run", tmp_path / "set", layer="relu2")
    with sqlite3.connect(scan.path) as store:
        for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL):
            for statement in filter(str.strip, block.split(";")):
                store.execute(statement).fetchall()
        tables = dict(store.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        keys = [key for (key,) in store.execute("SELECT key FROM run")]
    store.close()
    for table, made in tables.items():
        (row,) = re.findall(rf"^\| `{table}` \|(.*)$", text, re.MULTILINE)
        columns = re.findall(r"(\w+) (?:TEXT|INTEGER|REAL)", made)
        assert columns
        assert all(f"`{column}`" in row for column in columns), (table, columns)
    told = text[text.index("`run` has the keys") : text.index("## Examples")]
    assert all(f"`{key}`" in told for key in keys), keys


def test_what_is_no_scan(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        ScanReader(tmp_path)
    (tmp_path / "scan.sqlite").write_bytes(b"something else" * 99)
    with pytest.raises(InputError, match="no scan that can be read"):
        ScanReader(tmp_path)
    (tmp_path / "scan.sqlite").unlink()
    with sqlite3.connect(tmp_path / "scan.sqlite") as store:
        store.execute("CREATE TABLE run (key, value)")
    store.close()
    with pytest.raises(InputError, match="is no scan; name a folder"):
        ScanReader(tmp_path)
