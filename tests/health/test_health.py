"""What the doctor says of an installation: what is missing, too old, doubled, or does not work."""

from __future__ import annotations

import json

import pytest

import retrograph
from retrograph import demonstration
from retrograph.errors import DeviceError
from retrograph.health import Health, installed, trials
from support.cli_case import good, run

REQUIREMENTS = (
    "numpy>=2.0",
    "pillow>=99.1",
    "no-such-package",
    "onnxruntime>=1.20; extra == 'cpu'",
    "no-such-server>=0.3; sys_platform != 'win32' and extra == 'serve'",
    "mypy>=1.15; extra == 'dev'",
)


def test_a_package_is_there_or_too_old_or_missing() -> None:
    packages = {p.name: p for p in installed.needed_packages(REQUIREMENTS)}
    assert [*packages] == ["numpy", "pillow", "no-such-package", "onnxruntime", "no-such-server"]
    assert packages["numpy"].lacking == ""
    assert packages["pillow"].lacking.endswith("older than 99.1")
    assert packages["no-such-package"].lacking == "is not installed"
    assert (packages["no-such-server"].extra, packages["no-such-server"].lowest) == ("serve", "0.3")


@pytest.mark.parametrize(
    ("version", "lowest", "older"),
    [("2.0.0", "2.0", False), ("1.9", "1.10", True), ("1.20rc1", "1.20", False), ("3", "", False)],
)
def test_versions_are_compared_by_their_numbers(version: str, lowest: str, older: bool) -> None:
    assert bool(installed.Needed("x", lowest, "", version).lacking) is older


def test_two_runtimes_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrograph.health.installed_version", lambda name: "1.20.0")
    monkeypatch.setattr("retrograph.health.self_test", list)
    health = retrograph.doctor()
    assert not health.well
    assert any("overwrite each other" in problem for problem in health.problems)


def test_what_is_missing_is_told_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = installed.needed_packages(REQUIREMENTS)
    monkeypatch.setattr("retrograph.health.needed_packages", lambda: packages)
    monkeypatch.setattr("retrograph.health.self_test", list)
    health = retrograph.doctor()
    assert health.missing_extras == {"serve": ("no-such-server",)}
    assert len(health.problems) == 2
    assert "pip install 'pillow>=99.1'" in health.problems[0]


def test_the_self_test_passes_here() -> None:
    assert [trial.passed for trial in trials.self_test()] == [True, True]


def test_the_self_test_fails_where_the_gradient_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "Explainer", _half_gradients(trials.Explainer))
    first, _ = trials.self_test()
    assert not first.passed
    assert "ArithmeticError" in first.outcome


def _half_gradients(explainer: type) -> type:
    class Half(explainer):  # type: ignore[misc]
        def attribute(self, *args: object, **kwargs: object) -> object:
            answer = super().attribute(*args, **kwargs)
            answer.attribution[:] /= 2
            return answer

    return Half


def test_without_a_runtime_each_trial_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: object, **_kwargs: object) -> None:
        raise DeviceError("ONNX Runtime is not installed; pip install 'retrograph[cpu]'")

    monkeypatch.setattr(trials, "Explainer", missing)
    monkeypatch.setattr(trials, "demo", missing)
    assert {trial.outcome for trial in trials.self_test()} == {
        "ONNX Runtime is not installed; pip install 'retrograph[cpu]'"
    }


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    out = good(capsys, "doctor")
    assert out.splitlines()[0].split() == ["retrograph", retrograph.__version__]
    assert out.splitlines()[-1] == "all is well"
    record = json.loads(good(capsys, "doctor --json"))
    assert record["well"] is True
    assert record["runtimes"]


def test_a_problem_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrograph.cli.doctor.doctor", lambda: _ill())
    done = run(capsys, "doctor")
    assert done.code == 1
    assert done.out.endswith("problem: numpy is gone\n1 problem\n")


def _ill() -> Health:
    return Health({"retrograph": "0"}, (), {}, (), (), ("numpy is gone",))


def test_the_demonstration_needs_only_the_package(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.chdir(str(tmp_path))
    out = good(capsys, "demo")
    assert "scores · cat" in out
    assert run(capsys, "demo").code == 2
    assert demonstration.PHOTOGRAPH.stat().st_size < 40_000
