"""The same function with fewer nodes or smaller ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flow.network.conv import Conv
from flow.network.edge import Edge
from flow.network.input_codes import InputCodes
from flow.network.network import Network
from flow.network.node import Node, Window
from flow.network.pool import SumPool
from flow.network.steps import find_steps
from flow.network.threshold import Threshold


def simplified(network: Network) -> Network:
    """Return the same function with fewer nodes.

    A Threshold, or a table of the inputs, that changes nothing is dropped. A Threshold behind the
    InputCodes or behind another Threshold joins it where nobody else reads what is between the two;
    that edge is gone then, and is no longer compared. A SumPool behind a 1x1 convolution moves in
    front of it, where values are narrow and pixels are added before they are multiplied.
    """
    while True:
        candidates: list[InputCodes | Threshold] = network.of_kind(Threshold)
        candidates += network.of_kind(InputCodes)  # last: a Threshold behind it may join it
        found = next((n for n in candidates if _can_go(network, n)), None)
        if found is None:
            break
        network = _without(network, found)
    for pool in network.of_kind(SumPool):
        product = network.producers.get(pool.inputs[0])
        if isinstance(product, Conv) and _sees_one_pixel(product.window):
            alone = len(network.consumers[product.name]) == 1
            network = _summed_first(network, product, pool) if alone else network
    return network


def _sees_one_pixel(window: Window) -> bool:
    return window.size == (1, 1) and window.stride == (1, 1) and not window.padded


def _summed_first(network: Network, product: Conv, pool: SumPool) -> Network:
    """Let the sum of a 1x1 convolution's outputs be the convolution of its inputs' sum."""
    first = replace(pool, name=f"{pool.name}.summed", inputs=product.inputs)
    second = replace(product, name=pool.name, inputs=(first.name,))
    nodes: list[Node] = []
    for node in network.nodes:
        nodes += [first] if node is product else [second] if node is pool else [node]
    taps = {tap: edge for tap, edge in network.taps.items() if edge != product.name}
    return Network(network.input, network.source, tuple(nodes), taps, network.class_names)


def _can_go(network: Network, node: InputCodes | Threshold) -> bool:
    (source,) = node.inputs
    if node.is_identity(network.edges[source]):
        return True
    if isinstance(node, InputCodes):
        return False
    producer = network.producers.get(source)
    alone = len(network.consumers[source]) == 1
    if isinstance(producer, InputCodes):
        return alone and bool(np.all(node.steps == node.steps[0]) and len(set(node.falling)) == 1)
    return alone and isinstance(producer, Threshold)


def _without(network: Network, node: InputCodes | Threshold) -> Network:
    (source,) = node.inputs
    if isinstance(node, InputCodes) or node.is_identity(network.edges[source]):
        taps = {tap: source if edge == node.name else edge for tap, edge in network.taps.items()}
        nodes = [_reading(each, node.name, source) for each in network.nodes if each is not node]
    else:
        producer = network.producers[source]
        joined = _joined(producer, node, network.input_edges(producer)[0])
        taps = {tap: edge for tap, edge in network.taps.items() if edge != source}
        kept = [each for each in network.nodes if each is not node]
        nodes = [joined if each is producer else each for each in kept]
    return replace(network, nodes=tuple(nodes), taps=taps)


def _reading(node: Node, old: str, new: str) -> Node:
    inputs = tuple(new if name == old else name for name in node.inputs)
    return node if inputs == node.inputs else replace(node, inputs=inputs)


def _joined(producer: Node, node: Threshold, source: Edge) -> Node:
    """Return one node that reads what `producer` reads and gives what `node` gives."""
    high = node.low + node.step * node.steps.shape[1]
    channels = len(node.steps)

    def both(values: NDArray[np.int64]) -> NDArray[np.int64]:
        frames = values.reshape(len(values), 1, 1, channels)
        return node.compute([producer.compute([frames])]).reshape(values.shape)

    if isinstance(producer, InputCodes):
        values = np.arange(source.low, source.high + 1)
        table = both(np.repeat(values[:, None], channels, axis=1))[:, 0].astype(np.int32)
        ends = (node.low, high, node.step, producer.first)
        return InputCodes(node.name, producer.inputs, table, *ends)
    found = find_steps(both, source, node.low, high, node.step)
    return Threshold(node.name, producer.inputs, found.steps, found.falling, node.low, node.step)
