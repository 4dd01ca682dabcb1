"""`retrograph explain` with several inputs a run, decoded ahead: the same, in the same order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

import retrograph
from retrograph.errors import InputError
from retrograph.inputs import loader
from retrograph.inputs.loader import Batch, Signature, load_items, stem_of
from retrograph.pipeline.session import ExplainSession
from retrograph.preprocess import PRESETS, BadInput, Item, Pending
from retrograph.results.attribution import Attribution
from support import nets
from support.ahead_case import Counted, threads
from support.cli_case import explained, good, picture, refused, run, workplace
from support.input_case import kind_of

Capture = pytest.CaptureFixture[str]

PICTURES = kind_of(("N", 3, 8, 8), PRESETS["0-1"])

METHODS = (
    "gradient,guided,rectgrad,grad-cam,smoothgrad,integrated-gradients,lrp-epsilon,deeplift-rescale"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model and six pictures."""
    workplace(tmp_path, monkeypatch)
    for seed in range(6):
        picture(tmp_path / f"photos/{seed}.png", (8, 8), seed)
    return tmp_path


def assert_same_arrays(one: str, other: str) -> None:
    names = sorted(path.name for path in Path(one).glob("*.npz"))
    assert names == sorted(path.name for path in Path(other).glob("*.npz"))
    assert len(names) == 6
    for name in names:
        with np.load(f"{one}/{name}") as first, np.load(f"{other}/{name}") as second:
            assert set(first.files) == set(second.files)
            assert first["preprocessing"] == second["preprocessing"]
            for key in set(first.files) - {"preprocessing"}:
                np.testing.assert_allclose(second[key], first[key], rtol=1e-4, atol=1e-6)


