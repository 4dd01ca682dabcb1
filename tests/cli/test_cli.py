"""The command line does what its help says: help, layers, build."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

import retrograph
from retrograph.cli import layers as layers_command
from retrograph.cli.terminal import join_negative_values
from retrograph.preprocess import PRESETS, Preprocessing
from support import nets
from support.cli_case import (
    assert_one_line,
    explained,
    good,
    picture,
    refused,
    run,
    tree,
    workplace,
)
from support.corpus import ENTRIES, each, needs_corpus
from support.paths import SAMPLE_MODELS

Capture = pytest.CaptureFixture[str]
SAMPLE = SAMPLE_MODELS / "cifar10_cnn.onnx"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model, a good picture and labels."""
    return workplace(tmp_path, monkeypatch)


# --- as a program ------------------------------------------------------------------------------


def program(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "retrograph", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )


def test_as_a_program(here: Path) -> None:
    done = program("explain", "net.onnx", "dog.png", "-o", "map.png", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    assert "-> map.png" in done.stdout
    failed = program("explain", "net.onnx", "dog.png", "-o", "map.png", cwd=here)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == (
        "retrograph: map.png exists; give --force to replace it, or another name\n"
    )
    assert program("--version", cwd=here).stdout == f"retrograph {retrograph.__version__}\n"


@pytest.mark.parametrize("command", ["explain", "compare"])
def test_a_mistake_in_the_question_comes_before_a_file_that_exists(
    here: Path, capsys: Capture, command: str
) -> None:
    (here / "map.png").write_bytes(b"kept")
    line = f"{command} net.onnx dog.png -o map.png"
    refused(capsys, here, f"{line} --labels labels.txt --class ibrd", "no class 'ibrd'", "'bird'")
    refused(capsys, here, f"{line} --layer relu99", "no layer 'relu99'")
    refused(capsys, here, line, "map.png exists", "give --force")


def test_an_ascii_terminal_gets_question_marks_not_errors(here: Path) -> None:
    picture(here / "Hündin.png")
    done = program("explain", "net.onnx", "Hündin.png", cwd=here, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "H?ndin.png" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_a_reader_that_leaves_is_no_error(here: Path) -> None:
    command = (
        f"'{sys.executable}' -m retrograph layers net.onnx --json | true; exit ${{PIPESTATUS}}"
    )
    done = subprocess.run(
        ["bash", "-c", command], cwd=here, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_a_reader_that_leaves_cuts_short_what_is_done_for_each_input(here: Path) -> None:
    command = f"'{sys.executable}' -m retrograph explain net.onnx many"
    (here / "many").mkdir()
    for number in range(30):
        shutil.copy(here / "dog.png", here / "many" / f"{number}.png")
    line = f"{command} | head -8; exit ${{PIPESTATUS}}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=here, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("command", ["", "layers", "check", "explain", "compare", "build"])
def test_help_has_examples(capsys: Capture, command: str) -> None:
    text = good(capsys, f"{command} --help")
    assert "examples:\n  retrograph " in text
    assert max(map(len, text.splitlines())) <= 100


def test_negative_values_need_no_equals_sign(here: Path, capsys: Capture) -> None:
    assert join_negative_values(["--mean", "-1,0", "-o", "-5", "a"]) == [
        "--mean=-1,0",
        "-o",
        "-5",
        "a",
    ]
    spaced = explained(capsys, "net.onnx dog.png -o a.png --preprocess -1-1")
    joined = explained(capsys, "net.onnx dog.png -o b.png --preprocess=-1-1")
    assert spaced[0]["units"] == joined[0]["units"]


# --- layers ------------------------------------------------------------------------------------


def test_layers_lists_what_can_be_explained(here: Path, capsys: Capture) -> None:
    lines = good(capsys, "layers net.onnx --all").splitlines()
    assert lines[0].split() == ["alias", "operator", "shape", "sees", "step", "ReLU", "tensor"]
    rows = [line.split() for line in lines[1:-2]]
    assert [row[0] for row in rows] == [
        *("conv1", "relu1", "pool1", "conv2", "relu2", "gap1", "flatten1", "fc1")
    ]
    assert rows[1] == ["relu1", "Relu", "Nx6x8x8", "3x3", "1", "yes", "b"]
    assert rows[3] == ["conv2", "Conv", "Nx5x4x4", "8x8", "2", "d"]
    assert lines[-2] == "2 nodes are treated as ReLU by guided and deconvnet"
    assert lines[-1] == "explained if no layer is given: fc1 (scores)"
    assert "1 more with --all" in good(capsys, "layers net.onnx")


def test_layers_as_json(here: Path, capsys: Capture) -> None:
    records = json.loads(good(capsys, "layers net.onnx --json"))
    assert records[1] == {
        "alias": "relu1",
        "tensor": "b",
        "operator": "Relu",
        "dtype": "float32",
        "shape": ["N", 6, 8, 8],
        "receptive_field": "3x3",
        "stride": "1",
        "relu": True,
        "default_target": False,
    }
    assert records[-1]["default_target"] is True
    documented = good(capsys, "help layers")
    assert all(f"\n  {key} " in documented for key in records[0])


def test_layers_without_scores_are_listed_all_the_same(here: Path, capsys: Capture) -> None:
    model = nets.two_input_net()
    del model.graph.output[:]
    model.graph.output.append(nets.info("sr", [], onnx.TensorProto.INT64))
    nets.save(model, here / "net.onnx")
    assert "explained if" not in good(capsys, "layers net.onnx")
    assert json.loads(good(capsys, "layers net.onnx --json")) == []


LONG = "MobilenetV2/expanded_conv_1/depthwise/Relu6;MobilenetV2/expanded_conv_1/depthwise"


def rows(width: int, name: str = LONG, operator: str = "GlobalAveragePool") -> list[str]:
    headings = ("alias", "operator", "shape", "sees", "step", "ReLU", "tensor")
    row = ("concat12", operator, "BxHx111x111", "1023x1023", "16", "yes", name)
    return layers_command._fitted([headings, row], width)


def test_a_table_fits_the_terminal() -> None:
    for width in (60, 72, 80, 100, 132):
        assert max(map(len, rows(width))) <= width
    headings, row = rows(100)
    assert headings.split()[-1] == "tensor"
    start, end = row.split()[-1].split("…")
    assert LONG.startswith(start)
    assert LONG.endswith(end)
    assert min(len(start), len(end)) > 5
    assert "tensor" not in rows(72)[0]
    assert rows(72)[1].split() == [
        "concat12",
        "GlobalAveragePool",
        "BxHx111x111",
        "1023x1023",
        "16",
        "yes",
    ]
    assert rows(10_000)[1].endswith(LONG)


# --- build, and explain what was built ---------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "explain"),
    [
        ("", ""),
        ("--method gradient", "--method gradient"),
        ("--layer relu1 --select unit", "--layer relu1 --unit 2,3,4"),
        ("--layer relu1 --select channel", "--layer relu1 --unit 2"),
        ("--many", "--top 3"),
        ("--many", ""),
        ("--preprocess imagenet --order bgr", ""),
        ("--wrt x", "--wrt x"),
    ],
)
def test_a_built_graph_explains_the_same(
    here: Path, capsys: Capture, build: str, explain: str
) -> None:
    good(capsys, f"build net.onnx -o built.onnx {build}")
    recipe = build[build.index("--pre") :] if "--pre" in build else "--preprocess 0-1"
    good(capsys, f"explain net.onnx dog.png -o a.png --npz {explain} {recipe}")
    given = "" if "--pre" in build else recipe
    good(capsys, f"explain built.onnx dog.png -o b.png --npz {explain} {given}")
    with np.load("a.npz") as a, np.load("b.npz") as b:
        assert set(a.files) == set(b.files)
        for key in a.files:
            np.testing.assert_array_equal(a[key], b[key])
    if given:  # else the one says that it is given, the other that it is stored
        assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


def test_build_tells_what_it_has_built(here: Path, capsys: Capture) -> None:
    out = good(capsys, "build net.onnx -o a.onnx --layer relu2 --select channel")
    assert "wrote a.onnx" in out
    assert "guided from relu2 ('e') to x; what chooses the unit: channel" in out
    assert "note: no --preprocess is stored, so that other hosts take arrays" in out
    assert "is stored" not in good(capsys, "build net.onnx -o c.onnx --preprocess 0-1")
    told = json.loads(good(capsys, "build net.onnx -o b.onnx --preprocess imagenet --json"))
    assert told["file"] == "b.onnx"
    assert told["nodes"] == len(onnx.load("b.onnx").graph.node)
    properties = {p.key: p.value for p in onnx.load("b.onnx").metadata_props}
    assert {k: v for k, v in told.items() if "." in k} == properties
    onnx.checker.check_model(onnx.load("b.onnx"), full_check=True)


def test_build_stores_the_preprocessing_in_the_models_layout(here: Path, capsys: Capture) -> None:
    nets.save(nets.nhwc_cnn(), here / "nhwc.onnx")
    good(capsys, "build nhwc.onnx -o built.onnx --preprocess imagenet --crop 0.5 --mean 1/2")
    contract = retrograph.Model("built.onnx").contract
    assert contract is not None
    stored = Preprocessing.from_json(contract.preprocessing)
    assert (stored.layout, stored.crop_fraction, stored.mean) == ("nhwc", 0.5, (0.5,))
    assert stored.std == PRESETS["imagenet"].std


def test_force_replaces(here: Path, capsys: Capture) -> None:
    good(capsys, "build net.onnx -o built.onnx")
    first = (here / "built.onnx").read_bytes()
    good(capsys, "build net.onnx -o built.onnx --method gradient --force")
    assert (here / "built.onnx").read_bytes() != first
    assert not [name for name in tree(here) if name.endswith(".part")]


def test_interrupting_leaves_nothing(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(retrograph.Explainer, "attribute", interrupted)
    before = tree(here)
    ran = run(capsys, *["explain", "net.onnx", "dog.png", "-o", "maps"])
    assert (ran.code, ran.err) == (130, "retrograph: interrupted\n")
    assert tree(here) == before


def test_an_interrupt_while_modules_are_loaded_ends_it_at_once() -> None:
    """No exception is raised inside the import system, whose lock it could leave held."""
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # it may be ignored here
        "from retrograph import cli\n"
        "def load(name): print(name, flush=True); time.sleep(60)\n"
        "cli.import_module = load\n"
        "sys.argv = ['retrograph', 'explain', 'net.onnx']\n"
        "cli.main()"
    )
    arguments = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "retrograph.cli.explain\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (-signal.SIGINT, "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), ("out of memory", "explain fewer methods at once")),
        (
            PermissionError(13, "Permission denied", "maps/a.png"),
            ("maps/a.png: Permission", "path"),
        ),
        (OSError("no space"), ("a file: no space", "check the path")),
    ],
)
def test_what_the_system_refuses_is_one_line(
    here: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    words: tuple[str, ...],
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(retrograph.Explainer, "attribute", failing)
    assert_one_line(run(capsys, *["explain", "net.onnx", "dog.png"]), *words)


def test_names_are_printed_as_they_are(here: Path, capsys: Capture) -> None:
    """Brackets in them are no markup."""
    good(capsys, "build net.onnx -o [bold]net.onnx")
    assert Path("[bold]net.onnx").exists()
    assert "[bold]again.onnx (" in good(capsys, "build net.onnx -o [bold]again.onnx")


def test_a_runtime_error_is_one_line(
    here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime's own log on the file descriptor is silent, too."""
    model = nets.model(
        [
            nets.node("Reshape", "x shape", "a"),
            nets.node("Relu", "a", "out"),
        ],
        [nets.info("x", ["N", "L"])],
        [nets.info("out", ["N", 3])],
        {"shape": np.array([-1, 3])},
    )
    nets.save(model, here / "three.onnx")
    np.save(here / "in.npy", np.ones((1, 4), np.float32))
    assert_one_line(run(capfd, *["explain", "three.onnx", "in.npy"]), "ONNX Runtime", "check")


# --- the sample model and the corpus -----------------------------------------------------------


def test_the_sample_model(here: Path, capsys: Capture) -> None:
    good(capsys, f"explain {SAMPLE} dog.png -o map.png")
    assert "relu3" in good(capsys, f"layers {SAMPLE}")


@pytest.mark.one_in(3)
@needs_corpus
@each()
def test_a_corpus_model_is_listed_and_explained(here: Path, capsys: Capture, name: str) -> None:
    """One that takes pictures is explained; of another one line tells what is wrong."""
    model = ENTRIES[name].file
    assert good(capsys, f"layers {model}")
    photo = min((model.parents[1] / "photos").glob("*.jpg"))
    ran = run(capsys, "explain", model, photo, "-o", "map.png")
    assert "Traceback" not in ran.err
    if ran.code == 2:
        assert_one_line(ran)
    assert (here / "map.png").exists() == (ran.code == 0)
