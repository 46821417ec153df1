"""`bnn_absolute`: codes without their sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from flow.network.absolute import Absolute

from flow import network
from flow.hardware.kernels.follower import Follower
from flow.hardware.kernels.kernel import Features, Frames, Kernel, Rows
from flow.hardware.stream import Element, element_of


@dataclass(frozen=True)
class AbsoluteUnit(Kernel):
    """The magnitude of every element, in two's complement."""

    module: ClassVar[str] = "bnn_absolute"
    lanes: int = 1
    bits: int = 4
    out_bits: int = 4

    @property
    def word(self) -> tuple[int, int]:
        return self.lanes, 1

    def features(self, family: str) -> Features:
        return Features.alike({"1": 1.0, "in": self.lanes * self.bits})

    @classmethod
    def measured(cls, family: str) -> list[AbsoluteUnit]:
        shapes = ((1, 4, 4), (4, 4, 4), (8, 6, 6)) if family == "xcup" else ()
        return [cls(*shape) for shape in shapes]

    def compute(self, frames: Frames, memories: Mapping[str, Rows], sink: Element) -> Frames:
        return Frames(np.abs(frames.values))


@dataclass(frozen=True)
class Magnitudes(Follower[Absolute]):
    """The layer of an Absolute; bits: of an element that comes in."""

    takes = Absolute
    stem = "Absolute"
    bits: int

    @classmethod
    def refusal(cls, form: network.Network, node: Absolute) -> str:
        return "" if form.edges[node.inputs[0]].signed else "its input has no sign"

    @classmethod
    def of(cls, form: network.Network, node: Absolute, source: Element) -> Magnitudes:
        return cls(element_of(form.edges[node.name]), source.bits)

    def kernel(self, channels: int, lanes: int, pixels: int) -> AbsoluteUnit:
        return AbsoluteUnit(lanes, self.bits, self.element.bits)
