"""Every command in README and docs: understood always, run in its tier."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_blocks import ROOT, Block, blocks, pages
from typer.testing import CliRunner

from flow.cli import app

ALL = [block for path in pages() for block in blocks(path)]
QUICK = [block for block in ALL if block.mode == "run"]
SLOW = {
    path.name: [block for block in blocks(path) if block.mode in ("run", "slow")]
    for path in pages()
    if any(block.mode == "slow" for block in blocks(path))
}


def understood(arguments: list[str]) -> bool:
    """Return whether the command line knows the command and each option, without running it."""
    return CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0


def run(block: Block) -> None:
    for arguments in block.commands:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{block.name}: flow {' '.join(arguments)}\n{result.output}"


@pytest.mark.parametrize("block", ALL, ids=lambda block: block.name)
def test_every_block_says_how_it_is_tested(block: Block) -> None:
    assert block.mode in ("run", "slow", "skip"), f"{block.name}: put <!-- test: … --> before it"
    if block.mode == "skip":
        assert len(block.reason) > 10


@pytest.mark.parametrize("block", ALL, ids=lambda block: block.name)
def test_every_command_and_option_exists(block: Block) -> None:
    for arguments in block.commands:
        assert understood(arguments), f"{block.name}: flow {' '.join(arguments)}"


@pytest.mark.parametrize(
    "arguments", [["bild"], ["build", "--bord", "x"], ["report", "--all", "--inot", "x"]]
)
def test_a_command_that_does_not_exist_would_be_noticed(arguments: list[str]) -> None:
    assert not understood(arguments)


def test_the_pages_have_commands_at_all() -> None:
    assert len(QUICK) >= 5
    assert {"README.md", "tutorial.md"} <= set(SLOW)
    assert ROOT / "docs" / "index.md" in pages()


@pytest.mark.parametrize("block", QUICK, ids=lambda block: block.name)
def test_quick_commands_run(block: Block, sandbox: Path) -> None:
    run(block)


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW)
def test_a_page_runs_from_top_to_bottom(page: str, sandbox: Path) -> None:
    for block in SLOW[page]:
        run(block)
