"""Carry an exported network through golden to the network and to hardware layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flow.frontend.compare import Comparison, compare_with_golden
from flow.frontend.golden import GoldenSession, load_onnx, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.hardware.plan import plan_hardware


def golden_scores(onnx: Path, images: np.ndarray) -> np.ndarray:
    """Return the real scores: golden's own are accumulators where one scale stands behind them."""
    golden = lower_to_plain_onnx(load_onnx(onnx))
    scores = GoldenSession(golden).run(images)
    return golden.score_map.real(scores)


def through_the_flow(onnx: Path, images: np.ndarray) -> Comparison:
    """Compare the file's network with golden in every tensor; it has to have hardware."""
    golden = lower_to_plain_onnx(load_onnx(onnx))
    network = network_from_golden(golden)
    plan_hardware(network)  # refuses by name what has no hardware layer
    return compare_with_golden(network, golden, images)
