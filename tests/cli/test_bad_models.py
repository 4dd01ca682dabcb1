"""Models that are damaged, foreign or built for another thing: one line, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

import retrograph
from retrograph.errors import RetrographError, UnsupportedError
from support import nets
from support.cli_case import (
    refused,
    run,
    tree,
    workplace,
)
from support.paths import SAMPLE_MODELS

Capture = pytest.CaptureFixture[str]
Edit = Callable[[ModelProto], None]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good model, a good picture and labels."""
    return workplace(tmp_path, monkeypatch)


# --- the model's file --------------------------------------------------------------------------


def _no_opset(model: ModelProto) -> None:
    del model.opset_import[:]


def _foreign_opset(model: ModelProto) -> None:
    model.opset_import[0].domain = "com.acme"


def _newer_opset(model: ModelProto) -> None:
    model.opset_import[0].version = onnx.defs.onnx_opset_version() + 3


def _no_nodes(model: ModelProto) -> None:
    del model.graph.node[:]


def _no_outputs(model: ModelProto) -> None:
    del model.graph.output[:]


def _cycle(model: ModelProto) -> None:
    model.graph.node[0].input[0] = "d"


def _missing_tensor(model: ModelProto) -> None:
    model.graph.node[3].input[0] = "nowhere"


def _line_break_in_a_name(model: ModelProto) -> None:
    model.graph.node[3].input[0] = "no\nwhere\x1b[2J"


def _short_weights(model: ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


def _no_weights(model: ModelProto) -> None:
    model.graph.initializer[2].ClearField("raw_data")


def _external_weights(model: ModelProto) -> None:
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="net.weights")


def _unknown_type(model: ModelProto) -> None:
    model.graph.initializer[0].data_type = 99


DAMAGE: list[tuple[Edit, str, str]] = [
    (_no_opset, "imports no version", "export it again"),
    (_foreign_opset, "imports no version", "export it again"),
    (_newer_opset, "is newer than", "upgrade the package onnx"),
    (_no_nodes, "no operators", "export or download"),
    (_no_outputs, "has no output", "export it again"),
    (_cycle, "cycle", "export it again"),
    (_missing_tensor, "'nowhere', which nothing makes", "export it again"),
    (_line_break_in_a_name, r"no\nwhere\x1b[2J", "export it again"),
    (_short_weights, "'w1' hold", "export it again"),
    (_no_weights, "'w2' hold 0", "export it again"),
    (_external_weights, "net.weights", "beside the model"),
]
COMMANDS = ("layers bad.onnx", "explain bad.onnx dog.png", "build bad.onnx -o out.onnx")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("edit", "what", "mend"), DAMAGE, ids=[d[0].__name__[1:] for d in DAMAGE])
def test_a_damaged_model(
    here: Path, capsys: Capture, command: str, edit: Edit, what: str, mend: str
) -> None:
    model = nets.cnn()
    edit(model)
    nets.save(model, here / "bad.onnx")
    refused(capsys, here, command, what, mend)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "raw",
    [b"", b"just some text\n", b"\x00" * 64, b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256))],
    ids=["empty", "text", "zeros", "jpeg"],
)
def test_a_file_that_is_no_model(here: Path, capsys: Capture, command: str, raw: bytes) -> None:
    (here / "bad.onnx").write_bytes(raw)
    refused(capsys, here, command, "bad.onnx: not an ONNX model", "export or download it again")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_or_nothing_as_model(here: Path, capsys: Capture, command: str) -> None:
    refused(capsys, here, command, "bad.onnx: cannot be read", "check the path")
    (here / "bad.onnx").mkdir()
    refused(capsys, here, command, "bad.onnx: is a folder", "give the .onnx file")


def test_a_model_that_is_cut_short(here: Path, capsys: Capture) -> None:
    raw = (here / "net.onnx").read_bytes()
    whole = len(raw) - len(nets.cnn().opset_import[0].SerializeToString()) - 2
    cuts = [1, 2, 5, *np.linspace(6, whole, 12).astype(int)]
    for cut in cuts:
        (here / "bad.onnx").write_bytes(raw[:cut])
        for command in COMMANDS:
            refused(capsys, here, command, "bad.onnx: ", "export")


