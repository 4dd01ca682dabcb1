"""Archives of pictures: the same inputs as their folder, and nothing hostile gets far."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrograph.inputs import count_inputs, iter_inputs
from retrograph.preprocess import PRESETS, BadInput, Item
from retrograph.preprocess import archives as module
from support.archive_case import pack
from support.input_case import kind_of

SHAPE = ("N", 3, 6, 5)
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def read(path: Path) -> list[Item | BadInput]:
    return list(iter_inputs([path], kind_of(SHAPE, PRESETS["0-255"])))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_gives_what_its_folder_gives(tmp_path: Path, suffix: str) -> None:
    names = ("cat/1.png", "cat/deep/2.png", "dog/3.PNG", "dog.d/1.png")
    files = {name: png(seed) for seed, name in enumerate(names)}
    others = {"notes.txt": b"x", "cat/.1.png": b"x"}
    for name, data in (files | others).items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(data)
    path = pack(tmp_path / f"set{suffix}", files | others)
    found, wanted = read(path), read(tmp_path / "set")
    assert [each.name for each in found] == [f"{path}:{name}" for name in names]
    assert [each.label for each in found] == ["cat", "cat", "dog", "dog.d"]
    for each, other in zip(found, wanted, strict=True):
        assert isinstance(each, Item)
        assert isinstance(other, Item)
        assert each.label == other.label
        np.testing.assert_array_equal(each.array, other.array)
    assert count_inputs([path, tmp_path / "set"]) == 8
    assert not (tmp_path / "cat").exists()


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("a.png", "cat/b.png"), [None, None]),
        (("all/cat/a.png", "all/dog/b.png"), ["cat", "dog"]),
        (("cat/a.png", "cat/b.png"), ["cat", "cat"]),
        (("all/a.png", "all/dog/b.png"), ["all", "all"]),
    ],
)
def test_classes_are_folders_that_every_picture_lies_in(
    tmp_path: Path, names: tuple[str, ...], labels: list[str | None]
) -> None:
    for suffix in (".zip", ".tar"):
        path = pack(tmp_path / f"set{suffix}", {name: png(0) for name in names})
        assert [each.label for each in read(path) if isinstance(each, Item)] == labels


def test_folders_with_a_picture_beside_them_are_no_classes(tmp_path: Path) -> None:
    for name in ("cat/a.png", "b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png(0))
    assert [each.label for each in read(tmp_path) if isinstance(each, Item)] == [None, None]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_bad_member_is_named_and_the_rest_follows(tmp_path: Path, suffix: str) -> None:
    files = {"a/1.png": png(1), "a/2.png": b"\x89PNG broken", "a/3.png": png(3)}
    path = pack(tmp_path / f"set{suffix}", files)
    found = read(path)
    assert [type(each) for each in found] == [Item, BadInput, Item]
    assert isinstance(found[1], BadInput)
    assert f"{path}:a/2.png" in str(found[1].error)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_archive_is_one_error(tmp_path: Path, suffix: str) -> None:
    broken, missing, empty = (tmp_path / f"{n}{suffix}" for n in ("broken", "missing", "empty"))
    broken.write_bytes(b"no archive at all" * 100)
    pack(empty, {"notes.txt": b"x"})
    for path, words in ((broken, "pack it anew"), (missing, "not exist"), (empty, "no pictures")):
        (bad,) = read(path)
        assert isinstance(bad, BadInput)
        assert str(path) in str(bad.error)
        assert words in str(bad.error)
        assert "\n" not in str(bad.error)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_an_archive_that_is_cut_short(tmp_path: Path, suffix: str) -> None:
    files = {f"{i}.png": np.random.default_rng(i).bytes(3000) for i in range(5)}
    path = pack(tmp_path / f"set{suffix}", files)
    path.write_bytes(path.read_bytes()[:8000])
    found = read(path)
    assert isinstance(found[-1], BadInput)
    assert str(path) in str(found[-1].error)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_member_that_blows_up_is_not_read_whole(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_MEMBER", 10_000)
    path = pack(tmp_path / f"bomb{suffix}", {"a.png": bytes(10_001), "b.png": png(1)})
    bomb, good = read(path)
    assert isinstance(bomb, BadInput)
    assert "too many to be safe" in str(bomb.error)
    assert isinstance(good, Item)


def test_a_tar_header_that_asks_for_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_MEMBER", 100_000)
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 2**40
    (tmp_path / "bomb.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(200_000))
    (bad,) = read(tmp_path / "bomb.tar")
    assert isinstance(bad, BadInput)
    assert "asks for too much" in str(bad.error)


def test_hostile_names_are_only_shown(tmp_path: Path) -> None:
    names = {"../../up.png": png(0), "/abs.png": png(1)}
    for suffix in (".zip", ".tar"):
        found = read(pack(tmp_path / f"set{suffix}", names))
        assert all(isinstance(each, Item) for each in found)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["set.tar", "set.zip"]
    assert not (tmp_path.parent / "up.png").exists()


def test_links_in_a_tar_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar", "w") as made:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(link)
    (bad,) = read(tmp_path / "set.tar")
    assert isinstance(bad, BadInput)
    assert "no pictures" in str(bad.error)


def test_an_npz_is_read_row_by_row(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), np.uint8)
    wanted = rows.transpose(0, 3, 1, 2).astype(np.float32)
    floats = np.asfortranarray(wanted)
    for save in (np.savez, np.savez_compressed):
        for array in (rows, floats, wanted):
            save(tmp_path / "x.npz", labels=np.arange(4), x=array)
            found = read(tmp_path / "x.npz")
            assert [each.name for each in found] == [f"{tmp_path}/x.npz:x[{i}]" for i in range(4)]
            for each, row in zip(found, wanted, strict=True):
                assert isinstance(each, Item)
                np.testing.assert_array_equal(each.array, row)


def test_an_npz_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 6, 5, 3)}
    np.lib.format.write_array_header_1_0(buffer, header)
    pack(tmp_path / "x.zip", {"x.npy": buffer.getvalue() + bytes(2 * 90)})
    (tmp_path / "x.zip").rename(tmp_path / "x.npz")
    found = read(tmp_path / "x.npz")
    assert [type(each) for each in found] == [Item, Item, BadInput]
    assert isinstance(found[-1], BadInput)
    assert "ends early" in str(found[-1].error)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    "shape", ["(9999999999999999999, 3)", "(2, -1, 6, 5)", "(2, 4611686018427387904, 4)", "(3,)"]
)
def test_an_array_that_claims_any_shape(tmp_path: Path, suffix: str, shape: str) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    raw = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(40)
    path = tmp_path / f"x{suffix}"
    if suffix == ".npy":
        path.write_bytes(raw)
    else:
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr("x.npy", raw)
    (bad,) = read(path)
    assert isinstance(bad, BadInput)
    assert str(path) in str(bad.error)
    assert "; " in str(bad.error)
