"""From the golden model to the network: its integers, its weights, and steps instead of floats.

The golden graph is read in order. Tensors that hold integers become edges or other views of edges;
what lies between two of them (scales, biases, BatchNormalization, clipping, the quantiser itself)
is one monotone function for each channel and becomes the steps at which that function changes.
Nothing is solved or rearranged: the golden model's own operators are evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, numpy_helper

from flow.errors import NetworkError
from flow.frontend.golden import GoldenModel, Layer, Tap
from flow.frontend.golden.constants import attributes
from flow.frontend.golden.model import IMAGES, ONES, SCORES
from flow.frontend.pairs import MOST_FACTOR, MOST_PAIRS, all_pairs, nodes_for_pairs
from flow.frontend.product_nodes import convolution, dense, sum_pool
from flow.frontend.segment import (
    NO_MAP,
    ChannelFunctions,
    Place,
    Segment,
    pool_window,
    refuse_sign_behind_relu,
)
from flow.frontend.views import View, natural_index
from flow.network import (
    Add,
    Edge,
    InputCodes,
    MaxPool,
    Network,
    Node,
    Product,
    Scores,
    SumPool,
    Threshold,
    operator_kinds,
)
from flow.network.node import Operator
from flow.network.simplify import simplified
from flow.network.steps import find_steps


def network_from_golden(golden: GoldenModel) -> Network:
    """Return the network of a golden model; UserError naming what cannot be one, and why."""
    return simplified(_Reader(golden).read())


class _Reader:
    """Goes through the golden graph once; knows of each integer tensor which edge it shows."""

    def __init__(self, golden: GoldenModel) -> None:
        self._golden = golden
        graph = golden.onnx_model.graph
        self._constants: dict[str, NDArray[Any]] = {
            t.name: np.asarray(numpy_helper.to_array(t)) for t in graph.initializer
        }
        self._producers = {node.output[0]: node for node in graph.node}
        self._order = {node.output[0]: k for k, node in enumerate(graph.node)}
        self._taps = {tap.name: tap for tap in golden.taps}
        self._layers = {layer.accumulator: layer for layer in golden.layers}
        self._source = Edge(golden.image_shape, golden.input.low, golden.input.high)
        pixels = np.arange(self._source.elements).reshape(golden.image_shape)
        self._edges = {IMAGES: self._source}
        self._views = {IMAGES: View(IMAGES, golden.image_shape, pixels)}
        self._nodes: list[Node] = []
        self._compared: dict[str, str] = {}
        self._channels_last: set[str] = set()
        self._integer: dict[str, Callable[[NodeProto], None]] = {
            "Add": self._add,
            "Cast": self._cast,
            "Conv": self._sum_pool,
            "MaxPool": self._pool,
            "Pad": self._pad,
            "ReduceMax": self._pool,
            "Reshape": self._reshape,
            "Transpose": self._transpose,
        }

    def read(self) -> Network:
        for node in self._golden.onnx_model.graph.node:
            output = node.output[0]
            if output in self._taps:
                self._quantiser(self._taps[output])
            elif output in self._layers:
                self._product(self._layers[output])
            elif output == SCORES:
                self._scores()
            elif node.op_type in self._integer and self._reads_integers(node):
                self._integer[node.op_type](node)
            elif node.op_type in operator_kinds() and self._reads_integers(node):
                self._operator(node)
        nodes, names = self._needed(), self._golden.class_names
        last = frozenset(self._channels_last)
        return Network(IMAGES, self._source, nodes, self._compared, names, last)

    def _needed(self) -> tuple[Node, ...]:
        """Return the nodes that the scores depend on; a branch that ends nowhere is left out."""
        needed = {SCORES}
        for node in reversed(self._nodes):
            if node.name in needed:
                needed.update(node.inputs)
        self._compared = {k: v for k, v in self._compared.items() if v in needed}
        return tuple(node for node in self._nodes if node.name in needed)

    def _reads_integers(self, node: NodeProto) -> bool:
        dynamic = [name for name in node.input if name and name not in self._constants]
        return all(name in self._views for name in dynamic)

    def _append(self, node: Node) -> None:
        self._nodes.append(node)
        self._edges[node.name] = node.edge([self._edges[name] for name in node.inputs])

    def _show(self, tensor: str, edge: str, rank: int) -> None:
        """Let a golden tensor, (C, H, W) or (C, L), be the map of an edge."""
        self._views[tensor] = View.channels_first(edge, self._edges[edge].shape, rank)

    # -- integers to integers ---------------------------------------------------------------------

    def _cast(self, node: NodeProto) -> None:
        view = self._views[node.input[0]]
        if view.edge == IMAGES:  # a byte is exact in any type; wide sums are not
            self._views[node.output[0]] = view

    def _reshape(self, node: NodeProto) -> None:
        shape = [int(v) for v in self._constants[node.input[1]]]
        self._views[node.output[0]] = self._views[node.input[0]].reshaped(shape[1:])

    def _transpose(self, node: NodeProto) -> None:
        perm = next(a.ints for a in node.attribute if a.name == "perm")
        axes = [int(axis) - 1 for axis in perm[1:]]
        self._views[node.output[0]] = self._views[node.input[0]].transposed(axes)

    def _pad(self, node: NodeProto) -> None:
        pads = [int(v) for v in self._constants[node.input[1]]]
        rank = len(pads) // 2
        widths = [(pads[k], pads[k + rank]) for k in range(1, rank)]
        value = int(self._constants[node.input[2]]) if len(node.input) > 2 else 0
        try:
            view = self._views[node.input[0]].padded(widths, value)
        except ValueError as error:
            raise NetworkError(str(error), kind="Pad", node=node.name) from error
        self._views[node.output[0]] = view

    def _pool(self, node: NodeProto) -> None:
        view = self._views[node.input[0]]
        if self._is_sum(view.edge):
            return  # it belongs behind the quantiser that follows, or to the scores
        if not view.is_map:
            raise NetworkError(NO_MAP, kind=node.op_type, node=node.name)
        window, name = pool_window(node, view.shape[:2]), node.output[0]
        self._append(MaxPool(name, (view.edge,), window, np.zeros(view.shape[2], np.bool_)))
        self._show(name, name, view.index.ndim)
        if node.op_type == "ReduceMax" and not attributes(node).get("keepdims", 1):
            self._views[name] = self._views[name].reshaped([self._edges[name].shape[2]])

    def _sum_pool(self, node: NodeProto) -> None:
        if node.input[1].endswith(ONES):  # else it is part of a product of more than 24 bits
            size = self._constants[node.input[1]].shape[2:]
            kernel = (size[0], size[1]) if len(size) == 2 else (1, size[0])
            self._append(sum_pool(node, self._views[node.input[0]], kernel))
            self._show(node.output[0], node.output[0], self._views[node.input[0]].index.ndim)

    def _is_sum(self, edge: str) -> bool:
        """Whether an edge carries sums: products and additions, not codes."""
        producer = next((node for node in self._nodes if node.name == edge), None)
        return isinstance(producer, Product | Add | SumPool)

    def _add(self, node: NodeProto) -> None:
        if len([name for name in node.input if name in self._views]) != 2:
            return  # a constant is added: part of what is tabulated
        views = [self._views[name] for name in node.input]
        if not all(view.is_map for view in views):
            raise NetworkError(NO_MAP, kind="Add", node=node.name)
        self._append(Add(node.output[0], (views[0].edge, views[1].edge)))
        self._show(node.output[0], node.output[0], views[0].index.ndim)

    def _operator(self, node: NodeProto) -> None:
        """Append what a kind of node of its own makes of an operator between maps."""
        views = [self._views[name] for name in node.input if name]
        if not all(view.is_map for view in views):
            raise NetworkError(NO_MAP, kind=node.op_type, node=node.name)
        names = tuple(view.edge for view in views)
        operator = Operator(node.output[0], node.op_type, names, attributes(node))
        self._append(operator_kinds()[node.op_type].of_operator(operator))
        self._show(node.output[0], node.output[0], views[0].index.ndim)

    # -- products ---------------------------------------------------------------------------------

    def _product(self, layer: Layer) -> None:
        node = self._producers[layer.accumulator]
        while node.op_type not in ("Conv", "MatMul"):  # a wide product is put together of two
            node = self._producers[node.input[0]]
        view = self._views[node.input[0]]
        if layer.kind == "conv":
            self._append(convolution(self._golden, layer, node, view))
        else:
            self._append(dense(self._golden, layer, view))
        self._show(layer.accumulator, layer.accumulator, len(layer.shape))
        if layer.kind == "fc":
            flat = View.flat(layer.accumulator, self._edges[layer.accumulator].shape)
            self._views[layer.accumulator] = flat
        self._compared[layer.accumulator] = layer.accumulator

    # -- quantisers and scores --------------------------------------------------------------------

    def _between(self, last: str) -> tuple[list[NodeProto], list[str]]:
        """Return the nodes that lead to `last`, in order, and the integer tensors they begin at."""
        wanted, names, roots = [last], set(), set()
        while wanted:
            name = wanted.pop()
            if name in names:
                continue
            names.add(name)
            for each in self._producers[name].input:
                if each in self._views:
                    roots.add(each)
                elif each and each not in self._constants:
                    wanted.append(each)
        nodes = [self._producers[name] for name in sorted(names, key=self._order.__getitem__)]
        return nodes, sorted(roots, key=lambda name: self._order.get(name, -1))

    def _segment(self, last: str, place: Place) -> tuple[Segment, list[str]]:
        """Return what stands between `last` and the integers it is computed from.

        With it, all tensors of those integers: one, or two where branches are added.
        """
        nodes, roots = self._between(last)
        views = [self._views[root] for root in roots]
        alike = all(np.array_equal(view.index, views[0].index) for view in views)
        if not 1 <= len(roots) <= 2 or not alike:
            raise place.error(f"it is computed from {len(roots)} tensors of integers at once")
        layer = self._layers.get(roots[0])
        wide = layer is not None and layer.is_wide
        segment = Segment(place, roots[0], self._edges[views[0].edge], views[0], wide)
        aliases: dict[str, str] = {}
        for node in nodes:
            segment.follow(node, self._constants, aliases)
        return segment, roots

    def _quantiser(self, tap: Tap) -> None:
        place = Place("quantiser", tap.source)
        segment, roots = self._segment(tap.name, place)
        function = segment.function(tap.name, *roots[1:])
        if len(roots) > 1:
            edge = self._pair(tap, segment, roots, function)
        elif segment.view.edge == IMAGES and not segment.pools:
            edge = self._input_codes(tap, segment, function)
        else:
            edge = self._threshold(tap, segment, function)
        shape = self._edges[edge].shape
        self._views[tap.name] = View(edge, shape, segment.view.index)
        in_order = natural_index(shape).reshape(-1)
        index = segment.view.index.reshape(-1)
        if not np.array_equal(index, in_order):
            self._channels_last.add(tap.name)
        if not np.array_equal(index, in_order) and not np.array_equal(index, np.sort(in_order)):
            raise place.error("it stands behind a change of order; put it in front of that")
        self._compared[tap.name] = edge

    def _input_codes(self, tap: Tap, segment: Segment, function: ChannelFunctions) -> str:
        values = np.arange(self._source.low, self._source.high + 1)
        codes = function(np.repeat(values[:, None], segment.channels, axis=1))
        differs = np.flatnonzero((codes != codes[:, :1]).any(axis=1))
        if len(differs):
            raise segment.place.error(
                f"it gives different codes for one pixel value ({differs[0]}) in "
                "different channels; normalise all channels alike"
            )
        table = codes[:, 0].astype(np.int32)
        ends = (tap.low, tap.high, tap.step, self._source.low)
        self._append(InputCodes(tap.name, (IMAGES,), table, *ends))
        return tap.name

    def _threshold(self, tap: Tap, segment: Segment, function: ChannelFunctions) -> str:
        found = find_steps(function, segment.source, tap.low, tap.high, tap.step)
        refuse_sign_behind_relu(segment, function)
        name = tap.name if not segment.pools else f"{tap.name}.unpooled"
        node = Threshold(name, (segment.view.edge,), found.steps, found.falling, tap.low, tap.step)
        self._append(node)
        for k, (window, source) in enumerate(segment.pools):
            last = k + 1 == len(segment.pools)
            pooled = tap.name if last else f"{tap.name}.pooled{k + 1}"
            # max(x) in front of a function that falls is the minimum behind it; what stands in
            # front of the maximum has turned x around already where it falls itself.
            minimum = found.falling != segment.falls(source)
            self._append(MaxPool(pooled, (name,), window, minimum))
            name = pooled
        return name

    def _pair(
        self, tap: Tap, segment: Segment, roots: list[str], function: ChannelFunctions
    ) -> str:
        """Append what gives the codes of a quantiser behind two branches of different scales."""
        names = tuple(self._views[root].edge for root in roots)
        a, b = (self._edges[name] for name in names)
        adds = f"it adds branches of {a.describe()} and {b.describe()};"
        if segment.pools or a.levels * b.levels > MOST_PAIRS:
            raise segment.place.error(
                f"{adds} only codes can be added, and pooled behind their quantiser"
            )
        pairs = [np.repeat(v[:, None], segment.channels, axis=1) for v in all_pairs(a, b)]
        codes = function(*pairs).astype(np.int64)
        ends = (tap.low, tap.high, tap.step)
        nodes = nodes_for_pairs(tap.name, (names[0], names[1]), (a, b), codes, ends)
        if nodes is None:
            raise segment.place.error(
                f"{adds} no two factors up to {MOST_FACTOR} stand for their scales; give both "
                "quantisers the same scale"
            )
        for node in nodes:
            self._append(node)
        return tap.name

    def _scores(self) -> None:
        place = Place("output", SCORES)
        segment, roots = self._segment(SCORES, place)
        if segment.nodes or len(roots) > 1:
            affine = ("Add", "Sub", "Mul", "Div")
            others = [node for node in segment.nodes if node.op_type not in affine]
            blamed = [*others, *segment.nodes][0].op_type
            raise place.error(
                f"{blamed} stands behind the last integers and is not a factor or an addend of "
                "each score"
            )
        name = segment.view.edge
        for k, (window, _) in enumerate(segment.pools):
            minimum = np.zeros(segment.channels, np.bool_)
            pooled = f"{name}.pooled{k + 1}"
            self._append(MaxPool(pooled, (name,), window, minimum))
            name = pooled
        classes = self._edges[name].shape[2]
        means = self._golden.score_map
        if len(means.scale) != classes:
            raise place.error(f"it has {classes} channels, {len(means.scale)} scores")
        scale, offset = (np.array(values) for values in (means.scale, means.offset))
        self._append(Scores(SCORES, (name,), scale, offset))
        self._compared[SCORES] = SCORES
