"""Scans and explanations on a Ray cluster of this machine: the bytes and numbers of one process."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import retrograph
from retrograph import on_ray
from retrograph.errors import InputError
from support import nets
from support.cli_case import run
from support.scan_case import folder, pixels

ray = pytest.importorskip("ray", reason="needs retrograph[ray]")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SETTINGS = {"layers": ["relu2", "conv1"], "k": 3, "batch": 2, "threads": 1}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model, a folder of 200 pictures and a bad one, and a scan in one pass in `whole`."""
    desk = tmp_path_factory.mktemp("desk")
    before = Path.cwd()
    os.chdir(desk)
    nets.save(nets.cnn(), desk / "net.onnx")
    folder(desk / "set", pixels(200))
    (desk / "set" / "dog" / "bad.png").write_bytes(b"x")
    retrograph.scan("net.onnx", f"{desk}/set", out="whole", **SETTINGS)
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield desk
    ray.shutdown()
    os.chdir(before)


def files(desk: Path) -> ray.data.Dataset:
    """The pictures of the folder, in their order."""
    paths = sorted(map(str, (desk / "set").rglob("*.png")))
    return ray.data.read_binary_files(paths, include_paths=True, override_num_blocks=2)


def store(run: str) -> bytes:
    return Path(run, "scan.sqlite").read_bytes()


def actors() -> list[int]:
    """The processes of the actors that count blocks."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"_BlockScanner" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


class Killer:
    """Kills one actor when the first block is counted."""

    def __init__(self) -> None:
        self.killed: list[int] = []

    def __call__(self, done: int, total: int | None) -> None:
        if not self.killed:
            self.killed = actors()[:1]
            os.kill(self.killed[0], signal.SIGKILL)


def test_files_are_the_bytes_of_one_pass_though_an_actor_is_killed(desk: Path) -> None:
    killer = Killer()
    scan = on_ray.scan_files("net.onnx", f"{desk}/set", out="run", progress=killer, **SETTINGS)
    assert killer.killed
    assert scan.run["pictures"] == {"good": 200, "bad": 1}
    assert store("run") == store("whole")
    with pytest.raises(InputError, match="exists; give force=True"):
        on_ray.scan_files("net.onnx", f"{desk}/set", out="run", **SETTINGS)


def test_a_data_set_of_files_has_the_same_tables(desk: Path) -> None:
    dataset = files(desk)
    killer = Killer()
    on_ray.scan(dataset, f"{desk}/net.onnx", out="data", progress=killer, **SETTINGS)
    assert killer.killed
    stores = [sqlite3.connect(Path(run, "scan.sqlite")) for run in ("data", "whole")]
    for table in ("layer", "top", "channel"):
        rows, expected = ([*each.execute(f"SELECT * FROM {table}")] for each in stores)
        assert rows == expected
    for each in stores:
        each.close()


def test_arrays_with_classes_and_without_names(desk: Path) -> None:
    pictures = pixels(20)
    dataset = ray.data.from_items(
        [{"image": picture, "kind": f"c{number % 3}"} for number, picture in enumerate(pictures)]
    )
    scan = on_ray.scan(dataset, f"{desk}/net.onnx", out="arrays", label="kind", **SETTINGS)
    plain = retrograph.scan("net.onnx", [pictures], out="plain", **SETTINGS)
    for channel in range(3):
        units, expected = scan.top("relu2", channel), plain.top("relu2", channel)
        assert [u.activation for u in units] == [u.activation for u in expected]
        assert [u.name for u in units] == [f"row {u.picture}" for u in expected]
    assert scan.classes == {"c0": 7, "c1": 7, "c2": 6}


def test_explanations_are_columns(desk: Path) -> None:
    dataset = files(desk)
    explained = on_ray.explain(dataset, f"{desk}/net.onnx", batch=4, threads=1)
    explained.write_parquet(f"{desk}/maps")
    rows = ray.data.read_parquet(f"{desk}/maps").sort("path").take_all()
    expected = [*retrograph.explain_all("net.onnx", f"{desk}/set", batch=4, threads=1)]
    assert len(rows) == len(expected) == 201
    problems = {row["path"]: row["problem"] for row in rows if row["problem"]}
    assert [*problems] == [f"{desk}/set/dog/bad.png"]
    by_name = {each.name: each for each in expected if isinstance(each, retrograph.Explanation)}
    for row in rows:
        if row["path"] in problems:
            assert np.isnan(row["attribution_guided"]).all()
            continue
        other = by_name[row["path"]]
        np.testing.assert_array_equal(row["attribution_guided"], other.attributions["guided"])
        np.testing.assert_array_equal(row["unit"], other.units)


def test_mistakes_are_one_line(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = ray.data.from_items([{"pixels": 1}])
    with pytest.raises(InputError, match=r"which column .* one of: pixels"):
        on_ray.scan(dataset, "net.onnx", layers="relu2", out="none")
    with pytest.raises(InputError, match=r"no column 'x'; the data set has: pixels"):
        on_ray.explain(dataset, "net.onnx", column="x")
    with pytest.raises(InputError, match=r"the cluster has 4 CPUs for 9 actors of 1"):
        on_ray.scan_files("net.onnx", f"{desk}/set", layers="relu2", out="none", actors=9)


def test_the_command(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = f"scan net.onnx {desk}/set --layer relu2,conv1 -k 3 --batch 2 --threads 1"
    ran = run(capsys, *f"{settings} --ray -o command".split())
    assert ran.code == 2, ran
    assert f"retrograph: {desk}/set/dog/bad.png" in ran.err
    assert "going on" not in ran.out
    assert store("command") == store("whole")
    assert run(capsys, *f"{settings} --ray --part 1/2 -o other".split()).code == 2
