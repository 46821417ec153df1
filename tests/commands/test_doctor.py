"""flow doctor: what is there, and what a missing thing costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flow.cli import app
from flow.commands import doctor
from flow.commands.doctor import Finding, examine


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program on PATH, no Docker, no vendor tools."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.delenv("XILINX_ROOT", raising=False)


def found() -> dict[str, Finding]:
    return {finding.tool.name: finding for finding in examine()}


def test_each_missing_thing_comes_with_its_cost_and_its_remedy(bare_machine: None) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "g++ no cppsim, no rtlsim apt-get install g++" in text
    assert "vivado no bitstream; the build is complete up to there AMD's installer" in text
    assert "docker no build in a container" in text
    for finding in found().values():
        if finding.version is None:
            assert finding.tool.without, finding.tool.name
            assert finding.tool.get, finding.tool.name


def test_docker_is_its_daemon_and_says_why_it_does_not_answer(bare_machine: None) -> None:
    docker = found()["docker"]
    assert docker.version is None
    assert "no Docker daemon answers" in docker.place or "uv sync --extra docker" in docker.place


@pytest.mark.parametrize(
    ("version", "state"),
    [("2022.2", "ok"), ("2024.2", "ok"), ("2021.1", "untested (tested: 2022.2 or 2024.2)")],
)
def test_vivado_is_found_below_the_root_and_its_version_compared(
    version: str, state: str, bare_machine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "Vivado" / version / "bin" / "vivado"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'Vivado v{version} (64-bit)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("XILINX_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    finding = found()["vivado"]
    assert (finding.version, finding.state) == (version, state)


def test_little_memory_or_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found()["disk"].version.endswith(" GiB")  # type: ignore[union-attr]
    monkeypatch.setattr(doctor, "MEMORY_GIB", 10**6)
    monkeypatch.setattr(doctor, "DISK_GIB", 10**6)
    assert found()["memory"].state == "little (wanted: 8 GiB)"
    assert found()["disk"].state == "little (wanted: 10 GiB)"


def test_the_json_has_cost_and_remedy_too() -> None:
    lines = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert {"name", "version", "state", "without", "get"} <= set(lines[0])
    assert {"memory", "disk", "docker", "vivado", "pynq"} <= {line["name"] for line in lines}
