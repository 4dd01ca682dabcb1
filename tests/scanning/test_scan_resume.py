"""A scan that is interrupted, however and whenever, ends in the same bytes as one that is not."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from retrograph.errors import InputError
from retrograph.scanning import ProbeSession, Scanner
from retrograph.scanning.fingerprint import fingerprints
from support import nets
from support.graphs import noise
from support.paths import ENGINE
from support.scan_case import folder, pixels

_PROGRAM = """
import os, random, signal, sys
import retrograph.scanning.state as state, retrograph.scanning.unfinished as unfinished
from retrograph.scanning import ProbeSession, Scanner

where, after, calls = sys.argv[1], sys.argv[2] == "after", int(sys.argv[3])

def killing(function):
    left = [calls]
    def call(*given, **named):
        left[0] -= 1
        if left[0] == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*given, **named)
        if left[0] == 0 and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

if where == "save":
    unfinished.Unfinished.save = killing(unfinished.Unfinished.save)
if where == "serialise":
    unfinished.np.save = killing(unfinished.np.save)
if where == "count":
    state.State.add = killing(state.State.add)
if where == "write":
    state.write = killing(state.write)
if where == "rename":
    unfinished.os.replace = killing(os.replace)

def insert(connection):
    class Killing:
        def __getattr__(self, name):
            return getattr(connection, name)
        executemany = staticmethod(killing(connection.executemany))
    return Killing()

if where == "insert":
    connect = unfinished.sqlite3.connect
    class Sqlite:
        Error = unfinished.sqlite3.Error
        connect = staticmethod(lambda *a, **b: insert(connect(*a, **b)))
    unfinished.sqlite3 = Sqlite

session = ProbeSession("net.onnx", ["relu2", "conv1"], threads=1)
Scanner(session, ["set"], k=3, batch=4).run("run", seconds=0)
"""

POINTS = ("count", "serialise", "insert", "save", "write", "rename")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, a folder of 41 pictures, one of them bad, and a whole scan in `whole`."""
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    folder(tmp_path / "set", pixels(40))
    (tmp_path / "set" / "dog" / "bad.png").write_bytes(b"\x89PNG broken")
    scanner().run("whole")
    return tmp_path


def scanner(k: int = 3) -> Scanner:
    session = ProbeSession("net.onnx", ["relu2", "conv1"], threads=1)
    return Scanner(session, ["set"], k=k, batch=4)


def killed(where: str, moment: str, calls: int) -> bool:
    """ScanReader in a process that kills itself; False if it came to the end."""
    command = [sys.executable, "-c", _PROGRAM, where, moment, str(calls)]
    environment = os.environ | {"PYTHONPATH": str(ENGINE)}
    return subprocess.run(command, env=environment, check=False).returncode == -9


def assert_whole(desk: Path) -> None:
    assert [file.name for file in (desk / "run").iterdir()] == ["scan.sqlite"]
    stores = [(desk / run / "scan.sqlite").read_bytes() for run in ("run", "whole")]
    assert stores[0] == stores[1]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("where", POINTS)
def test_killed_at_any_step(where: str, desk: Path) -> None:
    rng = random.Random(where)
    late = where in ("write", "rename")
    for moment in ("before", "after"):
        assert killed(where, moment, 1 if late else rng.randint(1, 4))
    scanner().run("run")
    assert_whole(desk)


@pytest.mark.parametrize("seed", range(6))
def test_stopped_at_random_moments(seed: int, desk: Path) -> None:
    rng = random.Random(seed)

    def taken(done: int, found: Sequence[object]) -> None:
        if rng.random() < 0.3:
            raise KeyboardInterrupt

    stops = 0
    while not (desk / "run" / "scan.sqlite").exists():
        try:
            scanner().run("run", on_batch=taken, seconds=rng.choice([0, 1000]))
        except KeyboardInterrupt:
            stops += 1
            assert stops < 1000
    assert stops
    assert_whole(desk)


@pytest.mark.parametrize("seconds", [0, 1000])
def test_it_goes_on_where_it_stopped(seconds: float, desk: Path) -> None:
    heard: list[int] = []

    def stopping(done: int, found: Sequence[object]) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scanner().run("run", on_batch=stopping, seconds=seconds)
    scanner().run("run", on_batch=lambda done, found: heard.append(done))
    assert heard[0] == 20
    assert heard[-1] == 41
    assert_whole(desk)


def test_a_finished_scan_is_left_as_it_is(desk: Path) -> None:
    before = (desk / "whole" / "scan.sqlite").stat()
    scan = scanner().run("whole", on_batch=lambda done, found: pytest.fail("it runs again"))
    assert scan.run["pictures"] == {"good": 40, "bad": 1}
    assert (desk / "whole" / "scan.sqlite").stat().st_mtime_ns == before.st_mtime_ns


