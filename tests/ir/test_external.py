"""Weights in other files, and sparse ones: the same graph comes of them, and is written whole."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto

import retrograph
from retrograph.errors import InputError
from retrograph.explainer import Explainer
from retrograph.ir import tensor_data
from retrograph.ir.io import load, store
from retrograph.model import Model
from support import hostile, hostile_graphs, nets
from support.cli_case import assert_one_line, good, refused, run, tree, workplace

Capture = pytest.CaptureFixture[str]
X = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
BUILD = "build apart.onnx -o out.onnx"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model twice: net.onnx, and apart.onnx with the weights in sub/w.bin."""
    workplace(tmp_path, monkeypatch)
    monkeypatch.setattr(tensor_data, "SMALL", 10)
    save_apart(nets.cnn(), tmp_path / "apart.onnx", "sub/w.bin")
    return tmp_path


def save_apart(model: ModelProto, path: Path, location: str) -> None:
    (path.parent / location).parent.mkdir(exist_ok=True)
    onnx.save_model(
        model,
        path,
        save_as_external_data=True,
        location=location,
        size_threshold=0,
        convert_attribute=True,
    )


def attribution(model: str | Path | ModelProto) -> np.ndarray:
    return Explainer(model).attribute(X).attribution


def test_weights_apart_give_the_same_attributions(here: Path, capsys: Capture) -> None:
    told = good(capsys, BUILD)
    assert "its weights in out.onnx.data beside it" in told
    good(capsys, "build net.onnx -o one.onnx")
    assert not (here / "one.onnx.data").exists()
    expected = attribution("one.onnx")
    assert np.abs(expected).max() > 0
    (here / "sub").rename(here / "gone")
    np.testing.assert_array_equal(attribution("out.onnx"), expected)


def test_what_is_built_loads_by_itself_elsewhere(here: Path, capsys: Capture) -> None:
    """By onnx and ONNX Runtime alone, after both files have been moved."""
    good(capsys, BUILD)
    (here / "other").mkdir()
    for name in ("out.onnx", "out.onnx.data"):
        (here / name).rename(here / "other" / name)
    onnx.checker.check_model(str(here / "other/out.onnx"), full_check=True)
    whole = onnx.load(here / "other/out.onnx")
    np.testing.assert_array_equal(attribution(whole), attribution("net.onnx"))


def test_a_model_in_memory_explains_from_its_files(here: Path) -> None:
    built = retrograph.build("apart.onnx")
    assert any(tensor_data.is_external(t) for t in built.graph.initializer)
    np.testing.assert_array_equal(attribution(built), attribution("net.onnx"))
    np.testing.assert_array_equal(attribution("apart.onnx"), attribution("net.onnx"))


def test_what_is_small_is_moved_into_the_model(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_data, "SMALL", 4096)
    files = retrograph.save(retrograph.build("apart.onnx"), "out.onnx")
    assert files == [Path("out.onnx")]
    np.testing.assert_array_equal(attribution("out.onnx"), attribution("net.onnx"))


def test_shared_weights_are_copied_once(here: Path, capsys: Capture) -> None:
    model = onnx.load("apart.onnx", load_external_data=False)
    (twin := model.graph.initializer.add()).CopyFrom(model.graph.initializer[2])
    twin.name = "twin"
    model.graph.node[3].input[1] = "twin"
    model.graph.output.append(nets.info("w2", [5, 6, 3, 3]))
    nets.save(model, here / "apart.onnx")
    good(capsys, BUILD)
    assert (here / "out.onnx.data").stat().st_size < 6 * 4096


