"""The golden model: what the trained network computes, in plain ONNX, bit for bit."""

from flow.frontend.golden.evaluate import (
    BLIND_FRACTION,
    EvalResult,
    blind_channels,
    evaluate,
    is_blind,
)
from flow.frontend.golden.lower import lower_to_plain_onnx
from flow.frontend.golden.model import INPUT_LAYER, GoldenModel, Layer, Tap, load_onnx
from flow.frontend.golden.session import GoldenSession, plain_session

__all__ = [
    "BLIND_FRACTION",
    "INPUT_LAYER",
    "EvalResult",
    "GoldenModel",
    "GoldenSession",
    "Layer",
    "Tap",
    "blind_channels",
    "evaluate",
    "is_blind",
    "load_onnx",
    "lower_to_plain_onnx",
    "plain_session",
]
