"""The sampled methods against Captum's, at Captum's own samples (goldens/methods/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import pytest

import retrograph
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.methods import Method
from retrograph.methods.noise import SmoothGrad, VarGrad
from retrograph.methods.path_integral import ExpectedGradients, IntegratedGradients
from retrograph.methods.sampled import Source
from support.graphs import Array, runner
from support.method_golden_case import FOLDER, assert_near, attribution, each_file, golden

STEPS = 16
SCHEMES = {
    "gauss-legendre": "gausslegendre",
    "left": "riemann_left",
    "right": "riemann_right",
    "midpoint": "riemann_middle",
    "trapezoid": "riemann_trapezoid",
}
TRAPEZOID = STEPS / (STEPS - 1)
"""Captum gives a node of the trapezoid 1/n where the rule has 1/(n - 1)."""


@pytest.mark.one_in(3)
@each_file
@pytest.mark.parametrize("scheme", SCHEMES)
def test_integrated_gradients(file: str, scheme: str) -> None:
    given = golden(file)
    starts = {"zero": 0.0, "baseline": given["baseline"]}
    found = {}
    for name, start in starts.items():
        wanted = given.get(f"integrated-gradients__{SCHEMES[scheme]}_{name}")
        if wanted is not None:
            found[name] = attribution(file, IntegratedGradients(STEPS, start, scheme))
            assert_near(found[name], wanted * (TRAPEZOID if scheme == "trapezoid" else 1))
    assert "baseline" in found
    assert len(found) == 1 or scheme in ("gauss-legendre", "trapezoid")


class _CaptumsNoise:
    """Adds stored noise in place of the method's own."""

    stored: Array

    def drawn(self, e: Emitter, source: Source) -> Callable[[Emitter, Tensor], Tensor]:
        held = e.const(self.stored, source.x.dtype)
        return lambda body, i: body.gather(held, i, axis=0)


@dataclass(frozen=True, eq=False)
class NoisyMean(_CaptumsNoise, SmoothGrad):
    stored: Array = ()


@dataclass(frozen=True, eq=False)
class NoisyVariance(_CaptumsNoise, VarGrad):
    stored: Array = ()


@dataclass(frozen=True, eq=False)
class CaptumsDraws(ExpectedGradients):
    chosen: Array = ()
    alphas: Array = ()

    def drawn(self, size: int) -> tuple[Array, Array]:
        return self.chosen, self.alphas


def single(file: str, item: int, method: Method) -> Array:
    """The attribution of one item of the golden batch."""
    given = golden(file)
    built = retrograph.build(onnx.load(FOLDER / file), method=method, layer="scores", select="unit")
    x, select = given["x"][[item]], given["classes"][[item]].reshape(-1, 1)
    found: Array = runner(built)(x=x, select=select)["attribution"]
    return found


@each_file
@pytest.mark.parametrize(("key", "method"), [("smoothgrad", NoisyMean), ("vargrad", NoisyVariance)])
def test_noise(file: str, key: str, method: type[NoisyMean | NoisyVariance]) -> None:
    """Captum draws for each item on its own, so each is explained alone."""
    given = golden(file)
    found = [
        single(file, n, method(samples=len(noise), stored=noise))
        for n, noise in enumerate(given["noise"])
    ]
    assert_near(np.concatenate(found), given[key])


@each_file
def test_expected_gradients(file: str) -> None:
    given = golden(file)
    found = [
        single(
            file,
            n,
            CaptumsDraws(
                baselines=given["pool"], samples=len(alphas), chosen=chosen, alphas=alphas
            ),
        )
        for n, (chosen, alphas) in enumerate(zip(given["chosen"], given["alphas"], strict=True))
    ]
    assert_near(np.concatenate(found), given["expected-gradients"])
