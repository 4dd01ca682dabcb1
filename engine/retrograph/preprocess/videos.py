"""Videos as series of pictures: animated files, folders of frames, arrays."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess.arrays import AnyArray, as_image, size_text
from retrograph.preprocess.axes import InputAxes, Values
from retrograph.preprocess.items import PictureFile
from retrograph.preprocess.opening import Opened, pillow_file, rgb_frame
from retrograph.preprocess.picture import prepare
from retrograph.preprocess.recipe import Preprocessing, describe

MOST_FRAMES: Final = 256
"""The frames that are taken of a video for a model that takes any number."""

_ANIMATED: Final = (".apng", ".gif", ".webp")
"""The suffixes of files that hold several frames, where they do."""


@dataclass(frozen=True)
class Frames:
    """The files that a video is made of: an animated one, or a picture for each frame.

    Attributes:
        name: of the animated file, or of the folder of the pictures.
        files: in the order of the frames.
        label: its class, the folder that it lies in where all lie in such; None if there is none.
    """

    name: str
    files: tuple[PictureFile, ...]
    label: str | None = None


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
    if len(frames.files) > 1:
        places, note = frame_places(len(frames.files), axes.frames)
        opened = (frames.files[place].open() for place in places)
        return _stacked(f"{frames.name} ", opened, axes, preprocessing, [note])
    with _opened(frames.files[0]) as image:
        total = _frame_count(image)
        if total == 1:
            raise InputError(
                "is one picture, and the model takes videos; give a folder of frames, an "
                "animated GIF or an array"
            )
        places, note = frame_places(total, axes.frames)
        return _stacked("", _seek_each(image, places), axes, preprocessing, [note])


def _opened(file: PictureFile) -> AbstractContextManager[Image.Image]:
    """The file, as Pillow opens it."""
    if isinstance(file.source, Image.Image):
        return nullcontext(file.source)
    source = file.source if isinstance(file.source, Path) else io.BytesIO(file.source)
    return pillow_file(file.name, source)


def _frame_count(image: Image.Image) -> int:
    """How many frames a file has; those behind the first of an MPO are previews."""
    return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))


def _seek_each(image: Image.Image, places: Sequence[int]) -> Iterator[Opened]:
    for place in places:
        image.seek(place)
        yield rgb_frame(image)


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
    item_rank = len(axes.item)
    for batch in (array[np.newaxis], array):
        if batch.ndim == item_rank + 1 and _is_ordered(batch.shape[1:], axes, channels):
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
    images = (as_image(frames[place]) for place in places)
    opened = (Opened(image, "") for image in images)
    return _stacked(f"{name} ", opened, axes, preprocessing, [note])


def videos_of(files: Iterable[PictureFile]) -> Iterator[Frames]:
    """The videos in a folder or an archive, or a single file.

    Each animated file is one, and so are all pictures that lie beside one another, in the order
    of the numbers in their names; of an archive those that also follow one another in it.
    """
    folders: dict[PurePosixPath, list[PictureFile]] = {}
    for file in files:
        if file.held and file.place.parent not in folders:
            yield from _of_folders(folders)
            folders = {}
        folders.setdefault(file.place.parent, []).append(file)
    yield from _of_folders(folders)


def _of_folders(folders: Mapping[PurePosixPath, Sequence[PictureFile]]) -> Iterator[Frames]:
    for folder in sorted(folders, key=lambda folder: folder.parts):
        files = folders[folder]
        animated = [file for file in files if _is_animated(file)]
        for file in animated:
            yield Frames(file.name, (file,), _label(file, folder.parts))
        stills = [file for file in files if file not in animated]
        if stills and stills[0].root:
            stills.sort(key=lambda file: _natural(file.place.name))
            name = f"{stills[0].root}{folder}" if folder.parts else stills[0].root[:-1]
            yield Frames(name, tuple(stills), _label(stills[0], folder.parts[:-1]))
        else:
            for file in stills:
                yield Frames(file.name, (file,))


def _label(file: PictureFile, folders: Sequence[str]) -> str | None:
    """The class of a video that lies in these folders."""
    level = file.level
    return folders[level] if level is not None and len(folders) > level else None


def _is_animated(file: PictureFile) -> bool:
    """Whether a file has several frames, or cannot be read: then it is to blame by its name."""
    if file.place.suffix.lower() not in _ANIMATED:
        return False
    try:
        with _opened(file) as image:
            return _frame_count(image) > 1
    except InputError:
        return True


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """What sorts "frame2" before "frame10"."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
