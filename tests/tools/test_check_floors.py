"""The lowest versions that pyproject.toml lets in, as tools/checks/check_floors.py reads them."""

from __future__ import annotations

import re
from importlib.metadata import requires

from check_floors import floors
from retrograph.ir.io.runtime_releases import LOWEST, version_of


def plain(name: str) -> str:
    return name.replace("-", "_").lower()


def test_every_dependency_has_its_floor() -> None:
    own = [one for one in requires("retrograph") or () if "extra" not in one]
    declared = {plain(re.split(r"[<>=; ]", one)[0]) for one in own}
    assert {plain(one.split("==")[0]) for one in floors()} == declared | {"onnxruntime"}


def test_the_lowest_runtime_is_the_one_that_graphs_are_measured_by() -> None:
    (runtime,) = (one for one in floors() if one.startswith("onnxruntime=="))
    assert version_of(runtime.split("==")[1]) == LOWEST
