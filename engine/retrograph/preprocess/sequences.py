"""Sequences of letters: read from FASTA, made into a one-hot input, and read back from it."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO, cast

import numpy as np
import numpy.typing as npt

from retrograph.errors import InputError, parameter
from retrograph.preprocess.blame import blaming
from retrograph.preprocess.picture import Array
from retrograph.preprocess.recipe import Shape, describe, known

ALPHABETS: Final = {"dna": "ACGT", "rna": "ACGU", "protein": "ACDEFGHIKLMNPQRSTVWY"}
"""The letters of the channels, in order, by name."""
UNNAMED: Final = "."
"""In an alphabet a channel that is no letter."""
SUFFIXES: Final = (".fa", ".fasta", ".faa", ".fna")


def is_fasta(path: Path) -> bool:
    """Whether a file's name is that of sequences in FASTA, possibly compressed."""
    return path.name.lower().removesuffix(".gz").endswith(SUFFIXES)


def parse_alphabet(text: str) -> str:
    """The letters of the channels, in order, of which "." is none: "protein", "ACGT", "29.ACDE".

    A number before "." repeats it. Raises InputError when these cannot be letters.
    """
    text = text.strip()
    letters = ALPHABETS.get(text.lower()) or re.sub(
        rf"(\d{{1,6}})\{UNNAMED}", lambda found: UNNAMED * int(found[1]), text
    )
    mend = f"give a letter for each channel in order, such as ACGT, or {', '.join(ALPHABETS)}"
    named = letters.replace(UNNAMED, "")
    if not named:
        raise InputError(f"the alphabet '{text}' has no letters; {mend}")
    for letter, times in Counter(named).items():
        if not "!" <= letter <= "~" or letter.isdigit():
            raise InputError(f"the alphabet '{text}' has {letter!r}, which is no letter; {mend}")
        if times > 1:
            raise InputError(f"the alphabet '{text}' has {letter} {times} times; {mend}")
    return letters


