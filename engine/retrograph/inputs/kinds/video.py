"""Videos: [N, T, C, H, W] and [N, C, T, H, W], whose frames are pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from PIL import Image

from retrograph.inputs.kinds.base import AttributionMap, ShownInput
from retrograph.inputs.kinds.frames import FramesInput
from retrograph.preprocess import Coding, InputAxes, Item, Pending, PictureFile
from retrograph.preprocess.arrays import AnyArray
from retrograph.preprocess.videos import (
    Frames,
    as_videos,
    prepare_frames,
    read_video,
    videos_of,
)
from retrograph.render import Caption, Page, Style, Table, colour, film, spaced

_NOTE = "evenly spaced frames; each map has one scale for all frames"


class VideoInput(FramesInput):
    """A series of pictures of one or three channels."""

    name = "video"
    things = "videos"
    is_file_each = False

    @classmethod
    def matches(cls, axes: InputAxes, coding: Coding | None) -> bool:
        """Height, width and frames, and one or three channels."""
        return axes.takes_videos

    def read_pictures(self, files: Iterable[PictureFile]) -> Iterator[Pending]:
        """Each animated file is a video, and so are all pictures of one folder."""
        for frames in videos_of(files):
            held = sum(file.held for file in frames.files)
            yield Pending(frames.name, partial(self._from_frames, frames), held)

    def _from_frames(self, frames: Frames) -> Item:
        array, note = read_video(frames, self.axes, self.preprocessing)
        return Item(frames.name, array, None, frames.label, note)

    def from_bytes(self, array: AnyArray) -> AnyArray:
        """Videos, grey or RGB, for `prepared`."""
        return as_videos(array, self.axes, self.preprocessing)

    def prepared(self, name: str, row: AnyArray) -> Item:
        """A video of bytes, preprocessed."""
        array, note = prepare_frames(name, row, self.axes, self.preprocessing)
        return Item(name, array, None, note=note)

    def is_one_picture(self, array: AnyArray) -> bool:
        """As a film of some frames."""
        return True

    def has_picture(self, shown: Image.Image | None) -> bool:
        """Each frame is one."""
        return True

    def is_coloured(self, attribution: AnyArray, shown: Image.Image | None) -> bool:
        """Whether the frames have three channels, and the attribution one for each."""
        return self.has_colours(attribution)

    def input_picture(self, array: AnyArray, shown: Image.Image | None) -> colour.Picture:
        """Some frames side by side."""
        return film(self._frames(array))

    def map_picture(
        self, values: AnyArray, style: Style, array: AnyArray, shown: Image.Image | None
    ) -> colour.Picture:
        """Those of the same frames."""
        return film(self.map_frames(values, style, self._frames(array)))

    def scale_notes(self, array: AnyArray, count: int) -> Sequence[str]:
        """Which frames are drawn."""
        return (_NOTE, *super().scale_notes(array, count))

    def figure(self, shown: ShownInput, maps: Sequence[AttributionMap], caption: Caption) -> Page:
        """Evenly spaced frames in a row, over the same frames of each attribution."""
        frames = self._frames(shown.array)
        rows = [(shown.title, frames)]
        rows += [(each.title, self.map_frames(each.values, each.style, frames)) for each in maps]
        places = spaced(len(rows[0][1]))
        table = Table([f"frame {place + 1}" for place in places])
        smooth = any(each.style.is_smooth for each in maps)
        blanks = [False, *(not each.values.any() for each in maps)]
        for row, (title, frames) in enumerate(rows):
            told = f"{title}\n0 everywhere" if blanks[row] else title
            table.add(told, [frames[place] for place in places], smooth=smooth and row > 0)
        return table.page(caption.text, caption.keys, caption.notes)

    def _frames(self, array: AnyArray) -> colour.Pixels:
        """The frames, uint8 [T, H, W, 3]."""
        return self.axes.frames_of(array, self.preprocessing)
