"""The network as hardware computes it: every pool behind the threshold it may stand in front of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from flow.network import (
    Conv,
    InputCodes,
    MaxPool,
    Network,
    Threshold,
    Window,
    stored_weights,
)
from flow.network.simplify import simplified

_CODE_BITS = 8


def hardware_form(network: Network) -> Network:
    """Return the same function in the form in which kernels compute it.

    A pool of sums becomes a pool of codes, which are narrow: the greatest sum gives the greatest
    code, or, where the threshold falls, the smallest. Codes of the input that need more than 8 bits
    only because of their quantiser's range get the range of those that occur. A window that could
    see nothing but padding gets further columns or rows of weight 0. Edges that both forms have
    carry the same integers.
    """
    while True:
        found = next(_movable_pools(network), None)
        if found is None:
            return _wide_windows(_narrow_codes(simplified(network)))
        network = _pool_behind(network, *found)


def _movable_pools(network: Network) -> Iterator[tuple[MaxPool, Threshold]]:
    for pool in network.of_kind(MaxPool):
        behind = network.consumers[pool.name]
        if len(behind) == 1 and isinstance(behind[0], Threshold):
            yield pool, behind[0]


def _pool_behind(network: Network, pool: MaxPool, threshold: Threshold) -> Network:
    """Swap a pool and the threshold behind it; the pool then has the threshold's name."""
    first = replace(threshold, name=f"{threshold.name} in front of {pool.name}", inputs=pool.inputs)
    minimum = np.logical_xor(pool.minimum, threshold.falling)
    last = replace(pool, name=threshold.name, inputs=(first.name,), minimum=minimum)
    nodes = [
        first if node is pool else last if node is threshold else node for node in network.nodes
    ]
    taps = {tap: edge for tap, edge in network.taps.items() if edge != pool.name}
    return replace(network, nodes=tuple(nodes), taps=taps)


def _narrow_codes(network: Network) -> Network:
    """Give the input's codes the range of those that occur, where their own needs over 8 bits."""
    codes = network.of_kind(InputCodes)
    if not codes or network.edges[codes[0].name].bits <= _CODE_BITS:
        return network
    low, high = min(int(codes[0].table.min()), 0), max(int(codes[0].table.max()), 0)
    narrow = replace(codes[0], low=low, high=high, step=1)
    nodes = [narrow if node is codes[0] else node for node in network.nodes]
    return replace(network, nodes=tuple(nodes))


def _wide_windows(network: Network) -> Network:
    """Widen every window that is no larger than its padding, by weights of 0 on the other side."""
    nodes = tuple(
        _widened(node) if isinstance(node, Conv) and _sees_padding_alone(node.window) else node
        for node in network.nodes
    )
    if nodes == network.nodes:
        return network
    return replace(network, nodes=nodes)


def _sees_padding_alone(window: Window) -> bool:
    return window.dilation == (1, 1) and any(window.pad[k] >= window.size[k % 2] for k in range(4))


def _widened(conv: Conv) -> Conv:
    """Return the convolution with a kernel that is larger than each of its paddings."""
    size, pad = conv.window.size, conv.window.pad
    # For the padding on one side, columns or rows on the other one: top, left, bottom, right.
    more = [max(0, pad[(k + 2) % 4] - size[k % 2] + 1) for k in range(4)]
    top, left, bottom, right = more
    wider = np.pad(conv.weights, ((0, 0), (top, bottom), (left, right), (0, 0)))
    window = Window(
        (size[0] + top + bottom, size[1] + left + right),
        conv.window.stride,
        (pad[0] + top, pad[1] + left, pad[2] + bottom, pad[3] + right),
    )
    return replace(conv, weights=stored_weights(wider), window=window)
