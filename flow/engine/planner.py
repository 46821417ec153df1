"""Plan a run without doing it: which results stand, which stages run, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flow.engine.artifact import Artifact
from flow.engine.fingerprint import Parts, collect_parts, explain_change, fingerprint, hash_path
from flow.engine.stage import Stage
from flow.engine.state import Build, StageRecord, read_record


@dataclass(frozen=True)
class Decision:
    """Whether a stage's earlier result stands."""

    parts: Parts
    reason: str | None
    """Why the stage has to run; None if its result stands."""
    record: StageRecord | None


@dataclass(frozen=True)
class PlannedStage:
    """One line of a dry run."""

    id: str
    action: Literal["cached", "run", "run if needed", "skip"]
    reason: str


def decide(
    build: Build, stage: Stage, inputs: Mapping[Artifact, str], force: bool = False
) -> Decision:
    """Compare what a stage depends on with what its result was made from.

    `inputs` maps each available declared input to its content hash.
    """
    parts = collect_parts(stage, build, named_inputs(build, inputs))
    record = build.record(stage.id)
    if record is None:
        failed = read_record(build.unfinished_dir(stage.id))
        reason = "first run" if failed is None else f"did not finish last time: {failed.reason}"
    elif force:
        reason = "forced"
    else:
        change = (
            "stage.json was changed outside the flow"
            if record.fingerprint != fingerprint(record.parts)
            else explain_change(record.parts, parts) or _damage(build, stage, record)
        )
        return Decision(parts, f"re-run: {change}" if change else None, record)
    return Decision(parts, reason, record)


def named_inputs(build: Build, inputs: Mapping[Artifact, str]) -> dict[str, str]:
    """Return the inputs' hashes under the names users see: "30-tidy/tidy.onnx"."""
    return {
        f"{build.pipeline.dirname(build.pipeline.producer(artifact))}/{artifact.filename}": content
        for artifact, content in inputs.items()
    }


def _damage(build: Build, stage: Stage, record: StageRecord) -> str | None:
    """Return which output is not as the stage left it."""
    for artifact in stage.produces:
        path = build.stage_dir(stage.id) / artifact.filename
        found = hash_path(path)
        if not found:
            return f"output {artifact.filename} is missing"
        if found != record.outputs.get(artifact.filename):
            return f"output {artifact.filename} was changed outside the flow"
    return None


def plan(build: Build, first: int, last: int, force: bool = False) -> list[PlannedStage]:
    """Return what a run from stage number `first` to `last` would do; writes nothing."""
    known: dict[Artifact, str] = {}
    uncertain: set[str] = set()  # stages that will run, so that their outputs may change
    skipped: set[str] = set()
    planned = []
    for index, stage in enumerate(build.pipeline.stages[: last + 1]):
        line = _plan_stage(build, stage, known, uncertain, skipped, force and index >= first)
        if line.action == "skip":
            skipped.add(stage.id)
        elif line.action != "cached":
            uncertain.add(stage.id)
        record = build.record(stage.id)
        if record is not None and line.action != "skip":
            known.update({a: record.outputs.get(a.filename, "") for a in stage.produces})
        planned.append(line)
    return planned


def _plan_stage(
    build: Build,
    stage: Stage,
    known: Mapping[Artifact, str],
    uncertain: set[str],
    skipped: set[str],
    force: bool,
) -> PlannedStage:
    producers = {a: build.pipeline.producer(a) for a in (*stage.requires, *stage.optional)}
    left_out = stage.left_out(build)
    if left_out is not None:
        return PlannedStage(stage.id, "skip", left_out)
    without = [a for a in stage.requires if producers[a] in skipped]
    if without:
        reason = stage.needs_tool() or skip_reason(without[0], producers[without[0]])
        return PlannedStage(stage.id, "skip", reason)
    decision = decide(build, stage, {a: known[a] for a in producers if a in known}, force)
    waiting = sorted({name for name in producers.values() if name in uncertain})
    missing_tool = stage.needs_tool() if decision.reason or waiting else None
    if missing_tool:
        return PlannedStage(stage.id, "skip", missing_tool)
    if decision.reason:
        return PlannedStage(stage.id, "run", decision.reason)
    if waiting:
        changes = f"if the result of {', '.join(waiting)} changes"
        return PlannedStage(stage.id, "run if needed", changes)
    return PlannedStage(stage.id, "cached", "")


def skip_reason(artifact: Artifact, producer: str) -> str:
    """Return why a stage without a required input is skipped."""
    return f"needs {artifact.filename}, and {producer} was skipped"
