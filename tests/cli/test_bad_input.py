"""Whatever is wrong with what is given: one line that says so, exit code 2, nothing lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto
from PIL import Image

import retrograph
from support import nets
from support.cli_case import (
    assert_one_line,
    picture,
    refused,
    run,
    workplace,
)

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model, a good picture and labels."""
    return workplace(tmp_path, monkeypatch)


# --- what is asked for -------------------------------------------------------------------------

ASKED = [
    ("--layer relu9", "no layer 'relu9'", "did you mean 'relu"),
    ("--layer covn1", "no layer 'covn1'", "did you mean 'conv1'"),
    ("--layer w1", "'w1'", "see `retrograph layers`"),
    ("--layer x", "'x'", "see `retrograph layers`"),
    ("--unit 4", "--unit 4 is out of range", "count from 0"),
    ("--unit -1", "--unit -1 is out of range", "count from 0"),
    ("--unit 99999999999999999999", "neither top nor numbers", "give --labels"),
    ("--unit 1.5", "'1.5' is neither top nor numbers", "give --labels"),
    ("--unit dog", "'dog' is neither top nor numbers", "give --labels"),
    ("--unit 0,0", "names '0' twice", "give each unit once"),
    ("--layer relu1 --unit 6", "out of range", "6 x 8 x 8"),
    ("--layer relu1 --unit 0,8,0", "out of range", "6 x 8 x 8"),
    ("--layer relu1 --unit 0,0,8", "out of range", "6 x 8 x 8"),
    ("--layer relu1 --unit 0,0,-1", "out of range", "6 x 8 x 8"),
    ("--layer relu1 --unit 0,0", "has 2 numbers", "a channel 1"),
    ("--unit dog --labels labels.txt", "may mean: 1 red dog", "give the number"),
    ("--unit tabbi --labels labels.txt", "no class 'tabbi'", "did you mean 'cat, tabby'"),
    ("--unit zebra --labels labels.txt", "no class 'zebra'", "one of: 'cat, tabby', '"),
    ("--layer relu1 --unit bird --labels labels.txt", "no layer of the 4 classes", "give a chan"),
    ("--labels dog.png", "dog.png: the labels cannot be read", "give a text file"),
    ("--labels nothing.txt", "nothing.txt: the labels", "give a text file"),
    ("--labels empty.txt", "empty.txt: holds no labels", "give a text file"),
    ("--labels three.txt", "three.txt: names 3 classes and the model has 4", "give a file"),
    ("--method giuded", "unknown method 'giuded'", "did you mean 'guided'"),
    ("--method guided,", "unknown method ''", "choose from"),
    ("--wrt y", "no floating-point input 'y'", "the model has: x"),
    ("--top 5", "--top 5 is more than the layer's 4 units", "give a smaller"),
    ("--top 2 --unit 1", "--top N", "leave --unit out"),
    ("--top 0", "--top: '0'", "see retrograph explain --help"),
    ("--top many", "--top: 'many'", "see retrograph explain --help"),
    ("--threads 0", "--threads: '0'", "see retrograph explain --help"),
    ("--sheet 0x5", "--sheet: '0x5'", "5 rows of 6 are 5x6"),
    ("--sheet 5", "--sheet: '5'", "5 rows of 6 are 5x6"),
    ("--style blurred", "--style", "see retrograph explain --help"),
    ("--colour", "--colour", "see retrograph explain --help"),
    ("--device tpu", "device 'tpu'", "choose one of: auto, "),
    ("--scale nought", "scale has 'nought'", "write 0.5"),
    ("--mean 1,2", "mean has 2 values", "give 1 or 3"),
    ("--std 0", "std has a 0", "give other values"),
    ("--order gray", "takes 3 channels", "choose the order"),
    ("--crop 2", "crop is 2", "give a fraction"),
    ("--resize none", "the picture is 12x10", "choose a resize mode"),
]


@pytest.mark.parametrize(("options", "what", "mend"), ASKED, ids=[a[0] for a in ASKED])
def test_a_wrong_option_of_explain(
    here: Path, capsys: Capture, options: str, what: str, mend: str
) -> None:
    (here / "three.txt").write_text("a\nb\nc\n")
    (here / "empty.txt").write_text("\n\n")
    refused(capsys, here, f"explain net.onnx dog.png {options}", what, mend)


