"""What every answer can do, of a small one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrograph.errors import InputError
from retrograph.results import Result

matplotlib.use("agg")


class Red(Result):
    """A red picture of 4 x 2."""

    def image(self, style: str | None = None) -> Image.Image:
        return Image.new("RGB", (4, 2), (255, 0, 0))

    def to_dict(self) -> dict[str, Any]:
        return {"colour": "red", "size": np.array([4, 2]), "share": np.float32(0.5)}

    def summary(self) -> str:
        return "4 x 2"

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"pixels": np.asarray(self.image())}


class Bare(Red):
    arrays = Result.arrays


def test_a_result_is_saved_by_its_suffix(tmp_path: Path) -> None:
    assert Red().save(tmp_path / "new" / "a.png") == tmp_path / "new" / "a.png"
    assert np.asarray(Image.open(tmp_path / "new" / "a.png"))[0, 0].tolist() == [255, 0, 0]
    with np.load(Red().save(tmp_path / "a.npz")) as data:
        assert data["pixels"].shape == (2, 4, 3)
    record = json.loads(Red().save(tmp_path / "a.json").read_text())
    assert record == {"colour": "red", "size": [4, 2], "share": 0.5}


def test_what_cannot_be_saved_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.npz, \.json"):
        Red().save(tmp_path / "a.docx")
    with pytest.raises(InputError, match="has no arrays"):
        Bare().save(tmp_path / "a.npz")
    path = Red().save(tmp_path / "a.json")
    with pytest.raises(InputError, match="force=True"):
        Red().save(path)
    Red().save(path, force=True)
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_a_result_shows_itself() -> None:
    assert repr(Red()) == "<Red 4 x 2>"
    assert Image.open(io.BytesIO(Red()._repr_png_())).size == (4, 2)
    axes = Red().plot()
    (shown,) = axes.get_images()
    assert shown.get_array().shape == (2, 4, 3)
    assert Red().plot(axes) is axes
