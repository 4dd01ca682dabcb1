"""FASTA without an alphabet: four channels are taken for A, C, G, T, and that is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper, parser

import retrograph
from retrograph.errors import InputError
from support.cli_case import run

RANDOM = np.random.default_rng(5)


def net(channels: int, length: int = 20) -> ModelProto:
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 17]>'
        f" g (float[N,{channels},{length}] x) => (float[N,3] y)"
        " { c = Conv(x, k) r = Relu(c) p = GlobalAveragePool(r) f = Flatten(p) y = MatMul(f, w) }"
    )
    for name, shape in (("k", (5, channels, 3)), ("w", (5, 3))):
        value = RANDOM.normal(size=shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


@pytest.fixture
def fasta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.fa").write_text(">a\nACGTTGCATTACGATCGAGC\n")
    return tmp_path / "s.fa"


def test_four_channels(fasta: Path) -> None:
    model = net(4)
    found = retrograph.explain(model, fasta)
    wanted = retrograph.explain(model, fasta, alphabet="ACGT")
    assert np.array_equal(found.attribution, wanted.attribution)
    said = [note for note in found.to_dict()["notes"] if "A, C, G, T" in note]
    assert said
    assert "alphabet" in said[0]
    assert not [note for note in wanted.to_dict()["notes"] if "A, C, G, T" in note]


def test_the_command_line_and_scans_say_it(fasta: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(net(4), "net.onnx")
    for command in ("explain net.onnx s.fa -o out/", "scan net.onnx s.fa --layer relu1 -o run/"):
        ran = run(capsys, *command.split())
        assert ran.code == 0, ran
        assert "no --alphabet given and none stored" in ran.out


def test_arrays_need_no_letters(fasta: Path) -> None:
    x = np.zeros((1, 4, 20), np.float32)
    assert not retrograph.explain(net(4), x).to_dict()["notes"]


@pytest.mark.parametrize(("channels", "length"), [(20, 12), (5, 12), (4, 4)])
def test_where_it_is_not_clear_nothing_is_assumed(channels: int, length: int, fasta: Path) -> None:
    with pytest.raises(InputError, match="give alphabet"):
        retrograph.explain(net(channels, length), fasta)
