"""Which nodes of a network become one hardware layer, and what has no kernel: no folding yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flow.errors import UserError
from flow.hardware.form import hardware_form
from flow.hardware.kernels import MOST_INPUT_BITS
from flow.hardware.layers import MatrixLayer, PoolShape, WindowShape
from flow.hardware.matrix_vector import MOST_STEPS, MOST_WEIGHT_BITS
from flow.hardware.stream import Element
from flow.network import (
    Conv,
    Dense,
    Edge,
    InputCodes,
    MaxPool,
    Network,
    Node,
    Threshold,
    weight_bits,
)
from flow.network.product import reach

PIXEL_BITS = 8
_NO_KERNEL = {
    "Depthwise": "there is no kernel for convolutions of one channel each",
    "SumPool": "there is no kernel for average pools; use a max-pool",
    "Add": "there is no kernel that adds two branches",
    "Concat": "there is no kernel that joins two branches",
}


@dataclass(frozen=True)
class Refusal:
    """A node that has no hardware, and why."""

    node: str
    kind: str
    reason: str

    def __str__(self) -> str:
        """Return the refusal as a message names it."""
        return f"{self.kind} '{self.node}': {self.reason}"


@dataclass(frozen=True, eq=False)
class InputLayer:
    """The pixels become codes, one value like another: by an offset, else by a table."""

    name: str
    codes: InputCodes
    element: Element
    offset: int | None


@dataclass(frozen=True, eq=False)
class ProductLayer:
    """A product with the threshold and the pools behind it; `layer` is its geometry.

    weights: int64 (MH, MW), those of falling channels negated, so that all of them rise.
    thresholds: int64 (MH, steps) on the sums of these, ascending; None where the sums go out.
    """

    layer: MatrixLayer
    product: Conv | Dense
    threshold: Threshold | None
    pools: tuple[MaxPool, ...]
    weights: NDArray[np.int64]
    thresholds: NDArray[np.int64] | None
    element: Element
    """Of what goes out."""

    @property
    def edge(self) -> str:
        """The edge that goes out of the product and its threshold."""
        return (self.threshold or self.product).name


@dataclass(frozen=True, eq=False)
class Plan:
    """The layers in order. `network` is in the form that hardware computes (`hardware_form`).

    input: None where the pixels go straight into the first product.
    """

    network: Network
    input: InputLayer | None
    pixel: Element
    products: tuple[ProductLayer, ...]

    @property
    def layers(self) -> list[MatrixLayer]:
        """The products as geometry: what folding chooses for."""
        return [each.layer for each in self.products]


def plan_hardware(network: Network) -> Plan:
    """Return the layers of a network; UserError naming the first node that has no hardware."""
    form = hardware_form(network)
    for refusal in _refusals(form):
        raise UserError(f"hardware: {refusal}")
    nodes = list(form.nodes[:-1])
    pixel = Element(PIXEL_BITS, form.source.signed)
    first = None
    element = pixel
    if isinstance(nodes[0], InputCodes):
        first = _input_layer(form, nodes[0])
        element = pixel if first is None else first.element
        nodes = nodes[1:]
    products: list[ProductLayer] = []
    while nodes:
        product = nodes.pop(0)
        assert isinstance(product, Conv | Dense)  # noqa: S101 - or it was refused
        taken = nodes.pop(0) if nodes and isinstance(nodes[0], Threshold) else None
        threshold = taken if isinstance(taken, Threshold) else None
        pools: list[MaxPool] = []
        while nodes and isinstance(nodes[0], MaxPool):
            pools.append(nodes[0])
            nodes.pop(0)
        name = f"MVAU_{len(products)}"
        products.append(
            _product_layer(form, name, product, threshold, tuple(pools), element, last=not nodes)
        )
        element = products[-1].element
    return Plan(form, first, pixel, tuple(_with_windows_behind(products)))


def hardware_refusals(network: Network) -> list[Refusal]:
    """Return every node that has no hardware, with the reason; empty where all have some."""
    return list(_refusals(hardware_form(network)))


def _refusals(form: Network) -> Iterator[Refusal]:
    if form.source.bits > PIXEL_BITS or form.source.bipolar:
        yield Refusal(
            form.input, "input", f"it has values {form.source.describe()}; a pixel has 8 bits"
        )
    for name, readers in form.consumers.items():
        if len(readers) > 1:
            kind = form.producers[name].kind if name in form.producers else "input"
            yield Refusal(name, kind, f"{len(readers)} layers read it; a stream has one reader")
    if not list(form.products):
        yield Refusal(form.scores.name, "Scores", "no product stands in front of them")
    for node in form.nodes:
        reason = _reason(form, node)
        if reason:
            yield Refusal(node.name, node.kind, reason)


def _reason(form: Network, node: Node) -> str:
    """Return why a node has no hardware; empty where it has."""
    if node.kind in _NO_KERNEL:
        return _NO_KERNEL[node.kind]
    before = form.producers.get(node.inputs[0])
    if isinstance(node, Conv | Dense):
        return _no_product(form, node, before)
    if isinstance(node, MaxPool):
        return _no_pool(form, node, before)
    if isinstance(node, Threshold) and not isinstance(before, Conv | Dense):
        return "it does not stand behind a product; an activation must"
    if isinstance(node, Threshold) and _column_count(node) > MOST_STEPS:
        return f"it has {_column_count(node)} steps a channel; {MOST_STEPS}, 8 bits, are possible"
    if isinstance(node, InputCodes) and before is not None:
        return "it does not read the input"
    return ""


def _no_product(form: Network, node: Conv | Dense, before: Node | None) -> str:
    source = form.edges[node.inputs[0]]
    if isinstance(before, Conv | Dense):
        return f"it reads the sums of '{before.name}'; an activation must stand between them"
    if _element(source).bits > MOST_INPUT_BITS and before is not None:
        return f"its input has {source.describe()}, {source.bits} bits; 8 are possible"
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


def _no_pool(form: Network, node: MaxPool, before: Node | None) -> str:
    window, (height, width, _) = node.window, form.edges[node.inputs[0]].shape
    if not isinstance(before, Threshold | MaxPool):
        return "a pool stands behind an activation, or between a product and its activation"
    if window.size != window.stride or window.dilation != (1, 1):
        return (
            f"it overlaps or leaves gaps: windows of {window.size} every {window.stride}; "
            "use a stride equal to its size"
        )
    if window.padded:
        return f"it is padded by {window.pad}; pools without padding have a kernel"
    if height % window.size[0] or width % window.size[1]:
        return f"a {window.size[0]}x{window.size[1]} pool does not divide a {height}x{width} map"
    return ""


def _element(edge: Edge) -> Element:
    """Return how a value of `edge` travels: one bit is -1 or +1, so 0 and 1 take two."""
    return Element(1) if edge.bipolar else Element(max(edge.bits, 2), edge.signed)


def _input_layer(form: Network, node: InputCodes) -> InputLayer | None:
    """Return the layer of the input's codes; None where each value is its own code."""
    if node.slope_and_offset == (1, 0):
        return None
    element = _element(form.edges[node.name])
    affine = node.slope_and_offset if not form.source.signed else None
    fits = element.signed and form.source.levels == 1 << PIXEL_BITS
    if affine is not None and affine[0] == 1 and fits:
        return InputLayer("InputOffset_0", node, element, -affine[1])
    return InputLayer("InputTable_0", node, element, None)


