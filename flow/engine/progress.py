"""Show a run as it goes: a ticking list on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from flow.environment import Environment, read_environment

if TYPE_CHECKING:
    from rich.table import Table

    from flow.engine.report import StageReport

PLAIN_PROGRESS_EVERY_S = 10.0


class Progress(Protocol):
    """What the runner tells about a run."""

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """The run starts; `stages` are those it will look at, in order."""

    def stage_started(self, stage_id: str, reason: str) -> None:
        """A stage runs, and why."""

    def stage_progress(self, stage_id: str, done: int, total: int | None, text: str) -> None:
        """A running stage got on; `total` None: unknown."""

    def stage_ended(self, stage: StageReport, summary: str) -> None:
        """A stage is done, cached, skipped or failed."""

    def end(self) -> None:
        """The run is over, well or not."""


class Silent:
    """Shows nothing (--quiet); errors still reach the terminal."""

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """Show nothing."""

    def stage_started(self, stage_id: str, reason: str) -> None:
        """Show nothing."""

    def stage_progress(self, stage_id: str, done: int, total: int | None, text: str) -> None:
        """Show nothing."""

    def stage_ended(self, stage: StageReport, summary: str) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""


class PlainLines:
    """One line when a stage starts, one when it ends, and one now and then between."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream
        self._stages: Sequence[str] = ()
        self._last_line_s = 0.0

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """Say what is built."""
        self._stages = stages
        self._line(title)

    def stage_started(self, stage_id: str, reason: str) -> None:
        """Say which stage runs and why."""
        self._last_line_s = time.monotonic()
        self._line(f"{self._position(stage_id)}: running ({reason})")

    def stage_progress(self, stage_id: str, done: int, total: int | None, text: str) -> None:
        """Say how far it is, every ten seconds at most."""
        if time.monotonic() - self._last_line_s >= PLAIN_PROGRESS_EVERY_S:
            self._last_line_s = time.monotonic()
            self._line(f"{self._position(stage_id)}: {step(done, total, text)}")

    def stage_ended(self, stage: StageReport, summary: str) -> None:
        """Say how it ended."""
        self._line(f"{self._position(stage.id)}: {ending(stage, summary)}")

    def end(self) -> None:
        """Nothing to close."""

    def _position(self, stage_id: str) -> str:
        return f"[{self._stages.index(stage_id) + 1:2d}/{len(self._stages)}] {stage_id}"

    def _line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class LiveList:
    """The list of stages, each with its state, redrawn in place."""

    _MARKS = {  # noqa: RUF012
        "done": "[green]✓[/]",
        "cached": "[dim]✓[/]",
        "skipped": "[yellow]-[/]",
        "failed": "[red]✗[/]",
    }

    def __init__(self, stream: TextIO) -> None:
        """Draw on `stream`, a terminal."""
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream)
        self._stages: dict[str, tuple[str, str]] = {}
        self._title = ""
        self._running: tuple[str, float] | None = None
        self._step = ""
        self._live = Live(console=self._console, get_renderable=self._table, refresh_per_second=5)

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """Draw the list, every stage waiting."""
        self._title = title
        self._stages = dict.fromkeys(stages, (" ", ""))
        self._live.start()

    def stage_started(self, stage_id: str, reason: str) -> None:
        """Mark a stage as running."""
        self._running, self._step = (stage_id, time.monotonic()), reason

    def stage_progress(self, stage_id: str, done: int, total: int | None, text: str) -> None:
        """Show how far the running stage is."""
        self._step = step(done, total, text)

    def stage_ended(self, stage: StageReport, summary: str) -> None:
        """Tick a stage off."""
        self._running = None
        self._stages[stage.id] = (self._MARKS[stage.status], ending(stage, summary))

    def end(self) -> None:
        """Leave the list as it stands."""
        self._live.stop()

    def _table(self) -> Table:
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, show_header=False, title=escape(self._title), title_justify="left")
        for stage_id, (mark, text) in self._stages.items():
            if self._running is not None and self._running[0] == stage_id:
                seconds = time.monotonic() - self._running[1]
                spinner = "◐◓◑◒"[int(seconds * 5) % 4]
                mark, text = f"[cyan]{spinner}[/]", f"{seconds:.0f} s  {self._step}"
            table.add_row(mark, stage_id, escape(text))
        return table


def step(done: int, total: int | None, text: str) -> str:
    """Return "3/10 text", or "3 text" where the total is unknown."""
    return f"{done}{f'/{total}' if total is not None else ''} {text}".rstrip()


def ending(stage: StageReport, summary: str) -> str:
    """Return how a stage ended, in one line."""
    if stage.status == "done":
        return f"done in {stage.seconds:.1f} s" + (f": {summary}" if summary else "")
    if stage.status == "cached":
        return "cached" + (f": {summary}" if summary else "")
    return f"{stage.status}: {stage.reason}"


def choose_progress(
    quiet: bool, verbose: bool, stream: TextIO | None = None, env: Environment | None = None
) -> Progress:
    """Return the display that suits the terminal and the options."""
    out = stream or sys.stderr
    settings = env or read_environment()
    if quiet:
        return Silent()
    if verbose or settings.no_color or settings.dumb_terminal or not out.isatty():
        return PlainLines(out)
    return LiveList(out)
