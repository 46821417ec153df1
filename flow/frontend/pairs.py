"""Two branches of different scales: small integers in place of the scales, proven on all pairs."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

from flow.network import Add, Edge, Node, PairTable, Threshold
from flow.network.pair_table import MOST_ENTRIES
from flow.network.steps import find_steps

MOST_FACTOR = 20
MOST_PAIRS = 2**16
"""Pairs of codes that are tried one by one; wider branches are refused."""


def all_pairs(a: Edge, b: Edge) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every code of `a` with every code of `b`, two arrays (pairs,)."""
    values = [np.arange(each.low, each.high + 1, each.step) for each in (a, b)]
    first, second = np.meshgrid(*values, indexing="ij")
    return first.reshape(-1), second.reshape(-1)


def nodes_for_pairs(
    name: str,
    inputs: tuple[str, str],
    edges: tuple[Edge, Edge],
    codes: NDArray[np.int64],
    quantiser: tuple[int, int, int],
) -> list[Node] | None:
    """Return the nodes that give `codes` for all pairs of two branches, the last one `name`.

    codes: int64 (pairs, channels), in the order of `all_pairs`. quantiser: its lowest and highest
    code and the distance between codes. As a product's scale, those of the branches become
    integers where two numbers up to 20 can stand for them: an Add with factors and a Threshold.
    Else one table for all channels, if it is small enough; None where there is neither.
    """
    low, high, step = quantiser
    a, b = all_pairs(*edges)
    factors = _factors(a, b, codes)
    if factors is not None:
        added = Add(f"{name}.sum", inputs, factors)
        found = find_steps(_by_sum(added, edges, a, b, codes), added.edge(edges), low, high, step)
        return [added, Threshold(name, (added.name,), found.steps, found.falling, low, step)]
    if len(codes) > MOST_ENTRIES or np.any(codes != codes[:, :1]):
        return None
    table = codes[:, 0].reshape(edges[0].levels, edges[1].levels).astype(np.int32)
    ends = ((edges[0].low, edges[1].low), (edges[0].step, edges[1].step))
    return [PairTable(name, inputs, table, *ends, low, high, step)]


def _factors(
    a: NDArray[np.int64], b: NDArray[np.int64], codes: NDArray[np.int64]
) -> tuple[int, int] | None:
    """Return the smallest (m1, m2) with every code a monotone function of m1 * a + m2 * b."""
    candidates = [
        (m1, sign * m2)
        for m1 in range(1, MOST_FACTOR + 1)
        for m2 in range(1, MOST_FACTOR + 1)
        for sign in (1, -1)
        if gcd(m1, m2) == 1
    ]
    candidates.sort(key=lambda pair: (pair[0] + abs(pair[1]), -pair[1]))
    for m1, m2 in candidates:
        sums = m1 * a + m2 * b
        order = np.argsort(sums, kind="stable")
        ascending, sorted_codes = sums[order], codes[order]
        changes = np.diff(sorted_codes, axis=0)
        if np.any(changes[np.diff(ascending) == 0]):
            continue
        if not np.any((changes > 0).any(axis=0) & (changes < 0).any(axis=0)):
            return m1, m2
    return None


def _by_sum(
    added: Add,
    edges: tuple[Edge, Edge],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    codes: NDArray[np.int64],
) -> _Lookup:
    sums = added.factors[0] * a + added.factors[1] * b
    return _Lookup(added.edge(edges).low, sums, codes)


class _Lookup:
    """sum -> code; a sum that no pair has takes the code of the next smaller one that occurs."""

    def __init__(self, low: int, sums: NDArray[np.int64], codes: NDArray[np.int64]) -> None:
        self._low = low
        occurring, first = np.unique(sums, return_index=True)
        place = np.searchsorted(occurring, np.arange(low, sums.max() + 1), side="right") - 1
        self._table = codes[first][place]

    def __call__(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        found: NDArray[np.int64] = np.take_along_axis(self._table, values - self._low, axis=0)
        return found
