"""`bnn_mvu`: a product, and the thresholds behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flow.hardware.kernels import matrix_vector_cost as cost
from flow.hardware.kernels import matrix_vector_memory as memory
from flow.hardware.kernels.kernel import (
    Features,
    Frames,
    Integers,
    Kernel,
    Memory,
    Parameters,
    Rows,
    called,
)
from flow.hardware.stream import Element

WEIGHT_STYLES = ("auto", "distributed", "block", "ultra")
MOST_WEIGHT_BITS = 9
"""8, and one for the negative of the lowest code in a channel that falls."""
MOST_STEPS = 255
MOST_ADDRESS_LOADS = 256
"""LUTs of a weight memory on one address register: what is wider gets copies of it."""
_MOST_CHUNKS = (4, 2)
_LUT_BITS = 64


@dataclass(frozen=True)
class MatrixVector(Kernel):
    """A product, and the thresholds behind it or none (`steps` 0: its sums go out)."""

    module: ClassVar[str] = "bnn_mvu"
    takes_flags: ClassVar[bool] = True
    is_link: ClassVar[bool] = True
    mw: int = called("MW")
    mh: int = called("MH")
    pe: int = called("PE")
    simd: int = called("SIMD")
    pixels: int = 1
    in_bits: int = 1
    in_signed: bool = False
    weight_bits: int = 1
    pad_flags: bool = False
    steps: int = 1
    code_bits: int = 1
    code_low: int = 0
    """The lowest code, as its bits."""
    acc_bits: int = 0
    """What sums need; 0: what they need whatever the weights are. Not used where the count of
    equal bits is compared with one threshold: that needs `count_bits`."""
    weight_style: str = "auto"
    loadable: bool = False

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        found = super().parameters()
        several = self.steps > 1
        return {
            **found,
            "CodeBits": self.code_bits if several else 1,
            "CodeLow": self.code_low if several else 0,
            "AccBits": self.accumulator_bits,
            "ThreshBits": self.thresh_bits if self.steps else 1,
            "ThreshChunks": self.thresh_chunks,
            "ReadLatency": self.read_latency,
            "AddrCopies": self.addr_copies,
        }

    def memories(self) -> tuple[Memory, ...]:
        """Return the memories whose contents are files."""
        weights = self.pe * self.simd * self.weight_bits
        found = [Memory("WeightFile", "weights", self.nf * self.sf, weights)]
        if self.steps:
            part = -(-self.thresh_bits // self.thresh_chunks)
            rows, bits = self.nf * self.thresh_chunks, self.pe * self.steps * part
            found.append(Memory("ThreshFile", "thresholds", rows, bits))
        return tuple(found)

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.pe, self.pixels

    @property
    def sf(self) -> int:
        """Words of a vector."""
        return self.mw // self.simd

    @property
    def nf(self) -> int:
        """Passes over a vector."""
        return self.mh // self.pe

    @property
    def counts(self) -> bool:
        """Whether equal bits are counted: inputs and weights have 1 bit."""
        return self.in_bits == self.weight_bits == 1

    @property
    def compares_counts(self) -> bool:
        """Whether that count itself is compared with one threshold."""
        return self.counts and self.steps == 1

    @property
    def count_scale(self) -> int:
        """Counts a lane: with odd SIMD half a flagged word is no integer, so all is doubled."""
        return 2 if self.pad_flags and self.simd % 2 else 1

    @property
    def accumulator_bits(self) -> int:
        """AccBits: of the accumulator, and of what goes out where there is no threshold."""
        if self.compares_counts:
            return (self.count_scale * self.mw).bit_length()
        return self.acc_bits or sum_bits(self.mw, self.in_bits, self.in_signed, self.weight_bits)

    @property
    def threshold_range(self) -> tuple[int, int]:
        """The least and the greatest stored threshold: "always" and "never"."""
        if self.compares_counts:
            return 0, self.count_scale * self.mw + 1
        half = 1 << (self.accumulator_bits - 1)
        return -half, half

    @property
    def thresh_bits(self) -> int:
        """Bits of a stored threshold."""
        if self.compares_counts:
            return self.threshold_range[1].bit_length()
        return self.accumulator_bits + 1

    @property
    def out_bits(self) -> int:
        """Bits of an element that goes out."""
        if not self.steps:
            return self.accumulator_bits
        return self.code_bits if self.steps > 1 else 1

    @property
    def read_latency(self) -> int:
        """Cycles a weight memory takes: block RAM and UltraRAM have an output register."""
        return 2 if self.weight_style in ("block", "ultra") else 1

    @property
    def addr_copies(self) -> int:
        """Registers that hold the address of weights in LUTs, so that none drives too many."""
        if self.loadable or self.weight_style != "distributed":
            return 1
        width = self.pe * self.simd * self.weight_bits
        luts = width * -(-self.nf * self.sf // _LUT_BITS)
        return min(width, -(-luts // MOST_ADDRESS_LOADS))

    @property
    def sum_latency(self) -> int:
        """Cycles from a taken word to its place at the accumulator: bnn_mvu's SumLatency."""
        if self.counts:
            levels = 3 + _log2(-(-self.simd // 16))
        elif self.weight_bits == 1:
            levels = min(self.simd, 3) + _log2(-(-self.simd // 3))
        else:
            levels = (2 if self.in_bits > 1 else 1) + _log2(self.simd)
        return self.read_latency + levels

    @property
    def code_latency(self) -> int:
        """Cycles from a sum to its code: bnn_mvu's CodeLatency."""
        return 1 + (_log2(self.steps + 1) + 1) // 2 if self.steps > 1 else 0

    @property
    def fifo_depth(self) -> int:
        """Results on their way when the place of the next one must be free."""
        return (self.sum_latency + self.code_latency + 9) // self.sf + 2

    @property
    def thresh_chunks(self) -> int:
        """Rows in which a threshold lies: a LUT holds 64 bits, and passes are often few."""
        if self.steps != 1:
            return 1
        longest = min(self.sf, self.sum_latency - 1, _LUT_BITS // self.nf)
        return next((chunks for chunks in _MOST_CHUNKS if chunks <= longest), 1)

    @property
    def loaded(self) -> bool:
        """Whether the contents of its memories are sent in after reset."""
        return self.loadable

    @property
    def fit(self) -> str:
        """Name of the cost model's coefficients: wide weights, wide inputs and bits are apart."""
        if self.weight_bits > 1:
            return "bnn_mvu/w"
        return "bnn_mvu/1" if self.in_bits == 1 else "bnn_mvu/n"

    def ideal_cycles(self, beats_in: int, beats_out: int) -> int:
        """Return the cycles of a frame if nothing ever waits: a word of weights a cycle."""
        return self.sf * beats_out

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        return cost.features(self, family)

    @classmethod
    def measured(cls, family: str) -> list[MatrixVector]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return cost.measured(cls, family)

    def codes(self, sums: Integers, stored: Integers | None, sink: Element) -> Integers:
        """Return what goes out for sums (..., MH); stored: (MH, steps), what is compared with."""
        if stored is None:
            return sink.value(sums)
        compared = sums
        if self.compares_counts:  # P equal lanes: sum = 2P - K
            compared = (sums + self.mw) * self.count_scale // 2
        reached = np.zeros_like(sums)
        for k in range(stored.shape[1]):
            reached += compared >= stored[:, k]
        return 2 * reached - 1 if self.steps == 1 else sink.value(self.code_low + reached)

    def compute(self, frames: Frames, memories: Mapping[str, Rows], sink: Element) -> Frames:
        """Return what goes out as elements of `sink`; memories: rows by parameter."""
        rows = frames.values
        if frames.padding is not None and self.pad_flags:
            rows = np.where(frames.padding, 0, rows)
        if rows.shape[-1] != self.mw:  # a map that is one vector
            rows = rows.reshape(len(rows), 1, 1, -1)
        weights = memory.weights(self, memories["WeightFile"])
        stored = memory.thresholds(self, memories["ThreshFile"]) if self.steps else None
        sums = (rows.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)
        return Frames(self.codes(sums, stored, sink))


def sum_bits(terms: int, in_bits: int = 1, in_signed: bool = False, weight_bits: int = 1) -> int:
    """Return the bits of a sum of `terms` products of an input and a weight, whatever they are.

    A 1-bit input is -1 or +1, and so is a 1-bit weight.
    """
    peak = 1 if in_bits == 1 else 1 << (in_bits - 1) if in_signed else (1 << in_bits) - 1
    peak <<= weight_bits - 1
    return (terms * peak).bit_length() + 1


def _log2(value: int) -> int:
    """Return $clog2(value)."""
    return (value - 1).bit_length()
