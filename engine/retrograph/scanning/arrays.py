"""A finished scan as arrays."""

from __future__ import annotations

import numpy as np

from retrograph.runtime import Array
from retrograph.scanning.reader import ScanReader
from retrograph.scanning.store import ScannedLayer


def scan_arrays(scan: ScanReader) -> dict[str, Array]:
    """The statistics and the strongest units of a scan's layers.

    Returns:
        By layer, as in "relu5/mean_peak", of C channels and k units: `channel` int64 [C];
        `mean_peak`, `mean`, `share`, `fires`, float64 [C]; `activation` float64 [C, k], NaN where
        there are fewer units; `picture` int64 [C, k] and `unit` int64 [C, k, r], -1 there.
    """
    return {
        f"{layer.alias}/{name}": array
        for layer in scan.layers
        for name, array in (_statistics(scan, layer) | _top_units(scan, layer)).items()
    }


def _statistics(scan: ScanReader, layer: ScannedLayer) -> dict[str, Array]:
    stats = scan.channels(layer.alias)
    names = ("mean_peak", "mean", "share", "fires")
    numbers = {name: np.array([getattr(each, name) for each in stats]) for name in names}
    return {"channel": np.array(layer.channels, np.int64), **numbers}


def _top_units(scan: ScanReader, layer: ScannedLayer) -> dict[str, Array]:
    shape = len(layer.channels), scan.run["k"]
    activation = np.full(shape, np.nan)
    picture = np.full(shape, -1, np.int64)
    unit = np.full((*shape, len(layer.shape)), -1, np.int64)
    for row, channel in enumerate(layer.channels):
        for column, each in enumerate(scan.top(layer.alias, channel)):
            activation[row, column] = each.activation
            picture[row, column] = each.picture
            unit[row, column] = each.index
    return {"activation": activation, "picture": picture, "unit": unit}
