"""An audit as a result: a verdict, a sentence, and everything that they rest on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from retrograph.auditing.cases import RegionCase
from retrograph.auditing.diagnosis import Cause
from retrograph.auditing.maps import MapPair
from retrograph.auditing.outputs import OutputPair
from retrograph.auditing.pairing import Pair
from retrograph.auditing.precision import LayerError
from retrograph.auditing.regions import Region
from retrograph.auditing.table_rows import TensorRow
from retrograph.auditing.verdicts import FAIL_ON, Verdict
from retrograph.errors import InputError, parameter, spelled
from retrograph.inputs.kinds import InputKind
from retrograph.preprocess import Item
from retrograph.render import style_named
from retrograph.render.colour import Picture
from retrograph.render.tiles import tile_page
from retrograph.results import Result
from retrograph.results.base import NothingToDraw
from retrograph.results.unit_names import class_name
from retrograph.runtime import Array

_SIDE = 220


@dataclass(frozen=True, repr=False)
class Finding:
    """A region where B parts from A, with its causes.

    Attributes:
        region: the tensors, and what putting A's there does.
        label_a, label_b: the node that holds the surest cause, or else the region's first, as
            people name it.
        causes: the surest first; empty where none is named.
        case: the region by itself; None where one of the files has nothing there, or it is large.
    """

    region: Region
    label_a: str
    label_b: str
    causes: tuple[Cause, ...]
    case: RegionCase | None = None

    @property
    def text(self) -> str:
        """The surest cause in words."""
        return self.causes[0].text if self.causes else "no cause could be named"

    @property
    def place(self) -> str:
        """Where it is, as people name it: B's node, and A's where it is another."""
        same = self.label_a == self.label_b
        return self.label_b if same else f"{self.label_b}, {self.label_a} in A"

    @property
    def where(self) -> str:
        """The same with the word before it."""
        return self.place if self.place.startswith("right behind") else f"at {self.place}"

    def __repr__(self) -> str:
        return f"<Finding {self.where}: {self.text}>"


@dataclass(frozen=True, repr=False)
class Audit(Result):
    """Whether B is still A, where they part, and why.

    Attributes:
        a, b: the files' names.
        verdict: the verdict.
        sentence: what was found, in words.
        precision: what the less precise file computes in, "" where both are float32.
        inputs: the names of the inputs, one for each row.
        outputs: the outputs that are the same, with their errors.
        tolerance: up to which relative error an output is equal.
        points: how many tensors were compared of A and of B; 0 where outputs alone were.
        pairs: those that are equal.
        findings: where B parts from A, in forward order.
        layers: of files that differ, what each layer is off by itself, in forward order.
        preparation: what B's inputs must be for it to agree; "" where that is not the cause.
        method: by which the maps are made; "" where there are none.
        maps: of each input, by both files.
        rows: the compared tensors of both files beside each other.
        names: what A and B call the tensors of `layers`.
        labels: the class names; empty where they are not known.
        items, kind: the inputs as A takes them, for pictures.
        notes: what is to be known besides.

    Example:
        >>> audit = retrograph.audit("a.onnx", "b.onnx", "photos/")
        >>> print(audit.sentence)
        >>> audit.save("audit.png")
    """

    made_by = "audit()"

    a: str
    b: str
    verdict: Verdict
    sentence: str
    precision: str
    inputs: tuple[str, ...]
    outputs: tuple[OutputPair, ...]
    tolerance: float
    points: tuple[int, int]
    pairs: tuple[Pair, ...]
    findings: tuple[Finding, ...]
    layers: tuple[LayerError, ...]
    preparation: str
    method: str
    maps: tuple[MapPair, ...]
    rows: tuple[TensorRow, ...]
    names: tuple[Mapping[str, str], Mapping[str, str]]
    labels: tuple[str, ...]
    items: Sequence[Item]
    kind: InputKind
    notes: tuple[str, ...]

    @property
    def cosine(self) -> float | None:
        """The mean cosine of the maps; None where there are none."""
        return float(np.mean([pair.cosine for pair in self.maps])) if self.maps else None

    @property
    def says(self) -> str:
        """The verdict in words."""
        return self.verdict.says(self.precision)

    def fails(self, fail_on: str = "differs") -> bool:
        """Whether the verdict is as bad as what is asked for, or worse.

        Args:
            fail_on: differs, looks-elsewhere, or any, which float16 and int8 are, too.

        Raises:
            InputError: it is none of these.
        """
        if fail_on not in FAIL_ON:
            raise InputError(
                f"{parameter('fail_on')} is '{fail_on}'; choose one of: {', '.join(FAIL_ON)}"
            )
        return self.verdict.severity >= FAIL_ON[fail_on]

    def unit_name(self, pair: MapPair) -> str:
        """The explained unit of an input: a class's name, or its index."""
        if sum(size != 1 for size in pair.item) > 1:
            return f"unit {[*pair.unit]}"
        index = int(np.ravel_multi_index(pair.unit, pair.item)) if pair.unit else 0
        return class_name(index, self.labels if len(self.labels) == math.prod(pair.item) else ())

    def layer_names(self, layer: LayerError) -> tuple[str, str]:
        """What A and B call a layer."""
        return self.names[0].get(layer.a, layer.a), self.names[1].get(layer.b, layer.b)

    def ranked_layers(self) -> list[LayerError]:
        """The layers by what they lose, the most first; suspects before others."""
        return sorted(self.layers, key=lambda layer: (not layer.suspect, -layer.own))

    def worst_maps(self) -> list[MapPair]:
        """The maps, those that are least alike first."""
        return sorted(self.maps, key=lambda pair: pair.cosine)

    def image(self, style: str | None = None) -> Image.Image:
        """The inputs with both files' maps and their difference, the least alike first.

        Args:
            style: of the maps; signed if None.

        Raises:
            InputError: there are no maps, or the inputs are nothing that can be drawn.
        """
        if not self.maps or not self.items:
            raise NothingToDraw("the audit has no maps of pictures to draw; save it as .json")
        rows = [
            ("", [(f"{title} · cosine {pair.cosine:.3f}", shown), *tiles])
            for pair, ((title, shown), *tiles) in self.drawn_maps(style)
        ]
        title = f"{self.says}\n{self.b} against {self.a} · {self.method}\n{spelled(self.sentence)}"
        return tile_page(rows, _SIDE, title, [spelled(note) for note in self.notes]).image()

    def drawn_maps(
        self, style: str | None = None
    ) -> Iterator[tuple[MapPair, list[tuple[str, Picture]]]]:
        """Each input with A's map, B's and their difference, the least alike first.

        The three of a picture have one colour scale, so that what is weaker looks so. Nothing for
        inputs that cannot be drawn.

        Args:
            style: of the maps; signed if None.
        """
        named = style_named(style or "signed")
        pairs = [*zip(self.maps, self.items, strict=False)]
        for pair, item in sorted(pairs, key=lambda both: both[0].cosine):
            if not self.kind.is_one_picture(item.array):
                continue
            drawn = replace(named, end=pair.scale) if self.has_one_scale else named
            panels = {"A": pair.a, "B": pair.b, "B - A": pair.b - pair.a}
            tiles = [
                (name, self.kind.map_picture(values, drawn, item.array, item.shown))
                for name, values in panels.items()
            ]
            shown = self.kind.input_picture(item.array, item.shown)
            yield pair, [("input", shown), *tiles]

    @property
    def has_one_scale(self) -> bool:
        """Whether the maps of an input are drawn on one colour scale: those of pictures are."""
        return self.kind.axes.takes_pictures

    def arrays(self) -> dict[str, Array]:
        """The maps: `a` and `b` [N, *input], and `cosine` and `rank` [N].

        Raises:
            InputError: there are no maps.
        """
        if not self.maps:
            return super().arrays()
        return {
            "a": np.stack([pair.a for pair in self.maps]),
            "b": np.stack([pair.b for pair in self.maps]),
            "cosine": np.array([pair.cosine for pair in self.maps]),
            "rank": np.array([pair.rank for pair in self.maps]),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything but the maps' values: what `retrograph audit --json` prints."""
        return {
            "a": self.a,
            "b": self.b,
            "verdict": self.verdict.name,
            "says": self.says,
            "sentence": spelled(self.sentence),
            "precision": self.precision or "float32",
            "inputs": list(self.inputs),
            "tolerance": self.tolerance,
            "outputs": [asdict(pair) for pair in self.outputs],
            "compared": {"a": self.points[0], "b": self.points[1]},
            "pairs": [asdict(pair) for pair in self.pairs],
            "regions": [
                asdict(found.region) | {"causes": [asdict(cause) for cause in found.causes]}
                for found in self.findings
            ],
            "layers": [asdict(layer) for layer in self.ranked_layers()],
            "preparation": self.preparation,
            "method": self.method,
            "cosine": self.cosine,
            "maps": [
                {
                    "input": m.name,
                    "unit": list(m.unit),
                    "name": self.unit_name(m),
                    "cosine": m.cosine,
                    "rank": m.rank,
                }
                for m in self.maps
            ],
            "notes": [spelled(note) for note in self.notes],
        }

    def summary(self) -> str:
        """The files and the verdict."""
        return f"{self.b} against {self.a}: {self.says}"
