"""The files of patches: sheets, the pictures of a page for browsers, and that page."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from retrograph.errors import InputError
from retrograph.output import check_free, check_new_folder, make_folder, safe_name
from retrograph.patches.gallery import gallery_page
from retrograph.patches.layer_patches import LayerPatches
from retrograph.patches.patch_image import patch_strip
from retrograph.patches.patch_set import PatchSet
from retrograph.render import save_picture

INDEX = "index.html"
THUMBS = "thumbs"
_SMALL = 64
"""Patches of up to this side are kept as PNG, larger ones as JPEG."""


@dataclass(frozen=True)
class PatchFiles:
    """The page for browsers and the sheets that were written."""

    index: Path
    sheets: Sequence[Path]


class PatchFolder:
    """A folder for patches: all files come into it at the end, or none.

    Args:
        folder: made if it is not there.
        force: whether files may be replaced.

    Raises:
        InputError: it cannot be made or written in, or holds patches already.
    """

    def __init__(self, folder: str | os.PathLike[str], *, force: bool) -> None:
        self.folder, self.force = Path(folder), force
        check_new_folder(self.folder)
        check_free(self.folder / INDEX, force=force)

    def write(self, patches: PatchSet) -> PatchFiles:
        """Write the sheets and the page.

        Raises:
            InputError: a file is there already and may not be replaced, or cannot be written.
        """
        make_folder(self.folder)
        prefix = ".part"
        with self._blaming(), tempfile.TemporaryDirectory(dir=self.folder, prefix=prefix) as part:
            staged = Path(part)
            sheets, thumbs = list[Path](), list[dict[int, str]]()
            for layer, tag in zip(patches.layers, _tags(patches.layers), strict=True):
                sheets += _write_sheets(patches, layer, staged, tag)
                thumbs.append(_write_thumbs(layer, staged, tag))
            index = staged / INDEX
            index.write_text(gallery_page(patches, thumbs), encoding="utf-8")
            self._move(staged, index)
        return PatchFiles(self.folder / INDEX, [self.folder / sheet.name for sheet in sheets])

    def _move(self, staged: Path, index: Path) -> None:
        """Bring all files from the folder where they were made, the page last."""
        files = sorted(path for path in staged.rglob("*") if path.is_file() and path != index)
        for file in (*files, index):
            check_free(self.folder / file.relative_to(staged), force=self.force)
        for file in (*files, index):
            target = self.folder / file.relative_to(staged)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, target)

    @contextmanager
    def _blaming(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"{self.folder} cannot be written in ({error.strerror}); check its rights and room"
            ) from None


def _tags(layers: Sequence[LayerPatches]) -> list[str]:
    """The layers' names as parts of files' names, each another."""
    tags: list[str] = []
    for each in layers:
        tag = safe_name(each.layer.alias).strip(".") or "layer"
        tags.append(f"{tag}-{len(tags)}" if tag in tags else tag)
    return tags


def _write_sheets(patches: PatchSet, layer: LayerPatches, folder: Path, tag: str) -> Iterator[Path]:
    for numbers, page in patches.sheets(layer):
        path = folder / f"{tag}.{numbers}.png"
        save_picture(page, path)
        yield path


def _write_thumbs(layer: LayerPatches, folder: Path, tag: str) -> dict[int, str]:
    """The pictures of the page, one for each channel that has patches, as paths by channel."""
    place = folder / THUMBS / tag
    place.mkdir(parents=True)
    suffix = ".png" if min(layer.cell) <= _SMALL else ".jpg"
    thumbs = {}
    for each in layer.channels:
        if each.patches:
            path = place / f"{each.channel}{suffix}"
            save_picture(patch_strip([image for _, image in each.patches], layer.cell), path)
            thumbs[each.channel] = path.relative_to(folder).as_posix()
    return thumbs
