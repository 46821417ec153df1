"""From a network to the layers of the compiled model: what is fused, what lies as bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flow.check.cpp.generate import map_files
from flow.check.cpp.steps import IMAGES, Kind, Program, Step
from flow.errors import UserError
from flow.hardware.design import snake_case
from flow.network import (
    Concat,
    Conv,
    Dense,
    Depthwise,
    Edge,
    InputCodes,
    MaxPool,
    Network,
    Node,
    Product,
    Scores,
    Threshold,
    Window,
    weight_bits,
)

_CODE_RANGE = range(-(2**15), 2**15)


def program_of(network: Network) -> Program:
    """Return the layers that compute `network`; UserError for what needs more than 16 bits."""
    builder = _Builder(network)
    for node in network.nodes:
        builder.add(node)
    return Program(_with_slots(builder.layers))


class _Builder:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._bits = _edges_as_bits(network)
        self._index: dict[str, int] = {}
        self.layers: list[Step] = []

    def add(self, node: Node) -> None:
        """Append the layer of a node; a product waits for what reads its sums."""
        if isinstance(node, Conv | Depthwise | Dense):
            return
        if isinstance(node, InputCodes):
            table = _by_byte(node.table.astype(np.int64), node.first)
            self._input(node.name, table, self._network.edges[node.name])
        elif isinstance(node, Threshold):
            self._threshold(node)
        elif isinstance(node, Concat):
            self._concat(node)
        elif isinstance(node, Scores):
            self._scores(node)
        elif isinstance(node, MaxPool) and self._bits[node.name]:
            self._pool(node)
        else:
            self._map(node)

    def _append(self, layer: Step) -> int:
        edge = self._network.edges.get(layer.name)
        if edge is not None and not layer.scores:
            inside = edge.low in _CODE_RANGE and edge.high in _CODE_RANGE
            if not inside:
                raise UserError(
                    f"cppsim: {layer.name} carries {edge.describe()}; codes have up to 16 bits"
                )
        self.layers.append(layer)
        self._index[layer.name] = len(self.layers) - 1
        return len(self.layers) - 1

    def _layer(self, node: Node, kind: Kind, sources: tuple[int, ...], **fields: object) -> Step:
        edges = self._network.input_edges(node)
        out = self._network.edges[node.name].shape
        return Step(node.name, kind, sources, edges[0].shape, out, **fields)  # type: ignore[arg-type]

    def _source(self, node: Node, position: int = 0) -> int:
        """Return the layer whose output is an input of `node`; pixels get one where needed."""
        name = node.inputs[position]
        if name == self._network.input and name not in self._index:
            edge = self._network.edges[name]
            self._input(name, _by_byte(np.arange(edge.low, edge.high + 1), edge.low), edge)
        return self._index[name]

    def _input(self, name: str, table: NDArray[np.int64], edge: Edge) -> None:
        kind: Kind = "input_bits" if self._bits[name] else "input_codes"
        codes = kind == "input_codes"
        shape = edge.shape
        self._append(Step(name, kind, (IMAGES,), shape, shape, table=table, codes_out=codes))

    def _threshold(self, node: Threshold) -> None:
        producer = self._network.producers.get(node.inputs[0])
        finish = {
            "codes_out": not self._bits[node.name],
            "low": node.low,
            "rise": node.step,
        }
        steps = np.where(node.falling[:, None], -node.steps[:, ::-1], node.steps)
        if isinstance(producer, Conv | Depthwise | Dense):
            sign = np.where(node.falling, -1, 1)
            layer = self._product(producer, sign)
            out = self._network.edges[node.name].shape
            named = replace(layer, name=node.name, out_shape=out, thresholds=steps, **finish)  # type: ignore[arg-type]
            self._append(named)
            return
        source = (self._source(node),)
        layer = self._layer(node, "threshold", source, mask=node.falling, thresholds=steps)
        self._append(replace(layer, **finish))  # type: ignore[arg-type]

    def _product(self, node: Product, sign: NDArray[np.int64]) -> Step:
        """Return the layer of a product whose output channels are multiplied by `sign`."""
        source = self._source(node)
        edge = self._network.input_edges(node)[0]
        if isinstance(node, Dense):
            rows = node.weights.astype(np.int64) * sign[:, None]
            window = Window((edge.shape[0], edge.shape[1]))
            kind = self._conv_kind(node)
            return self._layer(node, kind, (source,), weights=rows, kernel=window.size)
        window, pad_value = node.window, node.pad_value
        if pad_value and window.padded and not self._bits[node.inputs[0]]:
            source = self._padded(node.name, source, edge, window, pad_value)
            window, pad_value = replace(window, pad=(0, 0, 0, 0)), 0
        layer = self._layer(
            node,
            "depthwise" if isinstance(node, Depthwise) else self._conv_kind(node),
            (source,),
            weights=_rows(node) * (sign[:, None] if isinstance(node, Conv) else sign),
            kernel=window.size,
            stride=window.stride,
            pad=window.pad[:2],
            dilation=window.dilation,
            pad_value=pad_value,
        )
        return replace(layer, in_shape=self.layers[source].out_shape)

    def _conv_kind(self, node: Node) -> Kind:
        return "conv_bits" if self._bits[node.inputs[0]] else "conv_codes"

    def _padded(self, name: str, source: int, edge: Edge, window: Window, value: int) -> int:
        top, left, bottom, right = window.pad
        height, width, channels = edge.shape
        shape = (height + top + bottom, width + left + right, channels)
        return self._append(
            Step(
                f"{name}.padded",
                "map",
                (source,),
                edge.shape,
                shape,
                map="pad",
                pad=(top, left),
                pad_value=value,
                codes_out=True,
            )
        )

    def _pool(self, node: MaxPool) -> None:
        """Append a pool of bits."""
        source = (self._source(node),)
        layer = self._layer(node, "pool", source, mask=node.minimum, **_window(node.window))
        self._append(layer)

    def _map(self, node: Node) -> None:
        """Append a step from codes to codes, which a file of maps/ computes."""
        file = snake_case(node.kind)
        if file not in map_files():
            node.refuse("cppsim has no file for it (flow/check/cpp/maps)")
        sources = tuple(self._source(node, k) for k in range(len(node.inputs)))
        window = getattr(node, "window", Window((1, 1)))
        constants = node.constants()
        fields = {"map": file, "constants": constants, "codes_out": True, **_window(window)}
        self._append(self._layer(node, "map", sources, **fields))

    def _concat(self, node: Concat) -> None:
        """Join branches two at a time."""
        edges = self._network.input_edges(node)
        before, shape = self._source(node), edges[0].shape
        for k in range(1, len(edges)):
            joined = (*shape[:2], shape[2] + edges[k].shape[2])
            last = k + 1 == len(edges)
            name = node.name if last else f"{node.name}.{k}"
            pair = (before, self._source(node, k))
            before = self._append(
                Step(name, "map", pair, shape, joined, map="concat", codes_out=True)
            )
            shape = joined

    def _scores(self, node: Scores) -> None:
        producer = self._network.producers.get(node.inputs[0])
        if isinstance(producer, Conv | Dense):
            outputs = self._network.edges[node.name].shape[2]
            layer = self._product(producer, np.ones(outputs, np.int64))
            self._append(replace(layer, name=node.name))
        else:
            self._append(self._layer(node, "scores", (self._source(node),)))


def _window(window: Window) -> dict[str, tuple[int, int]]:
    """Return the fields of a step that goes over a map with `window`."""
    pad = (window.pad[0], window.pad[1])
    sizes = {"kernel": window.size, "stride": window.stride, "dilation": window.dilation}
    return {**sizes, "pad": pad}


def _by_byte(table: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Return a table of the values first, first + 1, ... as one of the 256 bytes that hold them."""
    found = np.zeros(256, np.int64)
    found[(first + np.arange(len(table))) & 255] = table
    return found


