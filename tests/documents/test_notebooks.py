"""The notebooks run as they stand, and each cell shows what it is there for."""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from support.paths import ROOT, SAMPLE_MODELS

TOUR = ROOT / "docs" / "notebooks" / "tour.ipynb"

OTHERS = {"inside": 8, "audit": 1}
"""The other notebooks, and how many pictures each shows."""

SHOWN = (
    ("Check cifar10_cnn.onnx", "text/html"),
    ("Attribution guided: scores · cat", ""),
    ("Figure size", ""),
    ("Comparison gradient, grad-cam, guided, lrp-gamma: 2 inputs", ""),
    ("Sheet guided: the 4 strongest units of relu3", ""),
    ("Filters conv1", ""),
    ("Patches 24 of relu2", "tour/squares.npy["),
    ("Maxima scores: cat, ship, truck", ""),
    ("Perturbation cat -> ship", ""),
    ("PIL.Image.Image", "tour/cat.png\ntour/cat.npz\ntour/cat.json\n(1, 3, 32, 32)"),
)
"""Of each cell what its picture is of, and what it shows besides."""


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that lies to the sample models as that of the notebooks does."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(SAMPLE_MODELS, root / "sample_models")
    folder = root / "docs" / "notebooks"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def cells(desk: Path) -> list[NotebookNode]:
    """The tour's cells, run."""
    return run(TOUR, desk)


def run(path: Path, desk: Path) -> list[NotebookNode]:
    """The cells of code of a notebook, run."""
    notebook = read(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT / "engine"))
        patch.setenv("PYTHONWARNINGS", "ignore")
        client = NotebookClient(notebook, timeout=300, kernel_name="python3")
        client.execute(cwd=str(desk))
    return code_cells(notebook)


def test_the_tour_has_ten_short_cells_and_no_outputs() -> None:
    cells = code_cells(read(TOUR))
    assert len(cells) == 10
    lines = [sum(map(bool, cell.source.splitlines())) for cell in cells]
    assert max(lines) <= 5
    assert not any(cell.outputs or cell.execution_count for cell in cells)


@pytest.mark.parametrize("number", range(10))
def test_a_cell_shows_its_answer(number: int, cells: list[NotebookNode]) -> None:
    answer, besides = SHOWN[number]
    outputs = cells[number].outputs
    data = outputs[-1].data
    assert answer in data["text/plain"]
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert min(picture.size) >= 300
    low, high = picture.convert("L").getextrema()
    assert high - low > 100
    rest = [str(output.get("data", output.get("text"))) for output in outputs[:-1]]
    assert besides in "\n".join(rest)


def test_what_the_tour_saves_is_there(desk: Path, cells: list[NotebookNode]) -> None:
    saved = {path.name for path in (desk / "tour").glob("cat.*")}
    assert saved == {"cat.png", "cat.npz", "cat.json"}


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_notebooks_have_no_outputs(name: str) -> None:
    cells = code_cells(read(TOUR.with_stem(name)))
    assert max(sum(map(bool, cell.source.splitlines())) for cell in cells) <= 7
    assert not any(cell.outputs or cell.execution_count for cell in cells)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_other_notebooks_run_and_show_pictures(name: str, desk: Path) -> None:
    outputs = [output for cell in run(TOUR.with_stem(name), desk) for output in cell.outputs]
    shown = [output.get("data", {}) for output in outputs]
    pictures = [data["image/png"] for data in shown if "image/png" in data]
    assert len(pictures) == OTHERS[name]
    for picture in pictures:
        low, high = Image.open(io.BytesIO(base64.b64decode(picture))).convert("L").getextrema()
        assert high - low > 100
    if name == "audit":
        assert "pads [1,1,1,1] in A, [0,0,2,2] in B" in str(outputs)
