"""The compiled model with weights and activations of several bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from cppsim.compiled import Compile, backends
from nets import Net, byte_ends_net, mixed_net, random_images, two_bit_net

from flow.golden import GoldenSession
from flow.sim.cpp.graph import specialized_graph
from flow.sim.cpp.network import read_network
from flow.sim.cppsim import tap_layers

IMAGES = 19


def bits_then_wide_weights(seed: int) -> Net:
    """1-bit images, a pool of them, and 5-bit weights that read the pooled bits as numbers."""
    net = Net(seed=seed).image_sign().conv(3, 17, pad=1).batch_norm(17).bipolar()
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).conv(17, 9, pad=1, bits=5)
    net.batch_norm(9, 40.0).quant(8, 0.01)
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(144, 10)


@pytest.mark.parametrize("make", [byte_ends_net, two_bit_net, mixed_net, bits_then_wide_weights])
def test_scores_and_activations_equal_onnxruntime(
    make: Callable[[int], Net], compile_library: Compile
) -> None:
    golden, graph = specialized_graph(make(4).build())
    images = random_images(IMAGES, (8, 8, 3), 5)
    wanted = GoldenSession(golden).run_with_taps(images)
    network = read_network(graph)
    names = tap_layers(network, [tap.shape for tap in golden.taps])
    for backend in backends(compile_library(network)):
        scores, outputs = backend.run_with_layers(images)
        np.testing.assert_array_equal(scores, wanted["scores"], backend.isa)
        for name, tap in zip(names, golden.taps, strict=True):
            codes = wanted[tap.name]
            found = outputs[name]
            if found.ndim == 4:
                found = found.transpose(0, 3, 1, 2)
            found = found.reshape(codes.shape)
            np.testing.assert_array_equal(found, codes, f"{backend.isa} {name}")
