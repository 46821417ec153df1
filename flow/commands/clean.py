"""`flow clean`: remove what builds left, after saying what that is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import typer

from flow.commands.output import print_json
from flow.commands.selection import BuildRequest, select_target
from flow.engine.state import REPLACED_SUFFIX, UNFINISHED_SUFFIX, locked
from flow.errors import UserError
from flow.paths import shown


@dataclass(frozen=True)
class CleanOptions:
    """What to remove."""

    every: bool = False
    """All builds in the build folder."""
    unfinished: bool = False
    """Only what failed and interrupted stages left."""
    dry_run: bool = False


def clean(request: BuildRequest, options: CleanOptions, *, as_json: bool, quiet: bool) -> None:
    """Remove a build, all builds, or what is unfinished in them; nothing else is ever touched.

    Raises UserError if a build is at work there, or there is no build.
    """
    builds = _builds(request, options)
    paths = [path for build in builds for path in _doomed(build, options)]
    freed = sum(_size(path) for path in paths)
    if not options.dry_run:
        for build in builds:
            with locked(build):
                for path in _doomed(build, options):
                    _remove(path)
            if not options.unfinished:
                _remove(build)
                if not any(build.parent.iterdir()):
                    build.parent.rmdir()
    if as_json:
        print_json(
            {"removed": [str(path) for path in paths], "bytes": freed, "dry_run": options.dry_run}
        )
    elif not quiet:
        what = "would remove" if options.dry_run else "removed"
        for path in paths:
            typer.echo(f"{what} {shown(path)}")
        typer.echo(f"{what} {len(paths)} of {len(builds)} builds' entries, {freed / 1e6:,.1f} MB")


def _builds(request: BuildRequest, options: CleanOptions) -> list[Path]:
    if options.every:
        # A build is <configuration>/<board> with a log or a report; any other folder is left alone.
        found = [
            path
            for path in sorted(request.build_dir.glob("*/*"))
            if (path / "flow.log").is_file() or (path / "report.json").is_file()
        ]
        if not found:
            raise UserError(f"{shown(request.build_dir)}: there is no build here")
        return found
    folder = select_target(request).dir
    if not folder.is_dir():
        raise UserError(f"{shown(folder)}: nothing has been built here")
    return [folder]


def _doomed(build: Path, options: CleanOptions) -> list[Path]:
    """Return what goes; the lock is held by us and goes with the folder."""
    if options.unfinished:
        return sorted([*build.glob(f"*{UNFINISHED_SUFFIX}"), *build.glob(f"*{REPLACED_SUFFIX}")])
    return sorted(path for path in build.iterdir() if path.name != ".lock")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file() and not p.is_symlink())
