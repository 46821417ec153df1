"""Take the network that the configuration names."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from flow.artifact import Artifact
from flow.errors import UserError
from flow.paths import shown
from flow.stage import Stage, StageContext, StageResult
from flow.state import Build

SUPPORTED_SUFFIXES = (".onnx",)


class LoadModel(Stage):
    """Copy the source model into the build: it stays as it is when the file changes."""

    id = "load_model"
    produces = (Artifact.SOURCE_MODEL,)
    config_fields = ("model.source",)

    def external_files(self, build: Build) -> Mapping[str, Path]:
        return {"model": build.config.model.source}

    def run(self, ctx: StageContext) -> StageResult:
        source = ctx.config.model.source
        if not source.is_file():
            raise UserError(f"load_model: {shown(source)} is not a file (model.source)")
        if source.suffix not in SUPPORTED_SUFFIXES:
            raise UserError(
                f"load_model: {shown(source)} is a {source.suffix or 'nameless'} file; "
                "give a QONNX file (.onnx), as flow train or Brevitas' export_qonnx writes it"
            )
        shutil.copyfile(source, ctx.output(Artifact.SOURCE_MODEL) / source.name)
        return StageResult(
            summary=source.name,
            report={"model": {"name": source.stem, "source": shown(source)}},
        )
