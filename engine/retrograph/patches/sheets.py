"""Sheets of patches: a row for each channel, its strongest pictures over their attributions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from retrograph.patches.layer_patches import ChannelPatches, LayerPatches
from retrograph.patches.patch_image import PatchImage
from retrograph.render.blocks import (
    INK,
    SOFT,
    Block,
    Page,
    beside,
    blank,
    centred,
    framed,
    margin,
    stack,
    topped,
    written,
)
from retrograph.render.caption import heading, lines
from retrograph.render.page import enlarge
from retrograph.results.caption import plain_number
from retrograph.scanning import TopUnit

SIDE: Final = 96
"""The short side, in pixels, that patches have at least."""
LABEL: Final = 158
"""The width of what is said of a channel."""
WIDEST: Final = 1540
"""The width that the patches of a channel take before they go on in another line."""
COLUMNS: Final = 2
ROWS: Final = 8
"""The rows of a page, in each of its columns, where patches are small."""
GAP: Final = 6
_ROOM: Final = 2 * SIDE + 40
"""The height of such a row."""


def sheets(patches: LayerPatches, title: str, notes: Sequence[str]) -> Iterator[tuple[str, Page]]:
    """Pages of a layer's channels in order.

    Args:
        patches: the layer's.
        title: its first line is large.
        notes: lines under the channels.

    Yields:
        The numbers of a page's first and last channel, as in "0-15", and the page, RGB.
    """
    count = per_page(patches)
    for start in range(0, len(patches.channels), count):
        channels = patches.channels[start : start + count]
        numbers = [str(each.channel) for each in (channels[0], channels[-1])]
        page = _page(channels, _side(patches.cell), patches.k, title, notes)
        yield "-".join(dict.fromkeys(numbers)), page


def per_page(patches: LayerPatches) -> int:
    """How many channels a page shows."""
    side = _side(patches.cell)
    deep = max(1, round(ROWS * _ROOM / (-(-patches.k // _per_line(side)) * (2 * side[1] + 30))))
    return _columns(side, patches.k) * deep


def _side(cell: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a patch as it is drawn, with its frame."""
    factor = _factor(cell)
    return cell[0] * factor + 2, cell[1] * factor + 2


def _factor(size: tuple[int, int]) -> int:
    """How many pixels wide a pixel of a patch is drawn."""
    short, long = sorted(size)
    return max(1, min(round(SIDE / short), 4 * SIDE // long))


def _per_line(side: tuple[int, int]) -> int:
    return max(1, (WIDEST + GAP) // (side[0] + GAP))


def _columns(side: tuple[int, int], k: int) -> int:
    """Columns of channels: one where a channel's patches are wide."""
    return COLUMNS if min(k, _per_line(side)) * (side[0] + GAP) <= WIDEST * 0.75 else 1


def _page(
    channels: Sequence[ChannelPatches],
    side: tuple[int, int],
    k: int,
    title: str,
    notes: Sequence[str],
) -> Page:
    rows = [_row(each, side, k) for each in channels]
    deep = -(-len(rows) // _columns(side, k))
    parts = [stack(rows[i : i + deep], 22) for i in range(0, len(rows), deep)]
    height = max(part.height for part in parts)
    body = beside([topped(part, part.width, height) for part in parts], 48)
    width = max(body.width, 900)
    head = heading(title, (36, 22), width, (2, 3))
    return margin(stack([stack(head, 5), body, stack(lines(notes, 18, width, 4), 4)], 30), 48)


def _row(channel: ChannelPatches, side: tuple[int, int], k: int) -> Block:
    """The name and the figures of a channel, left of its patches."""
    words = [*written(channel.name, 26, INK, LABEL, 2), *lines(_figures(channel), 17, LABEL, 2)]
    label = stack(words, 3)
    across = min(k, _per_line(side))
    width = across * (side[0] + GAP) - GAP
    if not channel.patches:
        body = stack([blank(width, 1), *written("never fires", 20, SOFT, width, 1)], 0)
    else:
        cells = [_cell(unit, image, side) for unit, image in channel.patches]
        rows = [beside(cells[i : i + across], GAP) for i in range(0, len(cells), across)]
        body = stack([blank(width, 1), *rows], 8)
    height = max(label.height, body.height)
    return beside([topped(label, LABEL, height), topped(body, width, height)], 14)


def _figures(channel: ChannelPatches) -> list[str]:
    """The lines under a channel's name."""
    figures = [f"peak {plain_number(channel.peak, 3)}", f"fires in {channel.stats.fires:.0%}"]
    best = channel.preference
    if best is not None and best.strength > 0:
        figures.append(f"{best.class_name} {best.strength:.2f}")
    return figures


def _cell(unit: TopUnit, image: PatchImage, side: tuple[int, int]) -> Block:
    """A patch over its attribution, over the activation."""
    width, height = side
    drawn = []
    for picture in image.pictures():
        block = framed(enlarge(picture, min(picture.size) * _factor(image.size)))
        drawn.append(centred(block, width, height))
    return stack([*drawn, *written(plain_number(unit.activation, 3), 15, SOFT, width, 1)], 3)
