"""The kernels: one file for each SystemVerilog module, found by being here.

A file's dataclass has the module's parameters as its fields, and what both sides share beside them.
Where the module is a layer of its own, a `Follower` beside it says which nodes of the network it
takes; a kind of node that no file takes has no hardware, and is refused by name. `ports.py` has
what the ports are connected to. `tests/hardware/test_kernels.py` compares the shared rules with the
elaborated modules.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from flow.errors import UserError
from flow.hardware.kernels.follower import Follower
from flow.hardware.kernels.kernel import Kernel
from flow.network import Network, Node


def _classes() -> Iterator[type[Any]]:
    for module in pkgutil.iter_modules(__path__):
        yield from filter(
            lambda value: isinstance(value, type),
            vars(import_module(f"{__name__}.{module.name}")).values(),
        )


KERNELS: Mapping[str, type[Kernel]] = {
    each.module: each for each in _classes() if issubclass(each, Kernel) and each is not Kernel
}
"""By the module's name."""
FOLLOWERS: tuple[type[Follower[Any]], ...] = tuple(
    dict.fromkeys(
        each for each in _classes() if issubclass(each, Follower) and each.__subclasses__() == []
    )
)
"""Those that can take nodes, the first one first where several could: in the order of files."""


def follower_of(form: Network, node: Node) -> type[Follower[Any]]:
    """Return what takes a node; UserError with the reason of the last one where none does."""
    reason = "there is no kernel for it"
    for follower in FOLLOWERS:
        if isinstance(node, follower.takes):
            reason = follower.refusal(form, node)
            if not reason:
                return follower
    raise UserError(reason)


def kernel_of(module: str, parameters: Mapping[str, int | str]) -> Kernel:
    """Return a module's kernel with these parameters; KeyError for an unknown module."""
    return KERNELS[module].of(parameters)
