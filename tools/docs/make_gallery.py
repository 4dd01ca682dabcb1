"""The pictures of README.md and docs/gallery/: every method on five photographs, and every kind.

python tools/docs/make_gallery.py IMAGENET.onnx [NAME ...]

IMAGENET.onnx is a classifier of ImageNet; the pictures in the repository are of SqueezeNet 1.0, the
others of the sample models. NAME picks some of the pictures. The photographs come with scikit-image
(`pip install "retrograph[demo]"`) and are in the public domain or CC0.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import skimage
from PIL import Image

import retrograph as rg
from hero import draw_hero

ROOT = Path(__file__).resolve().parents[2]
GALLERY = ROOT / "docs" / "gallery"
SAMPLES = ROOT / "sample_models"
CIFAR = SAMPLES / "cifar10_cnn.onnx"
PHOTOGRAPHS = tuple(
    Path(skimage.__file__).parent / "data" / name
    for name in ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "motorcycle_left.png")
)
FAMILIES = {
    "methods-masked": "gradient,saliency,input-x-gradient,deconvnet,guided,rectgrad",
    "methods-averaged": "integrated-gradients,smoothgrad,vargrad,expected-gradients",
    "methods-cam": "grad-cam,grad-cam-plus-plus,layer-cam,guided-grad-cam",
    "methods-relevance": "lrp-epsilon,lrp-gamma,lrp-epsilon-plus,lrp-epsilon-gamma-box,"
    "excitation-backprop,deeplift-rescale",
}
EYES = ("relu13", 4)
"""A layer of SqueezeNet and its channel that eyes drive, which the first picture shows."""
RECIPE = "caffe-bgr"
"""How SqueezeNet takes pictures."""
WIDEST = 1600


def tiles(folder: Path) -> Path:
    """Squares of the photographs, small and large, as a data set to scan."""
    for file in PHOTOGRAPHS:
        picture = Image.open(file).convert("RGB")
        for side in (224, min(picture.size)):
            for i in _steps(picture.width - side, 4):
                for j in _steps(picture.height - side, 3):
                    square = picture.crop((i, j, i + side, j + side))
                    square.save(folder / f"{file.stem}_{side}_{i}_{j}.png")
    return folder


def _steps(room: int, count: int) -> list[int]:
    """Evenly spaced whole numbers from 0 to `room`, each once."""
    return sorted({round(room * k / (count - 1)) for k in range(count)})


def hero(model: Path) -> Image.Image:
    """A photograph, its maps, and what one neuron sees."""
    layer, channel = EYES
    compared = rg.compare(model, PHOTOGRAPHS[0], preprocessing=RECIPE)
    with tempfile.TemporaryDirectory() as folder:
        seen = scanned(model, Path(folder)).patches(layer, channels=[channel], k=40)
        return draw_hero(compared.explanations[0], seen.layers[0].channels[0])


def methods(family: str) -> Callable[[Path], rg.Result]:
    """The methods of a family on the five photographs."""
    return lambda model: rg.compare(model, PHOTOGRAPHS, FAMILIES[family], preprocessing=RECIPE)


def patches(model: Path) -> Image.Image:
    """What the first channels of a layer see."""
    layer, _ = EYES
    with tempfile.TemporaryDirectory() as folder:
        return scanned(model, Path(folder)).patches(layer, channels=range(8), k=6).image()


def scanned(model: Path, folder: Path) -> rg.Scan:
    """What drives the channels of a layer in the tiles."""
    layer, _ = EYES
    out = folder / "scan"
    return rg.scan(model, tiles(folder), layers=[layer], out=out, k=40, preprocessing=RECIPE)


def audit(_model: Path) -> Image.Image:
    """The sample model against a copy whose padding an exporter has moved."""
    moved = onnx.load(CIFAR)
    (node,) = [node for node in moved.graph.node if node.name == "conv3"]
    (pads,) = [a for a in node.attribute if a.name == "pads"]
    pads.ints[:] = [0, 0, 2, 2]
    return rg.audit(CIFAR, moved, PHOTOGRAPHS[:3]).image()


def sequence(_model: Path) -> rg.Result:
    """The first of the held out sequences, as letters."""
    answers = rg.explain_all(
        SAMPLES / "motif_cnn.onnx", SAMPLES / "motif_held_out.fa", unit="motif"
    )
    first = next(answers)
    assert isinstance(first, rg.Explanation)
    return first


KINDS: dict[str, Callable[[Path], rg.Result | Image.Image]] = {
    "hero": hero,
    **{name: methods(name) for name in FAMILIES},
    "patches": patches,
    "filters": rg.filters,
    "classes": lambda _: rg.maximize(CIFAR, "0-9", settings={"steps": 96}),
    "dream": lambda model: rg.dream(model, PHOTOGRAPHS[0], layer=EYES[0], preprocessing=RECIPE),
    "perturb": lambda _: rg.perturb(CIFAR, PHOTOGRAPHS[0], "ship"),
    "audit": audit,
    "sequence": sequence,
}


def save(result: Any, file: Path) -> None:
    """A picture of at most WIDEST pixels a row, as WebP."""
    picture: Image.Image = result if isinstance(result, Image.Image) else result.image()
    picture = picture.convert("RGB")
    picture.thumbnail((WIDEST, 10 * WIDEST), Image.Resampling.LANCZOS)
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, quality=80, method=6)
    print(
        f"{file.relative_to(ROOT)}: {picture.width}x{picture.height}, {file.stat().st_size:,} bytes"
    )


def main() -> None:
    """Make the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, help="a classifier of ImageNet, an .onnx file")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(KINDS)}")
    args = parser.parse_args()
    for name in args.names or KINDS:
        save(KINDS[name](args.model), GALLERY / f"{name}.webp")


if __name__ == "__main__":
    main()