def _rows(node: Conv | Depthwise) -> NDArray[np.int64]:
    """Return a convolution's weights as the compiled model reads them; groups are filled with 0."""
    weights = node.weights.astype(np.int64)
    if isinstance(node, Depthwise):
        return np.ascontiguousarray(weights.reshape(len(weights), -1).T)
    outputs, kernel_h, kernel_w, channels = weights.shape
    dense = np.zeros((outputs, kernel_h, kernel_w, channels * node.groups), np.int64)
    each = outputs // node.groups
    for group in range(node.groups):
        rows, columns = (slice(group * n, (group + 1) * n) for n in (each, channels))
        dense[rows, ..., columns] = weights[rows]
    return dense.reshape(outputs, -1)


def _edges_as_bits(network: Network) -> dict[str, bool]:
    """Return for each edge whether it lies in memory as bits: -1 and +1, and all readers count."""
    bits: dict[str, bool] = {}
    for name in reversed(network.edges):
        readers = network.consumers[name]
        takes = all(_takes_bits(node, bits) for node in readers)
        bits[name] = network.edges[name].bipolar and takes and bool(readers)
    return bits


def _takes_bits(node: Node, bits: dict[str, bool]) -> bool:
    if isinstance(node, Conv):
        dense = node.groups == 1
        return dense and weight_bits(node.weights) == 1 and node.pad_value in (0, -1)
    if isinstance(node, Dense):
        return weight_bits(node.weights) == 1
    return isinstance(node, MaxPool) and bits[node.name]


def _with_slots(layers: Sequence[Step]) -> tuple[Step, ...]:
    """Give each output a memory that nobody reads any more."""
    last_read = {k: k for k in range(len(layers))}
    for k, layer in enumerate(layers):
        for source in layer.sources:
            last_read[source] = k
    busy: dict[int, int] = {}
    placed: list[Step] = []
    for k, layer in enumerate(layers):
        busy = {slot: until for slot, until in busy.items() if until >= k}
        slot = -1
        if not layer.scores:
            slot = next(s for s in range(len(layers)) if s not in busy)
            busy[slot] = last_read[k]
        placed.append(replace(layer, slot=slot))
    return tuple(placed)
