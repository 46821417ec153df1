"""FINN as a library: the one place that prepares it for use outside its own launcher."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.base import Transformation

RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"
"""FINN's analyses (cycles, resources, IP preparation) look at nodes of this domain only."""


@cache
def prepare_finn() -> None:
    """Give FINN its settings object and register our layers in its RTL domain; idempotent."""
    from finn.util.settings import initialize_dummy_settings
    from qonnx.custom_op.registry import add_op_to_domain

    with _quiet():
        initialize_dummy_settings()
    from flow.hw import custom_ops

    for op in custom_ops():
        add_op_to_domain(RTL_DOMAIN, op)
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
