"""flow clean: removes builds and nothing else."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flow.cli import app


@pytest.fixture
def builds(tmp_path: Path) -> Path:
    """Two builds, one with an unfinished stage, and a folder that is none."""
    folder = tmp_path / "build"
    for name in ("bvgg16_zcu104", "mine"):
        stage = folder / name / "zcu104" / "20-golden"
        stage.mkdir(parents=True)
        (stage / "golden.npz").write_bytes(b"x" * 1000)
        (stage.parent / "report.json").write_text("{}")
    (folder / "mine" / "zcu104" / "75-rtlsim.unfinished").mkdir()
    (folder / "notes" / "zcu104").mkdir(parents=True)
    return folder


def clean(builds: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["clean", "--build-dir", str(builds), *options])


def test_one_build_goes_and_the_others_stay(builds: Path) -> None:
    result = clean(builds, "--board", "ZCU104", "--config", "bvgg16_zcu104")
    assert result.exit_code == 0, result.output
    assert not (builds / "bvgg16_zcu104").exists()
    assert (builds / "mine" / "zcu104" / "report.json").is_file()


def test_all_builds_go_and_what_is_none_stays(builds: Path) -> None:
    found = json.loads(clean(builds, "--all", "--json").stdout)
    assert found["bytes"] == 2004
    assert [path.name for path in builds.iterdir()] == ["notes"]


def test_a_dry_run_says_it_and_removes_nothing(builds: Path) -> None:
    before = sorted(builds.rglob("*"))
    result = clean(builds, "--all", "--dry-run")
    assert "would remove" in result.stdout
    assert sorted(builds.rglob("*")) == before


def test_only_what_is_unfinished_goes(builds: Path) -> None:
    assert clean(builds, "--all", "--unfinished").exit_code == 0
    assert not (builds / "mine" / "zcu104" / "75-rtlsim.unfinished").exists()
    assert (builds / "mine" / "zcu104" / "20-golden" / "golden.npz").is_file()


def test_a_build_at_work_is_left_alone(builds: Path) -> None:
    folder = builds / "bvgg16_zcu104" / "zcu104"
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = clean(builds, "--config", "bvgg16_zcu104")
    assert result.exit_code == 2
    assert "another flow is building here" in result.stderr
    assert (folder / "report.json").is_file()


def test_nothing_to_clean_is_said(tmp_path: Path) -> None:
    assert "there is no build here" in clean(tmp_path, "--all").stderr
    assert "nothing has been built here" in clean(tmp_path, "--board", "ZCU104").stderr
