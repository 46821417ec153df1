"""Fingerprints follow the code a stage really uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from flow.engine import fingerprint as fp


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package `flow` of which only the files matter, not that it runs."""
    files = {
        "flow/stages/fold.py": "from flow.hardware.search import best\n"
        "from flow.engine.stage import Stage\n",
        "flow/hardware/__init__.py": "",
        "flow/hardware/search.py": "def best():\n    import flow.hardware.costs\n",
        "flow/hardware/costs.py": "from driver import packing\nimport numpy\n",
        "flow/hardware/unused.py": "",
        "flow/engine/stage.py": "import flow.hardware.unused\n",
        "driver/__init__.py": "",
        "driver/packing.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(fp, "PACKAGE_DIR", tmp_path / "flow")
    fp.imported_files.cache_clear()
    fp._code_hash.cache_clear()
    return tmp_path


def test_imports_are_followed_into_functions_and_the_driver_but_not_into_the_engine(
    package: Path,
) -> None:
    found = fp.imported_files(package / "flow/stages/fold.py")
    assert {path.relative_to(package).as_posix() for path in found} == {
        "flow/hardware/search.py",
        "flow/hardware/costs.py",
        "driver/__init__.py",
        "driver/packing.py",
    }


def test_changes_are_named_and_a_long_list_is_cut() -> None:
    old: fp.Parts = {"code": {"flow/hardware/a.py": "1"}, "package": {"onnx": "1.20"}, "config": {}}
    new: fp.Parts = {"code": {"flow/hardware/a.py": "2"}, "package": {"onnx": "1.21"}, "config": {}}
    assert fp.explain_change(old, new) == (
        "code flow/hardware/a.py changed; package onnx changed 1.20 -> 1.21"
    )
    many: fp.Parts = {"input": {f"{k}.onnx": "x" for k in range(5)}}
    assert fp.explain_change({}, many) == (
        "input 0.onnx is new; input 1.onnx is new; input 2.onnx is new; and 2 more"
    )
    assert fp.explain_change(many, {}) is not None
    assert fp.explain_change(new, new) is None


def test_a_folder_hash_covers_names_contents_and_nesting(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    hashes = {fp.hash_path(tmp_path)}
    (tmp_path / "a" / "x").write_text("2")
    hashes.add(fp.hash_path(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    hashes.add(fp.hash_path(tmp_path))
    assert len(hashes) == 3
    assert fp.hash_path(tmp_path / "none") == ""


def test_an_empty_file_is_not_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert fp.hash_path(tmp_path / "empty") != ""
