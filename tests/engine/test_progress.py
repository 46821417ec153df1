"""Progress is shown as the terminal allows."""

from __future__ import annotations

import io

import pytest

from flow.engine.progress import LiveList, PlainLines, Progress, Silent, choose_progress
from flow.engine.report import StageReport
from flow.environment import read_environment


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def act(progress: Progress) -> None:
    progress.begin("net on ZCU104 in build", ["load", "fold", "route", "deploy"])
    progress.stage_ended(StageReport(id="load", status="cached", seconds=0, reason=""), "")
    progress.stage_started("fold", "re-run: x changed 1 -> 2")
    progress.stage_progress("fold", 3, 10, "layers")
    progress.stage_ended(StageReport(id="fold", status="done", seconds=2.25, reason=""), "9 layers")
    why = "Vivado [v] is not here"
    progress.stage_ended(StageReport(id="route", status="skipped", seconds=0, reason=why), "")
    progress.stage_ended(StageReport(id="deploy", status="failed", seconds=0, reason="no"), "")
    progress.end()


def test_plain_lines_say_what_runs_why_and_how_it_ended() -> None:
    stream = io.StringIO()
    act(PlainLines(stream))
    assert stream.getvalue().splitlines() == [
        "net on ZCU104 in build",
        "[ 1/4] load: cached",
        "[ 2/4] fold: running (re-run: x changed 1 -> 2)",
        "[ 2/4] fold: done in 2.2 s: 9 layers",
        "[ 3/4] route: skipped: Vivado [v] is not here",
        "[ 4/4] deploy: failed: no",
    ]


def test_plain_lines_report_progress_only_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    progress = PlainLines(stream)
    now = [100.0]
    monkeypatch.setattr("flow.engine.progress.time.monotonic", lambda: now[0])
    progress.begin("net", ["fold"])
    progress.stage_started("fold", "first run")
    for k in range(25):
        now[0] += 1.0
        progress.stage_progress("fold", k, None, "steps")
    assert stream.getvalue().splitlines()[2:] == ["[ 1/1] fold: 9 steps", "[ 1/1] fold: 19 steps"]


def test_the_live_list_ends_with_every_stage_and_its_state() -> None:
    stream = Terminal()
    act(LiveList(stream))
    text = stream.getvalue()
    for part in ("fold", "done in 2.2 s: 9 layers", "Vivado [v] is not here", "✓", "✗"):
        assert part in text


@pytest.mark.parametrize(
    ("stream", "variables", "options", "expected"),
    [
        (Terminal(), {}, {}, LiveList),
        (Terminal(), {"NO_COLOR": "1"}, {}, PlainLines),
        (Terminal(), {"TERM": "dumb"}, {}, PlainLines),
        (Terminal(), {}, {"verbose": True}, PlainLines),
        (Terminal(), {}, {"quiet": True}, Silent),
        (io.StringIO(), {}, {}, PlainLines),
    ],
)
def test_the_display_suits_terminal_and_options(
    stream: io.StringIO, variables: dict[str, str], options: dict[str, bool], expected: type
) -> None:
    chosen = {"quiet": False, "verbose": False, **options}
    assert (
        type(choose_progress(stream=stream, env=read_environment(variables), **chosen)) is expected
    )


def test_the_environment_is_read_once_and_empty_means_unset() -> None:
    found = read_environment({"BNNFLOW_DATA": "/d", "NO_COLOR": "", "XILINX_VIVADO": ""})
    assert (str(found.data_dir), found.no_color, found.xilinx_vivado) == ("/d", False, None)
