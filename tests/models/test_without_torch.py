"""The compile side works without PyTorch; the models say clearly that they do not."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from flow.errors import UserError


@pytest.mark.parametrize("module", ["flow.models", "flow.training.loop"])
def test_importing_without_torch_says_which_extra_to_install(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.startswith(("flow.models", "flow.training")):
            monkeypatch.delitem(sys.modules, name)
    for name in ("torch", "brevitas"):
        # None makes `import` fail the way a missing package does.
        monkeypatch.setitem(sys.modules, name, _missing())
    real = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in ("torch", "brevitas") else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(UserError, match=r"torch and brevitas not installed.*uv sync --extra train"):
        importlib.import_module(module)


def _missing() -> ModuleType:
    return None  # type: ignore[return-value]
