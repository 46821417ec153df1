"""The runner keeps what stands, re-runs what does not and says why, and never loses a result."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pytest
from toy import ToyMetrics

from flow.board import Board
from flow.config import BuildConfig, parse_config
from flow.engine import fingerprint
from flow.engine.artifact import Artifact
from flow.engine.metrics import IS_ZERO, Metrics
from flow.engine.runner import RunOptions, run_build
from flow.engine.stage import Stage, StageContext, StageContractError, StageResult
from flow.engine.state import Build, locked
from flow.errors import CheckFailed, FlowError, ToolError, UserError

if TYPE_CHECKING:
    from conftest import BuildFactory, StageFactory

MODEL, TIDY, GRAPH, DESIGN = (
    Artifact.QONNX_MODEL,
    Artifact.LINT_REPORT,
    Artifact.FIFO_DEPTHS,
    Artifact.DESIGN,
)
TEN = "10-load"


@pytest.fixture
def chain(make_stage: StageFactory) -> tuple[Stage, Stage, Stage]:
    """load -> clean (depends on verify.images) -> fold (depends on fold and the resources)."""
    return (
        make_stage("load", produces=(MODEL,)),
        make_stage("clean", (MODEL,), (TIDY,), config_fields=("verify.images",)),
        make_stage(
            "fold", (TIDY,), (DESIGN,), config_fields=("fold",), board_fields=("resources",)
        ),
    )


def outcomes(build: Build) -> dict[str, tuple[str, str]]:
    report = json.loads(build.report_path.read_text())
    return {stage["id"]: (stage["status"], stage["reason"]) for stage in report["stages"]}


def calls(*stages: Stage) -> list[int]:
    return [stage.calls for stage in stages]  # type: ignore[attr-defined]


def settings(**sections: object) -> BuildConfig:
    return parse_config({"name": "toy", "model": {"source": "toy.onnx"}, **sections}, None)


def test_each_stage_gets_its_numbered_folder_with_outputs_and_record(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    build = make_build(*chain)
    run_build(build)
    assert sorted(p.name for p in build.dir.iterdir() if p.is_dir()) == [
        "10-load",
        "20-clean",
        "30-fold",
    ]
    assert build.artifact(DESIGN).read_text() == "fold(clean(load))"
    record = json.loads((build.dir / "30-fold" / "stage.json").read_text())
    assert record["status"] == "done"
    assert record["parts"]["config"]["fold.target_fps"] == 100.0
    assert record["parts"]["board"]["resources.lut.count"] == 230_400
    assert list(record["parts"]["input"]) == ["20-clean/lint.json"]


def test_a_second_run_runs_nothing(chain: tuple[Stage, ...], make_build: BuildFactory) -> None:
    build = make_build(*chain)
    run_build(build)
    assert {status for status, _ in outcomes(build).values()} == {"done"}
    run_build(build)
    assert calls(*chain) == [1, 1, 1]
    assert set(outcomes(build).values()) == {("cached", "cached")}


def test_a_changed_option_reruns_the_stages_that_declare_it_and_says_so(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    run_build(make_build(*chain))
    build = make_build(*chain, config=settings(fold={"target_fps": 500}))
    run_build(build)
    assert calls(*chain) == [1, 1, 2]
    assert outcomes(build)["fold"] == ("done", "re-run: fold.target_fps changed 100 -> 500")


def test_a_new_layer_option_is_named_with_its_value(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    run_build(make_build(*chain))
    build = make_build(*chain, config=settings(fold={"layers": {"MVAU_0": {"pe": 4}}}))
    run_build(build)
    assert "fold.layers.MVAU_0.pe is new (4)" in outcomes(build)["fold"][1]


def test_an_upstream_rerun_with_the_same_result_leaves_the_rest_alone(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    run_build(make_build(*chain))
    build = make_build(*chain, config=settings(verify={"images": 8}))
    run_build(build)
    assert calls(*chain) == [1, 2, 1]
    assert outcomes(build)["clean"][1] == "re-run: verify.images changed 4 -> 8"
    assert outcomes(build)["fold"][0] == "cached"


def test_a_changed_board_value_is_named(
    chain: tuple[Stage, ...], make_build: BuildFactory, board: Board
) -> None:
    run_build(make_build(*chain))
    lut = board.resources.lut.model_copy(update={"count": 1000})
    resources = board.resources.model_copy(update={"lut": lut})
    build = make_build(*chain, board=board.model_copy(update={"resources": resources}))
    run_build(build)
    assert outcomes(build)["fold"][1] == (
        "re-run: board resources.lut.count changed 230400 -> 1000"
    )


def test_a_changed_external_file_reruns_its_reader_and_what_follows(
    make_stage: StageFactory, make_build: BuildFactory, tmp_path: Path
) -> None:
    source = tmp_path / "net.onnx"
    source.write_text("v1")

    def copy(ctx: StageContext) -> None:
        ctx.output(MODEL).write_text(source.read_text())

    load = make_stage("load", produces=(MODEL,), files={"net.onnx": source}, run=copy)
    tidy = make_stage("clean", (MODEL,), (TIDY,))
    build = make_build(load, tidy)
    run_build(build)
    source.write_text("v2")
    run_build(build)
    assert outcomes(build)["load"][1] == "re-run: file net.onnx changed"
    assert outcomes(build)["clean"][1] == "re-run: input 10-load/model.onnx changed"
    assert build.artifact(TIDY).read_text() == "clean(v2)"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            lambda d: (d / "model.onnx").write_text("x"),
            "output model.onnx was changed outside the flow",
        ),
        (lambda d: (d / "model.onnx").unlink(), "output model.onnx is missing"),
        (lambda d: (d / "stage.json").write_text("{"), "first run"),
        (
            lambda d: (d / "stage.json").write_text(
                (d / "stage.json").read_text().replace('"version": "1"', '"version": "0"')
            ),
            "stage.json was changed outside the flow",
        ),
    ],
)
def test_a_result_changed_from_outside_is_noticed(
    chain: tuple[Stage, ...],
    make_build: BuildFactory,
    damage: object,
    reason: str,
) -> None:
    build = make_build(*chain)
    run_build(build)
    damage(build.dir / TEN)  # type: ignore[operator]
    run_build(build)
    assert calls(*chain) == [2, 1, 1]
    assert outcomes(build)["load"][1].removeprefix("re-run: ") == reason


def test_code_edited_during_a_run_shows_as_a_change_in_the_next(
    make_stage: StageFactory,
    make_build: BuildFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    template = tmp_path / "flow" / "top.sv.j2"
    template.parent.mkdir()
    template.write_text("module old")
    monkeypatch.setattr("flow.engine.fingerprint.PACKAGE_DIR", tmp_path / "flow")

    def edit(_ctx: StageContext) -> None:
        template.write_text("module new")

    load = make_stage("load", produces=(MODEL,), run=edit)
    generate = make_stage("generate", (MODEL,), (DESIGN,), sources=("flow/*.j2",))
    build = make_build(load, generate)
    run_build(build)
    fingerprint._code_hash.cache_clear()  # what a new process starts with
    run_build(build)
    assert outcomes(build)["generate"][1] == "re-run: code flow/top.sv.j2 changed"


def test_a_directory_output_is_hashed_with_its_names_and_contents(
    make_stage: StageFactory, make_build: BuildFactory
) -> None:
    class Generate(Stage):
        id = "generate"
        produces = (Artifact.RTL,)

        def run(self, ctx: StageContext) -> StageResult:
            (ctx.output(Artifact.RTL) / "top.sv").write_text("module top; endmodule")
            return StageResult()

    build = make_build(Generate())
    run_build(build)
    (build.artifact(Artifact.RTL) / "top.sv").rename(build.artifact(Artifact.RTL) / "pot.sv")
    run_build(build)
    assert outcomes(build)["generate"][1] == "re-run: output rtl was changed outside the flow"


def failing(error: BaseException) -> object:
    def run(ctx: StageContext) -> StageResult:
        ctx.output(TIDY).write_text("half a result")
        raise error

    return run


@pytest.mark.parametrize(
    "error",
    [
        ToolError("lint", ["tool", "-x"], Path("tool.log"), "line 3: bad"),
        UserError("bad layer"),
        RuntimeError("a bug"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failing_stage_leaves_the_earlier_result_and_is_repeated(
    make_stage: StageFactory, make_build: BuildFactory, error: BaseException
) -> None:
    load = make_stage("load", produces=(MODEL,))
    good = make_stage("clean", (MODEL,), (TIDY,))
    bad = make_stage("clean", (MODEL,), (TIDY,), run=failing(error), version="2")
    run_build(make_build(load, good))
    build = make_build(load, bad)
    with pytest.raises(type(error)):
        run_build(build)
    assert (build.dir / "20-clean" / "lint.json").read_text() == "clean(load)"
    assert outcomes(build)["clean"][0] == "failed"
    assert (build.dir / "20-clean.unfinished" / "lint.json").read_text() == "half a result"
    assert "Traceback" in build.log_path.read_text()
    run_build(make_build(load, good))
    assert outcomes(build)["clean"] == ("cached", "cached")


def test_a_stage_that_did_not_finish_runs_again_with_that_reason(
    make_stage: StageFactory, make_build: BuildFactory
) -> None:
    with pytest.raises(UserError):
        run_build(make_build(make_stage("clean", produces=(TIDY,), run=failing(UserError("no")))))
    build = make_build(make_stage("clean", produces=(TIDY,)))
    run_build(build)
    assert outcomes(build)["clean"] == ("done", "did not finish last time: no")
    assert not (build.dir / "10-clean.unfinished").exists()


def check_stage(make_stage: StageFactory, exact: object, version: str = "1") -> Stage:
    def run(ctx: StageContext) -> StageResult:
        return StageResult(
            metrics=ToyMetrics(exact),
            report={"verify": {"rtlsim": {"images": 2, "bit_exact": bool(exact)}}},
            detail="image 1, layer MVAU_3, channel 7: expected 12, got 11",
        )

    return make_stage("check", (), (DESIGN,), run=run, version=version, metrics=ToyMetrics)


def test_a_failed_gate_is_an_error_with_the_stages_detail_and_not_a_result(
    make_stage: StageFactory, make_build: BuildFactory
) -> None:
    run_build(make_build(check_stage(make_stage, True)))
    wrong = check_stage(make_stage, False, version="2")
    build = make_build(wrong)
    message = "check: bit_exact must be true, but is False. image 1, layer MVAU_3, channel 7"
    for attempt in (1, 2):
        with pytest.raises(CheckFailed, match=message):
            run_build(build)
        assert calls(wrong) == [attempt]
    assert outcomes(build)["check"][0] == "failed"
    report = json.loads(build.report_path.read_text())
    assert report["verify"]["rtlsim"]["bit_exact"] is False
    kept = json.loads((build.dir / "10-check.unfinished" / "stage.json").read_text())
    assert (kept["status"], kept["metrics"]) == ("failed", {"bit_exact": False, "cycles": None})
    assert (build.dir / "10-check" / "design.json").exists()


def test_a_gate_added_later_also_judges_a_result_that_stands(
    make_stage: StageFactory, make_build: BuildFactory
) -> None:
    @dataclass(frozen=True)
    class Lenient(Metrics):
        warnings: int

    @dataclass(frozen=True)
    class Strict(Metrics):
        warnings: Annotated[int, IS_ZERO]

    stage = make_stage("check", run=lambda ctx: StageResult(Lenient(2)), metrics=Lenient)
    build = make_build(stage)
    run_build(build)
    type(stage).metrics = Strict
    with pytest.raises(CheckFailed, match="check: warnings must be 0, but is 2"):
        run_build(build)
    assert calls(stage) == [1]


def test_a_stage_without_its_tool_is_skipped_by_name_and_so_is_what_needs_it(
    make_stage: StageFactory, make_build: BuildFactory
) -> None:
    load = make_stage("load", produces=(MODEL,))
    route = make_stage("route", (MODEL,), (TIDY,))
    route.tool = "Vivado is not on PATH"  # type: ignore[attr-defined]
    needing = make_stage("needing", (TIDY,), (GRAPH,))
    deploy = make_stage("deploy", (MODEL,), (DESIGN,), optional=(TIDY,))
    build = make_build(load, route, needing, deploy)
    run_build(build)
    assert outcomes(build)["route"] == ("skipped", "Vivado is not on PATH")
    assert outcomes(build)["needing"] == ("skipped", "needs lint.json, and route was skipped")
    assert outcomes(build)["deploy"][0] == "done"
    assert build.artifact(DESIGN).read_text() == "deploy(load)"
    for options in (RunOptions(last="route"), RunOptions(first="route")):
        with pytest.raises(FlowError, match="route: Vivado is not on PATH") as caught:
            run_build(build, options)
        assert caught.value.exit_code == 1


def test_a_stale_result_of_a_skipped_stage_is_not_used(
    make_stage: StageFactory, make_build: BuildFactory
) -> None:
    run_build(make_build(make_stage("route", produces=(TIDY,))))
    route = make_stage("route", produces=(TIDY,), version="2")
    route.tool = "Vivado is not on PATH"  # type: ignore[attr-defined]
    deploy = make_stage("deploy", (), (DESIGN,), optional=(TIDY,))
    build = make_build(route, deploy)
    run_build(build)
    assert build.artifact(DESIGN).read_text() == "deploy"


def test_a_result_that_stands_does_not_need_its_tool(
    make_stage: StageFactory, make_build: BuildFactory
) -> None:
    route = make_stage("route", produces=(TIDY,))
    build = make_build(route)
    run_build(build)
    route.tool = "Vivado is not on PATH"  # type: ignore[attr-defined]
    run_build(build, RunOptions(last="route"))
    assert outcomes(build)["route"][0] == "cached"


def test_to_stops_after_its_stage(chain: tuple[Stage, ...], make_build: BuildFactory) -> None:
    build = make_build(*chain)
    run_build(build, RunOptions(last="clean"))
    assert list(outcomes(build)) == ["load", "clean"]
    assert calls(*chain) == [1, 1, 0]


def test_force_reruns_only_the_range(chain: tuple[Stage, ...], make_build: BuildFactory) -> None:
    build = make_build(*chain)
    run_build(build)
    run_build(build, RunOptions(first="clean", last="clean", force=True))
    assert calls(*chain) == [1, 2, 1]
    assert outcomes(build)["clean"] == ("done", "forced")


def test_from_refuses_to_start_on_results_that_do_not_stand(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    build = make_build(*chain)
    with pytest.raises(UserError, match="the earlier stage load has no result that stands"):
        run_build(build, RunOptions(first="fold"))
    run_build(build)
    stale = make_build(*chain, config=settings(verify={"images": 9}))
    with pytest.raises(UserError, match=re.escape("verify.images changed 4 -> 9")):
        run_build(stale, RunOptions(first="fold"))
    assert calls(*chain) == [1, 1, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (RunOptions(first="clxan"), '--from: there is no stage "clxan"; did you mean clean?'),
        (RunOptions(last="bitstrm"), '--to: there is no stage "bitstrm"; known: load, clean, fold'),
        (RunOptions(first="fold", last="load"), "--from fold comes after --to load"),
    ],
)
def test_an_impossible_range_is_refused_before_anything_is_written(
    chain: tuple[Stage, ...], make_build: BuildFactory, options: RunOptions, message: str
) -> None:
    build = make_build(*chain)
    with pytest.raises(UserError, match=re.escape(message)):
        run_build(build, options)
    assert not build.dir.exists()


def test_two_flows_in_one_folder_are_refused_with_the_holders_number(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    build = make_build(*chain)
    with (
        locked(build.dir),
        pytest.raises(UserError, match=rf"another flow is building here \(process {os.getpid()}\)"),
    ):
        run_build(build)
    run_build(build)
    assert calls(*chain) == [1, 1, 1]


def test_a_replacement_cut_off_between_its_renames_is_put_back(
    chain: tuple[Stage, ...], make_build: BuildFactory
) -> None:
    build = make_build(*chain)
    run_build(build)
    (build.dir / TEN).rename(build.dir / f"{TEN}.replaced")
    run_build(build)
    assert calls(*chain) == [1, 1, 1]
    assert not list(build.dir.glob("*.replaced"))


def test_what_a_library_prints_goes_to_the_log_only(
    make_stage: StageFactory, make_build: BuildFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    def chatter(ctx: StageContext) -> None:
        print("chatter on stdout")
        print("chatter on stderr", file=sys.stderr)
        warnings.warn("chatter as a warning", stacklevel=1)
        ctx.logger.debug("a detail")

    build = make_build(make_stage("load", produces=(MODEL,), run=chatter))
    run_build(build)
    assert capfd.readouterr() == ("", "")
    log = build.log_path.read_text()
    for text in ("on stdout", "on stderr", "as a warning", "a detail"):
        assert text in log


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"run": lambda ctx: ctx.input(TIDY)}, "reads LINT_REPORT, which is not in requires"),
        ({"run": lambda ctx: ctx.output(TIDY)}, "writes LINT_REPORT, which is not in produces"),
        (
            {"run": lambda ctx: ctx.output(MODEL).unlink()},
            "declared but did not write model.onnx",
        ),
        (
            {"run": lambda ctx: StageResult(report={"speed": 1})},
            "does not fit the schema of report.json",
        ),
        (
            {"run": lambda ctx: StageResult(ToyMetrics(cycles={1, 2})), "metrics": ToyMetrics},
            "is not a JSON value",
        ),
        (
            {"run": lambda ctx: StageResult(ToyMetrics())},
            "measured ToyMetrics, declared is Metrics",
        ),
        ({"run": lambda ctx: sys.exit(4)}, r"a library called exit\(4\)"),
        ({"config_fields": ("fold.target",)}, "there is no fold.target in BuildConfig"),
        ({"board_fields": ("colour",)}, "there is no colour in Board"),
        ({"sources": ("flow/nothing/*.sv",)}, "no file matches flow/nothing"),
    ],
)
def test_a_stage_that_breaks_its_declaration_is_caught(
    make_stage: StageFactory, make_build: BuildFactory, attributes: dict[str, object], message: str
) -> None:
    build = make_build(make_stage("load", produces=(MODEL,), **attributes))
    with pytest.raises(StageContractError, match=message):
        run_build(build)
    assert outcomes(build)["load"][0] == "failed"


def test_numpy_numbers_in_metrics_and_report_become_plain_ones(
    make_stage: StageFactory, make_build: BuildFactory
) -> None:
    def run(ctx: StageContext) -> StageResult:
        return StageResult(
            metrics=ToyMetrics(np.bool_(True), np.int64(7)),
            report={"throughput": {"clock_mhz": np.float32(200)}},
        )

    build = make_build(make_stage("check", produces=(DESIGN,), run=run, metrics=ToyMetrics))
    report = run_build(build)
    assert report.throughput is not None
    assert report.throughput.clock_mhz == 200.0


def test_ctrl_c_ends_at_once_and_the_next_run_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys, time
            from pathlib import Path
            from flow.engine.artifact import Artifact
            from flow.board import find_board
            from flow.commands.output import reported_errors
            from flow.config import parse_config
            from flow.engine.pipeline import Pipeline
            from flow.engine.runner import run_build
            from flow.engine.stage import Stage, StageResult
            from flow.engine.state import Build

            class Load(Stage):
                id = "load"
                produces = (Artifact.QONNX_MODEL,)
                def run(self, ctx):
                    ctx.output(Artifact.QONNX_MODEL).write_text("loaded")
                    return StageResult()

            class Wait(Stage):
                id = "wait"
                requires = (Artifact.QONNX_MODEL,)
                def run(self, ctx):
                    (Path(sys.argv[1]) / "waiting").touch()
                    time.sleep(60)
                    return StageResult()

            config = parse_config({"name": "toy", "model": {"source": "x"}}, None)
            pipeline = Pipeline(((10, Load()), (20, Wait())))
            with reported_errors():
                run_build(Build(Path(sys.argv[1]), config, find_board("zcu104"), pipeline))
            """
        )
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        child = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
            # A shell starts background jobs with SIGINT ignored; a terminal does not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while not (tmp_path / "waiting").exists() and child.poll() is None:
            time.sleep(0.02)
        assert child.poll() is None, child.communicate()
        (tmp_path / "waiting").unlink()
        child.send_signal(number)
        _, told = child.communicate(timeout=20)
        assert "interrupted; finished stages are kept" in told
        stages = json.loads((tmp_path / "report.json").read_text())["stages"]
        assert (stages[1]["status"], stages[1]["reason"]) == ("failed", "interrupted")
    assert stages[0]["status"] == "cached"
