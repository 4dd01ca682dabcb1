"""The conformance cases in Node, and what retrograph-js says of mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retrograph
from case_files import read_case
from support.conformance import shared_cases
from support.javascript import PACKAGE, node, require_node, script


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_cases(tmp_path_factory)


def test_the_package_passes_its_own_tests() -> None:
    require_node()
    node("--test", *sorted(script("").glob("*.test.js")))


def test_types_are_sound(tmp_path: Path) -> None:
    require_node("typescript", "onnxruntime-node")
    compiler = PACKAGE / "node_modules" / "typescript" / "bin" / "tsc"
    node(compiler, "--outDir", tmp_path / "types")
    used = tmp_path / "use.ts"
    used.write_text(
        'import { Explainer, type Attribution } from "./types/index.js";\n'
        "export async function f(ort: unknown, bytes: Uint8Array): Promise<number[]> {\n"
        "  const explainer = await Explainer.load(ort, bytes);\n"
        "  const x = { data: [1], dims: [1] };\n"
        "  const found: Attribution = await explainer.attribute({ x }, 3);\n"
        "  return found.attribution.dims;\n"
        "}\n"
    )
    options = "--ignoreConfig --noEmit --strict --module nodenext --target es2022 --lib es2022,dom"
    node(compiler, *options.split(), used)


@pytest.mark.parametrize(
    "runtime", ["onnxruntime-node", pytest.param("onnxruntime-web", marks=pytest.mark.slow)]
)
def test_every_case_is_met(cases: Path, runtime: str) -> None:
    require_node(runtime)
    print(node(script("run_node.js"), cases, runtime).splitlines()[-1])


def test_a_wrong_case_is_not_met(cases: Path, tmp_path: Path) -> None:
    require_node("onnxruntime-node")
    for name in ("graphs/fixed-batch", "pictures/bicubic", "drawings/window"):
        folder = Path(shutil.copytree(cases / name, tmp_path / name))
        case = read_case(folder)
        parts = case["outputs"] if "outputs" in case else [case.get("prepared", {})]
        entry = next((p for p in parts if p.get("role", "") in ("", "attribution")), None)
        if "styles" in case:
            entry = case["styles"]["heat"]
        assert entry is not None
        values = np.fromfile(folder / entry["file"], entry["dtype"])
        values[values.argmax()] *= 0.98
        values.tofile(folder / entry["file"])
    index = {"graphs": ["fixed-batch"], "pictures": ["bicubic"], "drawings": ["window"]}
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(AssertionError) as failure:
        node(script("run_node.js"), tmp_path)
    told = [line.split() for line in str(failure.value).splitlines() if "NOT MET" in line]
    assert {line[0] for line in told} == {*(f"{kind}/{name}" for kind, (name,) in index.items())}


Mistake = tuple[str, dict[str, list[int]], Any]

PICTURE = {"image": [2, 3, 32, 32]}
MISTAKES: dict[str, Mistake] = {
    "a unit where none is chosen": ("top", PICTURE, 3),
    "no unit": ("channel", {"image": [2, 3, 48, 48]}, None),
    "too many numbers": ("channel", {"image": [2, 3, 48, 48]}, [1, 2]),
    "rows for other items": ("channel", {"image": [2, 3, 48, 48]}, [[1], [2], [3]]),
    "no units": ("top-many", {"image": [1, 3, 48, 48]}, 0),
    "more units than there are": ("top-many", {"image": [1, 3, 48, 48]}, 99),
    "a class out of range": ("relevance", {"x": [1, 3, 8, 8]}, 4),
    "units out of range": ("unit-many", {"image": [1, 3, 32, 32]}, [[1, 2, 3], [256, 0, 0]]),
    "a class too many at [10, 1, 1]": ("class-number", PICTURE, [10]),
    "two of three numbers": ("class-number", PICTURE, [[1, 0], [2, 0]]),
    "another shape": ("top", {"image": [2, 1, 32, 32]}, None),
    "another rank": ("top", {"image": [3, 32, 32]}, None),
    "an input too few": ("several-inputs", {"a": [3, 3], "count": [3, 3]}, None),
    "an input too many": ("top", {**PICTURE, "other": [1]}, None),
}


def test_mistakes_are_refused_in_the_sentences_of_python(cases: Path) -> None:
    require_node("onnxruntime-node")
    asked = [{"graph": g, "x": x, "unit": unit} for g, x, unit in MISTAKES.values()]
    said = json.loads(node(script("mistakes.js"), cases, text=json.dumps(asked)))
    assert dict(zip(MISTAKES, said, strict=True)) == {
        name: f"RetrographError: {sentence(cases, *mistake)}" for name, mistake in MISTAKES.items()
    }


def sentence(cases: Path, graph: str, x: dict[str, list[int]], unit: Any) -> str:
    explainer = retrograph.Explainer(str(cases / "graphs" / graph / "built.onnx"), device="cpu")
    arrays = {name: np.zeros(shape, np.float32) for name, shape in x.items()}
    with pytest.raises(retrograph.RetrographError) as refused:
        explainer.attribute(arrays, unit)
    return str(refused.value)
