"""What a build folder holds: finished stages, their records, the lock."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flow.board import Board
from flow.config import BuildConfig
from flow.engine.artifact import Artifact
from flow.errors import UserError
from flow.paths import shown

if TYPE_CHECKING:
    from flow.engine.pipeline import Pipeline

RECORD_NAME = "stage.json"
UNFINISHED_SUFFIX = ".unfinished"
REPLACED_SUFFIX = ".replaced"


class StageRecord(BaseModel):
    """`stage.json`: how a stage's result came about, beside the result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    status: Literal["done", "failed"]
    fingerprint: str
    parts: dict[str, dict[str, Any]] = Field(
        description="What the fingerprint was taken over: kind -> name -> hash or value."
    )
    outputs: dict[str, str] = Field(description="File or directory name -> content hash.")
    metrics: dict[str, Any]
    summary: str
    report: dict[str, Any]
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Build:
    """One configuration on one board: its folder and what is in it."""

    dir: Path
    config: BuildConfig
    board: Board
    pipeline: Pipeline
    data_dir: Path | None = None
    asked: str = ""
    """The options that chose it, for messages that name a command."""

    @property
    def clock_mhz(self) -> float:
        """The accelerator's clock: what the board's PS makes of the clock that was asked for."""
        return self.board.clock_mhz(self.config.clock_mhz)

    @property
    def report_path(self) -> Path:
        """Where report.json is."""
        return self.dir / "report.json"

    @property
    def log_path(self) -> Path:
        """Where the full log is."""
        return self.dir / "flow.log"

    def stage_dir(self, stage_id: str) -> Path:
        """Return the directory of a stage's finished result, for instance `30-tidy`."""
        return self.dir / self.pipeline.dirname(stage_id)

    def unfinished_dir(self, stage_id: str) -> Path:
        """Return where a stage works, and where what a failed one wrote is kept."""
        return self.dir / (self.pipeline.dirname(stage_id) + UNFINISHED_SUFFIX)

    def record(self, stage_id: str) -> StageRecord | None:
        """Return the record of a stage's finished result, or None if there is none to trust."""
        return read_record(self.stage_dir(stage_id))

    def artifact(self, artifact: Artifact) -> Path:
        """Return the path of a built artifact.

        Raises UserError if the stage that makes it has no finished result.
        """
        producer = self.pipeline.producer(artifact)
        path = self.stage_dir(producer) / artifact.filename
        if self.record(producer) is None or not path.exists():
            raise UserError(
                f"{shown(self.dir)}: {artifact.filename} has not been built (stage {producer}); "
                f"run: flow build {self.asked} --to {producer}"
            )
        return path


def read_record(stage_dir: Path) -> StageRecord | None:
    """Return the record in a stage directory, or None where it is missing or damaged."""
    try:
        return StageRecord.model_validate_json((stage_dir / RECORD_NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def write_json(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def promote(unfinished: Path, final: Path) -> None:
    """Make a stage's work its finished result; what was there before goes only after that."""
    replaced = final.with_name(final.name + REPLACED_SUFFIX)
    if replaced.exists():
        shutil.rmtree(replaced)
    if final.exists():
        final.rename(replaced)
    unfinished.rename(final)
    shutil.rmtree(replaced, ignore_errors=True)


def recover(build_dir: Path) -> None:
    """Put back a result whose replacement was interrupted between two renames."""
    for replaced in build_dir.glob("*" + REPLACED_SUFFIX):
        final = replaced.with_name(replaced.name.removesuffix(REPLACED_SUFFIX))
        if final.exists():
            shutil.rmtree(replaced)
        else:
            replaced.rename(final)


@contextlib.contextmanager
def locked(build_dir: Path) -> Iterator[None]:
    """Hold the build folder for this process; the lock goes with the process, however it ends.

    Raises UserError if another flow is at work in it.
    """
    build_dir.mkdir(parents=True, exist_ok=True)
    with (build_dir / ".lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise UserError(
                f"{shown(build_dir)}: another flow is building here (process {holder}); wait for "
                "it, or give this one its own --build-dir"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
