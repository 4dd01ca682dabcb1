"""Help is a page, and all of a command and what commands have in common are told on request."""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from pathlib import Path

import pytest

from retrograph import cli
from retrograph.cli.pages import TOPICS
from retrograph.cli.pages import topic as topic_page
from retrograph.cli.parser import RARE, Parser
from support.cli_case import assert_one_line, good, run

Capture = pytest.CaptureFixture[str]

COMMANDS = (
    *("layers", "heads", "check", "methods", "explain", "compare", "sanity", "scan", "patches"),
    *("filters", "maximize", "build", "bench", "help"),
)


def parsers() -> dict[str, argparse.ArgumentParser]:
    actions = cli._parser()._actions
    (commands,) = (a for a in actions if isinstance(a, argparse._SubParsersAction))
    return dict(commands.choices)


def test_every_command_is_counted() -> None:
    assert {*COMMANDS} <= {*parsers()}


@pytest.mark.parametrize("command", ["", *parsers()])
def test_help_is_a_page(capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = good(capsys, f"{command} --help").splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("command", parsers())
def test_every_option_is_named_and_told_on_request(capsys: Capture, command: str) -> None:
    page, manual = good(capsys, f"{command} --help"), good(capsys, f"help {command}")
    for action in parsers()[command]._actions:
        name = (action.option_strings or [str(action.metavar)])[-1]
        assert name in page
        assert name in manual
        if action.help and action.option_strings[-1:] != ["--help"]:
            assert action.help.split()[0] in manual


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_has_its_words_and_its_options(capsys: Capture, topic: str) -> None:
    told = good(capsys, f"help {topic}")
    assert told.startswith(topic_page(topic))
    for parser in parsers().values():
        for group in parser._action_groups:
            if group.title == topic:
                assert all(a.option_strings[-1] in told for a in group._group_actions)
    assert max(map(len, told.splitlines())) <= 100


def test_rare_options_are_told_under_their_topics() -> None:
    rare = {g.title for p in parsers().values() for g in p._action_groups if g.title in RARE}
    assert rare == {*RARE}


def test_what_is_not_told_is_a_mistake_with_a_hint(capsys: Capture) -> None:
    done = run(capsys, "help", "preprocesing")
    assert done.code == 2
    assert "did you mean 'preprocessing'" in done.err
    assert "explain" in good(capsys, "help")


def test_usage_is_a_line(capsys: Capture) -> None:
    assert good(capsys, "scan --help").splitlines()[0] == (
        "usage: retrograph scan MODEL INPUT ... --layer NAME[,NAME] -o RUN [options]"
    )
    assert all(isinstance(parser, Parser) for parser in parsers().values())


OTHER_MEANINGS = {
    "--unit": "maximize.py",  # several, ranges, no unit of an input
    "--batch": "bench.py",  # several sizes, a case each
    "--precision": "build.py",  # of a file
    "--method": "audit.py",  # or none
    "--device": "options.py",  # what a file suits best
}
"""The options that one more place declares, as they mean something else there."""


def test_an_option_is_declared_once() -> None:
    places: dict[str, list[str]] = {}
    for file in sorted(Path(cli.__file__).parent.glob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument":
                names = [str(arg.value) for arg in call.args if isinstance(arg, ast.Constant)]
                for name in (name for name in names if name.startswith("--")):
                    places.setdefault(name, []).append(file.name)
    assert len(places) > 60
    several = {name: files for name, files in places.items() if len(files) > 1}
    assert several.keys() == OTHER_MEANINGS.keys()
    for name, files in several.items():
        assert len(files) == 2
        assert OTHER_MEANINGS[name] in files


def test_commands_are_listed_without_what_they_need() -> None:
    """`retrograph --help` starts in a moment: it imports no command, and none of NumPy and ONNX."""
    script = (
        "import sys\n"
        "from retrograph.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'onnx', 'onnxruntime', 'PIL', 'retrograph.model'} & {*sys.modules}\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"
    parser = cli._parser()
    assert done.stdout.splitlines()[4:] == parser.format_help().splitlines()[4:]


def test_a_command_alone_is_parsed_as_among_all_others(capsys: Capture) -> None:
    for name, parser in parsers().items():
        assert good(capsys, f"{name} --help") == parser.format_help()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("explane net.onnx dog.png", ("'explane'; did you mean explain?", "retrograph --help")),
        (
            "explain net.onnx dog.png --methods guided",
            ("guided; did you mean --method? see",),
        ),
        ("explain net.onnx dog.png --methods=guided", ("did you mean --method?", "explain --help")),
        ("explain net.onnx dog.png --preprocess imagnet", ("did you mean imagenet?",)),
        ("explain net.onnx dog.png --zzz", ("unrecognized arguments: --zzz; see",)),
    ],
)
def test_a_near_word_is_suggested(
    capsys: pytest.CaptureFixture[str], arguments: str, words: tuple[str, ...]
) -> None:
    assert_one_line(run(capsys, *arguments.split()), *words)


@pytest.mark.parametrize(
    "words",
    [
        "audit A.onnx B.onnx dog.png --runtime --threads 1",
        "audit --runtime A.onnx B.onnx dog.png --threads 1",
        "audit A.onnx --runtime B.onnx dog.png --threads 1",
        "audit A.onnx B.onnx --runtime --threads 1 dog.png",
        "audit A.onnx --threads 1 B.onnx --runtime dog.png",
    ],
)
def test_options_stand_anywhere_among_files(words: str) -> None:
    args = cli._parser("audit").parse_args(words.split())
    assert (args.model, args.others) == ("A.onnx", ["B.onnx", "dog.png"])
    assert (args.runtime, args.threads) == (True, 1)
