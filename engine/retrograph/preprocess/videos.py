"""Videos as series of pictures: animated files, folders of frames, arrays."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess.arrays import AnyArray, size_text
from retrograph.preprocess.axes import InputAxes, Values
from retrograph.preprocess.opening import Opened, open_bytes, open_picture, pillow_file, rgb_frame
from retrograph.preprocess.picture import prepare
from retrograph.preprocess.recipe import Preprocessing, describe

MOST_FRAMES: Final = 256
"""The frames that are taken of a video for a model that takes any number."""

_ANIMATED: Final = (".apng", ".gif", ".webp")
"""The suffixes of files that hold several frames, where they do."""

Source = Path | tuple[str, bytes]
"""A file, or the name and the bytes of a member of an archive."""


@dataclass(frozen=True)
class Frames:
    """The files that a video is made of: an animated one, or a picture for each frame.

    Attributes:
        name: of the animated file, or of the folder of the pictures.
        sources: the files, in the order of the frames.
        folders: the names of the folders that the video lies in, the outermost first.
    """

    name: str
    sources: tuple[Source, ...]
    folders: tuple[str, ...] = ()


def frame_places(total: int, wanted: int | None) -> tuple[list[int], str]:
    """Which of a video's frames the model gets, and what is to be known of that.

    They are the middles of as many equal parts of the video as the model takes frames.

    Args:
        total: how many frames there are.
        wanted: how many the model takes; None for any number.
    """
    count = min(total, MOST_FRAMES) if wanted is None else wanted
    places = [(2 * i + 1) * total // (2 * count) for i in range(count)]
    if count < total:
        return places, f"{count} of its {total} frames are taken, evenly spaced"
    if count > total:
        return places, f"its {total} frames are repeated to make {count}"
    return places, ""


def read_video(frames: Frames, axes: InputAxes, preprocessing: Preprocessing) -> tuple[Values, str]:
    """A video as an item of a model's input, float32, and what is to be known of it.

    Raises:
        InputError: it is a single picture, cannot be decoded, or its frames differ in size.
    """
    if len(frames.sources) > 1:
        places, note = frame_places(len(frames.sources), axes.frames)
        opened = (_open_one(frames.sources[place]) for place in places)
        return _stacked(f"{frames.name} ", opened, axes, preprocessing, [note])
    with pillow_file(frames.name, _readable(frames.sources[0])) as image:
        total = _frame_count(image)
        if total == 1:
            raise InputError(
                "is one picture, and the model takes videos; give a folder of frames, an "
                "animated GIF or an array"
            )
        places, note = frame_places(total, axes.frames)
        return _stacked("", _seek_each(image, places), axes, preprocessing, [note])


def _readable(source: Source) -> Path | io.BytesIO:
    return source if isinstance(source, Path) else io.BytesIO(source[1])


def _frame_count(image: Image.Image) -> int:
    """How many frames a file has; those behind the first of an MPO are previews."""
    return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))


def _seek_each(image: Image.Image, places: Sequence[int]) -> Iterator[Opened]:
    for place in places:
        image.seek(place)
        yield rgb_frame(image)


def _open_one(source: Source) -> Opened:
    return open_picture(source) if isinstance(source, Path) else open_bytes(*source)


def _stacked(
    subject: str,
    frames: Iterator[Opened],
    axes: InputAxes,
    preprocessing: Preprocessing,
    notes: list[str],
) -> tuple[Values, str]:
    """The frames, each prepared as a picture, as one item, and the notes with theirs.

    Errors begin with `subject`: a name and a space, or nothing where the caller adds it.
    """
    assert axes.frame is not None
    arrays: list[Values] = []
    for frame in frames:
        try:
            arrays.append(prepare(frame.image, preprocessing, axes.frame)[0])
        except InputError as error:
            raise InputError(f"{subject}has a frame that does not fit: {error}") from None
        notes.append(frame.note)
        if arrays[-1].shape != arrays[0].shape:
            raise InputError(
                f"{subject}has frames of different sizes, and the model leaves the size open; "
                "scale them to one size"
            )
    told = "; ".join(dict.fromkeys(filter(None, notes)))
    return axes.to_item(np.stack(arrays)), told


def as_videos(array: AnyArray, axes: InputAxes, preprocessing: Preprocessing) -> AnyArray:
    """An array of bytes as a batch [N, T, H, W, 1 or 3] of videos, grey or RGB.

    The array is one video, [T, H, W, C], [T, C, H, W], [T, H, W] or in the order of the model's
    axes; or several, with a batch axis before.

    Raises:
        InputError: it is none of these.
    """
    if array.size == 0:
        raise InputError("the array is empty; save at least one video")
    channels = preprocessing.channels
    own = len(axes.item)
    for batch in (array[np.newaxis], array):
        if batch.ndim == own + 1 and _is_ordered(batch.shape[1:], axes, channels):
            return axes.to_colours_last(batch)
        if batch.ndim == 5 and batch.shape[4] in (1, 3):
            return batch
        if batch.ndim == 5 and batch.shape[2] in (1, 3):
            return np.moveaxis(batch, 2, -1)
    if array.ndim == 3:
        return array[np.newaxis, ..., np.newaxis]
    raise InputError(
        f"{size_text(array)} bytes are no videos for the model's input {describe(axes.shape)}; "
        "save them as N x frames x height x width x 3"
    )


def _is_ordered(item: Sequence[int], axes: InputAxes, channels: int) -> bool:
    """Whether an array has the model's channels where the model has them, or needs no axis."""
    return axes.channel is None or item[axes.channel] == channels


def prepare_frames(
    name: str, frames: AnyArray, axes: InputAxes, preprocessing: Preprocessing
) -> tuple[Values, str]:
    """Frames of bytes [T, H, W, 1 or 3] as an item, and what is to be known of it.

    Raises:
        InputError: they cannot be brought to the model's size.
    """
    places, note = frame_places(len(frames), axes.frames)
    images = (Image.fromarray(_plain(frames[place])) for place in places)
    opened = (Opened(image, "") for image in images)
    return _stacked(f"{name} ", opened, axes, preprocessing, [note])


def _plain(pixels: AnyArray) -> AnyArray:
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def videos_of(
    files: Sequence[tuple[PurePosixPath, Source]], name: str, separator: str
) -> Iterator[Frames]:
    """The videos in a folder or an archive.

    Each animated file is one, and so are all pictures that lie beside one another, in the order
    of the numbers in their names.

    Args:
        files: each with its path in the folder; those of one folder one after the other.
        name: of the folder or archive.
        separator: between that and the path in it.
    """
    for folder, inside in groupby(files, key=lambda file: file[0].parent):
        stills = []
        for path, source in inside:
            if path.suffix.lower() in _ANIMATED and _is_animated(source):
                yield Frames(_name(source), (source,), folder.parts)
            else:
                stills.append((path, source))
        if stills:
            ordered = sorted(stills, key=lambda still: _natural(still[0].name))
            where = f"{name}{separator}{folder}" if folder.parts else name
            yield Frames(where, tuple(source for _, source in ordered), folder.parts[:-1])


def _is_animated(source: Source) -> bool:
    """Whether a file has several frames, or cannot be read: then it is to blame by its name."""
    try:
        with pillow_file("", _readable(source)) as image:
            return _frame_count(image) > 1
    except InputError:
        return True


def _name(source: Source) -> str:
    return str(source) if isinstance(source, Path) else source[0]


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """What sorts "frame2" before "frame10"."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
