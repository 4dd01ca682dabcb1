"""Maps without anchors: CenterNet's heat maps, sizes and offsets; FCOS's scores and sides."""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.heads.box_head import BoxHead, Level
from retrograph.heads.kinds.base import Evidence, Head, HeadKind, Output
from retrograph.heads.table import Table


class CentreMaps(HeadKind):
    """Outputs of one size: scores of classes, and four numbers or two and two for the place."""

    name = "maps of scores and of places"

    def match(
        self, outputs: Sequence[Output], evidence: Evidence
    ) -> tuple[list[Head], list[Output]]:
        """Maps of equal rows and columns belong together; each such size is a level."""
        if evidence.frame is None:
            return [], []
        by_size: dict[tuple[int, int], list[Output]] = {}
        for output in outputs:
            if len(output.shape) == 3:
                by_size.setdefault((output.shape[1], output.shape[2]), []).append(output)
        found = [(group, _level_of(group, evidence)) for group in by_size.values()]
        levels = [(group, *level) for group, level in found if level is not None]
        if not levels:
            return [], []
        form, width = levels[0][2], levels[0][1].scores.width
        alike = [each for each in levels if each[2] == form and each[1].scores.width == width]
        squashed = evidence.reader.read(_scores_of(alike[0][0]).at(0)).is_score
        head = BoxHead(
            kind=CentreMaps.name,
            levels=tuple(level for _, level, _ in alike),
            form=form,
            activation="none" if squashed else "sigmoid",
            notes=(_ASSUMED[form],),
        )
        return [head], [output for group, _, _ in alike for output in group]


_ASSUMED = {
    "centre": "of the two maps of two channels the first is taken for sizes in cells, the second "
    "for offsets, as CenterNet has them",
    "sides": "the map of four channels is taken for left, top, right and bottom in cells",
}


def _scores_of(group: Sequence[Output]) -> Output:
    """The map of scores: the first of those that are no places."""
    places = _places_of(group)
    return next(output for output in group if output not in places)


def _places_of(group: Sequence[Output]) -> list[Output]:
    """The maps of four numbers, or of two and two."""
    fours = [output for output in group if output.shape[0] == 4]
    twos = [output for output in group if output.shape[0] == 2]
    return twos[:2] if len(twos) >= 2 else fours[:1]


def _level_of(group: Sequence[Output], evidence: Evidence) -> tuple[Level, str] | None:
    """The level of maps of one size, and the name of its decoder; None where they are none."""
    places = _places_of(group)
    others = [output for output in group if output not in places]
    if not places or not others or len(others) > 2:
        return None
    scores = others[0]
    if any(evidence.reader.read(place.at(0)).is_score for place in places):
        return None
    single = others[1] if others[1:] and others[1].shape[0] == 1 else None
    return (
        Level(
            scores=_table(scores),
            boxes=tuple(map(_table, places)),
            objectness=None if single is None else _table(single),
        ),
        "centre" if len(places) == 2 else "sides",
    )


def _table(output: Output) -> Table:
    return Table(output.name, output.shape, ("value", "row", "column"), (0, output.shape[0]))
