"""The pictures of README.md, METHODS.md and docs/: every method, and every kind.

python tools/docs/make_gallery.py IMAGENET.onnx FACES.onnx SEGMENTER.onnx [NAME ...]

IMAGENET.onnx is a classifier of ImageNet, FACES.onnx a detector of faces and SEGMENTER.onnx finds
the classes of PASCAL VOC; in the repository they are SqueezeNet 1.0, UltraFace RFB-320 and
DeepLabV3 on MobileNetV2. Other pictures are of the sample models. NAME picks some of them. The
photographs come with scikit-image (`pip install "retrograph[demo,serve]"`) and are in the public
domain or CC0. The picture of the page needs Chromium and `make js`; without them it stays as it is.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import skimage
from PIL import Image

import retrograph as rg
from hero import draw_hero
from method_pictures import draw_method, draw_overview
from page_picture import MissingError, draw_page

ROOT = Path(__file__).resolve().parents[2]
GALLERY = ROOT / "docs" / "gallery"
SAMPLES = ROOT / "sample_models"
CIFAR = SAMPLES / "cifar10_cnn.onnx"
PHOTOGRAPHS = tuple(
    Path(skimage.__file__).parent / "data" / name
    for name in ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "motorcycle_left.png")
)
PORTRAIT = PHOTOGRAPHS[3]
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


@dataclass(frozen=True)
class Models:
    """The files that the command names."""

    imagenet: Path
    faces: Path
    segmenter: Path


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


def hero(models: Models) -> Image.Image:
    """A photograph, its maps, and what one neuron sees."""
    model = models.imagenet
    layer, channel = EYES
    compared = rg.compare(model, PHOTOGRAPHS[0], preprocessing=RECIPE)
    with tempfile.TemporaryDirectory() as folder:
        seen = scanned(model, Path(folder)).patches(layer, channels=[channel], k=40)
        return draw_hero(compared.explanations[0], seen.layers[0].channels[0])


def methods(family: str) -> Callable[[Models], rg.Result]:
    """The methods of a family on the five photographs."""
    return lambda models: compared(models.imagenet, PHOTOGRAPHS, FAMILIES[family].split(","))


def compared(model: Path, photographs: Sequence[Path], names: Sequence[str]) -> rg.Comparison:
    """Methods on photographs; the baselines of expected gradients are the five photographs."""
    chosen = [baselined(model) if name == "expected-gradients" else name for name in names]
    return rg.compare(model, photographs, chosen, preprocessing=RECIPE)


def baselined(model: Path) -> rg.methods.Method:
    """Expected gradients from the five photographs."""
    taken = rg.compare(model, PHOTOGRAPHS, "gradient", preprocessing=RECIPE).arrays()["input"]
    return rg.methods.ExpectedGradients(baselines=taken)


def overview(models: Models) -> Image.Image:
    """A photograph under every method."""
    (explained,) = compared(models.imagenet, PHOTOGRAPHS[:1], [*rg.methods.METHODS]).explanations
    return draw_overview(explained)


def of_method(name: str) -> Callable[[Models], Image.Image]:
    """A method on two photographs."""
    return lambda models: draw_method(
        compared(models.imagenet, PHOTOGRAPHS[:2], [name]).explanations
    )


def patches(models: Models) -> Image.Image:
    """What the first channels of a layer see."""
    layer, _ = EYES
    with tempfile.TemporaryDirectory() as folder:
        return scanned(models.imagenet, Path(folder)).patches(layer, channels=range(8), k=6).image()


def scanned(model: Path, folder: Path) -> rg.Scan:
    """What drives the channels of a layer in the tiles."""
    layer, _ = EYES
    out = folder / "scan"
    return rg.scan(model, tiles(folder), layers=[layer], out=out, k=40, preprocessing=RECIPE)


def audit(_models: Models) -> Image.Image:
    """The sample model against a copy whose padding an exporter has moved."""
    moved = onnx.load(CIFAR)
    (node,) = [node for node in moved.graph.node if node.name == "conv3"]
    (pads,) = [a for a in node.attribute if a.name == "pads"]
    pads.ints[:] = [0, 0, 2, 2]
    return rg.audit(CIFAR, moved, PHOTOGRAPHS[:3]).image()


def page(models: Models) -> Image.Image:
    """The page in the browser, with what drives a channel on an eye."""
    view = rg.view(models.imagenet, PHOTOGRAPHS[:4], preprocessing=RECIPE, device="cpu")
    return draw_page(view, "?layer=relu14&unit=13,4,4")


def sequence(_models: Models) -> rg.Result:
    """The first of the held out sequences, as letters."""
    answers = rg.explain_all(
        SAMPLES / "motif_cnn.onnx", SAMPLES / "motif_held_out.fa", unit="motif"
    )
    first = next(answers)
    assert isinstance(first, rg.Explanation)
    return first


def explained(models: Models) -> rg.Result:
    """What `retrograph explain` draws if nothing else is asked for."""
    return rg.explain(models.imagenet, PHOTOGRAPHS[0], preprocessing=RECIPE)


def sanity(models: Models) -> rg.Result:
    """The three checks on two photographs."""
    return rg.sanity(models.imagenet, PHOTOGRAPHS[:2], preprocessing=RECIPE)


def dream(models: Models) -> rg.Result:
    """A photograph in which a layer is made to fire."""
    return rg.dream(models.imagenet, PHOTOGRAPHS[0], layer=EYES[0], preprocessing=RECIPE)


KINDS: dict[str, Callable[[Models], rg.Result | Image.Image]] = {
    "hero": hero,
    "explain": explained,
    "detection": lambda models: rg.explain(models.faces, PORTRAIT, preprocessing="0-1"),
    "segmentation": lambda models: rg.explain(models.segmenter, PORTRAIT, class_="person"),
    "methods": overview,
    **{f"methods/{name}": of_method(name) for name in rg.methods.METHODS},
    **{name: methods(name) for name in FAMILIES},
    "patches": patches,
    "filters": lambda models: rg.filters(models.imagenet, preprocessing=RECIPE),
    "classes": lambda _: rg.maximize(CIFAR, "0-9", settings={"steps": 96}),
    "dream": dream,
    "perturb": lambda _: rg.perturb(CIFAR, PHOTOGRAPHS[0], "ship"),
    "audit": audit,
    "sequence": sequence,
    "sanity": sanity,
    "page": page,
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
    parser.add_argument("imagenet", type=Path, help="a classifier of ImageNet, an .onnx file")
    parser.add_argument("faces", type=Path, help="a detector of faces")
    parser.add_argument("segmenter", type=Path, help="finds the classes of PASCAL VOC")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(KINDS)}")
    args = parser.parse_args()
    models = Models(args.imagenet, args.faces, args.segmenter)
    for name in args.names or KINDS:
        try:
            save(KINDS[name](models), GALLERY / f"{name}.webp")
        except MissingError as error:
            print(f"{name}.webp stays as it is: {error}")


if __name__ == "__main__":
    main()
