"""`bnn_threshold`: thresholds on a stream that no matrix-vector unit gives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from flow import network
from flow.hardware.kernels.follower import Follower
from flow.hardware.kernels.kernel import (
    Features,
    Frames,
    Integers,
    Kernel,
    Memory,
    Parameters,
    Rows,
    bits_for,
)
from flow.hardware.kernels.matrix_vector import MOST_STEPS
from flow.hardware.reference import multi_threshold
from flow.hardware.stream import Element, element_of
from flow.hardware.synthesis.memory import memory, ram

_MOST_VALUE_BITS = 24
"""Of a value that is compared: what a float32 of the golden model holds exactly."""
_MEASURED = (
    # channels, PE, bits, signed, thresholds, falls, style, loadable
    (64, 1, 8, True, 3, False, "distributed", False),
    (64, 16, 5, True, 3, False, "distributed", False),
    (128, 8, 12, True, 15, True, "distributed", False),
    (256, 64, 3, False, 1, True, "distributed", False),
    (512, 4, 10, False, 7, False, "distributed", False),
    (96, 32, 1, False, 1, True, "distributed", False),
    (512, 2, 12, True, 15, False, "block", False),
    (32, 1, 8, True, 31, False, "distributed", False),
    (128, 32, 6, True, 3, False, "distributed", False),
    (64, 8, 9, True, 3, True, "distributed", True),
    (512, 8, 9, True, 7, False, "block", True),
)


@dataclass(frozen=True)
class ThresholdUnit(Kernel):
    """Elements to codes: how many of its channel's thresholds each has reached."""

    module: ClassVar[str] = "bnn_threshold"
    is_link: ClassVar[bool] = True
    channels: int
    pe: int
    in_bits: int
    in_signed: bool = False
    """1-bit elements are -1 or +1 whatever it says."""
    steps: int = 1
    code_bits: int = 1
    code_low: int = 0
    """The lowest code, as its bits."""
    falls: bool = False
    """Whether a row says for each channel which way it goes; without it all rise."""
    thresh_style: str = "distributed"
    loadable: bool = False

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        derived = {"ThreshBits": self.thresh_bits, "ReadLatency": self.read_latency}
        return {**super().parameters(), **derived}

    def memories(self) -> tuple[Memory, ...]:
        """Return the memories whose contents are files."""
        return (Memory("ThreshFile", "thresholds", self.groups, self.row_bits),)

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.pe, 1

    @property
    def groups(self) -> int:
        """Words of a pixel, rows of the memory."""
        return self.channels // self.pe

    @property
    def value_bits(self) -> int:
        """Bits of an element as a signed number: bnn_threshold's ValueBits."""
        return self.in_bits + (self.in_bits == 1 or not self.in_signed)

    @property
    def thresh_bits(self) -> int:
        """Bits of a threshold: one more, so that there is one that no element reaches."""
        return self.value_bits + 1

    @property
    def row_bits(self) -> int:
        """Bits of a row: thresholds of all lanes, and which way they go."""
        return self.pe * (self.steps * self.thresh_bits + self.falls)

    @property
    def read_latency(self) -> int:
        """Cycles that the memory takes: block RAM has an output register."""
        return 2 if self.thresh_style == "block" else 1

    @property
    def latency(self) -> int:
        """Cycles from a word to its codes: bnn_threshold's Latency."""
        return self.read_latency + 1 + (bits_for(self.steps + 1) + 1) // 2

    @property
    def fifo_depth(self) -> int:
        """Words on their way when the place of the next one must be free."""
        return self.latency + 6

    @property
    def loaded(self) -> bool:
        """Whether the contents of its memories are sent in after reset."""
        return self.loadable

    def rows(self, steps: Integers, falling: NDArray[np.bool_]) -> Rows:
        """Pack steps (channels, steps) into rows: a rising channel counts those <= x.

        falling: bool (channels,); such a channel counts the steps >= x. ValueError where a channel
        falls and `falls` is not set. What is beyond every element becomes "always" or "never".
        """
        if np.any(falling) and not self.falls:
            raise ValueError(f"bnn_threshold: channel {int(np.argmax(falling))} falls, Falls is 0")
        half = 1 << (self.value_bits - 1)
        turned = np.where(falling[:, None], ~np.asarray(steps, np.int64)[:, ::-1], steps)
        codes = np.clip(turned, -half, half).reshape(self.groups, -1, 1)
        bits = (codes >> np.arange(self.thresh_bits) & 1).reshape(self.groups, -1)
        ways = falling.reshape(self.groups, self.pe)[:, : self.pe * self.falls]
        found: Rows = np.packbits(np.hstack([bits, ways]).astype(bool), axis=1, bitorder="little")
        return found

    def stored(self, rows: Rows) -> tuple[Integers, NDArray[np.bool_]]:
        """Undo `rows`: thresholds (channels, steps) as they are compared, bool (channels,)."""
        bits = np.unpackbits(rows, axis=1, count=self.row_bits, bitorder="little")
        count = self.pe * self.steps * self.thresh_bits
        weights = 1 << np.arange(self.thresh_bits)
        weights[-1] *= -1
        stored = bits[:, :count].reshape(self.channels, self.steps, -1).astype(np.int64) @ weights
        falling = np.zeros(self.channels, bool)
        if self.falls:
            falling = bits[:, count:].reshape(-1).astype(bool)
        return stored, falling

    def compute(self, frames: Frames, memories: Mapping[str, Rows], sink: Element) -> Frames:
        """Return what goes out as elements of `sink`; memories: rows by parameter."""
        stored, falling = self.stored(memories["ThreshFile"])
        reached = multi_threshold(np.where(falling, ~frames.values, frames.values), stored)
        return Frames(sink.value(self.code_low + reached))

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        pe, answers, load = self.pe, self.pe * self.steps, float(self.loadable)
        words = math.ceil(self.row_bits / 32)
        memories = memory(self.row_bits, self.groups, self.thresh_style, family, self.loadable)
        memories += ram(pe * self.code_bits, self.fifo_depth, family)
        common = {
            "1": 1.0,
            "control": bits_for(self.groups),
            "in": pe * self.in_bits,
            "out": pe * self.code_bits,
            "answers": answers,
            "links": load,
            "link_counters": (bits_for(self.groups) + bits_for(words)) * load,
        }
        late = self.read_latency - 1
        compared = answers * self.value_bits
        lut = {**common, "compared": compared, "turned": compared * self.falls}
        ff = {
            **common,
            "latency": self.latency,
            "late": (self.row_bits + pe * self.in_bits) * late,
            "link_rows": 32 * words * load,
        }
        return Features(memories, lut, ff)

    @classmethod
    def measured(cls, family: str) -> list[ThresholdUnit]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return [
            cls(
                *(channels, pe, bits, signed, steps, steps.bit_length()),
                falls=falls,
                thresh_style=style,
                loadable=loadable,
            )
            for channels, pe, bits, signed, steps, falls, style, loadable in (
                _MEASURED if family == "xcup" else _MEASURED[:6:5]
            )
        ]


