"""Small networks as generated accelerators, and what their streams must carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from nets import Net, random_inputs_of

from flow.check.compare import expected_words
from flow.frontend.golden import GoldenSession, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.hardware.build import build_design
from flow.hardware.depths import FifoDepths
from flow.hardware.design import Design
from flow.hardware.emit import emit
from flow.hardware.folding import Target, Wish, choose_folding
from flow.hardware.plan import plan_hardware
from flow.network import Network


@dataclass(frozen=True)
class Accelerator:
    """A generated design, and what its streams must carry."""

    design: Design
    rtl: Path
    images: np.ndarray
    expected: dict[str, np.ndarray]
    network: Network


def network_of(net: Net) -> Network:
    """Return the network of hand-made QONNX."""
    return network_from_golden(lower_to_plain_onnx(net.build()))


def generate(
    net: Net,
    folder: Path,
    *,
    images: int = 2,
    wishes: Mapping[str, Wish] | None = None,
    weights: Literal["auto", "initialised", "loadable"] = "auto",
) -> Accelerator:
    """Return the accelerator of `net`, its files in `folder`, and its streams for random images.

    What the network gives for them is held against golden.
    """
    golden = lower_to_plain_onnx(net.build())
    network = network_from_golden(golden)
    pixels = random_inputs_of(network.source, images)
    scores = GoldenSession(golden).run_with_taps(pixels)["scores"]
    found = network.run(pixels, keep={network.scores.name})[network.scores.name]
    assert np.array_equal(found.reshape(scores.shape), scores)
    return generate_network(network, folder, pixels, wishes=wishes, weights=weights)


def generate_network(
    network: Network,
    folder: Path,
    images: np.ndarray,
    *,
    wishes: Mapping[str, Wish] | None = None,
    weights: Literal["auto", "initialised", "loadable"] = "auto",
    target_fps: float = 100,
) -> Accelerator:
    """Return the accelerator of a network; its speed is that of a clock of 1 MHz."""
    plan = plan_hardware(network)
    target = replace(Target.unlimited(target_fps, 1.0), weights=weights)
    folding = choose_folding(plan.layers, target, wishes).folding
    design = build_design(plan, folding, FifoDepths(4, {}), 64)
    design = emit(design, plan, "tiny", folder)
    return Accelerator(design, folder, images, expected_words(network, design, images), network)
