"""A product with the threshold behind it: its geometry, and what its memories hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flow.hardware.kernels.kernel import Rows
from flow.hardware.kernels.matrix_vector import MOST_WEIGHT_BITS, MatrixVector
from flow.hardware.kernels.matrix_vector_memory import threshold_rows, weight_rows
from flow.hardware.layers.matrix import MatrixLayer, WindowShape
from flow.hardware.stream import Element, element_of
from flow.network import Conv, Dense, Edge, Network, Node, Threshold, weight_bits
from flow.network.product import reach

_MOST_INPUT_BITS = 16


@dataclass(frozen=True, eq=False)
class ProductLayer:
    """A product with the threshold and the layers behind it; `layer` is its geometry.

    weights: int64 (MH, MW), those of falling channels negated, so that all of them rise.
    thresholds: int64 (MH, steps) on the sums of these, ascending; None where the sums go out.
    behind: the nodes of `layer.behind`.
    """

    layer: MatrixLayer
    product: Conv | Dense
    threshold: Threshold | None
    behind: tuple[Node, ...]
    weights: NDArray[np.int64]
    thresholds: NDArray[np.int64] | None
    element: Element
    """Of what goes out of the product and its threshold."""

    @property
    def edge(self) -> str:
        """The edge that goes out of the product and its threshold."""
        return (self.threshold or self.product).name

    def rows(self, kernel: MatrixVector) -> Mapping[str, Rows]:
        """Return what the kernel's memories hold, by parameter."""
        found = {"WeightFile": weight_rows(kernel, self.weights)}
        if self.thresholds is not None:
            found["ThreshFile"] = threshold_rows(kernel, self.thresholds)
        return found


def product_refusal(form: Network, node: Conv | Dense) -> str:
    """Return why a product has no hardware; empty where it has."""
    before = form.producers.get(node.inputs[0])
    source = form.edges[node.inputs[0]]
    if isinstance(before, Conv | Dense):
        return f"it reads the sums of '{before.name}'; an activation must stand between them"
    if element_of(source).bits > _MOST_INPUT_BITS and before is not None:
        possible = f"{_MOST_INPUT_BITS} are possible"
        return f"its input has {source.describe()}, {source.bits} bits; {possible}"
    furthest = int(np.abs(node.weights.astype(np.int64)).max())
    if furthest >> (MOST_WEIGHT_BITS - 1):
        return f"its weights need {weight_bits(node.weights)} bits; 8 are possible, with their sign"
    if not isinstance(node, Conv):
        return ""
    window = node.window
    if node.groups > 1:
        return f"it has {node.groups} groups; only dense convolutions have a kernel"
    if window.dilation != (1, 1):
        return f"it is dilated by {window.dilation}; only dense windows have a kernel"
    return ""


def product_layer(
    form: Network,
    name: str,
    product: Conv | Dense,
    threshold: Threshold | None,
    source: Element,
    *,
    last: bool,
) -> ProductLayer:
    """Return a product with its threshold, nothing behind it yet.

    source: what it reads. last: whether its elements leave the accelerator.
    """
    edge = form.edges[product.inputs[0]]
    shape = form.edges[product.name].shape
    falling = np.zeros(shape[2], bool) if threshold is None else threshold.falling
    weights = product.weights.reshape(shape[2], -1).astype(np.int64)
    weights = np.where(falling[:, None], -weights, weights)
    element, thresholds = Element(0), None
    if threshold is not None:
        codes = form.edges[threshold.name]
        element = Element(2, signed=True) if last and codes.bipolar else element_of(codes)
        thresholds = _columns(threshold, element, form.edges[product.name])
    padded = isinstance(product, Conv) and product.window.padded
    pad_value = product.pad_value if isinstance(product, Conv) else 0
    layer = MatrixLayer(
        name,
        mw=weights.shape[1],
        mh=weights.shape[0],
        vectors=shape[0] * shape[1],
        simd_divides=weights.shape[1],
        in_bits=source.bits,
        in_signed=source.signed,
        flags=padded and edge.bipolar and pad_value == 0,
        weight_bits=weight_bits(weights.astype(np.int32)),
        steps=0 if thresholds is None else thresholds.shape[1],
        columns=shape[1] if isinstance(product, Conv) else 1,
        window=_window(product, edge, source) if isinstance(product, Conv) else None,
    )
    if layer.window is not None:
        layer = replace(layer, simd_divides=layer.window.channels)
    layer = replace(layer, acc_bits=_acc_bits(layer, weights, edge, pad_value if padded else None))
    if threshold is None:
        element = Element(layer.acc_bits, signed=True)
    else:
        low = threshold.low & ((1 << element.bits) - 1) if layer.steps > 1 else 0
        layer = replace(layer, code_bits=element.bits, code_signed=element.signed, code_low=low)
    return ProductLayer(layer, product, threshold, (), weights, thresholds, element)


def _window(product: Conv, edge: Edge, source: Element) -> WindowShape | None:
    """Return the window in front of a convolution; None for 1x1, where each pixel is one."""
    window = product.window
    if window.size == window.stride == (1, 1) and not window.padded:
        return None
    value = product.pad_value if window.padded else 0
    elem = int(value > 0) if source.bits == 1 else value & ((1 << source.bits) - 1)
    height, width, channels = edge.shape
    return WindowShape((height, width), channels, window.size, window.stride, window.pad, elem)


def _columns(threshold: Threshold, element: Element, sums: Edge) -> NDArray[np.int64]:
    """Return the thresholds on rising sums, (channels, steps), as the kernel counts them.

    A bit has one, whatever it stands for. A code rises by 1 with each, so where it is to rise by
    more there are several alike; a code of two bits has two at least, as one would make it a bit.
    """
    mirrored = np.where(threshold.falling[:, None], -threshold.steps[:, ::-1], threshold.steps)
    if element.bits == 1:
        return mirrored
    columns = np.repeat(mirrored, threshold.step, axis=1)
    if columns.shape[1] == 1:
        never = max(sums.high, -sums.low) + 1
        columns = np.concatenate([columns, np.full_like(columns, never)], axis=1)
    return columns


def _acc_bits(
    layer: MatrixLayer, weights: NDArray[np.int64], edge: Edge, pad_value: int | None
) -> int:
    """Return the bits of the sums; 0 where only a count is compared with a threshold."""
    if layer.in_bits == layer.weight_bits == layer.steps == 1:
        return 0
    if layer.steps > 1 or (layer.steps and layer.weight_bits > 1):
        magnitude = max(edge.magnitude, abs(pad_value or 0))
        return (int(np.abs(weights).sum(axis=1).max()) * magnitude).bit_length() + 1
    low, high = reach(weights.astype(np.int32), edge, pad_value)
    least = max((-low - 1).bit_length(), max(high, 0).bit_length()) + 1
    counted = layer.mw.bit_length() + 1 if layer.in_bits == layer.weight_bits == 1 else 2
    return max(least, counted)
