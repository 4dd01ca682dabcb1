"""The conformance cases in Python; the cases themselves can fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import run_python
from case_files import case_folders, largest_difference, read_array, read_case
from make_conformance import KINDS, SMALL
from support.conformance import shared_cases
from support.paths import TESTS


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_cases(tmp_path_factory)


def test_every_case_is_met(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_python.main([str(cases)]) == 0, capsys.readouterr().out
    print(capsys.readouterr().out.splitlines()[-1])


def test_each_kind_of_graph_has_a_case(cases: Path) -> None:
    found = [read_case(folder)["metadata"] for folder in case_folders(cases, "graphs")]
    chosen = {(m["retrograph.select"], m["retrograph.many"]) for m in found}
    assert {select for select, _ in chosen} == {"top", "channel", "unit", "cotangent"}
    assert {many for _, many in chosen} == {"true", "false"}
    assert len(case_folders(cases, "pictures")) >= 20


def test_the_cases_in_the_repository_are_those_that_are_made(cases: Path) -> None:
    """`make_conformance.py tests/conformance --small` writes them anew."""
    stored = TESTS / "conformance"
    assert run_python.main([str(stored)]) == 0
    names = [name for kind in KINDS for name in (f.name for f in case_folders(stored, kind))]
    assert sorted(names) == sorted(SMALL)
    for folder in case_folders(stored, "graphs"):
        made = cases / "graphs" / folder.name
        for old, new in zip(read_case(folder)["outputs"], read_case(made)["outputs"], strict=True):
            assert largest_difference(read_array(folder, old), read_array(made, new)) < 1e-6


def changed(case: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(case, tmp_path / case.parent.name / case.name))


def test_a_wrong_output_is_not_met(cases: Path, tmp_path: Path) -> None:
    folder = changed(cases / "graphs" / "several-inputs", tmp_path)
    entry = next(o for o in read_case(folder)["outputs"] if o["name"] == "attribution.b")
    values = np.fromfile(folder / entry["file"], "<f4")
    values[3] += 2e-4 * np.abs(values).max()
    values.tofile(folder / entry["file"])
    outcome = run_python.graph(folder)
    assert not outcome.is_right
    assert outcome.difference == pytest.approx(2e-4, rel=0.02)


def test_wrong_names_in_the_metadata_are_not_met(cases: Path, tmp_path: Path) -> None:
    folder = changed(cases / "graphs" / "taken-names", tmp_path)
    model = onnx.load(folder / "built.onnx")
    (names,) = [p for p in model.metadata_props if p.key == "retrograph.names"]
    names.value = "{}"
    onnx.save(model, folder / "built.onnx")
    case = read_case(folder)
    case["metadata"]["retrograph.names"] = "{}"
    (folder / "case.json").write_text(json.dumps(case))
    with pytest.raises(AssertionError):
        run_python.graph(folder)


def test_another_resampling_is_not_met(cases: Path, tmp_path: Path) -> None:
    folder = changed(cases / "pictures" / "bicubic", tmp_path)
    case = read_case(folder)
    case["preprocessing"] = case["preprocessing"].replace("bicubic", "lanczos")
    (folder / "case.json").write_text(json.dumps(case))
    assert not run_python.picture(folder).is_right
