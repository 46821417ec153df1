"""The command line as a shell sees it: completion, near names, exit codes, JSON, colours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flow.cli import app

FLOW = [sys.executable, "-c", "from flow.cli import main; main()"]


def completed(words: str) -> list[str]:
    """Return what bash would offer for the last of `words`."""
    variables = {
        "_FLOW_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    program = [sys.executable, "-c", "import sys; sys.argv[0] = 'flow'; " + FLOW[2]]
    told = subprocess.run(
        program, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    return told.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("flow ins", "inspect"),
        ("flow build --board ZCU", "ZCU104"),
        ("flow build --dry", "--dry-run"),
    ],
)
def test_the_shell_completes_commands_options_and_boards(words: str, offered: str) -> None:
    assert offered in completed(words)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["bild"], "build"),
        (["build", "--bord", "ZCU104"], "--board"),
        (["schema", "confg"], "config"),
    ],
)
def test_a_wrong_name_exits_with_2_and_offers_the_near_one(
    arguments: list[str], meant: str
) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert meant in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "--board", "ZCU104"],
        ["report", "--all"],
        ["inspect", "gone.onnx"],
        ["infer", "gone.png", "--model", "gone.onnx"],
        ["waves", "MVAU_0", "--board", "ZCU104"],
        ["clean", "--all"],
        ["verify", "--board", "ZCU104"],
        ["build", "--board", "nowhere"],
        ["eval", "--model", "gone.onnx"],
    ],
)
def test_with_json_an_error_is_a_json_document_too(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert told["exit_code"] == 2
    assert told["error"] in result.stderr.removeprefix("error: ")


def test_no_color_is_respected(tmp_path: Path) -> None:
    told = subprocess.run(
        [*FLOW, "boards"],
        env={**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b[3" not in told.stdout
