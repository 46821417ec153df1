"""Small QONNX graphs made by hand, so that each test controls exactly the operators it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from driver.inputs import InputRule
from flow.frontend.golden.input_settings import InputKind, InputSettings, set_input_settings
from flow.network import Edge

QONNX = "qonnx.custom_op.general"


@dataclass
class Net:
    """Appends nodes to a chain; `last` is the tensor that the next one reads."""

    input_shape: tuple[int | str, ...] = (1, 3, 8, 8)
    seed: int = 0
    last: str = "x"
    input: InputKind = "auto"
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def const(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, op: str, *constants: str, domain: str = "", **attributes: Any) -> Net:
        output = f"n{len(self.nodes)}"
        node = helper.make_node(
            op, [self.last, *constants], [output], name=f"{op}_{len(self.nodes)}", **attributes
        )
        node.domain = domain
        self.nodes.append(node)
        self.last = output
        return self

    def bipolar(self, scale: float = 1.0) -> Net:
        return self.add("BipolarQuant", self.const(scale), domain=QONNX)

    def quant(
        self,
        bits: int,
        scale: float,
        *,
        zero: float = 0.0,
        signed: int = 1,
        narrow: int = 0,
        mode: str = "ROUND",
    ) -> Net:
        constants = (self.const(scale), self.const(zero), self.const(float(bits)))
        return self.add(
            "Quant", *constants, domain=QONNX, signed=signed, narrow=narrow, rounding_mode=mode
        )

    def image_quantiser(self) -> Net:
        self.add("Mul", self.const(2.0)).add("Sub", self.const(1.0))
        return self.quant(8, 1 / 128)

    def image_sign(self) -> Net:
        """Quantise pixels to -1 (dark) or +1 (bright)."""
        return self.add("Sub", self.const(0.5)).bipolar()

    def _weights(self, shape: tuple[int, ...], scale: Any, bits: int = 1) -> str:
        raw = self.const(self.rng.normal(size=shape))
        output = f"w{len(self.nodes)}"
        inputs, attributes = [raw, self.const(scale)], {}
        if bits > 1:
            inputs += [self.const(0.0), self.const(float(bits))]
            attributes = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
        op = "BipolarQuant" if bits == 1 else "Quant"
        node = helper.make_node(op, inputs, [output], name=output, **attributes)
        node.domain = QONNX
        self.nodes.append(node)
        return output

    def conv(
        self,
        c_in: int,
        c_out: int,
        *,
        pad: int = 0,
        scale: Any = 1.0,
        kernel: int = 3,
        bits: int = 1,
    ) -> Net:
        weights = self._weights((c_out, c_in, kernel, kernel), scale, bits)
        return self.add("Conv", weights, kernel_shape=[kernel, kernel], pads=[pad] * 4)

    def matmul(self, c_in: int, c_out: int, *, scale: Any = 1.0, bits: int = 1) -> Net:
        return self.add("MatMul", self._weights((c_in, c_out), scale, bits))

    def batch_norm(self, channels: int, spread: float = 3.0) -> Net:
        rng = self.rng
        parameters = (
            rng.normal(size=channels),
            rng.normal(size=channels),
            rng.normal(0, spread, size=channels),
            rng.uniform(0.5, 2 * spread**2, size=channels),
        )
        return self.add("BatchNormalization", *(self.const(p) for p in parameters), epsilon=1e-5)

    def build(self, output_shape: tuple[int | str, ...] | None = (1, 10)) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.input_shape)],
            [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, output_shape)],
            self.initializers,
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(QONNX, 2)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        set_input_settings(model, InputSettings(self.input))
        return model


def small_net(*, pad: int = 1, bits: int = 1, scale: float = 1.0, seed: int = 0) -> Net:
    """Two convolutions, a pool after the first, a global max before the second, one FC."""
    net = Net(seed=seed).image_quantiser().conv(3, 8, pad=pad).batch_norm(8, 300 / 128)
    net = net.bipolar(scale) if bits == 1 else net.quant(bits, scale)
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).conv(8, 16, pad=pad)
    net.add("ReduceMax", net.const([2, 3], np.int64), keepdims=1).batch_norm(16)
    net = net.bipolar(scale) if bits == 1 else net.quant(bits, scale)
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(16, 10)


def picture_rule(shape: tuple[int, int, int]) -> InputRule:
    """Return how pixels of `shape`, (H, W, C), are fed to a file that takes (N, C, H, W)."""
    return InputRule("pixels", shape, (shape[2], *shape[:2]), False, 0, 255, True)


def random_images(count: int, shape: tuple[int, int, int], seed: int = 7) -> NDArray[np.uint8]:
    """Return uint8 images (count, H, W, C)."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8)


