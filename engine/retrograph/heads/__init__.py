"""What a model's outputs are: boxes, maps, classes, and the logits behind them."""

from retrograph.heads.box_head import Box, BoxHead, Level
from retrograph.heads.find import Heads, find_heads, head_from_json, map_of_layer
from retrograph.heads.kinds import KINDS, Head
from retrograph.heads.maps_and_classes import ClassHead, MapHead
from retrograph.heads.table import Table

__all__ = [
    "KINDS",
    "Box",
    "BoxHead",
    "ClassHead",
    "Head",
    "Heads",
    "Level",
    "MapHead",
    "Table",
    "find_heads",
    "head_from_json",
    "map_of_layer",
]
