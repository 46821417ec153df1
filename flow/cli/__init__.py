"""The command line: options are declared here, the work is in `flow.commands`.

Nothing heavy is imported before a command runs: `flow --help` answers at once.
"""

from __future__ import annotations

from flow.cli import bench, designs, machine, networks
from flow.cli.app import app

__all__ = ["app", "bench", "designs", "machine", "main", "networks"]


def main() -> None:
    """Run the command line."""
    app()
