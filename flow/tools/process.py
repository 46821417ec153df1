"""Run external tools: one place for timeouts, logs, missing programs and the first real error."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flow.errors import ToolError, UserError

FirstError = Callable[[str], str | None]
"""Finds the line of a log that tells the user what went wrong; None when there is none."""

_ERROR_MARKS = ("error", "fatal", "traceback", "undefined reference", "no such file")
_FIRST_ERROR_WIDTH = 400

_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class Plan:
    """What a tool call will do, made without touching the disk: argv, files, where to run."""

    argv: tuple[str, ...]
    cwd: Path
    files: Mapping[Path, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Give the call as one line a shell accepts, for `--dry-run` and logs."""
        assigned = [f"{name}={shlex.quote(value)}" for name, value in sorted(self.env.items())]
        return " ".join([*assigned, shlex.join(self.argv)])


@dataclass(frozen=True)
class Completed:
    """A call that ended with status 0. `output` is stdout and stderr together, as in `log`."""

    argv: tuple[str, ...]
    log: Path
    seconds: float
    output: str


def first_error_line(log: str) -> str | None:
    """Return the first line of `log` that looks like an error, at most 400 characters of it."""
    for line in log.splitlines():
        if any(mark in line.lower() for mark in _ERROR_MARKS):
            return line.strip()[:_FIRST_ERROR_WIDTH]
    return None


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    log: Path,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    first_error: FirstError = first_error_line,
) -> Completed:
    """Run `argv` in `cwd` to its end, everything it prints going to `log`.

    `env` is added to the caller's environment. The tool and all it started are killed after
    `timeout_s` seconds.

    Raises:
        UserError: the program does not exist, or is not executable.
        ToolError: it exited with another status than 0, or ran out of time.
    """
    command = [str(part) for part in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as sink:
        try:
            child = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise UserError(_cannot_start(command[0], cwd, error)) from error
        _running.add(child)
        try:
            status = child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill_session(child)
            told = f"killed after {timeout_s:g} s without an end; see the log or raise the timeout"
            raise ToolError(Path(command[0]).name, command, log, told) from None
        except BaseException:
            _kill_session(child)
            raise
        finally:
            _running.discard(child)
    seconds = time.monotonic() - started
    output = log.read_text(encoding="utf-8", errors="replace")
    if status != 0:
        told = first_error(output) or _last_line(output) or "it printed nothing"
        raise ToolError(Path(command[0]).name, command, log, f"exit status {status}: {told}")
    return Completed(tuple(command), log, seconds, output)


def execute(
    plan: Plan, *, log: Path, timeout_s: float, first_error: FirstError = first_error_line
) -> Completed:
    """Write the plan's files and run it; errors as in `run`."""
    plan.cwd.mkdir(parents=True, exist_ok=True)
    for path, text in plan.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return run(
        plan.argv,
        cwd=plan.cwd,
        log=log,
        timeout_s=timeout_s,
        env=plan.env,
        first_error=first_error,
    )


def end_all() -> None:
    """Kill every tool that `run` waits for now, in whichever thread; each of those calls fails.

    For whoever runs tools in threads: an interruption reaches the main thread only.
    """
    for child in tuple(_running):
        if child.returncode is None:
            _kill_session(child)


def _cannot_start(program: str, cwd: Path, error: OSError) -> str:
    if not cwd.is_dir():
        return f"{program}: cannot run in {cwd}: no such directory"
    reason = "not found" if isinstance(error, FileNotFoundError) else "not executable"
    return f"{program}: {reason}; install it or put it on PATH (`flow doctor` lists what is needed)"


def _last_line(output: str) -> str | None:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:_FIRST_ERROR_WIDTH] if lines else None


def _kill_session(child: subprocess.Popen[bytes]) -> None:
    """Kill the child and everything in its session: a `make` must not leave compilers behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