def test_weights_of_every_type(here: Path) -> None:
    """Four bits a number, bfloat16, text: packed as they were."""
    import ml_dtypes

    types = [np.float16, np.int8, np.bool_, np.float64]
    types += [ml_dtypes.bfloat16, ml_dtypes.int4, ml_dtypes.float8_e4m3fn]
    model = nets.cnn()
    for i, dtype in enumerate(types):
        values = np.arange(15).reshape(3, 5).astype(dtype)
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, f"v{i}"))
    save_apart(model, here / "typed.onnx", "typed.bin")
    loaded, _ = load.load(here / "typed.onnx")
    found = {t.name: t for t in loaded.graph.initializer}
    for i, dtype in enumerate(types):
        assert tensor_data.is_external(found[f"v{i}"])
        array = tensor_data.to_array(found[f"v{i}"])
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, np.arange(15).reshape(3, 5).astype(dtype))


def test_the_digest_is_of_both_files(here: Path) -> None:
    before = Model("apart.onnx").sha256
    assert before == Model("apart.onnx").sha256
    raw = bytearray((here / "sub/w.bin").read_bytes())
    raw[-1] ^= 1
    (here / "sub/w.bin").write_bytes(raw)
    assert Model("apart.onnx").sha256 != before


def test_links_as_caches_of_downloads_make_them(here: Path) -> None:
    """Model and weights both links, into one folder of files named by what they hold."""
    for folder in ("blobs", "snapshot", "snapshot/sub"):
        (here / folder).mkdir()
    (here / "apart.onnx").rename(here / "blobs/1f")
    (here / "sub/w.bin").rename(here / "blobs/2e")
    (here / "snapshot/apart.onnx").symlink_to("../blobs/1f")
    (here / "snapshot/sub/w.bin").symlink_to("../../blobs/2e")
    np.testing.assert_array_equal(attribution("snapshot/apart.onnx"), attribution("net.onnx"))


