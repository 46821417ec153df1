"""The result table of README and docs: made from report.json files, put between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flow.engine.report import Report, read_report
from flow.errors import UserError
from flow.paths import shown
from flow.reporting.page import verdicts
from flow.tools.markdown import Marks, markdown_table, write_block

BEGIN = "<!-- results: written by `flow report --all --into FILE`, never by hand -->"
END = "<!-- /results -->"
RESULTS = Marks(BEGIN, END)
ESTIMATES = Marks(
    "<!-- estimates: written by `flow report --all --into FILE`, never by hand -->",
    "<!-- /estimates -->",
)

_COLUMNS = (
    "build",
    "board",
    "M MACs a frame",
    "cycles a frame",
    "frames/s",
    "LUT, BRAM36, URAM by yosys",
    "ops a cycle and LUT",
    "bit for bit equal (images)",
)

_ESTIMATED = ("lut", "ff", "bram36", "uram")
_ESTIMATE_COLUMNS = ("build", "board", "LUT", "FF", "BRAM36", "URAM", "frames/s")


def collect_reports(folder: Path) -> list[Report]:
    """Return every report below `folder`: report.json of builds, or *.json files kept elsewhere.

    Raises UserError if there is none, or a file is no report of this version.
    """
    found = sorted(folder.glob("*/*/report.json")) or sorted(folder.glob("*.json"))
    if not found:
        raise UserError(f"{shown(folder)}: there is no report here; run flow build first")
    return [read_report(path) for path in found]


def result_table(reports: Sequence[Report]) -> str:
    """Return a Markdown table with one row a report; what was not measured is a dash."""
    return markdown_table(_COLUMNS, [_row(report) for report in reports])


def estimate_table(reports: Sequence[Report]) -> str:
    """Return a Markdown table of the estimates beside what yosys and rtlsim found.

    One row for each report that has both: "estimated / found (deviation of the estimate)".
    """
    rows = []
    for report in reports:
        resources, speed = report.resources, report.throughput
        if resources is None or resources.estimate is None or resources.yosys is None:
            continue
        pairs = [
            (getattr(resources.estimate, kind), getattr(resources.yosys, kind))
            for kind in _ESTIMATED
        ]
        pairs.append((speed.fps_estimate, speed.fps_rtlsim) if speed else (None, None))
        rows.append([report.config, report.board, *(_beside(*pair) for pair in pairs)])
    return markdown_table(_ESTIMATE_COLUMNS, rows)


def _beside(estimated: float | None, found: float | None) -> str:
    if estimated is None or found is None:
        return "–"
    numbers = " / ".join(
        f"{value:,.0f}" if value >= 1000 else f"{value:g}" for value in (estimated, found)
    )
    return f"{numbers} ({estimated / found - 1:+.1%})" if found else numbers


def write_tables(path: Path, reports: Sequence[Report]) -> None:
    """Write the tables of results and of estimates where a file has the marks of either.

    Raises UserError, naming the marks of the results, if it has neither.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if ESTIMATES.begin in text:
        write_block(path, estimate_table(reports), ESTIMATES)
    if RESULTS.begin in text or ESTIMATES.begin not in text:
        write_block(path, result_table(reports), RESULTS)


def _row(report: Report) -> list[str]:
    macs = report.model.macs_per_frame if report.model is not None else None
    simulated = report.verify.rtlsim if report.verify is not None else None
    cycles = simulated.cycles_per_frame if simulated is not None else None
    found = report.throughput
    fps = found.fps_rtlsim if found is not None else None
    clock = found.clock_mhz if found is not None else None
    density = found.ops_per_cycle_per_lut if found is not None else None
    mapped = report.resources.yosys if report.resources is not None else None
    checks = [
        f"{verdict['name']} ({verdict['images']:,})"
        if verdict["bit_exact"]
        else f"**{verdict['name']}: no**"
        for verdict in verdicts(report)
    ]
    return [
        report.config,
        report.board,
        f"{macs / 1e6:.1f}" if macs is not None else "–",
        f"{cycles:,}" if cycles is not None else "–",
        f"{fps:,.0f} at {clock:g} MHz, simulated" if fps is not None and clock else "–",
        f"{mapped.lut:,.0f}, {mapped.bram36 or 0:g}, {mapped.uram or 0:g}"
        if mapped and mapped.lut is not None
        else "–",
        f"{density:.2f}" if density is not None else "–",
        ", ".join(checks) or "–",
    ]
