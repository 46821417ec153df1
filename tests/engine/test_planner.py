"""A dry run says what a run would do, and touches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flow.config import parse_config
from flow.engine.artifact import Artifact
from flow.engine.pipeline import Pipeline
from flow.engine.planner import plan
from flow.engine.runner import RunOptions, run_build
from flow.engine.stage import Stage, StageContractError
from flow.errors import FlowError

if TYPE_CHECKING:
    from conftest import BuildFactory, StageFactory


@pytest.fixture
def chain(make_stage: StageFactory) -> tuple[Stage, ...]:
    return (
        make_stage("load", produces=(Artifact.QONNX_MODEL,), config_fields=("verify.images",)),
        make_stage("clean", (Artifact.QONNX_MODEL,), (Artifact.LINT_REPORT,)),
        make_stage("route", (Artifact.LINT_REPORT,), (Artifact.BITSTREAM,)),
        make_stage("deploy", (Artifact.BITSTREAM,), (Artifact.DESIGN,)),
    )


def lines(build: object, **options: bool) -> list[tuple[str, str]]:
    return [(x.action, x.reason) for x in plan(build, 0, 1, **options)]  # type: ignore[arg-type]


def test_a_new_build_would_run_everything_and_writes_nothing(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    build = make_build(*chain)
    assert lines(build) == [("run", "first run"), ("run", "first run")]
    assert not build.dir.exists()


def test_what_stands_is_cached_and_what_follows_a_rerun_is_uncertain(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    build = make_build(*chain[:2])
    run_build(build)
    assert lines(build) == [("cached", ""), ("cached", "")]
    values = {"name": "toy", "model": {"source": "x"}, "verify": {"images": 7}}
    changed = make_build(*chain[:2], config=parse_config(values, None))
    assert lines(changed) == [
        ("run", "re-run: verify.images changed 4 -> 7"),
        ("run if needed", "if the result of load changes"),
    ]
    assert lines(build, force=True) == [("run", "forced"), ("run", "forced")]


def test_a_missing_tool_shows_in_the_plan(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    chain[2].tool = "Vivado is not on PATH"  # type: ignore[attr-defined]
    planned = plan(make_build(*chain), 0, 3)
    assert [(x.action, x.reason) for x in planned[2:]] == [
        ("skip", "Vivado is not on PATH"),
        ("skip", "needs bitstream, and route was skipped"),
    ]


def test_a_pipeline_whose_stage_cannot_get_its_input_is_refused(make_stage: StageFactory) -> None:
    first = make_stage("fold", requires=(Artifact.NETWORK,))
    with pytest.raises(StageContractError, match="fold: needs NETWORK, which no earlier"):
        Pipeline(((10, first),))


def test_two_stages_that_make_the_same_thing_are_refused(make_stage: StageFactory) -> None:
    one, two = (make_stage(name, produces=(Artifact.RTL,)) for name in ("one", "two"))
    with pytest.raises(StageContractError, match="RTL is already produced by one"):
        Pipeline(((10, one), (20, two)))
    with pytest.raises(StageContractError, match="listed twice, or its number is not rising"):
        Pipeline(((10, one), (20, one)))


def test_every_listed_stage_that_exists_declares_only_known_settings(
    make_build: BuildFactory,
) -> None:
    from flow.engine.fingerprint import select_fields
    from flow.engine.pipeline import STAGES, load_stage
    from flow.paths import PACKAGE_DIR

    written = [name for _, name in STAGES if (PACKAGE_DIR / "stages" / f"{name}.py").is_file()]
    build = make_build()
    for stage in map(load_stage, written):
        select_fields(build.config, stage.config_fields, stage.id)
        select_fields(build.board, stage.board_fields, stage.id)
        for pattern in stage.sources:
            assert list(Path(PACKAGE_DIR.parent).glob(pattern)), (stage.id, pattern)


def test_what_the_settings_leave_out_is_skipped_unless_it_is_named(
    make_stage: StageFactory, make_build: BuildFactory
) -> None:
    asked = make_stage("asked", produces=(Artifact.QONNX_MODEL,))
    asked.left_out = lambda build: "not asked for"  # type: ignore[method-assign]
    behind = make_stage("behind", (Artifact.QONNX_MODEL,), (Artifact.LINT_REPORT,))
    last = make_stage("last", produces=(Artifact.DESIGN,))
    build = make_build(asked, behind, last)
    found = [(line.action, line.reason) for line in plan(build, 0, 2)]
    needs = "needs model.onnx, and asked was skipped"
    assert found == [("skip", "not asked for"), ("skip", needs), ("run", "first run")]
    report = run_build(build)
    assert [stage.status for stage in report.stages] == ["skipped", "skipped", "done"]
    assert asked.calls == behind.calls == 0  # type: ignore[attr-defined]
    with pytest.raises(FlowError, match="asked: not asked for; without --to asked the stage is"):
        run_build(build, RunOptions(last="asked"))
