"""Several files, a file against itself in its runtime, files that do not run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper

import retrograph as rg
from retrograph.auditing.activations import Activations
from retrograph.auditing.network import Network
from retrograph.auditing.ways import Way
from retrograph.runtime import Session
from support.audit_case import NETS, inputs
from support.cli_case import assert_one_line, picture, run
from support.faults import FAULTS, Editor, with_fault
from support.nets import info, model, node, save, weights

FAULT = {fault.name: fault for fault in FAULTS}


def _padded() -> ModelProto:
    """Two zero pads, each before a maximum, the second of negative numbers."""
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("Pad", "r ends", "p1"),
        node("MaxPool", "p1", "m1", kernel_shape=[3, 3], strides=[2, 2]),
        node("Sub", "m1 shift", "s"),
        node("Pad", "s ends", "p2"),
        node("MaxPool", "p2", "m2", kernel_shape=[3, 3], strides=[2, 2]),
        node("GlobalAveragePool", "m2", "y"),
    ]
    constants = {
        "w": weights(6, 3, 3, 3),
        "b": weights(6),
        "ends": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "shift": np.float32(30),
    }
    return model(nodes, [info("x", ["N", 3, 9, 9])], [info("y", ["N", 6, 1, 1])], constants)


@dataclass(frozen=True)
class PadsFolded(Way):
    """Stands for a runtime that folds a Pad of zeros into the MaxPool behind it."""

    def session(self, model: ModelProto, threads: int | None) -> Session:
        editor = Editor(model)
        wanted = {output.name for output in model.graph.output}
        for pad in [n for n in editor.graph.node if n.op_type == "Pad"]:
            readers = [n for n in editor.graph.node if pad.output[0] in n.input]
            if pad.output[0] in wanted or [n.op_type for n in readers] != ["MaxPool"]:
                continue
            editor.set_attribute(readers[0], "pads", [1, 1, 1, 1])
            editor.bypass(pad)
        return super().session(editor.model, threads)


FOLDING = PadsFolded("with folded pads", optimized=False)


def test_a_wrong_fusion_of_the_runtime_is_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrograph.auditing.files.installed_ways", lambda: [FOLDING])
    found = rg.audit_files([_padded()], inputs(), runtime=True)
    (one,) = found.runtime
    assert one.verdict.name == "differs"
    assert one.findings[0].region.a_end == "m2"
    assert one.findings[0].region.repaired
    assert one.findings[0].causes[0].kind == "runtime"
    assert "nothing else differs" in one.sentence
    case = one.findings[0].case
    assert case is not None
    assert not np.allclose(case.arrays["a/m2"], case.arrays["b/m2"])
    assert found.fails()


def test_two_places_are_both_found(monkeypatch: pytest.MonkeyPatch) -> None:
    editor = Editor(_padded())
    editor.graph.node.insert(2, helper.make_node("Sub", ["r", "shift"], ["less"]))
    editor.graph.node[3].input[0] = "less"
    monkeypatch.setattr("retrograph.auditing.files.installed_ways", lambda: [FOLDING])
    (one,) = rg.audit_files([editor.model], inputs(), runtime=True).runtime
    assert [f.region.a_end for f in one.findings] == ["m1", "m2"]
    assert [f.region.repaired for f in one.findings] == [False, True]


@pytest.mark.parametrize("net", [*NETS])
def test_the_runtimes_optimisations_change_nothing(net: str) -> None:
    found = rg.audit_files([NETS[net]()], inputs(), runtime=True)
    assert [each.verdict.severity for each in found.runtime] == [0] * len(found.runtime)
    assert found.runtime[0].outputs
    assert not found.fails()


def test_three_files_have_a_matrix(tmp_path: Path) -> None:
    clean = NETS["plain"]()
    broken = with_fault(clean, FAULT["kernel flipped"], 2)
    found = rg.audit_files([clean, broken, clean], inputs(), method=None)
    names = [[each and each.split()[0] for each in row] for row in found.matrix()]
    assert names == [
        ["", "computes", "identical"],
        ["computes", "", "computes"],
        ["identical", "computes", ""],
    ]
    assert [each.verdict.name for each in found.audits] == ["differs", "identical"]
    record = json.loads(found.save(tmp_path / "all.json").read_text())
    assert record["matrix"]["verdicts"][1] == ["differs", "", "differs"]


def test_the_command_line_audits_several_and_the_runtime(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    clean = NETS["plain"]()
    save(clean, tmp_path / "a.onnx")
    save(with_fault(clean, FAULT["kernel flipped"], 2), tmp_path / "b.onnx")
    save(clean, tmp_path / "c.onnx")
    files = [tmp_path / name for name in ("a.onnx", "b.onnx", "c.onnx")]
    dog = picture(tmp_path / "dog.png")
    ran = run(capsys, "audit", *files, dog, "--method", "none", "--runtime", "-o", tmp_path / "o")
    assert ran.code == 1
    assert "a.onnx with ONNX Runtime's optimisations" in ran.out
    page = (tmp_path / "o" / "index.html").read_text()
    assert "All against each other" in page
    for folder in ("b.onnx", "c.onnx"):
        assert f'href="{folder}/index.html"' in page
        assert (tmp_path / "o" / folder / "index.html").exists()
    alone = run(capsys, "audit", files[0], dog, "--runtime")
    assert alone.code == 0
    assert_one_line(run(capsys, "audit", files[0], dog), "no .onnx file")
    assert_one_line(run(capsys, "audit", files[0]), "one file", "--runtime")


def test_errors_are_told_along_the_activations_alone() -> None:
    clean = NETS["plain"]()
    broken = with_fault(clean, FAULT["kernel flipped"], 2)
    every = rg.audit(clean, broken, inputs(), method=None)
    found = rg.audit(clean, broken, inputs(), method=None, layers="relu")
    assert {layer.a for layer in every.layers} > {layer.a for layer in found.layers}
    assert [layer.a for layer in sorted(found.layers, key=lambda x: x.a)] == ["r1", "r2", "r3"]
    own = {layer.a: layer.own for layer in found.layers}
    assert own["r2"] > 0.1 > 1e-5 > max(own["r1"], own["r3"])
    with pytest.raises(rg.InputError, match="give all or relu"):
        rg.audit(clean, broken, inputs(), layers="conv")


def test_a_file_that_does_not_run_says_which_node() -> None:
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("Reshape", "r to", "s"),
        node("ReduceMean", "s axes", "y", keepdims=0),
    ]
    constants = {"w": weights(6, 3, 3, 3), "to": np.array([0, 5, -1]), "axes": np.array([2])}
    broken = model(nodes, [info("x", ["N", 3, "H", "W"])], [info("y", ["N", 5])], constants)
    good = NETS["plain"]()
    with pytest.raises(rg.UnsupportedError, match=r"cannot be audited[\s\S]*Reshape +n_s"):
        rg.audit(good, broken, inputs())
    with pytest.raises(rg.UnsupportedError) as error:
        rg.audit(broken, good, inputs())
    assert error.value.exit_code == 3


def test_progress_goes_to_its_end() -> None:
    steps: list[tuple[int, int | None]] = []
    clean = NETS["plain"]()
    rg.audit_files(
        [clean, clean, clean], inputs(), method=None, progress=lambda d, t: steps.append((d, t))
    )
    done = [step for step, _ in steps]
    assert done == sorted(done)
    assert steps[-1] == (100, 100)
    assert len({*done}) > 9


def test_nodes_of_a_file_in_any_order_are_run_as_they_are() -> None:
    editor = Editor(_padded())
    nodes = [*editor.graph.node][::-1]
    del editor.graph.node[:]
    editor.graph.node.extend(nodes)
    network = Network(rg.Model(editor.model))
    x = inputs()
    plain, as_in_file = (Activations(each, [{"x": x}]) for each in (network, network.as_in_file()))
    assert next(node.op_type for node in as_in_file.network.graph.nodes) == "Conv"
    for name in ("p2", "y"):
        np.testing.assert_allclose(as_in_file.run([name])[name], plain[name], atol=1e-5)
