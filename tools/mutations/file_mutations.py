"""Damage to files: by bytes whatever they hold, and by the structure of their kind."""

from __future__ import annotations

import gzip
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

Rng: TypeAlias = np.random.Generator
Edit: TypeAlias = Callable[[bytes, Rng], bytes]

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_WORDS = ("", "-1", "0", "1e999", "nan", "99999999999999999999", "é", '"', "'", "{", "[", "#", ">")


def flip(raw: bytes, rng: Rng) -> bytes:
    """A few bytes become others."""
    changed = bytearray(raw)
    for place in rng.integers(len(raw), size=int(rng.integers(1, 9))):
        changed[place] = int(rng.integers(256))
    return bytes(changed)


def flip_early(raw: bytes, rng: Rng) -> bytes:
    """A few of the first bytes, where headers are, become others."""
    return flip(raw[:64], rng) + raw[64:]


def cut(raw: bytes, rng: Rng) -> bytes:
    """The file ends early."""
    return raw[: int(rng.integers(len(raw)))]


def drop(raw: bytes, rng: Rng) -> bytes:
    """A stretch is missing."""
    start, end = sorted(rng.integers(len(raw), size=2))
    return raw[:start] + raw[end:]


def repeat(raw: bytes, rng: Rng) -> bytes:
    """A stretch stands there twice."""
    start, end = sorted(rng.integers(len(raw), size=2))
    return raw[:end] + raw[start:]


def extreme(raw: bytes, rng: Rng) -> bytes:
    """A number of 1, 2 or 4 bytes becomes an extreme one."""
    width = int(rng.choice([1, 2, 4]))
    place = int(rng.integers(max(len(raw) - width, 1)))
    value = int(rng.choice(_EXTREMES)) & ((1 << 8 * width) - 1)
    replacement = value.to_bytes(width, "little" if rng.random() < 0.5 else "big")
    return raw[:place] + replacement + raw[place + width :]


def png_field(raw: bytes, rng: Rng) -> bytes:
    """A byte in a chunk of a PNG changes and its checksum with it, so that it is looked at."""
    chunks, at = [], 8
    while at + 12 <= len(raw):
        size = struct.unpack(">I", raw[at : at + 4])[0]
        chunks.append(bytearray(raw[at + 4 : at + 8 + size]))
        at += 12 + size
    chosen = chunks[int(rng.integers(len(chunks)))]
    if len(chosen) > 4:
        chosen[int(rng.integers(4, min(len(chosen), 20)))] = int(rng.integers(256))
    sealed = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return raw[:8] + b"".join(map(bytes, sealed))


def line(raw: bytes, rng: Rng) -> bytes:
    """A line of a text is missing, twice there, or in another place."""
    lines = raw.splitlines(keepends=True)
    moved = lines.pop(int(rng.integers(len(lines))))
    for _ in range(int(rng.integers(3))):
        lines.insert(int(rng.integers(len(lines) + 1)), moved)
    return b"".join(lines)


def word(raw: bytes, rng: Rng) -> bytes:
    """A word or number of a text becomes another."""
    return _instead(raw, rb"[\w.]+", rng)


def mark(raw: bytes, rng: Rng) -> bytes:
    """A separator, quote or bracket of a text becomes another thing."""
    return _instead(raw, rb"[^\w\s]", rng)


def number(raw: bytes, rng: Rng) -> bytes:
    """A number in the head of an array's file becomes one of the same length or another."""
    head = re.compile(rb"[0-9]+")
    places = [m.span() for m in head.finditer(raw, 0, 128)]
    if not places:
        return flip(raw, rng)
    start, end = places[int(rng.integers(len(places)))]
    digits = b"".join(b"%d" % d for d in rng.integers(10, size=end - start))
    if rng.random() < 0.5:
        return raw[:start] + digits + raw[end:]
    vast = b"9" * int(rng.integers(1, 20))
    spare = len(vast) - (end - start)
    return raw[:start] + vast + re.sub(rb" {%d}\n" % max(spare, 0), b"\n", raw[end:], count=1)


def in_gzip(raw: bytes, rng: Rng) -> bytes:
    """What is compressed is damaged, and compressed again."""
    return gzip.compress(_some(BYTES, rng)(gzip.decompress(raw), rng))


def in_zip(raw: bytes, rng: Rng) -> bytes:
    """A file in an archive is damaged, or its name, and its checksum is right again."""
    if not raw.startswith(b"PK"):
        return flip(raw, rng)
    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(archive, "w") as new:
        names = old.namelist()
        chosen = str(rng.choice(names))
        for name in names:
            data = old.read(name)
            if name == chosen:
                name, data = _renamed(name, rng), _some((*BYTES, number), rng)(data, rng)
            new.writestr(name, data)
    return archive.getvalue()


def in_tar(raw: bytes, rng: Rng) -> bytes:
    """A header in an archive is damaged, and its checksum is right again."""
    changed = bytearray(raw)
    place = int(rng.integers(max(len(raw) // 512, 1))) * 512
    head = bytearray(changed[place : place + 512])
    if len(head) < 512:
        return flip(raw, rng)
    at = int(rng.choice([0, 100, 124, 136, 156, 157, 257, 345])) + int(rng.integers(8))
    head[at] = int(rng.integers(256))
    head[148:156] = b"        "
    head[148:156] = b"%06o\0 " % sum(head)
    changed[place : place + 512] = head
    return bytes(changed)


def _some(edits: Sequence[Edit], rng: Rng) -> Edit:
    return edits[int(rng.integers(len(edits)))]


def _renamed(name: str, rng: Rng) -> str:
    return str(
        rng.choice([name, name, f"../{name}", f"/{name}", f"a\n{name}", f".{name}", "é.png"])
    )


def _instead(raw: bytes, pattern: bytes, rng: Rng) -> bytes:
    places = [m.span() for m in re.finditer(pattern, raw)]
    if not places:
        return flip(raw, rng)
    start, end = places[int(rng.integers(len(places)))]
    return raw[:start] + str(rng.choice(_WORDS)).encode() + raw[end:]


BYTES: tuple[Edit, ...] = (flip, flip_early, cut, drop, repeat, extreme)
TEXT: tuple[Edit, ...] = (*BYTES, line, line, word, word, mark, mark)
