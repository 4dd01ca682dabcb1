"""The C++ host: built with AddressSanitizer, run on the conformance cases, and as a package."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retrograph
from case_files import read_array, read_case
from retrograph.preprocess import Preprocessing, prepare
from retrograph.render import STYLES
from support import cpp
from support.conformance import shared_cases
from support.nets import scores_as_a_map
from support.paths import SAMPLE_MODELS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(cpp.missing()), reason=f"not there: {cpp.missing()}"),
]

FLAGS = "-O0 -g0 -fsanitize=address"

CONSUMER = """
#include <retrograph/retrograph.hpp>
#include <cstdio>

int main(int, char** files) try {
  const retrograph::Explainer explain(files[1]);
  const retrograph::Picture picture(32, 32, 77);
  const auto a = explain.explain(picture);
  for (const float value : a.attribution().values) std::printf("%.9g\\n", value);
} catch (const retrograph::Error& error) {
  return std::fprintf(stderr, "%s\\n", error.what()), 1;
}
"""
CONSUMER_LISTS = """
cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES CXX)
find_package(retrograph 0.2 REQUIRED)
add_executable(consumer main.cpp)
target_link_libraries(consumer PRIVATE retrograph::retrograph)
"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_cases(tmp_path_factory)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, cases: Path) -> Path:
    """The example and the tests, with AddressSanitizer; they open ONNX Runtime at run time."""
    options = [
        f"-DCMAKE_CXX_FLAGS={FLAGS} -Werror",
        f"-DONNXRUNTIME_INCLUDE_DIR={cpp.headers()}",
        "-DRETROGRAPH_DYNAMIC=ON",
        f"-DRETROGRAPH_RUNTIME={cpp.library()}",
        f"-DRETROGRAPH_CASES={cases}",
        f"-DCMAKE_INSTALL_PREFIX={tmp_path_factory.mktemp('prefix')}",
        "-DCMAKE_INSTALL_LIBDIR=lib",
    ]
    return cpp.build(cpp.SOURCE, tmp_path_factory.mktemp("cpp") / "build", options)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("graph") / "built.onnx"
    retrograph.save(retrograph.build(SAMPLE_MODELS / "cifar10_cnn.onnx"), file)
    return file


def explain(built: Path, *arguments: object, code: int = 0) -> str:
    """What the example prints; of an error its only line."""
    ran = cpp.called(built / "explain", *arguments, "--runtime", cpp.library(), code=code)
    assert code == 0 or (ran.stdout == "" and ran.stderr.count("\n") == 1)
    return ran.stdout if code == 0 else ran.stderr


def test_ctest_runs_every_case(built: Path) -> None:
    ran = cpp.called("ctest", "--output-on-failure", "--verbose", folder=built)
    assert "100% tests passed, 0 tests failed out of 2" in ran.stdout
    told = [line for line in ran.stdout.splitlines() if "ONNX Runtime" in line or " met" in line]
    print("\n".join(told))


def test_a_case_that_is_not_met_fails(built: Path, cases: Path, tmp_path: Path) -> None:
    for kind, name in (("graphs", "several-inputs"), ("pictures", "small"), ("drawings", "zeros")):
        (tmp_path / kind / name).mkdir(parents=True)
        for file in (cases / kind / name).iterdir():
            (tmp_path / kind / name / file.name).write_bytes(file.read_bytes())
    names = '{"graphs": ["several-inputs"], "pictures": ["small"], "drawings": ["zeros"]}'
    (tmp_path / "index.json").write_text(names)
    command = (built / "tests" / "conformance", tmp_path, "--runtime", cpp.library())
    cpp.called(*command)
    for changed in ("graphs/several-inputs/output-2.bin", "pictures/small/prepared.bin"):
        file = tmp_path / changed
        right = file.read_bytes()
        values = np.frombuffer(right, "<f4").copy()
        values[-1] += 3e-4 * np.abs(values).max()
        file.write_bytes(values.tobytes())
        assert "NOT MET" in cpp.called(*command, code=1).stdout
        file.write_bytes(right)
    drawn = tmp_path / "drawings" / "zeros" / "signed.bin"
    drawn.write_bytes(bytes([126]) + drawn.read_bytes()[1:])
    assert "NOT MET" in cpp.called(*command, code=1).stdout


DECODED = ("alpha", "grey-alpha", "palette-alpha", "exif-5", "exif-8", "16-bit", "black-and-white")


