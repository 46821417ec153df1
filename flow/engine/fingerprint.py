"""Decide whether a stage's result still stands, and say why not."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from flow.engine.stage import Stage, StageContractError
from flow.engine.state import Build
from flow.environment import package_version
from flow.paths import PACKAGE_DIR

Parts = dict[str, dict[str, Any]]

ENGINE = tuple(
    f"flow.{name}"
    for name in ("board", "config", "engine", "environment", "errors", "paths", "validation")
)
"""Modules that carry stages but do not compute their results: a change there re-runs nothing."""
SHOWN_CHANGES = 3
_OURS = ("flow", "driver")


def fingerprint(parts: Parts) -> str:
    """Return the hash of everything a stage's result depends on."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def collect_parts(stage: Stage, build: Build, inputs: Mapping[str, str]) -> Parts:
    """Return what a stage's result depends on; `inputs` maps "30-tidy/tidy.onnx" to its hash."""
    return {
        "input": dict(inputs),
        "file": {
            name: hash_path(path) for name, path in sorted(stage.external_files(build).items())
        },
        "config": select_fields(build.config, stage.config_fields, f"{stage.id}.config_fields"),
        "board": {
            "id": build.board.id,
            **select_fields(build.board, stage.board_fields, f"{stage.id}.board_fields"),
        }
        if stage.board_fields
        else {},
        "code": code_hashes(stage),
        "package": {name: package_version(name) for name in sorted(stage.packages)},
        "stage": {"version": stage.version},
    }


def explain_change(old: Parts, new: Parts) -> str | None:
    """Return what differs ("fold.target_fps changed 100 -> 500; ..."), or None if nothing does."""
    changes = [
        change
        for kind in (*new, *(kind for kind in old if kind not in new))
        for change in _changes(kind, old.get(kind, {}), new.get(kind, {}))
    ]
    if not changes:
        return None
    more = len(changes) - SHOWN_CHANGES
    return "; ".join(changes[:SHOWN_CHANGES]) + (f"; and {more} more" if more > 0 else "")


def _changes(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[str]:
    # A config or board value is worth showing; a hash is not.
    label = "" if kind == "config" else f"{kind} "
    for name in sorted({*old, *new}):
        if name not in old:
            yield f"{label}{name} is new" + (f" ({_plain(new[name])})" if kind == "config" else "")
        elif name not in new:
            yield f"{label}{name} is gone"
        elif old[name] != new[name] and kind in ("input", "file", "code"):
            yield f"{label}{name} changed"
        elif old[name] != new[name]:
            yield f"{label}{name} changed {_plain(old[name])} -> {_plain(new[name])}"


def _plain(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "unset" if value is None else str(value)


def hash_path(path: Path) -> str:
    """Return the content hash of a file, or of a folder (names and contents); "" if missing."""
    if path.is_dir():
        digest = hashlib.sha256(b"folder")
        for file in sorted(entry for entry in path.rglob("*") if entry.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{hash_path(file)}\n".encode())
        return digest.hexdigest()
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def select_fields(model: BaseModel, fields: Iterable[str], where: str) -> dict[str, Any]:
    """Return the leaves below the dotted `fields` of a settings model, as JSON values."""
    values = model.model_dump(mode="json")
    selected: dict[str, Any] = {}
    for field in fields:
        value: Any = values
        for part in field.split("."):
            if not isinstance(value, dict) or part not in value:
                raise StageContractError(f"{where}: there is no {field} in {type(model).__name__}")
            value = value[part]
        selected.update(_leaves(field, value))
    return selected


def _leaves(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    leaves: dict[str, Any] = {}
    for key, inner in value.items():
        leaves.update(_leaves(f"{name}.{key}", inner))
    return leaves


def code_hashes(stage: Stage) -> dict[str, str]:
    """Return the hash of every file a stage's code is in.

    These are its module, the flow and driver modules that imports there lead to, and `sources`.
    """
    own = Path(inspect.getfile(type(stage)))
    files = {own, *imported_files(own)}
    for pattern in stage.sources:
        matched = [path for path in PACKAGE_DIR.parent.glob(pattern) if path.is_file()]
        if not matched:
            raise StageContractError(f"{stage.id}.sources: no file matches {pattern}")
        files.update(matched)
    return {_label(path): _code_hash(path) for path in sorted(files)}


@cache
def _code_hash(path: Path) -> str:
    """Hash a code file once per process: what counts is what was imported, not a later edit."""
    return hash_path(path)


def _label(path: Path) -> str:
    root = PACKAGE_DIR.parent
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


@cache
def imported_files(path: Path) -> frozenset[Path]:
    """Return the flow and driver files that a file imports, directly or not (engine excluded)."""
    found: set[Path] = set()
    pending = [path]
    while pending:
        for module in imported_names(pending.pop()):
            file = _module_file(module) if module.split(".")[0] in _OURS else None
            if file is not None and not module.startswith(ENGINE) and file not in found:
                found.add(file)
                pending.append(file)
    return frozenset(found)


def imported_names(path: Path) -> set[str]:
    """Return what import statements of a file name, also those in functions."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
            modules.update(f"{node.module}.{alias.name}" for alias in node.names)
    return modules


def _module_file(module: str) -> Path | None:
    base = PACKAGE_DIR.parent.joinpath(*module.split("."))
    candidates = (base.with_name(base.name + ".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)
