"""Fixtures of the cppsim tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.cppsim.compiled import Compile

from flow.check.cpp.library import compile_program, missing_compiler
from flow.check.cpp.steps import Program


@pytest.fixture(scope="session")
def compile_library(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compile a program; the kernels are compiled once for all tests."""
    reason = missing_compiler()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("cppsim")

    def run(program: Program) -> Path:
        return compile_program(program, folder).path

    return run
