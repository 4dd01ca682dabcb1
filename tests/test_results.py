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

import retrograph as rg
from retrograph.errors import InputError
from retrograph.results import Result
from retrograph.results.base import NothingToDraw

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


MAKERS = {
    rg.Attribution: "explain() or Explainer.attribute()",
    rg.Explanation: "explain_all()",
    rg.Comparison: "compare()",
    rg.Check: "check()",
    rg.Audit: "audit()",
    rg.FileAudits: "audit_files()",
    rg.Sanity: "sanity()",
    rg.Bench: "bench()",
    rg.Filters: "filters()",
    rg.Scan: "scan() or open_scan()",
    rg.Patches: "Scan.patches()",
    rg.Maxima: "maximize()",
    rg.Dream: "dream()",
    rg.Perturbation: "perturb()",
    rg.Sheet: "Sheet(explanations)",
    rg.TriedPreprocessing: "find_preprocessing()",
    rg.Health: "doctor()",
}


@pytest.mark.parametrize("answer", MAKERS, ids=lambda answer: answer.__name__)
def test_an_answer_says_what_makes_it(answer: type[Result]) -> None:
    with pytest.raises(InputError) as told:
        answer()
    assert f"{answer.__name__} is what {MAKERS[answer]} gives; call that (" in str(told.value)


def test_every_answer_of_the_face_says_what_makes_it() -> None:
    answers = [getattr(rg, name) for name in rg.__all__]
    answers = [a for a in answers if isinstance(a, type) and issubclass(a, Result)]
    assert {*answers} - {Result} == {*MAKERS}


def test_a_fault_of_our_own_stays_what_it_is() -> None:
    class Faulty(Red):
        def __init__(self) -> None:
            len(3)  # type: ignore[arg-type]

    with pytest.raises(TypeError, match="has no len"):
        Faulty()


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


def test_what_is_no_picture_is_shown_as_text() -> None:
    class Words(Bare):
        def image(self, style: str | None = None) -> Image.Image:
            raise NothingToDraw("there is none")

    assert Words()._repr_png_() is None
    with pytest.raises(InputError, match="there is none"):
        Words().image()


def test_a_result_shows_itself() -> None:
    assert repr(Red()) == "<Red 4 x 2>"
    assert Image.open(io.BytesIO(Red()._repr_png_())).size == (4, 2)
    axes = Red().plot()
    (shown,) = axes.get_images()
    assert shown.get_array().shape == (2, 4, 3)
    assert Red().plot(axes) is axes
