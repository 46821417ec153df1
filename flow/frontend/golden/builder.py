"""The state of one lowering: the plain graph as it grows, and what is known of each tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from flow.frontend.golden.constants import Array, Constant, refuse
from flow.frontend.golden.model import IMAGES, INPUT_LAYER, SCORES, Layer, Tap


@dataclass(frozen=True)
class Codes:
    """An integer-valued tensor that stands for codes * scale; all codes are in low..high."""

    scale: np.float32
    low: int
    high: int


@dataclass(frozen=True)
class Value:
    """A tensor of the plain graph that depends on the images.

    codes: None where the tensor holds real values. layer: the layer it comes from.
    shape: without the batch. zero: None but between QuantizeLinear and DequantizeLinear, where the
    file holds integers q: their zero point. The tensor is then q - zero before it is clipped to
    `codes`, whose scale is 1.
    """

    tensor: str
    shape: tuple[int, ...]
    layer: int = INPUT_LAYER
    codes: Codes | None = None
    zero: int | None = None


@dataclass
class Builder:
    """Collects nodes of the plain graph; `values`, `constants` go by the source's tensor names."""

    constants: Mapping[str, Constant]
    shapes: Mapping[str, tuple[int, ...]]
    batch: int
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    taps: list[Tap] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    small: dict[str, Array] = field(default_factory=dict)
    """Each initializer of up to 65,536 elements."""
    arrays: dict[str, Array] = field(default_factory=dict)
    """All initializers by name."""
    dequantised: dict[tuple[str, np.float32, int], str] = field(default_factory=dict)
    """Codes by the integers, the scale and the zero point of a DequantizeLinear."""
    _fresh: int = 0
    _used: set[str] = field(default_factory=lambda: {IMAGES, SCORES})

    def emit(self, op: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        """Append a standard node and return its output's name: `output`, unless it is taken."""
        self._fresh += 1
        if not output or output in self._used:
            output = f"t{self._fresh}"
        self._used.add(output)
        self.nodes.append(
            helper.make_node(op, inputs, [output], name=f"{op}_{output}", **attributes)
        )
        return output

    def constant(self, values: Array, name: str | None = None) -> str:
        """Append an initializer and return its name."""
        self._fresh += 1
        name = name or f"c{self._fresh}"
        self.arrays[name] = np.ascontiguousarray(values)
        self.initializers.append(numpy_helper.from_array(self.arrays[name], name))
        if values.size <= 1 << 16:
            self.small[name] = np.asarray(values)
        return name

    def scalar(self, value: float) -> str:
        """Append a float32 scalar and return its name."""
        self._fresh += 1
        name = f"c{self._fresh}"
        self.arrays[name] = np.asarray(value, np.float32)
        self.initializers.append(numpy_helper.from_array(self.arrays[name], name))
        self.small[name] = np.asarray(value, np.float32)
        return name

    def value(self, node: NodeProto, name: str) -> Value:
        """Return what is known of an input that depends on the images."""
        if name not in self.values:
            refuse(node, f"its input '{name}' is neither a constant nor computed from the images")
        return self.values[name]

    def real(self, value: Value) -> str:
        """Return the tensor of real values; codes are multiplied by their scale, rounding once."""
        if value.codes is None or value.codes.scale == 1:
            return value.tensor
        return self.emit("Mul", [value.tensor, self.scalar(float(value.codes.scale))])

    def array(self, node: NodeProto, index: int) -> Array | None:
        """Return the node's constant input `index`, None where it is left out; refuse otherwise."""
        if index >= len(node.input) or not node.input[index]:
            return None
        if node.input[index] not in self.constants:
            refuse(node, f"its input {index} ('{node.input[index]}') must be a constant")
        return self.constants[node.input[index]].values

    def parameter(self, node: NodeProto, index: int) -> Array:
        """Return the node's constant input `index`; refuse where it is left out."""
        values = self.array(node, index)
        if values is None:
            refuse(node, f"its input {index} is missing")
        return values

    def shape(self, node: NodeProto, name: str) -> tuple[int, ...]:
        """Return the static shape of a tensor without its batch dimension."""
        shape = self.shapes.get(name)
        if shape is None:
            refuse(node, f"the shape of '{name}' is dynamic; only the batch dimension may be")
        if not shape or shape[0] != self.batch:
            refuse(node, f"'{name}' has shape {shape}: the batch must stay the first dimension")
        return shape[1:]

    def single_input(self, node: NodeProto) -> Value:
        """Return the node's only input that depends on the images."""
        return self.value(node, node.input[0])

    def set_value(self, node: NodeProto, value: Value) -> None:
        """Record the node's first output."""
        self.values[node.output[0]] = replace(value, shape=self.shape(node, node.output[0]))

    def tap_name(self, value: Value) -> str:
        """Return the name for the codes of the next quantiser of `value`."""
        count = sum(tap.layer == value.layer for tap in self.taps)
        stem = "input" if value.layer == INPUT_LAYER else f"layer{value.layer}"
        return f"{stem}.codes" + (f"{count + 1}" if count else "")

    def set_quantised(
        self, node: NodeProto, name: str, value: Value, codes: Codes, step: int = 1
    ) -> None:
        """Record the quantiser that gives `node`'s output: a tap, whose codes are tensor `name`.

        step: the distance between neighbouring codes, 2 for -1 and +1.
        """
        kind = "input" if value.layer == INPUT_LAYER else "bipolar" if step == 2 else "quant"
        tap = Tap(
            name=name,
            source=node.output[0],
            kind=kind,  # type: ignore[arg-type]
            scale=float(codes.scale),
            layer=value.layer,
            low=codes.low,
            high=codes.high,
            step=step,
            shape=value.shape,
        )
        self.add_tap(tap)
        self.set_value(node, Value(name, (), value.layer, codes))

    def add_tap(self, tap: Tap) -> None:
        """Record a quantiser and attach it to the layer it reads."""
        self.taps.append(tap)
        if tap.layer != INPUT_LAYER:
            layer = self.layers[tap.layer]
            self.layers[tap.layer] = replace(layer, taps=(*layer.taps, tap.name))


def per_channel(
    node: NodeProto, scale: NDArray[np.float32], channel_axis: int
) -> NDArray[np.float32]:
    """Reduce a weight scale of full shape to one entry per output channel; refuse what is finer."""
    rows = np.moveaxis(scale, channel_axis, 0).reshape(scale.shape[channel_axis], -1)
    if np.any(rows != rows[:, :1]):
        refuse(node, "its weight scale differs inside an output channel; one per channel at most")
    return np.ascontiguousarray(rows[:, 0])
