"""What a stage is: it declares what it needs and makes; the runner enforces it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from flow.board import Board
from flow.config import BuildConfig
from flow.engine.artifact import Artifact
from flow.engine.metrics import Metrics
from flow.engine.state import Build

ProgressCallback = Callable[[int, int | None, str], None]


class StageContractError(RuntimeError):
    """A stage broke its own declaration (undeclared input, missing output): a bug in the flow."""


@dataclass(frozen=True)
class StageResult:
    """What a stage measured; it does not judge itself (see `flow.engine.metrics`)."""

    metrics: Metrics = field(default_factory=Metrics)
    """Of the type that the stage declares; kept in stage.json, judged by the gates in the type."""
    summary: str = ""
    """One line for the progress list, for instance "9 layers, slowest 14,400 cycles"."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """A part of report.json (see `Report`), merged in; unknown keys are refused."""
    detail: str = ""
    """If a gate fails: the line that says what exactly is wrong (image, layer, expected, got)."""


@dataclass(frozen=True)
class StageContext:
    """All that a running stage may touch."""

    dir: Path
    """Empty working directory. It is renamed when the stage succeeds: store relative paths only."""
    build: Build
    stage_id: str
    logger: logging.Logger
    """Goes to flow.log; stages never print."""
    inputs: Mapping[Artifact, Path]
    outputs: frozenset[Artifact]
    declared: frozenset[Artifact]
    progress: ProgressCallback

    @property
    def config(self) -> BuildConfig:
        """The build's settings, overrides applied."""
        return self.build.config

    @property
    def board(self) -> Board:
        """The target board."""
        return self.build.board

    @property
    def data_dir(self) -> Path | None:
        """The folder given with --data, or None."""
        return self.build.data_dir

    def input(self, artifact: Artifact) -> Path:
        """Return the path of a required artifact; read it, never write to it."""
        path = self.optional_input(artifact)
        if path is None:
            raise StageContractError(
                f"{self.stage_id}: {artifact.name} is absent; read it with optional_input()"
            )
        return path

    def optional_input(self, artifact: Artifact) -> Path | None:
        """Return the path of a declared artifact, or None where its stage was skipped."""
        if artifact not in self.declared:
            raise StageContractError(
                f"{self.stage_id}: reads {artifact.name}, which is not in requires or optional"
            )
        return self.inputs.get(artifact)

    def output(self, artifact: Artifact) -> Path:
        """Return where to write a produced artifact; a directory is there already."""
        if artifact not in self.outputs:
            raise StageContractError(
                f"{self.stage_id}: writes {artifact.name}, which is not in produces"
            )
        path = self.dir / artifact.filename
        if artifact.is_directory:
            path.mkdir(exist_ok=True)
        return path

    def report_progress(self, done: int, total: int | None = None, text: str = "") -> None:
        """Show `done` of `total` steps (None: unknown) and what is going on."""
        self.progress(done, total, text)


class Stage(ABC):
    """One step of the flow, in one file `flow/stages/<id>.py`.

    A finished result is reused as long as nothing it was declared to depend on has changed: its
    inputs' contents, the config and board values below, files named by `external_files`, the code
    (the stage's file, every flow and driver module that file imports, and `sources`) and the
    versions of `packages`.
    """

    id: ClassVar[str]
    requires: ClassVar[tuple[Artifact, ...]] = ()
    """Without one of these the stage cannot run (it is skipped if the producing stage was)."""
    optional: ClassVar[tuple[Artifact, ...]] = ()
    """Used when there; the stage also runs without."""
    produces: ClassVar[tuple[Artifact, ...]] = ()
    metrics: ClassVar[type[Metrics]] = Metrics
    """What it measures, with the gates."""
    config_fields: ClassVar[tuple[str, ...]] = ()
    """Dotted names in BuildConfig: "fold.target_fps", or "fold" for the whole section."""
    board_fields: ClassVar[tuple[str, ...]] = ()
    """The same for Board: "part", "resources", "resources.lut"."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version changes the result, for instance "qonnx", "finn-plus"."""
    sources: ClassVar[tuple[str, ...]] = ()
    """Globs from the repository root for code no import statement names: kernels, templates."""
    version: ClassVar[str] = "1"
    """Raise it when the result changes for a reason no file shows."""

    def needs_tool(self) -> str | None:
        """Return why this machine cannot run the stage ("Vivado is not on PATH"), or None."""
        return None

    def left_out(self, build: Build) -> str | None:
        """Return why the build's settings leave this stage out, or None."""
        return None

    def external_files(self, build: Build) -> Mapping[str, Path]:
        """Return the files outside the build that are read (label -> file or folder); hashed."""
        return {}

    def report_when_skipped(self, reason: str) -> Mapping[str, Any]:
        """Return the part of report.json that says that this stage was skipped."""
        return {}

    @abstractmethod
    def run(self, ctx: StageContext) -> StageResult:
        """Do the work; write only below `ctx.dir`.

        Raises UserError, ToolError or CheckFailed with a full message; anything else is shown as
        an internal error.
        """
