"""Pictures of every depth and kind keep their values or are refused, and what was made is said."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs import iter_inputs
from retrograph.preprocess import PRESETS, Item, load_picture
from retrograph.preprocess.opening import open_picture, open_pillow
from support.cli_case import good, workplace
from support.input_case import kind_of


def saved(path: Path, values: np.ndarray, **options: object) -> Path:
    Image.fromarray(values).save(path, **options)
    return path


def grey(path: Path) -> list[int]:
    """The values of a picture whose three channels are equal."""
    pixels = np.asarray(load_picture(path))
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0].ravel().tolist()


def tiff(path: Path, bits: int, data: bytes, width: int, *, photometric: int = 1) -> Path:
    """A grey TIFF of one row, written field by field."""
    fields = [
        (256, 4, width),
        (257, 4, 1),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, 1),
        (279, 4, len(data)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields)
    directory = struct.pack("<H", len(fields)) + entries + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory)
    return path


def packed_12(values: list[int]) -> bytes:
    """Two values of 12 bits in three bytes, the highest bits first."""
    pairs = zip(values[::2], values[1::2], strict=True)
    return b"".join((a << 12 | b).to_bytes(3, "big") for a, b in pairs)


def test_twelve_bits_keep_their_highest_eight(tmp_path: Path) -> None:
    values = [0, 15, 16, 2048, 4080, 4095]
    path = tiff(tmp_path / "x.tif", 12, packed_12(values), 6)
    assert grey(path) == [0, 0, 1, 128, 255, 255]


def test_sixteen_bits_whose_zero_is_white(tmp_path: Path) -> None:
    data = np.array([0, 256, 65_535], "<u2").tobytes()
    assert grey(tiff(tmp_path / "x.tif", 16, data, 3, photometric=0)) == [255, 254, 0]
    assert grey(tiff(tmp_path / "y.tif", 16, data, 3)) == [0, 1, 255]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_of_unknown_white(tmp_path: Path, suffix: str) -> None:
    """A camera of 12 bits writes them into 16: the high byte would be a black picture."""
    path = saved(tmp_path / f"x.{suffix}", np.array([[0, 4095]], np.uint16))
    with pytest.raises(InputError, match=r"16-bit .* greatest is only 4095, .*12 bits"):
        load_picture(path)
    assert grey(saved(path, np.array([[0, 65_535]], np.uint16))) == [0, 255]
    assert grey(saved(path, np.zeros((1, 2), np.uint16))) == [0, 0]
    opened = open_picture(saved(path, np.array([[0, 4096]], np.uint16)))
    assert np.asarray(opened.image).max() == 16
    assert "dark" in opened.note


def test_sixteen_bits_that_the_format_scales(tmp_path: Path) -> None:
    (tmp_path / "x.pgm").write_bytes(b"P5 2 1 4095\n" + np.array([0, 4095], ">u2").tobytes())
    assert grey(tmp_path / "x.pgm") == [0, 255]
    assert grey(saved(tmp_path / "x.pgm", np.array([[0, 512]], np.uint16))) == [0, 2]


def test_colours_of_sixteen_bits(tmp_path: Path) -> None:
    """Pillow writes none: a PNG is made by hand."""

    def png(most: int) -> Path:
        row = b"\0" + struct.pack(">3H", most, most, most)
        parts = [
            b"IHDR" + struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0),
            b"IDAT" + zlib.compress(row),
        ]
        chunks = [
            struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
            for part in [*parts, b"IEND"]
        ]
        (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
        return tmp_path / "x.png"

    assert grey(png(40_000)) == [40_000 >> 8]
    with pytest.raises(InputError, match="nothing says which is white"):
        load_picture(png(4095))


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
@pytest.mark.parametrize("most", [1, 255, 4095, 65_535, 100_000])
def test_thirty_two_bits_have_no_white(tmp_path: Path, dtype: type, most: int) -> None:
    path = saved(tmp_path / "x.tif", np.array([[0, most]], dtype))
    with pytest.raises(InputError, match=rf"x.tif has 32-bit values of the type {dtype.__name__}"):
        load_picture(path)


def test_signed_sixteen_bits_have_no_white(tmp_path: Path) -> None:
    path = tiff(tmp_path / "x.tif", 16, np.array([-3, 3], "<i2").tobytes(), 2)
    raw = path.read_bytes().replace(
        struct.pack("<HHII", 277, 3, 1, 1), struct.pack("<HHII", 339, 3, 1, 2)
    )
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"x\.tif"):
        load_picture(path)


def test_one_bit_and_palettes_keep_their_colours(tmp_path: Path) -> None:
    assert grey(saved(tmp_path / "x.tif", np.array([[False, True]]))) == [0, 255]
    palette = Image.new("P", (2, 1))
    palette.putpalette([9, 9, 9, 200, 200, 200])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "x.png")
    assert grey(tmp_path / "x.png") == [9, 200]
    assert open_picture(tmp_path / "x.png").note == ""


def test_lab_is_turned_into_the_colours_that_it_means(tmp_path: Path) -> None:
    """Without colour L* of 100 is white, of 0 black; Pillow fills a* and b* from 128."""
    for light, expected in ((255, 255), (0, 0)):
        Image.new("LAB", (1, 1), (light, 128, 128)).save(tmp_path / "x.tif")
        pixels = np.asarray(load_picture(tmp_path / "x.tif")).astype(int)
        assert np.abs(pixels - expected).max() <= 2


def test_what_was_made_of_a_picture_is_said(tmp_path: Path) -> None:
    opaque = Image.new("RGBA", (2, 2), (9, 9, 9, 255))
    opaque.save(tmp_path / "opaque.png")
    half = opaque.copy()
    half.putpixel((0, 0), (9, 9, 9, 128))
    half.save(tmp_path / "half.png")
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    red.convert("CMYK").save(tmp_path / "cmyk.tif")
    for suffix in ("tif", "gif", "webp", "png"):
        red.save(tmp_path / f"two.{suffix}", save_all=True, append_images=[blue])
        assert "the first is taken" in open_picture(tmp_path / f"two.{suffix}").note
        first = np.asarray(load_picture(tmp_path / f"two.{suffix}")).astype(int)
        assert np.abs(first - [255, 0, 0]).max() <= 2
    assert open_picture(tmp_path / "opaque.png").note == ""
    assert "white" in open_picture(tmp_path / "half.png").note
    assert "CMYK" in open_picture(tmp_path / "cmyk.tif").note
    (item,) = iter_inputs([tmp_path / "half.png"], kind_of((1, 3, 2, 2), PRESETS["0-1"]))
    assert isinstance(item, Item)
    assert "white" in item.note


def test_commands_say_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = workplace(tmp_path, monkeypatch)
    for name in ("a.png", "b.png"):
        (here / "set").mkdir(exist_ok=True)
        Image.new("RGBA", (8, 8), (9, 9, 9, 128)).save(here / "set" / name)
    assert good(capsys, "explain net.onnx set -o maps --preprocess 0-1").count("white") == 2
    assert good(capsys, "compare net.onnx set -o sheet.png --preprocess 0-1").count("white") == 2
    told = good(capsys, "scan net.onnx set --layer relu1 -o run --preprocess 0-1")
    assert told.count("white") == 1


@pytest.mark.parametrize("mode", ["I", "F"])
def test_wide_values_in_memory_are_refused(mode: str) -> None:
    picture = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert(mode)
    with pytest.raises(InputError, match="x has 16-bit values of the type"):
        open_pillow("x", picture)
    sixteen = Image.fromarray(np.array([[0, 65_535]], np.uint16))
    assert np.asarray(open_pillow("x", sixteen).image)[0, :, 0].tolist() == [0, 255]
