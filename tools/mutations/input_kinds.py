"""Whole files of every kind that the command line reads, to be damaged; and how each is read."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[1]))

from checkout import SHARED

sys.path.extend(SHARED)

import file_mutations as damage
from file_mutations import BYTES, TEXT, Edit
from support import nets

EXPLAIN = "explain net.onnx {} --preprocess 0-1 --method gradient --npz -o out"
SCAN = "scan net.onnx {} --layer relu1 -o run"
COMPARE = "compare net.onnx {} -o out.png"
LETTERS = "explain letters.onnx {} --alphabet dna --method gradient --npz -o out"
SEVERAL = "explain two.onnx {} --method gradient --npz -o out"
BASELINES = "explain net.onnx dog.png --method expected-gradients --param baselines={} --npz -o out"
LABELS = "explain net.onnx dog.png --unit cat --labels {} --npz -o out"


@dataclass(frozen=True)
class Kind:
    """Files of one kind.

    Attributes:
        files: whole ones, by the names that they get.
        edits: how they are damaged.
        commands: what reads them, {} for the file's name.
    """

    files: dict[str, bytes]
    edits: tuple[Edit, ...]
    commands: tuple[str, ...] = (EXPLAIN, SCAN)


def make_workplace(folder: Path) -> None:
    """The models and the picture that the commands need."""
    nets.save(nets.cnn(), folder / "net.onnx")
    nets.save(nets.sequence_net(), folder / "letters.onnx")
    nets.save(nets.two_input_net(), folder / "two.onnx")
    (folder / "dog.png").write_bytes(_picture("PNG"))


def picture_kinds() -> dict[str, Kind]:
    """Pictures by their formats."""
    orientation = Image.Exif()
    orientation[0x112] = 6
    two: dict[str, Any] = {"save_all": True, "append_images": [_image("RGB", seed=1)]}
    png = {
        "rgb.png": _picture("PNG"),
        "rgba.png": _picture("PNG", "RGBA"),
        "palette.png": _picture("PNG", "P"),
        "turned.png": _picture("PNG", exif=orientation),
        "deep.png": _deep("PNG"),
        "moving.png": _picture("PNG", **two),
    }
    jpeg = {
        "plain.jpg": _picture("JPEG"),
        "gradual.jpg": _picture("JPEG", progressive=True),
        "four.jpg": _picture("JPEG", "CMYK"),
        "grey.jpg": _picture("JPEG", "L"),
        "turned.jpg": _picture("JPEG", exif=orientation),
    }
    tiff = {
        "raw.tif": _picture("TIFF"),
        "lzw.tif": _picture("TIFF", compression="tiff_lzw"),
        "deflate.tif": _picture("TIFF", "RGBA", compression="tiff_adobe_deflate"),
        "jpeg.tif": _picture("TIFF", compression="jpeg"),
        "bits.tif": _picture("TIFF", "1", compression="group4"),
        "lab.tif": _picture("TIFF", "LAB"),
        "deep.tif": _deep("TIFF"),
        "pages.tif": _picture("TIFF", **two),
    }
    gif = {"one.gif": _picture("GIF", "P"), "moving.gif": _picture("GIF", **two)}
    webp = {
        "lossy.webp": _picture("WEBP"),
        "exact.webp": _picture("WEBP", "RGBA", lossless=True),
        "moving.webp": _picture("WEBP", **two),
    }
    bmp = {"rgb.bmp": _picture("BMP"), "palette.bmp": _picture("BMP", "P")}
    commands = (EXPLAIN, EXPLAIN, SCAN, COMPARE)
    return {
        "PNG": Kind(png, (*BYTES, damage.png_field, damage.png_field), commands),
        **{
            name: Kind(files, BYTES, commands)
            for name, files in (("JPEG", jpeg), ("TIFF", tiff), ("GIF", gif), ("WebP", webp))
        },
        "BMP": Kind(bmp, BYTES, commands),
    }


def other_kinds() -> dict[str, Kind]:
    """Tables, sequences, arrays, archives and labels."""
    pictures = {f"{name}/{i}.png": _picture("PNG", seed=i) for i, name in enumerate(("cat", "dog"))}
    arrays = {"x": _array(np.float32), "y": np.arange(2)}
    two = {
        "x": np.ones((2, 5), np.float32),
        "state": np.ones((2, 6), np.float32),
        "sr": np.array(2),
    }
    array_edits = (*BYTES, damage.number, damage.number)
    zip_edits = (*BYTES, damage.in_zip, damage.in_zip)
    fasta = b"; a comment\n>one first\nACGTACGTAC\nGTACGTAC\n>two\nacgtn-*\n\n>two\n" + b"ACGT" * 9
    return {
        "FASTA": Kind({"x.fa": fasta}, TEXT, (LETTERS,)),
        "FASTA.gz": Kind(
            {"x.fa.gz": gzip.compress(fasta)}, (*BYTES, damage.in_gzip), (LETTERS,)
        ),
        "CSV": Kind(_tables(), TEXT),
        "NPY": Kind(
            {
                "floats.npy": _saved(np.save, _array(np.float32)),
                "bytes.npy": _saved(np.save, _array(np.uint8)),
                "columns.npy": _saved(np.save, np.asfortranarray(_array(np.float64))),
            },
            array_edits,
        ),
        "NPZ": Kind(
            {
                "plain.npz": _saved(np.savez, **arrays),
                "small.npz": _saved(np.savez_compressed, **arrays),
            },
            zip_edits,
        ),
        "NPZ of several inputs": Kind(
            {"x.npz": _saved(np.savez, **two)}, zip_edits, (SEVERAL,)
        ),
        "baselines": Kind(
            {
                "x.npy": _saved(np.save, _array(np.float32)),
                "x.npz": _saved(np.savez_compressed, x=_array(np.float32)),
            },
            (*array_edits, damage.number, damage.in_zip),
            (BASELINES,),
        ),
        "ZIP": Kind({"x.zip": _zip(pictures)}, zip_edits),
        "TAR": Kind({"x.tar": _tar(pictures, "w")}, (*BYTES, damage.in_tar, damage.in_tar)),
        "TAR.gz": Kind({"x.tgz": _tar(pictures, "w:gz")}, (*BYTES, damage.in_gzip)),
        "labels": Kind(_labels(), TEXT, (LABELS,)),
    }  # fmt: skip


def _image(mode: str, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (10, 12, 3), np.uint8)
    image = Image.fromarray(pixels)
    return Image.new("LAB", image.size, (90, 140, 100)) if mode == "LAB" else image.convert(mode)


def _picture(form: str, mode: str = "RGB", seed: int = 0, **options: Any) -> bytes:
    file = io.BytesIO()
    _image(mode, seed).save(file, form, **options)
    return file.getvalue()


def _deep(form: str) -> bytes:
    file = io.BytesIO()
    values = np.random.default_rng(0).integers(0, 2**16, (10, 12)).astype(np.uint16)
    Image.fromarray(values).save(file, form)
    return file.getvalue()


def _array(dtype: type) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).uniform(0, 255, (2, 3, 8, 8)).astype(dtype)


def _saved(save: Callable[..., object], *arguments: Any, **named: Any) -> bytes:
    file = io.BytesIO()
    save(file, *arguments, **named)
    return file.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def _tar(files: dict[str, bytes], mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(mode=mode, fileobj=file) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def _tables() -> dict[str, bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 192))
    names = ",".join(f"pixel{i}" for i in range(192))
    rows = [",".join(map(str, row)) for row in pixels]
    texts = {
        "plain.csv": "\n".join(rows),
        "label.csv": "\n".join(f"7,{row}" for row in rows),
        "named.csv": "\n".join([f"{names},label", *(f"{row},7" for row in rows)]),
        "packed.csv": "\n".join(
            ["emotion,pixels,Usage", *(f'3,"{row.replace(",", " ")}",Test' for row in rows)]
        ),
    }
    return {name: text.encode() for name, text in texts.items()}


def _labels() -> dict[str, bytes]:
    names = ["cat, tabby", "dog", "great white shark", 'it\'s a "bird"']
    lines = "".join(f"  {i}: {name}\n" for i, name in enumerate(names))
    texts = {
        "lines.txt": "\n".join(names),
        "synsets.txt": "\n".join(f"n0144076{i} {name}" for i, name in enumerate(names)),
        "list.json": json.dumps(names),
        "pairs.json": json.dumps({i: [f"n0144076{i}", n] for i, n in enumerate(names)}, indent=1),
        "python.txt": "{" + ",\n ".join(f"{i}: {name!r}" for i, name in enumerate(names)) + "}",
        "block.yaml": f"# data\npath: x\nnames:\n{lines}nc: 4\n",
        "flow.yaml": "nc: 4\nnames: [cat, 'dog', \"shark\", bird]\n",
    }
    return {name: text.encode() for name, text in texts.items()}