def test_picture_files_become_the_numbers_of_python(
    built: Path, cases: Path, graph: Path, tmp_path: Path
) -> None:
    """From the file on: what the example draws is what Python draws, to a level."""
    explainer = retrograph.Explainer(graph, device="cpu", threads=1)
    recipe = Preprocessing.from_json(explainer.contract.preprocessing)
    for name, style in zip(DECODED, cycle(("signed", "heat", "overlay")), strict=False):
        folder = cases / "pictures" / name
        case = read_case(folder)
        assert case["lossless"]
        pixels = Image.fromarray(read_array(folder, case["pixels"]))
        x, seen = prepare(pixels, recipe, (1, 3, 32, 32))
        a = explainer.attribute(x[np.newaxis])
        out = tmp_path / f"{name}.png"
        options = ("--style", style, "--scale", 1)
        said = explain(built, graph, folder / case["photograph"], out, *options)
        assert f"unit {a.unit[0, 0]} " in said
        wanted = STYLES[style].draw(a.attribution[0], picture=seen)
        assert np.abs(np.asarray(Image.open(out), int) - wanted).max() <= 1


def test_mistakes_end_in_one_line(built: Path, graph: Path, cases: Path, tmp_path: Path) -> None:
    photograph = cases / "pictures" / "exif-6" / "photograph.jpg"
    damaged, cut, text = (tmp_path / name for name in ("bad.onnx", "cut.jpg", "text.png"))
    damaged.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
    cut.write_bytes(photograph.read_bytes()[:-900])
    text.write_text("no picture")
    out = tmp_path / "out.png"
    mistakes = {
        "cannot load the graph": (damaged, photograph, out),
        "is damaged (it is cut off)": (graph, cut, out),
        "is no picture that can be read": (graph, text, out),
        "nothing.jpg cannot be read": (graph, tmp_path / "nothing.jpg", out),
        "no graph that retrograph has built": (SAMPLE_MODELS / "cifar10_cnn.onnx", photograph, out),
        "give no unit": (graph, photograph, out, "--unit", "3"),
        "'dogs' is no class": (graph, photograph, out, "--unit", "dogs"),
        "device 'cuda' was asked for": (graph, photograph, out, "--device", "cuda"),
        "cannot be written": (graph, photograph, tmp_path / "nowhere" / "out.png"),
        "is a folder, not a picture; name a file": (graph, tmp_path, out),
        "out.jpg is no .png": (graph, photograph, tmp_path / "out.jpg"),
        "too large to draw": (graph, photograph, out, "--scale", 100000),
        "--scale takes a whole number from 1, not '2x'": (graph, photograph, out, "--scale", "2x"),
        "--threads takes a whole number from 0, not 'x'": (
            graph,
            photograph,
            out,
            "--threads",
            "x",
        ),
    }
    for words, arguments in mistakes.items():
        assert words in explain(built, *arguments, code=2)
    assert not out.exists()


def test_a_class_is_its_number_where_the_other_axes_have_size_1(
    built: Path, cases: Path, tmp_path: Path
) -> None:
    file, photograph = tmp_path / "map.onnx", cases / "pictures" / "alpha" / "photograph.png"
    retrograph.save(retrograph.build(scores_as_a_map(), select="unit"), file)
    alone, whole = tmp_path / "alone.png", tmp_path / "whole.png"
    assert "unit 7 0 0" in explain(built, file, photograph, alone, "--unit", "7")
    explain(built, file, photograph, whole, "--unit", "7,0,0")
    assert alone.read_bytes() == whole.read_bytes()
    assert "out of range" in explain(built, file, photograph, alone, "--unit", "10", code=2)


def test_help_is_the_usage(built: Path) -> None:
    assert cpp.called(built / "explain", "--help").stdout.startswith("usage: explain BUILT.onnx")


def test_a_project_elsewhere_finds_the_package(built: Path, graph: Path, tmp_path: Path) -> None:
    """Installed, found by find_package, linked to the library of Python's wheel."""
    cpp.called("cmake", "--install", built)
    cache = (built / "CMakeCache.txt").read_text()
    (prefix,) = [x for x in cache.splitlines() if x.startswith("CMAKE_INSTALL_PREFIX:")]
    (tmp_path / "main.cpp").write_text(CONSUMER)
    (tmp_path / "CMakeLists.txt").write_text(CONSUMER_LISTS)
    options = [
        f"-DCMAKE_PREFIX_PATH={prefix.partition('=')[2]}",
        f"-DONNXRUNTIME_INCLUDE_DIR={cpp.headers()}",
        f"-DONNXRUNTIME_LIBRARY={cpp.library()}",
    ]
    program = cpp.build(tmp_path, tmp_path / "build", options) / "consumer"
    found = np.array(cpp.called(program, graph).stdout.split(), np.float32)
    explainer = retrograph.Explainer(graph, device="cpu", threads=1)
    wanted = explainer.attribute(np.full((1, 3, 32, 32), 77 / 255, np.float32)).attribution
    np.testing.assert_allclose(found, wanted.ravel(), rtol=1e-4, atol=1e-6)
    assert "does not exist" in cpp.called(program, tmp_path / "nothing.onnx", code=1).stderr


def test_no_header_is_long() -> None:
    for file in (cpp.SOURCE / "include" / "retrograph").glob("*.hpp"):
        assert len(file.read_text().splitlines()) <= 400, file.name