def test_a_model_over_the_end_of_protobuf(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if that end came after a thousand bytes: weights in the model go to a file."""
    expected = attribution("net.onnx")
    for module in (store, load):
        monkeypatch.setattr(module, "LARGE", 1000)
    monkeypatch.setattr(store, "SMALL", 10)
    model = onnx.load("net.onnx")
    model.graph.initializer[2].float_data[:] = onnx.numpy_helper.to_array(
        model.graph.initializer[2]
    ).reshape(-1)
    model.graph.initializer[2].ClearField("raw_data")
    files = retrograph.save(retrograph.build(model), "out.onnx")
    assert [file.name for file in files] == ["out.onnx", "out.onnx.data"]
    assert files[0].stat().st_size < 20_000
    np.testing.assert_array_equal(attribution("out.onnx"), expected)
    np.testing.assert_array_equal(attribution(model), expected)
    assert Model(model).sha256 != Model(nets.cnn(size=16)).sha256


# --- what is written ---------------------------------------------------------------------------


def test_files_that_exist_are_kept_without_force(here: Path, capsys: Capture) -> None:
    (here / "out.onnx.data").write_text("mine")
    refused(capsys, here, BUILD, "out.onnx.data exists", "--force")
    good(capsys, f"{BUILD} --force")
    np.testing.assert_array_equal(attribution("out.onnx"), attribution("net.onnx"))
    refused(capsys, here, BUILD, "out.onnx exists", "--force")
    before = tree(here)
    good(capsys, f"{BUILD} --force")
    assert tree(here) == before


def test_weights_that_are_read_are_never_replaced(here: Path, capsys: Capture) -> None:
    save_apart(nets.cnn(), here / "apart.onnx", "out.onnx.data")
    refused(capsys, here, f"{BUILD} --force", "out.onnx.data holds weights", "another name")
    save_apart(nets.cnn(), here / "apart.onnx", "w.onnx")
    refused(capsys, here, "build apart.onnx -o w.onnx --force", "w.onnx holds weights", "another")


def test_a_folder_in_the_place_of_the_weights(here: Path, capsys: Capture) -> None:
    (here / "out.onnx.data").mkdir()
    refused(capsys, here, f"{BUILD} --force", "out.onnx.data is a folder", "name a file")


@pytest.mark.parametrize("broken", ["out.onnx", "out.onnx.data"])
@pytest.mark.parametrize("force", ["", " --force"])
def test_nothing_is_left_of_what_cannot_be_written(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, broken: str, force: str
) -> None:
    if force:
        good(capsys, "build apart.onnx -o out.onnx --method gradient")
    opened = Path.open

    def full(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == f".{broken}.{os.getpid()}.part":
            raise OSError(28, "No space left on device", str(path))
        return opened(path, *args, **kwargs)  # type: ignore[arg-type, call-overload]

    monkeypatch.setattr(Path, "open", full)
    refused(capsys, here, BUILD + force, "cannot be written", "No space left")


def test_weights_that_are_cut_short_meanwhile(here: Path) -> None:
    built = retrograph.build("apart.onnx")
    (here / "sub/w.bin").write_bytes(b"short")
    before = tree(here)
    with pytest.raises(InputError, match="shorter than it was"):
        retrograph.save(built, "out.onnx")
    assert tree(here) == before


# --- sparse weights ----------------------------------------------------------------------------


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("apart", [True, False])
def test_sparse_weights_are_those_with_their_zeros(tmp_path: Path, flat: bool, apart: bool) -> None:
    dense = nets.weights(4, 3) * (np.arange(12).reshape(4, 3) % 3 > 0)
    places = np.flatnonzero(dense) if flat else np.argwhere(dense)
    thin = hostile_graphs.sparse(dense[dense != 0], places, [4, 3])
    model = hostile_graphs.sparse_net(thin)
    if apart:
        values = model.graph.sparse_initializer[0].values
        (tmp_path / "w.bin").write_bytes(values.raw_data)
        onnx.external_data_helper.set_external_data(values, "w.bin")
        values.ClearField("raw_data")
    path = nets.save(model, tmp_path / "thin.onnx")
    full = hostile_graphs.sparse_net(thin)
    del full.graph.sparse_initializer[:]
    full.graph.initializer.append(onnx.numpy_helper.from_array(dense, "w"))
    x = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    found, expected = (Explainer(m, method="gradient").attribute(x) for m in (path, full))
    np.testing.assert_array_equal(found.attribution, expected.attribution)
    retrograph.save(retrograph.build(path, method="gradient"), tmp_path / "out.onnx")
    saved = Explainer(tmp_path / "out.onnx").attribute(x)
    np.testing.assert_array_equal(saved.attribution, expected.attribution)


def test_sparse_weights_that_must_be_read(tmp_path: Path) -> None:
    """A Conv's kernel size is read from its weights' shape, a Clip's bounds from their values."""
    model = hostile.on_path([nets.node("Mul", "r w", "y")], ["N", 4])
    model.graph.sparse_initializer.append(
        hostile_graphs.sparse(np.array([3.0]), np.array([2]), [4]),
    )
    x = np.ones((1, 4), np.float32)
    found = Explainer(model, method="gradient", layer="y").attribute(x)
    np.testing.assert_array_equal(found.attribution, [[0, 0, 3, 0]])


def test_sparse_weights_of_a_body() -> None:
    model = hostile_graphs.nested(1)
    body = next(a.g for a in model.graph.node[0].attribute if a.name == "then_branch")
    body.node[0].CopyFrom(nets.node("Mul", "x w", "z"))
    body.sparse_initializer.append(hostile_graphs.sparse(np.array([3.0]), np.array([2]), [4]))
    feeds = {"x": np.ones((1, 4), np.float32), "k": np.array(True)}
    explainer = Explainer(model, method="gradient", select="unit")
    for unit, slope in ((0, 0), (2, 3)):
        found = explainer.attribute(feeds, (unit,))
        expected = np.where(np.arange(4) == unit, slope, 0)
        np.testing.assert_array_equal(found.attribution.reshape(4), expected)


def test_the_command_line_refuses_a_model_whose_weights_are_gone(
    here: Path, capsys: Capture
) -> None:
    (here / "sub/w.bin").unlink()
    before = tree(here)
    assert_one_line(run(capsys, *BUILD.split()), "'sub/w.bin'", "beside the model")
    assert tree(here) == before
