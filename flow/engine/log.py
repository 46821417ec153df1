"""The log file of a build: everything, with tracebacks; the terminal gets a summary."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

LOG = logging.getLogger("flow")


@contextlib.contextmanager
def log_file(path: Path, verbose: bool = False) -> Iterator[None]:
    """Append everything that is logged to `path`; with `verbose`, the flow's own to stderr too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    handlers: list[logging.Handler] = [logging.FileHandler(path, encoding="utf-8")]
    handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    if verbose:
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[1].setFormatter(logging.Formatter("%(name)s: %(message)s"))
        handlers[1].addFilter(logging.Filter("flow"))
    levels = root.level, LOG.level
    root.setLevel(logging.INFO)
    LOG.setLevel(logging.DEBUG)
    for handler in handlers:
        root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.setLevel(levels[0])
        LOG.setLevel(levels[1])
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


class _LineLogger(io.TextIOBase):
    """A text stream that logs each line written to it."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._pending = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._pending = (self._pending + text).split("\n")
        for line in lines:
            # A carriage return redraws a progress bar: only its last state is worth a line.
            shown = line.rstrip("\r").rsplit("\r", 1)[-1].rstrip()
            if shown:
                self._logger.info("%s", shown)
        return len(text)

    def finish(self) -> None:
        if self._pending:
            self.write("\n")


@contextlib.contextmanager
def captured_output(logger: logging.Logger) -> Iterator[None]:
    """Send what libraries print to the log, so that it cannot disturb the progress display."""
    stream = _LineLogger(logger)
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        try:
            yield
        finally:
            stream.finish()