def random_inputs_of(source: Edge, count: int, seed: int = 7) -> NDArray[Any]:
    """Return integers (count, H, W, C) that an input of a network may carry, a byte each."""
    found = np.random.default_rng(seed).integers(
        source.low, source.high + 1, (count, *source.shape)
    )
    return found.astype(np.int8 if source.low < 0 else np.uint8)


def padded_net(pad_value: int, seed: int = 0) -> Net:
    """Two padded binary convolutions behind the first layer; `pad_value` 0 or -1."""
    net = Net(seed=seed).image_quantiser().conv(3, 8, pad=1).batch_norm(8, 300 / 128).bipolar()
    for _ in range(2):
        if pad_value == -1:
            net.add("Pad", net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64), net.const(-1.0))
            net.conv(8, 8)
        else:
            net.conv(8, 8, pad=1)
        net.batch_norm(8).bipolar()
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(8 * 16, 10)


def tiny_net(seed: int = 0) -> Net:
    """A padded network for 32 x 32 images that simulates in a second."""
    net = Net(input_shape=(1, 3, 32, 32), seed=seed).image_quantiser()
    net.conv(3, 8, pad=1).batch_norm(8, 300 / 128).bipolar()
    net.add("MaxPool", kernel_shape=[4, 4], strides=[4, 4])
    net.conv(8, 8, pad=1).batch_norm(8).bipolar().conv(8, 8, pad=1).batch_norm(8).bipolar()
    net.add("MaxPool", kernel_shape=[8, 8], strides=[8, 8])
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(8, 10)


def byte_ends_net(seed: int = 0, *, last_scale: Any = 1 / 64) -> Net:
    """8-bit weights in the first and last layer, 1 bit and zero padding between them."""
    net = Net(seed=seed).image_quantiser().conv(3, 8, pad=1, scale=1 / 40, bits=8)
    net.batch_norm(8, 100.0).bipolar().add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.conv(8, 8, pad=1).batch_norm(8).bipolar()
    net.add("Reshape", net.const([1, -1], np.int64))
    return net.matmul(128, 10, scale=last_scale, bits=8)


def two_bit_net(seed: int = 0, *, signed: int = 1) -> Net:
    """1-bit weights, 2-bit activations, zero padding, and a pool of codes."""
    net = Net(seed=seed).image_quantiser().conv(3, 8, pad=1).batch_norm(8, 300 / 128)
    net.quant(2, 0.7, signed=signed).add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.conv(8, 8, pad=1).batch_norm(8, 9.0).quant(2, 0.7, signed=signed)
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(128, 10)


def mixed_net(seed: int = 0) -> Net:
    """Every kind of layer: 1 bit to codes and back, weights of 2 to 8 bits, flags with them."""
    channels = np.linspace(0.2, 0.9, 8).reshape(8, 1, 1, 1)
    net = Net(seed=seed).image_quantiser().conv(3, 8, pad=1).batch_norm(8, 300 / 128).bipolar()
    net.conv(8, 8, pad=1, scale=channels, bits=3).batch_norm(8, 9.0).quant(3, 0.5, signed=0)
    net.conv(8, 8, pad=1, scale=0.3, bits=2).batch_norm(8, 9.0).quant(2, 1.0, narrow=1)
    net.conv(8, 4).batch_norm(4, 6.0).bipolar().conv(4, 4).batch_norm(4, 3.0).quant(4, 0.4)
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(64, 10, scale=0.1, bits=4)
