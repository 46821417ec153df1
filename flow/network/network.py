"""Network: a graph of integer operations, and nothing that is not computed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from flow.errors import NetworkError
from flow.network.conv import Conv
from flow.network.dense import Dense
from flow.network.depthwise import Depthwise
from flow.network.edge import Edge
from flow.network.node import Integers, Node
from flow.network.scores import Scores

Product = Conv | Depthwise | Dense
_Kind = TypeVar("_Kind", bound=Node)


@dataclass(frozen=True, eq=False)
class Network:
    """What is computed: no scale, no folding, no stream.

    input: name of the edge that the images are. source: what it carries, 0 to 255 for pixels.
    nodes: in topological order; the last one is the Scores. class_names: empty where unknown.
    taps: tensor of the golden model that holds the same integers -> edge of this network; what is
    compared with golden, edge by edge.

    UserError for a node that reads what does not exist, a name given twice, a node that refuses
    its inputs, an edge that nobody reads.
    """

    input: str
    source: Edge
    nodes: tuple[Node, ...]
    taps: Mapping[str, str]
    class_names: tuple[str, ...] = ()
    channels_last: frozenset[str] = frozenset()
    """Taps whose golden tensor is (N, H, W, C); the others are (N, C, H, W) or flattened so."""

    def __post_init__(self) -> None:
        if not self.nodes or not isinstance(self.nodes[-1], Scores):
            raise NetworkError("it does not end with its scores")
        read = {name for node in self.nodes for name in node.inputs} | {self.nodes[-1].name}
        for name in self.edges:
            if name not in read:
                raise NetworkError(f"nothing reads '{name}'")
        for tap, edge in self.taps.items():
            if edge not in self.edges:
                raise NetworkError(f"'{tap}' is to be compared with '{edge}', which is none")

    @cached_property
    def edges(self) -> dict[str, Edge]:
        """What each edge carries, by name, in topological order; the input first.

        UserError for what the class refuses.
        """
        edges = {self.input: self.source}
        for node in self.nodes:
            missing = [name for name in node.inputs if name not in edges]
            if missing:
                node.refuse(f"it reads '{missing[0]}', which does not exist in front of it")
            if node.name in edges:
                raise NetworkError(f"there are two edges named '{node.name}'")
            edges[node.name] = node.edge([edges[name] for name in node.inputs])
        return edges

    @cached_property
    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that read each edge, in order."""
        found: dict[str, list[Node]] = {name: [] for name in self.edges}
        for node in self.nodes:
            for name in node.inputs:
                found[name].append(node)
        return found

    @cached_property
    def producers(self) -> dict[str, Node]:
        """The node that gives each edge; the input has none."""
        return {node.name: node for node in self.nodes}

    @property
    def scores(self) -> Scores:
        """The last node."""
        last = self.nodes[-1]
        assert isinstance(last, Scores)  # noqa: S101 - checked when the network was made
        return last

    @property
    def classes(self) -> int:
        """The number of scores."""
        return len(self.scores.scale)

    @property
    def products(self) -> Iterator[Product]:
        """The layers that multiply, in order."""
        return (node for node in self.nodes if isinstance(node, Conv | Depthwise | Dense))

    def of_kind(self, kind: type[_Kind]) -> list[_Kind]:
        """Return the nodes of one kind, in order."""
        return [node for node in self.nodes if isinstance(node, kind)]

    def input_edges(self, node: Node) -> list[Edge]:
        """Return what `node` reads."""
        return [self.edges[name] for name in node.inputs]

    def macs(self, node: Product) -> int:
        """Return the multiply-accumulates of one layer for a frame."""
        height, width, _ = self.edges[node.name].shape
        return node.macs_per_pixel * height * width

    def run(
        self, images: NDArray[np.generic], keep: Collection[str] | None = None
    ) -> dict[str, Integers]:
        """Compute a batch of frames (N, H, W, C); return the edges in `keep`, None for all.

        Each is int64 (N, H, W, C). This is the reference in NumPy, for checks and tests; cppsim is
        the fast one. UserError for images of another shape or out of the input's range.
        """
        frames = np.asarray(images).astype(np.int64)
        if frames.ndim != 4 or frames.shape[1:] != self.source.shape:
            raise NetworkError(f"images of {frames.shape[1:]}, not {self.source.shape}")
        if frames.size and (frames.min() < self.source.low or frames.max() > self.source.high):
            raise NetworkError(
                f"values from {frames.min()} to {frames.max()}, the input takes "
                f"{self.source.low} to {self.source.high}"
            )
        values: dict[str, Integers] = {self.input: frames}
        left = {name: len(nodes) for name, nodes in self.consumers.items()}
        kept: dict[str, Integers] = {}
        for node in self.nodes:
            values[node.name] = node.compute([values[name] for name in node.inputs])
            for name in node.inputs:
                left[name] -= 1
                if left[name] == 0 and keep is not None and name not in keep:
                    del values[name]
        for name, found in values.items():
            if keep is None or name in keep:
                kept[name] = found
        return kept
