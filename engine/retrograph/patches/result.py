"""Patches as a result: drawn as a sheet, saved as a folder, a picture or a record."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.patches.folder import PatchFiles, PatchFolder
from retrograph.patches.layer_patches import LayerPatches
from retrograph.patches.patch_image import patch_strip
from retrograph.patches.patch_set import PatchSet
from retrograph.results import Result
from retrograph.runtime import Array


@dataclass(frozen=True, repr=False)
class Patches(PatchSet, Result):
    """What a scan's strongest units see: a patch of each picture, over the unit's attribution.

    Attributes:
        files: the files that were written; None where none were.

    The others are those of `PatchSet`: `layers` holds the patches, `missing` and `changed` what
    became of pictures since the scan.

    Example:
        >>> patches = retrograph.open_scan("run/").patches(layers=["relu5"], channels=range(16))
        >>> patches.save("patches/")        # sheets, and index.html for browsers
    """

    made_by = "Scan.patches()"

    files: PatchFiles | None = None

    def image(self, style: str | None = None) -> Image.Image:
        """The first sheet: a row for each channel, its strongest patches over their attributions.

        Args:
            style: leave it out; patches are drawn when they are made.

        Raises:
            InputError: a style is given.
        """
        if style is not None:
            raise InputError(
                f"the patches are drawn already; give {parameter('style', style)} to patches()"
            )
        return next(page.image() for layer in self.layers for _, page in self.sheets(layer))

    def to_dict(self) -> dict[str, Any]:
        """What was made, as plain values: what `retrograph patches --json` prints.

        Returns:
            index, sheets (of files that were written), model, method, device, notes, missing
            {picture: reason}, changed {picture: activations}, layers [{alias, tensor, sees,
            channels, patches}].
        """
        files = {} if self.files is None else _file_names(self.files)
        return files | {
            "model": self.file,
            "method": self.method,
            "device": self.device,
            "notes": list(self.notes),
            "missing": dict(self.missing),
            "changed": dict(self.changed),
            "layers": [_layer_record(layer) for layer in self.layers],
        }

    def summary(self) -> str:
        """How many patches of which layers, and by which method they are explained."""
        counts = [f"{_count(layer)} of {layer.layer.alias}" for layer in self.layers]
        return f"{', '.join(counts)} by {self.method}"

    def arrays(self) -> dict[str, Array]:
        """The drawn patches as arrays, for each layer of P patches.

        Returns:
            By layer, as in "relu5/patch": `patch` and `attribution`, uint8 [P, H, W, 3], each in
            the middle of a grey cell; `channel` and `rank`, int64 [P]; `activation`, float64 [P];
            `unit`, int64 [P, r], the units' indices.
        """
        return {
            f"{layer.layer.alias}/{name}": array
            for layer in self.layers
            for name, array in _layer_arrays(layer).items()
        }

    def written(self, folder: PatchFolder) -> Patches:
        """Write the sheets and the page; gives the same patches with their `files`.

        Raises:
            InputError: a file is in the way, or cannot be written.
        """
        return replace(self, files=folder.write(self))

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the patches, all files or none; missing folders are made.

        Args:
            path: a folder, for the sheets and the page for browsers, index.html; or a file, by
                its suffix the first sheet (.png, .jpg, ...), the arrays (.npz) or the record
                (.json).
            force: whether files that are there are replaced.

        Returns:
            The path.

        Raises:
            InputError: a file is in the way, or cannot be written.
        """
        if not is_folder(path):
            return super().save(path, force=force)
        PatchFolder(path, force=force).write(self)
        return Path(path)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path means a folder: it is one, ends in a slash or has no suffix."""
    text = os.fspath(path)
    return Path(text).is_dir() or text.endswith(("/", os.sep)) or not Path(text).suffix


def _file_names(files: PatchFiles) -> dict[str, Any]:
    return {"index": str(files.index), "sheets": [str(sheet) for sheet in files.sheets]}


def _layer_record(layer: LayerPatches) -> dict[str, Any]:
    return {
        "alias": layer.layer.alias,
        "tensor": layer.layer.tensor,
        "sees": layer.sees,
        "channels": [each.channel for each in layer.channels],
        "patches": _count(layer),
    }


def _count(layer: LayerPatches) -> int:
    return sum(len(each.patches) for each in layer.channels)


def _layer_arrays(layer: LayerPatches) -> dict[str, Array]:
    rows = [(each.channel, *pair) for each in layer.channels for pair in each.patches]
    width, height = layer.cell
    cells = [patch_strip([image], layer.cell) for _, _, image in rows]
    drawn = np.array(cells, np.uint8).reshape(-1, 2, height, width, 3)
    return {
        "patch": drawn[:, 0],
        "attribution": drawn[:, 1],
        "channel": np.array([channel for channel, _, _ in rows], np.int64),
        "rank": np.array([unit.rank for _, unit, _ in rows], np.int64),
        "activation": np.array([unit.activation for _, unit, _ in rows], np.float64),
        "unit": np.array([unit.index for _, unit, _ in rows], np.int64),
    }
