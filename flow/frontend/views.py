"""How a tensor of the golden graph shows the integers of an edge: which value stands where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flow.network import Shape

PADDING = -1
"""Index of a value that a Pad node has put there."""


@dataclass(frozen=True, eq=False)
class View:
    """A tensor (without its batch) whose values are those of one edge, in some order.

    edge: its name. shape: the edge's, (H, W, C). index: int64 of the tensor's shape, for each of
    its values the place in the edge's frame (row, column, channel, flattened), or PADDING.
    pad_value: what stands at PADDING.

    Transposing, flattening and padding a tensor change its index and nothing else, so a flatten
    of any order, or a Keras layout, needs no rule of its own.
    """

    edge: str
    shape: Shape
    index: NDArray[np.int64]
    pad_value: int = 0

    @classmethod
    def channels_first(cls, edge: str, shape: Shape, rank: int = 3) -> View:
        """Return the usual tensor of an edge: (C, H, W), or (C, L) where its rank is 2."""
        index = natural_index(shape)
        return cls(edge, shape, index if rank == 3 else index.reshape(shape[2], -1))

    @classmethod
    def flat(cls, edge: str, shape: Shape) -> View:
        """Return an edge as a vector, in the order of its frame."""
        return cls(edge, shape, np.arange(int(np.prod(shape))))

    def reshaped(self, shape: Sequence[int]) -> View:
        """Return the view behind a Reshape to `shape` (without the batch)."""
        return View(self.edge, self.shape, self.index.reshape(shape), self.pad_value)

    def transposed(self, axes: Sequence[int]) -> View:
        """Return the view behind a Transpose by `axes` (without the batch, counted from 0)."""
        return View(self.edge, self.shape, self.index.transpose(axes), self.pad_value)

    def padded(self, widths: Sequence[tuple[int, int]], value: int) -> View:
        """Return the view behind a constant Pad; ValueError where two values would pad."""
        if np.any(self.index == PADDING) and value != self.pad_value:
            raise ValueError(f"it is padded with {self.pad_value} and with {value}")
        index = np.pad(self.index, widths, constant_values=PADDING)
        return View(self.edge, self.shape, index, value)

    def channel_of(self) -> NDArray[np.int64]:
        """Return for each value of the tensor the channel it comes from."""
        return self.index % self.shape[2]

    @property
    def map_index(self) -> NDArray[np.int64]:
        """The index as (C, H, W) where the tensor is (C, L): a map of height 1."""
        return self.index[:, None, :] if self.index.ndim == 2 else self.index

    @property
    def is_map(self) -> bool:
        """Whether the tensor is the edge's map, channels first, unpadded."""
        return np.array_equal(self.map_index, natural_index(self.shape))

    @property
    def is_all(self) -> bool:
        """Whether every value of a frame stands in the tensor exactly once."""
        flat = self.index.reshape(-1)
        return len(flat) == np.prod(self.shape) and np.array_equal(
            np.sort(flat), np.arange(len(flat))
        )

    def map_and_padding(self) -> tuple[int, int, int, int] | None:
        """Return (top, left, bottom, right) of the padding around the edge's map.

        None where the tensor is anything else.
        """
        height, width, channels = self.shape
        index = self.map_index
        if index.ndim != 3 or index.shape[0] != channels:
            return None
        inside = np.argwhere(index[0] != PADDING)
        if not len(inside):
            return None
        top, left = (int(v) for v in inside[0])
        bottom = index.shape[1] - top - height
        right = index.shape[2] - left - width
        if min(bottom, right) < 0:
            return None
        expected = np.pad(
            natural_index(self.shape),
            ((0, 0), (top, bottom), (left, right)),
            constant_values=PADDING,
        )
        return (top, left, bottom, right) if np.array_equal(index, expected) else None


def natural_index(shape: Shape) -> NDArray[np.int64]:
    """Return the index of a map (C, H, W) into frames of `shape`, (H, W, C)."""
    return np.arange(int(np.prod(shape))).reshape(shape).transpose(2, 0, 1)


def codes_as_frames(
    codes: NDArray[Any], shape: Shape, *, channels_last: bool = False
) -> NDArray[np.int64]:
    """Return a golden tensor (N, C, H, W) or (N, features) as frames (N, H, W, C) of `shape`.

    Features stand for a map that has been flattened channels first, as ONNX does it.
    channels_last: the tensor is (N, H, W, C) already, as Keras writes it.
    """
    height, width, channels = shape
    if channels_last:
        return codes.reshape(len(codes), *shape).astype(np.int64)
    frames = codes.reshape(len(codes), channels, height, width).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(frames).astype(np.int64)
