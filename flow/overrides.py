"""Settings given on the command line: `--set key.name=value`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from flow.errors import UserError


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Turn `--set key=value` options into overrides; a value is TOML, or else plain text.

    Raises UserError for an option without "=" or with an empty key.
    """
    overrides: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", name):
            raise UserError(
                f'--set: "{assignment}" is not key=value; for instance --set fold.target_fps=500'
            )
        try:
            overrides[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            overrides[name] = text.strip()
    return overrides


def with_value(
    values: Mapping[str, Any], path: Sequence[str], value: Any, name: str
) -> dict[str, Any]:
    """Return a copy of nested `values` in which the place `path` holds `value`.

    Raises UserError naming the option `name` if the path leads through a plain value.
    """
    head, *rest = path
    if not rest:
        return {**values, head: value}
    inner = values.get(head, {})
    if not isinstance(inner, Mapping):
        raise UserError(f"--set: {name}: {head} is a value, not a section")
    return {**values, head: with_value(inner, rest, value, name)}
