"""FINN as a library: the one place that prepares it for use outside its own launcher."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.base import Transformation

RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"
"""FINN's analyses (cycles, resources, IP preparation) look at nodes of this domain only."""


@cache
def load_custom_ops() -> None:
    """Import FINN's layers, also where PyTorch is not installed; before any other import of FINN.

    One of them, LayerNorm, imports PyTorch for its Python execution, which nothing here runs. The
    stand-in is there for that import only: other libraries look for PyTorch in sys.modules.
    """
    if importlib.util.find_spec("torch") is not None:
        return
    names = ("torch", "torch.nn", "torch.nn.functional")
    stand_ins = {name: ModuleType(name) for name in names}
    stand_ins["torch"].nn = stand_ins["torch.nn"]  # type: ignore[attr-defined]
    stand_ins["torch.nn"].functional = stand_ins[names[2]]  # type: ignore[attr-defined]
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("finn.custom_op.fpgadataflow.layernorm")
    finally:
        for name in names:
            del sys.modules[name]


@cache
def prepare_finn() -> None:
    """Give FINN its settings object; idempotent."""
    load_custom_ops()
    from finn.util.settings import initialize_dummy_settings

    with _quiet():
        initialize_dummy_settings()
    logging.getLogger("finn_logger").setLevel(logging.ERROR)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warnings FINN and qonnx give for every graph (layout guesses, datatypes)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def apply_all(model: ModelWrapper, transformations: Iterable[Transformation]) -> ModelWrapper:
    """Return `model` after each of `transformations` in order."""
    prepare_finn()
    with _quiet():
        for transformation in transformations:
            model = model.transform(transformation)
    return model


def custom_op(node: Any) -> Any:
    """Return FINN's wrapper object of an ONNX node."""
    from qonnx.custom_op.registry import getCustomOp

    prepare_finn()
    return getCustomOp(node)
