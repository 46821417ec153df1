"""Errors a user may see: each says where, what was found, what is allowed and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class FlowError(Exception):
    """Base of every error the CLI prints as one clear line; `exit_code` is the process's status."""

    exit_code = 1


class UserError(FlowError):
    """The input is at fault (a name, a file, an option); exit 2, no traceback.

    Who shows it elsewhere reads its parts: `reason` alone, the name of the `node` it speaks of
    (empty: none), and `text`, which is both without `where` it was found.
    """

    exit_code = 2
    where: ClassVar[str] = ""

    def __init__(self, reason: str, *, kind: str = "", node: str = "") -> None:
        self.reason, self.node = reason, node
        self.text = f"{kind} '{node}': {reason}" if node else reason
        super().__init__(f"{self.where}: {self.text}" if self.where else self.text)


class GoldenError(UserError):
    """A file of which there is no golden model, or something that is none."""

    where = "golden"


class NetworkError(UserError):
    """A network that cannot be read, or a node of it that computes something else."""

    where = "network"


class FoldError(UserError):
    """A folding that does not exist or does not fit."""

    where = "fold"


class ToolError(FlowError):
    """An external tool failed; carries the command, the log and the first real error line."""

    exit_code = 1

    def __init__(self, where: str, command: list[str], log: Path, first_error: str) -> None:
        self.command, self.log, self.first_error = command, log, first_error
        super().__init__(f"{where}: {first_error}\n  command: {' '.join(command)}\n  log: {log}")


class CheckFailed(FlowError):
    """A comparison or a gate failed: the result is not what was promised; exit 3."""

    exit_code = 3
