"""Protein-like sequences, half of them with a motif at a known place.

The letters of a sequence are drawn independently with the frequencies of amino acids in proteins.
A sequence of class 1 gets the motif planted at a random place. One of class 0 gets nothing, or, so
that every position of the motif counts, a decoy: the motif with some positions spoilt by letters
that the pattern does not allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

ALPHABET: Final = "ACDEFGHIKLMNPQRSTVWY"
FREQUENCIES: Final = (
    *(8.25, 1.38, 5.46, 6.71, 3.86, 7.07, 2.27, 5.91, 5.80, 9.64),
    *(2.41, 4.06, 4.74, 3.93, 5.52, 6.65, 5.36, 6.85, 1.10, 2.92),
)
"""Per cent of the letters in UniProtKB/Swiss-Prot, in the order of the alphabet."""
MOTIF: Final = ("FWY", "KR", "D", "ILV", "C", "H", "ST", "G")
"""The letters that each position of the motif may have, all as likely."""
LENGTH: Final = 64
DECOYS: Final = 0.6
"""The share of class 0 that has a decoy."""

TRAINED_ON: Final = (30_000, 1)
"""How many sequences, and by which seed, the sample model was trained on."""
HELD_OUT: Final = (5_000, 2)
"""Those that it is measured on."""

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sequences:
    """Sequences with the truth about them.

    Attributes:
        letters: numbers of letters in the alphabet, [N, L].
        targets: 1 where the motif is planted, [N].
        starts: where the motif or the decoy begins; -1 where there is none, [N].
    """

    letters: IntArray
    targets: IntArray
    starts: IntArray

    def one_hot(self) -> FloatArray:
        """As the model's input: [N, 20, L]."""
        return np.eye(len(ALPHABET), dtype=np.float32)[self.letters].transpose(0, 2, 1)

    def text(self, row: int) -> str:
        """A sequence in letters."""
        return "".join(ALPHABET[i] for i in self.letters[row])


def draw(count: int, seed: int, length: int = LENGTH) -> Sequences:
    """That many sequences; the same for the same seed."""
    rng = np.random.default_rng(seed)
    shares = np.array(FREQUENCIES) / sum(FREQUENCIES)
    letters = rng.choice(len(ALPHABET), (count, length), p=shares)
    targets = rng.integers(0, 2, count)
    starts = np.full(count, -1)
    for row in range(count):
        if targets[row] == 0 and rng.random() >= DECOYS:
            continue
        starts[row] = rng.integers(0, length - len(MOTIF) + 1)
        spoilt = rng.permutation(len(MOTIF))[: 0 if targets[row] else rng.integers(1, 5)]
        for offset, allowed in enumerate(MOTIF):
            elsewhere = [c for c in ALPHABET if c not in allowed]
            choice = rng.choice(elsewhere if offset in spoilt else list(allowed))
            letters[row, starts[row] + offset] = ALPHABET.index(str(choice))
    return Sequences(letters, targets, starts)


def points_at_motif(
    attribution: FloatArray, one_hot: FloatArray, start: int, share: float = 0.8
) -> bool:
    """Whether an attribution [20, L] ranks the positions of the motif first.

    Positions are ranked by the attribution of the letter that is there. The first must lie in the
    motif, and of as many positions as the motif has, at least `share`.
    """
    evidence = (attribution * one_hot).sum(axis=0)
    best = np.argsort(-evidence, kind="stable")[: len(MOTIF)]
    inside = (best >= start) & (best < start + len(MOTIF))
    return bool(inside[0] and inside.mean() >= share and evidence[best[0]] > 0)
