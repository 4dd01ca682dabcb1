"""What an audit says and takes: verdicts, maps, preparation, precision, mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, helper, numpy_helper

import retrograph as rg
from support.audit_case import NETS, inputs
from support.cli_case import assert_one_line, picture, run
from support.faults import FAULTS, Editor, with_fault
from support.nets import info, model, node, save, weights
from support.same_network import channels_last

FAULT = {fault.name: fault for fault in FAULTS}


def _with_first(operators: list[tuple[str, np.ndarray]]) -> ModelProto:
    """The plain net behind some operators with a constant each, as another host's input needs."""
    editor = Editor(NETS["plain"]())
    name, nodes = "x", []
    for number, (op, value) in enumerate(operators):
        editor.set_constant(f"c{number}", value)
        nodes.append(helper.make_node(op, [name, f"c{number}"], [f"pre{number}"]))
        name = f"pre{number}"
    editor.graph.node[0].input[0] = name
    nodes += editor.graph.node
    del editor.graph.node[:]
    editor.graph.node.extend(nodes)
    return editor.model


def test_a_file_that_wants_other_numbers_is_told_from_a_fault() -> None:
    wants = _with_first([("Div", np.float32(255))])
    found = rg.audit(NETS["plain"](), wants, inputs(), method=None)
    assert found.preparation == "values 255 times as large"
    assert "it agrees if it is given values 255 times as large" in found.sentence
    assert found.fails()


def test_reversed_colours_are_a_preparation_and_a_place() -> None:
    broken = with_fault(NETS["plain"](), FAULT["input channels reversed"], 0)
    found = rg.audit(NETS["plain"](), broken, inputs(), method=None)
    assert "RGB against BGR" in found.preparation
    assert found.findings[0].region.b_tensors == ("a1",)


def test_a_fault_behind_another_preparation_is_found_with_it() -> None:
    wants = _with_first([("Div", np.float32(255))])
    broken = with_fault(wants, FAULT["kernel flipped"], 6)
    found = rg.audit(NETS["plain"](), broken, inputs(), method=None)
    assert found.fails()
    assert found.findings[-1].region.repaired


def test_maps_tell_whether_files_look_at_the_same() -> None:
    clean = NETS["plain"]()
    broken = with_fault(clean, FAULT["kernel flipped"], 0)
    found = rg.audit(clean, broken, inputs())
    assert found.verdict.name == "looks-elsewhere"
    assert len(found.maps) == 3
    one = found.maps[0]
    by_hand = np.sum(one.a * one.b) / (np.linalg.norm(one.a) * np.linalg.norm(one.b))
    assert one.cosine == pytest.approx(by_hand, abs=1e-5)
    explained = rg.explain(clean, inputs(), one.unit[0])
    np.testing.assert_allclose(one.a, explained.attribution[0], atol=1e-6)
    assert found.fails("looks-elsewhere")


def test_the_map_of_another_layout_is_brought_back() -> None:
    clean = NETS["plain"]()
    one = rg.audit(clean, channels_last(clean), inputs()).maps[0]
    np.testing.assert_allclose(one.a, one.b, atol=1e-5)


def test_numbers_that_are_none_are_broken() -> None:
    editor = Editor(NETS["plain"]())
    editor.set_constant("b3", np.full(7, np.nan, np.float32))
    found = rg.audit(NETS["plain"](), editor.model, inputs(), method=None)
    assert found.verdict.name == "broken"
    assert "inf or NaN" in found.sentence


def test_other_class_counts_are_said() -> None:
    editor = Editor(NETS["plain"]())
    editor.set_constant("w4", weights(6, 7))
    editor.set_constant("b4", weights(6))
    editor.graph.output[0].CopyFrom(info("y", ["N", 6]))
    found = rg.audit(NETS["plain"](), editor.model, inputs(), method=None)
    assert found.fails()
    assert "[3, 5]" in found.sentence
    assert "[3, 6]" in found.sentence


def test_a_tolerance_is_taken() -> None:
    editor = Editor(NETS["plain"]())
    value = editor.constant("b4")
    assert value is not None
    editor.set_constant("b4", value * np.float32(1.001))
    assert rg.audit(NETS["plain"](), editor.model, inputs(), method=None).fails()
    assert not rg.audit(
        NETS["plain"](), editor.model, inputs(), method=None, tolerance=0.01
    ).fails()


def test_inputs_that_cannot_be_matched_are_said_of_both() -> None:
    nodes = [node("Add", "l r", "s"), node("Relu", "s", "y")]
    shape = ["N", 3, 9, 9]
    two = model(nodes, [info("l", shape), info("r", shape)], [info("y", shape)])
    with pytest.raises(rg.InputError, match=r"A takes x: .*B takes l: .*r: "):
        rg.audit(NETS["plain"](), two, inputs())


def test_noise_stands_in_for_inputs_and_is_said() -> None:
    found = rg.audit(NETS["plain"](), NETS["plain"](), method=None)
    assert found.verdict.name == "identical"
    assert any("noise" in note for note in found.notes)


def test_the_answer_is_a_result(tmp_path: Path) -> None:
    clean = NETS["plain"]()
    found = rg.audit(clean, with_fault(clean, FAULT["kernel flipped"], 0), inputs())
    record = json.loads(found.save(tmp_path / "audit.json").read_text())
    assert record["verdict"] == found.verdict.name
    assert record["regions"][0]["causes"][0]["kind"] == "kernel-flipped"
    arrays = np.load(found.save(tmp_path / "audit.npz"))
    assert arrays["a"].shape == (3, 3, 9, 9)
    assert found.image().width > 400
    assert repr(found).startswith("<Audit net against net: computes differently")