BUILDS = [
    ("-o out.onnx --layer relu9", "no layer 'relu9'", "did you mean"),
    ("-o out.onnx --method giuded", "giuded", "did you mean 'guided'"),
    ("-o out.onnx --select some", "some", "see retrograph build --help"),
    ("-o out.onnx --wrt y", "no floating-point input 'y'", "the model has: x"),
    ("-o out.png", "-o out.png", "give it the suffix .onnx"),
    ("-o no/out.onnx", "no is no folder", "make it first"),
    ("-o dog.png/out.onnx", "dog.png is no folder", "make it first"),
    ("-o net.onnx", "net.onnx exists", "give --force"),
    ("-o net.onnx --force", "would replace the model itself", "choose another name"),
    ("-o folder.onnx --force", "folder.onnx is a folder", "name a file"),
    ("", "-o/--output", "see retrograph build --help"),
]


@pytest.mark.parametrize(("options", "what", "mend"), BUILDS, ids=[b[0] for b in BUILDS])
def test_a_wrong_option_of_build(
    here: Path, capsys: Capture, options: str, what: str, mend: str
) -> None:
    (here / "folder.onnx").mkdir()
    refused(capsys, here, f"build net.onnx {options}", what, mend)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [("", "COMMAND"), ("explode net.onnx", "explode"), ("layers", "MODEL"), ("explain", "MODEL")],
)
def test_a_wrong_command(here: Path, capsys: Capture, arguments: str, what: str) -> None:
    refused(capsys, here, arguments, what, "--help")


def test_a_method_for_relus_where_there_are_none(here: Path, capsys: Capture) -> None:
    model = nets.model(
        [nets.node("Gemm", "x w", "out")],
        [nets.info("x", ["N", 5])],
        [nets.info("out", ["N", 3])],
        {"w": nets.weights(5, 3)},
    )
    nets.save(model, here / "flat.onnx")
    refused(capsys, here, "build flat.onnx -o out.onnx", "'guided'", "use --method gradient")


def test_a_target_that_does_not_depend_on_the_input(here: Path, capsys: Capture) -> None:
    model = nets.two_input_net()
    nets.save(model, here / "two.onnx")
    command = "build two.onnx -o out.onnx --layer relu1 --wrt state"
    refused(capsys, here, command, "'state'", "depend")


