"""What every kind of node has in common, and the windows that some of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from flow.errors import NetworkError
from flow.network.edge import Edge, Shape

Integers = NDArray[np.int64]
"""A batch of frames, (N, H, W, C)."""


@dataclass(frozen=True)
class Operator:
    """An operator of a file that reads maps of integers.

    name: of what it gives. inputs: names of edges. attributes: as ONNX names them.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def refuse(self, reason: str) -> NoReturn:
        """Raise the UserError that names this operator."""
        raise NetworkError(reason, kind=self.kind, node=self.name)


@dataclass(frozen=True, eq=False)
class Node(ABC):
    """One operation. Its output has the node's own name; `inputs` are names of other edges.

    A subclass is a kind: its fields say what is computed, `edge` what comes out, `compute` how.
    """

    name: str
    inputs: tuple[str, ...]

    kind: ClassVar[str]
    """The kind's name in files and messages."""
    operators: ClassVar[tuple[str, ...]] = ()
    """Operators of ONNX that `of_operator` reads."""

    @classmethod
    def of_operator(cls, operator: Operator) -> Node:
        """Return the node that an operator becomes; UserError for what it cannot be."""
        operator.refuse(f"{cls.kind} is not read from a file")

    @abstractmethod
    def edge(self, inputs: Sequence[Edge]) -> Edge:
        """Return the output's edge; UserError naming the node for inputs it cannot take."""

    @abstractmethod
    def compute(self, inputs: Sequence[Integers]) -> NDArray[Any]:
        """Return the output for a batch of frames: the reference that everything must equal."""

    def constants(self) -> Integers:
        """Return what it is computed with, as one list of integers: its fields in their order.

        The window and the inputs are not part of it.
        """
        values = [getattr(self, each.name) for each in fields(self)]
        numbers = (np.ndarray, int, tuple)
        own = [v for v in values if isinstance(v, numbers) and v is not self.inputs]
        parts = [np.asarray(value).astype(np.int64).reshape(-1) for value in own]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def refuse(self, reason: str) -> NoReturn:
        """Raise the UserError that names this node."""
        raise NetworkError(reason, kind=self.kind, node=self.name)

    def one(self, inputs: Sequence[Edge]) -> Edge:
        """Return the only input's edge."""
        if len(inputs) != 1:
            self.refuse(f"it has {len(inputs)} inputs, one is expected")
        return inputs[0]


@dataclass(frozen=True)
class Window:
    """How a kernel moves over a map.

    size, stride, dilation: (vertical, horizontal). pad: (top, left, bottom, right), in pixels.
    A window that would reach beyond the padded map is left out, as in ONNX (floor).
    """

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def padded(self) -> bool:
        """Whether some windows reach outside of the map."""
        return any(self.pad)

    def out_size(self, shape: Shape) -> tuple[int, int]:
        """Return (height, width) of the positions on a map of `shape`; ValueError for none."""
        found = []
        for axis in range(2):
            reach = self.dilation[axis] * (self.size[axis] - 1) + 1
            room = shape[axis] + self.pad[axis] + self.pad[axis + 2] - reach
            if room < 0:
                raise ValueError(
                    f"a window of {self.size[0]}x{self.size[1]} does not fit into a map of "
                    f"{shape[0]}x{shape[1]} with padding {self.pad}"
                )
            found.append(room // self.stride[axis] + 1)
        return found[0], found[1]

    def patches(self, frames: Integers, pad_value: int) -> Integers:
        """Return what each window sees: (N, OH, OW, KH, KW, C)."""
        top, left, bottom, right = self.pad
        out_h, out_w = self.out_size((frames.shape[1], frames.shape[2], frames.shape[3]))
        padded = np.pad(
            frames, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=pad_value
        )
        span = tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.size, strict=True))
        seen = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(1, 2))
        seen = seen[:, :: self.stride[0], :: self.stride[1], :, :: self.dilation[0]]
        seen = seen[:, :out_h, :out_w, ..., :: self.dilation[1]]
        patches: Integers = seen.transpose(0, 1, 2, 4, 5, 3)
        return patches
