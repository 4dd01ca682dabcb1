"""The files of patches: sheets, the pictures of a page for browsers, and that page."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from retrograph.cli.patch_album import Album
from retrograph.cli.patch_gallery import gallery
from retrograph.cli.patch_graphs import Graphs
from retrograph.cli.patch_sheets import sheets
from retrograph.cli.patch_tiles import strip
from retrograph.errors import InputError
from retrograph.output import check_free, check_new_folder, make_folder, safe_name
from retrograph.render import SCALE, save_picture

INDEX = "index.html"
THUMBS = "thumbs"
_SMALL = 64
"""Patches of up to this side are kept as PNG, larger ones as JPEG."""


class Shelf:
    """A folder for patches: all files come into it at the end, or none.

    Args:
        folder: made if it is not there.
        force: whether files may be replaced.

    Raises:
        InputError: it cannot be made or written in, or holds patches already.
    """

    def __init__(self, folder: Path, *, force: bool) -> None:
        self.folder, self.force = folder, force
        check_new_folder(folder)
        check_free(folder / INDEX, force=force)

    def fill(self, albums: Sequence[Album], graphs: Graphs) -> tuple[Path, list[Path]]:
        """Write the sheets and the page.

        Returns:
            The page, and the sheets.

        Raises:
            InputError: a file is there already and may not be replaced, or cannot be written.
        """
        make_folder(self.folder)
        with self._blamed(), tempfile.TemporaryDirectory(dir=self.folder, prefix=".part") as part:
            made = Path(part)
            pages, thumbs = list[Path](), list[dict[int, str]]()
            for album, tag in zip(albums, _tags(albums), strict=True):
                pages += _sheets(album, graphs, made, tag)
                thumbs.append(_thumbs(album, made, tag))
            index = made / INDEX
            index.write_text(gallery(albums, thumbs, graphs), encoding="utf-8")
            files = sorted(path for path in made.rglob("*") if path.is_file() and path != index)
            for file in (*files, index):
                check_free(self.folder / file.relative_to(made), force=self.force)
            for file in (*files, index):
                target = self.folder / file.relative_to(made)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(file, target)
        return self.folder / INDEX, [self.folder / page.name for page in pages]

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"{self.folder} cannot be written in ({error.strerror}); check its rights and room"
            ) from None


def _tags(albums: Sequence[Album]) -> list[str]:
    """The layers' names as parts of files' names, each another."""
    found: list[str] = []
    for album in albums:
        tag = safe_name(album.layer.alias).strip(".") or "layer"
        found.append(f"{tag}-{len(found)}" if tag in found else tag)
    return found


def _sheets(album: Album, graphs: Graphs, folder: Path, tag: str) -> Iterator[Path]:
    for numbers, page in sheets(album, _title(album, graphs), _notes(graphs)):
        path = folder / f"{tag}.{numbers}.png"
        save_picture(page, path)
        yield path


def _title(album: Album, graphs: Graphs) -> str:
    count = graphs.scan.run["pictures"]["good"]
    return (
        f"{album.layer.alias}: what its channels fire for\n"
        f"{Path(graphs.file).name} · a unit sees {graphs.sees(album.layer)} · the strongest of "
        f"{count:,} {graphs.things}, each over its {graphs.method} attribution and its activation"
    )


def _notes(graphs: Graphs) -> list[str]:
    said = f"Left: the channel, its greatest activation, in which share of {graphs.things} it fires"
    if len(graphs.scan.classes) > 1:
        said += ", and the class that drives it most with its selectivity, from 0 to 1"
    return [f"{said}.", f"Grey around a patch lies outside. {SCALE}", *graphs.notes]


def _thumbs(album: Album, folder: Path, tag: str) -> dict[int, str]:
    """The pictures of the page, one for each channel that has patches, as paths by channel."""
    place = folder / THUMBS / tag
    place.mkdir(parents=True)
    suffix = ".png" if min(album.tile) <= _SMALL else ".jpg"
    found = {}
    for row in album.rows:
        if row.tiles:
            number = row.channel.channel
            path = place / f"{number}{suffix}"
            save_picture(strip([tile for _, tile in row.tiles], album.tile), path)
            found[number] = path.relative_to(folder).as_posix()
    return found
