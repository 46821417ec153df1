"""Take the network that the configuration names."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from flow.engine.artifact import Artifact
from flow.engine.stage import Stage, StageContext, StageResult
from flow.engine.state import Build
from flow.errors import UserError
from flow.paths import shown

SUPPORTED_SUFFIXES = (".onnx", ".pt", ".bnn", ".py")
_COMPANIONS = (".pt", ".toml")  # files of the same name that belong to a .pt or .py source


class LoadModel(Stage):
    """Copy the source model into the build: it stays as it is when the file changes."""

    id = "load_model"
    produces = (Artifact.SOURCE_MODEL,)
    config_fields = ("model.source",)

    def external_files(self, build: Build) -> Mapping[str, Path]:
        source = build.config.model.source
        return {"model": source, **{path.name: path for path in companions(source)}}

    def run(self, ctx: StageContext) -> StageResult:
        source = ctx.config.model.source
        if not source.is_file():
            raise UserError(f"load_model: {shown(source)} is not a file (model.source)")
        if source.suffix not in SUPPORTED_SUFFIXES:
            raise UserError(
                f"load_model: {shown(source)} is a {source.suffix or 'nameless'} file; give a "
                "QONNX file (.onnx), a checkpoint or state_dict (.pt), a packed network (.bnn), or "
                "a Python file with build_model() (.py)"
            )
        for path in (source, *companions(source)):
            shutil.copyfile(path, ctx.output(Artifact.SOURCE_MODEL) / path.name)
        return StageResult(
            summary=source.name,
            report={"model": {"name": source.stem, "source": shown(source)}},
        )


def companions(source: Path) -> list[Path]:
    """Return the files beside a PyTorch source that belong to it, by name."""
    if source.suffix not in (".pt", ".py"):
        return []
    named = [source.with_suffix(suffix) for suffix in _COMPANIONS if suffix != source.suffix]
    return [path for path in named if path.is_file()]