def _product_layer(
    form: Network,
    name: str,
    product: Conv | Dense,
    threshold: Threshold | None,
    pools: tuple[MaxPool, ...],
    source: Element,
    *,
    last: bool,
) -> ProductLayer:
    edge = form.edges[product.inputs[0]]
    shape = form.edges[product.name].shape
    falling = np.zeros(shape[2], bool) if threshold is None else threshold.falling
    weights = product.weights.reshape(shape[2], -1).astype(np.int64)
    weights = np.where(falling[:, None], -weights, weights)
    element, thresholds = Element(0), None
    if threshold is not None:
        codes = form.edges[threshold.name]
        element = Element(2, signed=True) if last and codes.bipolar else _element(codes)
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
    layer = replace(layer, pools=tuple(_pool(form, pool) for pool in pools))
    return ProductLayer(layer, product, threshold, pools, weights, thresholds, element)


def _window(product: Conv, edge: Edge, source: Element) -> WindowShape | None:
    """Return the window in front of a convolution; None for 1x1, where each pixel is one."""
    window = product.window
    if window.size == window.stride == (1, 1) and not window.padded:
        return None
    value = product.pad_value if window.padded else 0
    elem = int(value > 0) if source.bits == 1 else value & ((1 << source.bits) - 1)
    height, width, channels = edge.shape
    return WindowShape((height, width), channels, window.size, window.stride, window.pad, elem)


def _pool(form: Network, pool: MaxPool) -> PoolShape:
    height, width, _ = form.edges[pool.inputs[0]].shape
    mask = sum(1 << c for c in np.flatnonzero(pool.minimum).tolist())
    return PoolShape((height, width), pool.window.size, mask)


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


def _column_count(threshold: Threshold) -> int:
    return int(threshold.steps.shape[1]) * threshold.step


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


def _with_windows_behind(products: list[ProductLayer]) -> list[ProductLayer]:
    """Note in each layer whether a window reads what comes out of it."""
    behind = [each.layer.window is not None for each in products[1:]] + [False]
    return [
        replace(each, layer=replace(each.layer, window_behind=window))
        for each, window in zip(products, behind, strict=True)
    ]
