"""Where things are: the repository root, boards, build configurations, package files."""

from __future__ import annotations

from pathlib import Path

from flow.environment import read_environment

PACKAGE_DIR = Path(__file__).resolve().parent


def repository_root() -> Path:
    """Return the folder that holds board/ and build_configs/.

    BNNFLOW_ROOT if set, else the checkout this package lies in, else the current folder (an
    installed package used from inside a checkout).
    """
    configured = read_environment().root
    if configured is not None:
        return configured
    checkout = PACKAGE_DIR.parent
    return checkout if (checkout / "board").is_dir() else Path.cwd()


def boards_dir() -> Path:
    """Return the folder with one sub-folder per board."""
    return repository_root() / "board"


def configs_dir() -> Path:
    """Return the folder with the build configurations."""
    return repository_root() / "build_configs"


def shown(path: Path) -> str:
    """Return a path as a user would type it: relative to the current folder if it lies there."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
