"""What README.md and the pages of docs/ show, run as it stands but with fewer steps.

Commands run against a small network, its pictures and a detector; Python runs in order, the blocks
of a page in one namespace. README.md and the quick start run by default, the other pages as slow.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import retrograph
from retrograph.cli import main
from support import nets
from support.paths import ROOT

SAMPLE = ROOT / "sample_models" / "cifar10_cnn.onnx"
BY_DEFAULT = ("README.md", "docs/quickstart.md")
PAGES = [
    *BY_DEFAULT,
    *("docs/index.md", "docs/coming-from.md", "docs/course.md", "docs/concepts.md", "docs/faq.md"),
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs" / "guide").glob("*.md")),
]
PRINTS = ("layers", "check", "heads", "methods", "preprocess", "doctor", "help")
"""Commands that leave no file."""


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(r"(steps\W+)96", r"\1 4", block) for block in found]


def commands(page: str) -> list[str]:
    """The commands of a page's blocks."""
    return cut([line for block in blocks(page, "sh") for line in block.splitlines()])


def table(page: str) -> list[str]:
    """The commands in the cells of a page's tables."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return cut(re.findall(r"\| `(retrograph [^`]+)`", text))


def cut(lines: list[str]) -> list[str]:
    """The commands among some lines, each once, without comments; none that serves."""
    bare = (line.split(" #")[0].split(" > ")[0].strip() for line in lines)
    commands = (line for line in dict.fromkeys(bare) if line.startswith("retrograph "))
    return [line for line in commands if not line.startswith("retrograph serve")]


def marked(page: str, *more: object) -> object:
    marks = () if page in BY_DEFAULT else (pytest.mark.slow,)
    return pytest.param(page, *more, marks=marks)


def once() -> list[object]:
    """Each command of the pages, with the first page that has it; README.md's table as slow."""
    first: dict[str, object] = {}
    for page in PAGES:
        for command in commands(page):
            first.setdefault(command, marked(page, command))
    for command in table("README.md"):
        first.setdefault(command, pytest.param("README.md", command, marks=pytest.mark.slow))
    return [*first.values()]


COMMANDS = once()
SCRIPTS = [marked(page) for page in PAGES if blocks(page, "python")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages speak of: a net, pictures, class names, a table."""
    monkeypatch.chdir(tmp_path)
    model = onnx.load(SAMPLE)
    onnx.save(model, "net.onnx")
    onnx.save(model, "net.fast.onnx")
    shutil.copytree(SAMPLE.parent, "sample_models")
    rng = np.random.default_rng(0)
    Path("photos").mkdir()
    for name, golden in (("detector", "anchors"), ("segmenter", "unet")):
        shutil.copy(ROOT / "tests" / "goldens" / "heads" / f"{golden}.onnx", f"{name}.onnx")
    Path("classes.txt").write_text("person\ncar\ndog")
    for name in ("dog.jpg", "cat.jpg", "street.jpg", "photos/a.jpg", "photos/b.png"):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(name)
    names = ["plane", "car", "bird", "cat", "deer", "golden retriever", "frog", "horse", "ship"]
    Path("imagenet.txt").write_text("\n".join([*names, "truck"]))
    rows = rng.integers(0, 256, (30, 3072))
    table = "\n".join("7," + ",".join(map(str, row)) for row in rows)
    Path("cifar10_first100.csv").write_text(table)
    return tmp_path


def prepare(words: list[str]) -> None:
    """What an earlier command of the page has left."""
    if "net.guided.onnx" in words and words[0] in ("explain", "export"):
        assert main(["build", "net.onnx", "-o", "net.guided.onnx", "--preprocess", "imagenet"]) == 0
    if words[0] == "patches":
        assert main(["scan", "net.onnx", "photos/", "--layer", "relu3", "-o", words[1]]) == 0
    if "song.flac" in words:
        soundfile = pytest.importorskip("soundfile")
        pytest.importorskip("soxr")
        soundfile.write("song.flac", np.random.default_rng(0).uniform(-0.5, 0.5, 4000), 16000)
        nets.save(nets.wave_net(4000), Path("notes.onnx"))


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_runs(
    page: str, command: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(command)[1:]
    prepare(words)
    before = set(desk.rglob("*"))
    assert main(words) == 0, capsys.readouterr().err
    assert not writes(words) or set(desk.rglob("*")) - before


def writes(words: list[str]) -> bool:
    """Whether a command leaves a file."""
    if words[0] in ("sanity", "audit", "bench"):
        return "-o" in words
    return words[0] not in PRINTS and "--json" not in words


@pytest.mark.parametrize("page", SCRIPTS)
def test_python_runs(page: str, desk: Path) -> None:
    run_python(page)


def run_python(page: str) -> dict[str, object]:
    """The blocks of a page; what they speak of and leave is in one namespace."""
    names: dict[str, object] = {"x": np.random.default_rng(1).random((1, 3, 32, 32), np.float32)}
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), names)
    return names


def test_the_built_file_gives_what_python_gives(desk: Path) -> None:
    names = run_python("docs/guide/built-file.md")
    a = names["a"]
    assert isinstance(a, retrograph.Attribution)
    np.testing.assert_array_equal(a.attribution, names["attribution"])
    np.testing.assert_array_equal(a.unit, [[17, 4, 5]])


def test_every_page_is_run() -> None:
    assert len(COMMANDS) > 60
    assert len(SCRIPTS) > 10
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_make_targets_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", readme, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