@dataclass(frozen=True)
class Coding:
    """How letters by positions lie in a model's input.

    Attributes:
        alphabet: a letter for each channel, "." for a channel that is none.
        item: the input's shape without the batch axis; None where an extent is not fixed.
        channels: its axis of the letters.
        positions: its axis along the sequence; all other axes have one entry.
    """

    alphabet: str
    item: tuple[int | None, ...]
    channels: int
    positions: int

    @classmethod
    def fitted(cls, alphabet: str, shape: Shape) -> Coding:
        """The coding of a model's input of `shape`, batch first: [N, C, L] or [N, L, C].

        Where either axis could be the channels, the first one is.
        Raises InputError when the input is no sequence, or has other channels than the alphabet.
        """
        item = tuple(known(dim) for dim in shape[1:])
        axes = [axis for axis, extent in enumerate(item) if extent != 1]
        if len(axes) != 2:
            raise InputError(
                f"the model's input {describe(shape)} is no sequence of channels by positions; "
                f"leave {parameter('alphabet')} out"
            )
        for channels, positions in (axes, axes[::-1]):
            if item[channels] == len(alphabet):
                return cls(alphabet, item, channels, positions)
        extents = [str(item[axis]) for axis in axes if item[axis] is not None]
        if not extents:
            return cls(alphabet, item, *axes)
        raise InputError(
            f"the alphabet {alphabet} has {len(alphabet)} letters, and the model's input "
            f"{describe(shape)} has {' or '.join(extents)} channels; give a letter for each "
            f"channel in order, {UNNAMED} for one that is none"
        )

    def matrix(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """An array of the input's shape as channels by positions, [C, L]."""
        ends = np.moveaxis(values, (self.channels, self.positions), (0, 1))
        return ends.reshape(ends.shape[:2])

    @property
    def unnamed(self) -> int:
        """How many channels are no letters, so that a sequence does not tell them."""
        return self.alphabet.count(UNNAMED)

    def encode(self, sequence: str) -> tuple[Array, str]:
        """A sequence as the model's input, one-hot, and what is to be known of it, "" if nothing.

        A letter is looked up as it is, then as a capital; an unknown one is all zero. What is too
        short is padded with zeros at its end, what is too long is cut there. Channels that are
        no letters are zero.
        Raises InputError when the sequence is empty.
        """
        if not sequence:
            raise InputError("the sequence has no letters; give at least one")
        count = len(sequence)
        length = self.item[self.positions] or count
        taken = sequence[:length]
        numbers = {letter: i for i, letter in enumerate(self.alphabet)}
        codes = {c: numbers.get(c, numbers.get(c.upper())) for c in set(taken)}
        rows = np.zeros((length, len(self.alphabet)), np.float32)
        for position, letter in enumerate(taken):
            if (code := codes[letter]) is not None:
                rows[position, code] = 1
        notes = [
            f"padded with zeros from {count} positions to {length}" if count < length else "",
            f"cut from {count} positions to the first {length}" if count > length else "",
            _unknown(taken, {c for c, code in codes.items() if code is None}),
        ]
        return self._laid_out(rows.T), "; ".join(filter(None, notes))

    def _laid_out(self, matrix: Array) -> Array:
        ordered = matrix if self.channels < self.positions else matrix.T
        singles = [axis for axis in range(len(self.item)) if self.item[axis] == 1]
        return np.ascontiguousarray(np.expand_dims(ordered, singles))

    def letters(self, values: npt.NDArray[Any]) -> str:
        """The letter of each position of an input: the greatest channel's, " " if none is."""
        named = [i for i, letter in enumerate(self.alphabet) if letter != UNNAMED]
        matrix = self.matrix(values)[named]
        best = matrix.max(axis=0)
        alone = (best > 0) & ((matrix == best).sum(axis=0) == 1)
        strongest = matrix.argmax(axis=0)
        return "".join(
            self.alphabet[named[i]] if is_one else " "
            for i, is_one in zip(strongest, alone, strict=True)
        )

    def is_one_hot(self, values: npt.NDArray[Any]) -> bool:
        """Whether an input is told by its letters: in each position a single 1, or zeros alone."""
        matrix = self.matrix(values)
        return bool(np.isin(matrix, (0, 1)).all() and (matrix.sum(axis=0) <= 1).all())


def _unknown(sequence: str, letters: set[str]) -> str:
    counts = Counter(letter for letter in sequence if letter in letters)
    if not counts:
        return ""
    named = ", ".join(f"{letter} {count}x" for letter, count in counts.most_common(5))
    more = ", ..." if len(counts) > 5 else ""
    return f"letters that the alphabet lacks are all zero: {named}{more}"


def read_fasta(path: Path) -> Iterator[tuple[str, str]]:
    """The sequences of a file, possibly compressed, each with its name: its header's first word.

    A name that came before, or that is empty, gets the sequence's number in the file, from 0.
    Raises InputError, after the sequences before it, where the file is no FASTA.
    """
    seen: set[str] = set()
    for number, (header, sequence) in enumerate(_records(path)):
        name = (header.split() or [""])[0]
        yield f"{name}[{number}]" if name in seen or not name else name, sequence
        seen.add(name)


def _records(path: Path) -> Iterator[tuple[str, str]]:
    header: str | None = None
    parts: list[str] = []
    for number, line in enumerate(_lines(path), 1):
        if line.startswith(">"):
            if header is not None:
                yield header, "".join(parts)
            header, parts = line[1:], []
        elif header is not None:
            parts.extend(line.split())
        elif line.strip():
            raise InputError(
                f"{path}: line {number} comes before any header; begin each sequence with >NAME"
            )
    if header is None:
        raise InputError(f"{path} has no sequences in it; begin each with a line >NAME")
    yield header, "".join(parts)


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text, without their ends; comments, which begin with ";", are left out."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with (
        blaming(path, "cannot be read as FASTA", "save it anew as text"),
        cast(TextIO, opened(path, "rt", encoding="utf-8-sig")) as file,
    ):
        yield from (line.rstrip() for line in file if not line.startswith(";"))
