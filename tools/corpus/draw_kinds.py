"""Every kind of picture on real models, and contact sheets of them all, to be looked at.

    RETROGRAPH_CORPUS=... python tools/corpus/draw_kinds.py OUT [name ...]

Each is OUT/NAME.png, as people get it; sheets of nine, scaled down, are OUT/sheet-1.png and so on.
Exits with 1 if one cannot be drawn.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import retrograph as rg
from retrograph.synthesis import Settings

sys.path.append(str(Path(__file__).resolve().parents[1]))

from checkout import ROOT

CELL = (760, 620)
ACROSS = 3
SHEET = 9
SAMPLES = ROOT / "sample_models"

SQUEEZENET = "models/squeezenet_imagenet_fp32.onnx"
DOG = "photos/dog_winml.jpg"
TWO_CLASSES = "golden retriever-Labrador retriever"
IMAGENET = {"preprocessing": "caffe-bgr"}


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes:
        name: of its file.
        model: under the corpus or the sample models.
        inputs: likewise, or arrays.
        options: of `explain_all`, but several methods make a comparison.
        compared: methods side by side.
        is_sheet: whether the strongest units of all inputs are drawn on a sheet.
        units: those whose maxima are drawn instead, without inputs.
    """

    name: str
    model: str
    inputs: Sequence[Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    compared: str = ""
    is_sheet: bool = False
    units: Sequence[int] = ()


def kinds() -> list[Kind]:
    """All of them; arrays are random but for waves, with one seed."""
    seed = np.random.default_rng(0)
    wave = notes_played()[None, :, None]
    row = seed.normal(size=(1, 5)).astype(np.float32)
    peptide = (seed.random((1, 49, 62)) < 0.05).astype(np.float32)
    several = "guided,input-x-gradient,lrp-epsilon-plus,grad-cam,saliency"
    inner = {**IMAGENET, "layer": "relu7", "unit": 17}
    difference = {**IMAGENET, "layer": "relu7", "unit": "17-23"}
    deeplab = "models/deeplabv3_dm05_tflite.onnx"
    cat = ["photos/coral_cat.jpg"]
    cifar = str(SAMPLES / "cifar10_cnn.onnx")
    photos = [f"photos/{name}_winml.jpg" for name in ("dog", "cat", "fish", "hummingbird")]
    few_steps = Settings(steps=16)
    sensors = seed.normal(size=(1, 1, 20, 20)).cumsum(axis=3).astype(np.float32)
    bases = np.eye(4, dtype=np.float32)[seed.integers(0, 4, 900)].T[None]
    sequence = [str(SAMPLES / "motif_held_out.fa")]
    return [
        Kind("guided", SQUEEZENET, [DOG], IMAGENET),
        Kind("top-3", SQUEEZENET, [DOG], {**IMAGENET, "top": 3}),
        Kind("three-methods", SQUEEZENET, [DOG], {"method": "gradient,deconvnet,guided"}),
        Kind("inner-unit", SQUEEZENET, [DOG], inner),
        Kind("inner-units", SQUEEZENET, [DOG], {**IMAGENET, "layer": "relu20", "top": 3}),
        Kind("integrated-gradients", SQUEEZENET, [DOG], {"method": "ig"}),
        Kind("lrp", SQUEEZENET, [DOG], {"method": "lrp-epsilon-plus"}),
        Kind("saliency", SQUEEZENET, [DOG], {"method": "saliency"}),
        Kind("heat", SQUEEZENET, [DOG], {"method": "saliency", "style": "heat"}),
        Kind("difference", SQUEEZENET, [DOG], {**difference, "method": "gradient"}),
        Kind("ig-smooth", SQUEEZENET, [DOG], {"method": "ig", "style": "smooth"}),
        Kind("grad-cam", SQUEEZENET, [DOG], {"method": "grad-cam"}),
        Kind("compare", SQUEEZENET, [DOG, "photos/cat_winml.jpg"], compared=several),
        Kind(
            "class-difference",
            SQUEEZENET,
            [DOG],
            {"unit": TWO_CLASSES, "method": "ig", "style": "smooth"},
        ),
        Kind("silent", SQUEEZENET, [DOG], {**IMAGENET, "layer": "relu7", "unit": "17,50,50"}),
        Kind("sheet", SQUEEZENET, photos, IMAGENET, is_sheet=True),
        Kind("sheet-units", SQUEEZENET, photos, {**IMAGENET, "layer": "relu7"}, is_sheet=True),
        Kind("maxima", cifar, [], units=(3, 5, 7)),
        Kind("maximum-few-steps", cifar, [], {"settings": few_steps}, units=(3,)),
        Kind("compare-unit", SQUEEZENET, [DOG], inner, compared="gradient,deconvnet,guided"),
        Kind("detection", "models/ultraface_rfb320.onnx", ["photos/coral_face.jpg"]),
        Kind("weak-detection", "models/tinyyolo_ball.onnx", cat),
        Kind("compare-weak", "models/tinyyolo_ball.onnx", cat, compared="gradient,guided"),
        Kind("segmentation", deeplab, cat, {"preprocessing": "0-255", "class_": "cat"}),
        Kind("over", deeplab, cat, {"preprocessing": "0-255", "class_": "cat", "over": "257,200"}),
        Kind("pixel", deeplab, cat, {"preprocessing": "0-255", "unit": "8,200,250"}),
        Kind("waveform", "models/basic_pitch_nmp.onnx", [wave]),
        Kind("sensors", "models/collins_rul_small20.onnx", [sensors]),
        Kind("table", "models/cgan_upsample.onnx", [row]),
        Kind("matrix", "models/ideeplc_tf.onnx", [peptide]),
        Kind("letters", str(SAMPLES / "motif_cnn.onnx"), sequence, {"unit": "motif"}),
        Kind("dna", "models/puffin_dna_seqbro.onnx", [bases], {"alphabet": "dna"}),
        Kind("small", cifar, ["cifar10_first100.csv"]),
        Kind("small-smooth", cifar, ["cifar10_first100.csv"], {"style": "smooth"}),
    ]


def notes_played(rate: int = 22050, length: int = 43844) -> np.ndarray:
    """Four decaying notes with overtones, as of a piano, one after the other: [length]."""
    seconds = np.arange(length) / rate
    played = np.zeros(length)
    for start, pitch in ((0.05, 220.0), (0.5, 277.2), (0.95, 329.6), (1.4, 440.0)):
        since = np.maximum(seconds - start, 0)
        tone = sum(0.5**k * np.sin(2 * np.pi * pitch * (k + 1) * since) for k in range(4))
        played += 0.3 * (seconds >= start) * np.exp(-4 * since) * tone
    return played.astype(np.float32)


def draw(kind: Kind, corpus: Path) -> Image.Image:
    """The picture of the first input; of a comparison that of all.

    Raises:
        RetrographError: it cannot be explained.
    """
    inputs = [str(corpus / each) if isinstance(each, str) else each for each in kind.inputs]
    model = str(corpus / kind.model)
    options = {**kind.options, "device": "cpu"}
    if kind.units:
        return rg.maximize(model, unit=[*kind.units], **options).image()
    if kind.is_sheet:
        return rg.Sheet(rg.explain(model, inputs, **options).explanations, 2).image()
    if kind.compared:
        return rg.compare(model, inputs, kind.compared, **options).image()
    first = next(iter(rg.explain_all(model, inputs, batch=1, **options)))
    if isinstance(first, rg.BadInput):
        raise first.error
    return first.image()


def contact_sheet(drawn: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures under their names on grey, scaled down to cells."""
    rows = -(-len(drawn) // ACROSS)
    page = Image.new("RGB", (ACROSS * CELL[0], rows * CELL[1]), (150, 150, 150))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for place, (name, picture) in enumerate(drawn):
        left, top = place % ACROSS * CELL[0], place // ACROSS * CELL[1]
        small = picture.copy()
        small.thumbnail((CELL[0] - 10, CELL[1] - 34), Image.Resampling.LANCZOS)
        page.paste(small, (left + 5, top + 29))
        pen.text((left + 6, top + 5), f"{name}, {picture.width} x {picture.height}", font=font)
    return page


def main() -> int:
    """Draw all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder")
    parser.add_argument("names", metavar="name", nargs="*", help="of kinds; all if left out")
    args = parser.parse_args()
    corpus = Path(os.environ["RETROGRAPH_CORPUS"])
    args.out.mkdir(parents=True, exist_ok=True)
    drawn, failed = [], 0
    for kind in kinds():
        if args.names and kind.name not in args.names:
            continue
        try:
            picture = draw(kind, corpus)
        except rg.RetrographError as error:
            print(f"{kind.name}: {error}", file=sys.stderr)
            failed += 1
            continue
        picture.save(args.out / f"{kind.name}.png")
        drawn.append((kind.name, picture))
    for number, start in enumerate(range(0, len(drawn), SHEET), 1):
        contact_sheet(drawn[start : start + SHEET]).save(args.out / f"sheet-{number}.png")
    print(f"{len(drawn)} pictures in {args.out}" + (f", {failed} failed" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
