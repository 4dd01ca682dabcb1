"""Parts of a scan, made anywhere and merged in any order, end in the bytes of one pass."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto
from PIL import Image

import retrograph
from retrograph.errors import InputError
from retrograph.inputs.share import Share
from retrograph.scanning import ProbeSession, Scanner
from retrograph.scanning.parts import ScanPart, merge_parts
from support import nets
from support.graphs import noise
from support.paths import ENGINE, ROOT
from support.scan_case import folder, pixels, run_part_slowly

PARTS = 7


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, a folder of 61 pictures, two of them bad, and a scan in one pass in `whole`."""
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    folder(tmp_path / "set", pixels(59))
    for place in ("cat/005a.png", "fox/a.png"):
        (tmp_path / "set" / place).write_bytes(b"\x89PNG broken")
    scanner().run("whole")
    return tmp_path


def scanner(k: int = 3, inputs: Sequence[str] = ("set",)) -> Scanner:
    session = ProbeSession("net.onnx", ["relu2", "conv1"], threads=1)
    return Scanner(session, list(inputs), k=k, batch=4)


def store(run: str) -> bytes:
    return Path(run, "scan.sqlite").read_bytes()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("parts", [1, 2, PARTS, 40])
def test_parts_in_any_order_are_the_same_bytes(parts: int, desk: Path) -> None:
    numbers = random.Random(parts).sample(range(1, parts + 1), parts)
    made = [scanner().run_part(Share(number, parts), "run").path for number in numbers]
    assert [path.name for path in made] == [f"part-{n}-of-{parts}.sqlite" for n in numbers]
    merge_parts(made, "run")
    assert store("run") == store("whole")


def test_the_parts_have_each_input_once(desk: Path) -> None:
    counts = [scanner().run_part(Share(n, 3), "run").pictures for n in (1, 2, 3)]
    assert sum(each["good"] for each in counts) == 59
    assert sum(each["bad"] for each in counts) == 2


