"""The command line: what it selects, how it ends, what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import pytest
from nets import tiny_net
from typer.testing import CliRunner, Result

from flow.cli import app
from flow.commands import selection
from flow.commands.doctor import Tool, examine
from flow.commands.selection import BuildRequest, default_config, select_target
from flow.engine import verify as checks
from flow.engine.artifact import Artifact
from flow.engine.pipeline import Pipeline
from flow.engine.stage import Stage, StageContext, StageResult
from flow.engine.state import Build
from flow.engine.verify import Verifier, VerifyOptions, VerifyResult
from flow.errors import ToolError, UserError
from flow.paths import PACKAGE_DIR, boards_dir

if TYPE_CHECKING:
    from conftest import StageFactory

Invoke = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with both boards, one configuration and its model; the current folder too."""
    (tmp_path / "board").symlink_to(boards_dir())
    (tmp_path / "build_configs").mkdir()
    for name, board in (("bvgg16_zcu104", "ZCU104"), ("bvgg16_pynq_z2", "pynq z2")):
        (tmp_path / "build_configs" / f"{name}.toml").write_text(
            f'board = "{board}"\n[model]\nsource = "net.onnx"\n[fold]\ntarget_fps = 7\n'
        )
    (tmp_path / "net.onnx").write_text("a network")
    monkeypatch.setenv("BNNFLOW_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stages(make_stage: StageFactory, monkeypatch: pytest.MonkeyPatch) -> list[Stage]:
    """Two toy stages, `load` and `fold`, that the command line builds with."""

    def fold(ctx: StageContext) -> StageResult:
        text = f"{ctx.config.fold.target_fps:g}"
        ctx.output(Artifact.DESIGN).write_text(text)
        part = {"throughput": {"fps_estimate": ctx.config.fold.target_fps}}
        return StageResult(summary="folded", report=part)

    toys = [
        make_stage("load", produces=(Artifact.QONNX_MODEL,)),
        make_stage("fold", (Artifact.QONNX_MODEL,), (Artifact.DESIGN,), fold, None),
    ]
    type(toys[1]).config_fields = ("fold",)

    def load_toys() -> Pipeline:
        return Pipeline(tuple((10 * k + 10, toy) for k, toy in enumerate(toys)))

    monkeypatch.setattr(selection, "load_pipeline", load_toys)
    return toys


@pytest.fixture
def invoke() -> Invoke:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return call


def test_a_board_alone_builds_its_default_network(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    result = invoke("build", "--board", "zcu-104")
    assert result.exit_code == 0, result.output
    assert (project / "build/bvgg16_zcu104/zcu104/20-fold/design.json").read_text() == "7"
    assert "bvgg16_zcu104 on ZCU104: 2 done" in result.stdout
    assert "7.0 frames/s estimated" in result.stdout
    assert "fold: done in" in result.stderr
    again = invoke("build", "--board", "ZCU104")
    assert "2 cached" in again.stdout


def test_options_beat_set_which_beats_the_file(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    def built(*options: str) -> str:
        assert invoke("build", "--board", "ZCU104", *options).exit_code == 0
        return (project / "build/bvgg16_zcu104/zcu104/20-fold/design.json").read_text()

    assert built("--set", "fold.target_fps=8") == "8"
    assert built("--set", "fold.target_fps=8", "--target-fps", "9") == "9"


def test_a_model_names_the_build_and_takes_default_settings(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    (project / "my net (1).onnx").write_text("mine")
    assert invoke("build", "--board", "pynq-z2", "--model", "my net (1).onnx").exit_code == 0
    folder = project / "build" / "my_net__1_" / "pynq_z2"
    assert (folder / "20-fold" / "design.json").read_text() == "100"
    options = ("--config", "bvgg16_pynq_z2", "--model", "my net (1).onnx")
    assert invoke("build", *options).exit_code == 0
    assert (folder / "20-fold" / "design.json").read_text() == "7"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "which build? Give --board NAME"),
        (("--board", "ZCU102"), 'no board "ZCU102"; did you mean ZCU104?'),
        (("--config", "bvgg"), "--config: there is no file"),
        (("--model", "net.onnx"), "build net: which board? Give --board NAME"),
        (("--model", "gone.onnx", "--board", "zcu104"), "model: there is no file gone.onnx"),
        (
            ("--board", "zcu104", "--data", "gone"),
            "--data: there is no folder, .npy or .npz file gone",
        ),
        (("--board", "zcu104", "--set", "fold"), '--set: "fold" is not key=value'),
        (("--board", "zcu104", "--target-fps", "-3"), "fold.target_fps set on the command line"),
        (("--board", "zcu104", "--to", "flod"), '--to: there is no stage "flod"; did you mean'),
    ],
)
def test_wrong_input_ends_with_2_and_one_message_and_writes_nothing(
    project: Path, stages: list[Stage], invoke: Invoke, options: tuple[str, ...], message: str
) -> None:
    result = invoke("build", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    assert not (project / "build").exists()


def test_a_later_wrong_input_leaves_the_earlier_build_intact(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    assert invoke("build", "--board", "ZCU104").exit_code == 0
    folder = project / "build/bvgg16_zcu104/zcu104"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (project / "net.onnx").unlink()
    assert invoke("build", "--board", "ZCU104").exit_code == 2
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def fail_with(error: Exception) -> Callable[[StageContext], StageResult]:
    def run(_ctx: StageContext) -> StageResult:
        raise error

    return run


def test_a_tool_error_shows_command_log_and_first_error_and_ends_with_1(
    project: Path, stages: list[Stage], invoke: Invoke, make_stage: StageFactory
) -> None:
    error = ToolError("fold", ["prog", "-x"], Path("a.log"), "%Error: top.sv:3: no")
    stages[1] = make_stage("fold", run=fail_with(error))
    result = invoke("build", "--board", "ZCU104")
    assert result.exit_code == 1
    for text in ("%Error: top.sv:3: no", "command: prog -x", "log: a.log"):
        assert text in result.stderr
    assert "Traceback" not in result.output


def test_a_bug_is_reported_as_one_with_stage_and_log_but_without_traceback(
    project: Path, stages: list[Stage], invoke: Invoke, make_stage: StageFactory
) -> None:
    stages[1] = make_stage("fold", run=fail_with(KeyError("MVAU_3")))
    result = invoke("build", "--board", "ZCU104")
    assert result.exit_code == 1
    assert "internal error: KeyError: 'MVAU_3' (stage fold; the traceback is in" in result.stderr
    assert "Traceback" not in result.output
    log = (project / "build/bvgg16_zcu104/zcu104/flow.log").read_text()
    assert "Traceback" in log


def test_json_is_the_only_thing_on_stdout_also_for_an_error(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    report = json.loads(invoke("build", "--board", "ZCU104", "--json").stdout)
    assert [stage["status"] for stage in report["stages"]] == ["done", "done"]
    wrong = invoke("build", "--board", "ZCU", "--json")
    assert json.loads(wrong.stdout)["exit_code"] == 2


def test_quiet_prints_nothing_when_all_is_well(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    assert invoke("build", "--board", "ZCU104", "--quiet").output == ""


def test_verbose_shows_the_log(project: Path, stages: list[Stage], invoke: Invoke) -> None:
    result = invoke("build", "--board", "ZCU104", "--verbose")
    assert "flow: load: running (first run)" in result.stderr


def test_dry_run_prints_the_plan_and_builds_nothing(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    result = invoke("build", "--board", "ZCU104", "--dry-run")
    assert result.exit_code == 0
    assert "first run" in result.stdout
    assert not (project / "build").exists()
    planned = json.loads(invoke("build", "--board", "ZCU104", "--dry-run", "--json").stdout)
    assert [line["action"] for line in planned] == ["run", "run"]


def test_the_report_is_shown_again(project: Path, stages: list[Stage], invoke: Invoke) -> None:
    missing = invoke("report", "--board", "ZCU104")
    assert missing.exit_code == 2
    assert "no report here; run flow build first" in missing.stderr
    invoke("build", "--board", "ZCU104")
    assert "2 done" in invoke("report", "--board", "ZCU104").stdout
    assert "2 done" in invoke("report", "build/bvgg16_zcu104/zcu104").stdout


class Compare(Verifier):
    """A check that reads the design and compares it with 7."""

    id = "rtlsim"

    def run(self, build: Build, options: VerifyOptions) -> VerifyResult:
        value = build.artifact(Artifact.DESIGN).read_text()
        images = options.images or build.config.verify.images
        return VerifyResult(
            line=f"rtlsim: {images} images, design is {value}",
            ok=value == "7",
            report={"verify": {"rtlsim": {"images": images, "bit_exact": value == "7"}}},
        )


@pytest.fixture
def _rtlsim_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "VERIFIERS", {"rtlsim": f"{__name__}:Compare"})
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Compare.__module__])
    monkeypatch.setattr("flow.commands.verify.VERIFIERS", checks.VERIFIERS)


@pytest.mark.usefixtures("_rtlsim_check")
def test_verify_repeats_a_check_says_what_it_compared_and_reports_it(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    nothing = invoke("verify", "--rtlsim", "--board", "ZCU104")
    assert nothing.exit_code == 2
    assert "nothing has been built here; run: flow build --board ZCU104" in nothing.stderr
    assert not (project / "build").exists()
    invoke("build", "--board", "ZCU104")
    result = invoke("verify", "--rtlsim", "--board", "ZCU104", "--images", "3")
    assert (result.exit_code, result.stdout) == (0, "rtlsim: 3 images, design is 7\n")
    report = json.loads((project / "build/bvgg16_zcu104/zcu104/report.json").read_text())
    assert report["verify"] == {"rtlsim": {"images": 3, "bit_exact": True}}


@pytest.mark.usefixtures("_rtlsim_check")
def test_verify_refuses_a_changed_design_or_checks_it_as_it_is(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    invoke("build", "--board", "ZCU104")
    (project / "build/bvgg16_zcu104/zcu104/20-fold/design.json").write_text("8")
    refused = invoke("verify", "--board", "ZCU104")
    assert refused.exit_code == 3
    assert "20-fold/design.json was changed outside the flow" in refused.stderr
    failed = invoke("verify", "--board", "ZCU104", "--no-hash-check")
    assert failed.exit_code == 3
    assert "rtlsim: 4 images, design is 8" in failed.stderr
    report = json.loads((project / "build/bvgg16_zcu104/zcu104/report.json").read_text())
    assert report["verify"]["rtlsim"]["bit_exact"] is False


@pytest.mark.usefixtures("_rtlsim_check")
def test_verify_says_when_the_design_is_not_what_would_be_built_now(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    invoke("build", "--board", "ZCU104")
    result = invoke("verify", "--board", "ZCU104", "--set", "fold.target_fps=9")
    assert result.exit_code == 0
    assert "would make another one (fold: re-run: fold.target_fps changed 7 -> 9)" in result.stderr
    assert "note" not in invoke("verify", "--board", "ZCU104").stderr


@pytest.mark.usefixtures("_rtlsim_check")
def test_a_check_this_version_lacks_is_an_error(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    invoke("build", "--board", "ZCU104")
    result = invoke("verify", "--driver", "--board", "ZCU104")
    assert result.exit_code == 2
    assert "verify: --driver is not available in this version; available: rtlsim" in result.stderr


def test_boards_lists_every_board(invoke: Invoke) -> None:
    text = invoke("boards").stdout
    assert "ZCU104" in text
    assert "xc7z020clg400-1" in text
    assert "230,400" in text
    assert {board["id"] for board in json.loads(invoke("boards", "--json").stdout)} >= {
        "zcu104",
        "pynq_z2",
    }


def test_without_a_default_the_one_configuration_for_the_board_is_taken(
    project: Path, board: object
) -> None:
    bare = board.model_copy(update={"default_config": None})  # type: ignore[attr-defined]
    assert default_config(bare).stem == "bvgg16_zcu104"
    text = (project / "build_configs" / "bvgg16_zcu104.toml").read_text()
    (project / "build_configs" / "second.toml").write_text(text)
    with pytest.raises(UserError, match="those made for it are: bvgg16_zcu104, second; give"):
        default_config(bare)


def test_the_board_option_beats_the_configurations_board(project: Path) -> None:
    target = select_target(BuildRequest(board="PYNQ-Z2", config="bvgg16_zcu104"))
    assert target.dir == project / "build/bvgg16_zcu104/pynq_z2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "net.onnx"), "--data: say where CIFAR-10 is"),
        (("--model", "gone.onnx"), "--model: there is no file gone.onnx"),
        (("--model", "net.onnx", "--backend", "gpu"), "--backend: 'gpu' is not known"),
        (("--model", "net.onnx", "--images", "0"), "--images: 0; use at least 1"),
    ],
)
def test_eval_says_what_is_missing(
    project: Path, invoke: Invoke, arguments: tuple[str, ...], message: str
) -> None:
    result = invoke("eval", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_eval_says_that_a_folder_has_no_images(project: Path, invoke: Invoke) -> None:
    onnx.save(tiny_net().build(), str(project / "tiny.onnx"))
    result = invoke("eval", "--model", "tiny.onnx", "--data", ".")
    assert result.exit_code == 2
    assert "no CIFAR-10 test data" in result.stderr


def test_doctor_tells_missing_absent_and_untested_apart() -> None:
    tools = (
        Tool("onnx", "reads models", True, "0.0", "package"),
        Tool("no-such-package-here", "nothing", False, "", "package"),
        Tool("no-such-program-here", "nothing", True, ""),
    )
    states = [finding.state for finding in examine(tools)]
    assert states[1:] == ["untested (tested: 0.0)", "absent", "missing"]


def test_doctor_names_every_tool(invoke: Invoke) -> None:
    found = {line["name"]: line for line in json.loads(invoke("doctor", "--json").stdout)}
    assert {"uv", "g++", "make", "perl", "python", "verilator", "docker", "vivado"} <= set(found)
    assert found["onnx"]["state"] == "ok"


@pytest.mark.parametrize("kind", ["config", "report"])
def test_schema_prints_json(invoke: Invoke, kind: str) -> None:
    assert json.loads(invoke("schema", kind).stdout)["type"] == "object"


def test_boards_and_schemas_are_shown_without_drawing() -> None:
    """Matplotlib takes seconds to load; only the page of a report needs it."""
    code = "import sys, flow.commands.info; print('LOADED', 'matplotlib' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "LOADED False\n"


def test_help_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys; from flow.cli import app\n"
        "try: app(['build', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'onnx', 'qonnx', 'finn', 'brevitas', 'numpy'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    started = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "LOADED []" in told.stdout
    # Measured 0.35 s; this limit only catches a heavy import on a busy machine.
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("command", ["build", "waves", "explore"])
def test_help_shows_the_defaults_that_are_words(invoke: Invoke, command: str) -> None:
    assert "[default: " in invoke(command, "--help").stdout.replace("\n", " ")
    told = "".join(path.read_text() for path in (PACKAGE_DIR / "cli").glob("*.py"))
    assert told.count("\\\\[default: ") == told.count("[default: ")  # else taken for markup


def test_a_place_that_cannot_be_written_is_the_users_error(
    project: Path, stages: list[Stage], invoke: Invoke
) -> None:
    (project / "file").write_text("")
    for place in ("file", "file/below"):
        result = invoke("build", "--board", "ZCU104", "--build-dir", place)
        assert result.exit_code == 2 and "choose another folder or file" in result.stderr, place
        assert "Traceback" not in result.stderr and "internal error" not in result.stderr


def test_a_reader_that_leaves_early_is_no_bug() -> None:
    call = f"{sys.executable} -c 'from flow.cli import main; main()' schema config | true"
    told = subprocess.run(call, shell=True, capture_output=True, text=True, timeout=120).stderr
    assert told == ""