def interrupted() -> None:
    with pytest.raises(KeyboardInterrupt):
        scanner().run("run", on_batch=_stop, seconds=0)


def _stop(done: int, found: Sequence[object]) -> None:
    if done > 4:
        raise KeyboardInterrupt


@pytest.mark.parametrize("run", ["run", "whole"])
def test_another_scan_is_not_taken_for_the_same(run: str, desk: Path) -> None:
    interrupted()
    with pytest.raises(InputError, match=r"another k \(3, not 4\); .*force=True"):
        scanner(k=4).run(run)
    with pytest.raises(InputError, match=r"with other layers \("):
        Scanner(ProbeSession("net.onnx", ["relu1"], threads=1), ["set"], k=3, batch=4).run(run)
    first = desk / "set" / "cat" / "000.png"
    renamed = first.rename(first.with_name("00.png"))
    with pytest.raises(InputError, match="other inputs"):
        scanner().run(run)
    renamed.rename(first)
    held = first.read_bytes()
    times = first.stat()
    first.write_bytes(held[:-1] + b"?")
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    with pytest.raises(InputError, match="other inputs"):
        scanner().run(run)
    first.write_bytes(held)
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    nets.save(nets.cnn(batch="M"), desk / "net.onnx")
    with pytest.raises(InputError, match="another model"):
        scanner().run(run)


@pytest.mark.parametrize("run", ["run", "whole"])
def test_force_starts_anew(run: str, desk: Path) -> None:
    interrupted()
    assert scanner(k=4).run(run, force=True).run["k"] == 4
    assert scanner().run(run, force=True).run["k"] == 3
    assert (desk / run / "scan.sqlite").read_bytes() == _reference(desk)


def _reference(desk: Path) -> bytes:
    scanner().run("other")
    return (desk / "other" / "scan.sqlite").read_bytes()


@pytest.mark.slow
def test_two_scans_into_one_folder(desk: Path) -> None:
    def second(done: int, found: Sequence[object]) -> None:
        with pytest.raises(InputError, match="in use by another scan"):
            scanner().run("run")
        with pytest.raises(InputError, match="in use by another scan"):
            scanner().run("run", force=True)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scanner().run("run", on_batch=second)
    scanner().run("run")
    assert_whole(desk)


def test_a_damaged_beginning(desk: Path) -> None:
    (desk / "run").mkdir()
    (desk / "run" / "scan.sqlite.part").write_bytes(b"no database " * 400)
    with pytest.raises(InputError, match=r"damaged; give force=True"):
        scanner().run("run")
    scanner().run("run", force=True)
    assert_whole(desk)


def test_an_empty_beginning(desk: Path) -> None:
    (desk / "run").mkdir()
    (desk / "run" / "scan.sqlite.part").touch()
    scanner().run("run")
    assert_whole(desk)


_FULL = """
import resource, sys
from retrograph.cli import main
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(sys.argv[2:]))
"""


def test_a_full_disk(desk: Path) -> None:
    np.save("x.npy", noise(600, 3, 8, 8))
    arguments = ["scan", "net.onnx", "x.npy", "--layer", "relu2,conv1", "-k", "40", "-o", "run"]
    done = subprocess.run(
        [sys.executable, "-c", _FULL, "20000", *arguments],
        env=os.environ | {"PYTHONPATH": str(ENGINE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1
    assert "run cannot be written in" in done.stderr
    with sqlite3.connect("run/scan.sqlite.part") as part:
        assert part.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    part.close()


def test_a_disk_that_is_full_at_the_end(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *given: object) -> None:
        path.write_bytes(b"half")
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("retrograph.scanning.state.write", full)
        with pytest.raises(InputError, match=r"run cannot be written in .*disk is full"):
            scanner().run("run")
    assert not list((desk / "run").glob("*.new"))
    heard: list[int] = []
    scanner().run("run", on_batch=lambda done, found: heard.append(done))
    assert heard == [41]
    assert_whole(desk)


def test_a_large_file_that_changed_in_its_middle(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(bytes(3 * 2**20))
    times, before = path.stat(), fingerprints([str(path)])
    assert fingerprints([str(path)]) == before
    with path.open("r+b") as file:
        file.seek(3 * 2**19)
        file.write(b"x")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert fingerprints([str(path)]) != before


def test_a_picture_that_is_no_utf_8_by_its_name(desk: Path) -> None:
    first = desk / "set" / "cat" / "000.png"
    first.rename(Path(os.fsdecode(os.fsencode(first.parent) + b"/\xff.png")))
    found = scanner().run("run")
    assert found.run["pictures"] == {"good": 39, "bad": 2}
    assert any("no UTF-8 text; rename it" in problem for _, problem in found.problems)
