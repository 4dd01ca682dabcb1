"""Parts of a folder, explained by themselves, write the files that all of it would have."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import retrograph
from retrograph.errors import InputError
from support.cli_case import assert_one_line, run, workplace
from support.scan_case import folder, pixels


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 11 pictures, one of them bad, and two that are called the same but for .bmp."""
    folder(tmp_path / "set", pixels(8))
    (tmp_path / "set" / "dog" / "bad.png").write_bytes(b"x")
    for number in (0, 7):
        (file,) = (tmp_path / "set").rglob(f"{number:03}.png")
        Image.fromarray(pixels(1, seed=9)[0]).save(file.with_suffix(".bmp"))
    return workplace(tmp_path, monkeypatch)


def files(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("parts", "batch"), [(3, 1), (3, 2), (20, 1)])
def test_all_parts_write_what_one_run_writes(
    desk: Path, capsys: pytest.CaptureFixture[str], parts: int, batch: int
) -> None:
    settings = f"explain net.onnx set --npz --batch {batch}"
    assert run(capsys, *f"{settings} -o whole/".split()).code == 2
    codes = [
        run(capsys, *f"{settings} -o run/ --part {number}/{parts}".split()).code
        for number in range(parts, 0, -1)
    ]
    assert sorted(codes) == [0] * (parts - 1) + [2]
    assert files("run") == files("whole")
    assert len(files("run")) == 20


def test_from_python(desk: Path) -> None:
    names = [
        [each.name for each in retrograph.explain_all("net.onnx", "set", part=(number, 2))]
        for number in (1, 2)
    ]
    everything = [each.name for each in retrograph.explain_all("net.onnx", "set")]
    assert [*names[0], *names[1]] == everything
    with pytest.raises(InputError, match=r"part is 0/2; give two numbers"):
        retrograph.explain_all("net.onnx", "set", part=(0, 2))


def test_a_sheet_is_of_all_inputs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = run(
        capsys, *["explain", "net.onnx", "set", "--sheet", "2x2", "--part", "1/2", "-o", "a.png"]
    )
    assert_one_line(ran, "--sheet is of all inputs")
