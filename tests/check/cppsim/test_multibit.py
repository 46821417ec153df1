"""The compiled model with weights and activations of several bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from check.cppsim.compiled import Compile
from check.cppsim.compiled_network import case_of, check_every_layer
from nets import Net, byte_ends_net, mixed_net, random_images, two_bit_net

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
    case = case_of(make(4).build())
    check_every_layer(case, compile_library(case.program), random_images(IMAGES, (8, 8, 3), 5))
