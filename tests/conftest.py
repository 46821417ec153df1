"""Fixtures shared by all tests."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flow.board import Board, find_board
from flow.config import BuildConfig, parse_config
from flow.engine.artifact import Artifact
from flow.engine.pipeline import Pipeline
from flow.engine.stage import Stage, StageContext, StageResult
from flow.engine.state import Build

RunFunction = Callable[[StageContext], StageResult | None]
ROOT = Path(__file__).resolve().parents[1]
StageFactory = Callable[..., Stage]
BuildFactory = Callable[..., Build]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Settings of `pytest -m fuzz` (tests/fuzz)."""
    group = parser.getgroup("fuzz", "random networks (-m fuzz)")
    group.addoption("--fuzz-seconds", type=float, default=60, help="time budget of the run")
    group.addoption("--fuzz-count", type=int, default=1_000_000, help="networks at most")
    group.addoption("--fuzz-seed", type=int, help="the first seed, else one from the commit")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded with the test's name; pytest shows the seed of a failing test."""
    seed = zlib.crc32(request.node.nodeid.encode())
    print(f"seed {seed}")
    random.seed(seed)
    return np.random.default_rng(seed)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the variables of whoever runs the tests out of them."""
    for name in ("BNNFLOW_ROOT", "BNNFLOW_DATA", "XILINX_VIVADO", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_stage() -> StageFactory:
    """Make toy stages: `make_stage("fold", requires=..., run=...)`, any class attribute by name.

    The toy writes its id and its inputs' contents to each output, then calls `run`, if given. The
    instance counts in `calls`; `tool` is what needs_tool returns; `files` its external files.
    """

    def make(
        stage_id: str,
        requires: tuple[Artifact, ...] = (),
        produces: tuple[Artifact, ...] = (),
        run: RunFunction | None = None,
        files: dict[str, Path] | None = None,
        **attributes: Any,
    ) -> Stage:
        class Toy(Stage):
            id = stage_id

            def __init__(self) -> None:
                self.calls = 0
                self.tool: str | None = None

            def needs_tool(self) -> str | None:
                return self.tool

            def external_files(self, build: Build) -> dict[str, Path]:
                return files or {}

            def run(self, ctx: StageContext) -> StageResult:
                self.calls += 1
                read = [ctx.optional_input(a) for a in (*self.requires, *self.optional)]
                text = stage_id + "".join(f"({path.read_text()})" for path in read if path)
                for artifact in self.produces:
                    ctx.output(artifact).write_text(text)
                return (run(ctx) if run is not None else None) or StageResult(
                    summary=f"{stage_id}!"
                )

        Toy.requires, Toy.produces = requires, produces
        for name, value in attributes.items():
            setattr(Toy, name, value)
        return Toy()

    return make


@pytest.fixture
def board() -> Board:
    """The ZCU104."""
    return find_board("ZCU104")


@pytest.fixture
def config() -> BuildConfig:
    """Default settings."""
    return parse_config({"name": "toy", "model": {"source": "toy.onnx"}}, None)


@pytest.fixture
def make_build(tmp_path: Path, config: BuildConfig, board: Board) -> BuildFactory:
    """Put toy stages together to a build in a temporary folder."""

    def make(*stages: Stage, **changes: Any) -> Build:
        pipeline = Pipeline(tuple((10 * (k + 1), stage) for k, stage in enumerate(stages)))
        settings = {"config": config, "board": board, "dir": tmp_path / "build" / "toy" / "zcu104"}
        return Build(pipeline=pipeline, **{**settings, **changes})

    return make


def _existing(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not there ({path.parent.name}/)")
    return path


@pytest.fixture(scope="session")
def cnv_path() -> Path:
    return _existing(ROOT.parent / "shared" / "models" / "cnv_w1a1_bnnpynq.onnx")


@pytest.fixture(scope="session")
def cifar10_root() -> Path:
    return _existing(ROOT.parent / "shared" / "data" / "cifar10")


@pytest.fixture(scope="session", params=["bvgg16_tiny_pad0", "bvgg16_tiny_padm1", "cnv_quarter"])
def trained_path(request: pytest.FixtureRequest) -> Path:
    return _existing(ROOT / "tests" / "data" / f"{request.param}.onnx")
