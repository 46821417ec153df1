"""Random legal layer stacks as QONNX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from hypothesis import strategies as st
from nets import Net

CHANNELS = (1, 2, 5, 8, 16, 17, 63, 64, 65, 130)


@dataclass(frozen=True)
class Conv:
    channels: int
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_value: int = 0
    pool: tuple[int, int] | None = None


@dataclass(frozen=True)
class Stack:
    """A network: convolutions, then dense layers; the last gives the scores."""

    image: tuple[int, int, int]
    bits: bool
    convs: tuple[Conv, ...]
    dense: tuple[int, ...]
    seed: int = 0

    def shapes(self) -> list[tuple[int, int, int]]:
        """The map in front of each convolution, and the last one."""
        found = [self.image]
        for conv in self.convs:
            height, width = conv_size(found[-1][:2], conv)
            pool = conv.pool or (1, 1)
            found.append((height // pool[0], width // pool[1], conv.channels))
        return found


def conv_size(size: tuple[int, int], conv: Conv) -> tuple[int, int]:
    top, left, bottom, right = conv.pads
    height = (size[0] + top + bottom - conv.kernel[0]) // conv.stride[0] + 1
    width = (size[1] + left + right - conv.kernel[1]) // conv.stride[1] + 1
    return height, width


def to_qonnx(stack: Stack) -> onnx.ModelProto:
    height, width, channels = stack.image
    net = Net(input_shape=(1, channels, height, width), seed=stack.seed)
    if stack.bits:
        net.image_sign()
    else:
        net.image_quantiser()
    spread = 3.0 if stack.bits else 3 * 70 / 128
    for conv, (_, _, inputs) in zip(stack.convs, stack.shapes(), strict=False):
        taps = conv.kernel[0] * conv.kernel[1] * inputs
        top, left, bottom, right = conv.pads
        pads = [top, left, bottom, right]
        if conv.pad_value:
            edges = net.const([0, 0, top, left, 0, 0, bottom, right], np.int64)
            net.add("Pad", edges, net.const(float(conv.pad_value)), mode="constant")
            pads = [0, 0, 0, 0]
        weights = net._weights((conv.channels, inputs, *conv.kernel), 1.0)
        net.add(
            "Conv", weights, kernel_shape=list(conv.kernel), pads=pads, strides=list(conv.stride)
        )
        net.batch_norm(conv.channels, spread * np.sqrt(taps) / 3).bipolar()
        spread = 3.0
        if conv.pool:
            net.add("MaxPool", kernel_shape=list(conv.pool), strides=list(conv.pool))
    features = int(np.prod(stack.shapes()[-1]))
    net.add("Flatten", axis=1)
    for outputs in stack.dense[:-1]:
        net.matmul(features, outputs).batch_norm(outputs, spread * np.sqrt(features) / 3).bipolar()
        features, spread = outputs, 3.0
    return net.matmul(features, stack.dense[-1]).build((1, stack.dense[-1]))


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    size = draw(st.tuples(st.integers(3, 9), st.integers(3, 9)))
    image = (*size, draw(st.integers(1, 4)))
    bits = draw(st.booleans())
    convs: list[Conv] = []
    for index in range(draw(st.integers(0, 3))):
        kernel = draw(st.tuples(st.integers(1, min(3, size[0])), st.integers(1, min(3, size[1]))))
        most_rows, most_columns = kernel[0] - 1, kernel[1] - 1
        rows, columns = st.integers(0, most_rows), st.integers(0, most_columns)
        pads = draw(st.tuples(rows, columns, rows, columns))
        # Codes have a zero: only maps of bits can be padded with -1.
        pad_value = draw(st.sampled_from((0, -1))) if any(pads) and (index or bits) else 0
        conv = Conv(
            draw(st.sampled_from(CHANNELS)),
            kernel,
            draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
            pads,
            pad_value,
        )
        size = conv_size(size, conv)
        pool = draw(st.tuples(st.integers(1, 2), st.integers(1, 3)))
        if pool != (1, 1) and size[0] % pool[0] == 0 and size[1] % pool[1] == 0:
            conv = Conv(conv.channels, kernel, conv.stride, pads, pad_value, pool)
            size = (size[0] // pool[0], size[1] // pool[1])
        convs.append(conv)
    outputs = st.sampled_from(CHANNELS)
    dense = (*draw(st.lists(outputs, max_size=2)), draw(st.integers(2, 20)))
    return Stack(image, bits, tuple(convs), dense, draw(st.integers(0, 2**31)))
