"""DICOM files as pictures: through which window, in which colours, and what is refused."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrograph.errors import InputError
from retrograph.inputs import iter_inputs
from retrograph.preprocess import PRESETS, Item
from retrograph.preprocess.opening import open_bytes, open_picture
from support.input_case import kind_of

pydicom = pytest.importorskip("pydicom")

CT = np.array([[-1000, -160, 40], [239, 240, 3000]], np.int16)


def write(path: Path, pixels: np.ndarray, **elements: Any) -> Path:
    """A DICOM file of some pixels [H, W] or [H, W, 3], with these elements."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    dataset = pydicom.dataset.Dataset()
    dataset.file_meta = meta
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    data = pixels.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def grey(path: Path) -> tuple[list[list[int]], str]:
    opened = open_picture(path)
    pixels = np.asarray(opened.image)
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0].tolist(), opened.note


def test_grey_values_are_seen_through_the_files_window(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", CT, WindowCenter=40, WindowWidth=401, RescaleType="HU")
    pixels, note = grey(path)
    assert pixels[0] == [0, 0, round(255 * 200.5 / 400)]
    assert pixels[1] == [round(255 * 399.5 / 400), 255, 255]
    assert note == "seen through the file's window: centre 40, width 401 HU"


def test_rescaled_values_and_the_first_of_several_windows(tmp_path: Path) -> None:
    stored = ((CT + 1024) // 2).astype(np.uint16)
    path = write(
        tmp_path / "a.dcm",
        stored,
        RescaleSlope=2,
        RescaleIntercept=-1024,
        WindowCenter=[40, 300],
        WindowWidth=[400, 2000],
        VOILUTFunction="LINEAR_EXACT",
    )
    pixels, note = grey(path)
    assert pixels[0] == [0, 0, 128]
    assert pixels[1][1:] == [255, 255]
    assert note == "seen through the first of the file's 2 windows: centre 40, width 400"


def test_a_sigmoid_window(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", CT, WindowCenter=40, WindowWidth=4, VOILUTFunction="SIGMOID")
    assert grey(path)[0] == [[0, 0, 128], [255, 255, 255]]


def test_0_may_be_white(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm",
        CT,
        WindowCenter=40,
        WindowWidth=400,
        PhotometricInterpretation="MONOCHROME1",
    )
    pixels, _ = grey(path)
    assert pixels[0][:2] == [255, 255]
    assert pixels[1][1:] == [0, 0]


def test_without_a_window_the_ends_are_those_of_the_frame_and_are_said(tmp_path: Path) -> None:
    pixels, note = grey(write(tmp_path / "a.dcm", CT))
    assert pixels[0] == [0, round(255 * 840 / 4000), round(255 * 1040 / 4000)]
    assert pixels[1][2] == 255
    assert note == (
        "the file names no window: black is its least value, -1000, white its greatest, 3000"
    )
    padded, note = grey(write(tmp_path / "b.dcm", CT, PixelPaddingValue=-1000))
    assert padded[0][:2] == [0, 0]
    assert "its least value, -160, white" in note


def test_a_table_of_the_file(tmp_path: Path) -> None:
    table = pydicom.dataset.Dataset()
    table.LUTDescriptor = [4, 0, 8]
    table.LUTData = np.array([0, 10, 200, 255], np.uint16).tobytes()
    path = write(tmp_path / "a.dcm", np.array([[0, 1], [2, 9]], np.uint16), VOILUTSequence=[table])
    assert grey(path) == ([[0, 10], [200, 255]], "shown by the file's table (VOI LUT)")


def test_8_bits_are_taken_as_they_are(tmp_path: Path) -> None:
    assert grey(write(tmp_path / "a.dcm", np.array([[7, 200]], np.uint8))) == ([[7, 200]], "")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours(tmp_path: Path, dtype: type) -> None:
    pixels = np.array([[[255, 0, 9], [1, 2, 3]]], np.uint8)
    stored = pixels if dtype == np.uint8 else pixels.astype(np.uint16) << 8
    opened = open_picture(write(tmp_path / "a.dcm", stored))
    assert np.asarray(opened.image).tolist() == pixels.tolist()
    assert opened.note == ""


def test_of_several_frames_the_first_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", np.array([[1, 2]], np.uint8), NumberOfFrames=3)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = bytes(range(1, 7))
    dataset.save_as(path)
    assert grey(path) == ([[1, 2]], "of its 3 frames the first is taken")


def test_files_in_folders_and_archives_and_without_a_suffix(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    path = write(tmp_path / "set" / "a.dcm", np.full((4, 4), 9, np.uint8))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(path, "a.dcm")
    (tmp_path / "IM.0001").write_bytes(path.read_bytes())
    sources = [tmp_path / name for name in ("set", "set.zip", "IM.0001")]
    items = [*iter_inputs(sources, kind_of((1, 3, 4, 4), PRESETS["0-255"]))]
    assert len(items) == 3
    for item in items:
        assert isinstance(item, Item)
        assert (item.array == 9).all()


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"no DICOM")
    with pytest.raises(InputError, match=r"a\.dcm is no DICOM picture that can be read \("):
        open_picture(tmp_path / "a.dcm")
    with pytest.raises(InputError, match=r"b\.dcm does not exist; check the path"):
        open_picture(tmp_path / "b.dcm")
    with pytest.raises(InputError, match=r"c\.dcm is no DICOM picture"):
        open_bytes("c.dcm", b"")
    report = write(tmp_path / "d.dcm", np.zeros((1, 2), np.uint8), Modality="SR")
    dataset = pydicom.dcmread(report)
    del dataset.PixelData
    dataset.save_as(report)
    with pytest.raises(InputError, match=r"d\.dcm has no pixels \(it is SR\)"):
        open_picture(report)
    huge = write(tmp_path / "e.dcm", np.zeros((1, 2), np.uint8), Rows=60000, Columns=60000)
    with pytest.raises(InputError, match="too many to be safe"):
        open_picture(huge)
    short = write(tmp_path / "f.dcm", np.zeros((1, 2), np.uint8), Rows=9)
    with pytest.raises(InputError, match="less than expected"):
        open_bytes("f.dcm", io.BytesIO(short.read_bytes()).getvalue())


def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.dcm", np.zeros((1, 2), np.uint8))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(InputError, match=r"DICOM files need pydicom.*retrograph\[dicom\]"):
        open_picture(path)