def test_the_command_line_says_it_and_exits_by_the_verdict(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    clean = NETS["plain"]()
    save(clean, tmp_path / "a.onnx")
    save(with_fault(clean, FAULT["kernel flipped"], 2), tmp_path / "b.onnx")
    dog = picture(tmp_path / "dog.png")
    same = run(capsys, "audit", tmp_path / "a.onnx", tmp_path / "a.onnx", dog)
    assert same.code == 0
    assert "identical" in same.out
    ran = run(capsys, "audit", tmp_path / "a.onnx", tmp_path / "b.onnx", dog)
    assert ran.code == 1
    assert "conv2 (`n_a2`): the kernel is flipped." in ran.out
    both = run(
        capsys,
        *("audit", tmp_path / "a.onnx", tmp_path / "a.onnx", tmp_path / "b.onnx", dog, "--json"),
    )
    assert both.code == 1
    verdicts = [each["verdict"] for each in json.loads(both.out)["audits"]]
    assert verdicts[0] == "identical"
    assert verdicts[1] in ("looks-alike", "looks-elsewhere")


def test_mistakes_on_the_command_line_are_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    save(NETS["plain"](), tmp_path / "a.onnx")
    dog = picture(tmp_path / "dog.png")
    assert_one_line(run(capsys, "audit", tmp_path / "a.onnx", dog), "no .onnx file")
    assert_one_line(
        run(capsys, "audit", tmp_path / "a.onnx", tmp_path / "none.onnx", dog), "none.onnx"
    )
    ran = run(capsys, "audit", tmp_path / "a.onnx", tmp_path / "a.onnx", "--tolerance", "much")
    assert ran.code == 2
    assert "no tolerance" in ran.err


def test_a_scaled_weight_is_named_by_its_factor() -> None:
    editor = Editor(NETS["plain"]())
    weight = editor.constant("w3")
    assert weight is not None
    editor.set_constant("w3", weight * np.float32(1.5))
    assert numpy_helper.to_array(editor.graph.initializer[4]).shape == (7, 8, 3, 3)
    found = rg.audit(NETS["plain"](), editor.model, inputs(), method=None)
    assert "the weights are A's times 1.5" in found.sentence


def test_a_folder_holds_the_page_the_record_and_each_region_by_itself(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    clean = NETS["plain"]()
    save(clean, tmp_path / "a.onnx")
    save(with_fault(clean, FAULT["kernel flipped"], 2), tmp_path / "b.onnx")
    dog = picture(tmp_path / "dog.png")
    command = ("audit", tmp_path / "a.onnx", tmp_path / "b.onnx", dog, "-o", tmp_path / "out")
    assert run(capsys, *command).code == 1
    page = (tmp_path / "out" / "index.html").read_text()
    assert "the kernel is flipped" in page
    assert page.count("data:image/png") == 4
    assert "http" not in page
    assert json.loads((tmp_path / "out" / "audit.json").read_text())["regions"]
    arrays = np.load(tmp_path / "out" / "region1.npz")
    for which in ("a", "b"):
        session = ort.InferenceSession(tmp_path / "out" / f"region1.{which}.onnx")
        assert [i.name for i in session.get_inputs()] == ["r1"]
        (computed,) = session.run(None, {"r1": arrays[f"{which}/r1"]})
        np.testing.assert_allclose(computed, arrays[f"{which}/a2"], rtol=1e-4, atol=1e-4)
    assert_one_line(run(capsys, *command), "exists", "--force")
    assert run(capsys, *command, "--force").code == 1


def test_the_error_of_each_layer_by_itself_shows_the_fault_alone() -> None:
    clean = NETS["plain"]()
    found = rg.audit(clean, with_fault(clean, FAULT["kernel flipped"], 2), inputs(), method=None)
    own = {layer.b: layer.own for layer in found.layers}
    accumulated = {layer.b: layer.accumulated for layer in found.layers}
    assert own.pop("a2") > 0.1
    assert max(own.values()) < 1e-5
    assert accumulated["r3"] > 0.01


def test_an_output_of_whole_numbers_is_audited_by_what_it_is_made_of() -> None:
    editor = Editor(NETS["plain"]())
    editor.graph.node.append(helper.make_node("ArgMax", ["y"], ["label"], axis=1))
    editor.graph.output[0].CopyFrom(info("label", ["N", 1], 7))
    broken = with_fault(editor.model, FAULT["kernel flipped"], 2)
    found = rg.audit(editor.model, broken, inputs(), method=None)
    assert [pair.a for pair in found.outputs] == ["y"]
    assert found.findings[0].region.repaired


def test_junit_tells_which_file_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    clean = NETS["plain"]()
    save(clean, tmp_path / "a.onnx")
    save(with_fault(clean, FAULT["kernel flipped"], 2), tmp_path / "b.onnx")
    dog, report = picture(tmp_path / "dog.png"), tmp_path / "ci" / "report.xml"
    files = [tmp_path / name for name in ("a.onnx", "a.onnx", "b.onnx")]
    assert run(capsys, "audit", *files, dog, "--method", "none", "--junit", report).code == 1
    suite = ElementTree.parse(report).getroot()
    assert suite.attrib["failures"] == "2"
    assert suite.attrib["tests"] == str(len(suite.findall("testcase"))) == "4"
    failed, output = (case for case in suite if case.find("failure") is not None)
    assert output.attrib["name"] == "output y"
    assert failed.attrib["classname"] == "b.onnx against a.onnx"
    assert "the kernel is flipped" in (failed.findtext("failure") or "")
