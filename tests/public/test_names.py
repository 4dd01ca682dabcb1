"""What `import retrograph` offers: every name is there, and none is a module's too."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import retrograph

SCRIPT = """
from pathlib import Path

import numpy as np
import retrograph as rg

model = rg.Model("net.onnx")
a = rg.explain(model, "dog.jpg", unit="golden retriever", method="grad-cam", labels=["a", "b"])
score: float = float(a.score[0])
file: Path = a.save("dog.png")
explainer = rg.Explainer(model, method=rg.methods.Guided(), layer="relu3", select="unit")
b: rg.Attribution = explainer.attribute(np.zeros((1, 3, 8, 8), np.float32), unit=(17, 4, 5))
c = rg.compare(model, ["dog.jpg"], methods=["gradient", rg.methods.LrpGamma(gamma=0.1)])
record: dict[str, object] = c.to_dict()
for e in rg.explain_all(model, "photos/", batch=16):
    print(e.name if isinstance(e, rg.Explanation) else e.error)
"""


def test_no_module_is_called_like_an_export() -> None:
    modules = {module.name for module in pkgutil.iter_modules(retrograph.__path__)}
    for name in modules & {*retrograph.__all__}:
        assert inspect.ismodule(getattr(retrograph, name)), name
        spec = importlib.util.find_spec(f"retrograph.{name}")
        assert spec is not None
        assert getattr(retrograph, name).__spec__.name == spec.name


def test_what_is_offered_is_there_and_nothing_else_is() -> None:
    offered = {*retrograph.__all__}
    assert len(offered) == len(retrograph.__all__)
    assert offered <= {*dir(retrograph)}
    assert all(getattr(retrograph, name) is not None for name in offered)
    typed = {
        alias.name
        for node in ast.walk(ast.parse(Path(retrograph.__file__).read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("retrograph")
        for alias in node.names
    }
    assert typed == offered
    public = {*retrograph._PLACES}
    assert public == offered - {"__version__", "methods"}


@pytest.mark.slow
def test_a_script_outside_passes_mypy_strict(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(SCRIPT)
    package = Path(retrograph.__file__).parent
    assert (package / "py.typed").exists()
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "script.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(package.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
