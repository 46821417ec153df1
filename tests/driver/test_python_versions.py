"""The driver's code is understood by the Python of PYNQ's images, and needs nothing of the flow."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).resolve().parents[2] / "driver"
MODULES = sorted(DRIVER.glob("*.py"))
ALLOWED = {*sys.stdlib_module_names, "driver", "numpy", "PIL", "pynq", "onnxruntime"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_module_is_python_3_8_and_imports_little(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= ALLOWED
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] in ALLOWED


def test_driver_starts_with_the_oldest_python_there_is_here() -> None:
    versions = Path.home() / ".pyenv" / "versions"
    found = sorted(versions.glob("3.8.*/bin/python")) or sorted(Path("/usr/bin").glob("python3.8"))
    if not found:
        pytest.skip("Python 3.8 is not installed here")
    # Without NumPy: only that every module compiles and the syntax tree is the interpreter's own.
    done = subprocess.run(
        [found[-1], "-c", "import ast, sys; [ast.parse(open(p).read()) for p in sys.argv[1:]]"]
        + [str(path) for path in MODULES],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
