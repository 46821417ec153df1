"""Small networks as generated accelerators, and what their streams must carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from nets import Net, random_images
from qonnx.core.modelwrapper import ModelWrapper

from flow.golden import GoldenSession, activation_steps, input_table, lower_to_plain_onnx
from flow.graph.check import GoldenVectors
from flow.graph.mapping import to_hardware
from flow.graph.streamlining import streamline
from flow.graph.tidy import tidy
from flow.hardware.design import Design
from flow.hardware.folding import Target, Wish, apply_folding, choose_folding, layer_shapes
from flow.hw.sizing import insert_plumbing
from flow.hw.specialize import specialize
from flow.hardware.emit import write_rtl
from flow.sim.compare import expected_words


@dataclass(frozen=True)
class Accelerator:
    """A generated design, and what its streams must carry."""

    design: Design
    rtl: Path
    images: np.ndarray
    expected: dict[str, np.ndarray]


def generate(
    net: Net,
    folder: Path,
    *,
    images: int = 2,
    wishes: Mapping[str, Wish] | None = None,
    weights: Literal["auto", "initialised", "loadable"] = "auto",
) -> Accelerator:
    """Return the accelerator of `net`, its files in `folder`, and its streams for random images."""
    source = net.build()
    golden = lower_to_plain_onnx(source)
    _, channels, height, width = (int(size) for size in net.input_shape)
    pixels = random_images(images, (height, width, channels))
    results = GoldenSession(golden).run_with_taps(pixels)
    taps = [(tap.name, results[tap.name]) for tap in golden.taps]
    vectors = GoldenVectors(pixels, np.full(images, -1), results["scores"], taps, "random")
    steps = list(activation_steps(golden))
    model, _ = streamline(tidy(ModelWrapper(source)), input_table(golden), steps)
    hardware = to_hardware(model)
    target = replace(Target.unlimited(100, 1.0), weights=weights)
    folding = choose_folding(layer_shapes(hardware), target, wishes)
    ours = specialize(apply_folding(hardware, folding.layers), weights)
    sized = insert_plumbing(ours, 4)
    design = write_rtl(sized, "tiny", folder, 64)
    expected, difference = expected_words(sized, design, vectors)
    assert not difference
    return Accelerator(design, folder, pixels, expected)
