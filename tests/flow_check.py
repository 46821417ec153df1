"""Carry an exported network through golden lowering and streamlining, comparing every tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from flow.golden import (
    GoldenSession,
    activation_steps,
    input_table,
    load_onnx,
    lower_to_plain_onnx,
)
from flow.graph.check import Comparison, GoldenVectors, compare_with_golden
from flow.graph.mapping import to_hardware
from flow.graph.streamlining import streamline
from flow.graph.tidy import tidy


def golden_scores(onnx: Path, images: np.ndarray) -> np.ndarray:
    """Return the real scores: golden's own are accumulators where one scale stands behind them."""
    golden = lower_to_plain_onnx(load_onnx(onnx))
    scores = GoldenSession(golden).run(images)
    return scores * np.float32(golden.score_scale) + np.float32(golden.score_offset)


def through_the_flow(onnx: Path, images: np.ndarray) -> Comparison:
    """Streamline the file, map it to hardware layers, and compare the former with golden."""
    golden = lower_to_plain_onnx(load_onnx(onnx))
    results = GoldenSession(golden).run_with_taps(images)
    taps = [(tap.name, results[tap.name]) for tap in golden.taps]
    labels = np.full(len(images), -1)
    real = (golden.score_scale, golden.score_offset)
    vectors = GoldenVectors(images, labels, results["scores"], taps, "photographs", *real)
    steps = list(activation_steps(golden))
    model, _ = streamline(tidy(ModelWrapper(str(onnx))), input_table(golden), steps)
    outcome = compare_with_golden(model, vectors, takes_pixels=True)
    to_hardware(model)  # refuses by name what has no hardware layer
    return outcome
