"""A share of tools/mutations/mutate_inputs.py: damaged inputs give a result or one-line errors."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from support import nets
from support.cli_case import assert_one_line, run, workplace
from support.paths import ENGINE, TOOLS

TOOL = TOOLS / "mutations" / "mutate_inputs.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it forks")
def test_a_share_of_the_mutation_run() -> None:
    """In an interpreter of its own, for it forks."""
    command = [sys.executable, str(TOOL), "--pictures", "12", "--others", "20", "--seed", "9"]
    done = subprocess.run(
        command,
        env={"PYTHONPATH": str(ENGINE), "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    totals = done.stdout.split("│ all ")[1].split("│")[1:5]
    assert int(totals[0]) == 32
    assert int(totals[3]) == 0


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    nets.save(nets.two_input_net(), tmp_path / "two.onnx")
    return workplace(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.float32(3), "has the shape []"),
        (np.ones((2, 5, 1), np.float32), "has the shape [2, 5, 1]"),
        (np.ones((0, 5), np.float32), "has the shape [0, 5]"),
        (np.full((1, 5), 1e300), "infinite"),
        (np.full((1, 5), "a"), "<U1"),
    ],
)
def test_an_array_of_several_that_does_not_fit(
    here: Path, capsys: pytest.CaptureFixture[str], x: np.ndarray, words: str
) -> None:
    np.savez("in.npz", x=x, state=np.ones((2, 6), np.float32), sr=np.array(2))
    ran = run(capsys, "explain", "two.onnx", "in.npz", "--method", "gradient", "-o", "out")
    assert_one_line(ran, "in.npz", words)


def test_what_is_no_array_among_several(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("in.npz", x=np.ones((2, 5), np.float32), state=np.ones((2, 6), np.float32))
    with zipfile.ZipFile("in.npz", "a") as zipped:
        zipped.writestr("sr.npy", b"no array")
    ran = run(capsys, "explain", "two.onnx", "in.npz", "--method", "gradient", "-o", "out")
    assert_one_line(ran, "in.npz", "'sr' is no array")


def test_baselines_that_are_damaged_where_they_are_compressed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez_compressed("base.npz", x=np.random.default_rng(0).normal(size=(4, 3, 8, 8)))
    raw = bytearray((here / "base.npz").read_bytes())
    raw[200:220] = bytes(20)
    (here / "base.npz").write_bytes(raw)
    line = "explain net.onnx dog.png --method expected-gradients -o a.png --param baselines="
    ran = run(capsys, *f"{line}base.npz".split())
    assert_one_line(ran, "base.npz", "save it anew")
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 192)}\n"
    (here / "base.npy").write_bytes(b"\x93NUMPY\x01\x00" + bytes([len(head), 0]) + head)
    assert_one_line(run(capsys, *f"{line}base.npy".split()), "base.npy", "save it anew")
    (here / "base.npz").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert_one_line(run(capsys, *f"{line}base.npz".split()), "Git LFS pointer")
