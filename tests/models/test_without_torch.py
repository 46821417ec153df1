"""The compile side works without PyTorch; the models say clearly that they do not."""

from __future__ import annotations

import importlib.util
import subprocess
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


def test_the_pipeline_loads_without_torch() -> None:
    """In a fresh process: FINN's LayerNorm imports PyTorch, which a light install has not."""
    code = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "torch" else real(name)
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "brevitas"):
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Refuse())
from flow.engine.pipeline import load_pipeline
from flow.finn.library import prepare_finn
load_pipeline(); prepare_finn()
assert "torch" not in sys.modules, "the stand-in must not stay"
from qonnx.transformation.general import GiveUniqueNodeNames
from finn.custom_op.fpgadataflow.matrixvectoractivation import MVAU
print("loaded")
"""
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert told.stdout.strip().endswith("loaded"), told.stderr[-2000:]
