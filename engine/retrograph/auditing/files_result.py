"""The audits of several files as one result: a matrix of verdicts, and what each rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from retrograph.auditing.result import Audit
from retrograph.auditing.verdicts import Verdict
from retrograph.errors import spelled
from retrograph.results import Result
from retrograph.runtime import Array


@dataclass(frozen=True, repr=False)
class FileAudits(Result):
    """Whether several files are one network.

    Attributes:
        names: of the files; the first is the reference.
        pairs: by the places of two files, the smaller one first, the later held against the
            earlier.
        runtime: each file as its runtime runs it against its nodes one by one; empty where that
            was not asked for.
        notes: on devices that could not run a file.

    Example:
        >>> audits = retrograph.audit_files(["a.onnx", "b.onnx", "c.onnx"], "photos/")
        >>> audits.audits[0].sentence
        >>> audits.matrix()[1]
    """

    made_by = "audit_files()"

    names: tuple[str, ...]
    pairs: Mapping[tuple[int, int], Audit]
    runtime: tuple[Audit, ...]
    notes: tuple[str, ...]

    @property
    def audits(self) -> tuple[Audit, ...]:
        """Each other file against the first."""
        return tuple(self.pairs[0, place] for place in range(1, len(self.names)))

    @property
    def told(self) -> tuple[Audit, ...]:
        """Those against the first, then those of the runtime."""
        return (*self.audits, *self.runtime)

    def matrix(self) -> list[list[str]]:
        """The verdict on each two files in words, a row for each; "" for a file with itself."""
        places = range(len(self.names))
        return [["" if i == j else self._says(i, j) for j in places] for i in places]

    def fails(self, fail_on: str = "differs") -> bool:
        """Whether a file against the first, or in its runtime, is as bad as asked for, or worse.

        Args:
            fail_on: as in `Audit.fails`.

        Raises:
            InputError: there is no such choice.
        """
        return any(each.fails(fail_on) for each in self.told)

    def worst(self) -> Audit:
        """The audit of the worst verdict, the first of them."""
        return max(self.told, key=lambda each: each.verdict.severity)

    def image(self, style: str | None = None) -> Image.Image:
        """The picture of the audit of the worst verdict that has maps; see `Audit.image`.

        Raises:
            InputError: there are no maps, or the inputs are nothing that can be drawn.
        """
        drawn = [each for each in self.told if each.maps and each.items] or [*self.told]
        return max(drawn, key=lambda each: each.verdict.severity).image(style)

    def arrays(self) -> dict[str, Array]:
        """The maps of each audit against the first, `1/a` for the second file and so on.

        Raises:
            InputError: one has no maps.
        """
        return {
            f"{place}/{name}": values
            for place, each in enumerate(self.audits, 1)
            for name, values in each.arrays().items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything but the maps' values: what `retrograph audit --json` prints."""
        places = range(len(self.names))
        verdicts = [["" if i == j else self._verdict(i, j).name for j in places] for i in places]
        return {
            "audits": [each.to_dict() for each in self.audits],
            "runtime": [each.to_dict() for each in self.runtime],
            "matrix": {"files": list(self.names), "verdicts": verdicts},
            "notes": [spelled(note) for note in self.notes],
        }

    def summary(self) -> str:
        """How many files there are, and the worst verdict."""
        return f"of {len(self.names)} files: {self.worst().summary()}"

    def _of(self, i: int, j: int) -> Audit:
        return self.pairs[min(i, j), max(i, j)]

    def _verdict(self, i: int, j: int) -> Verdict:
        return self._of(i, j).verdict

    def _says(self, i: int, j: int) -> str:
        return self._of(i, j).says
