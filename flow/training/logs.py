"""The logs of a run: log.csv always, TensorBoard where it is installed and asked for."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LOG = "log.csv"
_LOG_COLUMNS = (
    "epoch",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "validation_accuracy",
    "epoch_s",
)


@dataclass(frozen=True)
class EpochReport:
    """One line of the log. Accuracies are fractions; the training one is of augmented images.

    validation_accuracy is None for an epoch that was not validated; the log's field is empty then.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_accuracy: float | None
    epoch_s: float


def append_log(path: Path, report: EpochReport) -> None:
    """Append one line, and the header to a new file."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(_LOG_COLUMNS)
        writer.writerow(
            [
                report.epoch,
                f"{report.learning_rate:.3e}",
                f"{report.train_loss:.4f}",
                f"{report.train_accuracy:.4f}",
                "" if report.validation_accuracy is None else f"{report.validation_accuracy:.4f}",
                f"{report.epoch_s:.1f}",
            ]
        )


def trim_log(path: Path, epochs: int) -> None:
    """Drop log lines of epochs that the checkpoint does not know (the process ended in between)."""
    if path.exists():
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[: epochs + 1]))


def read_log(path: Path) -> list[EpochReport]:
    """Return the epochs of a log, in order."""
    with path.open(newline="") as file:
        return [
            EpochReport(
                epoch=int(row["epoch"]),
                learning_rate=float(row["learning_rate"]),
                train_loss=float(row["train_loss"]),
                train_accuracy=float(row["train_accuracy"]),
                validation_accuracy=float(text) if (text := row["validation_accuracy"]) else None,
                epoch_s=float(row["epoch_s"]),
            )
            for row in csv.DictReader(file)
        ]


class TensorBoard:
    """Scalars for TensorBoard; `skipped` says why nothing is written, if nothing is."""

    def __init__(self, folder: Path) -> None:
        self.skipped: str | None = None
        self._writer: Any = None
        if find_spec("tensorboard") is None:
            self.skipped = "tensorboard is not installed (pip install tensorboard)"
            return
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def add(self, report: EpochReport) -> None:
        """Write one epoch."""
        if self._writer is None:
            return
        for name in _LOG_COLUMNS[1:-1]:
            if (value := getattr(report, name)) is not None:
                self._writer.add_scalar(name, value, report.epoch)
        self._writer.flush()
