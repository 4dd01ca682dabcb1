"""The parameters of the sampled methods: seeds, arrays, and what is said of wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from retrograph.errors import InputError
from retrograph.methods import Method
from retrograph.methods.given import Given
from retrograph.methods.noise import SmoothGrad, VarGrad
from retrograph.methods.parameters import configured
from retrograph.methods.path_integral import ExpectedGradients, IntegratedGradients
from retrograph.model import Model
from support.cli_case import assert_one_line, run
from support.graphs import noise, parse
from support.method_nets import DENSE, NCHW
from support.sampled_case import SQUARES, attribution, built, pool


@pytest.mark.parametrize("method", [SmoothGrad, VarGrad])
def test_a_seed_makes_it_repeatable(method: Callable[..., Method]) -> None:
    x = noise(1, 3, 9, 8)
    first, again, other = (attribution(NCHW, method(samples=3, seed=seed), x) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3 * np.abs(first).max()


def test_the_draws_of_expected_gradients_follow_the_seed() -> None:
    x, data = noise(1, 6), pool(5, 6)
    first, again, other = (
        attribution(DENSE, ExpectedGradients(data, samples=4, seed=seed), x) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3 * np.abs(first).max()


def test_arrays_are_recorded_and_compared() -> None:
    data = pool(4, 6)
    one, same, other = (ExpectedGradients(array) for array in (data, data.copy(), data + 1))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != ExpectedGradients()
    assert IntegratedGradients(baseline=data[0]) != IntegratedGradients()
    found = Model(built(DENSE, one)).contract
    assert found is not None
    text = found.parameters["baselines"]
    assert text.startswith("array [4, 6] sha256:")
    assert found.parameters == {
        "of": "gradient", "activations": "", "baselines": text, "samples": 50, "seed": 0,
    }  # fmt: skip


def test_a_given_array_stays_as_it_was() -> None:
    data = pool(4, 6)
    method = ExpectedGradients(data)
    data[:] = 0
    assert method == ExpectedGradients(pool(4, 6))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: IntegratedGradients(0), "steps is 0; give a whole number from 1 on"),
        (lambda: IntegratedGradients(1, scheme="trapezoid"), "from 2 on"),
        (lambda: IntegratedGradients(scheme="simpson"), "scheme is 'simpson'; give one of gauss"),
        (lambda: IntegratedGradients(baseline=float("nan")), "baseline is nan; give a finite"),
        (lambda: IntegratedGradients(baseline=np.array([np.inf])), "not finite"),
        (lambda: IntegratedGradients(baseline=np.array(["a"])), "no array of numbers"),
        (lambda: SmoothGrad(samples=0), "samples is 0"),
        (lambda: SmoothGrad(samples=2.5), "samples is 2.5"),
        (lambda: VarGrad(noise=0.0), "noise is 0.0; give a share"),
        (lambda: VarGrad(noise=float("nan")), "noise is nan"),
        (lambda: SmoothGrad(seed=-1), "seed is -1"),
        (lambda: SmoothGrad(of="saliency"), "of is 'saliency'; give one of gradient, deconvnet"),
        (lambda: SmoothGrad(activations="some"), "activations is 'some'; give gate or relu-only"),
        (lambda: built(DENSE, "expected-gradients"), "has no baselines; give a data set"),
        (lambda: built(DENSE, ExpectedGradients(pool(6))), r"\[6\] does not fit the input 'x'"),
        (lambda: built(DENSE, ExpectedGradients(pool(2, 5))), r"it takes \[\?, 6\]"),
        (
            lambda: built(DENSE, IntegratedGradients(baseline=pool(2, 6))),
            r"takes \[6\] or \[1, 6\]",
        ),
        (
            lambda: built(SQUARES, IntegratedGradients(baseline=pool(4))),
            "give an array for each of a, b",
        ),
        (
            lambda: built(SQUARES, ExpectedGradients({"a": pool(2, 4), "b": pool(3, 3, 5)})),
            "give as many for each input",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(make: Callable[[], object], why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_parameters_from_text(tmp_path: Path) -> None:
    data = pool(3, 6)
    np.save(tmp_path / "data.npy", data)
    np.savez(tmp_path / "one.npz", anything=data)
    np.savez(tmp_path / "input.npz", input=data, label=np.arange(3))
    np.savez(tmp_path / "two.npz", a=data, b=pool(3, 2))
    wanted = ExpectedGradients(data, samples=7)
    for name in ("data.npy", "one.npz"):
        texts = {"baselines": str(tmp_path / name), "samples": "7"}
        assert configured(ExpectedGradients(), texts) == wanted
    both = configured(ExpectedGradients(), {"baselines": str(tmp_path / "two.npz")})
    assert both == ExpectedGradients({"a": data, "b": pool(3, 2)})
    start = configured(IntegratedGradients(), {"baseline": str(tmp_path / "data.npy")})
    assert start == IntegratedGradients(baseline=data)
    texts = {"baseline": "-1.5", "scheme": "left", "of": "guided"}
    found = configured(IntegratedGradients(), texts)
    assert found == IntegratedGradients(baseline=-1.5, scheme="left", of="guided")


def baseline_from(path: Path) -> IntegratedGradients:
    method = configured(IntegratedGradients(), {"baseline": str(path)})
    assert isinstance(method, IntegratedGradients)
    return method


def test_the_array_input_is_for_the_only_input(tmp_path: Path) -> None:
    """As `explain --npz` writes it, beside arrays that are no inputs."""
    np.savez(tmp_path / "kept.npz", input=pool(6), score=pool(1), name=np.array(["cat"]))
    x, same = pool(2, 6), IntegratedGradients(baseline=pool(6))
    wanted = attribution(DENSE, same, x)
    np.testing.assert_array_equal(
        attribution(DENSE, baseline_from(tmp_path / "kept.npz"), x), wanted
    )


def test_an_input_may_be_called_input(tmp_path: Path) -> None:
    """Then each of the several inputs has the array of its name."""
    net = SQUARES.replace(" a,", " input,").replace("(a, a)", "(input, input)")
    arrays = {"input": pool(4), "b": pool(3, 5)}
    np.savez(tmp_path / "both.npz", **arrays)
    methods = baseline_from(tmp_path / "both.npz"), IntegratedGradients(baseline=arrays)
    read, given = (built(net, m).graph.SerializeToString() for m in methods)
    assert read == given


@pytest.mark.parametrize(
    ("name", "content"), [("lacks.npy", None), ("text.npy", b"none"), ("part.npz", b"PK\x03\x04")]
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=name):
        configured(ExpectedGradients(), {"baselines": str(path)})


def test_a_text_that_is_neither_number_nor_file() -> None:
    with pytest.raises(InputError, match=r"give a number, or an \.npy or \.npz, such as 0\.0"):
        configured(IntegratedGradients(), {"baseline": "black"})


def test_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(parse(DENSE), "net.onnx")
    np.save("data.npy", pool(3, 6))
    build = ("build", "net.onnx", "--method", "expected-gradients", "-o", "built.onnx")
    assert_one_line(
        run(capsys, *build),
        "'expected-gradients' has no baselines",
        ": --param baselines=FILE.npy, or ",
    )
    assert run(capsys, *build, "--param", "baselines=data.npy").code == 0
    contract = Model(tmp_path / "built.onnx").contract
    assert contract is not None
    assert contract.parameters["baselines"] == str(Given("", pool(3, 6)))
