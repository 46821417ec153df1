"""Errors a user may see: each says where, what was found, what is allowed and what to do next."""

from __future__ import annotations

from pathlib import Path


class FlowError(Exception):
    """Base of every error the CLI prints as one clear line; `exit_code` is the process's status."""

    exit_code = 1


class UserError(FlowError):
    """The input is at fault (a name, a file, an option); exit 2, no traceback."""

    exit_code = 2


class ToolError(FlowError):
    """An external tool failed; carries the command, the log and the first real error line."""

    exit_code = 1

    def __init__(self, where: str, command: list[str], log: Path, first_error: str) -> None:
        self.command, self.log, self.first_error = command, log, first_error
        super().__init__(f"{where}: {first_error}\n  command: {' '.join(command)}\n  log: {log}")


class CheckFailed(FlowError):
    """A comparison or a gate failed: the result is not what was promised; exit 3."""

    exit_code = 3
