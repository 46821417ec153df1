"""A new kind of layer takes five files, as docs/how_to_layer.md says; nothing else has to know."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ROOT / "tests" / "data" / "new_layer"
NEW_FILES = {
    "node.py": "flow/network/absolute.py",
    "kernel.py": "flow/hardware/kernels/absolute.py",
    "bnn_absolute.sv": "flow/hardware/rtl/src/bnn_absolute.sv",
    "map.hpp": "flow/check/cpp/maps/absolute.hpp",
}
OPERATORS = "flow/frontend/golden/operators.py"
"""The one file that is there already and is changed."""
CHECKED = [*("witness", "network", "cppsim", "priced", "rtlsim", "decoded")]


def copy_with_the_layer(folder: Path) -> Path:
    """Return a copy of flow, driver and the tests' helpers with the five files."""
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("flow", "driver", "tests", "build_configs"):
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    for part, place in NEW_FILES.items():
        assert not (folder / place).exists()
        shutil.copyfile(PARTS / part, folder / place)
    with (folder / OPERATORS).open("a", encoding="utf-8") as file:
        file.write((PARTS / "operators_end.txt").read_text(encoding="utf-8"))
    return folder


def test_a_new_kind_of_layer_takes_five_files(tmp_path: Path) -> None:
    assert len(NEW_FILES) + 1 <= 5
    tree = copy_with_the_layer(tmp_path / "tree")
    places = [tree, tree / "tests", tree / "tests" / "rtl"]
    done = subprocess.run(
        [
            sys.executable,
            tree / "tests" / "data" / "new_layer" / "try_the_layer.py",
            tmp_path / "work",
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))},
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == CHECKED


def test_how_to_layer_names_these_files() -> None:
    text = (ROOT / "docs" / "how_to_layer.md").read_text(encoding="utf-8")
    for place in (*NEW_FILES.values(), OPERATORS):
        assert place.replace("absolute", "NAME") in text, place
