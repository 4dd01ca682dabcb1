"""DICOM files as 8-bit pictures, seen through the window that the file names."""

from __future__ import annotations

import io
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from retrograph.errors import InputError, one_line
from retrograph.pointers import refuse_pointer, refuse_pointer_file
from retrograph.preprocess.extras import library
from retrograph.preprocess.formats import DICOM_SUFFIXES, picture_suffixes
from retrograph.preprocess.picture import Pixels

_PREAMBLE: Final = 128
_MARK: Final = b"DICM"
"""What follows on so many bytes at the beginning of every DICOM file."""
_FAR: Final = 100
"""So many widths from its centre a window has reached its end, whatever its form."""
_GREY: Final = ("MONOCHROME1", "MONOCHROME2")

Values = npt.NDArray[Any]


def is_dicom(name: str, source: Path | io.BytesIO) -> bool:
    """Whether a file is DICOM: by its suffix, or, where that is no picture's, by its beginning."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in picture_suffixes():
        return suffix in DICOM_SUFFIXES
    try:
        with nullcontext(source) if isinstance(source, io.BytesIO) else source.open("rb") as file:
            file.seek(_PREAMBLE)
            is_marked = file.read(len(_MARK)) == _MARK
            file.seek(0)
    except OSError:
        return False  # whoever opens it says why
    return is_marked


def dicom_picture(name: str, source: Path | io.BytesIO) -> tuple[Image.Image, str]:
    """The first frame of a DICOM file as 8 bits, grey or RGB, and what is to be known of it.

    Grey values are shown through the first window of the file, or its table (VOI LUT). Without
    either those of 8 bits are taken as they are, and of others black is the least of the frame and
    white the greatest.

    Args:
        name: of the file, for messages.
        source: the file, or its bytes.

    Raises:
        InputError: pydicom is not installed, or the file holds no picture that can be decoded.
    """
    pydicom = library("pydicom", "dicom", "DICOM files")
    pixels = library("pydicom.pixels", "dicom", "DICOM files")
    try:
        dataset = pydicom.dcmread(source)
        _check_frame(dataset)
        frame = pixels.pixel_array(dataset, index=0)
        picture, note = _shown(frame, dataset, pixels)
    except InputError as error:
        raise InputError(f"{name} {error.message}") from None
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path") from None
    except Exception as error:  # on damaged data its decoders raise nearly anything
        if isinstance(source, Path):
            refuse_pointer_file(source)
        else:
            refuse_pointer(name, source.getvalue())
        raise InputError(
            f"{name} is no DICOM picture that can be read ({one_line(error)}); save it as PNG"
        ) from None
    count = int(dataset.get("NumberOfFrames") or 1)
    first = f"of its {count} frames the first is taken" if count > 1 else ""
    return Image.fromarray(picture), "; ".join(filter(None, [first, note]))


def dicom_size(name: str, source: io.BytesIO) -> tuple[int, int]:
    """Width and height of the frames of a DICOM file, which are not decoded.

    Raises:
        InputError: pydicom is not installed, or the file says no size.
    """
    pydicom = library("pydicom", "dicom", "DICOM files")
    try:
        dataset = pydicom.dcmread(source, stop_before_pixels=True)
        return int(dataset.Columns), int(dataset.Rows)
    except Exception as error:  # on damaged data its decoders raise nearly anything
        raise InputError(
            f"{name} is no DICOM picture that can be read ({one_line(error)}); save it as PNG"
        ) from None


def _check_frame(dataset: Any) -> None:
    """Raises InputError where there are no pixels, or too many to be safe."""
    if "PixelData" not in dataset:
        modality = dataset.get("Modality") or "of no modality"
        raise InputError(f"has no pixels (it is {modality}); name a file of a picture")
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and int(dataset.Rows) * int(dataset.Columns) > most:
        raise InputError(f"has over {most} pixels, too many to be safe; scale it down")


def _shown(frame: Values, dataset: Any, pixels: Any) -> tuple[Pixels, str]:
    kind = dataset.PhotometricInterpretation
    if kind in _GREY:
        grey, note = _windowed(frame, dataset, pixels)
        return (255 - grey if kind == "MONOCHROME1" else grey), note
    if kind == "PALETTE COLOR":
        colours = pixels.apply_color_lut(frame, dataset)
        return (colours >> (8 * (colours.dtype.itemsize - 1))).astype(np.uint8)[..., :3], ""
    shift = max(0, int(dataset.BitsStored) - 8)
    return (frame >> shift).astype(np.uint8), ""


def _windowed(frame: Values, dataset: Any, pixels: Any) -> tuple[Pixels, str]:
    """A grey frame as 8 bits, and through which window."""
    values = np.asarray(pixels.apply_modality_lut(frame, dataset), np.float64)
    if dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None:
        return _through_window(values, dataset, pixels)
    if dataset.get("VOILUTSequence"):
        table = dataset.VOILUTSequence[0]
        shown = pixels.apply_voi(np.asarray(values, np.int64), dataset)
        most = 2 ** int(table.LUTDescriptor[2]) - 1
        return _eight_bits(shown, 0, most), "shown by the file's table (VOI LUT)"
    if dataset.BitsAllocated == 8 and (values == frame).all():
        return _eight_bits(values, 0, 2 ** int(dataset.BitsStored) - 1), ""
    seen = values[frame != dataset.PixelPaddingValue] if "PixelPaddingValue" in dataset else values
    seen = seen if seen.size else values
    low, high = float(seen.min()), float(seen.max())
    return _eight_bits(values, low, high), (
        f"the file names no window: black is its least value, {low:g}, white its greatest, {high:g}"
    )


def _through_window(values: Values, dataset: Any, pixels: Any) -> tuple[Pixels, str]:
    centre, count = _first(dataset.WindowCenter)
    width, _ = _first(dataset.WindowWidth)
    ends = np.array([centre - _FAR * width, centre + _FAR * width])
    low, high = pixels.apply_windowing(ends, dataset)
    with np.errstate(over="ignore"):  # of a sigmoid, far from its centre
        shown = pixels.apply_windowing(values, dataset)
    which = f"the first of the file's {count} windows" if count > 1 else "the file's window"
    unit = dataset.get("RescaleType") or ""
    note = f"seen through {which}: centre {centre:g}, width {width:g} {unit}".rstrip()
    return _eight_bits(shown, low, high), note


def _first(value: Any) -> tuple[float, int]:
    """The first of one or several numbers, and how many there are."""
    values = np.atleast_1d(np.asarray(value, np.float64))
    return float(values[0]), len(values)


def _eight_bits(values: Values, low: float, high: float) -> Pixels:
    unit = (np.asarray(values, np.float64) - low) / ((high - low) or 1.0)
    bytes_: Pixels = (255 * np.clip(unit, 0, 1)).round().astype(np.uint8)
    return bytes_
