"""`flow finn-tests`: FINN's own tests of its RTL nodes, with Verilator behind them."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from flow.commands.output import print_json, print_table
from flow.errors import CheckFailed, ToolError, UserError
from flow.paths import shown
from flow.tools.markdown import Marks, markdown_table, write_block
from flow.tools.process import Plan, execute

FINN_TESTS = "finn-plus-tests==1.6.0"
"""The tests of finn-plus 1.6.1: the newest there are on PyPI."""

PACKAGES = (
    FINN_TESTS,
    "mip==1.17.0",
    "cffi>=1.15",
    "pycparser>=2.20",
    "bitstring>=4.3.1,<4.4",
    "bitarray>=3,<4",
)
"""What the tests import beyond this project's own environment, in FINN's own versions; installed
into a folder of their own, without what they declare (PyTorch, another pytest, launchers)."""

SUITES: Mapping[str, str] = {
    "sliding-window": "test_fpgadataflow_convinputgenerator.py",
    "padding": "test_fpgadataflow_fmpadding.py",
    "threshold": "test_fpgadataflow_thresholding.py",
    "width-converter": "test_fpgadataflow_dwc.py",
    "fifo": "test_fpgadataflow_fifo.py",
    "crop": "test_fpgadataflow_crop.py",
    "pad1d": "test_fpgadataflow_pad1d.py",
    "shuffle": "test_fpgadataflow_shuffle.py",
    "select-token": "test_fpgadataflow_selecttoken.py",
}
"""FINN's test files by the name they are called by here."""

COLUMNS = ["suite", "test", "chosen", "passed", "failed", "needs Vivado", "skipped by FINN", "left"]
_NEEDS_VIVADO = ("vivado not found", "XILINX_VIVADO was not set")
_TIMEOUT_S = 6 * 3600.0
VERDICTS = Marks(
    "<!-- finn-tests: written by `flow finn-tests --into FILE`, never by hand -->",
    "<!-- /finn-tests -->",
)
WINDOWS_COMPARED = Marks(
    "<!-- windows: written by `flow finn-tests --compare --into FILE`, never by hand -->",
    "<!-- /windows -->",
)
WINDOW_COLUMNS = ["geometry", "equal words", "ideal cycles", "FINN", "bnn_sliding_window"]


@dataclass(frozen=True)
class Verdict:
    """How one FINN test ended: passed, failed, needs Vivado, skipped, or not run."""

    suite: str
    test: str
    function: str
    verdict: str
    reason: str
    seconds: float


def finn_tests(
    pattern: str, sample: int, build_dir: Path, into: Path | None, *, as_json: bool
) -> None:
    """Run the suites whose name contains `pattern`; `sample` of each test function, 0 for all.

    `into`: a Markdown file whose table between the finn-tests marks is written anew. CheckFailed
    where a test failed for another reason than that it calls Vivado.
    """
    suites = {name: file for name, file in SUITES.items() if pattern in name}
    if not suites:
        raise UserError(f"finn-tests: no suite is called {pattern!r}; use one of {list(SUITES)}")
    work = (build_dir / "finn_tests").resolve()
    site = _site(work)
    verdicts: list[Verdict] = []
    for suite, file in suites.items():
        typer.echo(f"{suite}: {file} ...", err=True)
        verdicts += _run(suite, site, file, work, sample)
    rows = table(verdicts)
    if into is not None:
        command = f"flow finn-tests {pattern}".strip() + f" --sample {sample}" * bool(sample)
        told = [f"Measured with `{command}`, {FINN_TESTS}:", "", markdown_table(COLUMNS, rows)]
        write_block(into, "\n".join([*told, "", *failures(verdicts)]).rstrip(), VERDICTS)
    if as_json:
        print_json([verdict.__dict__ for verdict in verdicts])
    else:
        print_table(COLUMNS, rows)
    failed = [verdict for verdict in verdicts if verdict.verdict == "failed"]
    if failed:
        raise CheckFailed(
            f"finn-tests: {len(failed)} tests failed, first {failed[0].test}: {failed[0].reason} "
            f"({shown(work / failed[0].suite)}.log)"
        )


