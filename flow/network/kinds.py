"""The kinds of nodes there are: one file each in this folder, found by being there."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from inspect import isabstract
from pathlib import Path

from flow.network.node import Node


@cache
def node_kinds() -> Mapping[str, type[Node]]:
    """Return the kinds by their names, in the order of their files."""
    found: dict[str, type[Node]] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        for value in vars(import_module(f"{__package__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Node) and not isabstract(value):
                found[value.kind] = value
    return found


@cache
def operator_kinds() -> Mapping[str, type[Node]]:
    """Return what each operator of ONNX becomes where it reads integers, by its name."""
    return {name: kind for kind in node_kinds().values() for name in kind.operators}
