"""`bnn_input_offset`: values of the input become codes, by a difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flow.hardware.kernels.kernel import Features, Frames, Integers, Kernel, Rows
from flow.hardware.stream import Element


@dataclass(frozen=True)
class InputOffset(Kernel):
    """Subtracts a constant from every element: no table, no comparator."""

    module: ClassVar[str] = "bnn_input_offset"
    lanes: int
    offset: int
    out_bits: int = 8
    in_bits: int = 8

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.lanes, 1

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        return Features.alike({"1": 1.0, "in": self.lanes * self.in_bits})

    @classmethod
    def measured(cls, family: str) -> list[InputOffset]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return [cls(lanes, offset=128) for lanes in ((1, 3) if family == "xcup" else ())]

    def codes(self, memories: Mapping[str, Rows], sink: Element) -> Integers:
        """Return the code of each value as its bits count up, int64 (2 ** in_bits,)."""
        return sink.value(np.arange(1 << self.in_bits) - self.offset)

    def compute(self, frames: Frames, memories: Mapping[str, Rows], sink: Element) -> Frames:
        """Return what goes out as elements of `sink`; memories: rows by parameter."""
        return Frames(self.codes(memories, sink)[frames.values & ((1 << self.in_bits) - 1)])
