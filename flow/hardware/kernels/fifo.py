"""`bnn_fifo`: words wait for their reader."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from flow.hardware.kernels.kernel import Features, Kernel, bits_for
from flow.hardware.synthesis.memory import ram

_MEASURED = ((1, 32), (8, 32), (32, 32), (128, 32), (65, 16), (8, 512), (64, 2), (16, 1024))


@dataclass(frozen=True)
class Fifo(Kernel):
    """Buffers words; padding flags travel as more bits."""

    module: ClassVar[str] = "bnn_fifo"
    plumbing: ClassVar[bool] = True
    width: int
    depth: int

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        width, depth = self.width, self.depth
        memory = ram(width, depth, family)
        deep = width * max(0, math.ceil(depth / 64) - 1) * float(memory.bram36 == 0)
        count = bits_for(depth)
        registered = width * float(memory.bram36 == 0)
        return Features(
            memory,
            {"1": 1.0, "count": count, "deep": deep},
            {"1": 1.0, "count": count, "registered": registered},
        )

    @classmethod
    def measured(cls, family: str) -> list[Fifo]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return [cls(*shape) for shape in _MEASURED]