def rows_run(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Is told how many inputs each run has."""
    seen: list[int] = []
    own = ExplainSession.explain

    def explain(self: ExplainSession, batch: Batch) -> list[object]:
        seen.append(len(batch.feeds[self.signature.explained.name]))
        return own(self, batch)  # type: ignore[return-value]

    monkeypatch.setattr(ExplainSession, "explain", explain)
    return seen


def mixing_net() -> ModelProto:
    """A classifier of pictures in whose scores all pictures of a batch are."""
    nodes, constants = nets.cnn_parts()
    nodes[1].input[0] = "lower"
    nodes.insert(1, nets.node("ReduceMean", "a", "mean", axes=[0], keepdims=1))
    nodes.insert(2, nets.node("Sub", "a mean", "less"))
    nodes.insert(3, nets.node("Add", "less b0", "lower"))
    constants["b0"] = nets.weights(6, 8, 8)
    inputs, outputs = [nets.info("x", ["N", 3, 8, 8])], [nets.info("scores_out", ["N", 4])]
    return nets.model(nodes, inputs, outputs, constants)


# --- batches -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [f"--method {METHODS}", "--top 2", "--layer relu1 --unit 4,5,6", "--layer relu2 --unit 1"],
)
def test_several_inputs_a_run_give_the_same(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    one = good(capsys, f"explain net.onnx photos --npz -o one {options}")
    seen = rows_run(monkeypatch)
    four = good(capsys, f"explain net.onnx photos --npz -o four --batch 4 {options}")
    assert seen == [4, 2]
    assert four.replace("-> four/", "-> one/") == one
    assert_same_arrays("one", "four")


def test_a_built_graph_takes_several_inputs_a_run(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    good(capsys, "build net.onnx -o built.onnx --preprocess 0-1")
    good(capsys, "explain net.onnx photos --npz -o one --preprocess 0-1")
    seen = rows_run(monkeypatch)
    out = good(capsys, "explain built.onnx photos --npz -o four --batch 4")
    assert "note" not in out
    assert seen == [4, 2]
    assert_same_arrays("one", "four")


def test_a_sheet_of_several_inputs_a_run(here: Path, capsys: Capture) -> None:
    command = "explain net.onnx photos --layer conv2 --unit 1 --sheet 2x2"
    good(capsys, f"{command} -o one.png")
    good(capsys, f"{command} -o four.png --batch 4")
    assert Path("one.png").read_bytes() == Path("four.png").read_bytes()


def test_inputs_that_a_model_mixes_are_run_one_by_one(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    nets.save(mixing_net(), here / "mixing.onnx")
    good(capsys, "explain mixing.onnx photos --npz -o one")
    good(capsys, "build mixing.onnx -o built.onnx")
    seen = rows_run(monkeypatch)
    for model in ("mixing", "built"):
        out = good(capsys, f"explain {model}.onnx photos --npz -o {model} --batch 4")
        assert "note: --batch 4 is not used: the model may mix the inputs of a batch" in out
        assert_same_arrays("one", model)
    assert seen == [1] * 12


@pytest.mark.parametrize(
    ("batch", "note"),
    [
        (1, "note: --batch 3 is not used: the model takes one input at a time\n"),
        (2, "note: --batch 3 is not used: the model takes batches of 2: the last input is repea"),
        (3, "note: the model takes batches of 3: the last input is repeated to fill one\n"),
    ],
)
def test_a_fixed_batch_stays(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, batch: int, note: str
) -> None:
    nets.save(nets.cnn(batch=batch), here / "fixed.onnx")
    seen = rows_run(monkeypatch)
    assert note in good(capsys, "explain fixed.onnx photos -o maps --batch 3")
    assert set(seen) == {batch}


def test_a_model_of_several_inputs_runs_files_whole(here: Path, capsys: Capture) -> None:
    nets.save(nets.two_input_net(), here / "two.onnx")
    np.savez(
        here / "in.npz",
        x=np.ones((3, 5), np.float32),
        state=np.ones((3, 6), np.float32),
        sr=np.array(2),
    )
    out = good(capsys, "explain two.onnx in.npz -o maps --batch 2")
    assert "note: --batch 2 is not used: the model takes several inputs" in out


def test_a_wrong_batch_is_told(here: Path, capsys: Capture) -> None:
    ran = run(capsys, "explain", "net.onnx", "photos", "--batch", "0")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "'0' is no whole number from 1" in ran.err


def test_inputs_that_cannot_be_run_together_are_run_one_by_one(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = retrograph.Explainer.attribute
    bad = next(load_items(["photos/2.png"], PICTURES))
    assert isinstance(bad, Item)

    def attribute(self: retrograph.Explainer, x: dict[str, np.ndarray], select: object) -> object:
        if any(np.array_equal(row, bad.array) for row in x["x"]):
            raise InputError("photo 2 cannot be run; leave it out")
        return own(self, x, select)  # type: ignore[arg-type]

    monkeypatch.setattr(retrograph.Explainer, "attribute", attribute)
    command = "explain net.onnx photos -o maps --batch 4"
    ran = run(capsys, *command.split())
    assert (ran.code, ran.err) == (2, "retrograph: photo 2 cannot be run; leave it out\n")
    assert {path.name[0] for path in Path("maps").iterdir()} == set("01345")


# --- decoding ahead, drawing behind ------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4])
def test_bad_pictures_are_told_in_order_and_the_others_go_on(
    here: Path, capsys: Capture, batch: int
) -> None:
    for seed in (4, 1):
        Path(f"photos/{seed}.png").write_bytes(b"no picture")
    paths = ["photos", "gone.png", "dog.png"]
    ran = run(capsys, "explain", "net.onnx", *paths, "-o", "maps", "--batch", batch)
    assert ran.code == 2
    told = [line.split()[1] for line in ran.err.splitlines()]
    assert [word.rstrip(":") for word in told] == ["photos/1.png", "photos/4.png", "gone.png"]
    names = [line for line in ran.out.splitlines() if line.endswith(".png") and line[0] != " "]
    assert names == [f"photos/{n}.png" for n in (0, 2, 3, 5)] + ["dog.png"]
    assert len(list(Path("maps").iterdir())) == 5


def test_inputs_keep_their_order_and_the_names_of_their_files(here: Path) -> None:
    np.savez(here / "many.npz", a=np.zeros((2, 3, 8, 8), np.float32))
    (here / "empty").mkdir()
    paths = ["photos", "empty", "many.npz", "dog.png"]
    found = list(load_items(paths, PICTURES))
    told = [each.name if isinstance(each, BadInput) else stem_of(each) for each in found]
    assert told == [*"012345", "empty", "many_a_0_", "many_a_1_", "dog"]


def test_few_inputs_are_read_ahead(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = Counted(100)

    class Reader:
        def __init__(self, *arguments: object) -> None: ...

        def read(self, path: Path) -> object:
            one = np.zeros((3, 8, 8), np.float32)
            for n in items:
                yield Pending(f"{path}[{n}]", lambda n=n: Item(f"{path}[{n}]", one, None))

    monkeypatch.setattr(loader, "Reader", Reader)
    monkeypatch.setattr(loader, "default_workers", lambda: 3)
    found = load_items(["many"], PICTURES, batch=4)
    for number, each in enumerate(found, 1):
        assert isinstance(each, Item)
        assert each.name == f"many[{number - 1}]"
        assert items.taken <= number + 2 * 4 + 3


def test_an_early_mistake_and_an_interruption_end_the_threads(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {*threads()}  # of others, that nobody has collected yet
    refused(capsys, here, "explain net.onnx photos -o one.png", "there are several inputs")
    assert {*threads()} <= before

    def interrupted(self: ExplainSession, batch: Batch) -> list[Attribution]:
        raise KeyboardInterrupt

    monkeypatch.setattr(ExplainSession, "explain", interrupted)
    assert run(capsys, "explain", "net.onnx", "photos", "-o", "maps").code == 130
    assert {*threads()} <= before


def test_an_input_that_is_given_twice_is_written_once(here: Path, capsys: Capture) -> None:
    command = "explain net.onnx dog.png dog.png -o maps"
    ran = run(capsys, *command.split())
    assert (ran.code, ran.err) == (
        2,
        "retrograph: dog.png is given twice; give each input once, or --force\n",
    )
    assert len(explained(capsys, "net.onnx dog.png dog.png -o maps --force")) == 2


def test_a_signature_without_a_batch_runs_one_input() -> None:
    spec = retrograph.Explainer(nets.cnn()).inputs[0]
    assert Signature((spec,), spec, PICTURES).batch == 1
    assert Signature((spec,), spec, PICTURES, 4).batch == 4
    assert Signature((spec,), spec, PICTURES, 4, apart=False).batch == 1