@pytest.mark.parametrize("of", [1, 2, 7, 100])
@pytest.mark.parametrize("total", [0, 1, 31, 32, 33, 1000])
def test_shares_follow_each_other_in_whole_batches(total: int, of: int) -> None:
    bounds = [Share(number, of).bounds(total, 32) for number in range(1, of + 1)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == total
    assert all(first[1] == second[0] for first, second in itertools.pairwise(bounds))
    assert all(end % 32 == 0 or end == total for _, end in bounds)


@pytest.mark.parametrize("seed", range(3))
def test_stopped_at_random_and_run_again(seed: int, desk: Path) -> None:
    rng = random.Random(seed)

    def stop(done: int, inputs: Sequence[object]) -> None:
        if rng.random() < 0.4:
            raise KeyboardInterrupt

    left = [Share(number, PARTS) for number in range(1, PARTS + 1)]
    stops = 0
    while left:
        share = rng.choice(left)
        try:
            scanner().run_part(share, "run", on_batch=stop, seconds=rng.choice([0, 1000]))
            left.remove(share)
        except KeyboardInterrupt:
            stops += 1
    assert stops
    merge_parts(["run"], "out")
    assert store("out") == store("whole")


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Starts processes that have imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["onnxruntime", "support.scan_case"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ENGINE}{os.pathsep}{ROOT / 'tests'}")
        forkserver.ensure_running()
    return context


@pytest.mark.one_in(20)
@pytest.mark.parametrize("trial", range(20))
def test_killed_at_random_and_run_again(
    trial: int, desk: Path, processes: ForkServerContext
) -> None:
    rng = random.Random(trial)
    left = rng.sample(range(1, PARTS + 1), PARTS)
    killed = 0
    while left:
        process = processes.Process(target=run_part_slowly, args=(left[0], PARTS))
        process.start()
        if not killed or rng.random() < 0.5:
            time.sleep(rng.random() * (1.0 if killed else 0.05))  # the first one in any case
            process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        if process.exitcode == 0:
            left.pop(0)
        rng.shuffle(left)
    assert killed
    merge_parts(["run"], "out")
    assert store("out") == store("whole")


def test_copies_of_the_files_are_the_same_inputs(desk: Path) -> None:
    scanner().run_part(Share(1, 2), "run")
    moment = time.time() + 100
    for file in Path("set").rglob("*.png"):
        os.utime(file, (moment, moment))
    scanner().run_part(Share(2, 2), "run")
    merge_parts(["run"], "run")
    assert store("run") == store("whole")


def test_a_model_of_several_inputs_is_divided_by_files(tmp_path: Path) -> None:
    files = []
    for number in range(5):
        files.append(str(tmp_path / f"{number}.npz"))
        np.savez(files[-1], x=noise(2 + number, 5), state=noise(2 + number, 6), sr=np.int64(2))
    session = ProbeSession(nets.two_input_net(), ["add1"])
    Scanner(session, files).run(tmp_path / "whole")
    for number in (2, 1, 3):
        Scanner(session, files).run_part(Share(number, 3), tmp_path / "run")
    merge_parts([tmp_path / "run"], tmp_path / "run")
    assert store(str(tmp_path / "run")) == store(str(tmp_path / "whole"))


@pytest.mark.parametrize("kind", ["npy", "csv", "sizes"])
def test_inputs_of_other_kinds(kind: str, tmp_path: Path) -> None:
    model: ModelProto = nets.cnn(size="s") if kind == "sizes" else nets.cnn()
    place = tmp_path / f"x.{kind}"
    if kind == "npy":
        np.save(place, noise(23, 3, 8, 8))
    elif kind == "csv":
        place.write_text("\n".join(",".join(map(str, [1, *x.ravel()])) for x in pixels(23)))
    else:
        place.mkdir()
        for number, size in enumerate(random.Random(3).choices((6, 8), k=23)):
            Image.fromarray(pixels(1, size, number)[0]).save(place / f"{number:02}.png")
    session = ProbeSession(model, ["relu1"])
    Scanner(session, [place], batch=3).run(tmp_path / "whole")
    for number in (3, 1, 2):
        Scanner(session, [place], batch=3).run_part(Share(number, 3), tmp_path / "run")
    merge_parts([tmp_path / "run"], tmp_path / "run")
    assert store(str(tmp_path / "run")) == store(str(tmp_path / "whole"))


def both() -> list[Path]:
    return [scanner().run_part(Share(number, 2), "run").path for number in (1, 2)]


def test_what_does_not_make_one_scan_is_refused(desk: Path) -> None:
    first, second = both()
    other = scanner(k=4).run_part(Share(2, 2), "other").path
    third = scanner().run_part(Share(3, 3), "thirds").path
    added = desk / "set" / "cat" / "more.png"
    shutil.copy(desk / "set" / "cat" / "000.png", added)
    more = scanner().run_part(Share(2, 2), "more").path
    for paths, words in {
        (first, second, first): "part 1 of 2 is there twice, run/part-1-of-2.sqlite; name it once",
        (first,): r"part 1 of 2 is there twice|part 2 of 2 is missing; .* with part=\(2, 2\)",
        (first, other): r"other/part-2.* another scan than .*another k \(4, not 3\)",
        (first, third): "one of 3 parts, .* one of 2",
        (first, more): "more/part-2.* with other inputs",
        ("whole",): "whole holds no part of a scan",
        ("whole/scan.sqlite",): "no part of a scan",
        ("set/fox/a.png",): "no part of a scan",
        ("nowhere",): "nowhere does not exist",
        (): "no part of a scan is named",
    }.items():
        with pytest.raises(InputError, match=words) as raised:
            merge_parts(paths, "out")
        assert "\n" not in str(raised.value)
    assert not Path("out").exists()


def test_a_part_of_very_many_is_refused_at_once(desk: Path) -> None:
    part = scanner().run_part(Share(2, 10**18), "run").path
    named = r"parts 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 999,999,999,999,999,989 more of 10{18} are"
    with pytest.raises(InputError, match=named):
        merge_parts([part], "out")


def test_an_unfinished_part_is_named(desk: Path) -> None:
    def stop(done: int, inputs: Sequence[object]) -> None:
        raise KeyboardInterrupt

    scanner().run_part(Share(1, 2), "run")
    with pytest.raises(KeyboardInterrupt):
        scanner().run_part(Share(2, 2), "run", on_batch=stop)
    with pytest.raises(InputError, match=r"part 2 of 2 is unfinished in run; .*part=\(2, 2\)"):
        merge_parts(["run"], "run")
    with pytest.raises(InputError, match="no part of a scan"):
        ScanPart("run/part-2-of-2.sqlite.part").state()


def test_a_finished_part_is_left_as_it_is(desk: Path) -> None:
    scanner().run_part(Share(1, 2), "run")
    scanner().run_part(Share(1, 2), "run", on_batch=lambda *_: pytest.fail("it runs again"))
    with pytest.raises(InputError, match=r"another k \(3, not 4\)"):
        scanner(k=4).run_part(Share(1, 2), "run")


def test_no_good_input_in_any_part(desk: Path) -> None:
    bad = ["set/cat/005a.png", "set/fox/a.png"]
    for number in (1, 2):
        scanner(inputs=bad).run_part(Share(number, 2), "run")
    with pytest.raises(InputError, match="none of 2 inputs can be scanned; the first, set/cat"):
        merge_parts(["run"], "run")


def test_from_python(desk: Path) -> None:
    heard: list[tuple[int, int | None]] = []
    for number in (2, 1):
        part = retrograph.scan_part(
            "net.onnx", "set", part=(number, 2), layers=["relu2", "conv1"], k=3, batch=4, out="run"
        )
    assert part.to_dict()["pictures"]["good"] + part.to_dict()["pictures"]["bad"] == 32
    scan = retrograph.merge_scans("run", out="run", progress=lambda *done: heard.append(done))
    assert heard == [(0, 2), (1, 2), (2, 2)]
    assert scan.to_dict() == retrograph.open_scan("whole").to_dict() | {"store": "run/scan.sqlite"}
    with pytest.raises(InputError, match=r"part is 3/2; give two numbers"):
        retrograph.scan_part("net.onnx", "set", part=(3, 2), layers="relu2", out="run")
    with pytest.raises(InputError, match=r"scan.sqlite exists; give force=True"):
        retrograph.merge_scans("run", out="run")
