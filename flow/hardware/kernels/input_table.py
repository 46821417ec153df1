"""`bnn_input_table`: values of the input become codes, by a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from driver.packing import pack_words, unpack_words
from flow.hardware.kernels.kernel import Features, Frames, Integers, Kernel, Memory, Rows
from flow.hardware.stream import Element
from flow.hardware.synthesis.memory import rom
from flow.hardware.synthesis.utilisation import Utilisation


@dataclass(frozen=True)
class InputTable(Kernel):
    """Looks every element up in a table."""

    module: ClassVar[str] = "bnn_input_table"
    lanes: int
    out_bits: int
    in_bits: int = 8

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.lanes, 1

    def memories(self) -> tuple[Memory, ...]:
        """Return the memories whose contents are files."""
        return (Memory("TableFile", "table", 1 << self.in_bits, self.out_bits),)

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        memories = Utilisation()
        for _lane in range(self.lanes):
            memories += rom(self.out_bits, 1 << self.in_bits, "auto").utilisation
        return Features.alike(
            {"1": 1.0, "in": self.lanes * self.in_bits, "out": self.lanes * self.out_bits}, memories
        )

    @classmethod
    def measured(cls, family: str) -> list[InputTable]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        shapes = ((3, 1), (3, 8), (1, 4)) if family == "xcup" else ()
        return [cls(lanes, bits) for lanes, bits in shapes]

    def rows(self, codes: Integers) -> Rows:
        """Return the table's rows from the code of each value, int64 (2 ** in_bits,)."""
        bits = (codes > 0).astype(np.int64) if self.out_bits == 1 else codes
        return pack_words(bits[:, None], self.out_bits)

    def codes(self, memories: Mapping[str, Rows], sink: Element) -> Integers:
        """Return the code of each value as its bits count up, int64 (2 ** in_bits,)."""
        bits = unpack_words(memories["TableFile"], 1, self.out_bits, signed=False)[:, 0]
        return sink.value(bits.astype(np.int64))

    def compute(self, frames: Frames, memories: Mapping[str, Rows], sink: Element) -> Frames:
        """Return what goes out as elements of `sink`; memories: rows by parameter."""
        return Frames(self.codes(memories, sink)[frames.values & ((1 << self.in_bits) - 1)])
