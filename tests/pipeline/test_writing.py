"""Explanations are drawn and written by several threads at once, and come in order."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import numpy as np
import pytest

import retrograph as rg
from retrograph.errors import InputError
from retrograph.pipeline import writing
from retrograph.pipeline.destination import Files
from retrograph.preprocess import BadInput
from retrograph.results.explanation import Explanation

SAMPLE = Path(__file__).parents[2] / "sample_models" / "cifar10_cnn.onnx"


def test_two_pictures_are_written_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)
    write = writing.write_explanation

    def meet(explanation: Explanation, files: Files) -> Explanation:
        both.wait(timeout=60)
        return write(explanation, files)

    monkeypatch.setattr(writing, "default_workers", lambda: 2)
    monkeypatch.setattr(writing, "write_explanation", meet)
    inputs = [np.full((32, 32, 3), grey, np.uint8) for grey in (0, 90, 160, 250)]
    explained = rg.explain_all(SAMPLE, inputs, preprocessing="cifar10", out=tmp_path / "maps")
    names = [explanation.name for explanation in explained]
    assert names == [f"input[{number}]" for number in range(4)]
    assert len(list((tmp_path / "maps").glob("*.png"))) == 4


def test_a_full_disk_ends_the_run_at_the_first_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(target: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    inputs = [np.full((32, 32, 3), grey, np.uint8) for grey in (0, 90, 160)]
    explained = rg.explain_all(SAMPLE, inputs, preprocessing="cifar10", out=tmp_path / "maps")
    with pytest.raises(InputError, match=r"\(No space left on device\); make room"):
        next(explained)


def test_a_picture_and_its_arrays_are_there_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes
    left = [1]

    def failing(target: Path, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, "Input/output error")
        return write(target, data)

    monkeypatch.setattr(Path, "write_bytes", failing)
    grey = np.full((32, 32, 3), 90, np.uint8)
    explained = rg.explain_all(
        SAMPLE, grey, preprocessing="cifar10", out=tmp_path / "maps", npz=True
    )
    (refused,) = explained
    assert isinstance(refused, BadInput)
    assert "Input/output error" in str(refused.error)
    assert not list((tmp_path / "maps").iterdir())