def _only_whole_numbers(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    model.graph.node.insert(
        0, helper.make_node("Cast", ["same"], ["floats"], name="cast", to=TensorProto.FLOAT)
    )
    model.graph.node.insert(0, helper.make_node("Equal", ["x", "x"], ["same"], name="equal"))
    model.graph.node[2].input[0] = "floats"


def test_a_model_of_whole_numbers_has_no_gradient(here: Path, capsys: Capture) -> None:
    model = nets.cnn()
    _only_whole_numbers(model)
    nets.save(model, here / "bad.onnx")
    for command in COMMANDS[1:]:
        refused(capsys, here, command, "no floating-point input", "export it with")
    assert run(capsys, "layers", "bad.onnx").code == 0


def test_weights_of_an_unknown_type(here: Path, capsys: Capture) -> None:
    model = nets.cnn()
    _unknown_type(model)
    nets.save(model, here / "bad.onnx")
    refused(capsys, here, "build bad.onnx -o out.onnx", "damaged", "export")


def test_a_kernel_that_is_turned_about(here: Path, capsys: Capture) -> None:
    """Its window is longer than the sequence, and what it leaves is empty."""
    model = onnx.load(SAMPLE_MODELS / "motif_cnn.onnx")
    kernel = next(t for t in model.graph.initializer if t.name == "conv2.weight")
    kernel.dims[:] = kernel.dims[::-1]
    onnx.save(model, "bad.onnx")
    refused(capsys, here, "build bad.onnx -o out.onnx", "damaged", "export")


def test_unknown_operators_on_the_path_are_all_listed(here: Path, capsys: Capture) -> None:
    nets.save(nets.cnn_with_custom(on_path=True), here / "odd.onnx")
    for command in ("build odd.onnx -o out.onnx", "explain odd.onnx dog.png"):
        before = tree(here)
        ran = run(capsys, *command.split())
        assert ran.code == 3
        assert "Traceback" not in ran.err
        listed = [line.split()[:2] for line in ran.err.splitlines()[1:-1]]
        assert sorted(listed) == [["com.acme.Twirl", "twirl"], ["com.acme.Whirl", "whirl"]]
        assert "retrograph layers" in ran.err.splitlines()[-1]
        assert tree(here) == before


def test_unknown_operators_beside_the_path_do_no_harm(here: Path, capsys: Capture) -> None:
    nets.save(nets.cnn_with_custom(on_path=False), here / "odd.onnx")
    assert run(capsys, "build", "odd.onnx", "-o", "out.onnx").code == 0
    assert run(capsys, "layers", "odd.onnx").code == 0


# --- graphs that are built already -------------------------------------------------------------

BUILT = [
    ("", "--method gradient", "built for method 'guided', not 'gradient'", "build another"),
    ("", "--method guided,gradient", "built for method", "build another"),
    ("", "--layer relu1", "built for layer 'scores_out', not 'relu1'", "build another"),
    ("", "--wrt y", "built for wrt 'x', not 'y'", "build another"),
    ("", "--unit 1", "built for select 'top'", "leave --unit out, or build"),
    ("", "--top 2", "built with --many", "build another"),
    ("--select unit", "", "built for select 'unit'", "give --unit NUMBER, or build"),
    ("--layer relu1 --select unit", "--unit 2", "built for select 'unit'", "give --unit C,Y,X, or"),
    ("--layer relu1 --select channel", "--unit 2,1,1", "'channel' and", "give --unit NUMBER, or"),
    ("--layer relu1 --select channel", "--unit 7", "out of range", "6 x 8 x 8"),
    ("--select cotangent", "", "only a program can give", "build another"),
]


@pytest.mark.parametrize(("built", "options", "what", "mend"), BUILT)
def test_a_built_graph_asked_for_another_thing(
    here: Path, capsys: Capture, built: str, options: str, what: str, mend: str
) -> None:
    assert run(capsys, *f"build net.onnx -o built.onnx {built}".split()).code == 0
    refused(capsys, here, f"explain built.onnx dog.png {options}", what, mend)


def test_a_built_graph_is_not_built_from(here: Path, capsys: Capture) -> None:
    assert run(capsys, *["build", "net.onnx", "-o", "built.onnx"]).code == 0
    refused(capsys, here, "build built.onnx -o out.onnx", "has built", "source model")


@pytest.mark.parametrize(
    ("key", "value"),
    [("shape", "5"), ("explained", "{}"), ("many", '"no"'), ("labels", "["), ("shape", None)],
)
def test_a_built_graph_with_damaged_metadata(
    here: Path, capsys: Capture, key: str, value: str | None
) -> None:
    built = retrograph.build(nets.cnn())
    kept = {p.key: p.value for p in built.metadata_props if p.key != f"retrograph.{key}"}
    helper.set_model_props(built, kept | ({} if value is None else {f"retrograph.{key}": value}))
    nets.save(built, here / "built.onnx")
    refused(capsys, here, "explain built.onnx dog.png", "metadata are damaged", "build it again")


# --- random damage -----------------------------------------------------------------------------


def _damaged(raw: bytes, rng: np.random.Generator) -> bytes:
    if rng.random() < 0.2:
        return raw[: int(rng.integers(len(raw)))]
    changed = bytearray(raw)
    for place in rng.integers(len(raw), size=int(rng.integers(1, 5))):
        changed[place] = int(rng.integers(256))
    return bytes(changed)


def test_random_damage_never_ends_in_a_traceback(tmp_path: Path) -> None:
    """Every failure is an error of ours; the weights are small, so that the structure is hit."""
    raw = nets.cnn().SerializeToString()
    rng = np.random.default_rng(3)
    path = tmp_path / "net.onnx"
    failed = 0
    for _ in range(200):
        path.write_bytes(_damaged(raw, rng))
        for command in (lambda file: retrograph.Model(file).layers(), retrograph.build):
            try:
                command(path)
            except RetrographError:
                failed += 1
    assert 100 < failed < 400


def test_a_refusal_names_the_opset_of_the_file() -> None:
    """Not the one that its graph is brought to."""
    nodes = [nets.node("Exp", "x", "e"), nets.node("Softmax", "e", "y")]
    ends = [nets.info(name, ["N", 4]) for name in ("x", "y")]
    for opset in (13, 17, 21):
        model = nets.model(nodes, ends[:1], ends[1:], opset=opset)
        with pytest.raises(UnsupportedError, match=rf"\(opset {opset}\)"):
            retrograph.build(model, method="lrp-epsilon", layer="y")


def test_unsupported_errors_are_both_ours_and_not_implemented() -> None:
    with pytest.raises(NotImplementedError) as caught:
        retrograph.build(nets.cnn_with_custom(on_path=True))
    assert isinstance(caught.value, UnsupportedError)
    assert {problem.node for problem in caught.value.problems} == {"whirl", "twirl"}
