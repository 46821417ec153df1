"""Trainable networks (Brevitas) and their QONNX export; needs the optional extra `train`."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

from flow.errors import UserError

_missing = [name for name in ("torch", "brevitas") if find_spec(name) is None]
if _missing:
    raise UserError(
        f"models: {' and '.join(_missing)} not installed; building or training a network needs "
        "the extra `train`: run `uv sync --extra train` (a QONNX file can be used without)"
    )

# Brevitas speaks of an optional speed-up that nothing here uses.
warnings.filterwarnings("ignore", message="fast_hadamard_transform package not found")

from flow.models.export import export_qonnx
from flow.models.registry import MODEL_NAMES, ModelSpec, build_model

__all__ = ["MODEL_NAMES", "ModelSpec", "build_model", "export_qonnx"]