@dataclass(frozen=True)
class Thresholds(Follower[network.Threshold]):
    """The layer of a threshold that follows no product; source: what comes in."""

    takes = network.Threshold
    stem = "Threshold"
    source: Element
    steps: int
    code_low: int
    falls: bool

    @property
    def loadable(self) -> bool:
        """Whether it stays right when other weights are loaded in front of it."""
        return False

    @classmethod
    def refusal(cls, form: network.Network, node: network.Threshold) -> str:
        """Return why a threshold has no hardware; empty where it has."""
        source = form.edges[node.inputs[0]]
        if element_of(source).bits > _MOST_VALUE_BITS:
            return f"it reads {source.describe()}; values of {_MOST_VALUE_BITS} bits are possible"
        return steps_refusal(node)

    @classmethod
    def of(cls, form: network.Network, node: network.Threshold, source: Element) -> Thresholds:
        """Return the layer of a threshold that reads elements of `source`."""
        codes = form.edges[node.name]
        leaves = any(isinstance(each, network.Scores) for each in form.consumers[node.name])
        element = Element(2, signed=True) if leaves and codes.bipolar else element_of(codes)
        low = node.low & ((1 << element.bits) - 1) if element.bits > 1 else 0
        steps = _columns(node, element, source).shape[1]
        return cls(element, source, steps, low, bool(node.falling.any()))

    def kernel(self, channels: int, lanes: int, pixels: int) -> ThresholdUnit:
        """Return the kernel for words of `lanes` elements of one pixel."""
        return ThresholdUnit(
            *(channels, lanes, self.source.bits, self.source.signed),
            *(self.steps, self.element.bits, self.code_low, self.falls),
        )

    def rows(self, kernel: ThresholdUnit, node: network.Threshold) -> Mapping[str, Rows]:
        """Return what the kernel's memory holds, by parameter."""
        steps = _columns(node, self.element, self.source)
        return {"ThreshFile": kernel.rows(steps, node.falling)}


def steps_refusal(node: network.Threshold) -> str:
    """Return why no kernel has that many thresholds, alone or behind a product; else empty."""
    steps = node.steps.shape[1] * node.step
    if steps > MOST_STEPS:
        return f"it has {steps} steps a channel; {MOST_STEPS}, 8 bits, are possible"
    return ""


def _columns(node: network.Threshold, element: Element, source: Element) -> Integers:
    """Return the steps (channels, n) that give elements of `element`, each worth one code.

    A code that changes by more at a step has it several times; a code of two bits has two at least,
    as one would make it a bit: one that no value reaches.
    """
    if element.bits == 1:
        return node.steps
    columns = np.repeat(node.steps, node.step, axis=1)
    if columns.shape[1] > 1:
        return columns
    beyond = 1 << source.bits
    never = np.where(node.falling, -beyond, beyond)[:, None]
    return np.sort(np.hstack([columns, never]), axis=1)
