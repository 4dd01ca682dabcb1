"""Benchmarks: statistics, the file's form, the command line.

No test asserts a time, and none needs PyTorch.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import bench as bench_tool
import bench_page
import retrograph
from bench_ask import Ask, Spec, differences, joined
from bench_building import chain
from retrograph.benchmarks import (
    Building,
    Case,
    Entry,
    Machine,
    Record,
    machine,
)
from retrograph.benchmarks.plot import plot
from retrograph.benchmarks.tables import case_table, machine_lines, warnings
from retrograph.errors import InputError
from support.cli_case import assert_one_line, good, run, workplace

Capture = pytest.CaptureFixture[str]


# --- statistics ----------------------------------------------------------------------------------


def entry(name: str, role: str, *ms: float, **more: object) -> Entry:
    return Entry(name, role, list(ms), **more)


def case(**more: object) -> Case:
    entries = [
        entry("ONNX Runtime forward", "forward", 10.0, 12.0, 100.0),
        entry("retrograph", "ours", 30.0, 20.0, 24.0),
        entry("PyTorch + Captum", "peer", 60.0, difference=2e-7, peak_mb=512.4, idle_mb=300.0),
        entry("torch.compile", "peer", note="not timed: it failed"),
    ]
    made = Case(
        model="Net",
        question="class",
        target="scores",
        method="guided",
        units=1,
        batch=2,
        device="cpu",
        precision="float32",
        threads=2,
        multiply_adds=4_000_000,
        matrix_rate=1e9,
        load=[0.5, 0.75],
        entries=entries,
    )
    return replace(made, **more)


def test_the_version_is_that_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0")
    assert machine().versions["retrograph"] == retrograph.__version__


def record(*cases: Case) -> Record:
    building = Building("chain", 2.0, 30, 70, 0.5, 8.0, 4.0)
    made = Machine("a CPU", 2, 8.0, "Linux", "", {"python": "3.11"})
    return Record(made, "retrograph bench net.onnx", list(cases), [building])


def test_ratios_are_of_medians() -> None:
    forward, ours, captum, compiled = case().entries
    assert (ours.median, ours.minimum) == (24.0, 20.0)
    assert case().to_forward(ours) == 2.0
    assert case().to_ours(captum) == 2.5
    assert math.isnan(case().to_ours(compiled))
    # 4 million multiply-adds at 1e9 a second are 4 ms; the explanation needs them twice.
    assert case().to_arithmetic(forward) == pytest.approx(12.0 / 4.0)
    assert case().to_arithmetic(ours) == pytest.approx(24.0 / 8.0)
    assert case(question="classes", units=10).to_arithmetic(ours) == pytest.approx(24.0 / 44.0)
    alone = replace(ours, units=1)
    assert case(question="classes", units=10).to_arithmetic(alone) == pytest.approx(24.0 / 8.0)
    assert case(question="layer").to_arithmetic(ours) == pytest.approx(24.0 / 4.0)
    assert math.isnan(case(multiply_adds=None).to_arithmetic(ours))


def test_the_machine_s_speed_is_in_billions_a_second() -> None:
    alone = machine_lines(record(case(matrix_rate=2e10)))
    assert alone[-1] == "large matrices: 20 billion multiply-adds a second"
    assert "threads: 2; " in alone[-2]
    both = machine_lines(record(case(matrix_rate=3e10, threads=4), case(matrix_rate=2e10)))
    assert both[-1] == "large matrices: 20 to 30 billion multiply-adds a second"
    assert "threads: 2, 4; " in both[-2]
    assert "large" not in machine_lines(record(case(matrix_rate=None)))[-1]


def test_the_table_has_ratios_first_and_leaves_out_empty_columns() -> None:
    headings, rows = case_table(case())
    words = [heading.strip() for heading in headings]
    assert words[:4] == ["", "/ forward", "/ retrograph", "/ arithmetic"]
    assert rows[1][1].strip() == "2.00"
    assert [cell.strip() for cell in rows[3][1:]] == [""] * (len(words) - 1)
    alone, _ = case_table(case(entries=case().entries[:2], multiply_adds=None))
    assert [h.strip() for h in alone] == ["", "/ forward", "median ms", "least ms"]


def test_a_loaded_machine_is_told() -> None:
    assert warnings(record(case())) == []
    (warning,) = warnings(record(case(load=[0.5, 2.5])))
    assert "2.5" in warning
    assert warnings(record(case(load=[None, None]))) == []


# --- the file ------------------------------------------------------------------------------------


def test_a_record_comes_back_from_its_file() -> None:
    made = record(case(), case(multiply_adds=None, load=[None, None]))
    assert Record.from_json(made.to_json()) == made
    found = json.loads(made.to_json())
    assert found["schema"] == 1
    assert {*found} == {"schema", "machine", "command", "cases", "buildings"}
    assert found["cases"][0]["entries"][1]["ms"] == [30.0, 20.0, 24.0]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 7}', "no json"])
def test_something_else_is_no_record(text: str) -> None:
    with pytest.raises(InputError, match="measure again"):
        Record.from_json(text)


def test_the_page_keeps_what_is_written_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "PERFORMANCE.md"
    bench_page.write([record(case())], file)
    first = file.read_text(encoding="utf-8")
    assert "| Net | 2.00 |" in first
    assert "Not measured yet" in first
    file.write_text(first + "\nWinograd: no gain.\n", encoding="utf-8")
    bench_page.write([record(case(), case(model="Other"))], file)
    second = file.read_text(encoding="utf-8")
    assert second.endswith("\nWinograd: no gain.\n")
    assert "| Other | 2.00 |" in second
    assert second.count(bench_page.HAND) == 1
    bench_page.write([record(case()), record(case(device="cuda"))], file)
    assert "Not measured yet" not in file.read_text(encoding="utf-8")


def test_the_page_means_over_models_and_over_one_class(tmp_path: Path) -> None:
    slow = entry("retrograph", "ours", 96.0)
    forward, ours, captum, _ = case().entries
    text = bench_page.page([record(case(), case(model="Slow", entries=[forward, slow, captum]))])
    assert "| **geometric mean** | **4.00** |" in text  # of 2 and 8
    many = case(
        question="classes", units=10, entries=[forward, ours, entry("one class", "ours", 6.0)]
    )
    assert "| Net | 2.00 | 4.00 |" in bench_page.page([record(many)])


def test_a_plot_has_a_panel_for_each_question() -> None:
    pytest.importorskip("matplotlib")
    one = plot(record(case()))
    two = plot(record(case(), case(batch=16)))
    assert one.dtype == np.uint8
    assert two.shape == (2 * one.shape[0], one.shape[1], 3)


def test_a_plot_has_every_contestant() -> None:
    """The forward pass in grey, each other in a colour of its own, also one without times."""
    pytest.importorskip("matplotlib")
    drawn = plot(record(case()))
    for colour in ("999999", "0072B2", "E69F00", "009E73"):
        assert (drawn == list(bytes.fromhex(colour))).all(axis=2).any()
    without = plot(record(case(entries=case().entries[:3])))
    assert not (without == list(bytes.fromhex("009E73"))).all(axis=2).any()


def test_ratios_far_apart_are_all_to_be_seen() -> None:
    pytest.importorskip("matplotlib")
    far = [*case().entries[:2], entry("slow", "ours", 9000.0)]
    blue = (plot(record(case(entries=far))) == [0x00, 0x72, 0xB2]).all(axis=2)
    columns = blue[:, : blue.shape[1] // 2].any(axis=1)
    assert columns.sum() > 40


# --- the tool ------------------------------------------------------------------------------------


def test_items_are_compared_by_their_own_size() -> None:
    expected = np.array([[1.0, -4.0], [0.0, 100.0], [0.0, 0.0]])
    found = expected + np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 0.25]])
    np.testing.assert_allclose(differences(found, expected), [0.5, 0.01, 0.25])


def test_chosen_rows_are_joined_in_order() -> None:
    spec = Spec("sample", "class", 1, 2, "cpu", "float32", 1, 1, [])
    nothing = np.zeros((2, 0))
    asks = [
        Ask(spec, np.array([[i], [i + 1]]), np.array([[i], [i + 1]]), (), nothing) for i in (0, 10)
    ]
    found = joined([(asks[0], np.array([1])), (asks[1], np.array([0, 1]))], 2)
    assert found.x.tolist() == [[1], [10]]
    assert found.classes.tolist() == [[1], [10]]


def assert_tool_refuses(code: int, said: str, capsys: Capture) -> None:
    """Exit code 2 and one line of error, which says what is wrong and how to mend it."""
    err = capsys.readouterr().err
    assert code == 2
    assert err.startswith("bench.py: ")
    assert said in err
    assert "; " in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "vgg17"], "vgg17"),
        (["--peers", "keras"], "keras"),
        (["--batch", "0"], "0"),
        (["--questions", "why"], "why"),
        (["--rounds", "-1"], "-1"),
    ],
)
def test_the_tool_refuses_in_one_line(arguments: list[str], said: str, capsys: Capture) -> None:
    assert_tool_refuses(bench_tool.main(arguments), said, capsys)


def test_the_tool_reads_files_and_refuses_others(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "times.json"
    file.write_text(record(case()).to_json(), encoding="utf-8")
    assert bench_tool.main(["--from", str(file)]) == 0
    assert "not timed: it failed" in capsys.readouterr().out
    file.write_text("{}", encoding="utf-8")
    assert_tool_refuses(bench_tool.main(["--from", str(file)]), "measure again", capsys)
    missing = str(tmp_path / "none.json")
    assert_tool_refuses(bench_tool.main(["--from", missing]), "none.json", capsys)


@pytest.mark.slow
def test_the_sample_model_is_measured_without_peers(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "times.json"
    text = "--models sample --peers none --batch 1 --threads 1 --rounds 1 --json"
    assert bench_tool.main([*text.split(), str(file)]) == 0
    found = Record.from_json(file.read_text(encoding="utf-8"))
    assert [case.question for case in found.cases] == ["class", "classes"]
    for measured in found.cases:
        assert all(len(e.ms) == 1 and e.peak_mb and e.idle_mb for e in measured.entries)
    capsys.readouterr()


def test_a_chain_has_as_many_nodes_as_asked(tmp_path: Path) -> None:
    chain(7, tmp_path / "chain.onnx")
    model = onnx.load(tmp_path / "chain.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [n.op_type for n in model.graph.node] == [*("Conv", "Add", "Relu") * 2, "Conv"]


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return workplace(tmp_path, monkeypatch)


def test_the_command_measures(here: Path, capsys: Capture) -> None:
    lines = good(
        capsys, "bench net.onnx --rounds 1 --threads 1 --method guided,gradient --batch 1,3"
    ).splitlines()
    assert "batch 1," in lines[0]
    assert lines[1].split()[:4] == ["/", "forward", "/", "arithmetic"]
    assert [line.split()[0] for line in lines[2:5]] == ["ONNX", "guided", "gradient"]
    assert lines[2].split()[3] == "1.00"
    assert any("batch 3," in line for line in lines)


def test_the_command_prints_json(here: Path, capsys: Capture) -> None:
    arguments = "bench net.onnx --rounds 2 --threads 1 --layer relu1 --units 3 --json"
    ran = run(capsys, *arguments.split())
    assert "3 units of a layer (relu1)" in ran.err
    found = Record.from_json(ran.out)
    (measured,) = found.cases
    assert (measured.question, measured.target, measured.units) == ("layer", "relu1", 3)
    assert [len(e.ms) for e in measured.entries] == [2, 2]


def test_from_python(here: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    bench = retrograph.bench(
        "net.onnx",
        method=["guided", "gradient"],
        batch=[1, 2],
        rounds=1,
        threads=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 2), (2, 2)]
    assert [case.batch for case in bench.cases] == [1, 2]
    assert Record.from_json(bench.to_json()).cases == bench.cases
    assert bench.to_dict()["command"] == "retrograph.bench"
    assert bench.arrays()["batch 2/guided"].tolist() == bench.cases[1].entries[1].ms
    assert repr(bench).startswith("<Bench net batch 1: guided ")
    np.testing.assert_array_equal(bench.image(), plot(bench))
    assert json.loads(bench.save("times.json").read_text()) == bench.to_dict()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("bench none.onnx", "none.onnx"),
        ("bench net.onnx --layer relu9", "relu9"),
        ("bench net.onnx --method guidet", "guidet"),
        ("bench net.onnx --param quantile=1", "quantile"),
        ("bench net.onnx --batch 1,x", "'x'"),
        ("bench net.onnx --item 3x", "3x"),
        ("bench net.onnx --rounds 0", "'0'"),
        ("bench net.onnx --device tpu", "tpu"),
        ("bench net.onnx --wrt z", "'z'"),
        ("bench net.onnx -o net.onnx --force", "net.onnx"),
    ],
)
def test_mistakes_are_one_line(here: Path, capsys: Capture, arguments: str, said: str) -> None:
    assert_one_line(run(capsys, *arguments.split()), said)