def test_cuda_that_is_not_there(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    command = "explain net.onnx dog.png --device cuda"
    refused(capsys, here, command, "device 'cuda'", "pip install", "--device cpu")


def test_no_runtime_installed(here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused(
        capsys, here, "explain net.onnx dog.png", "ONNX Runtime is not installed", "pip install"
    )
    assert run(capsys, "layers", "net.onnx").code == 0
    assert run(capsys, "build", "net.onnx", "-o", "out.onnx").code == 0


# --- the inputs to explain ---------------------------------------------------------------------


def _bomb(path: Path) -> None:
    Image.new("L", (20_000, 20_000)).save(path, "PNG")


def _cut_jpeg(path: Path) -> None:
    whole = picture(path.with_suffix(".jpg"), (64, 64)).read_bytes()
    path.with_suffix(".jpg").unlink()
    path.write_bytes(whole[: len(whole) // 2])


def _saves(array: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=True)  # type: ignore[arg-type]

    return write


FLOATS = np.zeros((3, 8, 8), np.float32)
INPUTS: list[tuple[str, Callable[[Path], None], str, str]] = [
    ("in.png", lambda path: None, "does not exist", "check the path"),
    ("in.npy", lambda path: None, "does not exist", "check the path"),
    ("in.png", lambda path: path.write_bytes(b"") and None, "is no picture", "save it as PNG"),
    ("in.png", lambda path: path.write_text("text") and None, "is no picture", "save it as PNG"),
    ("in.png", _bomb, "too many to be safe", "scale it down"),
    ("in.png", _cut_jpeg, "damaged", "save it anew"),
    ("in", Path.mkdir, "has no pictures", "name another folder"),
    ("in.npy", _saves(FLOATS[:2]), "does not fit the model's input ?x3x8x8", "reshape it"),
    ("in.npy", _saves(FLOATS[..., :7]), "does not fit", "reshape it"),
    ("in.npy", _saves(FLOATS.astype(np.int64)), "its values are int64", "save uint8"),
    ("in.npy", _saves(FLOATS.astype(np.complex64)), "complex64", "save uint8"),
    ("in.npy", _saves(FLOATS * np.nan), "NaN", "mend them"),
    ("in.npy", _saves(np.array({"a": 1}, object)), "no arrays that can be read", "save it anew"),
    ("in.npy", _saves(np.array(["a"])), "<U1", "save uint8"),
    ("in.npy", lambda path: path.write_bytes(b"\x93NUMPY\x01") and None, "no arrays", "save it"),
    ("in.npz", lambda path: path.write_bytes(b"PK\x03\x04") and None, "no arrays", "save it"),
    ("http://example.org/dog.jpg", lambda path: None, "web address", "download it"),
    ("in.csv", lambda path: path.write_text("1,2,3\n") and None, "has 3 values", "write 192"),
]


@pytest.mark.parametrize(("name", "write", "what", "mend"), INPUTS)
def test_a_bad_input(
    here: Path,
    capsys: Capture,
    name: str,
    write: Callable[[Path], None],
    what: str,
    mend: str,
) -> None:
    write(here / name)
    refused(capsys, here, f"explain net.onnx {name} --preprocess 0-1", what, mend, name)


def test_bad_pictures_in_a_folder_are_reported_and_the_others_go_on(
    here: Path, capsys: Capture
) -> None:
    for name in ("a", "c", "e"):
        picture(here / f"photos/{name}.jpg", (40, 40))
    _cut_jpeg(here / "photos/b.jpg")
    (here / "photos/d.png").write_text("no picture")
    ran = run(capsys, *["explain", "net.onnx", "photos", "-o", "maps", "--npz"])
    assert ran.code == 2
    assert [line.split()[1] for line in ran.err.splitlines()] == ["photos/b.jpg", "photos/d.png"]
    written = sorted(path.name for path in (here / "maps").iterdir())
    assert written == [f"{n}.scores.guided.{s}" for n in "ace" for s in ("npz", "png")]


@pytest.mark.parametrize("model", [nets.sequence_net, nets.vector_net])
def test_a_picture_or_a_sheet_for_what_takes_no_pictures(
    here: Path, capsys: Capture, model: Callable[[], ModelProto]
) -> None:
    proto = model()
    nets.save(proto, here / "net.onnx")
    refused(capsys, here, "explain net.onnx dog.png", "is no picture", "give the input")
    shape = [d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim][1:]
    np.save(here / "in.npy", np.ones(shape, np.float32))
    refused(
        capsys, here, "explain net.onnx in.npy --sheet 2x2", "in.npy is no pict", "leave it out"
    )
    command = "build net.onnx -o out.onnx --preprocess 0-1"
    refused(capsys, here, command, "takes no pictures", "leave --preprocess out")


def test_inputs_that_are_missing(here: Path, capsys: Capture) -> None:
    nets.save(nets.two_input_net(), here / "two.onnx")
    np.save(here / "x.npy", np.ones((1, 5), np.float32))
    np.savez(here / "x.npz", x=np.ones((1, 5), np.float32))
    np.savez(here / "nan.npz", x=np.full((1, 5), np.nan), state=np.ones((1, 6)), sr=np.array(1))
    np.savez(here / "sr.npz", x=np.ones((1, 5)), state=np.ones((1, 6)), sr=np.array(0.5))
    np.savez(here / "long.npz", x=np.ones((1, 5)), state=np.ones((1, 7)), sr=np.array(1))
    (here / "bad.npz").write_bytes(b"PK")
    mend = "give a picture, an array or a number for each input (x, state, sr) by --input NAME"
    refused(capsys, here, "explain two.onnx x.npy", "'state' (float32 [N, 6])", "'sr'", mend)
    refused(capsys, here, "explain two.onnx dog.png", "'state' (float32 [N, 6])", "'sr'", mend)
    refused(capsys, here, "explain two.onnx x.npz", "has no array 'state', 'sr'", mend)
    refused(capsys, here, "explain two.onnx none.npz", "none.npz does not exist", "check")
    refused(capsys, here, "explain two.onnx bad.npz", "bad.npz holds no arrays", "save it anew")
    refused(capsys, here, "explain two.onnx nan.npz", "'x'", "finite float32")
    refused(
        capsys, here, "explain two.onnx sr.npz", "'sr' takes int64 []; what is given is float64"
    )
    refused(capsys, here, "explain two.onnx long.npz", "'state' takes float32 [N, 6]")


class Trap:
    """An object that leaves a file behind where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("sprung"),)


@pytest.mark.parametrize("name", ["in.npy", "in.npz"])
def test_objects_in_arrays_are_never_unpickled(here: Path, capsys: Capture, name: str) -> None:
    nets.save(nets.two_input_net() if name == "in.npz" else nets.cnn(), here / "two.onnx")
    trap = np.array([Trap()], object)
    save = np.savez if name == "in.npz" else np.save
    save(here / name, trap)
    refused(capsys, here, f"explain two.onnx {name}", f"{name} holds no arrays", "without objects")
    assert not Path("sprung").exists()


# --- the outputs -------------------------------------------------------------------------------

OUTPUTS = [
    ("dog.png -o old.png", "old.png exists", "give --force"),
    ("dog.png -o new.png --npz", "new.npz exists", "give --force"),
    ("dog.png -o old.png --sheet 2x2", "old.png exists", "give --force"),
    ("dog.png -o here.png/map.png", "here.png is no folder", "make it first"),
    ("dog.png -o none/map.png", "none is no folder", "make it first"),
    ("dog.png -o old.png/maps/", "old.png is a file", "choose another folder"),
    ("dog.png -o map.gif", "map.gif has no suffix of a picture", "end a folder's name in /"),
    ("dog.png -o map.pdf --sheet 2x2", "map.pdf has no suffix", "choose one of"),
    ("dog.png -o dog.png --force", "would replace an input", "choose another"),
    ("dog.png cat.png -o map.png", "several inputs", "name a folder"),
    ("many.npy -o map.png", "several inputs", "name a folder"),
]


@pytest.mark.parametrize(("options", "what", "mend"), OUTPUTS, ids=[o[0] for o in OUTPUTS])
def test_an_output_that_cannot_be(
    here: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    options: str,
    what: str,
    mend: str,
) -> None:
    for name in ("old.png", "new.npz"):
        (here / name).write_text("precious")
    picture(here / "cat.png")
    np.save(here / "many.npy", np.stack([FLOATS, FLOATS]))
    monkeypatch.setattr(retrograph.Explainer, "attribute", _never)
    refused(capsys, here, f"explain net.onnx {options}", what, mend)


def _never(*_: object, **__: object) -> None:
    raise AssertionError("there was work before the output was checked")


def test_outputs_that_exist_in_a_folder_stay(here: Path, capsys: Capture) -> None:
    picture(here / "cat.png", seed=1)
    (here / "maps").mkdir()
    old = here / "maps/cat.scores.guided.png"
    old.write_text("precious")
    again = ["explain", "net.onnx", "cat.png", "dog.png", "-o", "maps"]
    ran = run(capsys, *again)
    assert_one_line(ran, "cat.scores.guided.png exists", "give --force")
    assert old.read_text() == "precious"
    assert (here / "maps/dog.scores.guided.png").stat().st_size > 1000
    assert (
        run(capsys, *["explain", "net.onnx", "cat.png", "dog.png", "-o", "maps", "--force"]).code
        == 0
    )
    assert old.read_bytes()[:4] == b"\x89PNG"


def test_a_number_is_no_suffix(here: Path, capsys: Capture) -> None:
    assert run(capsys, *["explain", "net.onnx", "dog.png", "-o", "run_v1.2"]).code == 0
    assert (here / "run_v1.2/dog.scores.guided.png").exists()
    assert run(capsys, *["compare", "net.onnx", "dog.png", "-o", "page_v1.2"]).code == 0
    assert (here / "page_v1.2.png").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(here: Path, capsys: Capture) -> None:
    (here / "locked").mkdir(mode=0o500)
    refused(capsys, here, "explain net.onnx dog.png -o locked", "locked", "change its rights")
    refused(capsys, here, "build net.onnx -o locked/o.onnx", "locked", "change its rights")


def _half(path: Path, data: bytes) -> int:
    with path.open("wb") as file:
        file.write(bytes(data)[: len(data) // 2])
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "command",
    [
        "build net.onnx -o out.onnx --force",
        "explain net.onnx dog.png -o map.png --force",
        "explain net.onnx dog.png -o map.png --force --npz",
        "explain net.onnx dog.png -o map.png --force --sheet 2x2",
        "explain net.onnx dog.png -o map.png --force --sheet 2x2 --npz",
    ],
)
def test_a_write_that_fails_half_way_leaves_what_was_there(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for name in ("out.onnx", "map.png", "map.npz"):
        (here / name).write_text("precious")
    monkeypatch.setattr(Path, "write_bytes", _half)
    refused(capsys, here, command, "cannot be written (No space left on device)", "make room")
