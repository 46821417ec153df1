"""Running tools: logs, the first real error, timeouts and missing programs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from flow.errors import ToolError, UserError
from flow.tools.process import Plan, execute, first_error_line, run

PYTHON = sys.executable


def test_output_of_both_streams_is_logged_and_returned(tmp_path: Path) -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr)"
    done = run([PYTHON, "-c", script], cwd=tmp_path, log=tmp_path / "a" / "log", timeout_s=60)
    assert sorted(done.output.split()) == ["err", "out"]
    assert done.log.read_text() == done.output


def test_failure_names_command_log_and_first_error(tmp_path: Path) -> None:
    script = "print('fine'); print('Error: the first'); print('Error: the second'); exit(3)"
    with pytest.raises(ToolError, match="exit status 3: Error: the first") as caught:
        run([PYTHON, "-c", script], cwd=tmp_path, log=tmp_path / "log", timeout_s=60)
    assert caught.value.log == tmp_path / "log"
    assert caught.value.command[0] == PYTHON


def test_failure_without_an_error_line_gives_the_last_line(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="exit status 1: last words"):
        run(
            [PYTHON, "-c", "print('a'); print('last words'); exit(1)"],
            cwd=tmp_path,
            log=tmp_path / "log",
            timeout_s=60,
        )


def test_callers_error_finder_is_used(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="found by the hook"):
        run(
            [PYTHON, "-c", "exit(1)"],
            cwd=tmp_path,
            log=tmp_path / "log",
            timeout_s=60,
            first_error=lambda log: "found by the hook",
        )


def test_timeout_kills_the_tool_and_its_children(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "late = 'import time, pathlib; time.sleep(3); pathlib.Path(\"late\").touch()'\n"
        "subprocess.Popen([sys.executable, '-c', late])\n"
        "time.sleep(60)\n"
    )
    started = time.monotonic()
    with pytest.raises(ToolError, match="killed after 1 s"):
        run([PYTHON, "-c", script], cwd=tmp_path, log=tmp_path / "log", timeout_s=1)
    assert time.monotonic() - started < 30
    time.sleep(4)
    assert not (tmp_path / "late").exists()


def test_missing_program_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no-such-tool: not found; install it"):
        run(["no-such-tool"], cwd=tmp_path, log=tmp_path / "log", timeout_s=1)


def test_missing_directory_is_told_apart_from_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such directory"):
        run([PYTHON], cwd=tmp_path / "gone", log=tmp_path / "log", timeout_s=1)


def test_plan_is_written_and_run_with_its_environment(tmp_path: Path) -> None:
    script = tmp_path / "sub" / "script.py"
    text = "import os; print(os.environ['GREETING'])"
    plan = Plan((PYTHON, "sub/script.py"), tmp_path, {script: text}, {"GREETING": "good day"})
    assert not script.exists()
    assert execute(plan, log=tmp_path / "log", timeout_s=60).output == "good day\n"


def test_plan_prints_as_a_shell_line() -> None:
    plan = Plan(("tool", "a b"), Path("/"), env={"B": "2", "A": "x y"})
    assert str(plan) == "A='x y' B=2 tool 'a b'"


def test_no_error_line_is_none() -> None:
    assert first_error_line("all\nwell\n") is None
