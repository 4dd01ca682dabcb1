"""Files are written whole or not at all, under safe names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest

from retrograph.errors import InputError
from retrograph.output import (
    check_folder,
    check_free,
    check_new_folder,
    make_folder,
    safe_name,
    save_arrays,
    write_whole,
)


def test_a_name_of_any_text_is_safe() -> None:
    assert safe_name("a/b: ü-1.png") == "a_b_ü-1.png"


def test_a_long_name_is_cut_and_still_tells_itself_from_others(tmp_path: Path) -> None:
    one, other = (safe_name("ü" * 300 + end) for end in "ab")
    assert one != other
    assert (one[:90], len(one.encode())) == ("ü" * 90, 200 - 1)  # no half of a letter
    assert safe_name("x" * 200) == "x" * 200
    assert len(safe_name("x" * 201)) == 200
    longest = tmp_path / ("x" * 255)
    write_whole(longest, b"whole")
    assert longest.read_bytes() == b"whole"


def test_a_file_that_cannot_take_its_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path / "there", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path / "missing" / "file", b"x")


def test_arrays_are_compressed_and_read_as_they_were(tmp_path: Path) -> None:
    arrays = {
        "a/b": np.arange(60000, dtype=np.float32).reshape(2, 100, 300)[:, ::2],
        "scalar": np.array(3),
        "text": np.array("imagenet"),
    }
    save_arrays(arrays, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as data:
        assert {*data} == {*arrays}
        for name, array in arrays.items():
            np.testing.assert_array_equal(data[name], array, strict=True)
    assert (tmp_path / "a.npz").stat().st_size < arrays["a/b"].nbytes


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")
    save_arrays({"x": np.arange(3)}, path)
    with np.load(path) as data:
        assert data["x"].tolist() == [0, 1, 2]
    assert [each.name for each in tmp_path.iterdir()] == ["a.npz"]


def test_what_is_in_the_way_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    check_free(path, force=False)
    path.write_bytes(b"x")
    with pytest.raises(InputError, match="exists; give force=True"):
        check_free(path, force=False)
    check_free(path, force=True)
    with pytest.raises(InputError, match="is a folder"):
        check_free(tmp_path, force=True)
    with pytest.raises(InputError, match="is no folder"):
        check_folder(tmp_path / "none")
    with pytest.raises(InputError, match="is a file"):
        check_new_folder(path / "b" / "c")
    with pytest.raises(InputError, match="cannot be made"):
        make_folder(path / "b")


def test_threads_may_write_one_file(tmp_path: Path) -> None:
    """As `explain --force` does where an input is given twice."""
    path = tmp_path / "a.bin"
    contents = [bytes([i]) * 100_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            list(pool.map(lambda data: write_whole(path, data), contents))
    assert path.read_bytes() in contents
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


def test_noise_is_kept_as_it_is_and_the_rest_compressed(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(30000).astype(np.float32)
    save_arrays({"noise": noise, "zeros": np.zeros(30000, np.float32)}, tmp_path / "a.npz")
    with ZipFile(tmp_path / "a.npz") as archive:
        kinds = {each.filename: each.compress_type for each in archive.infolist()}
    assert kinds == {"noise.npy": ZIP_STORED, "zeros.npy": ZIP_DEFLATED}
