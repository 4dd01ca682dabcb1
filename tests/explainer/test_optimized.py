"""A built graph as ONNX Runtime has optimised it: the same answers, a file of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import external_data_helper, numpy_helper, parser

import retrograph
from retrograph.cli import main
from support.paths import SAMPLE_MODELS

SAMPLE = SAMPLE_MODELS / "cifar10_cnn.onnx"


def picture() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).random((1, 3, 32, 32)).astype(np.float32)


def test_it_answers_as_the_graph_does(tmp_path: Path) -> None:
    built = retrograph.build(SAMPLE, layer="relu3", select="unit")
    (file,) = retrograph.save_optimized(built, tmp_path / "fast.onnx")
    x, unit = picture(), (12, 3, 4)
    fast, plain = (
        retrograph.Explainer(file, device="cpu"),
        retrograph.Explainer(built, device="cpu"),
    )
    assert fast.contract == plain.contract
    found, expected = fast.attribute(x, unit), plain.attribute(x, unit)
    np.testing.assert_allclose(found.attribution, expected.attribution, rtol=1e-5, atol=1e-7)
    assert {node.domain for node in onnx.load(file).graph.node} != {""}
    assert [each.name for each in tmp_path.iterdir()] == ["fast.onnx"]


def test_weights_of_their_own_stay_apart(tmp_path: Path) -> None:
    source = tmp_path / "net.onnx"
    model = onnx.load(SAMPLE)
    onnx.save(model, source, save_as_external_data=True, location="net.weights", size_threshold=64)
    built = retrograph.build(source)
    made = tmp_path / "made"
    made.mkdir()
    files = retrograph.save_optimized(built, made / "fast.onnx")
    assert [file.name for file in files] == ["fast.onnx", "fast.onnx.data"]
    held = onnx.load(files[0], load_external_data=False).graph.initializer
    assert any(external_data_helper.uses_external_data(tensor) for tensor in held)
    found = retrograph.Explainer(files[0], device="cpu").attribute(picture())
    expected = retrograph.Explainer(built, device="cpu").attribute(picture())
    np.testing.assert_allclose(found.attribution, expected.attribution, rtol=1e-5, atol=1e-7)


def test_weights_too_small_for_a_file_of_their_own(tmp_path: Path) -> None:
    model = parser.parse_model("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N, 4] x) => (float[N, 3] y)
        <float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}> { y = MatMul (x, w) }""")
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    source = tmp_path / "net.onnx"
    onnx.save(model, source, save_as_external_data=True, location="w.bin", size_threshold=0)
    built = retrograph.build(source, method="gradient")
    made = tmp_path / "made"
    made.mkdir()
    files = retrograph.save_optimized(built, made / "fast.onnx")
    assert sorted(made.iterdir()) == sorted(files)
    found = retrograph.Explainer(files[0], device="cpu").attribute(np.ones((1, 4), np.float32))
    np.testing.assert_array_equal(found.attribution, [[3, 6, 9, 12]])


def test_nothing_is_replaced_or_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "fast.onnx"
    file.write_bytes(b"mine")
    with pytest.raises(retrograph.InputError, match="exists"):
        retrograph.save_optimized(retrograph.build(SAMPLE), file)
    assert file.read_bytes() == b"mine"
    broken = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []))
    broken.opset_import[0].version, broken.ir_version = 18, 8
    broken.graph.node.add(op_type="Nothing", output=["y"])
    broken.graph.output.add(name="y")
    with pytest.raises(retrograph.InputError, match="cannot load"):
        retrograph.save_optimized(broken, file, force=True)
    assert file.read_bytes() == b"mine"
    assert [each.name for each in tmp_path.iterdir()] == ["fast.onnx"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(retrograph.InputError, match="cannot be written"):
        retrograph.save_optimized(retrograph.build(SAMPLE), tmp_path / "none" / "fast.onnx")


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, fast = tmp_path / "plain.onnx", tmp_path / "fast.onnx"
    assert main(["build", str(SAMPLE), "-o", str(plain), "--optimized", str(fast)]) == 0
    assert "not portable" in capsys.readouterr().out
    assert plain.exists()
    assert retrograph.Explainer(fast, device="cpu").contract.method == "guided"
    again = ["build", str(SAMPLE), "--force", "-o", str(plain), "--optimized"]
    assert main([*again, str(plain)]) == 2
    assert "the same file" in capsys.readouterr().err
    assert main([*again, str(tmp_path / "fast.bin")]) == 2
    assert "suffix .onnx" in capsys.readouterr().err
