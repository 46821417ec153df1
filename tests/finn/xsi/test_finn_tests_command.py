"""`flow finn-tests`: what is planned, how verdicts are read, counted and written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doc_blocks import ROOT

from flow.commands.finn_tests import (
    COLUMNS,
    SUITES,
    VERDICTS,
    WINDOWS_COMPARED,
    finn_tests,
    plan_tests,
    read_verdicts,
    table,
)
from flow.errors import UserError
from flow.finn.xsi.compile import FOREIGN_WAIVERS, foreign_waivers, plan_verilate
from flow.finn.xsi.rewrites import REWRITES, rewritten
from flow.hardware.sources import RTL_SOURCE_DIR
from flow.tools.markdown import replace_block
from flow.tools.verilator import Verilator


def line(verdict, reason="", function="test_a"):
    return json.dumps(
        {
            "test": f"x.py::{function}[1]",
            "function": function,
            "verdict": verdict,
            "reason": reason,
            "seconds": 1.0,
        }
    )


def test_a_test_that_calls_vivado_is_counted_apart_from_failures():
    verdicts = read_verdicts(
        "fifo",
        [
            line("passed"),
            line("failed", "FileNotFoundError: vivado not found in PATH"),
            line("failed", "AssertionError"),
            line("skipped", "SIMD"),
            line("not run", "beyond the sample"),
            line("passed", function="test_b"),
        ],
    )
    rows = table(verdicts)
    assert rows == [
        ["fifo", "test_a", "5", "1", "1", "1", "1", "1"],
        ["fifo", "test_b", "1", "1", "0", "0", "0", "0"],
    ]
    assert len(COLUMNS) == len(rows[0])


def test_finns_tests_run_with_our_plugin_one_worker_and_their_own_folder():
    plan = plan_tests(Path("/site"), SUITES["fifo"], Path("/work"), "fifo", 3)
    assert plan.argv[1:5] == ("-m", "pytest", "-p", "flow.finn.xsi.pytest_plugin")
    assert "--rtl-sample=3" in plan.argv
    assert plan.argv[-1] == "/site/tests/fpgadataflow/test_fpgadataflow_fifo.py"
    assert plan.env["NUM_DEFAULT_WORKERS"] == "1"
    assert plan.env["PYTHONPATH"] == "/site"


def test_only_rtl_simulations_without_hls_are_chosen():
    pytest.importorskip("finn")
    from flow.finn.xsi.pytest_plugin import wanted

    assert wanted("x.py::test_window[rtlsim-2]")
    assert wanted("x.py::test_depthwise_deadlock[k0]")
    assert not wanted("x.py::test_window[cppsim-2]")
    assert not wanted("x.py::test_dwc[hls-rtlsim]")


def test_an_unknown_suite_is_refused_with_the_names(tmp_path):
    with pytest.raises(UserError, match="no suite is called 'mvau'; use one of"):
        finn_tests("mvau", 0, tmp_path, None, as_json=False)


def test_the_page_of_this_repository_has_the_marks_of_both_tables():
    page = (ROOT / "docs" / "second_opinion.md").read_text()
    for marks in (VERDICTS, WINDOWS_COMPARED):
        assert "| new |" in replace_block(page, "| new |", "page", marks)


def test_lint_is_relaxed_for_foreign_files_only(tmp_path):
    ours = RTL_SOURCE_DIR / "bnn_fifo.sv"
    text = foreign_waivers([ours, Path("/finn/fifo.sv"), Path("/finn/thresholding.sv")])
    assert "bnn_fifo" not in text
    assert text.count("/finn/fifo.sv") == len(FOREIGN_WAIVERS)
    assert text.count("SELRANGE") == 1


def test_warnings_stay_fatal_and_packages_come_first(tmp_path):
    sources = [Path("/a/top.v"), Path("/a/defs.svh"), Path("/b/swg_pkg.sv")]
    plan = plan_verilate(
        Verilator.locate(),
        "top",
        sources,
        tmp_path,
        debug=False,
        behav=True,
        waivers=tmp_path / "w.vlt",
    )
    assert "-Wall" in plan.argv
    assert not [word for word in plan.argv if word.startswith("-Wno")]
    assert plan.argv[-2:] == ("/b/swg_pkg.sv", "/a/top.v")
    assert "-I/a" in plan.argv
    assert "-DFINN_SIMULATION" in plan.argv


def test_a_rewrite_copies_and_leaves_other_files_alone(tmp_path):
    rewrite = REWRITES[0]
    source = tmp_path / rewrite.file
    source.write_text(f"a {rewrite.old} b\n")
    copy = rewritten(source, tmp_path / "copies")
    assert copy.read_text() == f"a {rewrite.new} b\n"
    assert source.read_text() == f"a {rewrite.old} b\n"
    source.write_text(f"{rewrite.old} {rewrite.old}")
    assert rewritten(source, tmp_path / "copies") == source
    other = tmp_path / "other.sv"
    assert rewritten(other, tmp_path / "copies") == other
