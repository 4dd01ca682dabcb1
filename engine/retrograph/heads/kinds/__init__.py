"""The kinds of heads, in the order in which outputs are offered to them."""

from typing import Final

from retrograph.heads.kinds.base import Evidence, Head, HeadKind, Output
from retrograph.heads.kinds.centres import CentreMaps
from retrograph.heads.kinds.classes import ClassScores
from retrograph.heads.kinds.grids import AnchorGrids
from retrograph.heads.kinds.joined import JoinedBoxes
from retrograph.heads.kinds.maps import Maps
from retrograph.heads.kinds.pairs import BoxesBesideScores

KINDS: Final[tuple[HeadKind, ...]] = (
    JoinedBoxes(),
    BoxesBesideScores(),
    AnchorGrids(),
    CentreMaps(),
    ClassScores(),
    Maps(),
)
"""To add one, write a class in a file of its own and put it here."""

__all__ = ["KINDS", "Evidence", "Head", "HeadKind", "Output"]