def plan_tests(site: Path, file: str, work: Path, suite: str, sample: int) -> Plan:
    """Plan the pytest call for one file of FINN's tests."""
    tests = site / "tests"
    argv = [sys.executable, "-m", "pytest", "-p", "flow.finn.xsi.pytest_plugin", "-q"]
    argv += ["-p", "no:cacheprovider", "--tb=short", "-c", str(tests / "pyproject.toml")]
    argv += [f"--rtl-sample={sample}", f"--rtl-results={work / suite}.jsonl"]
    argv.append(str(tests / "fpgadataflow" / file))
    env = {
        "PYTHONPATH": str(site),
        "FINN_BUILD_DIR": str(work / "nodes"),
        "FINN_TESTS_CLEANUP_BUILD_DIRS": "1",
        "NUM_DEFAULT_WORKERS": "1",  # worker processes would not have our simulator
    }
    return Plan(tuple(argv), work, env=env)


def read_verdicts(suite: str, lines: Sequence[str]) -> list[Verdict]:
    """Read what the plugin wrote, one JSON object a line."""
    found = []
    for line in lines:
        entry = json.loads(line)
        needs_vivado = any(mark in entry["reason"] for mark in _NEEDS_VIVADO)
        if entry["verdict"] == "failed" and needs_vivado:
            entry["verdict"] = "needs Vivado"
        found.append(Verdict(suite=suite, **entry))
    return found


def table(verdicts: Sequence[Verdict]) -> list[list[str]]:
    """Return the rows under COLUMNS: one for each test function."""
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        counts[verdict.suite, verdict.function][verdict.verdict] += 1
    kinds = ("passed", "failed", "needs Vivado", "skipped", "not run")
    return [
        [suite, function, str(count.total()), *(str(count[kind]) for kind in kinds)]
        for (suite, function), count in counts.items()
    ]


def failures(verdicts: Sequence[Verdict]) -> list[str]:
    """Return one line for each reason that tests failed for, folders of files left out."""
    reasons = Counter(
        (verdict.function, re.sub(r"/\S*/", "", verdict.reason))
        for verdict in verdicts
        if verdict.verdict == "failed"
    )
    return [f"- {count} of `{name}`: {reason}" for (name, reason), count in reasons.items()]


def _site(work: Path) -> Path:
    """Return the folder with FINN's tests, installed there on the first call."""
    site = work / "site"
    if (site / "tests" / "conftest.py").is_file():
        return site
    target = ["--no-deps", "--target", str(site), *PACKAGES]
    if shutil.which("uv"):
        argv = ["uv", "pip", "install", "--python", sys.executable, *target]
    else:
        argv = [sys.executable, "-m", "pip", "install", *target]
    execute(Plan(tuple(argv), work), log=work / "install.log", timeout_s=600.0)
    return site


def _run(suite: str, site: Path, file: str, work: Path, sample: int) -> list[Verdict]:
    results = work / f"{suite}.jsonl"
    results.unlink(missing_ok=True)
    (work / "nodes").mkdir(parents=True, exist_ok=True)
    plan = plan_tests(site, file, work, suite, sample)
    log = work / f"{suite}.log"
    try:
        execute(plan, log=log, timeout_s=_TIMEOUT_S)
    except ToolError:
        if not results.is_file():  # the tests did not even start
            raise
    if not results.is_file():
        raise UserError(f"finn-tests: {file} has no test that simulates RTL; see {shown(log)}")
    return read_verdicts(suite, results.read_text(encoding="utf-8").splitlines())


def compare_windows(pattern: str, into: Path | None, *, as_json: bool) -> None:
    """Send the same frames through FINN's sliding window and ours; show the cycles of both.

    `pattern` is part of a geometry's name. CheckFailed where a word differs.
    """
    from flow.finn.xsi.compare import WINDOWS, compare_window

    chosen = [window for window in WINDOWS if pattern.lower() in window.name.lower()]
    if not chosen:
        names = ", ".join(window.name for window in WINDOWS)
        raise UserError(f"finn-tests: no geometry has {pattern!r} in its name; there are {names}")
    rows = []
    for window in chosen:
        found = compare_window(window)
        ideal = window.ideal_cycles
        cells = (found.finn_cycles, found.our_cycles)
        percent = [f"{cycles:,.0f} ({100 * (cycles / ideal - 1):+.1f} %)" for cycles in cells]
        rows.append([window.name, f"{found.words:,}", f"{ideal:,}", *percent])
    if into is not None:
        compared = markdown_table(WINDOW_COLUMNS, rows)
        told = f"Measured with `flow finn-tests --compare`:\n\n{compared}"
        write_block(into, told, WINDOWS_COMPARED)
    if as_json:
        print_json([dict(zip(WINDOW_COLUMNS, row, strict=True)) for row in rows])
    else:
        print_table(WINDOW_COLUMNS, rows)
