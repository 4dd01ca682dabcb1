"""Sessions of older releases, as the installed one takes them when it says that it is one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import retrograph
from retrograph.errors import InputError
from retrograph.ir import tensor_data
from retrograph.ir.io.runtime_releases import version_of
from support import nets

INSTALLED = version_of(onnxruntime.__version__)
X = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with weights in a folder beside it, and a folder for temporary files."""
    (tmp_path / "models" / "sub").mkdir(parents=True)
    file = tmp_path / "models" / "net.onnx"
    onnx.save(nets.cnn(), file, save_as_external_data=True, location="sub/w.bin", size_threshold=64)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tensor_data, "SMALL", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return file


def loaded_from(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, dict[str, object]]]:
    """What each session is made of from now on.

    Newer releases follow no links out of a folder: they are given the file's bytes, and find the
    weights by the session's option.
    """
    made = []
    session = onnxruntime.InferenceSession

    def note(model: object, *args: object, **more: object) -> object:
        made.append((model, more))
        if isinstance(model, Path):
            assert (model.parent / "sub" / "w.bin").exists()
            model = model if INSTALLED < (1, 21) else model.read_bytes()
        return session(model, *args, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", note)
    return made


def test_weights_in_a_folder_are_found_from_a_file_before_1_21(
    apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = retrograph.build(apart, method="gradient")
    wanted = retrograph.Explainer(built).attribute(X).attribution
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(onnxruntime, "__version__", "1.20.1")
    made = loaded_from(monkeypatch)
    found = retrograph.Explainer(built).attribute(X).attribution
    np.testing.assert_array_equal(found, wanted)
    ((file, _),) = made
    assert isinstance(file, Path)
    assert file.parent.parent == tmp_path / "scratch"
    assert sorted(tmp_path.rglob("*")) == before


def test_from_1_21_on_they_are_found_in_memory(
    apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "__version__", "1.21.0")
    made = loaded_from(monkeypatch)
    retrograph.Explainer(retrograph.build(apart))
    assert [type(model) for model, _ in made] == [bytes]


def test_what_cannot_be_linked_is_one_error(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(onnxruntime, "__version__", "1.20.1")
    monkeypatch.setattr(Path, "symlink_to", refused)
    with pytest.raises(InputError, match=r"cannot be linked to .*before 1\.21.*update it"):
        retrograph.Explainer(retrograph.build(apart))


@pytest.mark.parametrize(
    ("release", "disabled"),
    [("1.20.1", None), ("1.21.1", ["WeightBiasQuantization"]), ("1.22.0", None)],
)
def test_1_21_quantises_no_weights_of_its_own(
    release: str, disabled: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "__version__", release)
    made = loaded_from(monkeypatch)
    retrograph.Explainer(retrograph.build(nets.cnn()))
    assert [more.get("disabled_optimizers") for _, more in made] == [disabled]


WEIGHT = np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype(np.float32)


def test_float_weights_behind_a_dequantised_input_stay_what_they_are() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N,3,8,8] x) => (float[N,4] y)'
        " <float s = {0.02}, uint8 z = {128}> { u = QuantizeLinear (x, s, z)"
        " v = DequantizeLinear (u, s, z) c = Conv (v, w) p = GlobalAveragePool (c)"
        " y = Flatten (p) }"
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(WEIGHT, "w"))
    scores = retrograph.Explainer(model, method="gradient", select="unit").attribute(X, [2]).score
    q = 0.02 * np.clip(np.rint(X / np.float32(0.02)), -128, 127)
    windows = np.lib.stride_tricks.sliding_window_view(q, (3, 3), (2, 3))
    wanted = np.einsum("nchwij,cij->nhw", windows, WEIGHT[2]).mean((1, 2))
    np.testing.assert_allclose(scores, wanted, rtol=1e-4, atol=1e-6)
