"""A picture becomes what the model takes, by the recipe and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess import (
    PRESETS,
    Preprocessing,
    infer_layout,
    load_picture,
    parse_preprocessing,
    prepare,
    restore,
)
from retrograph.preprocess.recipe import Shape
from support.input_case import kind_of

RGB = (10, 120, 250)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    generator = np.random.default_rng(height * width)
    return generator.integers(0, 256, (height, width, channels), np.uint8)


def plain(width: int, height: int, colour: tuple[int, int, int] = RGB) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("0-1", [10 / 255, 120 / 255, 250 / 255]),
        ("0-255", [10, 120, 250]),
        ("-1-1", [10 / 127.5 - 1, 120 / 127.5 - 1, 250 / 127.5 - 1]),
        (
            "imagenet",
            [
                (10 / 255 - 0.485) / 0.229,
                (120 / 255 - 0.456) / 0.224,
                (250 / 255 - 0.406) / 0.225,
            ],
        ),
        ("caffe-bgr", [250 - 104.00698793, 120 - 116.66876762, 10 - 122.67891434]),
    ],
)
def test_preset_arithmetic_by_hand(preset: str, expected: list[float]) -> None:
    array, shown = prepare(plain(300, 200), PRESETS[preset], (1, 3, 8, 8))
    assert array.dtype == np.float32
    assert array.shape == (3, 8, 8)
    np.testing.assert_allclose(array[:, 3, 5], expected, rtol=1e-6)
    assert shown.size == (8, 8)
    assert shown.getpixel((3, 5)) == RGB


def test_full_range_maps_to_exact_ends() -> None:
    white = plain(4, 4, (255, 255, 255))
    for preset, end in (("0-1", 1), ("0-255", 255), ("-1-1", 1)):
        assert (prepare(white, PRESETS[preset], (1, 3, 4, 4))[0] == end).all()


def test_imagenet_cuts_the_centre_of_256() -> None:
    pixels = noise(256, 340)
    _, shown = prepare(Image.fromarray(pixels), PRESETS["imagenet"], (1, 3, 224, 224))
    np.testing.assert_array_equal(np.asarray(shown), pixels[16:240, 58:282])


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (511, 333), (31, 700)])
def test_crop_scales_the_shorter_side(width: int, height: int) -> None:
    image = Image.fromarray(noise(height, width))
    _, shown = prepare(image, PRESETS["0-1"], (1, 3, 64, 64))
    scaled = (64 * width // height, 64) if width > height else (64, 64 * height // width)
    left, top = (scaled[0] - 64) // 2, (scaled[1] - 64) // 2
    expected = np.asarray(image.resize(scaled, Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(np.asarray(shown), expected[top : top + 64, left : left + 64])


def test_pad_keeps_the_whole_picture_on_black() -> None:
    recipe = Preprocessing(resize="pad")
    _, shown = prepare(plain(200, 100), recipe, (1, 3, 40, 40))
    pixels = np.asarray(shown)
    assert (pixels[10:30] == RGB).all()
    assert (pixels[:10] == 0).all()
    assert (pixels[30:] == 0).all()


def test_stretch_ignores_proportions() -> None:
    halves = np.zeros((10, 200, 3), np.uint8)
    halves[:, 100:] = 255
    recipe = Preprocessing(resize="stretch", interpolation="nearest")
    _, shown = prepare(Image.fromarray(halves), recipe, (1, 3, 6, 4))
    np.testing.assert_array_equal(np.asarray(shown)[..., 0], [[0, 0, 255, 255]] * 6)


def test_resize_none_refuses_another_size() -> None:
    recipe = Preprocessing(resize="none")
    assert prepare(plain(6, 4), recipe, (1, 3, 4, 6))[0].shape == (3, 4, 6)
    with pytest.raises(InputError, match=r"6x4.*takes 4x4"):
        prepare(plain(6, 4), recipe, (1, 3, 4, 4))


def test_elongated_picture_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(InputError, match="too elongated"):
        prepare(plain(60_000, 1), PRESETS["imagenet"], (1, 3, 224, 224))


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((None, 3, None, None), (30, 20)),
        (("N", 3, "H", "W"), (30, 20)),
        ((1, 3, 10, None), (15, 10)),
        ((1, 3, None, 10), (10, 7)),
        ((1, 3, -1, 0), (30, 20)),
    ],
)
def test_sizes_the_model_leaves_open(shape: Shape, size: tuple[int, int]) -> None:
    array, shown = prepare(plain(30, 20), PRESETS["0-1"], shape)
    assert shown.size == size
    assert array.shape == (3, size[1], size[0])


def test_open_sizes_are_not_cropped() -> None:
    pixels = noise(20, 30)
    array, _ = prepare(Image.fromarray(pixels), PRESETS["imagenet"], (1, 3, None, None))
    assert array.shape == (3, 20, 30)


def test_nhwc_holds_the_same_values() -> None:
    image = Image.fromarray(noise(9, 7))
    recipe = PRESETS["imagenet"]
    first, _ = prepare(image, recipe.for_shape((1, 3, 9, 7)), (1, 3, 9, 7))
    last, _ = prepare(image, recipe.for_shape((1, 9, 7, 3)), (1, 9, 7, 3))
    np.testing.assert_array_equal(first, last.transpose(2, 0, 1))


def test_gray_is_luma() -> None:
    recipe = PRESETS["0-255"].for_shape((None, 1, 4, 4))
    array, shown = prepare(plain(4, 4), recipe, (None, 1, 4, 4))
    luma = round(0.299 * RGB[0] + 0.587 * RGB[1] + 0.114 * RGB[2])
    assert array.shape == (1, 4, 4)
    assert (array == luma).all()
    assert shown.getpixel((0, 0)) == (luma,) * 3


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", [(1, 3, 5, 7), (1, 5, 7, 3)])
def test_restore_inverts_prepare(preset: str, shape: Shape) -> None:
    pixels = noise(5, 7)
    recipe = Preprocessing(**{**vars(PRESETS[preset].for_shape(shape)), "resize": "none"})
    array, _ = prepare(Image.fromarray(pixels), recipe, shape)
    np.testing.assert_array_equal(restore(array, recipe), pixels)


def test_restore_makes_gray_rgb_and_clips() -> None:
    restored = restore(np.array([[[-1.0, 0.5, 9.0]]]), Preprocessing(order="gray"))
    np.testing.assert_array_equal(restored, [[[0] * 3, [128] * 3, [255] * 3]])


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((None, 3, 224, 224), "nchw"),
        (("N", 32, 32, 3), "nhwc"),
        ((1, 1, 28, 28), "nchw"),
        ((1, 28, 28, 1), "nhwc"),
        ((None, 3, None, None), "nchw"),
        ((None, None, None, 3), "nhwc"),
        ((None, None, None, None), "nchw"),
        ((1, 224, 224, "C"), "nhwc"),
        ((1, 3, 3, 3), "nchw"),
    ],
)
def test_infer_layout(shape: Shape, layout: str) -> None:
    assert infer_layout(shape) == layout


@pytest.mark.parametrize("shape", [(), (1, 10), (1, 5, 128), (1, 3, 8, 8, 8), (1, 9, 32, 32)])
def test_infer_layout_refuses_what_is_no_picture(shape: Shape) -> None:
    with pytest.raises(InputError, match=r"\.npy"):
        infer_layout(shape)


def test_json_round_trip_states_every_field() -> None:
    for recipe in PRESETS.values():
        text = recipe.to_json()
        assert Preprocessing.from_json(text) == recipe
        assert set(json.loads(text)) == {
            *("scale", "mean", "std", "order", "resize"),
            *("crop_fraction", "interpolation", "layout"),
        }


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"mean": 3}', '{"scale": "big"}', '{"gamma": 2}', '{"order": "rbg"}']
)
def test_json_that_is_none(text: str) -> None:
    with pytest.raises(InputError):
        Preprocessing.from_json(text)


def test_parse_overrides_single_pieces() -> None:
    recipe = parse_preprocessing(
        "imagenet", scale="1/127.5", mean="1, 2,3", order="bgr", resize="pad", crop="1"
    )
    assert recipe == Preprocessing(
        scale=1 / 127.5,
        mean=(1.0, 2.0, 3.0),
        std=(0.229, 0.224, 0.225),
        order="bgr",
        resize="pad",
        crop_fraction=1.0,
    )


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ({"preset": "cifar"}, "choose one of: 0-1"),
        ({"preset": "0-1", "mean": "1,x"}, "'x', not a number"),
        ({"preset": "0-1", "mean": "1,2"}, "mean has 2 values"),
        ({"preset": "imagenet", "order": "gray"}, "mean has 3 values"),
        ({"preset": "0-1", "std": "1,0,1"}, "std has a 0"),
        ({"preset": "0-1", "scale": "0"}, "scale"),
        ({"preset": "0-1", "scale": "1/0"}, "not a number"),
        ({"preset": "0-1", "crop": "1.5"}, "crop"),
        ({"preset": "0-1", "resize": "zoom"}, "stretch, crop, pad, none"),
    ],
)
def test_parse_names_the_mistake(pieces: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_preprocessing(**pieces)


def test_preprocessing_that_does_not_go_with_the_model() -> None:
    with pytest.raises(InputError, match="choose another order or layout"):
        prepare(plain(8, 8), PRESETS["0-1"], (1, 1, 8, 8))
    with pytest.raises(InputError, match="choose another order or layout"):
        kind_of((1, 8, 8, 3), PRESETS["0-1"])
    with pytest.raises(InputError, match="mean has 3 values"):
        PRESETS["imagenet"].for_shape((1, 1, 8, 8))


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    pixels = noise(4, 6)
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right of what is stored
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    loaded = load_picture(tmp_path / "turned.png")
    np.testing.assert_array_equal(np.asarray(loaded), np.rot90(pixels, -1))


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_keep_the_high_byte(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 255, 256, 40_000, 65_535]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"deep.{suffix}")
    loaded = np.asarray(load_picture(tmp_path / f"deep.{suffix}"))
    np.testing.assert_array_equal(loaded, (values >> 8)[..., None].repeat(3, axis=2))


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGBA", (2, 2), (200, 0, 0, 51)).save(tmp_path / "faint.png")
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([9, 9, 9])
    palette.save(tmp_path / "palette.png", transparency=0)
    assert load_picture(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)
    assert load_picture(tmp_path / "faint.png").getpixel((0, 0)) == (244, 204, 204)
    assert load_picture(tmp_path / "palette.png").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(("mode", "suffix"), [("CMYK", "jpg"), ("L", "png"), ("1", "png")])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(tmp_path / f"mode.{suffix}")
    loaded = load_picture(tmp_path / f"mode.{suffix}")
    assert loaded.mode == "RGB"
    assert min(loaded.getpixel((4, 4))) > 250  # type: ignore[arg-type]


def test_pictures_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(noise(64, 64)).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "drawing.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "float.tif")
    for name, reason in (
        ("half.jpg", "truncated"),
        ("text.png", "no picture that can be read"),
        ("drawing.eps", "no picture that can be read"),
        ("float.tif", "32-bit"),
        ("missing.png", "does not exist"),
        ("", "folder"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            load_picture(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)
    for limit in (64 * 64 - 1, 64):  # what Pillow warns of, and what it refuses
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(InputError, match=rf"whole.jpg has over {limit} pixels"):
            load_picture(tmp_path / "whole.jpg")
