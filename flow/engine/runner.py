"""Run the stages of a build, in order, as far as their results do not stand already."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flow.engine.artifact import Artifact
from flow.engine.fingerprint import code_hashes, fingerprint, hash_path
from flow.engine.log import LOG, captured_output, log_file
from flow.engine.metrics import judge
from flow.engine.planner import Decision, decide, skip_reason
from flow.engine.progress import Progress, Silent
from flow.engine.report import Report, StageReport, new_report, write_report
from flow.engine.stage import Stage, StageContext, StageContractError, StageResult
from flow.engine.state import RECORD_NAME, Build, StageRecord, locked, promote, recover, write_json
from flow.errors import FlowError, UserError
from flow.paths import shown


@dataclass(frozen=True)
class RunOptions:
    """Which stages to run; names as in the pipeline."""

    first: str | None = None
    """Stages before this one must stand already."""
    last: str | None = None
    """Stop after this one."""
    force: bool = False
    """Run every stage from `first` to `last`, also where the result stands."""
    verbose: bool = False


def stage_range(build: Build, options: RunOptions) -> tuple[int, int]:
    """Return the positions of the first and last stage to run.

    Raises UserError for an unknown stage, or a range that runs backwards.
    """
    ids = build.pipeline.ids
    first = build.pipeline.index(options.first, "--from") if options.first else 0
    last = build.pipeline.index(options.last, "--to") if options.last else len(ids) - 1
    if first > last:
        raise UserError(
            f"--from {ids[first]} comes after --to {ids[last]}; the order is: {', '.join(ids)}"
        )
    return first, last


def run_build(
    build: Build, options: RunOptions | None = None, progress: Progress | None = None
) -> Report:
    """Run a build and return its report, which is also written after every stage.

    Raises UserError, ToolError or CheckFailed as the stages do; finished results stay.
    """
    chosen = options or RunOptions()
    first, last = stage_range(build, chosen)
    with locked(build.dir), log_file(build.log_path, chosen.verbose):
        recover(build.dir)
        LOG.info("build %s on %s in %s", build.config.name, build.board.name, build.dir)
        return _Run(build, chosen, progress or Silent(), first, last).run()


class _Run:
    """One pass over the stages; keeps which artifacts are there and the report so far."""

    def __init__(
        self, build: Build, options: RunOptions, progress: Progress, first: int, last: int
    ) -> None:
        self.build, self.options, self.progress = build, options, progress
        self.first, self.last = first, last
        self.hashes: dict[Artifact, str] = {}
        self.report = new_report(build)

    def run(self) -> Report:
        stages = self.build.pipeline.stages[: self.last + 1]
        title = f"{self.build.config.name} on {self.build.board.name} in {shown(self.build.dir)}"
        self.progress.begin(title, [stage.id for stage in stages])
        for stage in stages:
            # Now, while files and imported modules agree: an edit during a long run must show
            # as a change in the next one. A wrong declaration is reported at the stage's turn.
            with contextlib.suppress(StageContractError):
                code_hashes(stage)
        try:
            for index, stage in enumerate(stages):
                self._one(stage, reuse_only=index < self.first)
        finally:
            self.progress.end()
        return self.report

    def _one(self, stage: Stage, reuse_only: bool) -> None:
        """Bring one stage up to date; whatever goes wrong is in the report before it is raised."""
        started = time.monotonic()
        try:
            self._bring_up_to_date(stage, started, reuse_only)
        except BaseException as error:
            # Also Ctrl-C: the report must not keep calling an unfinished build finished.
            LOG.error("%s: failed", stage.id, exc_info=error)
            self._ended(stage, "failed", started, failure_reason(error))
            error.add_note(f"stage {stage.id}; the traceback is in {shown(self.build.log_path)}")
            raise

    def _bring_up_to_date(self, stage: Stage, started: float, reuse_only: bool) -> None:
        left_out = stage.left_out(self.build)
        if left_out is not None:
            self._skip(stage, started, left_out, "")
            return
        absent = [artifact for artifact in stage.requires if artifact not in self.hashes]
        if absent:
            producer = self.build.pipeline.producer(absent[0])
            reason = stage.needs_tool() or skip_reason(absent[0], producer)
            self._skip(stage, started, reason)
            return
        inputs = {a: self.hashes[a] for a in _declared(stage) if a in self.hashes}
        force = self.options.force and not reuse_only
        decision = decide(self.build, stage, inputs, force)
        if decision.reason is None and decision.record is not None:
            self._reuse(stage, decision.record, started)
            return
        missing_tool = stage.needs_tool()
        if missing_tool is not None:
            self._skip(stage, started, missing_tool)
        elif reuse_only:
            raise UserError(
                f"--from {self.options.first}: the earlier stage {stage.id} has no result that "
                f"stands ({decision.reason}); run without --from, or --from {stage.id}"
            )
        else:
            self._execute(stage, decision, started)

    def _reuse(self, stage: Stage, record: StageRecord, started: float) -> None:
        # Gates may have become stricter since the result was made.
        judge(stage.id, stage.metrics, record.metrics)
        self._add_to_report(stage, record.report)
        self.hashes.update({a: record.outputs[a.filename] for a in stage.produces})
        self._ended(stage, "cached", started, "cached", record.summary)

    def _skip(
        self,
        stage: Stage,
        started: float,
        reason: str,
        hint: str = " (flow doctor lists the tools)",
    ) -> None:
        if stage.id in (self.options.first, self.options.last):
            option = "--to" if stage.id == self.options.last else "--from"
            raise FlowError(
                f"{stage.id}: {reason}; without {option} {stage.id} the stage is skipped{hint}"
            )
        self._add_to_report(stage, stage.report_when_skipped(reason))
        self._ended(stage, "skipped", started, reason)

    def _execute(self, stage: Stage, decision: Decision, started: float) -> None:
        reason = decision.reason or "forced"
        work = self.build.unfinished_dir(stage.id)
        if work.exists():
            shutil.rmtree(work)
        work.mkdir()
        LOG.info("%s: running (%s)", stage.id, reason)
        self.progress.stage_started(stage.id, reason)
        record = StageRecord(
            stage=stage.id,
            status="failed",
            fingerprint=fingerprint(decision.parts),
            parts=decision.parts,
            outputs={},
            metrics={},
            summary="",
            report={},
            seconds=0.0,
        )
        try:
            result = self._call(stage, work)
            if type(result.metrics) is not stage.metrics:
                raise StageContractError(
                    f"{stage.id}: measured {type(result.metrics).__name__}, declared is "
                    f"{stage.metrics.__name__}"
                )
            record = record.model_copy(
                update={
                    "metrics": _plain_json(stage, result.metrics.as_dict()),
                    "report": _plain_json(stage, result.report),
                    "summary": result.summary,
                    "outputs": _hash_outputs(stage, work),
                    "reason": reason,
                    "seconds": round(time.monotonic() - started, 3),
                }
            )
            self._add_to_report(stage, record.report)
            judge(stage.id, stage.metrics, record.metrics, result.detail)
        except BaseException as error:
            failed = record.model_copy(update={"reason": failure_reason(error)})
            write_json(work / RECORD_NAME, failed.model_dump(mode="json"))
            raise
        done = record.model_copy(update={"status": "done"})
        write_json(work / RECORD_NAME, done.model_dump(mode="json"))
        promote(work, self.build.stage_dir(stage.id))
        self.hashes.update({a: done.outputs[a.filename] for a in stage.produces})
        self._ended(stage, "done", started, reason, done.summary)

    def _call(self, stage: Stage, work: Path) -> StageResult:
        logger = logging.getLogger(f"flow.stage.{stage.id}")
        ctx = StageContext(
            dir=work,
            build=self.build,
            stage_id=stage.id,
            logger=logger,
            inputs={
                a: self.build.stage_dir(self.build.pipeline.producer(a)) / a.filename
                for a in _declared(stage)
                if a in self.hashes
            },
            outputs=frozenset(stage.produces),
            declared=frozenset(_declared(stage)),
            progress=lambda done, total, text: self.progress.stage_progress(
                stage.id, done, total, text
            ),
        )
        try:
            with captured_output(logger):
                return stage.run(ctx)
        except SystemExit as error:
            # Some libraries end the process on an error; a flow must not vanish without a word.
            raise StageContractError(f"{stage.id}: a library called exit({error.code})") from error

    def _add_to_report(self, stage: Stage, part: Mapping[str, Any]) -> None:
        try:
            self.report = self.report.with_part(part, stage.id)
        except ValueError as error:
            raise StageContractError(str(error)) from error

    def _ended(
        self, stage: Stage, status: Any, started: float, reason: str, summary: str = ""
    ) -> None:
        seconds = round(time.monotonic() - started, 3)
        line = StageReport(id=stage.id, status=status, seconds=seconds, reason=reason)
        self.report = self.report.model_copy(update={"stages": [*self.report.stages, line]})
        write_report(self.build, self.report)
        LOG.info("%s: %s (%s) %s", stage.id, status, reason, summary)
        self.progress.stage_ended(line, summary)


def failure_reason(error: BaseException) -> str:
    """Return one line on why a stage failed, for stage.json and the report."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    text = (str(error).splitlines() or [""])[0]
    return text if isinstance(error, FlowError) else f"{type(error).__name__}: {text}"


def _declared(stage: Stage) -> tuple[Artifact, ...]:
    return (*stage.requires, *stage.optional)


def _hash_outputs(stage: Stage, work: Path) -> dict[str, str]:
    hashes = {a.filename: hash_path(work / a.filename) for a in stage.produces}
    missing = [name for name, content in hashes.items() if not content]
    if missing:
        raise StageContractError(f"{stage.id}: declared but did not write {', '.join(missing)}")
    return hashes


def _plain_json(stage: Stage, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` as JSON values; NumPy scalars become numbers."""

    def number(value: Any) -> Any:
        if hasattr(value, "item"):
            return value.item()
        raise TypeError(f"{value!r} is not a JSON value")

    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=number))
    except TypeError as error:
        raise StageContractError(f"{stage.id}: a metric or report value: {error}") from error
    return plain
