"""A built graph for a model server: what is written of it, and what is refused."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import ModelProto

import retrograph
from retrograph import InputError
from retrograph.cli import main
from support import nets
from support.graphs import TWO_INPUTS, parse


def config(model: ModelProto, folder: Path, **options: Any) -> str:
    exported = retrograph.export(model, folder, name="net", **options)
    assert exported.files[0] == folder / "net" / "1" / "model.onnx"
    return (folder / "net" / "config.pbtxt").read_text(encoding="ascii")


def tensors(text: str, field: str) -> dict[str, tuple[str, str]]:
    """The element types and the shapes of inputs or outputs, by their names."""
    found = {}
    for block in re.findall(rf"^{field} \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL):
        (name,) = re.findall(r'name: "(.*)"', block)
        (kind,) = re.findall(r"data_type: TYPE_(\w+)", block)
        (dims,) = re.findall(r"dims: \[ (.*) \]", block)
        found[name] = (kind, dims + (" of []" if "reshape { shape: [ ] }" in block else ""))
    return found


def test_what_is_taken_and_given_is_told_without_the_axis_of_the_items(tmp_path: Path) -> None:
    text = config(retrograph.build(nets.cnn(), layer="b", select="unit"), tmp_path)
    assert "max_batch_size: 64" in text
    assert tensors(text, "input") == {"x": ("FP32", "3, 8, 8"), "select": ("INT64", "3")}
    assert tensors(text, "output") == {
        "scores_out": ("FP32", "4"),
        "attribution": ("FP32", "3, 8, 8"),
        "score": ("FP32", "1 of []"),
        "unit": ("INT64", "3"),
    }
    assert "instance_group [ { count: 1 kind: KIND_CPU } ]" in text
    assert "dynamic_batching {" in text


def test_units_of_an_item_are_an_open_axis(tmp_path: Path) -> None:
    model = retrograph.build(nets.cnn(), select="unit", many=True)
    text = config(model, tmp_path, max_batch=7, instances=3, device="cuda")
    assert "max_batch_size: 7" in text
    assert "count: 3 kind: KIND_GPU" in text
    assert tensors(text, "input")["select"] == ("INT64", "-1, 1")
    assert tensors(text, "output")["score"] == ("FP32", "-1")
    assert tensors(text, "output")["attribution"] == ("FP32", "-1, 3, 8, 8")


def test_several_inputs_keep_their_types(tmp_path: Path) -> None:
    text = config(retrograph.build(parse(TWO_INPUTS), select="cotangent"), tmp_path)
    assert tensors(text, "input") == {
        "a": ("FP32", "3"),
        "b": ("FP32", "4"),
        "count": ("INT64", "3"),
        "cotangent": ("FP32", "2"),
    }
    assert tensors(text, "output")["attribution.b"] == ("FP32", "4")


@pytest.mark.parametrize(
    ("model", "options", "why"),
    [
        (nets.cnn(batch=1), {}, "'x' has no open batch axis; build with open_batch=True"),
        (nets.cnn(), {"select": "top", "many": True}, "'select' is one number for all items"),
        (
            parse(
                '<ir_version: 8, opset_import: ["" : 17]> g (float[N, 4] x) => (float[N, 4] y) '
                "{ m = ReduceMean <axes = [0]> (x) s = Sub (x, m) y = Relu (s) }"
            ),
            {},
            "the graph may mix the items of a batch",
        ),
    ],
)
def test_requests_share_no_run_where_they_cannot(
    tmp_path: Path, model: ModelProto, options: dict[str, Any], why: str
) -> None:
    built = retrograph.build(model, **options)
    exported = retrograph.export(built, tmp_path, name="net")
    assert exported.max_batch == 0
    (note,) = exported.to_dict()["notes"]
    assert why in note
    text = (tmp_path / "net" / "config.pbtxt").read_text()
    assert "max_batch_size: 0" in text
    assert "dynamic_batching" not in text
    lead = built.graph.input[0].type.tensor_type.shape.dim[0].dim_value or -1
    name = built.graph.input[0].name
    assert tensors(text, "input")[name][1].split(", ")[0] == str(lead)


def test_an_opened_batch_shares_runs(tmp_path: Path) -> None:
    built = retrograph.build(nets.cnn(batch=1), open_batch=True)
    assert retrograph.export(built, tmp_path, name="net").max_batch == 64


def test_an_output_without_an_entry_for_each_item_is_left_out_and_said(tmp_path: Path) -> None:
    model = parse(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N, 4] x) => '
        "(float[N, 4] y, float[4] m, float[N, 4] c, float e) "
        "{ y = Relu (x) m = ReduceMean <axes = [0], keepdims = 0> (x) "
        "c = Sub (x, m) e = ReduceSum <keepdims = 0> (x) }"
    )
    exported = retrograph.export(retrograph.build(model, layer="y"), tmp_path, name="net")
    assert exported.outputs == ("y", "attribution", "score", "unit")
    assert [note.split()[0] for note in exported.notes] == ["'m'", "'c'", "'e'"]
    assert exported.max_batch == 64


def test_names_of_classes_and_metadata_go_along(tmp_path: Path) -> None:
    source = nets.cnn()
    labels = ["cat", "dög", 'a "bird"', "ox"]
    onnx.helper.set_model_props(source, {"labels": json.dumps(labels)})
    text = config(retrograph.build(source), tmp_path)
    assert (tmp_path / "net" / "labels.txt").read_text("utf-8").splitlines() == labels
    assert text.count('label_filename: "labels.txt"') == 1
    assert r"d\303\266g" in text
    assert 'key: "retrograph.select" value { string_value: "top" }' in text


def test_the_graph_is_what_was_built(tmp_path: Path) -> None:
    built = retrograph.build(nets.cnn())
    file = tmp_path / "a net.onnx"
    retrograph.save(built, file)
    exported = retrograph.export(file, tmp_path / "models")
    assert exported.name == "a_net"
    assert exported.files[0].read_bytes() == file.read_bytes()
    assert [*exported.folder.parent.iterdir()] == [exported.folder]


def test_a_folder_is_replaced_on_request_alone(tmp_path: Path) -> None:
    config(retrograph.build(nets.cnn()), tmp_path)
    (tmp_path / "net" / "2").mkdir()
    with pytest.raises(InputError, match="exists; give force=True to replace it"):
        config(retrograph.build(nets.cnn()), tmp_path)
    config(retrograph.build(nets.cnn()), tmp_path, force=True)
    assert not (tmp_path / "net" / "2").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "flask"}, "unknown server 'flask'; export to one of: triton"),
        ({"device": "web"}, "unknown device 'web'; choose one of: cpu, cuda"),
        ({"name": "a/b"}, "a model's name is the name of its folder"),
        ({"name": ".."}, "a model's name is the name of its folder"),
        ({"max_batch": 0}, "max_batch is 0; give a whole number from 1"),
        ({"instances": 1.5}, "instances is 1.5; give a whole number from 1"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    built = retrograph.build(nets.cnn())
    with pytest.raises(InputError, match=re.escape(message)):
        retrograph.export(built, tmp_path / "models", **{"name": "net", **options})
    assert not (tmp_path / "models").exists()


def test_a_source_model_is_to_be_built_first(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no graph that retrograph has built; build one from it"):
        retrograph.export(nets.cnn(), tmp_path)


def test_an_input_of_rank_0_is_refused(tmp_path: Path) -> None:
    model = parse(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N, 4] x, float s) => (float[N, 4] y) '
        "{ z = Mul (x, s) y = Relu (z) }"
    )
    with pytest.raises(InputError, match="input 's' has no axes"):
        retrograph.export(retrograph.build(model, wrt="x"), tmp_path, name="net")
    assert not [*tmp_path.iterdir()]


def test_an_output_of_unknown_rank_is_to_be_left_out(tmp_path: Path) -> None:
    built = retrograph.build(nets.cnn())
    built.graph.output[0].type.tensor_type.ClearField("shape")
    said = "servers cannot take it; build the graph without .* \\(outputs=False\\)$"
    with pytest.raises(InputError, match=said):
        retrograph.export(built, tmp_path, name="net")


@pytest.mark.parametrize(("step", "place"), [("mkdir", ""), ("write_bytes", "1/model.onnx")])
def test_what_cannot_be_written_is_told_by_its_own_name(
    step: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    built = retrograph.build(nets.cnn())
    monkeypatch.setattr(Path, step, refuse)
    said = re.escape(f"{tmp_path / 'net' / place} cannot be written (Read-only file system)")
    with pytest.raises(InputError, match=f"^{said}"):
        retrograph.export(built, tmp_path, name="net")


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, models = tmp_path / "net.onnx", tmp_path / "models"
    retrograph.save(retrograph.build(nets.cnn(batch=1)), file)
    assert main(["export", str(file), str(models), "--to", "triton", "--max-batch", "8"]) == 0
    wrote, gives, note = capsys.readouterr().out.splitlines()
    assert wrote == f"wrote {models / 'net'} for triton"
    assert gives == "takes x; gives scores_out, attribution, score, unit"
    assert "build with --open-batch" in note
    assert main(["export", str(file), str(models)]) == 2
    assert "give --force to replace it, or another --name" in capsys.readouterr().err
    assert main(["export", str(file), str(models), "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == str(models / "net")
